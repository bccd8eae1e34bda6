use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame as Piece;
use http_body_util::BodyExt;
use session_core::exchange::{Body, BoxError, Request, Response};
use session_core::link::{Connect, Link};
use tokio::sync::mpsc;
use transport_ws::{Client, ConnectError, MissingOrigin};

use crate::support::{
    Raw, config, handshake, listen, next_exchange, next_link, socket_url, within,
};

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

fn piped() -> (mpsc::UnboundedSender<Result<Bytes, BoxError>>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Body::new(Piped(receiver)))
}

fn request(method: &str, path: &str, body: impl Into<Body>) -> Request {
    http::Request::builder().method(method).uri(path).body(body.into()).unwrap()
}

async fn send(address: SocketAddr, method: &str, path: &str) -> Response {
    let request = request(method, path, "");
    within(transport_ws::exchange(&format!("http://{address}/"), request)).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = within(response.into_body().collect_up_to(1 << 20)).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn piece(body: &mut Body) -> Option<Result<Bytes, BoxError>> {
    within(body.frame()).await.map(|piece| piece.map(|piece| piece.into_data().unwrap()))
}

#[tokio::test]
async fn the_page_is_read_and_not_written() {
    let (_listener, address) = listen(config().page("/editor/", "<p>edit")).await;
    let page = send(address, "GET", "/").await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let length = page.headers()["content-length"].clone();
    assert!(text(page).await.contains("<title>test</title>"));
    let head = send(address, "HEAD", "/?x=1").await;
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &length));
    assert_eq!(text(head).await, "");
    assert_eq!(send(address, "POST", "/").await.status(), 404);
    assert_eq!(text(send(address, "GET", "/editor/").await).await, "<p>edit");
    assert_eq!(send(address, "GET", "/other").await.status(), 404);
}

#[tokio::test]
async fn a_page_that_is_made_when_it_is_asked_for_tells_what_is_known_then() {
    let known = Arc::new(AtomicUsize::new(0));
    let shown = Arc::clone(&known);
    let config = config()
        .page_with("/now/", move || format!("<!doctype html><p>{}", shown.load(Ordering::Relaxed)));
    let (mut listener, address) = listen(config).await;
    known.store(7, Ordering::Relaxed);
    let page = send(address, "GET", "/now/").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let tag = page.headers()["etag"].clone();
    assert_eq!(text(page).await, "<!doctype html><p>7");
    // Asked again, it is sent again only when it became another one.
    for (value, expected) in [(7, 304), (8, 200)] {
        known.store(value, Ordering::Relaxed);
        let mut again = request("GET", "/now/", "");
        again.headers_mut().insert("if-none-match", tag.clone());
        let base = format!("http://{address}");
        let again = within(transport_ws::exchange(&base, again)).await.unwrap();
        assert_eq!(again.status().as_u16(), expected);
    }
    // Links and exchanges are found below it, as below any page.
    let url = format!("ws://{address}/now/websocket/");
    within(transport_ws::connect(&url)).await.unwrap();
    next_link(&mut listener).await;
}

#[tokio::test]
async fn built_in_and_own_assets_are_served_and_cached_by_tag() {
    let (_listener, address) = listen(config().asset("a/b.txt", "text/plain", b"mine")).await;
    assert_eq!(text(send(address, "GET", "/client.js").await).await, transport_ws::client_js());
    assert_eq!(text(send(address, "GET", "/client.css").await).await, transport_ws::client_css());
    let asset = send(address, "GET", "/a/b.txt").await;
    assert_eq!(asset.headers()["content-type"], "text/plain");
    assert_eq!(asset.headers()["x-content-type-options"], "nosniff");
    let tag = asset.headers()["etag"].clone();
    let mut again = request("GET", "/a/b.txt", "");
    again.headers_mut().insert("if-none-match", tag);
    let again = within(transport_ws::exchange(&format!("http://{address}"), again)).await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(text(again).await, "");
}

