//! The contract between sessions and transports.
//!
//! A transport carries two things (decision 36):
//!
//! | | what | by whom |
//! |---|---|---|
//! | **link** | ordered frames of one session, both ways | opened by the client, one per session |
//! | **exchange** | one request with a streamed body, one response with a streamed body | opened by the client, any number |
//!
//! A [`Listener`] gives both. A [`Link`] splits into a [`Receive`] and a [`Transmit`] half; the halves are
//! poll-based, so that a frame costs no allocation beyond its own bytes.
//!
//! # Laws
//!
//! 1. Frames arrive whole, unchanged, in order, and keep their kind (text or binary); empty frames too.
//! 2. A frame over the limit never reaches the session; the receiving half answers [`ReceiveError::TooLarge`],
//!    having buffered no more than the limit and one read.
//! 3. `poll_receive` is cancel-safe: not polling it again, for ever or for a while, loses nothing.
//! 4. An orderly end is `Ok(None)` and nothing else is; a link that vanished is [`ReceiveError::Aborted`].
//! 5. `poll_close` delivers every frame accepted before it, then the reason, then ends. Dropping a
//!    [`Transmit`] without it aborts the link: the peer must not take that for an orderly end.
//! 6. `poll_ready` is the back-pressure: when the peer does not read it stays pending, and what the link
//!    has buffered stays bounded.
//! 7. Either half works without the other being polled: a link that answers pings does so from
//!    `poll_receive`, and never deadlocks on a full socket.
//! 8. Links are independent: nothing one link does delays, ends or is seen by another.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use crate::exchange::{Exchange, Request, Response};

mod close;
mod erased;
mod frame;
pub mod framing;
mod gate;
mod identity;
mod memory;
mod peer;

pub use close::{CloseCode, CloseReason};
pub use erased::{AnyLink, AnyListener};
pub use frame::{Frame, NotUtf8, Text};
pub use gate::{Gate, Refusal};
pub use identity::Identity;
pub use memory::{
    Connector, MemoryLink, MemoryListener, MemoryReceive, MemoryTransmit, NotListening, memory,
};
pub use peer::PeerInfo;

/// Where links and exchanges come from.
#[async_trait]
pub trait Listener: Send + 'static {
    /// The links this listener accepts.
    type Link: Link;

    /// Waits for the next link or exchange.
    ///
    /// Cannot fail: what is transient (out of file descriptors, a bad handshake, a peer that goes away) is
    /// retried inside, with a log line. `None` means never again. A handshake that never completes does not
    /// delay the next one.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: a link that was accepted but not returned is returned by the next call.
    async fn accept(&mut self) -> Option<Incoming<Self::Link>>;

    /// Tells, before the first `accept`, whom the server lets in.
    ///
    /// A transport whose handshake can refuse with a status asks the gate there, and answers with the status of a
    /// [`Refusal`]; the links it gives then carry the peer that was asked. The server asks for every link that was not let in
    /// by its gate, and turns it away with [`Refusal::close_reason`]: there is nothing to do for a transport without such a
    /// handshake, which is what this does unless overridden.
    ///
    /// Exchanges are not asked for: who knows the id of a session was let in with it.
    fn guard(&mut self, gate: Gate) {
        let _ = gate;
    }

    /// Accepts no more, from the first poll on, and waits until what clients were promised is with them: the
    /// last frames and the reason of links that were closed, the rest of responses.
    ///
    /// A process that ends without it may take its last words along. The caller bounds the wait. Without
    /// anything in the background there is nothing to wait for, which is what this does unless overridden.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    async fn finish(&mut self) {}

    /// The address to print for a person, for instance `http://127.0.0.1:8000/`.
    fn address(&self) -> String;
}

/// The client's side of a transport: opens the links and exchanges that a [`Listener`] accepts.
///
/// Native programs are written against it, so that they too change their transport without a change of code.
#[async_trait]
pub trait Connect: Send + Sync + 'static {
    /// The links it opens.
    type Link: Link;
    /// Why there is no link, or no response.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Opens a link.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the link is aborted.
    async fn link(&self) -> Result<Self::Link, Self::Error>;

    /// Sends a request beside the links, and gives the response as soon as its head is there; both bodies stream.
    ///
    /// The request's URI is a path with a query: the one the session gave out.
    ///
    /// # Errors
    ///
    /// When there is no response. That the server answers with an error is a response.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the request is cancelled; so it is when the response's body is dropped.
    async fn exchange(&self, request: Request) -> Result<Response, Self::Error>;
}

/// What a client opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Incoming<L> {
    /// A link: the beginning of a session.
    Link(L),
    /// A request beside the links, answered by one session.
    Exchange(Exchange),
}

/// One client's ordered, two-way stream of frames.
pub trait Link: Send + 'static {
    /// The half that receives.
    type Receive: Receive;
    /// The half that sends.
    type Transmit: Transmit;

    /// Who is at the other end, as far as the transport knows.
    fn peer(&self) -> &PeerInfo;

    /// Takes the link apart; the halves may live in different tasks.
    fn split(self) -> (Self::Receive, Self::Transmit);
}

