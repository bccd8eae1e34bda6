use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use session_core::exchange::{Body, BoxError};

use crate::stream::{RecvStream, SendStream};
use crate::wire::Code;

/// The body that the rest of a stream is. Dropped before its end, the peer is asked to stop. `keep` is dropped with
/// it, or at its end.
pub(super) struct Incoming<K> {
    /// What was read with the head.
    early: Bytes,
    /// `None` at the end.
    stream: Option<RecvStream>,
    keep: Option<K>,
}

impl<K> Incoming<K> {
    pub(super) const fn new(early: Bytes, stream: RecvStream, keep: K) -> Self {
        Self { early, stream: Some(stream), keep: Some(keep) }
    }

    fn end(&mut self) {
        self.stream = None;
        self.keep = None;
    }
}

impl<K: Unpin> http_body::Body for Incoming<K> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.early.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.early)))));
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let read = ready!(stream.poll_read(cx));
        if !matches!(read, Ok(Some(_))) {
            self.end();
        }
        Poll::Ready(read.map_err(io::Error::from).transpose().map(|read| read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.early.is_empty() && self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl<K> Drop for Incoming<K> {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.stop(Code::Dropped);
        }
    }
}

impl<K> fmt::Debug for Incoming<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incoming")
    }
}

/// Sends a body to its end and ends the stream; a body that fails resets it.
pub(super) async fn send(stream: &mut SendStream, mut body: Body) -> Result<(), BoxError> {
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.map(Frame::into_data) {
            Ok(Ok(bytes)) => stream.write_all(bytes).await?,
            // Trailers say nothing that the body has not.
            Ok(Err(_)) => {}
            Err(error) => {
                // Not dropped as it is: a stream that just ends is a whole body.
                stream.reset(Code::Failed);
                return Err(error);
            }
        }
    }
    stream.finish();
    Ok(())
}
