//! A line for everything: text as it is, the transport's own words as JSON arrays.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use memchr::memchr;
use session_core::link::{Frame, ReceiveError, Text, framing};

use super::{Batch, Item, LONG, MAX_CHUNK, MAX_HEAD, Word, protocol, within};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The longest line of the transport's own, frames apart: a head or a piece of a body, and the words around it.
const MAX_WORDS: usize =
    64 + if MAX_HEAD > MAX_CHUNK / 3 * 4 { MAX_HEAD } else { MAX_CHUNK / 3 * 4 + 4 };

/// What a line may have beside what counts: a carriage return, and a byte order mark before the very first.
const MARKS: usize = 4;

/// Puts lines together.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    max_message: usize,
    /// The very first line is behind.
    begun: bool,
}

impl Decoder {
    pub(super) const fn new(max_message: usize) -> Self {
        Self { line: Vec::new(), max_message, begun: false }
    }

    pub(super) const fn is_between_lines(&self) -> bool {
        self.line.is_empty()
    }

    pub(super) fn decode(
        &mut self,
        mut input: &[u8],
        mut sink: impl FnMut(Item) -> Result<(), ReceiveError>,
    ) -> Result<(), ReceiveError> {
        while let Some(at) = memchr(b'\n', input) {
            let item = if self.line.is_empty() {
                self.check(&input[..at])?;
                let line = self.trim(&input[..at]);
                self.item(line, || Bytes::copy_from_slice(line))?
            } else {
                self.keep(&input[..at])?;
                self.kept()?
            };
            if let Some(item) = item {
                sink(item)?;
            }
            input = &input[at + 1..];
        }
        self.keep(input)
    }

    /// Where the rest of a long line is to be read to.
    pub(super) fn space(&mut self) -> Option<&mut Vec<u8>> {
        if self.line.len() < LONG {
            return None;
        }
        let most = self.check(&[]).ok()?;
        // One byte more is one too many, or the newline.
        framing::grow(&mut self.line, LONG, most + MARKS + 1);
        Some(&mut self.line)
    }

    /// Takes what was read to [`Self::space`], behind the first `before` bytes.
    pub(super) fn arrived(
        &mut self,
        before: usize,
        mut sink: impl FnMut(Item) -> Result<(), ReceiveError>,
    ) -> Result<(), ReceiveError> {
        let Some(at) = memchr(b'\n', &self.line[before..]) else {
            return self.check(&[]).map(drop);
        };
        let rest = self.line.split_off(before + at + 1);
        self.line.pop();
        self.check(&[])?;
        if let Some(item) = self.kept()? {
            sink(item)?;
        }
        self.decode(&rest, sink)
    }

    /// What the line that was kept is, now that it is whole.
    fn kept(&mut self) -> Result<Option<Item>, ReceiveError> {
        let whole = Bytes::from(std::mem::take(&mut self.line));
        let line = self.trim(&whole);
        self.item(line, || whole.slice_ref(line))
    }

    /// Keeps a part of a line, as long as the line is not too long.
    fn keep(&mut self, part: &[u8]) -> Result<(), ReceiveError> {
        let most = self.check(part)?;
        framing::grow(&mut self.line, part.len(), most + MARKS);
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// How long the line may become that `part` continues.
    fn check(&self, part: &[u8]) -> Result<usize, ReceiveError> {
        const BINARY: &[u8] = b"[\"binary\"";
        const TEXT: &[u8] = b"[\"text\"";
        let mut start = [0; 16];
        let skip = if self.begun { 0 } else { BOM.len() };
        let bytes = self.line.iter().chain(part);
        let marked = skip > 0 && self.line.iter().chain(part).take(skip).eq(BOM);
        for (to, from) in start.iter_mut().zip(bytes.skip(if marked { skip } else { 0 })) {
            *to = *from;
        }
        let most = if start.starts_with(BINARY) {
            self.max_message.div_ceil(3) * 4 + 64
        } else if start.starts_with(TEXT) {
            // A character of one byte takes six where it has to be escaped.
            self.max_message * 6 + 64
        } else if start[0] == b'[' {
            MAX_WORDS
        } else {
            self.max_message
        };
        if self.line.len() + part.len() <= most + MARKS {
            return Ok(most);
        }
        Err(if start[0] == b'[' && most == MAX_WORDS {
            protocol("a line of the transport's own is too long")
        } else {
            ReceiveError::TooLarge { limit: self.max_message }
        })
    }

    /// The line without what is no part of it.
    fn trim<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.strip_prefix(BOM) {
            Some(rest) if !self.begun => {
                self.begun = true;
                rest
            }
            _ => {
                self.begun = true;
                line
            }
        }
    }

