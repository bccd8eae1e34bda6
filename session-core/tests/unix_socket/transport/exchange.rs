//! On the wire: `REQUEST` and `DATA`… and `END` one way, `RESPONSE` and `DATA`… and `END` the other. A stream that ends
//! without `END` is a body that has failed. A client that hangs up has cancelled.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame as BodyFrame};
use session_core::exchange::{Body, BoxError, Exchange, ExchangeError, Request, Response, head};
use session_core::link::{Incoming, framing};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::REQUEST;
use super::link::UnixLink;
use super::records::{PIECE, Reader, Writer};

/// The head of a response.
const RESPONSE: u8 = framing::OWN + 2;
/// A piece of a body.
const DATA: u8 = framing::OWN + 3;
/// The end of a body that is whole.
const END: u8 = framing::OWN + 4;

/// The client's side. Dropping the future, or the response's body, closes the connection and so cancels.
pub(super) async fn ask(
    request: Request,
    mut reader: Reader,
    mut writer: Writer,
) -> io::Result<Response> {
    let (parts, body) = request.into_parts();
    let head = head::encode_request(&parts).map_err(io::Error::other)?;
    writer.send(REQUEST, head.into()).await?;
    // The server may answer before it has read the whole request, so both go on at once.
    let sending = AbortOnDropHandle::new(tokio::spawn(async move {
        if send_body(body, &mut writer).await.is_ok() {
            // To shut our side would be to cancel.
            std::future::pending::<()>().await;
        }
    }));
    match reader.next().await? {
        Some(record) if record.kind == RESPONSE => {
            let parts = head::decode_response(&record.payload).map_err(io::Error::other)?;
            let body = Arriving { reader: Some(reader), back: None, _sending: Some(sending) };
            Ok(Response::from_parts(parts, Body::new(body)))
        }
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a response has no head")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The server's side, from a request's head until the client has all of the response or is gone.
pub(super) async fn serve(
    request: &[u8],
    reader: Reader,
    mut writer: Writer,
    incoming: mpsc::Sender<Incoming<UnixLink>>,
) {
    let parts = match head::decode_request(request) {
        Ok(parts) => parts,
        Err(error) => return tracing::debug!(%error, "a request was not understood"),
    };
    let (back, read) = oneshot::channel();
    let body = Arriving { reader: Some(reader), back: Some(back), _sending: None };
    let (exchange, answer) = Exchange::new(Request::from_parts(parts, Body::new(body)));
    let answering = async {
        // A listener that is gone drops the exchange, which is an answer too.
        let _ = incoming.send(Incoming::Exchange(exchange)).await;
        let response = answer.await.unwrap_or_else(ExchangeError::into_response);
        send_response(response, &mut writer).await
    };
    // Once the request is read, or nobody wants the rest, all that is still to come is the client's end.
    let cancelled = async {
        match read.await {
            Ok(reader) => Reader::gone(reader).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        sent = answering => {
            if let Err(error) = sent {
                tracing::debug!(%error, "a response was not delivered");
            }
        }
        // The answer's place and the response's body are dropped, and so the application knows.
        () = cancelled => {}
    }
}

async fn send_response(response: Response, writer: &mut Writer) -> Result<(), BoxError> {
    let (parts, body) = response.into_parts();
    writer.send(RESPONSE, head::encode_response(&parts)?.into()).await?;
    send_body(body, writer).await?;
    Ok(poll_fn(|cx| writer.poll_shutdown(cx)).await?)
}

/// Trailers have no place on this wire.
async fn send_body(body: Body, writer: &mut Writer) -> Result<(), BoxError> {
    let mut body = pin!(body);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(mut bytes) = frame?.into_data() else { continue };
        while !bytes.is_empty() {
            // Flushed each time: the next piece is asked for when the socket has taken this one.
            writer.send(DATA, bytes.split_to(bytes.len().min(PIECE))).await?;
        }
    }
    Ok(writer.send(END, Bytes::new()).await?)
}

/// The body of a request or response on its way in.
struct Arriving {
    /// `None` after the end.
    reader: Option<Reader>,
    /// Where the reader goes when the body needs it no more.
    back: Option<oneshot::Sender<Reader>>,
    /// The request's body on its way out, which ends with the response's.
    _sending: Option<AbortOnDropHandle<()>>,
}

impl Arriving {
    fn give_back(&mut self) {
        if let (Some(back), Some(reader)) = (self.back.take(), self.reader.take()) {
            // Nobody waits for it once the exchange is over.
            let _ = back.send(reader);
        }
        self.reader = None;
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<BodyFrame<Bytes>>>> {
        let Some(reader) = &mut self.reader else { return Poll::Ready(None) };
        let error = match ready!(reader.poll_next(cx)) {
            Ok(Some(record)) if record.kind == DATA => {
                return Poll::Ready(Some(Ok(BodyFrame::data(record.payload))));
            }
            Ok(Some(record)) if record.kind == END => None,
            Ok(Some(_)) => Some(io::ErrorKind::InvalidData.into()),
            Ok(None) => Some(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => Some(error),
        };
        self.give_back();
        Poll::Ready(error.map(Err))
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.give_back();
    }
}
