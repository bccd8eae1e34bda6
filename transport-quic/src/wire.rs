//! What both ends agree on beside the records of [`session_core::link::framing`].

use bytes::Bytes;
use session_core::link::framing::{self, TooLarge};

/// The application protocol, with its version: what the handshake must agree on.
pub(crate) const ALPN: &[u8] = b"sdrs/1";

/// The first record of a link: the head of the request that opens it.
pub(crate) const OPEN: u8 = 16;
/// The first record of an exchange: the head of its request. The body is the rest of the stream.
pub(crate) const REQUEST: u8 = 17;
/// The first record of the answer to an exchange: the head of the response. The body is the rest of the stream.
pub(crate) const RESPONSE: u8 = 18;

/// The largest head, in bytes of its JSON.
pub(crate) const MAX_HEAD: usize = 16 * 1024;

/// The largest payload of a record that closes a link: a code and the longest text of a reason.
pub(crate) const MAX_CLOSE: usize = 2 + session_core::link::CloseReason::MAX_TEXT;

/// A record with a head, as one piece.
pub(crate) fn head(kind: u8, json: &[u8]) -> Result<Bytes, TooLarge> {
    if json.len() > MAX_HEAD {
        return Err(TooLarge { length: json.len(), limit: MAX_HEAD });
    }
    let mut bytes = Vec::with_capacity(framing::HEADER + json.len());
    bytes.extend_from_slice(&framing::header(kind, json.len())?);
    bytes.extend_from_slice(json);
    Ok(bytes.into())
}

/// Why a stream is reset, or its other end asked to stop, or a connection closed: a hint for whoever reads a trace,
/// on which nothing but [`Code::Done`] depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Nothing more is wanted or to be said.
    Done = 0,
    /// The link or exchange was dropped.
    Dropped = 1,
    /// The body failed on the way.
    Failed = 2,
    /// The stream did not begin as one must.
    Protocol = 3,
    /// The stream said nothing for too long.
    Silent = 4,
}
