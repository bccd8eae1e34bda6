//! The laws of `link.rs`, held by the reference link.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::task::Poll;

use bytes::Bytes;
use futures_util::{FutureExt, poll};
use session_core::Body;
use session_core::link::{
    CloseCode, CloseReason, Connect, Frame, Incoming, Link, Listener, MemoryLink, ReceiveError,
    ReceiveExt, Transmit, TransmitExt, memory,
};

const LIMIT: usize = 1024;

async fn link() -> (MemoryLink, MemoryLink) {
    let (connector, mut listener) = memory(LIMIT);
    let (client, incoming) = tokio::join!(connector.link(), listener.accept());
    let Some(Incoming::Link(server)) = incoming else { panic!("a link") };
    (client.unwrap(), server)
}

fn text(text: &str) -> Frame {
    Frame::Text(text.to_owned().into())
}

#[tokio::test]
async fn frames_arrive_whole_in_order_and_keep_their_kind() {
    let (client, server) = link().await;
    let (_, mut transmit) = client.split();
    let (mut receive, _server) = server.split();
    let every_byte: Bytes = (0..=u8::MAX).collect();
    let sent = [text(""), Frame::Binary(every_byte), text("é"), Frame::Binary(Bytes::new())];
    for frame in &sent {
        transmit.send(frame.clone()).await.unwrap();
    }
    for frame in sent {
        assert_eq!(receive.receive().await.unwrap(), Some(frame));
    }
}

#[tokio::test]
async fn a_frame_over_the_limit_never_reaches_the_session() {
    let (client, server) = link().await;
    let (_, mut transmit) = client.split();
    let (mut receive, _server) = server.split();
    transmit.send(Frame::Binary(vec![0; LIMIT].into())).await.unwrap();
    transmit.send(Frame::Binary(vec![0; LIMIT + 1].into())).await.unwrap();
    assert!(receive.receive().await.unwrap().is_some());
    let error = receive.receive().await.unwrap_err();
    assert!(matches!(error, ReceiveError::TooLarge { limit: LIMIT }));
    assert_eq!(error.close_reason().unwrap().code(), CloseCode::TOO_BIG);
    assert!(matches!(receive.receive().await, Ok(None)));
}

#[tokio::test]
async fn a_receive_that_is_torn_a_thousand_times_loses_nothing() {
    let (client, server) = link().await;
    let (_, mut transmit) = client.split();
    let (mut receive, _server) = server.split();
    for n in 0..1000 {
        assert!(receive.receive().now_or_never().is_none());
        transmit.send(text(&n.to_string())).await.unwrap();
        drop(receive.receive());
        assert_eq!(receive.receive().await.unwrap(), Some(text(&n.to_string())));
    }
}

#[tokio::test]
async fn an_orderly_end_delivers_everything_and_then_the_reason() {
    let (client, server) = link().await;
    let (_, mut transmit) = client.split();
    let (mut receive, _server) = server.split();
    transmit.send(text("last")).await.unwrap();
    assert_eq!(receive.close_reason_code(), None);
    transmit.close(CloseReason::new(CloseCode::DRAIN, "bye")).await.unwrap();
    assert_eq!(receive.receive().await.unwrap(), Some(text("last")));
    assert!(matches!(receive.receive().await, Ok(None)));
    assert_eq!(receive.close_reason_code(), Some((1012, "bye".to_owned())));
}

#[tokio::test]
async fn a_dropped_sender_is_an_abort_and_no_end() {
    let (client, server) = link().await;
    let (_, mut transmit) = client.split();
    let (mut receive, _server) = server.split();
    transmit.send(text("last")).await.unwrap();
    drop(transmit);
    assert_eq!(receive.receive().await.unwrap(), Some(text("last")));
    assert!(matches!(receive.receive().await, Err(ReceiveError::Aborted(_))));
    assert!(matches!(receive.receive().await, Ok(None)));
}

#[tokio::test]
async fn a_slow_reader_stalls_the_sender_until_it_reads() {
    let (client, server) = link().await;
    let (_, mut transmit) = client.split();
    let (mut receive, _server) = server.split();
    let mut accepted = 0;
    while accepted < 10_000 && transmit.send(text("x")).now_or_never().is_some() {
        accepted += 1;
    }
    assert!(accepted < 10_000, "nothing stalls the sender");
    receive.receive().await.unwrap();
    let ready = poll!(std::future::poll_fn(|cx| transmit.poll_ready(cx)));
    assert!(matches!(ready, Poll::Ready(Ok(()))));
}

#[tokio::test]
async fn sends_fail_once_the_peer_is_gone() {
    let (client, server) = link().await;
    drop(server);
    let (mut receive, mut transmit) = client.split();
    assert!(transmit.send(text("x")).await.is_err());
    assert!(matches!(receive.receive().await, Err(ReceiveError::Aborted(_))));
}

#[tokio::test]
async fn both_directions_work_at_once_and_links_are_independent() {
    let (first, first_server) = link().await;
    let (second, second_server) = link().await;
    let (mut from_server, mut to_server) = first.split();
    let (mut from_client, mut to_client) = first_server.split();
    drop((second, second_server));
    let (up, down) = tokio::join!(
        async {
            to_server.send(text("up")).await.unwrap();
            from_server.receive().await.unwrap()
        },
        async {
            to_client.send(text("down")).await.unwrap();
            from_client.receive().await.unwrap()
        },
    );
    assert_eq!((up, down), (Some(text("down")), Some(text("up"))));
}

#[tokio::test]
async fn an_exchange_is_answered_and_a_dropped_one_is_an_error() {
    let (connector, mut listener) = memory(LIMIT);
    let request = || http::Request::builder().uri("/session/x/y/z").body(Body::empty()).unwrap();
    let (response, ()) = tokio::join!(connector.exchange(request()), async {
        let Some(Incoming::Exchange(exchange)) = listener.accept().await else { panic!("one") };
        assert_eq!(exchange.request().uri().path(), "/session/x/y/z");
        exchange.respond(http::Response::new(Body::from("hello")));
    });
    let body = response.unwrap().into_body().collect_up_to(100).await.unwrap();
    assert_eq!(body, "hello");
    let (response, ()) = tokio::join!(connector.exchange(request()), async {
        drop(listener.accept().await);
    });
    assert_eq!(response.unwrap().status(), 503);
    drop(listener);
    assert!(connector.exchange(request()).await.is_err());
    assert!(connector.link().await.is_err());
}

trait CloseReasonCode {
    fn close_reason_code(&self) -> Option<(u16, String)>;
}

impl<R: session_core::link::Receive> CloseReasonCode for R {
    fn close_reason_code(&self) -> Option<(u16, String)> {
        let reason = self.close_reason()?;
        Some((reason.code().get(), reason.text().to_owned()))
    }
}
