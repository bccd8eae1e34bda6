use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use session_core::exchange::{self, Body, Exchange, ExchangeError, Request, head, plain};
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
        // One that nobody takes is dropped, and answered so.
        let _ = incoming.send(Incoming::Exchange(exchange)).await;
        answer.await.unwrap_or_else(ExchangeError::into_response)
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
