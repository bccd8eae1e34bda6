//! What goes over the pipes, in either format.

use bytes::Bytes;
use session_core::link::{CloseReason, Frame, ReceiveError};

use crate::config::Framing;

mod batch;
mod length;
mod lines;
mod word;

pub(crate) use batch::Batch;

/// The number of an exchange, chosen by the client.
pub(crate) type Id = std::num::NonZeroU32;

/// The longest head of a request or response, in bytes of JSON.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// The longest piece of a body that is taken, in bytes.
pub(crate) const MAX_CHUNK: usize = 64 * 1024;

/// The longest piece of a body that is sent: what a frame of the link may have to wait for.
pub(crate) const CHUNK: usize = 16 * 1024;

/// Bytes of a body that may be sent before the first credit: enough for what scripts ask for.
pub(crate) const BODY_WINDOW: usize = 256 * 1024;

/// What frames of a link may cost before the first credit, between two ends that said `open`.
pub(crate) const LINK_WINDOW: u64 = 256 * 1024;

/// What a frame costs beside its bytes, so that empty ones are not free.
const FRAME_COST: usize = 64;

/// One thing the peer said.
#[derive(Debug, PartialEq)]
pub(crate) enum Item {
    Frame(Frame),
    /// The peer's link ends with a word, and it heeds the window of the link.
    Open,
    Close(Option<CloseReason>),
    Abort,
    Request(Id, Bytes),
    Response(Id, Bytes),
    Data(Id, Bytes),
    End(Id),
    /// No more of the request's body is wanted.
    Stop(Id),
    Reset(Id, String),
    /// `None` is the link.
    Credit(Option<Id>, u32),
}

/// One thing to say, frames apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Word<'a> {
    Open,
    Close(&'a CloseReason),
    Abort,
    Request(Id, &'a [u8]),
    Response(Id, &'a [u8]),
    Data(Id, &'a [u8]),
    End(Id),
    Stop(Id),
    Reset(Id, &'a str),
    Credit(Option<Id>, u32),
}

/// What a frame takes of the link's window.
pub(crate) fn cost(frame: &Frame) -> u64 {
    (frame.as_bytes().len() + FRAME_COST) as u64
}

impl Framing {
    /// Appends a word.
    pub(crate) fn put(self, out: &mut Vec<u8>, word: Word<'_>) {
        match self {
            Self::Lines => lines::put(out, word),
            Self::Length => length::put(out, word),
        }
    }

    /// A word by itself.
    pub(crate) fn word(self, word: Word<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.put(&mut bytes, word);
        bytes
    }

    /// Appends a frame of the link.
    pub(crate) fn put_frame(self, batch: &mut Batch, frame: Frame) {
        match self {
            Self::Lines => lines::put_frame(batch, frame),
            Self::Length => length::put_frame(batch, frame),
        }
    }
}

/// Takes what the peer says from bytes as they arrive.
#[derive(Debug)]
pub(crate) enum Decoder {
    Lines(lines::Decoder),
    Length(length::Decoder),
}

impl Decoder {
    pub(crate) fn new(framing: Framing, max_message: usize) -> Self {
        match framing {
            Framing::Lines => Self::Lines(lines::Decoder::new(max_message)),
            Framing::Length => Self::Length(length::Decoder::new(max_message)),
        }
    }

    /// Gives everything that `input` completes to `sink`; keeps the beginning of what it does not.
    ///
    /// # Errors
    ///
    /// What the wire cannot be read beyond.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        sink: impl FnMut(Item) -> Result<(), ReceiveError>,
    ) -> Result<(), ReceiveError> {
        match self {
            Self::Lines(decoder) => decoder.decode(input, sink),
            Self::Length(decoder) => decoder.decode(input, sink),
        }
    }

    /// Whether the input may end here without anything being torn.
    pub(crate) fn is_between_items(&self) -> bool {
        match self {
            Self::Lines(decoder) => decoder.is_between_lines(),
            Self::Length(decoder) => decoder.is_between_records(),
        }
    }
}

/// Checks a frame against the limit; the wire may use more bytes for it than it has.
fn within(frame: Frame, limit: usize) -> Result<Item, ReceiveError> {
    if frame.as_bytes().len() > limit {
        return Err(ReceiveError::TooLarge { limit });
    }
    Ok(Item::Frame(frame))
}

fn protocol(what: impl Into<String>) -> ReceiveError {
    ReceiveError::Protocol(what.into())
}
