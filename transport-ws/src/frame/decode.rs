use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use session_core::link::{CloseCode, CloseReason, Frame, ReceiveError, Text};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::{MAX_CONTROL, Opcode, Role, mask};

/// A payload up to this size gets its memory at once; a longer one as it arrives, whatever length was
/// declared.
const TRUSTED: usize = 16 * 1024;

/// What one read for a long payload asks for, at least.
const LONG_READ: usize = 64 * 1024;

/// What came out of the decoder.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    Message(Frame),
    Ping(Vec<u8>),
    Pong,
    Close(Option<CloseReason>),
    /// A piece of a message that carried no byte: lawful, and worth nothing but work.
    Nothing,
}

/// Takes the bytes of a connection apart, in pieces of any size.
///
/// Holds at most the message under construction, never more than the limit, and one control frame.
#[derive(Debug)]
pub(crate) struct Decoder {
    role: Role,
    limit: usize,
    head: Head,
    frame: Option<Open>,
    /// The kind of the message under construction.
    kind: Option<Kind>,
    message: Vec<u8>,
    /// Bytes at the front of `message` that were found to be UTF-8.
    checked: usize,
    control: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Binary,
}

/// The bytes of a head that have arrived.
#[derive(Debug, Default)]
struct Head {
    bytes: [u8; 14],
    filled: usize,
}

/// A frame whose head is known and whose payload is not all here.
#[derive(Debug, Clone, Copy)]
struct Open {
    opcode: Opcode,
    last: bool,
    key: Option<[u8; 4]>,
    /// Bytes of the payload that have arrived.
    phase: usize,
    remaining: usize,
}

impl Decoder {
    /// A decoder for what the peer of `role` sends; a message over `limit` bytes is an error.
    pub(crate) fn new(role: Role, limit: usize) -> Self {
        Self {
            role,
            limit,
            head: Head::default(),
            frame: None,
            kind: None,
            message: Vec::new(),
            checked: 0,
            control: Vec::new(),
        }
    }

