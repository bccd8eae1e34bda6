use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// A connection that was upgraded.
pub(crate) enum Socket {
    /// Plain TCP, whose halves need no lock and which can be reset.
    Tcp(TcpStream),
    /// Whatever a user's own server runs on.
    Other(TokioIo<Upgraded>),
}

impl Socket {
    /// The socket below an upgraded connection, and what was read beyond the handshake.
    pub(crate) fn from_upgraded(upgraded: Upgraded) -> (Self, Bytes) {
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            // The leftover is a slice of the buffer of the whole handshake: copied, to let that go.
            Ok(parts) => {
                (Self::Tcp(parts.io.into_inner()), Bytes::copy_from_slice(&parts.read_buf))
            }
            Err(upgraded) => (Self::Other(TokioIo::new(upgraded)), Bytes::new()),
        }
    }

    pub(super) fn split(self) -> (Reader, Writer) {
        match self {
            Self::Tcp(stream) => {
                let (reader, writer) = stream.into_split();
                (Reader::Tcp(reader), Writer::Tcp(writer))
            }
            Self::Other(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                (Reader::Other(reader), Writer::Other(writer))
            }
        }
    }
}

pub(super) enum Reader {
    Tcp(OwnedReadHalf),
    Other(ReadHalf<TokioIo<Upgraded>>),
}

pub(super) enum Writer {
    Tcp(OwnedWriteHalf),
    Other(WriteHalf<TokioIo<Upgraded>>),
}

impl Writer {
    /// Makes the end of the connection a reset, where that is possible.
    pub(super) fn reset_on_drop(&self) {
        if let Self::Tcp(writer) = self {
            // When it fails the connection is gone already.
            let _ = writer.as_ref().set_zero_linger();
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(reader) => Pin::new(reader).poll_read(cx, buf),
            Self::Other(reader) => Pin::new(reader).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(writer) => Pin::new(writer).poll_write(cx, buf),
            Self::Other(writer) => Pin::new(writer).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(writer) => Pin::new(writer).poll_write_vectored(cx, bufs),
            Self::Other(writer) => Pin::new(writer).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(writer) => writer.is_write_vectored(),
            Self::Other(writer) => writer.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(writer) => Pin::new(writer).poll_flush(cx),
            Self::Other(writer) => Pin::new(writer).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(writer) => Pin::new(writer).poll_shutdown(cx),
            Self::Other(writer) => Pin::new(writer).poll_shutdown(cx),
        }
    }
}
