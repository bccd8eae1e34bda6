use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use quinn::{ConnectionError, ReadError};
use session_core::Identity;
use session_core::config::{Config, Transports};
use session_core::link::{
    CloseCode, CloseReason, Frame, Gate, Incoming, Link, Listener, PeerInfo, Receive, ReceiveError,
    ReceiveExt, Refusal, TransmitExt,
};
use transport_quic::{Quic, QuicLink, QuicListener};
use web_transport_proto::{Capsule, Http3CapsuleReader, VarInt};
use web_transport_quinn::{
    ClientBuilder, RecvStream, SendStream, Session, SessionError, WebTransportError,
};

use crate::raw::{
    BINARY, CLOSE, Certificate, OPEN, REQUEST, RESPONSE, TEXT, head, open, read_record, record,
};
use crate::support::{
    binary, config, echo, echo_all, listen, next_exchange, next_link, received, text, within,
};

mod page;

use page::Browser;

/// What a stream is reset with when its session is over.
const SESSION_GONE: u32 = 0x170d_7b68;
const STREAM_REJECTED: u32 = 0x3994_bd84;

/// A session with the client of a crate that nobody here wrote.
async fn session(listener: &QuicListener) -> Session {
    let hashes = vec![listener.certificate_hash().to_vec()];
    let client = ClientBuilder::new().with_server_certificate_hashes(hashes).unwrap();
    let url = listener.webtransport_url().parse::<url::Url>().unwrap();
    within(client.connect(url)).await.unwrap()
}

async fn stream(session: &Session, bytes: &[u8]) -> (SendStream, RecvStream) {
    let (mut send, recv) = within(session.open_bi()).await.unwrap();
    within(send.write_all(bytes)).await.unwrap();
    (send, recv)
}

async fn read(recv: &mut RecvStream) -> (u8, Vec<u8>) {
    let mut header = [0; 5];
    within(recv.read_exact(&mut header)).await.unwrap();
    let [kind, length @ ..] = header;
    let mut payload = vec![0; u32::from_be_bytes(length) as usize];
    within(recv.read_exact(&mut payload)).await.unwrap();
    (kind, payload)
}

async fn assert_gone(link: QuicLink) {
    let (mut receive, mut transmit) = link.split();
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Aborted(_)), "{error}");
    within(transmit.send(text("anybody?"))).await.unwrap_err();
}

#[tokio::test]
async fn a_link_of_a_page_carries_frames_both_ways_and_closes_with_a_reason() {
    let mut listener = listen(config()).await;
    let session = session(&listener).await;
    let (mut send, mut recv) = stream(&session, &head(OPEN)).await;
    let link = next_link(&mut listener).await;
    let (mut receive, mut transmit) = link.split();
    // The server speaks first.
    within(transmit.send(text("welcome"))).await.unwrap();
    assert_eq!(read(&mut recv).await, (TEXT, b"welcome".to_vec()));
    for size in [0, 1, 5000, 1 << 20] {
        let Frame::Binary(bytes) = binary(size) else { unreachable!() };
        let (there, back) = (record(BINARY, &bytes), binary(size));
        let sending = async { send.write_all(&there).await.unwrap() };
        let ((), frame) = within(async { tokio::join!(sending, received(&mut receive)) }).await;
        assert!(frame == back, "{size} bytes from the page");
        let (sent, (kind, payload)) =
            within(async { tokio::join!(transmit.send(frame), read(&mut recv)) }).await;
        sent.unwrap();
        assert!(kind == BINARY && payload == bytes, "{size} bytes to the page");
    }
    let reason = CloseReason::new(CloseCode::DRAIN, "later");
    let (closed, last) =
        within(async { tokio::join!(transmit.close(reason), read(&mut recv)) }).await;
    closed.unwrap();
    assert_eq!(last, (CLOSE, [&1012_u16.to_be_bytes()[..], b"later"].concat()));
    assert_eq!(within(recv.read(&mut [0; 1])).await.unwrap(), None);
}

