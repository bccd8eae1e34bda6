//! A stream on its way to the client.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http_body::Frame;

use super::content::Chunks;
use crate::Result;
use crate::exchange::{Body, BoxError};

/// A body of chunks, of which the first is made.
pub(super) struct Pieces {
    id: Box<str>,
    first: Option<Bytes>,
    /// `None` once it has ended.
    rest: Option<Chunks<Bytes>>,
    /// It failed, which the transport has yet to learn.
    is_broken: bool,
}

/// What the transport learns of a stream that failed; the log has the whole.
#[derive(Debug, thiserror::Error)]
#[error("the download broke off")]
struct BrokeOff;

impl Pieces {
    /// Waits for the first byte: until it is there, the response can still be an error.
    pub(super) async fn first(id: &str, mut rest: Chunks<Bytes>) -> Result<Self> {
        let of = |first, rest| Self { id: id.into(), first, rest, is_broken: false };
        loop {
            match rest.try_next().await? {
                Some(chunk) if chunk.is_empty() => tokio::task::consume_budget().await,
                Some(chunk) => return Ok(of(Some(chunk), Some(rest))),
                None => return Ok(of(None, None)),
            }
        }
    }
}

impl From<Pieces> for Body {
    fn from(pieces: Pieces) -> Self {
        Self::new(pieces)
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Some(chunk) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if std::mem::take(&mut this.is_broken) {
            return Poll::Ready(Some(Err(BrokeOff.into())));
        }
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        Poll::Ready(match ready!(rest.poll_next_unpin(cx)) {
            Some(Ok(chunk)) if chunk.is_empty() => {
                // Not every way to the client has a form for no bytes; and others have their turn.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Ok(chunk)) => Some(Ok(Frame::data(chunk))),
            Some(Err(failure)) => {
                tracing::warn!(id = &*this.id, %failure, "a download broke off");
                this.rest = None;
                this.is_broken = true;
                // The transport has a turn to write out what came before: an error may overtake it.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => {
                this.rest = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_none() && !self.is_broken
    }
}