    /// Takes bytes from the front of `input` until something comes out or `input` is empty.
    ///
    /// After an error the decoder is of no further use.
    pub(crate) fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ReceiveError> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.open(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let (piece, rest) = input.split_at(frame.remaining.min(input.len()));
            *input = rest;
            self.store(&mut frame, piece);
            if frame.remaining > 0 {
                self.frame = Some(frame);
                self.check_text()?;
                return Ok(None);
            }
            if let Some(event) = self.finish(frame)? {
                return Ok(Some(event));
            }
        }
    }

    /// Whether so much of a payload is missing that it should be read straight into place.
    pub(crate) fn wants_long_read(&self) -> bool {
        self.frame.is_some_and(|frame| !frame.opcode.is_control() && frame.remaining >= TRUSTED)
    }

    /// Reads part of a long payload straight into place; only while [`Self::wants_long_read`].
    ///
    /// Never completes the payload's frame unless it gives an event through the next [`Self::advance`].
    pub(crate) fn poll_long_read<R: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut R,
    ) -> Poll<io::Result<usize>> {
        let Some(frame) = &mut self.frame else { return Poll::Ready(Ok(0)) };
        let start = self.message.len();
        if self.message.capacity() == start {
            self.message.reserve_exact(frame.remaining.min(start.max(LONG_READ)));
        }
        let room = frame.remaining.min(self.message.capacity() - start);
        let mut spare = (&mut self.message).limit(room);
        let count = ready!(poll_read_buf(Pin::new(io), cx, &mut spare))?;
        if let Some(key) = frame.key {
            mask::apply(&mut self.message[start..], key, frame.phase);
        }
        frame.phase += count;
        frame.remaining -= count;
        Poll::Ready(Ok(count))
    }

    /// Reads a head; `None` while it is not whole.
    fn open(&mut self, input: &mut &[u8]) -> Result<Option<Open>, ReceiveError> {
        if !self.head.fill(input, 2) {
            return Ok(None);
        }
        let [first, second, ..] = self.head.bytes;
        let masked = second & 0x80 != 0;
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        // The first two bytes alone can be a violation; do not wait for more of such a frame.
        let last = first & 0x80 != 0;
        if first & 0x70 != 0 {
            return Err(violation("a reserved bit is set"));
        }
        let opcode = Opcode::new(first & 0x0f).ok_or_else(|| violation("unknown opcode"))?;
        match (self.role, masked) {
            (Role::Server, false) => return Err(violation("a frame of a client is not masked")),
            (Role::Client, true) => return Err(violation("a frame of a server is masked")),
            _ => {}
        }
        match opcode {
            _ if opcode.is_control() && !last => {
                return Err(violation("a control frame is fragmented"));
            }
            _ if opcode.is_control() && extended > 0 => {
                return Err(violation("a control frame is longer than 125 bytes"));
            }
            Opcode::Close if second & 0x7f == 1 => {
                return Err(violation("a close frame of one byte"));
            }
            Opcode::Continuation if self.kind.is_none() => {
                return Err(violation("a continuation of nothing"));
            }
            Opcode::Text | Opcode::Binary if self.kind.is_some() => {
                return Err(violation("a message begins inside another"));
            }
            _ => {}
        }
        let end = 2 + extended + if masked { 4 } else { 0 };
        if !self.head.fill(input, 2 + extended) {
            return Ok(None);
        }
        let bytes = &self.head.bytes;
        let length = match extended {
            0 => u64::from(second & 0x7f),
            2 => u64::from(u16::from_be_bytes([bytes[2], bytes[3]])),
            _ => u64::from_be_bytes([
                bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9],
            ]),
        };
        if matches!((extended, length), (2, 0..=125) | (8, 0..=0xffff)) {
            return Err(violation("a length takes more bytes than it needs"));
        }
        let room = self.limit - self.message.len();
        let remaining = match usize::try_from(length) {
            Ok(length) if opcode.is_control() || length <= room => length,
            _ => return Err(ReceiveError::TooLarge { limit: self.limit }),
        };
        if !self.head.fill(input, end) {
            return Ok(None);
        }
        let bytes = &self.head.bytes;
        let key = masked.then(|| [bytes[end - 4], bytes[end - 3], bytes[end - 2], bytes[end - 1]]);
        self.head.filled = 0;
        match opcode {
            Opcode::Text => self.kind = Some(Kind::Text),
            Opcode::Binary => self.kind = Some(Kind::Binary),
            _ => {}
        }
        Ok(Some(Open { opcode, last, key, phase: 0, remaining }))
    }

    /// Puts a piece of a payload into place.
    fn store(&mut self, frame: &mut Open, piece: &[u8]) {
        let target = if frame.opcode.is_control() {
            self.control.reserve_exact(frame.remaining.min(MAX_CONTROL));
            &mut self.control
        } else {
            let start = self.message.len();
            if self.message.capacity() - start < piece.len() {
                let mut more = frame.remaining.min(piece.len().max(start).max(TRUSTED));
                if !frame.last || frame.opcode == Opcode::Continuation {
                    // Many small pieces: grow by doubling, but never over the limit.
                    more = more.max(start.min(self.limit - start));
                }
                self.message.reserve_exact(more);
            }
            &mut self.message
        };
        let start = target.len();
        target.extend_from_slice(piece);
        if let Some(key) = frame.key {
            mask::apply(&mut target[start..], key, frame.phase);
        }
        frame.phase += piece.len();
        frame.remaining -= piece.len();
    }

    /// Refuses a text as soon as nothing that may follow makes it one. Only the beginning of a long text is
    /// worth that: all of it is looked at once more when it is whole, and two looks at 1 MiB cost a tenth of
    /// its round trip in ASCII, and near half of it in other scripts.
    fn check_text(&mut self) -> Result<(), ReceiveError> {
        if !matches!(self.kind, Some(Kind::Text)) || self.message.len() > TRUSTED {
            return Ok(());
        }
        match std::str::from_utf8(&self.message[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_some() => return Err(ReceiveError::NotUtf8),
            // The rest of the last character is on its way.
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }

    /// What a whole frame means.
    fn finish(&mut self, frame: Open) -> Result<Option<Event>, ReceiveError> {
        match frame.opcode {
            Opcode::Ping => Ok(Some(Event::Ping(mem::take(&mut self.control)))),
            Opcode::Pong => {
                self.control = Vec::new();
                Ok(Some(Event::Pong))
            }
            Opcode::Close => Ok(Some(Event::Close(close_reason(&mem::take(&mut self.control))?))),
            _ if !frame.last => {
                self.check_text()?;
                Ok((frame.phase == 0).then_some(Event::Nothing))
            }
            _ => {
                self.checked = 0;
                let bytes = Bytes::from(mem::take(&mut self.message));
                Ok(Some(Event::Message(match self.kind.take() {
                    Some(Kind::Text) => {
                        Frame::Text(Text::try_from(bytes).map_err(|_| ReceiveError::NotUtf8)?)
                    }
                    _ => Frame::Binary(bytes),
                })))
            }
        }
    }
}

impl Head {
    /// Moves bytes from `input` until `end` of them are here; whether they are.
    fn fill(&mut self, input: &mut &[u8], end: usize) -> bool {
        let missing = end.saturating_sub(self.filled);
        let (piece, rest) = input.split_at(missing.min(input.len()));
        self.bytes[self.filled..self.filled + piece.len()].copy_from_slice(piece);
        self.filled += piece.len();
        *input = rest;
        self.filled >= end
    }
}

/// The body of a close frame.
fn close_reason(body: &[u8]) -> Result<Option<CloseReason>, ReceiveError> {
    let Some((code, text)) = body.split_first_chunk::<2>() else { return Ok(None) };
    let code = CloseCode::new(u16::from_be_bytes(*code))
        .ok_or_else(|| violation("a close code that may not be sent"))?;
    let text = std::str::from_utf8(text).map_err(|_| ReceiveError::NotUtf8)?;
    Ok(Some(CloseReason::new(code, text.to_owned())))
}

fn violation(what: &str) -> ReceiveError {
    ReceiveError::Protocol(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 30;

    fn decoder(role: Role, limit: usize) -> Decoder {
        Decoder::new(role, limit)
    }

    fn advance(decoder: &mut Decoder, mut bytes: &[u8]) -> Result<Option<Event>, ReceiveError> {
        decoder.advance(&mut bytes)
    }

    #[test]
    fn a_declared_length_allocates_nothing() {
        let mut decoder = decoder(Role::Client, LIMIT);
        assert_eq!(advance(&mut decoder, &[0x82, 127, 0, 0, 0, 0, 0x20, 0, 0, 0]).unwrap(), None);
        assert_eq!(decoder.message.capacity(), 0);
        assert_eq!(advance(&mut decoder, &[1; 100]).unwrap(), None);
        assert_eq!(decoder.message.capacity(), TRUSTED);
    }

    #[test]
    fn a_message_in_endless_pieces_never_takes_more_memory_than_the_limit() {
        const LIMIT: usize = 100_000;
        let mut decoder = decoder(Role::Client, LIMIT);
        let mut first = 0x02;
        loop {
            let mut piece = vec![first, 126, 4, 0];
            piece.extend([7; 1024]);
            let result = advance(&mut decoder, &piece);
            assert!(decoder.message.capacity() <= LIMIT);
            match result {
                Ok(event) => assert_eq!(event, None),
                Err(error) => {
                    assert!(matches!(error, ReceiveError::TooLarge { limit: LIMIT }));
                    break;
                }
            }
            first = 0x00;
        }
        assert!(decoder.message.len() > LIMIT - 1024);
    }

    #[test]
    fn a_text_is_refused_at_the_first_byte_that_cannot_be_one() {
        for head in [[0x81, 100], [0x01, 12]] {
            let mut decoder = decoder(Role::Client, LIMIT);
            assert_eq!(advance(&mut decoder, &head).unwrap(), None);
            // Its last byte begins a character, and no character begins with the next one after it.
            assert_eq!(advance(&mut decoder, b"fine so far\xf4").unwrap(), None);
            if head[0] == 0x01 {
                assert_eq!(advance(&mut decoder, &[0x00, 9]).unwrap(), None);
            }
            let error = advance(&mut decoder, b"\x90").unwrap_err();
            assert!(matches!(error, ReceiveError::NotUtf8), "{error}");
        }
    }

    #[test]
    fn a_client_refuses_a_masked_frame() {
        let error = advance(&mut decoder(Role::Client, LIMIT), &[0x81, 0x80]).unwrap_err();
        assert!(matches!(error, ReceiveError::Protocol(_)), "{error}");
    }

    #[test]
    fn bytes_in_pieces_of_any_size_give_the_same_messages() {
        let mut bytes = Vec::new();
        for (length, opcode) in [(0, Opcode::Text), (5, Opcode::Text), (70_000, Opcode::Binary)] {
            crate::frame::put_frame(&mut bytes, opcode, &vec![b'x'; length], Some([1, 2, 3, 4]));
        }
        for size in [1, 2, 3, 7, 1000, bytes.len()] {
            let mut decoder = decoder(Role::Server, LIMIT);
            let mut lengths = Vec::new();
            for mut piece in bytes.chunks(size) {
                while let Some(event) = decoder.advance(&mut piece).unwrap() {
                    let Event::Message(frame) = event else { panic!("{event:?}") };
                    assert!(frame.as_bytes().iter().all(|&byte| byte == b'x'));
                    lengths.push(frame.as_bytes().len());
                }
            }
            assert_eq!(lengths, [0, 5, 70_000], "in pieces of {size}");
        }
    }
}
