use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;

use crate::conformance::law::{Failure, Verdict};
use crate::exchange::{Body, BoxError};

/// A body, and what it is fed with. It ends when it is told to; fed no more without that, it fails.
pub(in crate::conformance) fn body() -> (Feed, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (Feed(sender), Body::new(Fed { receiver, ended: false }))
}

enum Food {
    Piece(Bytes),
    End,
    Fail,
}

pub(in crate::conformance) struct Feed(mpsc::Sender<Food>);

impl Feed {
    /// Gives the next piece, as soon as the one before has been taken.
    pub(in crate::conformance) async fn piece(&self, piece: impl Into<Bytes>) -> Verdict {
        self.give(Food::Piece(piece.into())).await
    }

    pub(in crate::conformance) async fn end(self) -> Verdict {
        self.give(Food::End).await
    }

    pub(in crate::conformance) async fn fail(self) -> Verdict {
        self.give(Food::Fail).await
    }

    async fn give(&self, food: Food) -> Verdict {
        let given = self.0.send(food).await;
        given.map_err(|_| Failure::new("the body was dropped while it was fed"))
    }

    /// Waits until the body is dropped.
    pub(in crate::conformance) async fn dropped(&self) {
        self.0.closed().await;
    }
}

struct Fed {
    receiver: mpsc::Receiver<Food>,
    ended: bool,
}

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.receiver.poll_recv(cx)) {
            Some(Food::Piece(piece)) => Some(Ok(Frame::data(piece))),
            Some(Food::End) => {
                self.ended = true;
                None
            }
            food => {
                self.ended = true;
                let what = if food.is_some() { "fails" } else { "was left in the middle" };
                Some(Err(format!("this body {what} on purpose").into()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
