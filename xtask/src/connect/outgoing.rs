//! What waits for the link.

use std::collections::VecDeque;

use serde_json::{Map, Value as Json, json};
use session_core::link::{CloseCode, Frame, Transmit, TransmitExt};
use tokio::sync::mpsc;

/// Messages in the order in which they are to be sent.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: VecDeque<Message>,
    next_tag: u64,
}

/// For the link.
#[derive(Debug)]
pub(super) enum Message {
    /// Inputs; what follows before they are sent is added.
    Update(Map<String, Json>),
    /// Anything else.
    Text(String),
    /// The orderly end.
    Close,
}

impl Outgoing {
    /// The first message of a session.
    pub(super) fn init(&mut self, data: &Map<String, Json>) {
        let message = json!({ "method": "init", "data": data });
        self.waiting.push_back(Message::Text(message.to_string()));
    }

    /// Inputs for the next message.
    pub(super) fn update(&mut self, inputs: impl IntoIterator<Item = (String, Json)>) {
        if !matches!(self.waiting.back(), Some(Message::Update(_))) {
            self.waiting.push_back(Message::Update(Map::new()));
        }
        if let Some(Message::Update(data)) = self.waiting.back_mut() {
            data.extend(inputs);
        }
    }

    /// A request, and the tag under which its answer will come.
    pub(super) fn request(&mut self, method: &str, args: &[Json]) -> u64 {
        let tag = self.next_tag;
        self.next_tag += 1;
        let message = json!({ "method": method, "args": args, "tag": tag });
        self.waiting.push_back(Message::Text(message.to_string()));
        tag
    }

    /// The end, after everything that waits.
    pub(super) fn close(&mut self) {
        self.waiting.push_back(Message::Close);
    }

    pub(super) fn next(&mut self) -> Option<Message> {
        self.waiting.pop_front()
    }

    /// Forgets everything: the link is gone.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Writes messages to a link until it is closed, or gone. A task of its own, so that nobody stops reading while the
/// server does not.
pub(super) async fn write<T: Transmit>(mut transmit: T, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.recv().await {
        let text = match message {
            Message::Update(data) => json!({ "method": "update", "data": data }).to_string(),
            Message::Text(text) => text,
            Message::Close => {
                // Whether the server still takes it is its affair.
                let _ = transmit.close(CloseCode::NORMAL.into()).await;
                return;
            }
        };
        if transmit.send(Frame::Text(text.into())).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(outgoing: &mut Outgoing) -> Vec<String> {
        let text = |message| match message {
            Message::Update(data) => Json::Object(data).to_string(),
            Message::Text(text) => text,
            Message::Close => "close".to_owned(),
        };
        std::iter::from_fn(|| outgoing.next()).map(text).collect()
    }

    #[test]
    fn inputs_share_a_message_until_something_else_is_said() {
        let mut outgoing = Outgoing::default();
        let set = |outgoing: &mut Outgoing, name: &str, value: u32| {
            outgoing.update([(name.to_owned(), value.into())]);
        };
        set(&mut outgoing, "a", 1);
        set(&mut outgoing, "b", 2);
        set(&mut outgoing, "a", 3);
        assert_eq!(outgoing.request("ask", &[]), 0);
        assert_eq!(outgoing.request("ask", &[1.into()]), 1);
        set(&mut outgoing, "a", 4);
        outgoing.close();
        assert_eq!(outgoing.len(), 5);
        assert_eq!(
            texts(&mut outgoing),
            [
                r#"{"a":3,"b":2}"#,
                r#"{"args":[],"method":"ask","tag":0}"#,
                r#"{"args":[1],"method":"ask","tag":1}"#,
                r#"{"a":4}"#,
                "close",
            ]
        );
        assert!(outgoing.is_empty());
    }
}
