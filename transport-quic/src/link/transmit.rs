use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use session_core::link::{CloseReason, Frame, Transmit, TransmitError};

use super::outbound::{Half, Shared};

/// The sending half of a [`QuicLink`](crate::QuicLink).
///
/// Dropped without [`Transmit::poll_close`] it resets its stream, which aborts the link. A client that has not heard of
/// the server on this link ends the stream without a reason instead, which says the same, but lets the server hear that
/// there was a link.
pub struct QuicTransmit {
    shared: Arc<Shared>,
}

impl QuicTransmit {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Transmit for QuicTransmit {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.shared.poll_ready(cx)
    }

    fn start_send(&mut self, frame: Frame) -> Result<(), TransmitError> {
        self.shared.start_send(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.shared.poll_flush(cx)
    }

    /// Ready when the peer's side of the connection has acknowledged every frame, the reason and the end of the
    /// stream; the peer's program may read them later. The stream stays in the background until the peer has ended
    /// its own direction, or the linger time passed.
    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        self.shared.poll_close(cx, reason)
    }
}

impl Drop for QuicTransmit {
    fn drop(&mut self) {
        self.shared.drop_half(Half::Transmit);
    }
}

impl fmt::Debug for QuicTransmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuicTransmit")
    }
}
