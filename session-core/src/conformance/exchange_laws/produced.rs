use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;

use super::pattern::{PIECE, Pattern};
use crate::conformance::law::{Failure, Verdict, ensure};
use crate::exchange::{Body, BoxError};

/// A body of `length` bytes of the pattern, made as fast as it is taken, and the count of what was taken.
pub(in crate::conformance) fn body(length: usize) -> (Arc<AtomicUsize>, Body) {
    let given = Arc::<AtomicUsize>::default();
    let body = Produced { pattern: Pattern::default(), length, given: Arc::clone(&given) };
    (given, Body::new(body))
}

struct Produced {
    pattern: Pattern,
    length: usize,
    given: Arc<AtomicUsize>,
}

impl http_body::Body for Produced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let left = self.length - self.pattern.at();
        if left == 0 {
            return Poll::Ready(None);
        }
        let piece = self.pattern.take(left.min(PIECE));
        self.given.store(self.pattern.at(), Ordering::Release);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// Takes a body of the pattern apart.
pub(in crate::conformance) struct Consumed {
    body: Body,
    pattern: Pattern,
}

impl Consumed {
    pub(in crate::conformance) fn new(body: Body) -> Self {
        Self { body, pattern: Pattern::default() }
    }

    /// How many bytes have come.
    pub(in crate::conformance) const fn count(&self) -> usize {
        self.pattern.at()
    }

    /// Reads until at least `count` bytes have come in all.
    pub(in crate::conformance) async fn read_to(&mut self, count: usize) -> Verdict {
        while self.count() < count {
            let Some(piece) = next(&mut self.body).await? else {
                return Err(Failure::new(format!("the body ended after {} bytes", self.count())));
            };
            ensure!(
                self.pattern.goes_on_with(&piece),
                "other bytes than were given, before byte {}",
                self.count()
            );
        }
        Ok(())
    }

    /// The body must end here.
    pub(in crate::conformance) async fn ended(mut self) -> Verdict {
        let more = next(&mut self.body).await?;
        ensure!(more.is_none(), "more than the {} bytes that were given", self.count());
        Ok(())
    }
}

/// The next bytes of a body; `None` at its end. Never no bytes at all.
pub(in crate::conformance) async fn next(body: &mut Body) -> Result<Option<Bytes>, BoxError> {
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data()
            && !piece.is_empty()
        {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}
