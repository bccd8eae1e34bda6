use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame as Piece;
use http_body_util::BodyExt;
use session_core::exchange::{Body, BoxError, Request};
use session_core::link::{Connect, Listener, PeerInfo};
use tokio::sync::mpsc;
use transport_quic::{ConnectError, Connection, QuicListener};

use crate::raw::{self, Certificate, REQUEST, RESPONSE, read_record, record};
use crate::support::{binary, config, connect, listen, next_exchange, within};

type Pipe = mpsc::UnboundedSender<Result<Bytes, BoxError>>;

/// A body whose pieces come through a channel; an error cuts it.
struct Piped(mpsc::UnboundedReceiver<Result<Bytes, BoxError>>);

impl http_body::Body for Piped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, BoxError>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Piece::data)))
    }
}

fn piped() -> (Pipe, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Body::new(Piped(receiver)))
}

fn request(method: &str, path: &str, body: impl Into<Body>) -> Request {
    http::Request::builder().method(method).uri(path).body(body.into()).unwrap()
}

/// What comes next of a body, in one piece.
async fn piece(body: &mut Body) -> Option<Result<Bytes, BoxError>> {
    within(body.frame()).await.map(|piece| piece.map(|piece| piece.into_data().unwrap()))
}

async fn started() -> (QuicListener, Connection) {
    let listener = listen(config()).await;
    let connection = connect(&listener).await;
    (listener, connection)
}

#[tokio::test]
async fn heads_and_bodies_stream_both_ways_at_the_same_time() {
    let (mut listener, connection) = started().await;
    let (upload, body) = piped();
    let mut request = request("PUT", "/session/7/upload/x?n=1", body);
    request.headers_mut().insert("x-user", "ada".parse().unwrap());
    let asking = tokio::spawn(async move { connection.exchange(request).await });

    let (request, responder) = next_exchange(&mut listener).await.into_parts();
    assert_eq!(request.method(), "PUT");
    assert_eq!(request.uri(), "/session/7/upload/x?n=1");
    assert_eq!(request.headers()["x-user"], "ada");
    let peer = request.extensions().get::<PeerInfo>().unwrap();
    assert!(peer.address.unwrap().ip().is_loopback());

    let (download, body) = piped();
    let response = http::Response::builder().status(201).header("x-a", "b").body(body).unwrap();
    responder.respond(response);
    let response = within(asking).await.unwrap().unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-a"]),
        (201, &"b".parse().unwrap())
    );
    let (mut up, mut down) = (request.into_body(), response.into_body());
    for text in ["one", "two"] {
        upload.send(Ok(text.into())).unwrap();
        assert_eq!(piece(&mut up).await.unwrap().unwrap(), text);
        download.send(Ok(text.into())).unwrap();
        assert_eq!(piece(&mut down).await.unwrap().unwrap(), text);
    }
    drop(upload);
    assert!(piece(&mut up).await.is_none());
    drop(download);
    assert!(piece(&mut down).await.is_none());
}

#[tokio::test]
async fn a_large_body_arrives_whole_with_its_windows_far_smaller() {
    let (mut listener, connection) = started().await;
    let body = binary(20 << 20).into_bytes();
    let sent = request("POST", "/session/7/x", Body::from(body.clone()));
    let echoing = tokio::spawn(async move {
        let (request, responder) = next_exchange(&mut listener).await.into_parts();
        responder.respond(http::Response::new(request.into_body()));
        listener
    });
    let response = within(connection.exchange(sent)).await.unwrap();
    let back = within(response.into_body().collect_up_to(32 << 20)).await.unwrap();
    assert!(back == body);
    drop(echoing);
}

