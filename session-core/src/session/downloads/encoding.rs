//! Text as bytes.

use bytes::Bytes;
use encoding_rs::{Encoder, EncoderResult, Encoding, UTF_8};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::content::Chunks;
use crate::Result;

/// An encoding that text can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset(&'static Encoding);

impl Default for Charset {
    fn default() -> Self {
        Self(UTF_8)
    }
}

/// A label of no encoding that text can be written in.
#[derive(Debug)]
pub(super) struct UnknownEncoding {
    pub(super) label: String,
}

/// A character that the encoding does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{encoding} has no {character:?} (U+{:04X})", u32::from(*.character))]
pub(super) struct Unmappable {
    encoding: &'static str,
    character: char,
}

impl Charset {
    pub(super) fn parse(label: &str) -> Result<Self, UnknownEncoding> {
        Encoding::for_label(label.as_bytes())
            // The others are for reading alone: on the web, UTF-8 is written in their place.
            .filter(|encoding| encoding.output_encoding() == *encoding)
            .map(Self)
            .ok_or_else(|| UnknownEncoding { label: label.to_owned() })
    }

    /// As in the charset of a media type.
    pub(super) fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }

    pub(super) fn encode(self, text: String) -> Result<Bytes, Unmappable> {
        if self.0 == UTF_8 {
            return Ok(text.into());
        }
        self.writer().write(&text, Last::Yes)
    }

    /// A stream of text as a stream of bytes.
    pub(super) fn encode_all(self, texts: Chunks<String>) -> Chunks<Bytes> {
        if self.0 == UTF_8 {
            return Box::pin(texts.map_ok(Bytes::from));
        }
        let mut writer = self.writer();
        let texts = texts.map_ok(Some).chain(stream::iter([Ok(None)]));
        Box::pin(texts.map(move |text| {
            Ok(match text? {
                Some(text) => writer.write(&text, Last::No)?,
                None => writer.write("", Last::Yes)?,
            })
        }))
    }

    fn writer(self) -> Writer {
        Writer { encoder: self.0.new_encoder(), encoding: self.0.name() }
    }
}

struct Writer {
    encoder: Encoder,
    encoding: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    No,
    Yes,
}

impl Writer {
    fn write(&mut self, text: &str, last: Last) -> Result<Bytes, Unmappable> {
        let mut bytes = Vec::new();
        let mut rest = text;
        loop {
            let needed = self.encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
            bytes.reserve(needed.unwrap_or(rest.len()));
            let (result, read) = self.encoder.encode_from_utf8_to_vec_without_replacement(
                rest,
                &mut bytes,
                last == Last::Yes,
            );
            rest = &rest[read..];
            match result {
                EncoderResult::InputEmpty => return Ok(bytes.into()),
                EncoderResult::OutputFull => {}
                EncoderResult::Unmappable(character) => {
                    return Err(Unmappable { encoding: self.encoding, character });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_written_is_an_encoding() {
        for (label, name) in [
            ("latin1", "windows-1252"),
            ("UTF-8", "utf-8"),
            ("shift_jis", "shift_jis"),
            ("GB18030", "gb18030"),
        ] {
            assert_eq!(Charset::parse(label).unwrap().name(), name);
        }
        for label in ["utf-16", "utf-16le", "replacement", "iso-2022-kr", "ebcdic", ""] {
            assert!(Charset::parse(label).is_err(), "{label}");
        }
    }

    #[test]
    fn a_character_that_is_missing_is_named() {
        let latin = Charset::parse("latin1").unwrap();
        assert_eq!(latin.encode("é€".into()).unwrap(), [0xe9, 0x80].as_slice());
        let error = latin.encode("日".into()).unwrap_err();
        assert_eq!(error.to_string(), "windows-1252 has no '日' (U+65E5)");
    }

    #[tokio::test]
    async fn an_encoding_with_a_state_keeps_it_from_chunk_to_chunk_and_closes_it() {
        let charset = Charset::parse("iso-2022-jp").unwrap();
        let whole = charset.encode("日本x".into()).unwrap();
        let chunks = stream::iter(["日", "", "本", "x"].map(|text| Ok(text.to_owned())));
        let chunks: Vec<_> = charset.encode_all(Box::pin(chunks)).try_collect().await.unwrap();
        assert_eq!(chunks.concat(), whole);
        let open = charset.encode("日".into()).unwrap();
        assert!(open.ends_with(b"\x1b(B"), "{open:?}");
    }
}