#[tokio::test]
async fn a_page_that_closes_its_link_ends_it_in_good_order() {
    let mut listener = listen(config()).await;
    let session = session(&listener).await;
    let (mut send, mut recv) = stream(&session, &head(OPEN)).await;
    let (mut receive, _transmit) = next_link(&mut listener).await.split();
    let bytes =
        [record(TEXT, b"last"), record(CLOSE, &[&3001_u16.to_be_bytes()[..], b"done"].concat())];
    within(send.write_all(&bytes.concat())).await.unwrap();
    send.finish().unwrap();
    assert_eq!(received(&mut receive).await, text("last"));
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    assert_eq!(receive.close_reason().unwrap().text(), "done");
    assert_eq!(read(&mut recv).await, (CLOSE, 3001_u16.to_be_bytes().to_vec()));
}

#[tokio::test]
async fn a_session_knows_what_the_browser_says_of_its_page() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let url = format!("{}app/?w=1", listener.webtransport_url());
    let browser = Browser::connect(&certificate, &url).await;
    let page = browser.open(&url).await;
    // What a script says of the request is not asked.
    let lie = br#"{"path":"/admin","headers":[["origin","https://bank.example"]]}"#;
    let _stream = page.stream(&record(OPEN, lie)).await;
    let link = next_link(&mut listener).await;
    let request = link.peer().request.as_ref().unwrap();
    assert_eq!(request.uri, "/app/?w=1");
    assert_eq!(request.headers["origin"], "http://localhost:8000");
    assert_eq!(request.headers["host"], listener.local_addr().to_string());
}

#[tokio::test]
async fn an_exchange_of_a_page_is_answered() {
    let mut listener = listen(config()).await;
    let session = session(&listener).await;
    let request = br#"{"method":"POST","path":"/session/7/x?n=1"}"#;
    let (mut send, mut recv) = stream(&session, &record(REQUEST, request)).await;
    within(send.write_all(b"body")).await.unwrap();
    send.finish().unwrap();
    let (request, responder) = next_exchange(&mut listener).await.into_parts();
    assert_eq!(request.uri(), "/session/7/x?n=1");
    let body = within(request.into_body().collect_up_to(100)).await.unwrap();
    responder.respond(http::Response::new(body.into()));
    assert_eq!(read(&mut recv).await.0, RESPONSE);
    assert_eq!(within(recv.read_to_end(100)).await.unwrap(), b"body");
}

#[tokio::test]
async fn a_foreign_page_gets_403_and_a_path_that_is_not_mounted_404() {
    let certificate = Certificate::new();
    let mut config = certificate.config();
    config.mount = Some("/app".to_owned());
    config.allowed_origins = vec!["https://shop.example".to_owned()];
    let mut listener = listen(config).await;
    let url = listener.webtransport_url();
    assert!(url.ends_with("/app/"), "{url}");
    let browser = Browser::connect(&certificate, &url).await;
    for (path, origin, expected) in [
        ("", "https://evil.example", StatusCode::FORBIDDEN),
        ("", "null", StatusCode::FORBIDDEN),
        ("../other/", "https://shop.example", StatusCode::NOT_FOUND),
        ("../", "http://localhost", StatusCode::NOT_FOUND),
    ] {
        let refused = browser.ask(&format!("{url}{path}"), origin).await.err();
        assert_eq!(refused, Some(expected), "{path} {origin}");
    }
    // On the same connection, those that may are let in.
    for origin in ["https://shop.example", "http://localhost:1"] {
        let page = browser.ask(&url, origin).await.ok().unwrap();
        let _stream = page.link().await;
        next_link(&mut listener).await;
    }
}

