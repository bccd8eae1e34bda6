//! Peers that do not read, and both directions at once.

use futures_util::try_join;

use super::{Law, Playing, link_law};
use crate::conformance::halves::{binary, expect_end, expect_frame, flush, says, stuff, text};
use crate::conformance::law::{End, Failure, Verdict};
use crate::conformance::parley::Parley;
use crate::link::{CloseCode, TransmitExt};

pub(super) const LAWS: &[Law] = &[
    link_law!(
        "a reader that rests stalls the sender in bounded memory, and then all arrive",
        send_to_rester,
        rest_and_read
    ),
    link_law!("large frames flow in both directions at once", send_and_receive, send_and_receive),
    link_law!(
        "receiving goes on while the other direction is stalled",
        receive_while_stalled,
        send_before_reading
    ),
];

async fn send_to_rester(mut end: End) -> Verdict {
    let sent = stuff(&mut end.transmit, &binary(60_000)).await?;
    end.parley.say(sent);
    flush(&mut end.transmit).await?;
    end.transmit.close(CloseCode::NORMAL.into()).await?;
    end.parley.meet("received").await
}

async fn rest_and_read(mut end: End) -> Verdict {
    // No read before the sender is stalled.
    let sent = count(&mut end.parley).await?;
    let frame = binary(60_000);
    for _ in 0..sent {
        expect_frame(&mut end.receive, &frame).await?;
    }
    expect_end(&mut end.receive, &CloseCode::NORMAL.into()).await?;
    end.parley.meet("received").await
}

async fn send_and_receive(end: End) -> Verdict {
    let End { mut receive, mut transmit, mut parley, .. } = end;
    let sending = async {
        for n in 0..40 {
            transmit.send(binary(200_000 + n)).await?;
        }
        Verdict::Ok(())
    };
    let receiving = async {
        for n in 0..40 {
            expect_frame(&mut receive, &binary(200_000 + n)).await?;
        }
        Ok(())
    };
    try_join!(sending, receiving)?;
    parley.meet("received").await
}

async fn receive_while_stalled(mut end: End) -> Verdict {
    let sent = stuff(&mut end.transmit, &binary(60_000)).await?;
    end.parley.say(sent);
    // The sending half is full, and not polled.
    for n in 0..50 {
        expect_frame(&mut end.receive, &text(n * 100)).await?;
    }
    end.parley.say("heard");
    flush(&mut end.transmit).await?;
    end.transmit.send(says("last")).await?;
    end.parley.meet("received").await
}

async fn send_before_reading(mut end: End) -> Verdict {
    let sent = count(&mut end.parley).await?;
    for n in 0..50 {
        end.transmit.send(text(n * 100)).await?;
    }
    end.parley.expect("heard").await?;
    for _ in 0..sent {
        expect_frame(&mut end.receive, &binary(60_000)).await?;
    }
    expect_frame(&mut end.receive, &says("last")).await?;
    end.parley.meet("received").await
}

/// How many frames the other role says it has sent.
async fn count(parley: &mut Parley) -> Result<usize, Failure> {
    Ok(parley.hear().await?.parse::<usize>()?)
}