#[tokio::test]
async fn a_body_that_fails_on_the_way_fails_at_the_other_end() {
    let (mut listener, connection) = started().await;
    let (upload, body) = piped();
    let request = request("POST", "/session/7/x", body);
    let asking = tokio::spawn(async move { connection.exchange(request).await });
    let (request, responder) = next_exchange(&mut listener).await.into_parts();
    let (download, body) = piped();
    responder.respond(http::Response::new(body));
    let mut down = within(asking).await.unwrap().unwrap().into_body();
    let mut up = request.into_body();

    upload.send(Ok("half".into())).unwrap();
    assert_eq!(piece(&mut up).await.unwrap().unwrap(), "half");
    upload.send(Err("the disk is gone".into())).unwrap();
    assert!(piece(&mut up).await.unwrap().is_err());
    assert!(piece(&mut up).await.is_none(), "an error is the last of a body");

    download.send(Ok("half".into())).unwrap();
    assert_eq!(piece(&mut down).await.unwrap().unwrap(), "half");
    download.send(Err("the app failed".into())).unwrap();
    assert!(piece(&mut down).await.unwrap().is_err());
}

#[tokio::test]
async fn a_client_that_drops_the_request_or_the_response_cancels_it() {
    let (mut listener, connection) = started().await;
    // Before the answer.
    let (upload, body) = piped();
    let asking = {
        let (connection, request) = (connection.clone(), request("POST", "/session/7/x", body));
        tokio::spawn(async move { connection.exchange(request).await })
    };
    let (request_there, responder) = next_exchange(&mut listener).await.into_parts();
    asking.abort();
    let mut up = request_there.into_body();
    assert!(piece(&mut up).await.unwrap().is_err(), "a request that was dropped is no whole one");
    within(upload.closed()).await;
    drop(responder);

    // In mid-answer.
    let (response, download) =
        tokio::join!(connection.exchange(request("GET", "/session/7/x", "")), async {
            let (download, body) = piped();
            next_exchange(&mut listener).await.respond(http::Response::new(body));
            download
        });
    drop(response.unwrap());
    within(download.closed()).await;
}

#[tokio::test]
async fn a_server_may_answer_before_it_has_read_the_request_and_leave_the_rest() {
    let (mut listener, connection) = started().await;
    let (upload, body) = piped();
    let request = request("POST", "/session/7/x", body);
    let (response, ()) = tokio::join!(connection.exchange(request), async {
        next_exchange(&mut listener).await.respond(http::Response::new("enough".into()));
    });
    let body = within(response.unwrap().into_body().collect_up_to(100)).await.unwrap();
    assert_eq!(body, "enough");
    within(upload.closed()).await;
}

#[tokio::test]
async fn an_exchange_nobody_answers_is_unavailable() {
    let (mut listener, connection) = started().await;
    let (response, ()) =
        tokio::join!(connection.exchange(request("GET", "/session/7/x", "")), async {
            drop(next_exchange(&mut listener).await);
        });
    assert_eq!(response.unwrap().status(), 503);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_not_sent() {
    let (_listener, connection) = started().await;
    let mut request = request("GET", "/session/7/x", "");
    request.headers_mut().insert("x-big", "x".repeat(17 * 1024).parse().unwrap());
    let error = within(connection.exchange(request)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Head(_)), "{error}");
}

#[tokio::test]
async fn a_request_counts_from_the_path_of_the_url() {
    let mut listener = listen(config()).await;
    let url = listener.address().replace("/#", "/app/#");
    let connection = within(transport_quic::connect(&url)).await.unwrap();
    let (response, ()) =
        tokio::join!(connection.exchange(request("GET", "/session/7/x?n=1", "")), async {
            let exchange = next_exchange(&mut listener).await;
            assert_eq!(exchange.request().uri(), "/app/session/7/x?n=1");
            exchange.respond(http::Response::new("".into()));
        });
    response.unwrap();
}

#[tokio::test]
async fn the_wire_is_a_head_then_the_bytes_of_the_body() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let mut bytes = record(REQUEST, br#"{"method":"POST","path":"/session/7/x"}"#);
    bytes.extend(b"body");
    let (mut send, mut recv) = raw::open(&connection, &bytes).await;
    send.finish().unwrap();
    let (request, responder) = next_exchange(&mut listener).await.into_parts();
    let body = within(request.into_body().collect_up_to(100)).await.unwrap();
    assert_eq!(body, "body");
    responder.respond(http::Response::builder().status(404).body("gone".into()).unwrap());
    assert_eq!(read_record(&mut recv).await, (RESPONSE, br#"{"status":404,"headers":[]}"#.into()));
    assert_eq!(within(recv.read_to_end(100)).await.unwrap(), b"gone");
}
