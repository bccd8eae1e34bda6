use std::future::poll_fn;
use std::task::Poll;

use session_core::link::{
    CloseCode, CloseReason, Frame, Link, Receive, ReceiveError, ReceiveExt, Text, Transmit,
    TransmitError, TransmitExt,
};
use tokio::task::yield_now;
use transport_ws::{WsLink, WsReceive, WsTransmit};

use crate::support::{
    BINARY, PING, PONG, Raw, TEXT, config, echo, frame, listen, next_link, pair, within,
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
async fn frames_arrive_unchanged_in_order_and_keep_their_kind() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, mut transmit) = from.split();
        let (mut receive, _open) = to.split();
        let mut frames = vec![
            text(""),
            binary(0),
            text("plain"),
            text("zażółć 🦀 \u{0}\u{10ffff}"),
            Frame::Binary((0..=255).collect::<Vec<u8>>().into()),
        ];
        let sizes = [1, 125, 126, 127, 4095, 4096, 16_383, 16_384, 65_535, 65_536, LIMIT];
        frames.extend(sizes.map(binary));
        frames.extend(sizes.map(|size| text(&"x".repeat(size))));
        let expected = frames.clone();
        let sending = async {
            for frame in frames {
                transmit.send(frame).await.unwrap();
            }
        };
        let receiving = async {
            for (index, frame) in expected.into_iter().enumerate() {
                assert!(received(&mut receive).await == frame, "frame {index}");
            }
        };
        tokio::join!(sending, receiving);
    })
    .await;
}

#[tokio::test]
async fn a_frame_at_the_limit_arrives_and_one_over_it_does_not() {
    for over in [1, 1000, 3 * LIMIT] {
        both_ways(100_000, |from, to| async move {
            let (_back, mut transmit) = from.split();
            let (mut receive, _open) = to.split();
            let sending = async {
                transmit.send(binary(100_000)).await.unwrap();
                // The receiver may be gone before all of it is taken.
                let _ = transmit.send(binary(100_000 + over)).await;
            };
            let receiving = async {
                assert_eq!(received(&mut receive).await, binary(100_000));
                let error = receive.receive().await.unwrap_err();
                assert!(matches!(error, ReceiveError::TooLarge { limit: 100_000 }), "{error}");
                assert_eq!(error.close_reason().unwrap().code(), CloseCode::TOO_BIG);
                assert!(receive.receive().await.unwrap().is_none());
                drop((receive, _open));
            };
            tokio::join!(sending, receiving);
        })
        .await;
    }
}

#[tokio::test]
async fn receiving_torn_a_thousand_times_loses_nothing() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, mut transmit) = from.split();
        let (mut receive, _open) = to.split();
        let frames: Vec<_> =
            (0..1000).map(|n| binary(n * 37 % 5000)).chain([binary(LIMIT)]).collect();
        let expected = frames.clone();
        let sending = async {
            for frame in frames {
                transmit.send(frame).await.unwrap();
                yield_now().await;
                yield_now().await;
            }
        };
        let receiving = async {
            let mut torn = 0;
            for frame in expected {
                let arrived = loop {
                    // A future polled once and dropped.
                    tokio::select! {
                        biased;
                        arrived = receive.receive() => break arrived.unwrap(),
                        () = std::future::ready(()) => torn += 1,
                    }
                    yield_now().await;
                };
                assert!(arrived == Some(frame));
            }
            assert!(torn >= 1000, "torn only {torn} times");
        };
        tokio::join!(sending, receiving);
    })
    .await;
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
async fn closing_delivers_what_was_accepted_then_the_reason_then_ends() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, mut transmit) = from.split();
        let (mut receive, mut reply) = to.split();
        let reason = CloseReason::new(CloseCode::DRAIN, "é".repeat(61));
        let closing = async {
            for n in 0..100 {
                started(&mut transmit, binary(n * 1000)).await;
            }
            transmit.close(reason.clone()).await.unwrap();
        };
        let receiving = async {
            for n in 0..100 {
                assert_eq!(receive.close_reason(), None);
                assert_eq!(received(&mut receive).await, binary(n * 1000));
            }
            assert_eq!(receive.receive().await.unwrap(), None);
            assert_eq!(receive.close_reason(), Some(&reason));
            assert_eq!(receive.receive().await.unwrap(), None, "the end is for ever");
        };
        tokio::join!(closing, receiving);
        let refused = reply.send(binary(1)).await.unwrap_err();
        assert!(matches!(refused, TransmitError::Closed(_)), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn closing_does_not_wait_for_the_peer() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, transmit) = from.split();
        transmit.close(CloseCode::NORMAL.into()).await.unwrap();
        let (mut receive, _open) = to.split();
        assert_eq!(receive.receive().await.unwrap(), None);
        assert_eq!(receive.close_reason(), Some(&CloseCode::NORMAL.into()));
    })
    .await;
}

