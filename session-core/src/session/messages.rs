//! Messages to the client.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::Result;
use crate::Session;
use crate::message::codec;
use crate::name::Id;
use crate::session::outbox::Item;

/// Where a piece of HTML goes, seen from the element that a selector finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum InsertAt {
    /// Before the element.
    BeforeBegin,
    /// Within the element, first.
    AfterBegin,
    /// Within the element, last.
    BeforeEnd,
    /// After the element.
    AfterEnd,
    /// In its place.
    Replace,
}

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

/// A kind of binary message that the frame cannot carry.
#[derive(Debug, thiserror::Error)]
#[error("the kind of a binary message is 1 to 255 ASCII characters")]
struct InvalidKind;

impl Session<'_> {
    /// Sends a message to the client's handlers of `kind`, at once: before the results of the flush at hand
    /// (G28). Modules do not prefix it (H9).
    ///
    /// # Errors
    ///
    /// *Failed* when `message` has no JSON form or is larger than
    /// [`Limits::outbound_bytes`](crate::Limits::outbound_bytes); nothing is sent then.
    pub fn send_custom_message<T: Serialize + ?Sized>(
        &self,
        kind: &str,
        message: &T,
    ) -> Result<()> {
        let json = codec::to_json(message)?;
        self.state().check_size(&json)?;
        let mut text = br#"{"custom":{"#.to_vec();
        codec::json(&mut text, kind);
        text.push(b':');
        text.extend_from_slice(&json);
        text.extend_from_slice(b"}}");
        self.state().send(Item::Text(text));
        Ok(())
    }

    /// Sends bytes to the client's handlers of `kind`, who get them as an `ArrayBuffer` (decision 30); otherwise as
    /// [`send_custom_message`](Self::send_custom_message).
    ///
    /// # Errors
    ///
    /// *Failed* unless `kind` is 1 to 255 ASCII characters: the frame has one byte for its length. *Failed* when
    /// `message` is larger than [`Limits::outbound_bytes`](crate::Limits::outbound_bytes).
    pub fn send_binary_message(&self, kind: &str, message: &[u8]) -> Result<()> {
        let length = u8::try_from(kind.len()).ok().filter(|_| kind.is_ascii() && !kind.is_empty());
        let Some(length) = length else { return Err(InvalidKind.into()) };
        self.state().check_size(message)?;
        let mut frame = BytesMut::with_capacity(1 + kind.len() + message.len());
        frame.put_u8(length);
        frame.put_slice(kind.as_bytes());
        frame.put_slice(message);
        self.state().send(Item::Binary(frame.freeze()));
        Ok(())
    }

    /// Sends a message to the input `id` of this scope, together with the results of the next flush; it
    /// causes none by itself (G29). Messages keep their order (G30).
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId); *failed* when `message` has no JSON form.
    pub fn send_input_message<T>(&self, id: impl Id, message: &T) -> Result<()>
    where
        T: Serialize + ?Sized,
    {
        let id = id.resolve(self.namespace())?;
        let json = codec::to_json(message)?;
        let mut text = br#"{"id":"#.to_vec();
        codec::json(&mut text, &*id);
        text.extend_from_slice(br#","message":"#);
        text.extend_from_slice(&json);
        text.push(b'}');
        if !self.is_stub_session() {
            self.state().flush.borrow_mut().input_messages.push(text);
        }
        Ok(())
    }

    /// Inserts HTML where `selector` finds an element; inputs and outputs in it come to life. Sent after the
    /// results of the flush at hand.
    pub fn insert_ui(&self, selector: &str, at: InsertAt, html: &str) {
        self.send_after_flush(&serde_json::json!({
            "shiny-insert-ui": {
                "selector": selector,
                "multiple": false,
                "where": at,
                "content": { "html": html, "deps": [] },
            }
        }));
    }

    /// Removes the elements that `selector` finds. Sent after the results of the flush at hand.
    pub fn remove_ui(&self, selector: &str) {
        self.send_after_flush(&serde_json::json!({
            "shiny-remove-ui": { "selector": selector, "multiple": true }
        }));
    }

    /// Tells the client whether to come back when its link is lost (G33).
    pub fn allow_reconnect(&self, reconnect: Reconnect) {
        let text: &[u8] = match reconnect {
            Reconnect::No => br#"{"allowReconnect":false}"#,
            Reconnect::Yes => br#"{"allowReconnect":true}"#,
            Reconnect::Force => br#"{"allowReconnect":"force"}"#,
        };
        self.state().send(Item::Text(text.to_vec()));
    }

    fn send_after_flush(&self, message: &serde_json::Value) {
        if !self.is_stub_session() {
            let text = message.to_string().into_bytes();
            self.state().after_flush.borrow_mut().push(text);
        }
    }
}
