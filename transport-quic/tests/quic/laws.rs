use std::future::poll_fn;
use std::task::Poll;

use session_core::link::{
    CloseCode, CloseReason, Connect, Frame, Link, Receive, ReceiveError, ReceiveExt, Transmit,
    TransmitError, TransmitExt,
};
use tokio::task::yield_now;

use crate::support::{
    binary, both_ways, config, connect, listen, next_link, received, stuff, text, within,
};

const LIMIT: usize = 1 << 20;

#[tokio::test]
async fn frames_arrive_unchanged_in_order_and_keep_their_kind() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, mut transmit) = from.split();
        let (mut receive, _open) = to.split();
        let mut frames = vec![
            text(""),
            binary(0),
            text("zażółć 🦀 \u{0}\u{10ffff}"),
            Frame::Binary((0..=255).collect::<Vec<u8>>().into()),
        ];
        // Around a packet, around what is handed over without a copy, around a window, at the limit.
        let sizes = [1, 1100, 1200, 1452, 4095, 4096, 65_535, 131_072, 200_000, LIMIT];
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
    for (limit, over) in [(10, 1), (100_000, 1), (100_000, 3 * LIMIT)] {
        both_ways(limit, |from, to| async move {
            let (_back, mut transmit) = from.split();
            let (mut receive, reply) = to.split();
            let sending = async {
                transmit.send(binary(limit)).await.unwrap();
                // The receiver may be gone before all of it is taken.
                let _ = transmit.send(binary(limit + over)).await;
            };
            let receiving = async {
                assert_eq!(received(&mut receive).await, binary(limit));
                let error = receive.receive().await.unwrap_err();
                assert!(matches!(error, ReceiveError::TooLarge { .. }), "{error}");
                assert_eq!(error.close_reason().unwrap().code(), CloseCode::TOO_BIG);
                assert!(receive.receive().await.unwrap().is_none());
                drop((receive, reply));
            };
            tokio::join!(sending, receiving);
        })
        .await;
    }
}

