//! The first record of a stream, which says what the stream is.

use bytes::Bytes;
use session_core::link::framing::{Decoder, Record};

use crate::stream::{RecvStream, StreamError};
use crate::wire::MAX_HEAD;

/// Why a stream does not begin as one must.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the stream ended before its head")]
    Cut,
    #[error("the head is larger than the limit of {MAX_HEAD} bytes")]
    TooLarge,
}

/// Reads the first record, and gives what was read beyond it.
pub(crate) async fn read(recv: &mut RecvStream) -> Result<(Record, Bytes), HeadError> {
    let mut decoder = Decoder::new(MAX_HEAD);
    while let Some(mut bytes) = recv.read().await? {
        while !bytes.is_empty() {
            if let Some(record) = decoder.decode(&mut bytes).map_err(|_| HeadError::TooLarge)? {
                return Ok((record, bytes));
            }
        }
    }
    Err(HeadError::Cut)
}
