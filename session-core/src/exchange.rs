//! Requests and responses beside the links: dynamic routes, downloads, uploads.
//!
//! The vocabulary is that of the `http` crate on every transport; the bodies are streamed both ways.
//! The path is the one the session gave out, `session/<id>/<action>/<name>`, below whatever path the transport
//! is mounted at.

use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body::{Frame as BodyFrame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use tokio::sync::oneshot;

pub mod head;

/// A request with a streamed body.
pub type Request = http::Request<Body>;
/// A response with a streamed body.
pub type Response = http::Response<Body>;
/// What can go wrong while a body is streamed.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A streamed body of bytes.
///
/// A panic of the app code that makes the bytes is an error of this body alone: whoever reads it sees it break off.
pub struct Body(UnsyncBoxBody<Bytes, BoxError>);

impl Body {
    /// Wraps any body of bytes.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(body.map_err(Into::into).boxed_unsync())
    }

    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Empty::new())
    }

    /// Reads the whole body, up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// When the body fails or is longer than `limit`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: what was read is lost.
    pub async fn collect_up_to(self, limit: usize) -> Result<Bytes, BoxError> {
        Ok(http_body_util::Limited::new(self, limit).collect().await?.to_bytes())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, BoxError>>> {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.0).poll_frame(cx))) {
            Ok(polled) => polled,
            Err(_) => {
                // What panicked is not polled again.
                *self = Self::empty();
                Poll::Ready(Some(Err(BodyPanicked.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// What makes the bytes of a body panicked.
#[derive(Debug, thiserror::Error)]
#[error("app code panicked while it made a body")]
struct BodyPanicked;

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::new(Full::new(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

/// A response of plain text.
#[must_use]
pub fn plain(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// A response for whom there is no room, or nobody, just now: 503, and that the client may come back in five seconds.
#[must_use]
pub fn unavailable(text: impl Into<Body>) -> Response {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// One request on its way to a session, and the place its answer goes.
#[derive(Debug)]
pub struct Exchange {
    request: Box<Request>,
    answer: oneshot::Sender<Response>,
}

impl Exchange {
    /// For transports: an exchange to hand to the server, and what will be answered.
    #[must_use]
    pub fn new(request: Request) -> (Self, Answer) {
        let (answer, receiver) = oneshot::channel();
        (Self { request: Box::new(request), answer }, Answer(receiver))
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Answers. A client that went away is not an error.
    pub fn respond(self, response: Response) {
        self.into_parts().1.respond(response);
    }

    /// Takes the request and the place of its answer apart.
    #[must_use]
    pub fn into_parts(self) -> (Request, Responder) {
        (*self.request, Responder(self.answer))
    }
}

/// Where the response to an [`Exchange`] goes.
#[derive(Debug)]
pub struct Responder(oneshot::Sender<Response>);

impl Responder {
    /// Answers. A client that went away is not an error.
    pub fn respond(self, response: Response) {
        let _ = self.0.send(response);
    }
}

/// What will be answered to an [`Exchange`].
#[derive(Debug)]
pub struct Answer(oneshot::Receiver<Response>);

impl Future for Answer {
    type Output = Result<Response, ExchangeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| ExchangeError)
    }
}

/// The exchange was dropped without an answer: the session or the server ended meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session ended before it answered")]
pub struct ExchangeError;

impl ExchangeError {
    /// What the client gets then: 503 and the sentence, and that it may come back in five seconds.
    #[must_use]
    pub fn into_response(self) -> Response {
        unavailable(self.to_string())
    }
}
