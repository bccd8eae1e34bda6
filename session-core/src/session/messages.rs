//! Messages to the client.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::Result;
use crate::Session;
use crate::message::codec;
use crate::name::Id;
use crate::session::outbox::Item;

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
    /// [`InvalidId`](crate::InvalidId); *failed* when `message` has no JSON form or is larger than
    /// [`Limits::outbound_bytes`](crate::Limits::outbound_bytes).
    pub fn send_input_message<T>(&self, id: impl Id, message: &T) -> Result<()>
    where
        T: Serialize + ?Sized,
    {
        let id = id.resolve(self.namespace())?;
        self.queue_input_message(&id, &codec::to_json(message)?)
    }

    /// Has `json` sent to the input whose whole id is `id` with the results of the next flush.
    pub(crate) fn queue_input_message(&self, id: &str, json: &[u8]) -> Result<()> {
        self.state().check_size(json)?;
        let mut text = br#"{"id":"#.to_vec();
        codec::json(&mut text, id);
        text.extend_from_slice(br#","message":"#);
        text.extend_from_slice(json);
        text.push(b'}');
        if !self.is_stub_session() {
            self.state().flush.borrow_mut().input_messages.push(text);
        }
        Ok(())
    }
}