#[tokio::test]
async fn a_reason_is_no_message_and_arrives_whatever_the_limit_of_messages() {
    both_ways(1, |from, to| async move {
        let (_back, transmit) = from.split();
        let (mut receive, _open) = to.split();
        let reason = CloseReason::new(CloseCode::DRAIN, "é".repeat(61));
        transmit.close(reason.clone()).await.unwrap();
        assert_eq!(receive.receive().await.unwrap(), None);
        assert_eq!(receive.close_reason(), Some(&reason));
    })
    .await;
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
async fn closing_delivers_what_was_accepted_then_the_reason_then_ends() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, mut transmit) = from.split();
        let (mut receive, mut reply) = to.split();
        let reason = CloseReason::new(CloseCode::DRAIN, "come back");
        let closing = async {
            for n in 0..100 {
                poll_fn(|cx| transmit.poll_ready(cx)).await.unwrap();
                transmit.start_send(binary(n * 1000)).unwrap();
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
async fn a_close_needs_no_peer_that_reads_and_is_answered_with_its_code() {
    both_ways(LIMIT, |from, to| async move {
        let (mut back, transmit) = from.split();
        transmit.close(CloseCode::NORMAL.into()).await.unwrap();
        let (mut receive, mut reply) = to.split();
        // What the peer says before it has read the close still comes.
        reply.send(text("meanwhile")).await.unwrap();
        assert_eq!(receive.receive().await.unwrap(), None);
        assert_eq!(receive.close_reason(), Some(&CloseCode::NORMAL.into()));
        drop((receive, reply));
        assert_eq!(received(&mut back).await, text("meanwhile"));
        assert_eq!(back.receive().await.unwrap(), None);
        assert_eq!(back.close_reason(), Some(&CloseCode::NORMAL.into()));
    })
    .await;
}

#[tokio::test]
async fn a_link_can_be_closed_from_both_ends_at_once() {
    both_ways(LIMIT, |from, to| async move {
        let (mut back, transmit) = from.split();
        let (mut receive, reply) = to.split();
        let (one, other) = tokio::join!(
            transmit.close(CloseCode::NORMAL.into()),
            reply.close(CloseCode::DRAIN.into())
        );
        one.unwrap();
        other.unwrap();
        assert_eq!(receive.receive().await.unwrap(), None);
        assert_eq!(receive.close_reason(), Some(&CloseCode::NORMAL.into()));
        assert_eq!(back.receive().await.unwrap(), None);
        assert_eq!(back.close_reason(), Some(&CloseCode::DRAIN.into()));
    })
    .await;
}

#[tokio::test]
async fn a_close_once_done_stays_done_and_nothing_is_sent_after_it() {
    both_ways(LIMIT, |from, to| async move {
        let (_back, mut transmit) = from.split();
        let reason = CloseCode::NORMAL.into();
        for _ in 0..2 {
            poll_fn(|cx| transmit.poll_close(cx, &reason)).await.unwrap();
        }
        assert!(transmit.send(text("late")).await.is_err());
        drop(to);
    })
    .await;
}

#[tokio::test]
async fn what_was_sent_before_a_close_arrives_although_the_peer_keeps_sending() {
    both_ways(LIMIT, |from, to| async move {
        let (receive, mut transmit) = from.split();
        let (mut arriving, mut flooding) = to.split();
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
        let (mut receive, mut reply) = to.split();
        drop(from);
        let error = receive.receive().await.unwrap_err();
        assert!(matches!(error, ReceiveError::Aborted(_)), "{error}");
        assert_eq!(error.close_reason(), None);
        assert_eq!(receive.receive().await.unwrap(), None);
        assert!(reply.send(text("nobody")).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_link_that_is_opened_and_dropped_at_once_is_heard_of_with_what_was_sent() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    for sent in [false, true] {
        let (receive, mut transmit) = connection.link().await.unwrap().split();
        if sent {
            transmit.send(text("hello and")).await.unwrap();
        }
        drop((receive, transmit));
        let (mut arriving, mut reply) = next_link(&mut listener).await.split();
        if sent {
            assert_eq!(received(&mut arriving).await, text("hello and"));
        }
        let error = within(arriving.receive()).await.unwrap_err();
        assert!(matches!(error, ReceiveError::Aborted(None)), "{error}");
        assert!(within(reply.send(text("nobody"))).await.is_err());
    }
    // One that the server has spoken on is known, and can be reset.
    let (mut receive, transmit) = connection.link().await.unwrap().split();
    let (mut arriving, mut reply) = next_link(&mut listener).await.split();
    reply.send(text("hello")).await.unwrap();
    received(&mut receive).await;
    drop(transmit);
    let error = within(arriving.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Aborted(Some(_))), "{error}");
}

#[tokio::test]
async fn a_sender_does_not_wait_for_one_who_refused_its_frame() {
    both_ways(1000, |from, to| async move {
        let (mut back, mut transmit) = from.split();
        let (mut receive, reply) = to.split();
        let refusing = async {
            assert!(receive.receive().await.is_err());
            reply.close(CloseCode::TOO_BIG.into()).await.unwrap();
        };
        // Far more than any window holds; the receiving half is neither read nor dropped.
        let (sent, ()) = tokio::join!(transmit.send(binary(4 << 20)), refusing);
        assert!(sent.is_err());
        assert_eq!(back.receive().await.unwrap(), None);
        assert_eq!(back.close_reason(), Some(&CloseCode::TOO_BIG.into()));
    })
    .await;
}

#[tokio::test]
async fn dropping_the_sending_half_aborts_the_link_for_both_ends() {
    both_ways(LIMIT, |from, to| async move {
        let (mut receive, transmit) = from.split();
        let (mut arriving, _open) = to.split();
        drop(transmit);
        for end in [&mut arriving, &mut receive] {
            let error = end.receive().await.unwrap_err();
            assert!(matches!(error, ReceiveError::Aborted(_)), "{error}");
        }
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
async fn who_waits_to_send_learns_that_the_peer_closed() {
    both_ways(LIMIT, |from, to| async move {
        let (mut receive, mut transmit) = from.split();
        let (_arriving, reply) = to.split();
        stuff(&mut transmit, &binary(60_000)).await;
        let waiting = poll_fn(|cx| transmit.poll_ready(cx));
        let closing = async {
            reply.close(CloseCode::NORMAL.into()).await.unwrap();
            assert_eq!(receive.receive().await.unwrap(), None);
        };
        let (waited, ()) = tokio::join!(waiting, closing);
        assert!(matches!(waited, Err(TransmitError::Closed(_))), "{waited:?}");
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
        // The peer's window, what waits beside it, and one frame.
        assert!(sent * 60_000 < (1 << 20) + 3 * 64 * 1024, "{sent} frames");
        let flushing = async {
            poll_fn(|cx| transmit.poll_flush(cx)).await.unwrap();
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
    both_ways(LIMIT, |one, other| async move {
        /// Gives the halves back: one that was dropped while the other end still reads would abort the link.
        async fn run<L: Link>(link: L) -> (L::Receive, L::Transmit) {
            let (mut receive, mut transmit) = link.split();
            let sending = async {
                for n in 0..40 {
                    transmit.send(binary(100_000 + n)).await.unwrap();
                }
            };
            let receiving = async {
                for n in 0..40 {
                    assert!(received(&mut receive).await == binary(100_000 + n));
                }
            };
            tokio::join!(sending, receiving);
            (receive, transmit)
        }
        tokio::join!(run(one), run(other));
    })
    .await;
}
