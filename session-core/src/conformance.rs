//! Whether a transport is one: the laws of links, exchanges and sessions, for any [`Listener`](crate::link::Listener).
//!
//! A transport is tried through a [`Fixture`], which starts a server and gives a client of it. Each law is two roles,
//! one for either end, that have nothing in common but the link and a few words beside it; so the server may as well
//! be a process of its own. A law of links runs both ways round. [`guide`] tells how to write a transport.
//!
//! ```
//! use session_core::conformance::{Memory, Suite};
//!
//! # fn main() {
//! let suite = Suite::new().with(Memory);
//! // In a program of your own: `fn main() -> ExitCode { suite.main() }`, with `--list`, `--filter`, `--json FILE`.
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! let results = runtime.block_on(suite.filter("a frame that is empty").run(|_| {}));
//! assert!(results.iter().all(|result| result.outcome.is_fine()));
//! # assert_eq!(results.len(), 2);
//! # }
//! ```

use async_trait::async_trait;
use http::HeaderMap;

use crate::exchange::BoxError;
use crate::link::Connect;

mod child;
mod command;
mod exchange_laws;
pub mod guide;
mod halves;
mod law;
mod link_laws;
mod memory;
mod parley;
mod server;
mod session_laws;
mod suite;

pub use child::serve_child;
pub use memory::Memory;
pub use server::ServerRole;
pub use suite::{Outcome, Suite, Tried};

/// How the suite gets at a transport.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// The client's side of the transport.
    type Client: Connect;

    /// What the transport is called in the table.
    fn name(&self) -> &'static str;

    /// What the transport cannot do, and why; the laws that need it do not apply.
    fn lacks(&self) -> Vec<(Capability, &'static str)> {
        Vec::new()
    }

    /// Laws the transport is known to break, by name, and why. One that is kept after all fails the suite: the
    /// exception is to be taken out.
    fn exceptions(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// Starts a server whose listener plays `role`, and gives a client of it.
    ///
    /// Either half of a link is to refuse frames over [`ServerRole::max_frame`]. Within this process, hand the listener
    /// to [`ServerRole::serve`]; a child process is started with the arguments of [`ServerRole::into_arguments`], and
    /// plays the role with [`serve_child`].
    ///
    /// # Errors
    ///
    /// Whatever keeps the server from starting; the law then fails.
    async fn start(&self, role: ServerRole) -> Result<Self::Client, BoxError>;

    /// As [`start`](Self::start), with headers that the head of each of the client's links is to carry.
    ///
    /// For a transport whose links begin with no head, [`lacks`](Self::lacks) says [`Capability::Headers`]; then, and as long
    /// as this is not overridden, it is called with no headers.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    async fn start_with(
        &self,
        role: ServerRole,
        headers: HeaderMap,
    ) -> Result<Self::Client, BoxError> {
        if headers.is_empty() {
            return self.start(role).await;
        }
        Err("the fixture does not say how a client's links get headers: implement `Fixture::start_with`, or let \
             `Fixture::lacks` say that this transport lacks `Capability::Headers`"
            .into())
    }

    /// Does to the server what a stranger on the network might: garbage instead of a handshake, a handshake that is
    /// never finished. Not called for a transport that lacks [`Capability::Strangers`].
    ///
    /// # Errors
    ///
    /// When the server cannot even be reached.
    async fn disturb(&self, client: &Self::Client) -> Result<(), BoxError> {
        let _ = client;
        Ok(())
    }
}

/// What some transports cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// More than one link to one listener.
    ManyLinks,
    /// Clients nobody invited: [`Fixture::disturb`].
    Strangers,
    /// Peers that have an address on a network.
    PeerAddress,
    /// Links that begin with the head of a request, whose headers the client chooses: [`Fixture::start_with`].
    Headers,
}