// spec: G32
#[tokio::test]
async fn a_page_that_the_server_does_not_let_in_gets_the_status_and_one_that_it_does_is_asked_for_once()
 {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    listener.guard(Gate::new(move |peer: PeerInfo| {
        counted.fetch_add(1, Ordering::Relaxed);
        let query = peer.request.and_then(|head| head.uri.query().map(str::to_owned));
        async move {
            match query.as_deref() {
                Some("token=ann") => Ok(Identity::new("ann")),
                Some(_) => Err(Refusal::forbidden("the token is wrong")),
                None => Err(Refusal::unauthorized("a token is needed")),
            }
        }
    }));
    let url = listener.webtransport_url();
    let browser = Browser::connect(&certificate, &url).await;
    for (query, expected) in [("", StatusCode::UNAUTHORIZED), ("?token=bob", StatusCode::FORBIDDEN)]
    {
        let refused = browser.ask(&format!("{url}{query}"), "http://localhost:1").await.err();
        assert_eq!(refused, Some(expected), "{query}");
    }
    let page = browser.open(&format!("{url}?token=ann")).await;
    for _ in 0..2 {
        let _stream = page.link().await;
        assert_eq!(next_link(&mut listener).await.peer().identity().user(), Some("ann"));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn sessions_on_one_connection_end_each_for_itself() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let url = listener.webtransport_url();
    let browser = Browser::connect(&certificate, &url).await;
    let (mut first, second) = (browser.open(&url).await, browser.open(&url).await);
    let _kept = first.link().await;
    let of_first = next_link(&mut listener).await;
    let (mut send, mut recv) = second.link().await;
    tokio::spawn(echo(next_link(&mut listener).await));
    first.end(7, "enough").await;
    assert_gone(of_first).await;
    within(send.write_all(&record(TEXT, b"still here"))).await.unwrap();
    assert_eq!(read_record(&mut recv).await, (TEXT, b"still here".to_vec()));
    // And a third may come.
    let third = browser.open(&url).await;
    let _stream = third.link().await;
    next_link(&mut listener).await;
}

#[tokio::test]
async fn a_session_that_ends_takes_its_streams_along() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let url = listener.webtransport_url();
    let browser = Browser::connect(&certificate, &url).await;
    let mut page = browser.open(&url).await;
    let (send, mut recv) = page.link().await;
    let link = next_link(&mut listener).await;
    let (_upload, mut answer) = page.stream(&head(REQUEST)).await;
    let exchange = next_exchange(&mut listener).await;
    page.end(0, "").await;
    // Whoever holds them is told, and so is the browser.
    assert_gone(link).await;
    for recv in [&mut recv, &mut answer] {
        let error = within(recv.read_chunk(usize::MAX, true)).await.unwrap_err();
        assert!(matches!(error, ReadError::Reset(code) if code == SESSION_GONE.into()), "{error}");
    }
    assert_eq!(within(send.stopped()).await.unwrap(), Some(SESSION_GONE.into()));
    // The stream that asked for the session ends as well.
    let mut rest = Http3CapsuleReader::new(page.recv);
    assert_eq!(within(rest.read()).await.unwrap(), None);
    drop(exchange);
}

#[tokio::test]
async fn a_browser_that_gives_up_the_request_of_a_session_ends_it() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let url = listener.webtransport_url();
    let browser = Browser::connect(&certificate, &url).await;
    let mut page = browser.open(&url).await;
    let _stream = page.link().await;
    let link = next_link(&mut listener).await;
    page.send.reset(0x10c_u32.into()).unwrap();
    assert_gone(link).await;
}

#[tokio::test]
async fn a_lost_connection_aborts_the_links_of_its_sessions() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let url = listener.webtransport_url();
    let browser = Browser::connect(&certificate, &url).await;
    let page = browser.open(&url).await;
    let _stream = page.link().await;
    let link = next_link(&mut listener).await;
    browser.connection.close(0x100_u32.into(), b"");
    assert_gone(link).await;
}

