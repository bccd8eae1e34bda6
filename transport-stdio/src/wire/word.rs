//! The words of the transport as JSON arrays.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use session_core::link::{CloseCode, CloseReason, Frame};

use super::{Id, Item};

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Words)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array that begins with a word of the transport")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Item, A::Error> {
        let word: Str<'de> = next(&mut seq)?;
        Ok(match &*word.0 {
            "text" => Item::Frame(Frame::Text(next::<String, _>(&mut seq)?.into())),
            "binary" => Item::Frame(Frame::Binary(next::<Base64, _>(&mut seq)?.0)),
            "open" => {
                let json: Option<&'de RawValue> = seq.next_element()?;
                Item::Open(json.map(|json| Bytes::copy_from_slice(json.get().as_bytes())))
            }
            "close" => Item::Close(close(&mut seq)?),
            "abort" => Item::Abort,
            "request" => Item::Request(next(&mut seq)?, head(&mut seq)?),
            "response" => Item::Response(next(&mut seq)?, head(&mut seq)?),
            "data" => Item::Data(next(&mut seq)?, next::<Base64, _>(&mut seq)?.0),
            "end" => Item::End(next(&mut seq)?),
            "stop" => Item::Stop(next(&mut seq)?),
            "reset" => {
                let id = next(&mut seq)?;
                Item::Reset(id, seq.next_element()?.unwrap_or_default())
            }
            "credit" => Item::Credit(Id::new(next(&mut seq)?), next(&mut seq)?),
            _ => return Err(Error::custom("the transport has no such word")),
        })
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?.ok_or_else(|| Error::custom("something is missing after the word"))
}

fn head<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Bytes, A::Error> {
    let json: &'de RawValue = next(seq)?;
    Ok(Bytes::copy_from_slice(json.get().as_bytes()))
}

fn close<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Option<CloseReason>, A::Error> {
    let Some(code) = seq.next_element()? else { return Ok(None) };
    let text: String = seq.next_element()?.unwrap_or_default();
    match CloseCode::new(code) {
        Some(code) if text.len() <= CloseReason::MAX_TEXT => Ok(Some(CloseReason::new(code, text))),
        Some(_) => Err(Error::custom("the text of a close is too long")),
        None => Err(Error::custom("the code of a close may not be sent")),
    }
}

/// Text that is borrowed from the line unless it has escapes.
#[derive(serde::Deserialize)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

/// Bytes as base64; or, for whoever writes by hand, `{"text":"…"}`.
struct Base64(Bytes);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Base64Visitor)
    }
}

struct Base64Visitor;

impl<'de> Visitor<'de> for Base64Visitor {
    type Value = Base64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64 or {\"text\":\"…\"}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Base64, E> {
        let bytes = STANDARD.decode(text).map_err(|_| E::custom("the base64 is none"))?;
        Ok(Base64(bytes.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Base64, A::Error> {
        let entry: Option<(Str<'de>, String)> = map.next_entry()?;
        match entry {
            Some((key, text)) if key.0 == "text" => Ok(Base64(text.into())),
            _ => Err(Error::custom("only {\"text\":\"…\"} stands for bytes")),
        }
    }
}
