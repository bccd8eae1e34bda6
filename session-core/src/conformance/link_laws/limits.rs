//! A frame over the limit.

use futures_util::join;

use super::{Law, Playing, link_law};
use crate::conformance::halves::{
    binary, expect_end, expect_frame, expect_nothing_more, expect_sends_to_fail, text,
};
use crate::conformance::law::{End, Failure, Verdict, ensure};
use crate::link::{CloseCode, CloseReason, Frame, ReceiveError, ReceiveExt, TransmitExt};

pub(super) const LAWS: &[Law] = &[
    link_law!("a frame one byte over the limit is refused", send_one_over, refuse),
    link_law!("a text one byte over the limit is refused", send_text_over, refuse),
    link_law!("a frame far over the limit is refused", send_far_over, refuse),
];

async fn send_one_over(end: End) -> Verdict {
    let frame = binary(end.max_frame + 1);
    send_over(end, frame).await
}

async fn send_text_over(end: End) -> Verdict {
    let frame = text(end.max_frame + 1);
    send_over(end, frame).await
}

async fn send_far_over(end: End) -> Verdict {
    let frame = binary(4 * end.max_frame);
    send_over(end, frame).await
}

/// Sends one at the limit and one over it, and is told why the link has ended.
async fn send_over(mut end: End, frame: Frame) -> Verdict {
    end.transmit.send(binary(end.max_frame)).await?;
    let reason = CloseReason::new(CloseCode::TOO_BIG, "too large");
    // The link may end before all of the frame is taken.
    let (_, told) = join!(end.transmit.send(frame), expect_end(&mut end.receive, &reason));
    told?;
    expect_sends_to_fail(&mut end.transmit).await?;
    end.parley.meet("told").await
}

async fn refuse(end: End) -> Verdict {
    let End { mut receive, transmit, mut parley, max_frame } = end;
    expect_frame(&mut receive, &binary(max_frame)).await?;
    let error = match receive.receive().await {
        Err(error) => error,
        Ok(frame) => return Err(Failure::new(format!("{frame:?} arrived instead of an error"))),
    };
    ensure!(
        matches!(error, ReceiveError::TooLarge { limit } if limit == max_frame),
        "the error is {error:?} instead of a `TooLarge` with the limit of {max_frame}"
    );
    expect_nothing_more(&mut receive).await?;
    transmit.close(CloseReason::new(CloseCode::TOO_BIG, "too large")).await?;
    drop(receive);
    parley.meet("told").await
}
