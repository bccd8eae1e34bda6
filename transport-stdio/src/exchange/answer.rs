use std::future::poll_fn;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, StatusCode};
use session_core::exchange::{self, Body, Exchange, ExchangeError, head, plain};
use session_core::link::PeerInfo;
use tokio::sync::mpsc;

use super::body::{Incoming, Whose};
use super::send::{Unsent, cut_short, end, send};
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
        // One that nobody takes is dropped, and answered so.
        let _ = incoming.send(exchange).await;
        // The listener ends once nothing more can come.
        drop(incoming);
        answer.await.unwrap_or_else(ExchangeError::into_response)
    };
    let port = hold.port();
    let responded = async { respond(port, &stream, answered.await).await };
    tokio::select! {
        () = responded => {}
        _ = poll_fn(|cx| stream.poll_stopped(cx)) => {}
    }
    port.streams.leave(&stream);
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
            return fail(port, stream);
        }
        Err(error) => {
            tracing::error!(%error, "a response has a head that cannot be sent");
            return fail(port, stream);
        }
    };
    port.outbound.say(Word::Response(stream.id(), &head));
    let unsent = match send(port, stream, body).await {
        // Its number is free by the time the client sees the end.
        Ok(()) => match port.streams.remove(stream.id()) {
            Some(_) => end(port, stream).await.err(),
            None => None,
        },
        Err(unsent) => Some(unsent),
    };
    let why = match unsent {
        None => return,
        Some(Unsent::Failed(error)) => {
            tracing::debug!(error = &*error, "a response was cut short");
            // What it was is the app's own affair.
            "the response failed".to_owned()
        }
        Some(Unsent::Stopped(cut)) => {
            tracing::debug!(%cut, "a response was cut short");
            cut.why
        }
    };
    if port.streams.remove(stream.id()).is_some() {
        cut_short(port, stream, &why).await;
    }
}

fn fail(port: &Port, stream: &Arc<Stream>) {
    if port.streams.remove(stream.id()).is_some() {
        refuse(port, stream.id(), StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    }
}

/// Answers a request that nobody is asked.
pub(crate) fn refuse(port: &Port, id: Id, status: StatusCode, text: &str) {
    let (parts, _) = plain(status, "").into_parts();
    let Ok(head) = head::encode_response(&parts) else { return };
    port.outbound.say(Word::Response(id, &head));
    port.outbound.say(Word::Data(id, text.as_bytes()));
    port.outbound.say(Word::End(id));
}
