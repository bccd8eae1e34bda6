//! What carries streams to a server.

use std::net::SocketAddr;

use session_core::link::PeerInfo;

use crate::stream::{RecvStream, SendStream, StreamError};
#[cfg(feature = "webtransport")]
use crate::webtransport::Session;
use crate::wire::Code;

/// Something whose streams are links and exchanges.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// A connection that speaks [`ALPN`](crate::wire::ALPN).
    Quic(quinn::Connection),
    /// A browser's session, on a connection that may have more of them.
    #[cfg(feature = "webtransport")]
    WebTransport(Box<Session>),
}

impl Carrier {
    /// The next stream the peer opened; an error once the connection, or the session, is over.
    ///
    /// Cancel-safe.
    pub(crate) async fn accept(&mut self) -> Result<(SendStream, RecvStream), StreamError> {
        match self {
            Self::Quic(connection) => {
                let (send, recv) = connection.accept_bi().await?;
                Ok((send.into(), recv.into()))
            }
            #[cfg(feature = "webtransport")]
            Self::WebTransport(session) => session.accept().await,
        }
    }

    /// Where the peer is now; it may move.
    pub(crate) fn peer(&self) -> SocketAddr {
        match self {
            Self::Quic(connection) => connection.remote_address(),
            #[cfg(feature = "webtransport")]
            Self::WebTransport(session) => session.peer(),
        }
    }

    /// Who the peer of a stream is. The head of a browser's request goes before what a stream says of itself: there the
    /// browser speaks, here the script of a page.
    pub(crate) fn peer_info(&self) -> PeerInfo {
        match self {
            Self::Quic(connection) => PeerInfo::new(Some(connection.remote_address()), None),
            #[cfg(feature = "webtransport")]
            Self::WebTransport(session) => session.peer_info(),
        }
    }

    /// Ends it: only when no stream has anything left to deliver.
    pub(crate) async fn close(self, code: Code, reason: &'static str) {
        match self {
            Self::Quic(connection) => connection.close(code.into(), reason.as_bytes()),
            #[cfg(feature = "webtransport")]
            Self::WebTransport(session) => session.close(code, reason).await,
        }
    }
}
