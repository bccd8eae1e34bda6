//! A record with a length for everything.

use bytes::{Buf, BufMut, Bytes};
use session_core::link::framing::{self, BINARY, CLOSE, HEADER, Record, TEXT};
use session_core::link::{Frame, ReceiveError};

use super::{Batch, Id, Item, LONG, MAX_CHUNK, MAX_HEAD, Word, protocol};

/// The records of this transport. Those of an exchange begin with its number, four bytes big endian.
const OPEN: u8 = framing::OWN;
const ABORT: u8 = framing::OWN + 1;
const REQUEST: u8 = framing::OWN + 2;
const RESPONSE: u8 = framing::OWN + 3;
const DATA: u8 = framing::OWN + 4;
const END: u8 = framing::OWN + 5;
const STOP: u8 = framing::OWN + 6;
const RESET: u8 = framing::OWN + 7;
/// The number, 0 for the link, then the bytes, four bytes big endian.
const CREDIT: u8 = framing::OWN + 8;

/// The longest record that is no frame, in bytes.
const MAX_RECORD: usize = 4 + if MAX_HEAD > MAX_CHUNK { MAX_HEAD } else { MAX_CHUNK };

/// Puts records together.
///
/// The core's decoder does the same for a stream that comes in pieces; this one also lets a long payload be read to
/// where it stays.
#[derive(Debug)]
pub(crate) struct Decoder {
    header: [u8; HEADER],
    /// How much of the header has arrived.
    filled: usize,
    payload: Vec<u8>,
    max_message: usize,
}

impl Decoder {
    pub(super) const fn new(max_message: usize) -> Self {
        Self { header: [0; HEADER], filled: 0, payload: Vec::new(), max_message }
    }

    pub(super) const fn is_between_records(&self) -> bool {
        self.filled == 0
    }

    pub(super) fn decode(
        &mut self,
        mut input: &[u8],
        mut sink: impl FnMut(Item) -> Result<(), ReceiveError>,
    ) -> Result<(), ReceiveError> {
        loop {
            let missing = (HEADER - self.filled).min(input.len());
            self.header[self.filled..self.filled + missing].copy_from_slice(&input[..missing]);
            self.filled += missing;
            input = &input[missing..];
            if self.filled < HEADER {
                return Ok(());
            }
            let length = self.length()?;
            let missing = (length - self.payload.len()).min(input.len());
            let (part, rest) = input.split_at(missing);
            let payload = if part.len() == length {
                Bytes::copy_from_slice(part)
            } else {
                // Grows with what arrives, not with what was announced.
                framing::grow(&mut self.payload, missing, length);
                self.payload.extend_from_slice(part);
                if self.payload.len() < length {
                    return Ok(());
                }
                std::mem::take(&mut self.payload).into()
            };
            input = rest;
            sink(self.item(payload)?)?;
        }
    }

    /// Where the rest of a long payload is to be read to.
    pub(super) fn space(&mut self) -> Option<&mut Vec<u8>> {
        let length = self.length().ok()?;
        if self.filled < HEADER || length - self.payload.len() < LONG {
            return None;
        }
        framing::grow(&mut self.payload, LONG, length);
        Some(&mut self.payload)
    }

    /// Takes what was read to [`Self::space`].
    pub(super) fn arrived(
        &mut self,
        mut sink: impl FnMut(Item) -> Result<(), ReceiveError>,
    ) -> Result<(), ReceiveError> {
        if self.payload.len() < self.length()? {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.payload).into();
        sink(self.item(payload)?)
    }

    /// The length that the header announces, once it has arrived.
    fn length(&self) -> Result<usize, ReceiveError> {
        let [kind, length @ ..] = self.header;
        let length = u32::from_be_bytes(length) as usize;
        if matches!(kind, TEXT | BINARY) {
            if length > self.max_message {
                return Err(ReceiveError::TooLarge { limit: self.max_message });
            }
        } else if length > MAX_RECORD {
            return Err(protocol("a record of the transport's own is too long"));
        }
        Ok(length)
    }

    fn item(&mut self, payload: Bytes) -> Result<Item, ReceiveError> {
        self.filled = 0;
        item(Record { kind: self.header[0], payload })
    }
}

fn item(record: Record) -> Result<Item, ReceiveError> {
    let kind = record.kind;
    if matches!(kind, TEXT | BINARY) {
        return framing::frame(record).map(Item::Frame);
    }
    let mut payload = record.payload;
    match kind {
        OPEN => return Ok(Item::Open((!payload.is_empty()).then_some(payload))),
        ABORT => return Ok(Item::Abort),
        CLOSE if payload.is_empty() => return Ok(Item::Close(None)),
        CLOSE => {
            let reason = framing::parse_close(&payload);
            let reason = reason.ok_or_else(|| protocol("the reason of a close cannot be used"))?;
            return Ok(Item::Close(Some(reason)));
        }
        _ => {}
    }
    let number = payload.try_get_u32().map_err(|_| protocol("a record without its number"))?;
    if kind == CREDIT {
        let bytes = payload.try_get_u32().map_err(|_| protocol("a credit without its bytes"))?;
        return Ok(Item::Credit(Id::new(number), bytes));
    }
    let id = Id::new(number).ok_or_else(|| protocol("no exchange has the number 0"))?;
    Ok(match kind {
        REQUEST => Item::Request(id, payload),
        RESPONSE => Item::Response(id, payload),
        DATA => Item::Data(id, payload),
        END => Item::End(id),
        STOP => Item::Stop(id),
        RESET => Item::Reset(id, String::from_utf8_lossy(&payload).into_owned()),
        kind => return Err(protocol(format!("there are no records of kind {kind}"))),
    })
}

pub(super) fn put_frame(batch: &mut Batch, frame: Frame) {
    let kind = framing::kind(&frame);
    let payload = frame.into_bytes();
    batch.append(|out| put_header(out, kind, payload.len()));
    batch.push(payload);
}

pub(super) fn put(out: &mut Vec<u8>, word: Word<'_>) {
    match word {
        Word::Open(head) => {
            let head = head.unwrap_or_default();
            put_header(out, OPEN, head.len());
            out.put_slice(head);
        }
        Word::Abort => put_header(out, ABORT, 0),
        Word::Close(reason) => {
            let payload = framing::close_payload(reason);
            put_header(out, CLOSE, payload.len());
            out.put_slice(&payload);
        }
        Word::Request(id, head) => put_record(out, REQUEST, id, head),
        Word::Response(id, head) => put_record(out, RESPONSE, id, head),
        Word::Data(id, bytes) => put_record(out, DATA, id, bytes),
        Word::End(id) => put_record(out, END, id, &[]),
        Word::Stop(id) => put_record(out, STOP, id, &[]),
        Word::Reset(id, why) => put_record(out, RESET, id, why.as_bytes()),
        Word::Credit(id, bytes) => {
            put_header(out, CREDIT, 8);
            out.put_u32(id.map_or(0, Id::get));
            out.put_u32(bytes);
        }
    }
}

fn put_record(out: &mut Vec<u8>, kind: u8, id: Id, payload: &[u8]) {
    put_header(out, kind, 4 + payload.len());
    out.put_u32(id.get());
    out.put_slice(payload);
}

fn put_header(out: &mut Vec<u8>, kind: u8, length: usize) {
    // A length that does not fit belongs to a frame of 4 GiB, beyond the limit of any peer: it is cut off there.
    let header = framing::header(kind, length).unwrap_or([kind, 0xff, 0xff, 0xff, 0xff]);
    out.put_slice(&header);
}
