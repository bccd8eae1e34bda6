//! The two directions of a stream, whatever kind of connection it belongs to.
//!
//! Links and exchanges know these types only: a second kind of connection is one more variant here and in
//! [`Carrier`](crate::carrier::Carrier).

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use quinn::{ConnectionError, ReadError, StoppedError, VarInt, WriteError};
use session_core::link::ReceiveError;

use crate::wire::Code;

/// The direction that sends. Dropped before [`finish`](Self::finish) it is reset: what was sent so far must not look
/// like all there was.
#[derive(Debug)]
pub(crate) struct SendStream {
    of: SendKind,
    ended: bool,
}

#[derive(Debug)]
enum SendKind {
    Quic(quinn::SendStream),
}

/// The direction that receives. Dropped before its end, the peer is asked to stop.
#[derive(Debug)]
pub(crate) struct RecvStream(RecvKind);

#[derive(Debug)]
enum RecvKind {
    Quic(quinn::RecvStream),
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
    #[error("the stream has ended")]
    Ended,
}

impl SendStream {
    /// Sends bytes, copying them: for what is small.
    ///
    /// Like every poll here it asks quinn anew each time: quinn keeps the waker with the stream, not with the future,
    /// and takes bytes only when it is ready.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, StreamError>> {
        match &mut self.of {
            SendKind::Quic(stream) => {
                Pin::new(stream).poll_write(cx, bytes).map_err(StreamError::from)
            }
        }
    }

    /// Sends pieces without a copy; how many are gone. One that went in part is left with its rest.
    pub(crate) fn poll_write_chunks(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &mut [Bytes],
    ) -> Poll<Result<usize, StreamError>> {
        match &mut self.of {
            SendKind::Quic(stream) => {
                let written = ready!(pin!(stream.write_chunks(pieces)).poll(cx));
                Poll::Ready(written.map(|written| written.chunks).map_err(StreamError::from))
            }
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
        match &mut self.of {
            // It fails only when the stream is at an end already.
            SendKind::Quic(stream) => drop(stream.finish()),
        }
    }

    /// Gives the stream up, with what was not sent yet.
    pub(crate) fn reset(&mut self, code: Code) {
        self.ended = true;
        match &mut self.of {
            SendKind::Quic(stream) => drop(stream.reset(code.into())),
        }
    }

    /// When the peer has everything, or wants no more. To be polled on: a new one forgets who waits.
    pub(crate) fn stopped(&self) -> Stopped {
        match &self.of {
            SendKind::Quic(stream) => {
                let stopped = stream.stopped();
                Box::pin(async move {
                    match stopped.await {
                        Ok(code) => Ok(code.map(VarInt::into_inner)),
                        Err(StoppedError::ConnectionLost(error)) => Err(error.into()),
                        Err(StoppedError::ZeroRttRejected) => Err(StreamError::Ended),
                    }
                })
            }
        }
    }

    /// Puts this stream before others of its connection when not all can send.
    pub(crate) fn prefer(&self) {
        match &self.of {
            SendKind::Quic(stream) => drop(stream.set_priority(1)),
        }
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
    /// The next bytes, as they came; `None` at the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamError>> {
        match &mut self.0 {
            RecvKind::Quic(stream) => {
                let chunk = ready!(pin!(stream.read_chunk(usize::MAX, true)).poll(cx));
                Poll::Ready(chunk.map(|chunk| Some(chunk?.bytes)).map_err(StreamError::from))
            }
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
        match &mut self.0 {
            // It fails only when the stream is at an end already.
            RecvKind::Quic(stream) => drop(stream.stop(code.into())),
        }
    }
}

impl From<quinn::SendStream> for SendStream {
    fn from(stream: quinn::SendStream) -> Self {
        Self { of: SendKind::Quic(stream), ended: false }
    }
}

impl From<quinn::RecvStream> for RecvStream {
    fn from(stream: quinn::RecvStream) -> Self {
        Self(RecvKind::Quic(stream))
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
