use http_body::Body as _;
use session_core::exchange::{self, Body, head};
use tokio::task::AbortHandle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::body;
use crate::error::ConnectError;
use crate::head as first;
use crate::stream::{RecvStream, SendStream};
use crate::wire::{self, REQUEST, RESPONSE};

/// Sends a request; its body goes on being sent while the response comes.
pub(crate) async fn ask(
    (mut send, mut recv): (SendStream, RecvStream),
    request: exchange::Request,
    token: TaskTrackerToken,
) -> Result<exchange::Response, ConnectError> {
    let (parts, body) = request.into_parts();
    let head = head::encode_request(&parts)?;
    send.write_all(wire::head(REQUEST, &head)?).await?;
    let upload = if body.is_end_stream() {
        send.finish();
        None
    } else {
        Some(Upload::start(send, body))
    };
    let (record, early) = first::read(&mut recv).await?;
    if record.kind != RESPONSE {
        return Err(ConnectError::Response(format!("a record of kind {}", record.kind)));
    }
    let parts = head::decode_response(&record.payload)
        .map_err(|error| ConnectError::Response(error.to_string()))?;
    let body = body::Incoming::new(early, recv, (upload, token));
    Ok(exchange::Response::from_parts(parts, Body::new(body)))
}

/// The body of a request on its way. Dropped before its end, the stream is reset.
struct Upload(AbortHandle);

impl Upload {
    fn start(mut send: SendStream, body: Body) -> Self {
        let sending = tokio::spawn(async move {
            if let Err(error) = body::send(&mut send, body).await {
                tracing::debug!(error = &*error, "the body of a request was not wanted, or failed");
            }
        });
        Self(sending.abort_handle())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.abort();
    }
}
