//! The response to a request for a download.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, request};
use mime_guess::Mime;

use super::conditions::{Wanted, is_still_the_same, judge};
use super::content::Content;
use super::disposition;
use super::encoding::Charset;
use super::file::Opened;
use super::media_type::{guess, header};
use super::pieces::Pieces;
use super::range::{Range, requested};
use crate::Result;
use crate::exchange::{Body, Response};

/// What the response says of its content, as far as the app has told.
pub(super) struct Naming {
    pub(super) id: String,
    pub(super) filename: Option<String>,
    pub(super) media_type: Option<Mime>,
    pub(super) charset: Charset,
}

impl Naming {
    /// Makes the response, its first byte included.
    pub(super) async fn answer(
        self,
        content: Content,
        request: &request::Parts,
    ) -> Result<Response> {
        let body = match content {
            Content::File(place) => return self.answer_file(place, request).await,
            Content::Bytes(bytes) => bytes,
            Content::Text(text) => self.charset.encode(text)?,
            Content::Stream(chunks) => {
                let mut response = Response::new(Pieces::first(&self.id, chunks).await?.into());
                *response.headers_mut() = self.head(&self.id)?;
                return Ok(response);
            }
            Content::TextStream(texts) => {
                let chunks = self.charset.encode_all(texts);
                let mut response = Response::new(Pieces::first(&self.id, chunks).await?.into());
                *response.headers_mut() = self.head(&self.id)?;
                return Ok(response);
            }
        };
        let mut head = self.head(&self.id)?;
        head.insert(CONTENT_LENGTH, body.len().into());
        let mut response = Response::new(body.into());
        *response.headers_mut() = head;
        Ok(response)
    }

    async fn answer_file(
        self,
        place: Box<dyn AsRef<std::path::Path> + Send>,
        request: &request::Parts,
    ) -> Result<Response> {
        let opened = Opened::open(place).await?;
        let mut head = self.head(opened.name())?;
        head.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let state = opened.state();
        if let Some(etag) = state.etag() {
            head.insert(ETAG, etag);
        }
        if let Some(modified) = state.last_modified() {
            head.insert(LAST_MODIFIED, modified);
        }
        match judge(&request.headers, state) {
            Wanted::Yes => {}
            Wanted::NotModified => {
                return Ok(empty(StatusCode::NOT_MODIFIED, without_content(head)));
            }
            Wanted::Failed => {
                return Ok(empty(StatusCode::PRECONDITION_FAILED, without_content(head)));
            }
        }
        let length = opened.length();
        let asks_for_part =
            request.method == Method::GET && is_still_the_same(&request.headers, state);
        let range = if asks_for_part { requested(&request.headers, length) } else { Range::Whole };
        let (status, start, count) = match range {
            Range::Whole => (StatusCode::OK, 0, length),
            Range::Part { start, count } => {
                let end = start + count - 1;
                head.insert(CONTENT_RANGE, content_range(&format!("{start}-{end}/{length}"))?);
                (StatusCode::PARTIAL_CONTENT, start, count)
            }
            Range::Unsatisfiable => {
                let mut head = without_content(head);
                head.insert(CONTENT_RANGE, content_range(&format!("*/{length}"))?);
                return Ok(empty(StatusCode::RANGE_NOT_SATISFIABLE, head));
            }
        };
        head.insert(CONTENT_LENGTH, count.into());
        let mut response = Response::new(Body::new(opened.read(start, count).await?));
        *response.status_mut() = status;
        *response.headers_mut() = head;
        Ok(response)
    }

    /// The head of content which by itself is called `own_name`.
    fn head(&self, own_name: &str) -> Result<HeaderMap> {
        let mut name = disposition::safe_name(self.filename.as_deref().unwrap_or(own_name));
        if name.is_empty() {
            name = disposition::safe_name(&self.id);
        }
        let guessed = || guess(&name);
        let media_type = self.media_type.clone().unwrap_or_else(guessed);
        let mut head = HeaderMap::with_capacity(8);
        head.insert(CONTENT_TYPE, header(&media_type, self.charset)?);
        head.insert(CONTENT_DISPOSITION, disposition::header(&name));
        head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(head)
    }
}

fn content_range(bytes: &str) -> Result<HeaderValue> {
    Ok(HeaderValue::try_from(format!("bytes {bytes}"))?)
}

/// What is left to say where nothing is sent.
fn without_content(mut head: HeaderMap) -> HeaderMap {
    head.remove(CONTENT_TYPE);
    head.remove(CONTENT_DISPOSITION);
    head
}

fn empty(status: StatusCode, head: HeaderMap) -> Response {
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = status;
    *response.headers_mut() = head;
    response
}
