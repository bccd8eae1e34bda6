//! What the two roles of a law say to each other beside the link.

use std::fmt;

use tokio::sync::mpsc;

use super::law::Failure;

/// One end of a few words between the roles, which may be in different processes.
///
/// Unbounded, as a law says a bounded number of them.
#[derive(Debug)]
pub(crate) struct Parley {
    pub(super) to: mpsc::UnboundedSender<String>,
    pub(super) from: mpsc::UnboundedReceiver<String>,
}

impl Parley {
    pub(super) fn pair() -> (Self, Self) {
        let (to_server, from_client) = mpsc::unbounded_channel();
        let (to_client, from_server) = mpsc::unbounded_channel();
        (Self { to: to_server, from: from_server }, Self { to: to_client, from: from_client })
    }

    /// Says a word of one line. A role that is over hears nothing, and its own outcome says why.
    pub(crate) fn say(&self, word: impl fmt::Display) {
        let _ = self.to.send(word.to_string());
    }

    /// Waits for the next word.
    pub(crate) async fn hear(&mut self) -> Result<String, Failure> {
        let word = self.from.recv().await;
        word.ok_or_else(|| Failure::new("the other role ended while this one waited for its word"))
    }

    /// Waits for one word, which must be the next.
    pub(crate) async fn expect(&mut self, word: &str) -> Result<(), Failure> {
        match self.hear().await? {
            heard if heard == word => Ok(()),
            heard => {
                Err(Failure::new(format!("the other role said {heard:?} instead of {word:?}")))
            }
        }
    }

    /// Waits until both roles have come so far: neither drops what the other one still uses.
    pub(crate) async fn meet(&mut self, word: &str) -> Result<(), Failure> {
        self.say(word);
        self.expect(word).await
    }
}
