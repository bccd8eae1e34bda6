//! The laws of a link.

use bytes::Bytes;

use super::law::{End, Law, Playing, Verdict, ensure};
use crate::link::{Frame, ReceiveExt, TransmitExt};

pub(super) const LAWS: &[Law] = &[Law::link(
    "a frame that is empty arrives and keeps its kind",
    |end| Box::pin(send_empty(end)) as Playing,
    |end| Box::pin(receive_empty(end)) as Playing,
)];

async fn send_empty(mut end: End) -> Verdict {
    end.transmit.send(Frame::Text("".into())).await?;
    end.transmit.send(Frame::Binary(Bytes::new())).await?;
    end.parley.expect("received").await
}

async fn receive_empty(mut end: End) -> Verdict {
    for expected in [Frame::Text("".into()), Frame::Binary(Bytes::new())] {
        let frame = end.receive.receive().await?;
        ensure!(frame.as_ref() == Some(&expected), "{frame:?} instead of {expected:?}");
    }
    end.parley.say("received");
    Ok(())
}
