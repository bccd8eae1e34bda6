//! A link over one upgraded connection.
//!
//! | file | what |
//! |---|---|
//! | `receive` | the receiving half: reads, answers pings, watches for silence |
//! | `transmit` | the sending half |
//! | `outbound` | what both halves write into, and how a link ends |
//! | `pongs` | answers that the peer is owed |
//! | `io` | the two halves of a connection |
//!
//! # Why a frame layer of our own
//!
//! The codecs at hand were read and measured against the laws of a link. None keeps them all:
//!
//! - `fastwebsockets` is not cancel-safe (it takes a head out of its buffer, then awaits the rest) and does
//!   not bound the sum of continuation frames;
//! - `tokio-websockets` queues a pong per ping without a bound, reserves by declared length, and keeps an
//!   8 KiB buffer per idle connection;
//! - `tungstenite` buffers up to twice the limit (a message and one more frame), reserves by declared length,
//!   never gives back the buffers a large message grew, and turns a close with a bad code into an orderly
//!   end.
//!
//! The frame layer here reads into the stack, so that an idle link holds no buffer at all. An echo on one
//! core: round trips per second of the server's CPU, relative to length-delimited frames over plain TCP
//! (medians of 3 or 4 interleaved rounds, which differ by 5 % at 100 B and by up to 20 % at 1 MiB), and
//! resident memory of an idle connection.
//!
//! | | TCP | here | fastwebsockets | tungstenite, 4 KiB | tokio-websockets |
//! |---|---|---|---|---|---|
//! | 100 B, 32 connections | 1 | 1.03 | 1.04 | 1.00 | 1.02 |
//! | 100 B, 1000 connections | 1 | 1.07 | 1.08 | 1.06 | 1.02 |
//! | 1 MiB, 32 connections | 1 | 0.96 | 0.97 | 0.43 | 1.10 |
//! | KiB when idle | 9.3 | 1.9 | 5.5 | 6.5 | 6.0 |
//! | KiB when idle, after one message of 256 KiB | 267 | 2.2 | 269 | 530 | 270 |
//!
//! So it is chosen for the laws and the memory; in speed the smaller codecs are its equals.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use session_core::link::{Link, PeerInfo};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::frame::{Decoder, Role};

mod io;
mod outbound;
mod pongs;
mod receive;
mod transmit;

pub(crate) use io::Socket;
use outbound::Shared;
pub use receive::WsReceive;
pub use transmit::WsTransmit;

/// A link over WebSocket: one end of one connection.
pub struct WsLink {
    peer: PeerInfo,
    receive: WsReceive,
    transmit: WsTransmit,
}

/// What a link is told about its limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) role: Role,
    /// The largest message, in bytes.
    pub(crate) max_message: usize,
    /// `None` for a link that does not ping.
    pub(crate) heartbeat: Option<Heartbeat>,
    /// Control frames, and pieces of a message without a byte, allowed per second.
    pub(crate) max_control_rate: u32,
    /// How long a link that was closed waits for the peer to read the rest and hang up.
    pub(crate) linger: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Heartbeat {
    /// How often the peer is pinged.
    pub(crate) interval: Duration,
    /// Pings in a row without a byte from the peer before it counts as lost.
    pub(crate) missed: u32,
}

/// What is released when the socket of a link is: its place under the cap, its mark in the tracker.
#[derive(Default)]
pub(crate) struct Hold {
    pub(crate) _permit: Option<Arc<OwnedSemaphorePermit>>,
    pub(crate) _token: Option<TaskTrackerToken>,
}

impl WsLink {
    /// A link over a connection that finished its handshake; `early` is what was read beyond it.
    ///
    /// Must be called within a runtime.
    pub(crate) fn new(
        socket: Socket,
        early: Bytes,
        peer: PeerInfo,
        rules: Rules,
        hold: Hold,
    ) -> Self {
        let (reader, writer) = socket.split();
        let shared = Shared::new(writer, rules, hold);
        let decoder = Decoder::new(rules.role, rules.max_message);
        Self {
            peer,
            receive: WsReceive::new(reader, early, decoder, rules, Arc::clone(&shared)),
            transmit: WsTransmit::new(shared),
        }
    }
}

impl Link for WsLink {
    type Receive = WsReceive;
    type Transmit = WsTransmit;

    fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    fn split(self) -> (WsReceive, WsTransmit) {
        (self.receive, self.transmit)
    }
}

impl fmt::Debug for WsLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsLink").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}
