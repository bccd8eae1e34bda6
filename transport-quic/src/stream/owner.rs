use std::task::{Context, Poll};

use quinn::{ReadError, StoppedError, VarInt, WriteError};

use super::{Stopped, StreamError};
#[cfg(feature = "webtransport")]
use crate::webtransport::Membership;
use crate::wire::Code;

/// Whose a stream is: what its codes are on the wire, and what it ends with beside its connection.
#[derive(Debug)]
pub(crate) enum Owner {
    /// The connection's own.
    Connection,
    /// One session of a connection that may have more of them.
    #[cfg(feature = "webtransport")]
    Session(Membership),
}

impl Owner {
    /// A code of ours on the wire.
    pub(super) fn code(&self, code: Code) -> VarInt {
        match self {
            Self::Connection => code.into(),
            #[cfg(feature = "webtransport")]
            Self::Session(session) => session.code(code),
        }
    }

    /// An error once there is nobody behind the stream any more, whether or not it would take more.
    pub(super) fn check(&self) -> Result<(), StreamError> {
        match self {
            Self::Connection => Ok(()),
            #[cfg(feature = "webtransport")]
            Self::Session(session) => session.check(),
        }
    }

    /// Ready when the stream ends though its connection goes on. To be polled behind the stream itself, so that what
    /// has arrived is read first.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<StreamError> {
        match self {
            Self::Connection => {
                let _ = cx;
                Poll::Pending
            }
            #[cfg(feature = "webtransport")]
            Self::Session(session) => session.poll_over(cx),
        }
    }

    pub(super) fn stopped(
        &self,
        stopped: impl Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync + 'static,
    ) -> Stopped {
        match self {
            Self::Connection => {
                Box::pin(async move { Ok(understand(stopped.await)?.map(VarInt::into_inner)) })
            }
            #[cfg(feature = "webtransport")]
            Self::Session(session) => {
                let over = session.over();
                Box::pin(async move {
                    tokio::select! {
                        // That the peer has everything is true also when it then went.
                        biased;
                        stopped = stopped => Ok(understand(stopped)?.map(Membership::named)),
                        () = over => Err(StreamError::SessionOver),
                    }
                })
            }
        }
    }

    pub(super) fn write(&self, error: WriteError) -> StreamError {
        match error {
            WriteError::Stopped(code) => StreamError::Stopped(self.named(code)),
            error => error.into(),
        }
    }

    pub(super) fn read(&self, error: ReadError) -> StreamError {
        match error {
            ReadError::Reset(code) => StreamError::Reset(self.named(code)),
            error => error.into(),
        }
    }

    /// A code of the peer's, from the wire.
    fn named(&self, code: VarInt) -> u64 {
        match self {
            Self::Connection => code.into_inner(),
            #[cfg(feature = "webtransport")]
            Self::Session(_) => Membership::named(code),
        }
    }
}

fn understand(
    stopped: Result<Option<VarInt>, StoppedError>,
) -> Result<Option<VarInt>, StreamError> {
    match stopped {
        Ok(code) => Ok(code),
        Err(StoppedError::ConnectionLost(error)) => Err(error.into()),
        Err(StoppedError::ZeroRttRejected) => Err(StreamError::Ended),
    }
}
