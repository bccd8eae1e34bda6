//! The link: frames of one session, on the pipe that it shares with the exchanges.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use session_core::link::{
    CloseCode, CloseReason, Frame, Link, PeerInfo, Receive, ReceiveError, Transmit, TransmitError,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::port::{End, Hold, Taken};
use crate::wire::{LINK_WINDOW, Word, cost};

/// One end of the link between a program and the one that started it.
pub struct StdioLink {
    peer: PeerInfo,
    receive: StdioReceive,
    transmit: StdioTransmit,
}

/// The receiving half of a [`StdioLink`]. Dropped, it leaves the frames that still come to nobody.
pub struct StdioReceive {
    /// Frames that arrived together, to be given one by one.
    frames: VecDeque<Frame>,
    /// What the frames that were given cost, beyond what credit was given for.
    owed: u64,
    peer_counts: bool,
    over: bool,
    reason: Option<CloseReason>,
    shared: Arc<Shared>,
}

/// The sending half of a [`StdioLink`].
///
/// Dropped without [`Transmit::poll_close`] it aborts the link: the peer gets the word `abort` after the frames that
/// were accepted.
pub struct StdioTransmit {
    shared: Arc<Shared>,
}

/// What both halves keep.
struct Shared {
    hold: Arc<Hold>,
    /// Tells the listener that the link is done with, once both halves are dropped.
    _over: (Option<DropGuard>, Option<TaskTrackerToken>),
}

impl StdioLink {
    pub(crate) fn new(
        hold: Arc<Hold>,
        peer: PeerInfo,
        over: Option<CancellationToken>,
        token: Option<TaskTrackerToken>,
    ) -> Self {
        let over = (over.map(CancellationToken::drop_guard), token);
        let shared = Arc::new(Shared { hold, _over: over });
        Self {
            peer,
            receive: StdioReceive {
                frames: VecDeque::new(),
                owed: 0,
                peer_counts: false,
                over: false,
                reason: None,
                shared: Arc::clone(&shared),
            },
            transmit: StdioTransmit { shared },
        }
    }
}

impl Link for StdioLink {
    type Receive = StdioReceive;
    type Transmit = StdioTransmit;

    fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    fn split(self) -> (StdioReceive, StdioTransmit) {
        (self.receive, self.transmit)
    }
}

impl StdioReceive {
    fn next(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.owed += cost(&frame);
        if self.peer_counts && self.owed >= LINK_WINDOW / 4 {
            let credit = u32::try_from(self.owed).unwrap_or(u32::MAX);
            self.owed -= u64::from(credit);
            self.shared.hold.port().outbound.say(Word::Credit(None, credit));
        }
        Some(frame)
    }
}

impl Receive for StdioReceive {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReceiveError>> {
        if let Some(frame) = self.next() {
            return Poll::Ready(Ok(Some(frame)));
        }
        if self.over {
            return Poll::Ready(Ok(None));
        }
        let port = self.shared.hold.port();
        let end = match ready!(port.inbound.poll_take(cx, &mut self.frames)) {
            Taken::Frames { peer_counts } => {
                self.peer_counts = peer_counts;
                return Poll::Ready(Ok(self.next()));
            }
            Taken::End(end) => end,
        };
        self.over = true;
        Poll::Ready(match end {
            End::Orderly(reason) => {
                let code = reason.as_ref().map_or(CloseCode::NORMAL, CloseReason::code);
                port.outbound.answer_close(&code.into());
                self.reason = reason;
                Ok(None)
            }
            End::Failed(error) => {
                if let ReceiveError::Aborted(_) = error {
                    port.outbound.peer_gone();
                }
                Err(error)
            }
        })
    }

    fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.as_ref()
    }
}

impl Drop for StdioReceive {
    fn drop(&mut self) {
        self.shared.hold.port().inbound.unwanted();
    }
}

impl Transmit for StdioTransmit {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.shared.hold.port().outbound.poll_ready(cx)
    }

    fn start_send(&mut self, frame: Frame) -> Result<(), TransmitError> {
        self.shared.hold.port().outbound.start_send(frame)
    }

    /// Ready when the system has every frame.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.shared.hold.port().outbound.poll_flush(cx)
    }

    /// Ready when the system has every frame and the close. The pipe stays open for exchanges.
    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        self.shared.hold.port().outbound.poll_close(cx, reason)
    }
}

impl Drop for StdioTransmit {
    fn drop(&mut self) {
        self.shared.hold.port().outbound.drop_link();
    }
}

impl fmt::Debug for StdioLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StdioLink")
    }
}

impl fmt::Debug for StdioReceive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdioReceive").field("over", &self.over).finish_non_exhaustive()
    }
}

impl fmt::Debug for StdioTransmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StdioTransmit")
    }
}
