use std::io;

use quinn::ConnectionError;
use session_core::exchange::head::InvalidHead;
use session_core::link::framing::TooLarge;

use crate::head::HeadError;
use crate::stream::StreamError;

/// Why there is no connection, no link, or no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be used.
    #[error("{url} cannot be used: {problem}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A header cannot be sent.
    #[error("{name} is not a header that can be sent")]
    Header {
        /// Its name.
        name: String,
    },
    /// The certificates a client was told to trust cannot be used.
    #[error("the trusted certificates cannot be used: {0}")]
    Roots(String),
    /// The head of the request cannot be sent.
    #[error("the head of the request cannot be sent: {0}")]
    Head(String),
    /// The server cannot be reached: no such name, no socket, no route.
    #[error("the server cannot be reached")]
    Io(#[from] io::Error),
    /// The server did not answer in time.
    #[error("the server does not answer")]
    TimedOut,
    /// The server's certificate is not one this client trusts.
    #[error("the certificate of the server is not trusted: {0}")]
    Untrusted(String),
    /// The server is full or shutting down.
    #[error("the server refused the connection")]
    Refused,
    /// The server speaks something else.
    #[error("the server does not speak this protocol")]
    Protocol,
    /// The connection was lost, or closed.
    #[error("the connection is lost")]
    Lost(#[source] io::Error),
    /// As many links and exchanges as the server allows were open for too long.
    #[error("the server allows no more streams on this connection")]
    Full,
    /// The server gave up the exchange before it answered.
    #[error("the server gave up the exchange")]
    Aborted(#[source] io::Error),
    /// The server's answer is no response.
    #[error("the answer is not a response: {0}")]
    Response(String),
}

/// What a server's alert in the handshake means that it speaks no protocol the client does.
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// An alert of TLS stands in the low byte of a code in this range.
const TLS: u64 = 0x100;

impl From<ConnectionError> for ConnectError {
    fn from(error: ConnectionError) -> Self {
        let alert = |code| match code {
            code if code == TLS + u64::from(NO_APPLICATION_PROTOCOL) => Some(Self::Protocol),
            code if (TLS..2 * TLS).contains(&code) => Some(Self::Untrusted(error.to_string())),
            code if code == u64::from(quinn::TransportErrorCode::CONNECTION_REFUSED) => {
                Some(Self::Refused)
            }
            _ => None,
        };
        let known = match &error {
            ConnectionError::TimedOut => Some(Self::TimedOut),
            ConnectionError::VersionMismatch => Some(Self::Protocol),
            ConnectionError::TransportError(error) => alert(u64::from(error.code)),
            ConnectionError::ConnectionClosed(close) => alert(u64::from(close.error_code)),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Lost(error.into()))
    }
}

impl From<StreamError> for ConnectError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Reset(_) | StreamError::Stopped(_) => Self::Aborted(error.into()),
            error => Self::Lost(error.into()),
        }
    }
}

impl From<InvalidHead> for ConnectError {
    fn from(error: InvalidHead) -> Self {
        Self::Head(error.to_string())
    }
}

impl From<TooLarge> for ConnectError {
    fn from(error: TooLarge) -> Self {
        Self::Head(error.to_string())
    }
}

impl From<HeadError> for ConnectError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Stream(error) => error.into(),
            error => Self::Response(error.to_string()),
        }
    }
}
