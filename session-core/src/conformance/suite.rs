//! Tries laws on transports.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::law::{Client, Connecting, End, Failure, Law, Playing, Roles, Verdict};
use super::parley::Parley;
use super::{Capability, Fixture, ServerRole, exchange_laws, link_laws, session_laws};
use crate::link::Connect;

/// Long enough that only a law that hangs reaches it.
const HANGS: Duration = Duration::from_secs(30);

/// How long a role may take to notice that the other one has failed.
const GRACE: Duration = Duration::from_secs(1);

/// Every law, in the order of the table.
pub(super) fn laws() -> impl Iterator<Item = &'static Law> {
    link_laws::LAWS
        .iter()
        .copied()
        .flatten()
        .chain(exchange_laws::laws())
        .chain(session_laws::laws())
}

/// Laws to try on transports.
#[derive(Default)]
pub struct Suite {
    pub(super) fixtures: Vec<Box<dyn AnyFixture>>,
    filter: String,
}

impl Suite {
    /// Every law, on no transport yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// And on this one.
    #[must_use]
    pub fn with(mut self, fixture: impl Fixture) -> Self {
        self.fixtures.push(Box::new(Arc::new(fixture)));
        self
    }

    /// Only the laws whose name contains `text`.
    #[must_use]
    pub fn filter(mut self, text: impl Into<String>) -> Self {
        self.filter = text.into();
        self
    }

    /// The names of the laws that would be tried, each way round.
    #[must_use]
    pub fn laws(&self) -> Vec<String> {
        self.tries().map(|(law, way)| way.name(law)).collect()
    }

    fn tries(&self) -> impl Iterator<Item = (&'static Law, Way)> {
        laws()
            .flat_map(|law| match law.roles {
                Roles::Link { .. } => vec![(law, Way::ToServer), (law, Way::ToClient)],
                Roles::Server { .. } => vec![(law, Way::Only)],
            })
            .filter(|(law, way)| way.name(law).contains(&self.filter))
    }

    /// Tries every law on every transport, one at a time; `progress` hears of each as soon as it is known.
    ///
    /// Must be called within a runtime of tokio, with I/O and time.
    pub async fn run(&self, mut progress: impl FnMut(&Tried)) -> Vec<Tried> {
        let mut results = Vec::new();
        for (law, way) in self.tries() {
            for fixture in &self.fixtures {
                let name = way.name(law);
                let (outcome, reason) = fixture.try_law(law, way).await;
                let tried = Tried { law: name, transport: fixture.name(), outcome, reason };
                progress(&tried);
                results.push(tried);
            }
        }
        results
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fixtures.iter().map(|fixture| fixture.name())).finish()
    }
}

/// Which end plays the law's first role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The client does.
    ToServer,
    /// The server does.
    ToClient,
    /// The law is of a server.
    Only,
}

impl Way {
    fn name(self, law: &Law) -> String {
        match self {
            Self::ToServer => format!("{}, client to server", law.name),
            Self::ToClient => format!("{}, server to client", law.name),
            Self::Only => law.name.to_owned(),
        }
    }
}

/// One law, tried on one transport.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Tried {
    /// The law.
    pub law: String,
    /// The transport.
    pub transport: &'static str,
    /// What came out.
    pub outcome: Outcome,
    /// Why; empty for a law that is kept.
    pub reason: String,
}

impl fmt::Display for Tried {
    /// One line: the transport, what came out, the law and the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAILED",
            Outcome::Excepted => "excepted",
            Outcome::NotApplicable => "not applicable",
        };
        write!(f, "{}: {outcome}: {}", self.transport, self.law)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

/// What came out when a law was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The law is kept.
    Passed,
    /// It is not; or an exception was made for it and it is.
    Failed,
    /// It is not, as the fixture said.
    Excepted,
    /// The transport lacks what the law is about.
    NotApplicable,
}

impl Outcome {
    /// Whether the suite may pass with it.
    #[must_use]
    pub const fn is_fine(self) -> bool {
        !matches!(self, Self::Failed)
    }
}

