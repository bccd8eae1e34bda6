//! Whether the page comes back.

use crate::Session;
use crate::session::outbox::Item;

/// Whether the client comes back by itself when its link is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconnect {
    /// It does not.
    No,
    /// It does, if its socket says that it can.
    Yes,
    /// It does, on any socket.
    Force,
}

impl Session<'_> {
    /// Tells the client whether to come back when its link is lost (G33).
    pub fn allow_reconnect(&self, reconnect: Reconnect) {
        let text: &[u8] = match reconnect {
            Reconnect::No => br#"{"allowReconnect":false}"#,
            Reconnect::Yes => br#"{"allowReconnect":true}"#,
            Reconnect::Force => br#"{"allowReconnect":"force"}"#,
        };
        self.state().send(Item::Text(text.to_vec()));
    }
}
