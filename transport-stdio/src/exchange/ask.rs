use std::future::poll_fn;
use std::sync::Arc;

use http_body::Body as _;
use session_core::exchange::{self, Body, head};
use tokio::sync::oneshot;

use super::body::{Incoming, Whose, cancel};
use super::send::{Unsent, end, send};
use super::{Cut, Stream};
use crate::error::ConnectError;
use crate::port::Hold;
use crate::wire::{MAX_HEAD, Word};

/// Sends a request; its body goes on being sent while the response comes.
pub(crate) async fn ask(
    hold: &Arc<Hold>,
    request: exchange::Request,
) -> Result<exchange::Response, ConnectError> {
    let (parts, body) = request.into_parts();
    let head = head::encode_request(&parts)?;
    if head.len() > MAX_HEAD {
        return Err(ConnectError::HeadTooLarge { length: head.len(), limit: MAX_HEAD });
    }
    let port = hold.port();
    poll_fn(|cx| port.outbound.poll_room(cx)).await.map_err(ConnectError::Ended)?;
    let (sender, receiver) = oneshot::channel();
    let stream = port.streams.enter_new(|id| Stream::new(id, Some(sender)));
    let stream =
        stream.ok_or_else(|| ConnectError::Ended(std::io::ErrorKind::BrokenPipe.into()))?;
    let asked = Asked { hold: Arc::clone(hold), stream: Some(Arc::clone(&stream)) };
    port.outbound.say(Word::Request(stream.id(), &head));
    if body.is_end_stream() {
        port.outbound.say(Word::End(stream.id()));
    } else {
        tokio::spawn(upload(Arc::clone(hold), Arc::clone(&stream), body));
    }
    let parts = receiver.await.unwrap_or_else(|_| Err(Cut::new("nobody answers")))?;
    Ok(exchange::Response::from_parts(parts, Body::new(asked.answered(stream))))
}

/// A request without a response yet. Dropped, it is cancelled.
struct Asked {
    hold: Arc<Hold>,
    stream: Option<Arc<Stream>>,
}

impl Asked {
    /// From now on its body decides.
    fn answered(mut self, stream: Arc<Stream>) -> Incoming {
        self.stream = None;
        Incoming::new(stream, Arc::clone(&self.hold), Whose::Response)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            cancel(self.hold.port(), &stream);
        }
    }
}

async fn upload(hold: Arc<Hold>, stream: Arc<Stream>, body: Body) {
    let port = hold.port();
    let sent = match send(port, &stream, body).await {
        Ok(()) => end(port, &stream).await,
        unsent => unsent,
    };
    match sent {
        Ok(()) => {}
        Err(Unsent::Stopped(cut)) => tracing::debug!(%cut, "the body of a request is not wanted"),
        Err(Unsent::Failed(error)) => {
            tracing::debug!(error = &*error, "the body of a request failed");
            if port.streams.remove(stream.id()).is_some() {
                port.outbound.reset(&stream, "the body of the request failed");
                stream.cut(&Cut::new(format!("the body of the request failed: {error}")));
            }
        }
    }
}
