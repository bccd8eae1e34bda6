//! Frames on a stream of bytes, for transports whose wire has nothing better: QUIC streams, pipes, sockets.
//!
//! A stream is a sequence of records:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind: [`TEXT`], [`BINARY`], [`CLOSE`]; from [`OWN`] on the transport's own |
//! | 4 | length of the payload, big endian |
//! | length | payload |
//!
//! ```
//! use bytes::Bytes;
//! use session_core::link::framing::{self, Decoder};
//!
//! let mut wire = framing::header(framing::TEXT, 5)?.to_vec();
//! wire.extend(b"hello");
//!
//! let mut decoder = Decoder::new(1024);
//! let mut arrived = Bytes::from(wire);
//! let mut late = arrived.split_off(7);
//! assert!(decoder.decode(&mut arrived)?.is_none());
//! let record = decoder.decode(&mut late)?.ok_or("unfinished")?;
//! assert_eq!((record.kind, &record.payload[..]), (framing::TEXT, &b"hello"[..]));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{CloseCode, CloseReason, Frame, ReceiveError, Text};

/// A text frame; the payload is UTF-8.
pub const TEXT: u8 = 0;
/// A binary frame.
pub const BINARY: u8 = 1;
/// The orderly end of a link; the payload is that of [`close_payload`].
pub const CLOSE: u8 = 2;
/// The first kind that a transport may give a meaning of its own; those before it are reserved.
pub const OWN: u8 = 16;
/// The bytes of a record before its payload.
pub const HEADER: usize = 5;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: u8,
    /// What it says.
    pub payload: Bytes,
}

/// A record announces a payload that is larger than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record of {length} bytes is larger than the limit of {limit} bytes")]
pub struct TooLarge {
    /// What was announced, in bytes.
    pub length: usize,
    /// The limit, in bytes.
    pub limit: usize,
}

impl From<TooLarge> for ReceiveError {
    fn from(error: TooLarge) -> Self {
        Self::TooLarge { limit: error.limit }
    }
}

/// The bytes that go before a payload.
///
/// # Errors
///
/// [`TooLarge`] for a payload of 4 GiB or more, whose length does not fit.
pub fn header(kind: u8, length: usize) -> Result<[u8; HEADER], TooLarge> {
    let limit = u32::MAX as usize;
    let announced = u32::try_from(length).map_err(|_| TooLarge { length, limit })?;
    let [a, b, c, d] = announced.to_be_bytes();
    Ok([kind, a, b, c, d])
}

/// The kind of record that carries a frame.
#[must_use]
pub const fn kind(frame: &Frame) -> u8 {
    match frame {
        Frame::Text(_) => TEXT,
        Frame::Binary(_) => BINARY,
    }
}

/// The frame that a record carries.
///
/// # Errors
///
/// [`ReceiveError::NotUtf8`] for a text that is none, [`ReceiveError::Protocol`] for a record that carries no frame.
pub fn frame(record: Record) -> Result<Frame, ReceiveError> {
    match record.kind {
        TEXT => Text::try_from(record.payload).map(Frame::Text).map_err(|_| ReceiveError::NotUtf8),
        BINARY => Ok(Frame::Binary(record.payload)),
        kind => Err(ReceiveError::Protocol(format!("a record of kind {kind} is no frame"))),
    }
}

/// The payload of a [`CLOSE`] record: the code in two bytes, big endian, then the text.
#[must_use]
pub fn close_payload(reason: &CloseReason) -> Bytes {
    let mut payload = BytesMut::with_capacity(2 + reason.text().len());
    payload.put_u16(reason.code().get());
    payload.put_slice(reason.text().as_bytes());
    payload.freeze()
}

/// The reason in the payload of a [`CLOSE`] record; `None` when the code may not be sent, or the text is not UTF-8 or
/// longer than [`CloseReason::MAX_TEXT`] bytes.
#[must_use]
pub fn parse_close(payload: &[u8]) -> Option<CloseReason> {
    let (code, text) = payload.split_first_chunk()?;
    let code = CloseCode::new(u16::from_be_bytes(*code))?;
    if text.len() > CloseReason::MAX_TEXT {
        return None;
    }
    Some(CloseReason::new(code, std::str::from_utf8(text).ok()?.to_owned()))
}

/// Takes records from bytes as they arrive.
///
/// What it holds is bounded by the limit, and by four times what has arrived: an announced length allocates nothing.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    header: [u8; HEADER],
    /// How much of the header has arrived.
    filled: usize,
    payload: Vec<u8>,
}