#[tokio::test]
async fn files_of_a_folder_are_served_and_nothing_beside_it() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("secret.txt"), "secret").unwrap();
    let folder = root.path().join("public");
    std::fs::create_dir_all(folder.join("css")).unwrap();
    std::fs::write(folder.join("css/a b.css"), "body {}").unwrap();
    let (_listener, address) = listen(config().folder("lib/", &folder)).await;

    let file = send(address, "GET", "/lib/css/a%20b.css").await;
    assert_eq!(file.headers()["content-type"], "text/css");
    assert_eq!(text(file).await, "body {}");
    assert_eq!(send(address, "POST", "/lib/css/a%20b.css").await.status(), 404);
    for path in [
        "/lib/",
        "/lib/css",
        "/lib/none",
        "/lib/../secret.txt",
        "/lib/..%2fsecret.txt",
        "/lib/%2e%2e/secret.txt",
        "/lib/%252e%252e%252fsecret.txt",
        "/lib/css/../../../secret.txt",
        "/lib//etc/passwd",
        "/lib/..%5csecret.txt",
        "/lib/css/a%00.css",
        "/lib/%ff",
        "/../secret.txt",
    ] {
        let mut raw = Raw::connect(address).await;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        raw.write(request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&raw.read_rest().await).into_owned();
        assert!(!answer.contains("secret\n") && !answer.ends_with("secret"), "{path}: {answer}");
        let status = answer.split(' ').nth(1).unwrap();
        assert!(matches!(status, "404" | "400" | "307"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn health_is_ok() {
    let (_listener, address) = listen(config()).await;
    let health = send(address, "GET", "/healthz").await;
    assert_eq!(health.status(), 200);
    assert_eq!(text(health).await, "ok");
}

#[tokio::test]
async fn everything_is_below_the_mount() {
    let (mut listener, address) = listen(config().mount("/app")).await;
    for path in ["/", "/client.js", "/healthz", "/apple", "/session/1/x", "/websocket/"] {
        assert_eq!(send(address, "GET", path).await.status(), 404, "{path}");
    }
    for path in ["/app/", "/app/client.js", "/app/healthz"] {
        assert_eq!(send(address, "GET", path).await.status(), 200, "{path}");
    }
    let slashless = send(address, "GET", "/app?x=1").await;
    assert_eq!(slashless.status(), 308);
    assert_eq!(slashless.headers()["location"], "/app/?x=1");

    let url = format!("ws://{address}/app/websocket/");
    let _client = within(transport_ws::connect(&url)).await.unwrap();
    next_link(&mut listener).await;
    let sending = tokio::spawn(async move { send(address, "GET", "/app/session/7/x?y=z").await });
    let (request, _responder) = next_exchange(&mut listener).await.into_parts();
    assert_eq!(request.uri(), "/session/7/x?y=z");
    sending.abort();
}

#[tokio::test]
async fn exchanges_and_links_are_found_below_the_directory_of_any_page() {
    let (mut listener, address) = listen(config().page("/docs/guide.html", "<p>")).await;
    let url = format!("ws://{address}/docs/guide.html/websocket/");
    let _client = within(transport_ws::connect(&url)).await.unwrap();
    next_link(&mut listener).await;
    let sending = tokio::spawn(async move { send(address, "GET", "/docs/session/7/x").await });
    let exchange = next_exchange(&mut listener).await;
    assert_eq!(exchange.request().uri(), "/session/7/x");
    sending.abort();
    assert_eq!(send(address, "GET", "/elsewhere/session/7/x").await.status(), 404);
}

#[tokio::test]
async fn an_exchange_has_any_method_and_streams_both_ways() {
    let (mut listener, address) = listen(config()).await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"] {
        let (up, body) = piped();
        let base = format!("http://{address}/");
        let sending = tokio::spawn(async move {
            let mut request = request(method, "/session/7/dynamic_route/a%2Fb?nonce=1", body);
            request.headers_mut().insert("x-custom", "kept".parse().unwrap());
            transport_ws::exchange(&base, request).await.unwrap()
        });
        let (request, responder) = next_exchange(&mut listener).await.into_parts();
        assert_eq!(request.method(), method);
        assert_eq!(request.uri(), "/session/7/dynamic_route/a%2Fb?nonce=1");
        assert_eq!(request.headers()["x-custom"], "kept");
        let mut arriving = request.into_body();
        let (down, body) = piped();
        responder.respond(http::Response::builder().status(207).body(body).unwrap());
        let response = within(sending).await.unwrap();
        assert_eq!(response.status(), 207);
        let mut answer = response.into_body();
        // Piece by piece, each before the next is made.
        for n in 0..3 {
            up.send(Ok(vec![n; 10].into())).unwrap();
            assert_eq!(piece(&mut arriving).await.unwrap().unwrap(), vec![n; 10]);
            down.send(Ok(vec![n; 20].into())).unwrap();
            assert_eq!(piece(&mut answer).await.unwrap().unwrap(), vec![n; 20]);
        }
        drop((up, down));
        assert!(piece(&mut arriving).await.is_none());
        assert!(piece(&mut answer).await.is_none());
    }
}

#[tokio::test]
async fn an_exchange_that_nobody_answers_is_503() {
    let (mut listener, address) = listen(config()).await;
    let sending = tokio::spawn(async move { send(address, "GET", "/session/7/x").await });
    drop(next_exchange(&mut listener).await);
    let response = within(sending).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_response_that_fails_is_cut_so_that_the_client_can_tell() {
    let (mut listener, address) = listen(config()).await;
    let sending = tokio::spawn(async move { send(address, "GET", "/session/7/download/x").await });
    let (_, responder) = next_exchange(&mut listener).await.into_parts();
    let (down, body) = piped();
    responder.respond(http::Response::new(body));
    let mut answer = within(sending).await.unwrap().into_body();
    down.send(Ok("first".into())).unwrap();
    assert_eq!(piece(&mut answer).await.unwrap().unwrap(), "first");
    down.send(Err("the source failed".into())).unwrap();
    piece(&mut answer).await.expect("looks complete").unwrap_err();
}

#[tokio::test]
async fn a_client_that_leaves_during_its_download_cancels_it() {
    let (mut listener, address) = listen(config()).await;
    let sending = tokio::spawn(async move { send(address, "GET", "/session/7/download/x").await });
    let (_, responder) = next_exchange(&mut listener).await.into_parts();
    let (down, body) = piped();
    responder.respond(http::Response::new(body));
    let response = within(sending).await.unwrap();
    drop(response);
    // The body is dropped, and with it the receiver of its pieces.
    within(down.closed()).await;
}

#[tokio::test]
async fn a_client_that_leaves_during_its_upload_fails_the_body() {
    let (mut listener, address) = listen(config()).await;
    let mut raw = Raw::connect(address).await;
    raw.write(
        b"POST /session/7/upload/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
    )
    .await;
    let (request, _responder) = next_exchange(&mut listener).await.into_parts();
    let mut body = request.into_body();
    assert_eq!(piece(&mut body).await.unwrap().unwrap(), "half");
    drop(raw);
    piece(&mut body).await.expect("looks complete").unwrap_err();
}

#[tokio::test]
async fn a_page_of_another_origin_opens_no_link() {
    let mut config = config();
    config.allowed_origins.push("https://partner.example".to_owned());
    let (mut listener, address) = listen(config).await;
    let from = |origin: &str| Client::new().header("origin", origin).unwrap();
    for origin in ["http://evil.com", "null", "https://partner.example.evil.com"] {
        let error = within(from(origin).connect(&socket_url(address))).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { status: 403 }), "{origin}: {error}");
    }
    let own = format!("http://{address}");
    for origin in [own.as_str(), "https://partner.example"] {
        let _client = within(from(origin).connect(&socket_url(address))).await.unwrap();
        let link = next_link(&mut listener).await;
        assert_eq!(link.peer().request.as_ref().unwrap().headers["origin"], origin);
    }
}

#[tokio::test]
async fn a_client_without_an_origin_opens_a_link_only_if_that_is_allowed() {
    for (missing_origin, allowed) in [
        (MissingOrigin::Loopback, true),
        (MissingOrigin::Allow, true),
        (MissingOrigin::Refuse, false),
    ] {
        let mut config = config();
        config.missing_origin = missing_origin;
        let (_listener, address) = listen(config).await;
        let connected = within(transport_ws::connect(&socket_url(address))).await;
        assert_eq!(connected.is_ok(), allowed, "{missing_origin:?}");
    }
}

#[tokio::test]
async fn a_request_for_a_foreign_host_gets_nothing_from_a_loopback_listener() {
    let (_listener, address) = listen(config()).await;
    for (host, status) in [
        ("evil.com", "403"),
        (&*format!("evil.com:{}", address.port()), "403"),
        ("localhost.evil.com", "403"),
        ("localhost:1234", "200"),
        ("127.0.0.1", "200"),
        ("[::1]:99", "200"),
    ] {
        let mut raw = Raw::connect(address).await;
        raw.write(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await;
        let head = raw.read_head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {head}");
    }
    let mut raw = Raw::connect(address).await;
    raw.write(b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(raw.read_head().await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn compression_and_subprotocols_are_declined() {
    let (mut listener, address) = listen(config()).await;
    let mut raw = Raw::connect(address).await;
    let offers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
                  Sec-WebSocket-Protocol: chat, superchat\r\n";
    raw.write(handshake(address, offers).as_bytes()).await;
    let head = raw.read_head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(!head.contains("extensions") && !head.contains("protocol:"), "{head}");
    next_link(&mut listener).await;
}

#[tokio::test]
async fn a_body_that_cannot_fail_is_a_body_too() {
    let (mut listener, address) = listen(config()).await;
    let sending =
        tokio::spawn(async move { text(send(address, "GET", "/session/7/x").await).await });
    let (_, responder) = next_exchange(&mut listener).await.into_parts();
    let body: http_body_util::combinators::BoxBody<Bytes, Infallible> =
        http_body_util::Full::new(Bytes::from_static(b"whole")).boxed();
    responder.respond(http::Response::new(Body::new(body)));
    assert_eq!(within(sending).await.unwrap(), "whole");
}

#[tokio::test]
async fn an_endpoint_finds_links_and_exchanges_from_either_url() {
    let mut config = config();
    config.mount = "/app".to_owned();
    let (mut listener, address) = listen(config).await;
    for url in ["http://{}/app/", "http://{}/app", "ws://{}/app/websocket/?x=1"] {
        let endpoint = Client::new().endpoint(&url.replace("{}", &address.to_string())).unwrap();
        let _link = within(endpoint.link()).await.unwrap();
        next_link(&mut listener).await;
        let request = http::Request::get("/session/a/b/c").body(Body::empty()).unwrap();
        let (response, ()) = tokio::join!(within(endpoint.exchange(request)), async {
            let exchange = next_exchange(&mut listener).await;
            exchange.respond(Response::new(Body::from("here")));
        });
        assert_eq!(response.unwrap().status(), 200, "{url}");
    }
    let error = Client::new().endpoint("ftp://127.0.0.1/").unwrap_err();
    assert!(matches!(error, ConnectError::Url { .. }), "{error}");
}

#[tokio::test]
async fn who_is_answered_early_and_goes_on_sending_has_the_answer() {
    // More than the sockets of both ends hold.
    const LENGTH: usize = 64 << 20;
    let (mut listener, address) = listen(config()).await;
    let mut raw = Raw::connect(address).await;
    let head = format!(
        "POST /session/x/upload/y HTTP/1.1\r\nHost: {address}\r\nContent-Length: {LENGTH}\r\n\r\n"
    );
    raw.write(head.as_bytes()).await;
    let (request, responder) = next_exchange(&mut listener).await.into_parts();
    drop(request);
    responder.respond(session_core::exchange::plain(http::StatusCode::NOT_FOUND, "too late"));
    // It reads only once it has said everything.
    let piece = vec![7; 1 << 20];
    for _ in 0..LENGTH / piece.len() {
        raw.write(&piece).await;
    }
    let head = raw.read_head().await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
}
