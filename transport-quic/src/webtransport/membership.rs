use std::pin::Pin;
use std::task::{Context, Poll};

use quinn::VarInt;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::H3Code;
use crate::stream::StreamError;
use crate::wire::Code;

/// What a direction of a stream has of the session it belongs to.
#[derive(Debug)]
pub(crate) struct Membership {
    over: CancellationToken,
    /// Kept: a new one would forget who waits for it.
    waiting: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Membership {
    /// Of the session that is over when the token says so.
    pub(super) const fn new(over: CancellationToken) -> Self {
        Self { over, waiting: None }
    }

    pub(crate) fn check(&self) -> Result<(), StreamError> {
        if self.over.is_cancelled() { Err(StreamError::SessionOver) } else { Ok(()) }
    }

    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<StreamError> {
        let over = &self.over;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(over.clone().cancelled_owned()));
        waiting.as_mut().poll(cx).map(|()| StreamError::SessionOver)
    }

    pub(crate) fn over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }

    /// A code of ours on the wire: those of a session have a range of HTTP/3's own.
    pub(crate) fn code(&self, code: Code) -> VarInt {
        if self.over.is_cancelled() {
            return H3Code::SessionGone.into();
        }
        let code = web_transport_proto::error_to_http3(code as u32);
        VarInt::from_u64(code).unwrap_or(VarInt::MAX)
    }

    /// A code of the peer's: what a page gave, or HTTP/3's own.
    pub(crate) fn named(code: VarInt) -> u64 {
        let code = code.into_inner();
        web_transport_proto::error_from_http3(code).map_or(code, u64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_crosses_the_range_of_http3_and_others_stay() {
        let session = Membership::new(CancellationToken::new());
        for code in [Code::Done, Code::Dropped, Code::Silent] {
            let wire = session.code(code);
            assert_ne!(wire, VarInt::from(code));
            assert_eq!(Membership::named(wire), code as u64);
        }
        assert_eq!(Membership::named(H3Code::NoError.into()), 0x100);
    }
}
