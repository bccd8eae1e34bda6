use std::fmt;

use tokio::sync::{mpsc, oneshot};

use crate::Session;
use crate::exchange::Exchange;
use crate::link::CloseReason;
use crate::name::Namespace;
use crate::session::exchanges::not_found;

/// What comes into a session beside its link.
pub(crate) enum Command {
    /// Run this in a scope.
    Run(Namespace, Box<dyn FnOnce(&Session<'_>) + Send>),
    /// Answer this.
    Exchange(Exchange),
}

impl Command {
    /// The session is over: an exchange learns that there is none, a call finds out when this is dropped.
    pub(crate) fn refuse(self) {
        if let Self::Exchange(exchange) = self {
            exchange.respond(not_found());
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run(..) => "Run",
            Self::Exchange(..) => "Exchange",
        })
    }
}

/// A session as other tasks and threads hold it (decision 4).
///
/// Cheap to clone. It does not keep the session alive: once that is over, every call says so.
#[derive(Debug, Clone)]
pub struct SessionHandle {
    commands: mpsc::Sender<Command>,
    namespace: Namespace,
}

impl SessionHandle {
    pub(crate) const fn new(commands: mpsc::Sender<Command>, namespace: Namespace) -> Self {
        Self { commands, namespace }
    }

    /// Runs `f` inside the session, in the scope the handle was made in, and gives back what it returns. A
    /// flush follows. Waits while the session has many such calls at hand.
    ///
    /// A handle names a scope, as a view does: when its module was destroyed, `f` runs all the same, and finds
    /// destroyed what was made in it.
    ///
    /// # Errors
    ///
    /// [`SessionEnded`] when the session is over before `f` has run, or when `f` panics, which ends the session
    /// with 1011 (decision 15).
    ///
    /// # Cancel safety
    ///
    /// Dropped early, `f` may still run; its result is lost.
    pub async fn run<T, F>(&self, f: F) -> Result<T, SessionEnded>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>) -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let run = Box::new(move |s: &Session<'_>| {
            match crate::catch::catch(|| Ok(f(s))) {
                // Nobody waits for it any more: no harm.
                Ok(result) => drop(sender.send(result)),
                Err(panic) => {
                    tracing::error!(%panic, "work from outside the session panicked");
                    s.state().fail();
                }
            }
        });
        let command = Command::Run(self.namespace.clone(), run);
        self.commands.send(command).await.map_err(|_| SessionEnded)?;
        receiver.await.map_err(|_| SessionEnded)
    }

    /// Ends the session, as [`Session::close_with`] does.
    ///
    /// # Errors
    ///
    /// [`SessionEnded`] when it is over already.
    pub async fn close(&self, reason: impl Into<CloseReason>) -> Result<(), SessionEnded> {
        let reason = reason.into();
        self.run(move |s| s.close_with(reason)).await
    }

    /// Whether the session is over.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.commands.is_closed()
    }

    /// Completes when the session is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }
}

/// The session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct SessionEnded;
