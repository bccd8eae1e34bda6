//! What the client says: `init`, `update`, and requests with a tag.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::link::{CloseCode, CloseReason};

pub(crate) mod codec;

/// Longest tag of a request that is echoed, in bytes; the client's own are integers below 10^9.
const MAX_TAG: usize = 256;

/// A well-formed message, borrowed from its frame.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// The first message: every input there is. The value is an object.
    Init(&'a RawValue),
    /// Inputs that changed. The value is an object.
    Update(&'a RawValue),
    /// A question that wants one answer.
    Request { method: Cow<'a, str>, args: &'a RawValue, tag: &'a RawValue },
}

impl<'a> Message<'a> {
    /// Reads one message.
    ///
    /// # Errors
    ///
    /// The close code and text that answer what is no message (decision 29).
    pub(crate) fn parse(text: &'a str) -> Result<Self, CloseReason> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err(match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => violation("the message is not a JSON object"),
                Err(_) => not_json(),
            });
        }
        let envelope: Envelope<'a> = serde_json::from_str(text).map_err(|error| {
            if error.is_data() { violation(error.to_string()) } else { not_json() }
        })?;
        let method = envelope.method.ok_or_else(|| violation("the message has no method"))?;
        match (&*method, envelope.data, envelope.args, envelope.tag) {
            ("init", Some(data), ..) if is_object(data) => Ok(Self::Init(data)),
            ("update", Some(data), ..) if is_object(data) => Ok(Self::Update(data)),
            ("init" | "update", ..) => {
                Err(violation(format!("the data of {method:?} is not an object")))
            }
            (_, _, Some(args), Some(tag)) if is_tag(tag) => Ok(Self::Request { method, args, tag }),
            (_, _, Some(_), Some(_)) => {
                Err(violation("the tag of a request is no short text or number"))
            }
            _ => Err(violation(format!("unknown method {method:?} without args and tag"))),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    args: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    tag: Option<&'a RawValue>,
}

/// Unlike `Option`'s own, a `null` is something.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    deserializer.deserialize_str(TextVisitor).map(Some)
}

/// Borrows a text that has no escapes.
struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

impl<'de> DeserializeSeed<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

/// A tag is echoed as it was sent, so it is something that every reader of JSON can read.
fn is_tag(tag: &RawValue) -> bool {
    let tag = tag.get();
    tag.len() <= MAX_TAG
        && !tag.starts_with(['[', '{'])
        && serde_json::from_str::<serde_json::Value>(tag).is_ok()
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

fn not_json() -> CloseReason {
    CloseReason::new(CloseCode::INVALID_DATA, "the message is not valid JSON")
}

pub(crate) fn violation(text: impl Into<Cow<'static, str>>) -> CloseReason {
    CloseReason::new(CloseCode::PROTOCOL, text)
}

/// Calls `each` for every entry of the object `data`, in order.
///
/// # Errors
///
/// Never for a value that [`Message::parse`] gave, unless a key is no valid text.
pub(crate) fn entries<'a>(
    data: &'a RawValue,
    each: impl FnMut(Cow<'a, str>, &'a RawValue),
) -> Result<(), CloseReason> {
    struct Entries<F>(F);

    impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Entries<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key_seed(TextVisitor)? {
                (self.0)(key, map.next_value()?);
            }
            Ok(())
        }
    }

    serde_json::Deserializer::from_str(data.get())
        .deserialize_map(Entries(each))
        .map_err(|error| violation(error.to_string()))
}

/// Marks a binary frame as a request with blobs.
const BLOBS: u32 = 0x0102_0202;

/// Blobs of one request, at most: each is a few words of memory, however short it is.
const MAX_BLOBS: usize = 4096;

