use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use session_core::exchange::{Body, Exchange, Response};
use session_core::link::{Connect, Link, Listener, ReceiveError, ReceiveExt};
use transport_stdio::{Config, StdioListener};

use crate::support::{Raw, get, next_exchange, next_link, pair, within};

/// A request that a client wrote by hand, and where it waits for its answer.
async fn asked(lines: &str) -> (Raw, StdioListener, Exchange) {
    let (mut raw, mut listener) = Raw::connect(&Config::default());
    raw.write(lines);
    let exchange = next_exchange(&mut listener).await;
    (raw, listener, exchange)
}

#[tokio::test]
async fn a_request_is_three_lines_and_so_is_its_response() {
    let (mut raw, _listener, exchange) = asked(concat!(
        "[\"request\",7,{\"method\":\"POST\",\"path\":\"/a?b=c\",\"headers\":[[\"x-y\",\"z\"]]}]\n",
        "[\"data\",7,{\"text\":\"hé\"}]\n",
        "[\"data\",7,\"bGxv\"]\n",
        "[\"end\",7]\n",
    ))
    .await;
    let (request, responder) = exchange.into_parts();
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", "/a?b=c".into()));
    assert_eq!(request.headers()["x-y"], "z");
    let body = within(request.into_body().collect_up_to(100)).await.unwrap();
    assert_eq!(&body[..], "héllo".as_bytes());
    let response =
        http::Response::builder().status(201).header("a", "b").body("yes".into()).unwrap();
    responder.respond(response);
    assert_eq!(raw.line().await.unwrap(), r#"["response",7,{"status":201,"headers":[["a","b"]]}]"#);
    assert_eq!(raw.line().await.unwrap(), r#"["data",7,"eWVz"]"#);
    assert_eq!(raw.line().await.unwrap(), r#"["end",7]"#);
}

#[tokio::test]
async fn a_client_for_exchanges_alone_has_no_link() {
    let (mut raw, mut listener, exchange) =
        asked("[\"request\",1,{\"path\":\"/x\"}]\n[\"end\",1]\n").await;
    raw.hang_up();
    exchange.respond(Response::new("yes".into()));
    assert!(within(listener.accept()).await.is_none());
    within(listener.finish()).await;
    let lines = raw.rest().await;
    assert_eq!(lines[1..], [r#"["data",1,"eWVz"]"#, r#"["end",1]"#]);
}

#[tokio::test]
async fn a_response_waits_for_credit_beyond_the_first_256_kib() {
    const LENGTH: usize = 1_000_000;
    let (mut raw, _listener, exchange) =
        asked("[\"request\",1,{\"path\":\"/x\"}]\n[\"end\",1]\n").await;
    exchange.respond(Response::new(vec![7; LENGTH].into()));
    assert!(raw.line().await.unwrap().starts_with("[\"response\",1,"));
    let mut length = 0;
    while length < 256 * 1024 {
        let piece = data(&raw.line().await.unwrap());
        assert!(piece <= 16 * 1024, "a piece of {piece} bytes");
        length += piece;
    }
    assert_eq!(length, 256 * 1024);
    // The answer to this comes first: nothing else is on its way.
    raw.write("[\"request\",2,{\"path\":\"relative\"}]\n");
    assert!(raw.line().await.unwrap().starts_with("[\"response\",2,{\"status\":400"));
    assert!(raw.line().await.unwrap().starts_with("[\"data\",2,"));
    assert_eq!(raw.line().await.unwrap(), r#"["end",2]"#);
    raw.write("[\"credit\",1,4294967295]\n");
    loop {
        let line = raw.line().await.unwrap();
        if line == r#"["end",1]"# {
            break;
        }
        length += data(&line);
    }
    assert_eq!(length, LENGTH);
}

/// The bytes that a line of data carries.
fn data(line: &str) -> usize {
    let base64 = line.strip_prefix("[\"data\",1,\"").and_then(|rest| rest.strip_suffix("\"]"));
    STANDARD.decode(base64.unwrap_or_else(|| panic!("no data: {line}"))).unwrap().len()
}

#[tokio::test]
async fn a_client_that_hangs_up_gets_what_it_gave_credit_for_and_then_a_reset() {
    let (mut raw, mut listener, exchange) =
        asked("[\"request\",1,{\"path\":\"/x\"}]\n[\"end\",1]\n").await;
    raw.hang_up();
    exchange.respond(Response::new(vec![7; 1_000_000].into()));
    let finishing = async { within(listener.finish()).await };
    let ((), lines) = tokio::join!(finishing, raw.rest());
    assert_eq!(lines[1..lines.len() - 1].iter().map(|line| data(line)).sum::<usize>(), 256 * 1024);
    assert!(lines.last().unwrap().starts_with("[\"reset\",1,"), "{:?}", lines.last());
}

#[tokio::test]
async fn more_of_a_body_than_there_was_credit_for_breaks_the_protocol() {
    let (mut raw, mut listener) = Raw::connect(&Config::default());
    raw.write("{}\n[\"request\",1,{\"path\":\"/x\"}]\n");
    let (mut receive, _transmit) = next_link(&mut listener).await.split();
    let exchange = next_exchange(&mut listener).await;
    assert!(within(receive.receive()).await.unwrap().is_some());
    let piece = format!("[\"data\",1,\"{}\"]\n", STANDARD.encode(vec![0; 60_000]));
    let _ = raw.write_much(piece.repeat(5).into_bytes()).await;
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(&error, ReceiveError::Protocol(what) if what.contains("credit")), "{error}");
    let (request, _responder) = exchange.into_parts();
    let mut body = request.into_body();
    while let Some(frame) = within(body.frame()).await {
        if let Err(error) = frame {
            assert!(error.to_string().contains("cut short"), "{error}");
            return;
        }
    }
    panic!("the body ended as if it were whole");
}

#[tokio::test]
async fn numbers_that_are_not_under_way_are_ignored() {
    let (mut raw, _listener, exchange) = asked(concat!(
        "[\"data\",9,\"AAAA\"]\n[\"end\",9]\n[\"reset\",9,\"x\"]\n[\"credit\",9,5]\n[\"stop\",9]\n[\"reset\",9]\n",
        "[\"request\",1,{\"path\":\"/x\"}]\n[\"end\",1]\n"
    ))
    .await;
    exchange.respond(Response::new(Body::empty()));
    assert!(raw.line().await.unwrap().starts_with("[\"response\",1,"));
    assert_eq!(raw.line().await.unwrap(), r#"["end",1]"#);
    raw.write("[\"data\",1,\"AAAA\"]\n[\"end\",1]\n[\"request\",1,{}]\n");
    assert!(raw.line().await.unwrap().starts_with("[\"response\",1,{\"status\":400"));
}

#[tokio::test]
async fn a_number_that_is_under_way_cannot_be_taken_again() {
    let (mut raw, mut listener, _exchange) = asked("[\"request\",1,{\"path\":\"/x\"}]\n").await;
    raw.write("[\"request\",1,{\"path\":\"/y\"}]\n");
    let (mut receive, _transmit) = next_link(&mut listener).await.split();
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn one_request_too_many_gets_503_and_one_after_an_end_is_answered() {
    let mut config = Config::default();
    config.max_exchanges = 2;
    let (mut raw, mut listener) = Raw::connect(&config);
    raw.write("[\"request\",1,{\"path\":\"/1\"}]\n[\"request\",2,{\"path\":\"/2\"}]\n[\"request\",3,{\"path\":\"/3\"}]\n");
    let first = next_exchange(&mut listener).await;
    let _second = next_exchange(&mut listener).await;
    assert!(raw.line().await.unwrap().starts_with("[\"response\",3,{\"status\":503"));
    assert!(raw.line().await.unwrap().starts_with("[\"data\",3,"));
    assert_eq!(raw.line().await.unwrap(), r#"["end",3]"#);
    drop(first);
    assert!(raw.line().await.unwrap().starts_with("[\"response\",1,{\"status\":503"));
    assert!(raw.line().await.unwrap().starts_with("[\"data\",1,"));
    assert_eq!(raw.line().await.unwrap(), r#"["end",1]"#);
    raw.write("[\"request\",1,{\"path\":\"/4\"}]\n");
    assert_eq!(next_exchange(&mut listener).await.request().uri().path(), "/4");
}

#[tokio::test]
async fn a_number_is_free_as_soon_as_the_client_sees_the_end() {
    let (mut raw, mut listener) = Raw::connect(&Config::default());
    for round in 0..200 {
        raw.write("[\"request\",1,{\"path\":\"/x\"}]\n[\"end\",1]\n");
        next_exchange(&mut listener).await.respond(Response::new(Body::empty()));
        assert!(
            raw.line().await.unwrap().starts_with("[\"response\",1,{\"status\":200"),
            "{round}"
        );
        assert_eq!(raw.line().await.unwrap(), r#"["end",1]"#);
    }
}

#[tokio::test]
async fn a_reset_cuts_the_request_and_drops_the_response() {
    let (mut raw, _listener, exchange) =
        asked("[\"request\",1,{\"path\":\"/x\"}]\n[\"data\",1,\"AAAA\"]\n").await;
    raw.write("[\"reset\",1,\"changed my mind\"]\n");
    let (request, _responder) = exchange.into_parts();
    let mut body = request.into_body();
    assert_eq!(within(body.frame()).await.unwrap().unwrap().into_data().unwrap().len(), 3);
    let error = within(body.frame()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("changed my mind"), "{error}");
    assert!(within(body.frame()).await.is_none());
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_stopped_and_the_response_still_comes() {
    let (mut raw, _listener, exchange) = asked("[\"request\",1,{\"path\":\"/x\"}]\n").await;
    let (request, responder) = exchange.into_parts();
    drop(request);
    raw.write("[\"data\",1,\"AAAA\"]\n[\"data\",1,\"AAAA\"]\n");
    assert_eq!(raw.line().await.unwrap(), r#"["stop",1]"#);
    responder.respond(Response::new("no".into()));
    assert!(raw.line().await.unwrap().starts_with("[\"response\",1,{\"status\":200"));
}

#[tokio::test]
async fn a_head_that_cannot_be_sent_is_an_error_at_either_end() {
    let (child, mut listener) = pair(transport_stdio::Framing::Lines, 1000);
    let long = "x".repeat(70_000);
    let request = http::Request::get("/x").header("a", &long).body(Body::empty()).unwrap();
    let error = within(child.exchange(request)).await.unwrap_err();
    assert!(matches!(error, transport_stdio::ConnectError::HeadTooLarge { .. }), "{error}");
    let answering = async {
        let response = http::Response::builder().header("a", &long).body(Body::empty()).unwrap();
        next_exchange(&mut listener).await.respond(response);
    };
    let (response, ()) = tokio::join!(child.exchange(get("/x")), answering);
    assert_eq!(response.unwrap().status(), 500);
}