    fn item(
        &self,
        line: &[u8],
        bytes: impl FnOnce() -> Bytes,
    ) -> Result<Option<Item>, ReceiveError> {
        match line.first() {
            None => Ok(None),
            Some(b'[') => words(line, self.max_message).map(Some),
            Some(b' ' | b'\t') if is_blank(line) => Ok(None),
            Some(_) if line.len() > self.max_message => {
                Err(ReceiveError::TooLarge { limit: self.max_message })
            }
            Some(_) => match Text::try_from(bytes()) {
                Ok(text) => Ok(Some(Item::Frame(Frame::Text(text)))),
                Err(_) => Err(ReceiveError::NotUtf8),
            },
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

fn words(line: &[u8], max_message: usize) -> Result<Item, ReceiveError> {
    match serde_json::from_slice(line) {
        Ok(Item::Frame(frame)) => within(frame, max_message),
        Ok(item) => Ok(item),
        Err(_) if std::str::from_utf8(line).is_err() => Err(ReceiveError::NotUtf8),
        Err(error) => Err(protocol(error.to_string())),
    }
}

/// Whether a text is a line as it is.
fn stands(text: &[u8]) -> bool {
    text.first().is_some_and(|first| *first != b'[')
        && text.last() != Some(&b'\r')
        && memchr(b'\n', text).is_none()
        && !text.starts_with(BOM)
        && !is_blank(text)
}

pub(super) fn put_frame(batch: &mut Batch, frame: Frame) {
    match frame {
        Frame::Text(text) if stands(text.as_bytes()) => {
            batch.push(text.into_bytes());
            batch.append(|out| out.push(b'\n'));
        }
        Frame::Text(text) => batch.append(|out| {
            out.extend_from_slice(b"[\"text\",");
            put_string(out, text.as_str());
            out.extend_from_slice(b"]\n");
        }),
        Frame::Binary(bytes) => batch.append(|out| {
            out.extend_from_slice(b"[\"binary\",");
            put_base64(out, &bytes);
            out.extend_from_slice(b"]\n");
        }),
    }
}

pub(super) fn put(out: &mut Vec<u8>, word: Word<'_>) {
    let mut begin = |word: &str, id: u32| {
        out.extend_from_slice(b"[\"");
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(b"\",");
        out.extend_from_slice(id.to_string().as_bytes());
    };
    match word {
        Word::Open(head) => {
            out.extend_from_slice(b"[\"open\"");
            if let Some(head) = head {
                out.push(b',');
                out.extend_from_slice(head);
            }
        }
        Word::Abort => out.extend_from_slice(b"[\"abort\""),
        Word::Close(reason) => {
            begin("close", reason.code().get().into());
            if !reason.text().is_empty() {
                out.push(b',');
                put_string(out, reason.text());
            }
        }
        Word::Request(id, head) => {
            begin("request", id.get());
            out.push(b',');
            out.extend_from_slice(head);
        }
        Word::Response(id, head) => {
            begin("response", id.get());
            out.push(b',');
            out.extend_from_slice(head);
        }
        Word::Data(id, bytes) => {
            begin("data", id.get());
            out.push(b',');
            put_base64(out, bytes);
        }
        Word::End(id) => begin("end", id.get()),
        Word::Stop(id) => begin("stop", id.get()),
        Word::Reset(id, why) => {
            begin("reset", id.get());
            out.push(b',');
            put_string(out, why);
        }
        Word::Credit(id, bytes) => {
            begin("credit", id.map_or(0, super::Id::get));
            out.push(b',');
            out.extend_from_slice(bytes.to_string().as_bytes());
        }
    }
    out.extend_from_slice(b"]\n");
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The space is exactly what it takes.
    let _ = STANDARD.encode_slice(bytes, &mut out[start..]);
    out.push(b'"');
}
