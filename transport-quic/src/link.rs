//! A link over one stream.
//!
//! | file | what |
//! |---|---|
//! | `receive` | the receiving half: records in, frames out |
//! | `transmit` | the sending half |
//! | `outbound` | what both halves reach, and how a link ends |
//! | `pending` | frames on their way into the stream |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use session_core::link::{Link, PeerInfo};
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::stream::{RecvStream, SendStream};

mod outbound;
mod pending;
mod receive;
mod transmit;

use outbound::Shared;
pub use receive::QuicReceive;
pub use transmit::QuicTransmit;

/// A link over QUIC: one stream of a connection that others may share.
pub struct QuicLink {
    peer: PeerInfo,
    receive: QuicReceive,
    transmit: QuicTransmit,
}

/// What a link is told about its limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) opener: Opener,
    /// The largest message, in bytes.
    pub(crate) max_message: usize,
    /// How long a link that was closed waits for the peer to have read the rest.
    pub(crate) linger: Duration,
}

/// Who opened a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opener {
    /// This end, and the peer may not know of it yet.
    Us,
    Peer,
}

impl QuicLink {
    /// A link over a stream whose head was read; `early` is what was read beyond it. `token` marks the stream as in
    /// use until all of it is done with.
    ///
    /// Must be called within a runtime.
    pub(crate) fn new(
        (send, recv): (SendStream, RecvStream),
        early: Bytes,
        peer: PeerInfo,
        rules: Rules,
        token: TaskTrackerToken,
    ) -> Self {
        // A session's updates go before the downloads beside it.
        send.prefer();
        let shared = Shared::new(send, rules, token);
        Self {
            peer,
            receive: QuicReceive::new(recv, early, rules, Arc::clone(&shared)),
            transmit: QuicTransmit::new(shared),
        }
    }
}

impl Link for QuicLink {
    type Receive = QuicReceive;
    type Transmit = QuicTransmit;

    fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    fn split(self) -> (QuicReceive, QuicTransmit) {
        (self.receive, self.transmit)
    }
}

impl fmt::Debug for QuicLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicLink").field("peer", &self.peer).finish_non_exhaustive()
    }
}