/// The receiving half of a link.
pub trait Receive: Send + 'static {
    /// The next whole frame; `Ok(None)` once the peer ended the link in good order.
    ///
    /// After `Ok(None)` or an error, every later call gives `Ok(None)`.
    ///
    /// # Errors
    ///
    /// See [`ReceiveError`]. The link gives no further frame after one.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReceiveError>>;

    /// The reason the peer gave when it ended the link; `None` before that, or when it gave none.
    fn close_reason(&self) -> Option<&CloseReason>;
}

/// The sending half of a link.
///
/// Use it as a sink: `poll_ready`, then `start_send`, repeated, then `poll_flush`. Frames started between
/// two flushes leave in one write where the transport can.
pub trait Transmit: Send + 'static {
    /// Waits for room for one more frame.
    ///
    /// # Errors
    ///
    /// [`TransmitError::Closed`] once the link is gone.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>>;

    /// Accepts a frame; call only after `poll_ready` gave `Ready(Ok(()))`, once for each.
    ///
    /// # Errors
    ///
    /// [`TransmitError::Closed`] once the link is gone.
    fn start_send(&mut self, frame: Frame) -> Result<(), TransmitError>;

    /// Writes out what was accepted. Ready when the transport has taken all of it.
    ///
    /// # Errors
    ///
    /// [`TransmitError::Closed`] once the link is gone.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>>;

    /// Writes out what was accepted, then the reason, then ends the link (law 5).
    ///
    /// # Errors
    ///
    /// [`TransmitError::Closed`] when the peer was gone before all was delivered.
    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>>;
}

/// Why a link gives no further frame.
///
/// Cut by what the session does next: an aborted link is not answered, the others are closed with
/// [`ReceiveError::close_reason`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The peer vanished: reset, unexpected end, lost connection.
    #[error("the link was aborted by the peer")]
    Aborted(#[source] Option<std::io::Error>),
    /// The peer was silent for longer than the transport allows.
    #[error("the peer was silent for too long")]
    TimedOut,
    /// A frame over the limit.
    #[error("a frame is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes of one whole frame.
        limit: usize,
    },
    /// A text frame that is not UTF-8.
    #[error("a text frame is not valid UTF-8")]
    NotUtf8,
    /// The peer sends more, or more often, than the transport allows.
    #[error("the peer went over a limit: {0}")]
    Policy(String),
    /// The peer broke the transport's own protocol.
    #[error("the peer broke the protocol of the transport: {0}")]
    Protocol(String),
}

impl ReceiveError {
    /// What to tell the peer; `None` when there is nobody left to tell.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Aborted(_) | Self::TimedOut => None,
            Self::TooLarge { .. } => Some(CloseReason::new(CloseCode::TOO_BIG, self.to_string())),
            Self::NotUtf8 => Some(CloseReason::new(CloseCode::INVALID_DATA, self.to_string())),
            Self::Policy(_) => Some(CloseReason::new(CloseCode::POLICY, self.to_string())),
            Self::Protocol(_) => Some(CloseReason::new(CloseCode::PROTOCOL, self.to_string())),
        }
    }
}

/// Why a frame could not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransmitError {
    /// The link is gone; nothing will be sent on it again.
    #[error("the link is closed")]
    Closed(#[source] Option<std::io::Error>),
}

/// [`Receive`] for `async` code.
pub trait ReceiveExt: Receive {
    /// The next whole frame; `Ok(None)` once the peer ended the link in good order.
    ///
    /// # Errors
    ///
    /// As [`Receive::poll_receive`].
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    fn receive(&mut self) -> impl Future<Output = Result<Option<Frame>, ReceiveError>> + Send {
        poll_fn(|cx| self.poll_receive(cx))
    }
}

impl<R: Receive> ReceiveExt for R {}

/// [`Transmit`] for `async` code.
pub trait TransmitExt: Transmit {
    /// Sends one frame and flushes.
    ///
    /// # Errors
    ///
    /// As [`Transmit::poll_ready`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the frame was either accepted whole or not at all.
    fn send(&mut self, frame: Frame) -> impl Future<Output = Result<(), TransmitError>> + Send {
        let mut frame = Some(frame);
        poll_fn(move |cx| {
            if frame.is_some() {
                std::task::ready!(self.poll_ready(cx))?;
                if let Some(frame) = frame.take() {
                    self.start_send(frame)?;
                }
            }
            self.poll_flush(cx)
        })
    }

    /// Ends the link in good order.
    ///
    /// # Errors
    ///
    /// As [`Transmit::poll_close`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: dropped before it is ready, the link is aborted.
    fn close(
        mut self,
        reason: CloseReason,
    ) -> impl Future<Output = Result<(), TransmitError>> + Send
    where
        Self: Sized,
    {
        async move { poll_fn(|cx| self.poll_close(cx, &reason)).await }
    }
}

impl<T: Transmit> TransmitExt for T {}

/// Ends a link that nobody takes, with the reason why; a client that has not taken that within `limit` is gone.
///
/// For servers and listeners; must be called within a runtime of tokio.
///
/// # Cancel safety
///
/// Dropped before it is ready, the link is aborted.
pub async fn turn_away<L: Link>(link: L, reason: CloseReason, limit: Duration) {
    // The receiving half is kept until then: it may be what tells when the client is done.
    let (receive, transmit) = link.split();
    let _ = timeout(limit, transmit.close(reason)).await;
    drop(receive);
}

impl<L> fmt::Display for Incoming<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link(_) => "link",
            Self::Exchange(_) => "exchange",
        })
    }
}
