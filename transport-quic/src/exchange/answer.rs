use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use session_core::exchange::{self, Body, Exchange, Request, head};
use session_core::link::Incoming;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::body;
use crate::link::QuicLink;
use crate::stream::{RecvStream, SendStream};
use crate::wire::{self, Code, RESPONSE};

/// Hands a request over to be answered, and sends the answer. Ready when the client's side has all of it, or the
/// client wants no more of it, which cancels the exchange.
pub(crate) async fn answer(
    (mut send, recv): (SendStream, RecvStream),
    early: Bytes,
    parts: Parts,
    incoming: &mpsc::Sender<Incoming<QuicLink>>,
    linger: Duration,
) {
    let body = Body::new(body::Incoming::new(early, recv, ()));
    let (exchange, answer) = Exchange::new(Request::from_parts(parts, body));
    let mut stopped = send.stopped();
    let answered = async {
        if incoming.send(Incoming::Exchange(exchange)).await.is_err() {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "no new requests");
        }
        match answer.await {
            Ok(response) => response,
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the session ended"),
        }
    };
    let response = tokio::select! {
        response = answered => response,
        _ = &mut stopped => return,
    };
    tokio::select! {
        () = respond(&mut send, response) => {}
        _ = &mut stopped => return,
    }
    // What the client has not got when the connection is closed is lost.
    let _ = timeout(linger, stopped).await;
}

/// Answers a request that is none.
pub(crate) async fn refuse(
    (mut send, recv): (SendStream, RecvStream),
    status: StatusCode,
    text: &'static str,
    linger: Duration,
) {
    let _ = timeout(linger, async {
        respond(&mut send, plain(status, text)).await;
        drop(recv);
        send.stopped().await
    })
    .await;
}

async fn respond(send: &mut SendStream, response: exchange::Response) {
    let (parts, body) = response.into_parts();
    let sent = async {
        let head = head::encode_response(&parts)?;
        send.write_all(wire::head(RESPONSE, &head)?).await?;
        body::send(send, body).await
    };
    if let Err(error) = sent.await {
        tracing::debug!(error = &*error, "a response was cut short");
        send.reset(Code::Failed);
    }
}

fn plain(status: StatusCode, text: &'static str) -> exchange::Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
