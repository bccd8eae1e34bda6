//! The two directions of a stream, whatever kind of connection it belongs to.
//!
//! Links and exchanges know these types only: what differs from one kind of connection to the other is in [`Owner`].

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use quinn::{ConnectionError, ReadError, VarInt, WriteError};
use session_core::link::ReceiveError;

use crate::wire::Code;

mod owner;

pub(crate) use owner::Owner;

/// The direction that sends. Dropped before [`finish`](Self::finish) it is reset: what was sent so far must not look
/// like all there was.
#[derive(Debug)]
pub(crate) struct SendStream {
    stream: quinn::SendStream,
    owner: Owner,
    ended: bool,
}

/// The direction that receives. Dropped before its end, the peer is asked to stop.
#[derive(Debug)]
pub(crate) struct RecvStream {
    stream: quinn::RecvStream,
    owner: Owner,
}

/// Completes when the peer has everything (`None`), or asked to stop, with the code it gave.
pub(crate) type Stopped =
    Pin<Box<dyn Future<Output = Result<Option<u64>, StreamError>> + Send + Sync>>;

/// Why a stream goes no further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("the peer takes no more of the stream (code {0})")]
    Stopped(u64),
    #[error("the peer gave up the stream (code {0})")]
    Reset(u64),
    #[error("the peer was silent for too long")]
    TimedOut,
    #[error("the connection is lost")]
    Lost(#[source] ConnectionError),
    #[cfg(feature = "webtransport")]
    #[error("the session of the stream is over")]
    SessionOver,
    #[error("the stream has ended")]
    Ended,
}

impl SendStream {
    pub(crate) const fn new(stream: quinn::SendStream, owner: Owner) -> Self {
        Self { stream, owner, ended: false }
    }

    /// Sends bytes, copying them: for what is small.
    ///
    /// Like every poll here it asks quinn anew each time: quinn keeps the waker with the stream, not with the future,
    /// and takes bytes only when it is ready.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, StreamError>> {
        self.owner.check()?;
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => Poll::Ready(written.map_err(|error| self.owner.write(error))),
            Poll::Pending => self.owner.poll_over(cx).map(Err),
        }
    }

    /// Sends pieces without a copy; how many are gone. One that went in part is left with its rest.
    pub(crate) fn poll_write_chunks(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &mut [Bytes],
    ) -> Poll<Result<usize, StreamError>> {
        self.owner.check()?;
        match pin!(self.stream.write_chunks(pieces)).poll(cx) {
            Poll::Ready(written) => Poll::Ready(
                written.map(|written| written.chunks).map_err(|error| self.owner.write(error)),
            ),
            Poll::Pending => self.owner.poll_over(cx).map(Err),
        }
    }

    /// Sends all of a piece.
    pub(crate) async fn write_all(&mut self, piece: Bytes) -> Result<(), StreamError> {
        let mut pieces = [piece];
        while !pieces[0].is_empty() {
            poll_fn(|cx| self.poll_write_chunks(cx, &mut pieces)).await?;
        }
        Ok(())
    }

    /// Ends the stream in good order, behind what was sent.
    pub(crate) fn finish(&mut self) {
        self.ended = true;
        // It fails only when the stream is at an end already.
        let _ = self.stream.finish();
    }

    /// Gives the stream up, with what was not sent yet.
    pub(crate) fn reset(&mut self, code: Code) {
        self.ended = true;
        let _ = self.stream.reset(self.owner.code(code));
    }

    /// When the peer has everything, or wants no more. To be polled on: a new one forgets who waits.
    pub(crate) fn stopped(&self) -> Stopped {
        self.owner.stopped(self.stream.stopped())
    }

    /// Puts this stream before others of its connection when not all can send.
    pub(crate) fn prefer(&self) {
        let _ = self.stream.set_priority(1);
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.ended {
            self.reset(Code::Dropped);
        }
    }
}

impl RecvStream {
    pub(crate) const fn new(stream: quinn::RecvStream, owner: Owner) -> Self {
        Self { stream, owner }
    }

    /// The next bytes, as they came; `None` at the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamError>> {
        match pin!(self.stream.read_chunk(usize::MAX, true)).poll(cx) {
            Poll::Ready(chunk) => Poll::Ready(
                chunk.map(|chunk| Some(chunk?.bytes)).map_err(|error| self.owner.read(error)),
            ),
            Poll::Pending => self.owner.poll_over(cx).map(Err),
        }
    }

    /// The next pieces of bytes, as they came; how many, or `None` at the end of the stream.
    pub(crate) fn poll_read_many(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &mut [Bytes],
    ) -> Poll<Result<Option<usize>, StreamError>> {
        match pin!(self.stream.read_chunks(pieces)).poll(cx) {
            Poll::Ready(read) => Poll::Ready(read.map_err(|error| self.owner.read(error))),
            Poll::Pending => self.owner.poll_over(cx).map(Err),
        }
    }

    /// The next bytes, as they came; `None` at the end of the stream.
    pub(crate) async fn read(&mut self) -> Result<Option<Bytes>, StreamError> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// Takes what still comes until the peer has ended the stream.
    pub(crate) async fn drain(&mut self) {
        while let Ok(Some(_)) = self.read().await {}
    }

    /// Wants nothing more of the stream.
    pub(crate) fn stop(&mut self, code: Code) {
        // It fails only when the stream is at an end already.
        let _ = self.stream.stop(self.owner.code(code));
    }
}

impl Drop for RecvStream {
    /// As quinn does it, in the code that its owner has for it.
    fn drop(&mut self) {
        self.stop(Code::Done);
    }
}

impl From<quinn::SendStream> for SendStream {
    fn from(stream: quinn::SendStream) -> Self {
        Self::new(stream, Owner::Connection)
    }
}

impl From<quinn::RecvStream> for RecvStream {
    fn from(stream: quinn::RecvStream) -> Self {
        Self::new(stream, Owner::Connection)
    }
}

impl From<Code> for VarInt {
    fn from(code: Code) -> Self {
        Self::from_u32(code as u32)
    }
}

impl From<ConnectionError> for StreamError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::TimedOut => Self::TimedOut,
            error => Self::Lost(error),
        }
    }
}

impl From<WriteError> for StreamError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::Stopped(code.into_inner()),
            WriteError::ConnectionLost(error) => error.into(),
            WriteError::ClosedStream | WriteError::ZeroRttRejected => Self::Ended,
        }
    }
}

impl From<ReadError> for StreamError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::Reset(code.into_inner()),
            ReadError::ConnectionLost(error) => error.into(),
            ReadError::ClosedStream
            | ReadError::IllegalOrderedRead
            | ReadError::ZeroRttRejected => Self::Ended,
        }
    }
}

impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> Self {
        let kind = match &error {
            StreamError::Stopped(_) => io::ErrorKind::BrokenPipe,
            StreamError::Reset(_) => io::ErrorKind::ConnectionReset,
            StreamError::TimedOut => io::ErrorKind::TimedOut,
            StreamError::Lost(_) => io::ErrorKind::ConnectionAborted,
            #[cfg(feature = "webtransport")]
            StreamError::SessionOver => io::ErrorKind::ConnectionAborted,
            StreamError::Ended => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}

impl From<StreamError> for ReceiveError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::TimedOut => Self::TimedOut,
            error => Self::Aborted(Some(error.into())),
        }
    }
}
