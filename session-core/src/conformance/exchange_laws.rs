//! The laws of exchanges.
//!
//! | file | what |
//! |---|---|
//! | `content` | heads and bodies arrive as they were given |
//! | `flow` | bodies stream, and a producer waits for its consumer |
//! | `ends` | cancelling, failing and refusing |
//! | `beside` | many at once, and beside links |
//! | `pattern`, `fed`, `produced` | the bodies they are tried with |

use super::law::{Client, Failure, Law, Served, Verdict, ensure};
use crate::exchange::{Body, Exchange, Request, Response};
use crate::link::{AnyLink, Incoming, Listener};

mod beside;
mod content;
mod ends;
pub(super) mod fed;
mod flow;
pub(super) mod pattern;
pub(super) mod produced;

/// Every law of exchanges.
pub(super) fn laws() -> impl Iterator<Item = &'static Law> {
    [content::LAWS, flow::LAWS, ends::LAWS, beside::LAWS].into_iter().flatten()
}

/// What a client says once it needs the server no more: whatever was promised is with it.
const DONE: &str = "done";

/// The longest body that a law collects, in bytes.
const SMALL: usize = 1 << 20;

impl Client {
    /// Says that the server may end.
    fn done(self) -> Verdict {
        self.parley.say(DONE);
        Ok(())
    }
}

impl Served {
    /// The next thing a client opens, which must be an exchange.
    async fn exchange(&mut self) -> Result<Exchange, Failure> {
        match self.listener.accept().await {
            Some(Incoming::Exchange(exchange)) => Ok(exchange),
            other => Err(Failure::new(format!("{other:?} instead of an exchange"))),
        }
    }

    /// The next exchange; `None` once the client is done.
    async fn exchange_unless_done(&mut self) -> Result<Option<Exchange>, Failure> {
        let incoming = tokio::select! {
            said = self.parley.expect(DONE) => return said.map(|()| None),
            incoming = self.listener.accept() => incoming,
        };
        match incoming {
            Some(Incoming::Exchange(exchange)) => Ok(Some(exchange)),
            // A client that is done may be gone already.
            None => self.parley.expect(DONE).await.map(|()| None),
            other => Err(Failure::new(format!("{other:?} instead of an exchange"))),
        }
    }

    /// The next thing a client opens, which must be a link.
    async fn link(&mut self) -> Result<AnyLink, Failure> {
        match self.listener.accept().await {
            Some(Incoming::Link(link)) => Ok(link),
            other => Err(Failure::new(format!("{other:?} instead of a link"))),
        }
    }

    /// Waits until the client needs the server no more.
    async fn until_done(mut self) -> Verdict {
        self.parley.expect(DONE).await
    }
}

/// A request like those that sessions give paths for.
fn request(method: &str, name: &str, body: impl Into<Body>) -> Result<Request, Failure> {
    let path = format!("/session/ab/dynamic_route/{name}");
    Ok(http::Request::builder().method(method).uri(path).body(body.into())?)
}

fn response(body: impl Into<Body>) -> Response {
    Response::new(body.into())
}

/// Collects a response that must be this.
async fn expect_text(response: Response, text: &str) -> Verdict {
    ensure!(response.status() == 200, "the status is {}", response.status());
    let body = response.into_body().collect_up_to(SMALL).await?;
    ensure!(body == text.as_bytes(), "the answer is {body:?} instead of {text:?}");
    Ok(())
}
