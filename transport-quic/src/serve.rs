//! One connection after its handshake: its streams become links and exchanges.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use session_core::exchange::head as request_head;
use session_core::link::framing::Record;
use session_core::link::{CloseCode, CloseReason, Incoming, PeerInfo, turn_away};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::carrier::Carrier;
use crate::exchange;
use crate::head::{self, HeadError};
use crate::link::{QuicLink, Rules};
use crate::stream::{RecvStream, SendStream};
use crate::wire::{Code, OPEN, REQUEST};

/// What every connection of a listener is served with.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) incoming: mpsc::Sender<Incoming<QuicLink>>,
    pub(crate) rules: Rules,
    /// By when a stream must have said what it is.
    pub(crate) head_timeout: Duration,
    /// How long a connection may be without a stream.
    pub(crate) idle_timeout: Duration,
    /// Cancelled when the listener finishes or is dropped.
    pub(crate) stop: CancellationToken,
    /// Streams that a connection may have open.
    #[cfg(feature = "webtransport")]
    pub(crate) max_streams: usize,
    /// Which pages may open a session.
    #[cfg(feature = "webtransport")]
    pub(crate) guard: crate::webtransport::Guard,
    /// Whom the server lets in, once it has said so. A link has no handshake of its own to be refused with a status, so
    /// only sessions of pages are asked for here.
    #[cfg(feature = "webtransport")]
    pub(crate) gate: Arc<std::sync::OnceLock<session_core::link::Gate>>,
}

/// Serves a connection, or a session of one, until the peer closes it or is lost, until it had no stream for long, or,
/// once the listener stops, until its last stream is done with.
pub(crate) async fn serve(mut carrier: Carrier, host: Arc<Host>) {
    let streams = TaskTracker::new();
    let mut alarm = std::pin::pin!(sleep(host.idle_timeout));
    let mut stopping = false;
    let reason = loop {
        // What has come is told why it is turned away, before the end is looked for.
        tokio::select! {
            biased;
            () = host.stop.cancelled(), if !stopping => {
                stopping = true;
                streams.close();
            }
            opened = carrier.accept() => match opened {
                Ok(stream) => {
                    let token = streams.token();
                    let peer = carrier.peer_info();
                    tokio::spawn(begin(stream, peer, Arc::clone(&host), token));
                    alarm.as_mut().reset(Instant::now() + host.idle_timeout);
                }
                Err(error) => {
                    tracing::debug!(%error, peer = %carrier.peer(), "a connection ended");
                    return;
                }
            },
            () = streams.wait(), if stopping => break "the server is shutting down",
            () = &mut alarm => {
                if streams.is_empty() {
                    break "no streams";
                }
                alarm.as_mut().reset(Instant::now() + host.idle_timeout);
            }
        }
    };
    carrier.close(Code::Done, reason).await;
}

/// Reads the head of a stream, and makes of it what it says.
async fn begin(
    (send, mut recv): (SendStream, RecvStream),
    peer: PeerInfo,
    host: Arc<Host>,
    token: TaskTrackerToken,
) {
    match timeout(host.head_timeout, head::read(&mut recv)).await {
        Ok(Ok((record, early))) => {
            let stream = Stream { ends: (send, recv), early, peer, host, token };
            match record.kind {
                OPEN => stream.link(&record).await,
                REQUEST => stream.exchange(&record).await,
                kind => stream.give_up(&format!("it begins with a record of kind {kind}")),
            }
        }
        Ok(Err(error @ (HeadError::Stream(_) | HeadError::Cut))) => {
            tracing::debug!(%error, ?peer, "a stream ended before it began");
        }
        Ok(Err(error @ HeadError::TooLarge)) => {
            give_up(send, recv, Code::Protocol, &peer, &error.to_string());
        }
        Err(_) => give_up(send, recv, Code::Silent, &peer, "its head did not come in time"),
    }
}

/// A stream whose first record was read.
struct Stream {
    ends: (SendStream, RecvStream),
    early: Bytes,
    peer: PeerInfo,
    host: Arc<Host>,
    token: TaskTrackerToken,
}

impl Stream {
    async fn link(self, record: &Record) {
        let Self { ends, early, mut peer, host, token } = self;
        let parts = request_head::decode_request(&record.payload);
        let link = |peer| QuicLink::new(ends, early, peer, host.rules, token);
        let (link, reason) = match parts {
            Ok(parts) => {
                peer.request.get_or_insert_with(|| Box::new(parts));
                match host.incoming.send(Incoming::Link(link(peer))).await {
                    Err(mpsc::error::SendError(Incoming::Link(link))) => {
                        (link, CloseReason::draining())
                    }
                    _ => return,
                }
            }
            Err(error) => (link(peer), CloseReason::new(CloseCode::PROTOCOL, error.to_string())),
        };
        turn_away(link, reason, host.rules.linger).await;
    }

    async fn exchange(self, record: &Record) {
        let Self { ends, early, peer, host, token } = self;
        let linger = host.rules.linger;
        match request_head::decode_request(&record.payload) {
            Ok(mut parts) => {
                parts.extensions.insert(peer);
                exchange::answer(ends, early, parts, &host.incoming, linger).await;
            }
            Err(error) => {
                tracing::debug!(%error, ?peer, "a request was refused");
                exchange::refuse(ends, StatusCode::BAD_REQUEST, "Bad Request", linger).await;
            }
        }
        drop(token);
    }

    fn give_up(self, why: &str) {
        let (send, recv) = self.ends;
        give_up(send, recv, Code::Protocol, &self.peer, why);
    }
}

fn give_up(mut send: SendStream, mut recv: RecvStream, code: Code, peer: &PeerInfo, why: &str) {
    tracing::debug!(?peer, "a stream was given up: {why}");
    send.reset(code);
    recv.stop(code);
}
