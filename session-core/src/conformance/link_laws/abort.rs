//! Ends that are not orderly, and what is no end at all.

use std::future::poll_fn;
use std::task::Poll;

use super::{Law, Playing, link_law};
use crate::conformance::halves::{
    binary, expect_abort, expect_end, expect_frame, expect_sends_to_fail, rest, says, start, stuff,
};
use crate::conformance::law::{End, Failure, Verdict, ensure};
use crate::link::{CloseCode, CloseReason, Transmit, TransmitExt};

// A link that is dropped before the server has seen it need not be seen at all: both ends are there first.
pub(super) const LAWS: &[Law] = &[
    link_law!("a link that is dropped is aborted, in both directions", vanish, be_left),
    link_law!("dropping the sending half alone aborts the link", drop_sender, hear_abort),
    link_law!("dropping frames that were not flushed is an abort too", drop_unflushed, hear_abort),
    link_law!("a close that is dropped half way aborts the link", close_half, hear_half),
    link_law!("a sending half outlives the receiving half", send_alone, hear_alone),
];

async fn vanish(mut end: End) -> Verdict {
    end.parley.meet("open").await?;
    end.transmit.send(says("last")).await?;
    drop((end.receive, end.transmit));
    end.parley.meet("aborted").await
}

async fn be_left(mut end: End) -> Verdict {
    end.parley.meet("open").await?;
    expect_abort(&mut end.receive).await?;
    expect_sends_to_fail(&mut end.transmit).await?;
    end.parley.meet("aborted").await
}

async fn drop_sender(mut end: End) -> Verdict {
    end.parley.meet("open").await?;
    drop(end.transmit);
    end.parley.meet("aborted").await
}

async fn drop_unflushed(mut end: End) -> Verdict {
    end.parley.meet("open").await?;
    start(&mut end.transmit, says("not flushed")).await?;
    drop(end.transmit);
    end.parley.meet("aborted").await
}

async fn hear_abort(mut end: End) -> Verdict {
    end.parley.meet("open").await?;
    expect_abort(&mut end.receive).await?;
    end.parley.meet("aborted").await
}

async fn close_half(mut end: End) -> Verdict {
    stuff(&mut end.transmit, &binary(60_000)).await?;
    let reason = CloseReason::from(CloseCode::NORMAL);
    // A transport with a task that writes may be done with it at once, and then it is no half.
    let closed = poll_fn(|cx| Poll::Ready(end.transmit.poll_close(cx, &reason))).await;
    drop(end.transmit);
    end.parley.say(if closed.is_pending() { "half" } else { "whole" });
    end.parley.meet("ended").await
}

async fn hear_half(mut end: End) -> Verdict {
    match end.parley.hear().await?.as_str() {
        "half" => expect_abort(&mut end.receive).await?,
        "whole" => {
            let ended = rest(&mut end.receive).await;
            ensure!(ended.is_ok(), "a close that was ready is no end: {ended:?}");
        }
        word => return Err(Failure::new(format!("the other role said {word:?}"))),
    }
    end.parley.meet("ended").await
}

async fn send_alone(mut end: End) -> Verdict {
    drop(end.receive);
    for n in 0..10 {
        end.transmit.send(binary(n * 10_000)).await?;
    }
    end.parley.expect("alive").await?;
    end.transmit.close(CloseCode::NORMAL.into()).await?;
    end.parley.meet("ended").await
}

async fn hear_alone(mut end: End) -> Verdict {
    for n in 0..10 {
        expect_frame(&mut end.receive, &binary(n * 10_000)).await?;
    }
    end.parley.say("alive");
    expect_end(&mut end.receive, &CloseCode::NORMAL.into()).await?;
    end.parley.meet("ended").await
}
