//! The server's role of a law, here or in a process of its own.

use tokio::sync::oneshot;

use super::law::{End, Failure, Law, Roles, Served, Verdict};
use super::parley::Parley;
use super::{child, suite};
use crate::exchange::BoxError;
use crate::link::{AnyListener, Incoming, Listener};

/// What a server does in one law.
///
/// Dropped without being played, the law fails.
#[derive(Debug)]
pub struct ServerRole {
    pub(super) law: &'static str,
    /// Whether the server is the end that the law calls the first.
    pub(super) first: bool,
    pub(super) parley: Parley,
    pub(super) verdict: oneshot::Sender<Verdict>,
}

impl ServerRole {
    /// The largest frame that either half of a link is to take, in bytes; for a child process, which has no role at
    /// hand when it makes its listener.
    pub const MAX_FRAME: usize = 1 << 20;

    /// The largest frame that either half of a link is to take, in bytes.
    #[must_use]
    pub const fn max_frame(&self) -> usize {
        Self::MAX_FRAME
    }

    /// Plays the role with a listener of this process, in a task.
    ///
    /// Must be called within a runtime of tokio.
    pub fn serve<L: Listener>(self, listener: L) {
        let mut any = AnyListener::new();
        any.push(listener);
        tokio::spawn(async move {
            let Self { law, first, parley, mut verdict } = self;
            tokio::select! {
                outcome = play(law, first, any, parley) => {
                    let _ = verdict.send(outcome);
                }
                // The client has failed: nobody waits for this role any more.
                () = verdict.closed() => {}
            }
        });
    }

    /// What a child process is to be told as its arguments so that its [`serve_child`](super::serve_child) plays the
    /// role.
    ///
    /// # Errors
    ///
    /// When no port of this machine is free for what the roles say to each other.
    pub async fn into_arguments(self) -> Result<Vec<String>, BoxError> {
        child::arguments(self).await
    }
}

/// Plays the server's role of a law, to its end.
pub(super) async fn play(
    name: &str,
    first: bool,
    mut listener: AnyListener,
    parley: Parley,
) -> Verdict {
    let law = suite::laws().find(|law| law.name == name);
    let law: &Law = law.ok_or_else(|| Failure::new(format!("there is no law {name:?}")))?;
    let max_frame = ServerRole::MAX_FRAME;
    let playing = match law.roles {
        Roles::Server { server, .. } => server(Served { listener, parley, max_frame }),
        Roles::Link { one, other } => {
            let Some(Incoming::Link(link)) = listener.accept().await else {
                return Err(Failure::new("no link came"));
            };
            let role = if first { one } else { other };
            let playing = role(End::new(link, parley, max_frame));
            return suite::caught(Box::pin(async move {
                let verdict = playing.await;
                // What was promised to the client goes out before a process ends.
                listener.finish().await;
                verdict
            }))
            .await;
        }
    };
    suite::caught(playing).await
}
