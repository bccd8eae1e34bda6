//! What roles do with the halves of a link, and what they expect of them.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use tokio::task::yield_now;

use super::law::{Failure, Verdict, ensure};
use crate::link::{CloseReason, Frame, Receive, ReceiveError, ReceiveExt, Text, Transmit};

/// More than a link may hold of what its peer does not read: buffers of the system, windows, a few frames.
pub(crate) const BOUND: usize = 16 << 20;

/// A link that has taken nothing for so many turns of the runtime is full. Over real sockets a few pass until the
/// other end's system has taken its share.
const TURNS: usize = 10_000;

/// A binary frame, by no number of bytes like itself when shifted.
pub(crate) fn binary(length: usize) -> Frame {
    Frame::Binary((0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>().into())
}

/// A text frame of so many bytes.
pub(crate) fn text(length: usize) -> Frame {
    let letters = (0..length).map(|at| b'a' + (at % 23) as u8).collect::<Vec<_>>();
    Frame::Text(Text::try_from(Bytes::from(letters)).unwrap_or_default())
}

/// A text frame that says something.
pub(crate) fn says(text: impl Into<String>) -> Frame {
    Frame::Text(Text::from(text.into()))
}

/// Wants this frame next.
pub(crate) async fn expect_frame(receive: &mut impl Receive, expected: &Frame) -> Verdict {
    let arrived = next_frame(receive).await?;
    ensure!(
        arrived == *expected,
        "{arrived:?} arrived where {expected:?} was sent{}",
        if format!("{arrived:?}") == format!("{expected:?}") { ", of other bytes" } else { "" }
    );
    Ok(())
}

/// Wants any frame next.
pub(crate) async fn next_frame(receive: &mut impl Receive) -> Result<Frame, Failure> {
    let frame = receive.receive().await?;
    frame.ok_or_else(|| Failure::new("the link ended where a frame was to arrive"))
}

/// Wants the orderly end, with this reason, and nothing after it.
pub(crate) async fn expect_end(receive: &mut impl Receive, reason: &CloseReason) -> Verdict {
    let before = receive.close_reason();
    ensure!(before.is_none(), "the reason {before:?} is known before the link has ended");
    match receive.receive().await {
        Ok(None) => {}
        Ok(Some(frame)) => {
            return Err(Failure::new(format!("{frame:?} arrived instead of an end")));
        }
        Err(error) => return Err(Failure::new(format!("an orderly end was taken for: {error}"))),
    }
    let given = receive.close_reason().cloned();
    ensure!(given.as_ref() == Some(reason), "the link was closed with {reason:?}, not {given:?}");
    expect_nothing_more(receive).await
}

/// Wants the link to be aborted, whatever arrives before, and nothing after it.
pub(crate) async fn expect_abort(receive: &mut impl Receive) -> Verdict {
    match rest(receive).await {
        Err(error @ ReceiveError::Aborted(_)) => {
            ensure!(error.close_reason().is_none(), "there is nobody to give a reason to");
        }
        Err(error) => return Err(Failure::new(format!("an abort was taken for: {error}"))),
        Ok(()) => return Err(Failure::new("an abort was taken for an orderly end")),
    }
    let reason = receive.close_reason();
    ensure!(reason.is_none(), "an aborted link has the reason {reason:?}");
    expect_nothing_more(receive).await
}

/// After an end or an error there is only `Ok(None)`.
pub(crate) async fn expect_nothing_more(receive: &mut impl Receive) -> Verdict {
    for _ in 0..3 {
        let more = receive.receive().await;
        ensure!(matches!(more, Ok(None)), "after the end there was {more:?} instead of `Ok(None)`");
    }
    Ok(())
}

/// Skips frames until the link gives no more.
pub(crate) async fn rest(receive: &mut impl Receive) -> Result<(), ReceiveError> {
    while receive.receive().await?.is_some() {}
    Ok(())
}

/// Accepts a frame, as soon as there is room, and does not flush.
pub(crate) async fn start(transmit: &mut impl Transmit, frame: Frame) -> Verdict {
    poll_fn(|cx| transmit.poll_ready(cx)).await?;
    transmit.start_send(frame)?;
    Ok(())
}

pub(crate) async fn flush(transmit: &mut impl Transmit) -> Verdict {
    poll_fn(|cx| transmit.poll_flush(cx)).await?;
    Ok(())
}

/// Sends to a peer that does not read until there is no more room; how many frames went.
pub(crate) async fn stuff(transmit: &mut impl Transmit, frame: &Frame) -> Result<usize, Failure> {
    let (mut count, mut idle) = (0, 0);
    while idle < TURNS {
        match poll_fn(|cx| Poll::Ready(transmit.poll_ready(cx))).await {
            Poll::Ready(room) => {
                room?;
                transmit.start_send(frame.clone())?;
                (count, idle) = (count + 1, 0);
                let bytes = count * frame.as_bytes().len();
                ensure!(bytes < BOUND, "the link took {bytes} bytes that nobody reads");
            }
            Poll::Pending => {
                idle += 1;
                yield_now().await;
            }
        }
    }
    Ok(count)
}

/// Sends to a peer that is gone until that fails.
pub(crate) async fn expect_sends_to_fail(transmit: &mut impl Transmit) -> Verdict {
    let frame = binary(10_000);
    for _ in 0..BOUND / 10_000 {
        let sent = poll_fn(|cx| transmit.poll_ready(cx)).await;
        if sent.and_then(|()| transmit.start_send(frame.clone())).is_err() {
            return Ok(());
        }
        if poll_fn(|cx| transmit.poll_flush(cx)).await.is_err() {
            return Ok(());
        }
        yield_now().await;
    }
    Err(Failure::new("the link takes frames for a peer that is gone, without end"))
}
