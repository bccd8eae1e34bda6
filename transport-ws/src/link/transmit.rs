use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use session_core::link::{CloseReason, Frame, Transmit, TransmitError};

use super::outbound::{Half, Shared};

/// The sending half of a [`WsLink`](crate::WsLink).
///
/// Dropped without [`Transmit::poll_close`] it aborts the link: over plain TCP the peer sees a reset, and on
/// any connection an end without a close frame.
pub struct WsTransmit {
    shared: Arc<Shared>,
}

impl WsTransmit {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Transmit for WsTransmit {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.shared.poll_ready(cx)
    }

    fn start_send(&mut self, frame: Frame) -> Result<(), TransmitError> {
        self.shared.start_send(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.shared.poll_flush(cx)
    }

    /// Ready when the system has taken every frame, the close frame and the end of the stream. The socket
    /// stays in the background until the peer hung up or the linger time passed.
    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        self.shared.poll_close(cx, reason)
    }
}

impl Drop for WsTransmit {
    fn drop(&mut self) {
        self.shared.drop_half(Half::Transmit, None);
    }
}

impl fmt::Debug for WsTransmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WsTransmit")
    }
}
