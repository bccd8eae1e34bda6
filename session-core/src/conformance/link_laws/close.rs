//! Orderly ends.

use super::{Law, Playing, link_law};
use crate::conformance::halves::{
    binary, expect_end, expect_frame, expect_sends_to_fail, says, start, stuff,
};
use crate::conformance::law::{End, Verdict};
use crate::link::{CloseCode, CloseReason, TransmitExt};

pub(super) const LAWS: &[Law] = &[
    link_law!(
        "closing delivers what was accepted, then the reason, then ends",
        close_with_frames,
        receive_frames_and_end
    ),
    link_law!("closing does not wait for the peer to read", close_alone, read_after_close),
    link_law!("closing flushes", close_unflushed, receive_unflushed),
    link_law!("a reason of 123 bytes in long characters crosses", close_at_length, receive_length),
    link_law!(
        "what was sent before a close arrives although the peer keeps sending",
        close_while_flooded,
        flood
    ),
    link_law!("both ends may close at once", close_together, close_together),
    link_law!("sends fail in the end once the peer has closed and gone", close_and_go, send_on),
];

fn long_reason() -> CloseReason {
    CloseReason::new(CloseCode::DRAIN, format!("{}🦀é", "żó".repeat(29) + "x"))
}

async fn close_with_frames(mut end: End) -> Verdict {
    for n in 0..100 {
        start(&mut end.transmit, binary(n * 1000)).await?;
    }
    end.transmit.close(CloseReason::new(CloseCode::DRAIN, "come back")).await?;
    end.parley.meet("ended").await
}

async fn receive_frames_and_end(mut end: End) -> Verdict {
    for n in 0..100 {
        expect_frame(&mut end.receive, &binary(n * 1000)).await?;
    }
    let reason = CloseReason::new(CloseCode::DRAIN, "come back");
    expect_end(&mut end.receive, &reason).await?;
    end.parley.meet("ended").await
}

async fn close_alone(mut end: End) -> Verdict {
    end.transmit.close(CloseCode::NORMAL.into()).await?;
    end.parley.say("closed");
    end.parley.meet("ended").await
}

async fn read_after_close(mut end: End) -> Verdict {
    end.parley.expect("closed").await?;
    expect_end(&mut end.receive, &CloseCode::NORMAL.into()).await?;
    end.parley.meet("ended").await
}

async fn close_unflushed(mut end: End) -> Verdict {
    start(&mut end.transmit, says("not flushed")).await?;
    end.transmit.close(CloseCode::GOING_AWAY.into()).await?;
    // Nothing of this link is left but what was promised.
    drop(end.receive);
    end.parley.meet("ended").await
}

async fn receive_unflushed(mut end: End) -> Verdict {
    expect_frame(&mut end.receive, &says("not flushed")).await?;
    expect_end(&mut end.receive, &CloseCode::GOING_AWAY.into()).await?;
    end.parley.meet("ended").await
}

async fn close_at_length(mut end: End) -> Verdict {
    end.transmit.close(long_reason()).await?;
    end.parley.meet("ended").await
}

async fn receive_length(mut end: End) -> Verdict {
    expect_end(&mut end.receive, &long_reason()).await?;
    end.parley.meet("ended").await
}

async fn close_while_flooded(mut end: End) -> Verdict {
    end.parley.expect("flooded").await?;
    // Input that nobody reads makes a careless close throw the output away.
    end.transmit.send(binary(30_000)).await?;
    end.transmit.close(CloseCode::GOING_AWAY.into()).await?;
    drop(end.receive);
    end.parley.meet("ended").await
}

async fn flood(mut end: End) -> Verdict {
    stuff(&mut end.transmit, &binary(60_000)).await?;
    end.parley.say("flooded");
    expect_frame(&mut end.receive, &binary(30_000)).await?;
    expect_end(&mut end.receive, &CloseCode::GOING_AWAY.into()).await?;
    end.parley.meet("ended").await
}

/// Neither has read the other's close when it writes its own.
async fn close_together(mut end: End) -> Verdict {
    end.parley.say("ready");
    end.parley.expect("ready").await?;
    end.transmit.close(CloseCode::NORMAL.into()).await?;
    expect_end(&mut end.receive, &CloseCode::NORMAL.into()).await?;
    end.parley.meet("ended").await
}

async fn close_and_go(mut end: End) -> Verdict {
    end.transmit.close(CloseCode::NORMAL.into()).await?;
    drop(end.receive);
    end.parley.meet("failed").await
}

async fn send_on(mut end: End) -> Verdict {
    expect_end(&mut end.receive, &CloseCode::NORMAL.into()).await?;
    expect_sends_to_fail(&mut end.transmit).await?;
    end.parley.meet("failed").await
}
