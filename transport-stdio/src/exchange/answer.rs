use std::future::poll_fn;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use session_core::exchange::{self, Body, Exchange, ExchangeError, head};
use session_core::link::PeerInfo;
use tokio::sync::mpsc;

use super::body::{Incoming, Whose};
use super::send::{Unsent, send};
use super::{Cut, Stream};
use crate::port::{Hold, Port};
use crate::wire::{Id, MAX_HEAD, Word};

/// Hands a request over to be answered, and sends the answer. Ready when all of it is written, or the client cancelled
/// the exchange.
pub(crate) async fn answer(
    hold: Arc<Hold>,
    stream: Arc<Stream>,
    mut parts: Parts,
    incoming: mpsc::Sender<Exchange>,
) {
    parts.extensions.insert(PeerInfo::default());
    let body = Incoming::new(Arc::clone(&stream), Arc::clone(&hold), Whose::Request);
    let (exchange, answer) = Exchange::new(Request::from_parts(parts, Body::new(body)));
    let answered = async move {
        let sent = incoming.send(exchange).await;
        // The listener ends once nothing more can come.
        drop(incoming);
        if sent.is_err() {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "no new requests");
        }
        answer.await.unwrap_or_else(ExchangeError::into_response)
    };
    let port = hold.port();
    let responded = async { respond(port, &stream, answered.await).await };
    tokio::select! {
        () = responded => {}
        _ = poll_fn(|cx| stream.poll_stopped(cx)) => {}
    }
    port.streams.remove(stream.id());
    // Whoever still reads the request's body learns that there is no more.
    stream.cut(&Cut::new("the response has ended"));
}

async fn respond(port: &Port, stream: &Arc<Stream>, response: exchange::Response) {
    let (parts, body) = response.into_parts();
    let head = match head::encode_response(&parts) {
        Ok(head) if head.len() <= MAX_HEAD => head,
        Ok(head) => {
            let (bytes, limit) = (head.len(), MAX_HEAD);
            tracing::error!(bytes, limit, "a response has more headers than can be sent");
            return refuse(port, stream.id(), StatusCode::INTERNAL_SERVER_ERROR, FAILED);
        }
        Err(error) => {
            tracing::error!(%error, "a response has a head that cannot be sent");
            return refuse(port, stream.id(), StatusCode::INTERNAL_SERVER_ERROR, FAILED);
        }
    };
    port.outbound.say(Word::Response(stream.id(), &head));
    match send(port, stream, body).await {
        Ok(()) => {}
        Err(Unsent::Failed(error)) => {
            tracing::debug!(error = &*error, "a response was cut short");
            // What it was is the app's own affair.
            port.outbound.reset(stream, "the response failed");
        }
        Err(Unsent::Stopped(cut)) => {
            tracing::debug!(%cut, "a response was cut short");
            port.outbound.reset(stream, &cut.why);
        }
    }
}

const FAILED: &str = "Internal Server Error";

/// Answers a request that nobody is asked.
pub(crate) fn refuse(port: &Port, id: Id, status: StatusCode, text: &str) {
    let (parts, _) = plain(status, "").into_parts();
    let Ok(head) = head::encode_response(&parts) else { return };
    port.outbound.say(Word::Response(id, &head));
    port.outbound.say(Word::Data(id, text.as_bytes()));
    port.outbound.say(Word::End(id));
}

fn plain(status: StatusCode, text: &'static str) -> exchange::Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
