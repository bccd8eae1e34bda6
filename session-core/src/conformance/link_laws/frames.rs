//! What is sent is what arrives.

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::yield_now;

use super::{Law, Playing, link_law};
use crate::conformance::halves::{binary, expect_end, expect_frame, flush, says, start, text};
use crate::conformance::law::{End, Verdict, ensure};
use crate::link::{CloseCode, Frame, ReceiveExt, TransmitExt};

pub(super) const LAWS: &[Law] = &[
    link_law!("frames arrive unchanged, in order, and keep their kind", send_sizes, receive_sizes),
    link_law!("every byte and every kind of character arrives", send_bytes, receive_bytes),
    link_law!("a frame that is empty arrives and keeps its kind", send_empty, receive_empty),
    link_law!("either end may speak first", speak_first, speak_second),
    link_law!("a frame that was flushed arrives without another after it", ask, answer),
    link_law!("frames started between two flushes arrive with the flush", start_six, receive_six),
    link_law!("a thousand small frames may share a flush", start_thousand, receive_thousand),
    link_law!("a receive torn a thousand times loses nothing", send_on_demand, receive_torn),
];

/// Of either kind, about the lengths where wires change their encoding, up to the limit.
fn sizes(max_frame: usize) -> impl Iterator<Item = Frame> {
    let lengths = [
        1, 2, 124, 125, 126, 127, 128, 255, 256, 4095, 4096, 4097, 16_383, 16_384, 65_535, 65_536,
        65_537, max_frame,
    ];
    lengths.into_iter().flat_map(|length| [binary(length), text(length)])
}

async fn send_sizes(mut end: End) -> Verdict {
    for frame in sizes(end.max_frame) {
        end.transmit.send(frame).await?;
    }
    end.parley.meet("received").await
}

async fn receive_sizes(mut end: End) -> Verdict {
    for frame in sizes(end.max_frame) {
        expect_frame(&mut end.receive, &frame).await?;
    }
    end.parley.meet("received").await
}

fn bytes() -> [Frame; 3] {
    let every_byte: Bytes = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    // One, two, three and four bytes long, the first and the last of each; controls; marks that join.
    let characters =
        "\0\t\r\n\u{7f}\u{80}zażółć\u{7ff}\u{800}\u{fffd}\u{ffff}\u{10000}🦀e\u{301}\u{10ffff}";
    [Frame::Binary(every_byte), says(characters), says("\u{feff}\"\\/</script>\u{2028}")]
}

async fn send_bytes(mut end: End) -> Verdict {
    for frame in bytes() {
        end.transmit.send(frame).await?;
    }
    end.parley.meet("received").await
}

async fn receive_bytes(mut end: End) -> Verdict {
    for frame in bytes() {
        expect_frame(&mut end.receive, &frame).await?;
    }
    end.parley.meet("received").await
}

async fn send_empty(mut end: End) -> Verdict {
    for frame in [text(0), binary(0), binary(0), text(0)] {
        end.transmit.send(frame).await?;
    }
    end.parley.meet("received").await
}

async fn receive_empty(mut end: End) -> Verdict {
    for frame in [text(0), binary(0), binary(0), text(0)] {
        expect_frame(&mut end.receive, &frame).await?;
    }
    end.parley.meet("received").await
}

async fn speak_first(mut end: End) -> Verdict {
    end.transmit.send(says("first")).await?;
    expect_frame(&mut end.receive, &says("second")).await?;
    end.transmit.close(CloseCode::NORMAL.into()).await?;
    end.parley.meet("ended").await
}

async fn speak_second(mut end: End) -> Verdict {
    expect_frame(&mut end.receive, &says("first")).await?;
    end.transmit.send(says("second")).await?;
    expect_end(&mut end.receive, &CloseCode::NORMAL.into()).await?;
    end.parley.meet("ended").await
}

async fn ask(mut end: End) -> Verdict {
    for n in 0..300 {
        end.transmit.send(binary(n)).await?;
        expect_frame(&mut end.receive, &text(n)).await?;
    }
    end.parley.meet("answered").await
}

async fn answer(mut end: End) -> Verdict {
    for n in 0..300 {
        expect_frame(&mut end.receive, &binary(n)).await?;
        end.transmit.send(text(n)).await?;
    }
    end.parley.meet("answered").await
}

async fn start_six(mut end: End) -> Verdict {
    for n in 0..6 {
        start(&mut end.transmit, binary(n * 100)).await?;
    }
    flush(&mut end.transmit).await?;
    // The sending half is not polled again.
    end.parley.meet("received").await
}

async fn receive_six(mut end: End) -> Verdict {
    for n in 0..6 {
        expect_frame(&mut end.receive, &binary(n * 100)).await?;
    }
    end.parley.meet("received").await
}

async fn start_thousand(mut end: End) -> Verdict {
    for n in 0..1000 {
        start(&mut end.transmit, says(n.to_string())).await?;
    }
    flush(&mut end.transmit).await?;
    end.parley.meet("received").await
}

async fn receive_thousand(mut end: End) -> Verdict {
    for n in 0..1000 {
        expect_frame(&mut end.receive, &says(n.to_string())).await?;
    }
    end.parley.meet("received").await
}

/// The last is as large as may be: it comes in many pieces, and a tear falls between any two.
fn demanded(max_frame: usize) -> impl Iterator<Item = Frame> {
    (0..1000).map(|n| binary(n * 37 % 5000)).chain([binary(max_frame)])
}

async fn send_on_demand(mut end: End) -> Verdict {
    for frame in demanded(end.max_frame) {
        end.parley.expect("next").await?;
        end.transmit.send(frame).await?;
    }
    end.parley.meet("received").await
}

async fn receive_torn(mut end: End) -> Verdict {
    for expected in demanded(end.max_frame) {
        // Nothing was sent yet: polled once and dropped.
        let early = end.receive.receive().now_or_never();
        ensure!(early.is_none(), "{early:?} arrived before anything was sent");
        end.parley.say("next");
        let arrived = loop {
            match end.receive.receive().now_or_never() {
                Some(arrived) => break arrived?,
                None => yield_now().await,
            }
        };
        ensure!(arrived.as_ref() == Some(&expected), "{arrived:?} arrived instead of {expected:?}");
    }
    let more = end.receive.receive().now_or_never();
    ensure!(more.is_none(), "{more:?} arrived after all that was sent");
    end.parley.meet("received").await
}
