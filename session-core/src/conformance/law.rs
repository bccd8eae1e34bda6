//! What a law is made of.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;

use super::Capability;
use super::parley::Parley;
use crate::exchange::{BoxError, Request, Response};
use crate::link::{AnyLink, AnyListener, Connect, Link, Receive, Transmit};

/// A sentence that is true of every transport, and two roles that find out.
pub(crate) struct Law {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Capability],
    /// Headers of the client's links; with any, the law needs [`Capability::Headers`] too.
    pub(crate) says: &'static [(&'static str, &'static str)],
    pub(crate) roles: Roles,
}

/// Who does what.
pub(crate) enum Roles {
    /// One link; the law runs twice, and each role is once the client and once the server.
    Link { one: Role<End>, other: Role<End> },
    /// A server and its client.
    Server { client: Role<Client>, server: Role<Served> },
}

pub(crate) type Role<T> = fn(T) -> Playing;
/// A role that is being played.
pub(crate) type Playing = Pin<Box<dyn Future<Output = Verdict> + Send>>;
pub(crate) type Verdict = Result<(), Failure>;

impl Law {
    /// A law of one link, whichever end does what.
    pub(crate) const fn link(name: &'static str, one: Role<End>, other: Role<End>) -> Self {
        Self { name, needs: &[], says: &[], roles: Roles::Link { one, other } }
    }

    /// A law of a server.
    pub(crate) const fn server(
        name: &'static str,
        client: Role<Client>,
        server: Role<Served>,
    ) -> Self {
        Self { name, needs: &[], says: &[], roles: Roles::Server { client, server } }
    }

    pub(crate) const fn says(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.says = headers;
        self
    }

    pub(crate) const fn needs(mut self, needs: &'static [Capability]) -> Self {
        self.needs = needs;
        self
    }
}

/// One end of a link.
pub(crate) struct End {
    pub(crate) receive: Box<dyn Receive>,
    pub(crate) transmit: Box<dyn Transmit>,
    pub(crate) parley: Parley,
    /// The largest frame that either end takes.
    pub(crate) max_frame: usize,
}

impl End {
    pub(super) fn new<L: Link>(link: L, parley: Parley, max_frame: usize) -> Self {
        let (receive, transmit) = AnyLink::new(link).split();
        Self { receive, transmit, parley, max_frame }
    }
}

/// A way to the server.
pub(crate) struct Client {
    pub(crate) connect: Box<dyn AnyConnect>,
    pub(crate) parley: Parley,
    pub(crate) max_frame: usize,
}

/// A listener and what is said beside it.
pub(crate) struct Served {
    pub(crate) listener: AnyListener,
    pub(crate) parley: Parley,
    pub(crate) max_frame: usize,
}

/// [`Connect`] of any transport, and what strangers do to its server.
#[async_trait]
pub(crate) trait AnyConnect: Send + Sync {
    async fn link(&self) -> Result<AnyLink, BoxError>;
    async fn exchange(&self, request: Request) -> Result<Response, BoxError>;
    async fn disturb(&self) -> Result<(), BoxError>;
}

pub(super) struct Connecting<F: super::Fixture> {
    pub(super) fixture: std::sync::Arc<F>,
    pub(super) client: F::Client,
}

#[async_trait]
impl<F: super::Fixture> AnyConnect for Connecting<F> {
    async fn link(&self) -> Result<AnyLink, BoxError> {
        Ok(AnyLink::new(self.client.link().await?))
    }

    async fn exchange(&self, request: Request) -> Result<Response, BoxError> {
        Ok(self.client.exchange(request).await?)
    }

    async fn disturb(&self) -> Result<(), BoxError> {
        self.fixture.disturb(&self.client).await
    }
}

/// Why a law is not kept. Any error becomes one, with its causes.
#[derive(Debug, Clone)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A law of one link, of two `async fn(End) -> Verdict`.
macro_rules! link_law {
    ($name:literal, $one:path, $other:path) => {
        Law::link(
            $name,
            |end| Box::pin($one(end)) as Playing,
            |end| Box::pin($other(end)) as Playing,
        )
    };
}
pub(crate) use link_law;

/// A law of a server, of an `async fn(Client) -> Verdict` and an `async fn(Served) -> Verdict`.
macro_rules! server_law {
    ($name:literal, $client:path, $server:path) => {
        Law::server(
            $name,
            |client| Box::pin($client(client)) as Playing,
            |served| Box::pin($server(served)) as Playing,
        )
    };
}
pub(crate) use server_law;

/// Fails the law unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::conformance::law::Failure::new(format!($($text)+)));
        }
    };
}
pub(crate) use ensure;