#[tokio::test]
async fn a_stream_that_is_reset_aborts_its_link_and_no_other() {
    let mut listener = listen(config()).await;
    let session = session(&listener).await;
    let (mut send, _recv) = stream(&session, &head(OPEN)).await;
    let link = next_link(&mut listener).await;
    let (mut other, mut back) = stream(&session, &head(OPEN)).await;
    tokio::spawn(echo(next_link(&mut listener).await));
    send.reset(9).unwrap();
    assert_gone(link).await;
    within(other.write_all(&record(TEXT, b"still here"))).await.unwrap();
    assert_eq!(read(&mut back).await, (TEXT, b"still here".to_vec()));
}

#[tokio::test]
async fn a_link_that_the_server_drops_is_reset() {
    let mut listener = listen(config()).await;
    let session = session(&listener).await;
    let (_send, mut recv) = stream(&session, &head(OPEN)).await;
    drop(next_link(&mut listener).await);
    let error = within(recv.read(&mut [0; 1])).await.unwrap_err();
    assert!(matches!(error, web_transport_quinn::ReadError::Reset(1)), "{error}");
}

#[tokio::test]
async fn what_is_neither_a_session_nor_its_stream_is_refused_and_harms_nobody() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let url = listener.webtransport_url();
    let browser = Browser::connect(&certificate, &url).await;
    // Of a session that nobody opened.
    let nobody = VarInt::from_u32(400);
    let (_send, mut recv) = page::stream(&browser.connection, nobody, &head(OPEN)).await;
    let error = within(recv.read_chunk(usize::MAX, true)).await.unwrap_err();
    assert!(matches!(error, ReadError::Reset(code) if code == STREAM_REJECTED.into()), "{error}");
    // Not HTTP/3 at all, or no head of a request.
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[1, 2, 0xff, 0xff], &[1, 0x80, 0xff, 0, 0]] {
        let (mut send, mut recv) = open(&browser.connection, garbage).await;
        // The server may have given it up already.
        let _ = send.finish();
        within(recv.read_chunk(usize::MAX, true)).await.unwrap_err();
    }
    let page = browser.open(&url).await;
    let _stream = page.link().await;
    next_link(&mut listener).await;
}

#[tokio::test]
async fn a_listener_that_finishes_lets_pages_have_their_last_words() {
    let mut listener = listen(config()).await;
    let session = session(&listener).await;
    let (_send, mut recv) = stream(&session, &head(OPEN)).await;
    let (_receive, mut transmit) = next_link(&mut listener).await.split();
    let finishing = tokio::spawn(async move { listener.finish().await });
    within(transmit.send(binary(500_000))).await.unwrap();
    let closing = tokio::spawn(transmit.close(CloseCode::DRAIN.into()));
    assert_eq!(read(&mut recv).await.1.len(), 500_000);
    assert_eq!(read(&mut recv).await.0, CLOSE);
    within(closing).await.unwrap().unwrap();
    drop((_send, recv, _receive));
    let error = within(session.closed()).await;
    let expected = matches!(&error, SessionError::WebTransportError(WebTransportError::Closed(0, reason))
        if reason == "the server is shutting down");
    assert!(expected, "{error}");
    within(finishing).await.unwrap();
}

#[tokio::test]
async fn a_session_without_streams_and_a_connection_without_sessions_are_closed() {
    let certificate = Certificate::new();
    let mut config = certificate.config();
    config.idle_timeout = std::time::Duration::from_millis(300);
    config.keep_alive_interval = std::time::Duration::from_millis(50);
    let listener = listen(config).await;
    let url = listener.webtransport_url();
    let browser = Browser::connect(&certificate, &url).await;
    let page = browser.open(&url).await;
    let mut capsules = Http3CapsuleReader::new(page.recv);
    let closed = within(capsules.read()).await.unwrap();
    let reason = "no streams".to_owned();
    assert_eq!(closed, Some(Capsule::CloseWebTransportSession { code: 0, reason }));
    let error = within(browser.connection.closed()).await;
    assert!(
        matches!(&error, ConnectionError::ApplicationClosed(close)
        if close.error_code == 0x100_u32.into()),
        "{error}"
    );
}