/// A [`Fixture`] of any transport.
#[async_trait]
pub(super) trait AnyFixture: Send + Sync {
    fn name(&self) -> &'static str;
    async fn try_law(&self, law: &'static Law, way: Way) -> (Outcome, String);
}

#[async_trait]
impl<F: Fixture> AnyFixture for Arc<F> {
    fn name(&self) -> &'static str {
        Fixture::name(&**self)
    }

    async fn try_law(&self, law: &'static Law, way: Way) -> (Outcome, String) {
        let lacks = self.lacks();
        let missing = |need: &Capability| lacks.iter().find(|(lacking, _)| lacking == need);
        let headers = (!law.says.is_empty()).then_some(&Capability::Headers);
        if let Some((_, reason)) = law.needs.iter().chain(headers).find_map(missing) {
            return (Outcome::NotApplicable, (*reason).to_owned());
        }
        let exception = self.exceptions().into_iter().find(|(name, _)| *name == law.name);
        match (verdict(self, law, way).await, exception) {
            (Ok(()), None) => (Outcome::Passed, String::new()),
            (Err(failure), None) => (Outcome::Failed, failure.to_string()),
            (Err(_), Some((_, reason))) => (Outcome::Excepted, reason.to_owned()),
            (Ok(()), Some((_, reason))) => {
                let stale = format!("the law is kept: take out the exception ({reason})");
                (Outcome::Failed, stale)
            }
        }
    }
}

/// Plays both roles to their ends.
async fn verdict<F: Fixture>(fixture: &Arc<F>, law: &'static Law, way: Way) -> Verdict {
    let (ours, theirs) = Parley::pair();
    let (verdict, server) = oneshot::channel();
    let role = ServerRole { law: law.name, first: way == Way::ToClient, parley: theirs, verdict };
    let max_frame = role.max_frame();
    let mut headers = HeaderMap::new();
    for (name, value) in law.says {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let client = fixture.start_with(role, headers).await?;
    let client: Playing = match law.roles {
        Roles::Server { client: role, .. } => {
            let connect = Box::new(Connecting { fixture: Arc::clone(fixture), client });
            role(Client { connect, parley: ours, max_frame })
        }
        Roles::Link { one, other } => Box::pin(async move {
            let role = if way == Way::ToClient { other } else { one };
            role(End::new(client.link().await?, ours, max_frame)).await
        }),
    };
    let server = async {
        server.await.unwrap_or_else(|_| Err(Failure::new("the server never played its role")))
    };
    both(caught(client), server).await
}

/// The verdict of both roles. The first failure is the law's, and the other role has a moment to say what it saw of it.
async fn both(
    client: impl Future<Output = Verdict>,
    server: impl Future<Output = Verdict>,
) -> Verdict {
    let (mut client, mut server) = (pin!(client), pin!(server));
    let (mut client_said, mut server_said) = (None, None);
    let mut patience = pin!(sleep(HANGS));
    while client_said.is_none() || server_said.is_none() {
        let verdict = tokio::select! {
            verdict = &mut client, if client_said.is_none() => &*client_said.insert(verdict),
            verdict = &mut server, if server_said.is_none() => &*server_said.insert(verdict),
            () = &mut patience => break,
        };
        if verdict.is_err() {
            patience.as_mut().reset(Instant::now() + GRACE);
        }
    }
    let said = [("client", client_said), ("server", server_said)];
    let failures = said.into_iter().filter_map(|(role, verdict)| match verdict {
        Some(Ok(())) => None,
        Some(Err(failure)) => Some(format!("{role}: {failure}")),
        None => Some(format!("{role}: nothing happens any more")),
    });
    match failures.collect::<Vec<_>>() {
        failures if failures.is_empty() => Ok(()),
        failures => Err(Failure::new(failures.join("; "))),
    }
}

/// In a task of its own, so that a transport that panics fails the law and not the suite.
///
/// Dropped, it ends the task: what a role holds of a link goes with it.
pub(super) async fn caught(playing: Playing) -> Verdict {
    match AbortOnDropHandle::new(tokio::spawn(playing)).await {
        Ok(verdict) => verdict,
        Err(error) => Err(Failure::new(format!("it panicked: {error}"))),
    }
}
