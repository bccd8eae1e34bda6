//! A record with a length for everything.

use bytes::{Buf, BufMut, Bytes};
use session_core::link::framing::{self, BINARY, CLOSE, Record, TEXT};
use session_core::link::{Frame, ReceiveError};

use super::{Batch, Id, Item, MAX_CHUNK, MAX_HEAD, Word, protocol, within};

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

/// The longest record that is no frame.
const MAX_RECORD: usize = 4 + if MAX_HEAD > MAX_CHUNK { MAX_HEAD } else { MAX_CHUNK };

/// Puts records together.
#[derive(Debug)]
pub(crate) struct Decoder {
    records: framing::Decoder,
    max_message: usize,
}

impl Decoder {
    pub(super) fn new(max_message: usize) -> Self {
        Self { records: framing::Decoder::new(max_message.max(MAX_RECORD)), max_message }
    }

    pub(super) const fn is_between_records(&self) -> bool {
        self.records.is_between_records()
    }

    pub(super) fn decode(
        &mut self,
        input: &[u8],
        mut sink: impl FnMut(Item) -> Result<(), ReceiveError>,
    ) -> Result<(), ReceiveError> {
        let mut input = Bytes::copy_from_slice(input);
        loop {
            match self.records.decode(&mut input) {
                Ok(Some(record)) => sink(item(record, self.max_message)?)?,
                Ok(None) => return Ok(()),
                Err(_) => return Err(ReceiveError::TooLarge { limit: self.max_message }),
            }
        }
    }
}

fn item(record: Record, max_message: usize) -> Result<Item, ReceiveError> {
    let kind = record.kind;
    if matches!(kind, TEXT | BINARY) {
        return within(framing::frame(record)?, max_message);
    }
    let mut payload = record.payload;
    if payload.len() > MAX_RECORD {
        return Err(protocol("a record of the transport's own is too long"));
    }
    match kind {
        OPEN => return Ok(Item::Open),
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
        Word::Open => put_header(out, OPEN, 0),
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
