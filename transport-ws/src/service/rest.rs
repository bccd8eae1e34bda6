//! What of a request nobody wants to read.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use session_core::exchange::{Body, BoxError};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The body of a request, the rest of which is read and thrown away for a while after it was dropped.
///
/// Who is answered early (a file that is too large, an upload that is not there) has not read the answer yet, and goes on
/// sending. If the connection were closed at once, what the client still sends would be answered with a reset, and that
/// takes the answer along.
#[derive(Debug)]
pub(super) struct Rest {
    body: Body,
    linger: Duration,
}

impl Rest {
    pub(super) fn after(body: Body, linger: Duration) -> Body {
        Body::new(Self { body, linger })
    }
}

impl http_body::Body for Rest {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (mut body, linger) = (std::mem::take(&mut self.body), self.linger);
        runtime
            .spawn(timeout(linger, async move { while let Some(Ok(_)) = body.frame().await {} }));
    }
}
