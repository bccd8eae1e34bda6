//! What the public suite's laws of links leave to this transport.

use std::future::poll_fn;

use session_core::link::{
    CloseCode, CloseReason, Connect, Link, Receive, ReceiveError, ReceiveExt, Transmit,
    TransmitError, TransmitExt,
};

use crate::support::{
    binary, both_ways, config, connect, listen, next_link, received, stuff, text, within,
};

const LIMIT: usize = 1 << 20;

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