#[tokio::test]
async fn both_protocols_share_the_port() {
    let mut listener = listen(config()).await;
    let session = session(&listener).await;
    let (_send, _recv) = stream(&session, &head(OPEN)).await;
    let _of_page = next_link(&mut listener).await;
    let url = listener.address();
    echo_all(listener);
    crate::support::assert_serves(&url).await;
}

#[tokio::test]
async fn a_file_names_origins_and_mount_and_the_program_learns_where_pages_get_in() {
    let (sender, told) = std::sync::mpsc::channel();
    let quic = Quic::new().on_bound(move |listener| {
        sender.send(listener.webtransport_script("webtransport.js")).unwrap();
    });
    let transports = Transports::new().with(quic);
    let bind = async |table: &str| {
        let file = format!("[[transport]]\nkind = \"quic\"\nlisten = \"127.0.0.1:0\"\n{table}");
        transports.bind(&Config::from_toml(&file).unwrap()).await.map_err(|error| error.to_string())
    };
    let _listener =
        bind("mount = \"/app\"\nallowed_origins = [\"https://a.example\"]").await.unwrap();
    let script = told.try_recv().unwrap();
    assert!(script.contains("/app/\" data-certificate-hash=\""), "{script}");
    for (table, expected) in [
        ("mount = \"app\"", ["mount", "app"]),
        ("mount = \"/a b\"", ["mount", "/a b"]),
        ("allowed_origins = [\"a.example\"]", ["allowed_origins", "a.example"]),
        ("allowed_origins = [\"https://a.example/x\"]", ["allowed_origins", "a.example/x"]),
    ] {
        let Err(error) = bind(table).await else { panic!("{table} was taken") };
        assert!(expected.iter().all(|part| error.contains(part)), "{table}: {error}");
    }
}

#[tokio::test]
async fn a_slow_page_stalls_the_server_and_loses_nothing() {
    let mut listener = listen(config()).await;
    let session = session(&listener).await;
    let (_send, mut recv) = stream(&session, &head(OPEN)).await;
    let Incoming::Link(link) = within(listener.accept()).await.unwrap() else { panic!("no link") };
    let (_receive, mut transmit) = link.split();
    // More than the windows of a connection hold.
    let frames = 12;
    let sending = tokio::spawn(async move {
        for _ in 0..frames {
            transmit.send(binary(1 << 20)).await.unwrap();
        }
        transmit.close(CloseCode::GOING_AWAY.into()).await.unwrap();
    });
    for _ in 0..frames {
        // Sleeps: a page that is slow is what this is about.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let (kind, payload) = read(&mut recv).await;
        assert!(kind == BINARY && Frame::Binary(payload.into()) == binary(1 << 20));
    }
    assert_eq!(read(&mut recv).await.0, CLOSE);
    within(sending).await.unwrap();
}

// What HTTP/3 says it can, the connection must be able to; the Chromium browser does not insist, others do.
#[tokio::test]
async fn datagrams_are_taken_and_read_by_nobody() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let url = listener.webtransport_url();
    let browser = Browser::connect(&certificate, &url).await;
    let page = browser.open(&url).await;
    assert!(browser.connection.max_datagram_size().is_some_and(|size| size > 1000));
    for _ in 0..100 {
        within(browser.connection.send_datagram_wait(vec![7; 1000].into())).await.unwrap();
    }
    let (mut send, mut recv) = page.link().await;
    tokio::spawn(echo(next_link(&mut listener).await));
    within(send.write_all(&record(TEXT, b"still here"))).await.unwrap();
    assert_eq!(read_record(&mut recv).await, (TEXT, b"still here".to_vec()));
}