/// Takes a request with blobs apart: the JSON of the request, and the blobs.
///
/// # Errors
///
/// The close reason when the frame is not what the client makes of a request with blobs (W9).
pub(crate) fn split_blobs(mut frame: Bytes) -> Result<(Bytes, Vec<Bytes>), CloseReason> {
    let malformed = || violation("a binary frame is not a request with blobs");
    let number = |frame: &mut Bytes| -> Result<u32, CloseReason> {
        let head = frame.split_to_checked(4).ok_or_else(malformed)?;
        Ok(u32::from_le_bytes([head[0], head[1], head[2], head[3]]))
    };
    if number(&mut frame)? != BLOBS {
        return Err(malformed());
    }
    let mut blocks = Vec::new();
    while !frame.is_empty() {
        let length = number(&mut frame)?;
        let length = usize::try_from(length).map_err(|_| malformed())?;
        if blocks.len() > MAX_BLOBS {
            let text = format!("more than {MAX_BLOBS} blobs in one request");
            return Err(CloseReason::new(CloseCode::POLICY, text));
        }
        blocks.push(frame.split_to_checked(length).ok_or_else(malformed)?);
    }
    if blocks.is_empty() {
        return Err(malformed());
    }
    let json = blocks.remove(0);
    Ok((json, blocks))
}

trait SplitChecked: Sized {
    fn split_to_checked(&mut self, at: usize) -> Option<Self>;
}

impl SplitChecked for Bytes {
    fn split_to_checked(&mut self, at: usize) -> Option<Self> {
        (at <= self.len()).then(|| self.split_to(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> u16 {
        Message::parse(text).unwrap_err().code().get()
    }

    #[test]
    fn what_is_not_json_closes_with_1007() {
        for text in [
            "",
            "{",
            "not json",
            "{\"method\":\"init\"} x",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "{\"method\":\"\\ud800\"}",
        ] {
            assert_eq!(code(text), 1007, "{text:?}");
        }
    }

    // spec: G4 G5
    #[test]
    fn what_is_json_but_no_message_closes_with_1002() {
        for text in [
            "1",
            "null",
            "[]",
            "[\"init\",{}]",
            "{}",
            "{\"method\":1,\"args\":[],\"tag\":0}",
            "{\"method\":[\"a\"],\"args\":[],\"tag\":0}",
            "{\"method\":\"init\"}",
            "{\"method\":\"init\",\"data\":null}",
            "{\"method\":\"update\",\"data\":[1]}",
            "{\"method\":\"foo\"}",
            "{\"method\":\"foo\",\"tag\":1}",
            "{\"method\":\"foo\",\"args\":[]}",
            "{\"method\":\"foo\",\"args\":[],\"tag\":[1]}",
            "{\"method\":\"foo\",\"args\":[],\"tag\":{}}",
            "{\"method\":\"foo\",\"args\":[],\"tag\":1e999}",
            "{\"method\":\"foo\",\"args\":[],\"tag\":\"\\ud800\"}",
            "{\"method\":\"init\",\"method\":\"init\",\"data\":{}}",
        ] {
            assert_eq!(code(text), 1002, "{text:?}");
        }
    }

    #[test]
    fn a_null_tag_is_a_tag() {
        let message = Message::parse("{\"method\":\"foo\",\"args\":[],\"tag\":null}").unwrap();
        assert!(matches!(message, Message::Request { tag, .. } if tag.get() == "null"));
    }

    // fault: J2
    #[test]
    fn a_message_ten_thousand_arrays_deep_does_not_overflow_the_stack() {
        let deep = format!(
            "{{\"method\":\"update\",\"data\":{{\"x\":{}{}}}}}",
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        let Message::Update(data) = Message::parse(&deep).unwrap() else { panic!("an update") };
        let mut seen = 0;
        entries(data, |key, value| {
            assert_eq!((&*key, value.get().len()), ("x", 20_000));
            seen += 1;
        })
        .unwrap();
        assert_eq!(seen, 1);
    }

    #[test]
    fn a_request_with_blobs_is_taken_apart() {
        let mut frame = 0x0102_0202_u32.to_le_bytes().to_vec();
        for block in [&b"{}"[..], b"", b"blob"] {
            frame.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
            frame.extend(block);
        }
        let (json, blobs) = split_blobs(frame.clone().into()).unwrap();
        assert_eq!((&*json, blobs.len(), &*blobs[1]), (&b"{}"[..], 2, &b"blob"[..]));
        for cut in 0..frame.len() {
            let cut_short = Bytes::copy_from_slice(&frame[..cut]);
            let whole_blocks = [10, 14].contains(&cut);
            assert_eq!(split_blobs(cut_short).is_ok(), whole_blocks, "{cut}");
        }
    }
}
