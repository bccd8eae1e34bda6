//! What carries streams.

use std::net::SocketAddr;

use crate::stream::{RecvStream, SendStream, StreamError};
use crate::wire::Code;

/// A connection whose streams are links and exchanges.
#[derive(Debug, Clone)]
pub(crate) enum Carrier {
    /// A connection that speaks [`ALPN`](crate::wire::ALPN).
    Quic(quinn::Connection),
}

impl Carrier {
    /// The next stream the peer opened; an error once the connection is over.
    ///
    /// Cancel-safe.
    pub(crate) async fn accept(&self) -> Result<(SendStream, RecvStream), StreamError> {
        match self {
            Self::Quic(connection) => {
                let (send, recv) = connection.accept_bi().await?;
                Ok((send.into(), recv.into()))
            }
        }
    }

    /// Opens a stream, once the peer lets there be one more. The peer sees it with the first byte.
    ///
    /// Cancel-safe.
    pub(crate) async fn open(&self) -> Result<(SendStream, RecvStream), StreamError> {
        match self {
            Self::Quic(connection) => {
                let (send, recv) = connection.open_bi().await?;
                Ok((send.into(), recv.into()))
            }
        }
    }

    /// Where the peer is now; it may move.
    pub(crate) fn peer(&self) -> SocketAddr {
        match self {
            Self::Quic(connection) => connection.remote_address(),
        }
    }

    /// Ends the connection at once: only when no stream has anything left to deliver.
    pub(crate) fn close(&self, code: Code, reason: &'static str) {
        match self {
            Self::Quic(connection) => connection.close(code.into(), reason.as_bytes()),
        }
    }
}
