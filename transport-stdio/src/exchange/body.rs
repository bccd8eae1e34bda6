use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;

use super::stream::LetGo;
use super::{Cut, Stream};
use crate::port::{Hold, Port};
use crate::wire::{BODY_WINDOW, Word};

/// The body that comes from the peer.
pub(super) struct Incoming {
    stream: Arc<Stream>,
    hold: Arc<Hold>,
    /// What letting go of it means.
    whose: Whose,
}

/// Whose body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// A request's: dropped early, the client may as well send no more of it.
    Request,
    /// A response's: dropped early, the exchange is cancelled.
    Response,
}

impl Incoming {
    pub(super) const fn new(stream: Arc<Stream>, hold: Arc<Hold>, whose: Whose) -> Self {
        Self { stream, hold, whose }
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let port = self.hold.port();
        let window = match self.whose {
            Whose::Request => port.body_window,
            Whose::Response => BODY_WINDOW,
        };
        Poll::Ready(match ready!(self.stream.poll_take(cx, window)) {
            Some(Ok((bytes, credit))) => {
                if credit > 0 {
                    port.outbound.say(Word::Credit(Some(self.stream.id()), credit));
                }
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(cut)) => Some(Err(cut)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_at_end()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let port = self.hold.port();
        match (self.stream.let_go(), self.whose) {
            (LetGo::AtEnd, _) => {}
            (_, Whose::Response) => cancel(port, &self.stream),
            // Most requests have no body: nothing is said unless one comes.
            (LetGo::BeforeBody, Whose::Request) => {}
            (LetGo::InMidBody, Whose::Request) => {
                // Unless the whole exchange is over.
                if port.streams.find(self.stream.id()).is_some() {
                    port.outbound.say(Word::Stop(self.stream.id()));
                }
            }
        }
    }
}

/// The client wants no more of an exchange.
pub(super) fn cancel(port: &Port, stream: &Arc<Stream>) {
    const WHY: &str = "cancelled by the client";
    if port.streams.remove(stream.id()).is_some() {
        stream.stop(Cut::new(WHY));
        port.outbound.reset(stream, WHY);
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("stream", &self.stream).finish_non_exhaustive()
    }
}
