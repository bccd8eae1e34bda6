//! One file on its way: from the body of a request to the disk.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use super::folder::{Space, TempFile};
use crate::exchange::{Body, Response, plain};

/// Bytes that are written at once. While they are, as many are taken from the client, and no more.
const BATCH: usize = 256 << 10;

/// A file to be received.
#[derive(Debug)]
pub(super) struct Receipt {
    /// Where it goes, and that there is room for it.
    pub(super) space: Arc<Space>,
    /// On our disk.
    pub(super) name: String,
    /// As announced.
    pub(super) size: usize,
    /// How long the body may bring nothing.
    pub(super) patience: Duration,
}

/// Why a file was not received; the client may send it again from its beginning.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the file is longer than it was announced")]
    Longer,
    #[error("the file is shorter than it was announced")]
    Shorter,
    #[error("the file broke off")]
    BrokeOff,
    #[error("the file did not go on")]
    Stalled,
    #[error("the server has no room for the file")]
    NoRoom,
    #[error("the server cannot keep the file")]
    Disk(#[from] io::Error),
}

impl Refusal {
    pub(super) fn into_response(self) -> Response {
        let status = match &self {
            Self::Longer => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Shorter | Self::BrokeOff => StatusCode::BAD_REQUEST,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
            Self::Disk(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        plain(status, self.to_string())
    }

    fn of_disk(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        tracing::error!(%error, "an upload cannot be written");
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::NoRoom,
            _ => Self::Disk(error),
        }
    }
}

impl From<JoinError> for Refusal {
    fn from(error: JoinError) -> Self {
        Self::of_disk(io::Error::other(error))
    }
}

/// Takes the whole body, which must be as long as it was announced.
///
/// Cancel-safe: dropped early, what was written is removed.
pub(super) async fn receive(receipt: Receipt, mut body: Body) -> Result<TempFile, Refusal> {
    // Said before the first byte, where the transport knows it.
    if let Some(length) = body.size_hint().exact() {
        compare(length, receipt.size)?;
    }
    let Receipt { space, name, size, patience } = receipt;
    let folder = Arc::clone(space.folder());
    // The file, and the batch that was written, whose memory is used again.
    let mut writing: JoinHandle<io::Result<(File, TempFile, Vec<u8>)>> =
        folder.tracker().spawn_blocking(move || {
            let (file, temp) = space.create(&name)?;
            Ok((file, temp, Vec::new()))
        });
    let mut batch = Vec::new();
    let mut taken = 0;
    let mut is_over = false;
    while !is_over {
        while batch.len() < BATCH && !is_over {
            match timeout(patience, next(&mut body)).await.map_err(|_| Refusal::Stalled)?? {
                Some(piece) if piece.len() > size - taken => return Err(Refusal::Longer),
                Some(piece) => {
                    taken += piece.len();
                    batch.extend_from_slice(&piece);
                }
                None => is_over = true,
            }
        }
        let (mut file, temp, written) = writing.await?.map_err(Refusal::of_disk)?;
        let mut full = std::mem::replace(&mut batch, written);
        writing = folder.tracker().spawn_blocking(move || {
            file.write_all(&full)?;
            full.clear();
            Ok((file, temp, full))
        });
    }
    let (_, temp, _) = writing.await?.map_err(Refusal::of_disk)?;
    compare(taken as u64, size)?;
    Ok(temp)
}

fn compare(length: u64, announced: usize) -> Result<(), Refusal> {
    match length.cmp(&(announced as u64)) {
        std::cmp::Ordering::Less => Err(Refusal::Shorter),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Refusal::Longer),
    }
}

/// The next bytes of a body; `None` at its end.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "an upload broke off");
            Refusal::BrokeOff
        })?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}
