use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http_body::Body as _;
use session_core::exchange::{Body, BoxError};

use super::stream::Room;
use super::{Cut, Stream};
use crate::port::Port;
use crate::wire::Word;

/// Why a body was not sent to its end.
#[derive(Debug)]
pub(super) enum Unsent {
    /// The peer wants no more of it, gives no more credit for it, or is gone.
    Stopped(Cut),
    /// The body itself failed.
    Failed(BoxError),
}

/// Sends a body, a piece at a time, as the peer's credit and the bodies beside it allow. Its end is still to be said.
pub(super) async fn send(port: &Port, stream: &Arc<Stream>, mut body: Body) -> Result<(), Unsent> {
    loop {
        let next = poll_fn(|cx| {
            if let Poll::Ready(cut) = stream.poll_stopped(cx) {
                return Poll::Ready(Err(cut));
            }
            Pin::new(&mut body).poll_frame(cx).map(Ok)
        });
        let frame = match next.await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(Unsent::Failed(error)),
            Ok(None) => break,
            Err(cut) => return Err(Unsent::Stopped(cut)),
        };
        // Trailers say nothing that the body has not.
        let Ok(mut data) = frame.into_data() else { continue };
        while !data.is_empty() {
            let bytes = match poll_fn(|cx| stream.poll_room(cx, data.len())).await {
                Room::Bytes(bytes) => bytes,
                Room::Stopped(cut) => return Err(Unsent::Stopped(cut)),
            };
            put(port, stream, Word::Data(stream.id(), &data.split_to(bytes)))?;
        }
    }
    Ok(())
}

/// Says that a body is complete. Ready when the system has all of it.
pub(super) async fn end(port: &Port, stream: &Arc<Stream>) -> Result<(), Unsent> {
    stream.begin_end();
    put(port, stream, Word::End(stream.id()))?;
    poll_fn(|cx| stream.poll_written(cx)).await;
    Ok(())
}

/// Says that what was sent of a body is not all of it. Ready when the system has all that there is.
pub(super) async fn cut_short(port: &Port, stream: &Arc<Stream>, why: &str) {
    stream.begin_end();
    if put(port, stream, Word::Reset(stream.id(), why)).is_ok() {
        poll_fn(|cx| stream.poll_written(cx)).await;
    }
}

fn put(port: &Port, stream: &Arc<Stream>, word: Word<'_>) -> Result<(), Unsent> {
    port.outbound.put_chunk(stream, word).map_err(|error| {
        // It will never be written.
        let _ = stream.written();
        Unsent::Stopped(Cut::new(error.to_string()))
    })
}
