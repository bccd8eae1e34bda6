use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use session_core::exchange::Response;
use session_core::link::{Connect, Link, ReceiveExt, Transmit, TransmitExt};
use transport_stdio::{Config, StdioTransmit};

use crate::support::{FRAMINGS, Raw, get, links, next_exchange, next_link, pair, text, within};

const LIMIT: usize = 1 << 20;

/// Long enough that a transport which could still send would have done so.
const STALLED: Duration = Duration::from_millis(300);

/// Sends until nothing is taken any more; how many frames went.
async fn stuff(transmit: &mut StdioTransmit, bytes: usize) -> usize {
    let frame = text(&"x".repeat(bytes));
    let mut sent = 0;
    loop {
        let room = poll_fn(|cx| transmit.poll_ready(cx));
        match tokio::time::timeout(STALLED, room).await {
            Ok(room) => {
                room.unwrap();
                transmit.start_send(frame.clone()).unwrap();
                sent += 1;
                // Whether it is written yet is the thread's affair.
                let _ = poll_fn(|cx| Poll::Ready(transmit.poll_flush(cx))).await;
            }
            Err(_) => return sent,
        }
    }
}

#[tokio::test]
async fn a_full_pipe_out_does_not_stop_what_comes_in() {
    let (mut raw, mut receive, mut transmit, _listener) = Raw::opened(LIMIT, "first\n").await;
    stuff(&mut transmit, 10_000).await;
    raw.write("second\nthird\n");
    for expected in ["first", "second", "third"] {
        assert_eq!(within(receive.receive()).await.unwrap(), Some(text(expected)));
    }
    // And what waited comes once the client reads.
    assert_eq!(raw.line().await.unwrap().len(), 10_000);
}

#[tokio::test]
async fn both_ends_full_in_both_directions_go_on_once_they_read() {
    for framing in FRAMINGS {
        let (child, mut listener) = pair(framing, LIMIT);
        let ((mut from, mut to), (mut theirs, mut back)) = links(&child, &mut listener).await;
        let (there, here) = tokio::join!(stuff(&mut to, 10_000), stuff(&mut back, 10_000));
        assert!(there > 10 && here > 10, "{there} and {here}");
        let drain = async |receive: &mut transport_stdio::StdioReceive, count| {
            for _ in 0..count {
                assert!(within(receive.receive()).await.unwrap().is_some());
            }
        };
        tokio::join!(drain(&mut theirs, there), drain(&mut from, here));
        within(to.send(text("last"))).await.unwrap();
        assert_eq!(within(theirs.receive()).await.unwrap(), Some(text("last")));
    }
}

#[tokio::test]
async fn a_link_that_nobody_reads_lets_exchanges_pass() {
    for framing in FRAMINGS {
        let (child, mut listener) = pair(framing, LIMIT);
        let ((_from, mut to), (_theirs, mut back)) = links(&child, &mut listener).await;
        tokio::join!(stuff(&mut to, 10_000), stuff(&mut back, 10_000));
        let answering = async {
            let exchange = next_exchange(&mut listener).await;
            exchange.respond(Response::new("x".repeat(200_000).into()));
        };
        let (response, ()) = tokio::join!(child.exchange(get("/x")), answering);
        let body = within(response.unwrap().into_body().collect_up_to(LIMIT)).await.unwrap();
        assert_eq!(body.len(), 200_000);
    }
}

#[tokio::test]
async fn a_client_that_makes_the_server_talk_and_does_not_read_is_not_listened_to() {
    let (mut raw, mut listener) = Raw::connect(&Config::default());
    raw.write("{}\n");
    let _link = next_link(&mut listener).await.split();
    // Each is answered with 400 by the transport itself.
    let flood = "[\"request\",1,{}]\n".repeat(100_000);
    let writing = tokio::time::timeout(STALLED, raw.write_much(flood.into_bytes()));
    assert!(writing.await.is_err(), "all of it was read, and the answers are somewhere");
    drop(listener);
}