#[tokio::test]
async fn what_was_sent_before_a_close_arrives_although_the_peer_keeps_sending() {
    both_ways(LIMIT, |from, to| async move {
        let (receive, mut transmit) = from.split();
        let (mut arriving, mut flooding) = to.split();
        // Unread input makes a careless close throw the output away.
        stuff(&mut flooding, &binary(60_000)).await;
        transmit.send(binary(30_000)).await.unwrap();
        transmit.close(CloseCode::GOING_AWAY.into()).await.unwrap();
        drop(receive);
        assert_eq!(received(&mut arriving).await, binary(30_000));
        assert_eq!(arriving.receive().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_link_that_is_dropped_is_not_an_orderly_end() {
    both_ways(LIMIT, |from, to| async move {
        let (mut receive, _open) = to.split();
        drop(from);
        let error = receive.receive().await.unwrap_err();
        assert!(matches!(error, ReceiveError::Aborted(_)), "{error}");
        assert_eq!(error.close_reason(), None);
        assert_eq!(receive.receive().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn dropping_the_sending_half_alone_aborts_the_link() {
    both_ways(LIMIT, |from, to| async move {
        let (_receive, transmit) = from.split();
        let (mut arriving, _open) = to.split();
        drop(transmit);
        let error = arriving.receive().await.unwrap_err();
        assert!(matches!(error, ReceiveError::Aborted(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_close_that_is_dropped_half_way_aborts_the_link() {
    both_ways(LIMIT, |from, to| async move {
        let (_receive, mut transmit) = from.split();
        let (mut arriving, _open) = to.split();
        stuff(&mut transmit, &binary(60_000)).await;
        let reason = CloseReason::from(CloseCode::NORMAL);
        let closed = poll_fn(|cx| Poll::Ready(transmit.poll_close(cx, &reason))).await;
        assert!(closed.is_pending());
        drop(transmit);
        let end = loop {
            match arriving.receive().await {
                Ok(Some(_)) => {}
                end => break end,
            }
        };
        assert!(matches!(end, Err(ReceiveError::Aborted(_))), "{end:?}");
    })
    .await;
}

#[tokio::test]
async fn a_sending_half_outlives_the_receiving_half() {
    both_ways(LIMIT, |from, to| async move {
        let (receive, mut transmit) = from.split();
        let (mut arriving, _open) = to.split();
        drop(receive);
        transmit.send(text("alone")).await.unwrap();
        assert_eq!(received(&mut arriving).await, text("alone"));
        transmit.close(CloseCode::NORMAL.into()).await.unwrap();
        assert_eq!(arriving.receive().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_rests_stalls_the_sender_whose_memory_stays_bounded() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, mut transmit) = from.split();
        let (mut receive, _open) = to.split();
        let frame = binary(60_000);
        let sent = stuff(&mut transmit, &frame).await;
        // What the system takes, and little more.
        assert!(sent * 60_000 < 16 << 20, "{sent} frames");
        let flushing = async {
            flushed(&mut transmit).await;
            transmit.close(CloseCode::NORMAL.into()).await.unwrap();
        };
        let receiving = async {
            for _ in 0..sent {
                assert!(received(&mut receive).await == frame);
            }
            assert_eq!(receive.receive().await.unwrap(), None);
        };
        tokio::join!(flushing, receiving);
    })
    .await;
}

#[tokio::test]
async fn both_directions_flow_at_once() {
    async fn send(transmit: &mut WsTransmit) {
        for n in 0..40 {
            transmit.send(binary(100_000 + n)).await.unwrap();
        }
    }
    async fn receive_all(receive: &mut WsReceive) {
        for n in 0..40 {
            assert!(received(receive).await == binary(100_000 + n));
        }
    }
    let (client, server) = pair(LIMIT).await;
    let (mut client_in, mut client_out) = client.split();
    let (mut server_in, mut server_out) = server.split();
    within(async {
        tokio::join!(
            send(&mut client_out),
            send(&mut server_out),
            receive_all(&mut client_in),
            receive_all(&mut server_in),
        )
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
async fn a_link_does_not_feel_what_happens_to_another() {
    let (mut listener, address) = listen(config()).await;
    let url = crate::support::socket_url(address);
    let mut links = Vec::new();
    for _ in 0..4 {
        let client = transport_ws::connect(&url).await.unwrap();
        links.push((client, next_link(&mut listener).await));
    }
    let (_full_client, full) = links.pop().unwrap();
    let (_full_in, mut full_out) = full.split();
    within(stuff(&mut full_out, &binary(60_000))).await;

    let (aborted, _its_server) = links.pop().unwrap();
    drop(aborted);

    let (violating, its_server) = links.pop().unwrap();
    tokio::spawn(echo(its_server));
    let (_its_in, mut its_out) = violating.split();
    let _ = its_out.send(binary(2 * LIMIT)).await;

    let (healthy, its_server) = links.pop().unwrap();
    drop(listener);
    tokio::spawn(echo(its_server));
    crate::support::assert_echoes(healthy).await;
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