impl Decoder {
    /// Payloads of up to `limit` bytes are taken.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, header: [0; HEADER], filled: 0, payload: Vec::new() }
    }

    /// Another limit from the next record on.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Whether every byte so far belongs to a whole record: where a stream may end.
    #[must_use]
    pub const fn is_between_records(&self) -> bool {
        self.filled == 0
    }

    /// The next whole record, out of `input` and what was kept of earlier calls; `None` when `input` is used up first.
    ///
    /// A payload that lies whole in `input` is a part of it, without a copy.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] as soon as the header has arrived. The stream cannot be read any further.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Record>, TooLarge> {
        let missing = (HEADER - self.filled).min(input.len());
        input.copy_to_slice(&mut self.header[self.filled..self.filled + missing]);
        self.filled += missing;
        if self.filled < HEADER {
            return Ok(None);
        }
        let [kind, length @ ..] = self.header;
        let length = u32::from_be_bytes(length) as usize;
        if length > self.limit {
            return Err(TooLarge { length, limit: self.limit });
        }
        let payload = if self.payload.is_empty() && input.len() >= length {
            input.split_to(length)
        } else {
            let missing = (length - self.payload.len()).min(input.len());
            grow(&mut self.payload, missing, length);
            self.payload.extend_from_slice(&input[..missing]);
            input.advance(missing);
            if self.payload.len() < length {
                return Ok(None);
            }
            std::mem::take(&mut self.payload).into()
        };
        self.filled = 0;
        Ok(Some(Record { kind, payload }))
    }
}

/// Makes room for `more` bytes behind those of an unfinished payload, which will have `most` in all at most.
///
/// It grows with what has arrived, not with what was announced: to four times that, since moving it seldom costs less
/// than the room does.
pub fn grow(payload: &mut Vec<u8>, more: usize, most: usize) {
    let needed = (payload.len() + more).min(most);
    if needed > payload.capacity() {
        let capacity = (4 * payload.len()).clamp(needed, most);
        payload.reserve_exact(capacity - payload.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_announced_length_allocates_nothing() {
        let mut decoder = Decoder::new(1 << 30);
        let mut input = Bytes::copy_from_slice(&header(BINARY, 1 << 30).unwrap());
        assert_eq!(decoder.decode(&mut input), Ok(None));
        assert_eq!(decoder.payload.capacity(), 0);
        for _ in 0..20 {
            assert_eq!(decoder.decode(&mut Bytes::from_static(&[7; 1000])), Ok(None));
            assert!(decoder.payload.capacity() <= 4 * decoder.payload.len());
        }
    }

    #[test]
    fn a_record_over_the_limit_is_refused_by_its_header() {
        let mut decoder = Decoder::new(10);
        let mut input = Bytes::copy_from_slice(&header(BINARY, 11).unwrap());
        assert_eq!(decoder.decode(&mut input), Err(TooLarge { length: 11, limit: 10 }));
    }

    #[test]
    fn a_close_that_may_not_be_sent_is_none() {
        let reason = CloseReason::new(CloseCode::DRAIN, "zażółć");
        assert_eq!(parse_close(&close_payload(&reason)), Some(reason));
        for payload in [&b""[..], b"\x03", b"\x03\xed", b"\x03\xe8\xff", &[[3, 232]; 63].concat()] {
            assert_eq!(parse_close(payload), None, "{payload:?}");
        }
    }

    proptest! {
        #[test]
        fn records_come_out_as_they_went_in_however_they_are_cut(
            records in proptest::collection::vec((0_u8..20, 0_usize..300), 0..20),
            cuts in proptest::collection::vec(1_usize..400, 1..40),
        ) {
            let mut wire = Vec::new();
            for (kind, length) in &records {
                wire.extend(header(*kind, *length).unwrap());
                wire.extend((0..*length).map(|at| at as u8));
            }
            let mut wire = Bytes::from(wire);
            let mut decoder = Decoder::new(300);
            let mut out = Vec::new();
            let mut cuts = cuts.into_iter().cycle();
            while !wire.is_empty() {
                let mut piece = wire.split_to(cuts.next().unwrap().min(wire.len()));
                while let Some(record) = decoder.decode(&mut piece).unwrap() {
                    out.push((record.kind, record.payload.len()));
                    prop_assert!(record.payload.iter().enumerate().all(|(at, byte)| at as u8 == *byte));
                }
                prop_assert!(piece.is_empty());
            }
            prop_assert!(decoder.is_between_records());
            prop_assert_eq!(out, records);
        }
    }
}
