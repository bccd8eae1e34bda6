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

/// Bytes of one unfinished item from which on the rest of it is read to where it stays.
const LONG: usize = 32 * 1024;

/// What frames of a link may cost before the first credit, between two ends that said `open`.
pub(crate) const LINK_WINDOW: u64 = 256 * 1024;

/// What a frame costs beside its bytes, so that empty ones are not free.
const FRAME_COST: usize = 64;

/// One thing the peer said.
#[derive(Debug, PartialEq)]
pub(crate) enum Item {
    Frame(Frame),
    /// The peer's link ends with a word, and it heeds the window of the link. Of a client, the head of the request that
    /// opens the link may come with it.
    Open(Option<Bytes>),
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
    Open(Option<&'a [u8]>),
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

    /// Where the next bytes are to be read to, behind what is there: into its spare capacity, and no further. `None` is
    /// the caller's own buffer, for [`Self::decode`].
    pub(crate) fn space(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Lines(decoder) => decoder.space(),
            Self::Length(decoder) => decoder.space(),
        }
    }

    /// Takes what was read to [`Self::space`], which had `before` bytes.
    ///
    /// # Errors
    ///
    /// As [`Self::decode`].
    pub(crate) fn arrived(
        &mut self,
        before: usize,
        sink: impl FnMut(Item) -> Result<(), ReceiveError>,
    ) -> Result<(), ReceiveError> {
        match self {
            Self::Lines(decoder) => decoder.arrived(before, sink),
            Self::Length(decoder) => decoder.arrived(sink),
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use session_core::link::CloseCode;

    use super::*;

    const LIMIT: usize = 300_000;

    fn id(number: u32) -> Id {
        Id::new(number).unwrap()
    }

    /// Everything there is to say, and what of it arrives.
    fn everything(framing: Framing) -> (Vec<u8>, Vec<Item>) {
        let reason = CloseReason::new(CloseCode::DRAIN, "zażółć \"x\"");
        let head = br#"{"path":"/x"}"#;
        let long = Bytes::from(vec![7; MAX_CHUNK]);
        let mut wire = Vec::new();
        for word in [
            Word::Open(None),
            Word::Open(Some(head)),
            Word::Request(id(1), head),
            Word::Data(id(1), &long),
            Word::Data(id(u32::MAX), b"x"),
            Word::End(id(1)),
            Word::Response(id(1), br#"{"status":200}"#),
            Word::Stop(id(9)),
            Word::Reset(id(2), "why\n"),
            Word::Credit(None, 5),
            Word::Credit(Some(id(3)), u32::MAX),
            Word::Abort,
            Word::Close(&reason),
        ] {
            framing.put(&mut wire, word);
        }
        let mut items = vec![
            Item::Open(None),
            Item::Open(Some(Bytes::from_static(head))),
            Item::Request(id(1), Bytes::from_static(head)),
            Item::Data(id(1), long),
            Item::Data(id(u32::MAX), Bytes::from_static(b"x")),
            Item::End(id(1)),
            Item::Response(id(1), Bytes::from_static(br#"{"status":200}"#)),
            Item::Stop(id(9)),
            Item::Reset(id(2), "why\n".to_owned()),
            Item::Credit(None, 5),
            Item::Credit(Some(id(3)), u32::MAX),
            Item::Abort,
            Item::Close(Some(reason)),
        ];
        let mut batch = Batch::default();
        for length in [0, 1, 2, 3, 4095, 4096, 70_000, LIMIT] {
            let text = "zażółć".chars().cycle().scan(0, |used, char| {
                *used += char.len_utf8();
                (*used <= length).then_some(char)
            });
            for frame in [
                Frame::Text(text.collect::<String>().into()),
                Frame::Text("\n".repeat(length).into()),
                Frame::Binary((0..length).map(|at| at as u8).collect()),
            ] {
                framing.put_frame(&mut batch, frame.clone());
                items.push(Item::Frame(frame));
            }
        }
        let drained: Result<(), ()> = batch.drain(|slices| {
            slices.iter().for_each(|slice| wire.extend_from_slice(slice));
            Ok(slices.iter().map(|slice| slice.len()).sum())
        });
        assert!(drained.is_ok());
        (wire, items)
    }

    #[test]
    fn everything_arrives_as_it_was_said_however_it_is_cut() {
        for framing in [Framing::Lines, Framing::Length] {
            let (wire, expected) = everything(framing);
            for cut in [1, 2, 7, 4096, 65_536, 1 << 20] {
                let mut decoder = Decoder::new(framing, LIMIT);
                let mut items = Vec::new();
                let mut rest = &wire[..];
                let mut direct = 0;
                while !rest.is_empty() {
                    let mut sink = |item| {
                        items.push(item);
                        Ok(())
                    };
                    if let Some(space) = decoder.space() {
                        let before = space.len();
                        let count = (space.capacity() - before).min(cut).min(rest.len());
                        assert!(count > 0, "a read of nothing looks like the end");
                        space.extend_from_slice(&rest[..count]);
                        rest = &rest[count..];
                        decoder.arrived(before, &mut sink).unwrap();
                        direct += 1;
                    } else {
                        let (part, after) = rest.split_at(cut.min(rest.len()));
                        rest = after;
                        decoder.decode(part, &mut sink).unwrap();
                    }
                }
                assert!(decoder.is_between_items());
                assert_eq!(items.len(), expected.len(), "{framing:?} in pieces of {cut}");
                assert!(items == expected, "{framing:?} in pieces of {cut}");
                assert!(direct > 0 || cut > wire.len() / 2, "{framing:?} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn what_is_put_together_takes_no_more_than_four_times_what_has_arrived() {
        for framing in [Framing::Lines, Framing::Length] {
            let mut decoder = Decoder::new(framing, 1 << 30);
            let mut wire = session_core::link::framing::header(0, 1 << 30).unwrap().to_vec();
            wire.resize(40_000, b'x');
            let never = |_| panic!("nothing is whole");
            decoder.decode(&wire, never).unwrap();
            for _ in 0..20 {
                let space = decoder.space().unwrap();
                let before = space.len();
                space.extend_from_slice(&[b'x'; 1000]);
                decoder.arrived(before, never).unwrap();
                let space = decoder.space().unwrap();
                assert!(space.capacity() <= 4 * space.len() + LONG, "{}", space.capacity());
            }
        }
    }
}
