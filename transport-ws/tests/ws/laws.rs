//! What the public suite's laws of links leave to this transport.

use std::future::poll_fn;
use std::task::Poll;

use session_core::link::{
    CloseCode, CloseReason, Frame, Link, Receive, ReceiveExt, Text, Transmit, TransmitError,
    TransmitExt,
};
use tokio::task::yield_now;
use transport_ws::{WsLink, WsReceive, WsTransmit};

use crate::support::{
    BINARY, PING, PONG, Raw, TEXT, config, frame, listen, next_link, pair, within,
};

const LIMIT: usize = 1 << 20;

/// Each law holds whoever sends: client to server, server to client.
async fn both_ways<F>(limit: usize, law: impl Fn(WsLink, WsLink) -> F)
where
    F: Future<Output = ()>,
{
    let (client, server) = pair(limit).await;
    within(law(client, server)).await;
    let (client, server) = pair(limit).await;
    within(law(server, client)).await;
}

fn binary(length: usize) -> Frame {
    Frame::Binary((0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>().into())
}

fn text(text: &str) -> Frame {
    Frame::Text(Text::from(text.to_owned()))
}

async fn started(transmit: &mut WsTransmit, frame: Frame) {
    poll_fn(|cx| transmit.poll_ready(cx)).await.unwrap();
    transmit.start_send(frame).unwrap();
}

async fn flushed(transmit: &mut WsTransmit) {
    poll_fn(|cx| transmit.poll_flush(cx)).await.unwrap();
}

/// Sends until there is no room for more; how many frames went.
async fn stuff(transmit: &mut WsTransmit, frame: &Frame) -> usize {
    let mut count = 0;
    let mut idle = 0;
    // A full socket stays full while nobody reads: a hundred turns of the runtime are enough to see.
    while idle < 100 {
        let ready = poll_fn(|cx| Poll::Ready(transmit.poll_ready(cx))).await;
        match ready {
            Poll::Ready(result) => {
                result.unwrap();
                transmit.start_send(frame.clone()).unwrap();
                count += 1;
                idle = 0;
            }
            Poll::Pending => {
                idle += 1;
                yield_now().await;
            }
        }
    }
    count
}

async fn received(receive: &mut WsReceive) -> Frame {
    receive.receive().await.unwrap().expect("the link ended")
}

#[tokio::test]
async fn a_frame_that_comes_byte_by_byte_survives_a_tear_at_every_byte() {
    let (mut listener, address) = listen(config()).await;
    let mut raw = Raw::upgrade(address).await;
    let (mut receive, _open) = next_link(&mut listener).await.split();
    for byte in frame(TEXT, "zażółć gęślą jaźń".repeat(20).as_bytes()) {
        assert!(poll_fn(|cx| Poll::Ready(receive.poll_receive(cx))).await.is_pending());
        raw.write(&[byte]).await;
    }
    let arrived = within(receive.receive()).await.unwrap();
    assert_eq!(arrived, Some(text(&"zażółć gęślą jaźń".repeat(20))));
}

#[tokio::test]
async fn nothing_can_be_sent_to_a_peer_that_closed() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, transmit) = from.split();
        let (mut receive, mut reply) = to.split();
        let reason = CloseReason::new(CloseCode::DRAIN, "come back");
        transmit.close(reason.clone()).await.unwrap();
        assert_eq!(receive.receive().await.unwrap(), None);
        assert_eq!(receive.close_reason(), Some(&reason));
        let refused = reply.send(text("late")).await.unwrap_err();
        assert!(matches!(refused, TransmitError::Closed(_)), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn receiving_goes_on_while_the_socket_is_full_and_pings_are_answered_later() {
    let (mut listener, address) = listen(config()).await;
    let mut raw = Raw::upgrade(address).await;
    let (mut receive, mut transmit) = next_link(&mut listener).await.split();
    let sent = within(stuff(&mut transmit, &binary(60_000))).await;

    raw.write(&[frame(PING, b"old"), frame(PING, b"new"), frame(TEXT, b"hello")].concat()).await;
    assert_eq!(within(received(&mut receive)).await, text("hello"));

    // The sending half is not polled again: the receiving half alone must bring the answer out.
    let receiving = tokio::spawn(async move {
        let end = receive.receive().await;
        (end, transmit)
    });
    for _ in 0..sent {
        let (first, payload) = raw.read_frame().await.unwrap();
        assert_eq!((first, payload.len()), (BINARY, 60_000));
    }
    assert_eq!(raw.read_frame().await, Some((PONG, b"old".to_vec())));
    assert_eq!(raw.read_frame().await, Some((PONG, b"new".to_vec())));
    raw.write(&frame(0x88, &1000_u16.to_be_bytes())).await;
    assert_eq!(within(receiving).await.unwrap().0.unwrap(), None);
}

#[tokio::test]
async fn frames_started_between_two_flushes_leave_together() {
    let (mut listener, address) = listen(config()).await;
    let raw = Raw::upgrade(address).await;
    let (_receive, mut transmit) = next_link(&mut listener).await.split();
    let mut expected = Vec::new();
    for n in 0_u8..6 {
        started(&mut transmit, Frame::Binary(vec![n; 100].into())).await;
        expected.extend([BINARY, 100]);
        expected.extend([n; 100]);
    }
    let mut buffer = vec![0; 10_000];
    let early = raw.stream.try_read(&mut buffer).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    flushed(&mut transmit).await;
    within(raw.stream.readable()).await.unwrap();
    let count = raw.stream.try_read(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], expected);
}

#[tokio::test]
async fn the_peer_is_known_by_its_address_and_its_request() {
    let (mut listener, address) = listen(config()).await;
    let client = transport_ws::Client::new().header("x-user", "ada").unwrap();
    let url = format!("ws://{address}/some/page/websocket/?w=1");
    let _client = within(client.connect(&url)).await.unwrap();
    let link = next_link(&mut listener).await;
    let peer = link.peer();
    assert!(peer.address.unwrap().ip().is_loopback());
    let request = peer.request.as_ref().unwrap();
    assert_eq!(request.uri, "/some/page/websocket/?w=1");
    assert_eq!(request.headers["x-user"], "ada");
    assert!(!request.headers.contains_key("sec-websocket-key"));
}
