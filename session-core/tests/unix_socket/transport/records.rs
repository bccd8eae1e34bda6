use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use session_core::link::framing::{self, Decoder, Record};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// The largest payload until a link or an exchange says otherwise: the head of a request, a piece of a body.
pub(super) const PIECE: usize = 64 * 1024;

/// Bytes asked of the socket at a time.
const READ: usize = 16 * 1024;
/// Bytes that may wait to be written before a writer has no more room.
const HIGH_WATER: usize = 64 * 1024;
/// Slices of one vectored write.
const SLICES: usize = 32;

/// The halves of a connection; either lives without the other.
pub(super) fn split(socket: UnixStream) -> (Reader, Writer) {
    let (read, write) = socket.into_split();
    let decoder = Decoder::new(PIECE);
    let writer = Writer { socket: write, queue: VecDeque::new(), buffered: 0 };
    (Reader { socket: read, decoder, unread: Bytes::new() }, writer)
}

/// Records out of a socket.
#[derive(Debug)]
pub(super) struct Reader {
    socket: OwnedReadHalf,
    /// Keeps an unfinished record, so that a read that is dropped loses nothing.
    decoder: Decoder,
    /// What was read and not yet decoded: less than [`READ`] bytes.
    unread: Bytes,
}

impl Reader {
    /// The largest payload from the next record on.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.decoder.set_limit(limit);
    }

    /// The next record; `None` when the peer has shut its side, in the middle of a record or not. Whether it had
    /// said all it wanted to is known by its last record.
    ///
    /// Buffers no more than the limit and one read.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Record>>> {
        loop {
            // The decoder's `TooLarge` travels as the cause of the error.
            if let Some(record) = self.decoder.decode(&mut self.unread).map_err(too_large)? {
                return Poll::Ready(Ok(Some(record)));
            }
            let mut bytes = BytesMut::zeroed(READ);
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
            let length = buffer.filled().len();
            if length == 0 {
                return Poll::Ready(Ok(None));
            }
            bytes.truncate(length);
            self.unread = bytes.freeze();
        }
    }

    pub(super) async fn next(&mut self) -> io::Result<Option<Record>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Waits until the peer has gone, and throws away what it says until then.
    pub(super) async fn gone(mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }
}

fn too_large(error: framing::TooLarge) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Records into a socket.
///
/// Dropping it shuts our side of the connection: the peer sees the stream end.
#[derive(Debug)]
pub(super) struct Writer {
    socket: OwnedWriteHalf,
    queue: VecDeque<Bytes>,
    /// Bytes in the queue.
    buffered: usize,
}

impl Writer {
    /// Takes a record. Only [`Self::poll_ready`] keeps what is taken within bounds.
    pub(super) fn put(&mut self, kind: u8, payload: Bytes) -> io::Result<()> {
        let header = framing::header(kind, payload.len()).map_err(too_large)?;
        self.buffered += header.len() + payload.len();
        self.queue.push_back(Bytes::copy_from_slice(&header));
        if !payload.is_empty() {
            self.queue.push_back(payload);
        }
        Ok(())
    }

    /// Waits for room; makes it, too.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.buffered >= HIGH_WATER {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until the socket has taken everything.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.buffered > 0 {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// After everything is flushed: the peer sees the stream end once it has read all of it.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// One write, of many records if there are many.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        for (slice, bytes) in slices.iter_mut().zip(&self.queue) {
            *slice = IoSlice::new(bytes);
        }
        let count = self.queue.len().min(SLICES);
        let socket = Pin::new(&mut self.socket);
        let mut written = ready!(socket.poll_write_vectored(cx, &slices[..count]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.buffered -= written;
        while let Some(first) = self.queue.front_mut() {
            let taken = written.min(first.len());
            first.advance(taken);
            written -= taken;
            if first.has_remaining() {
                break;
            }
            self.queue.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    /// One record, flushed. Not cancel-safe.
    pub(super) async fn send(&mut self, kind: u8, payload: Bytes) -> io::Result<()> {
        self.put(kind, payload)?;
        poll_fn(|cx| self.poll_flush(cx)).await
    }
}
