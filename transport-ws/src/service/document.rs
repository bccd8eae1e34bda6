use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use session_core::exchange::Body;
use sha1::{Digest, Sha1};

use crate::content;

/// An HTML document.
pub(super) enum Page {
    Fixed(Document),
    Made(Arc<dyn Fn() -> String + Send + Sync>),
}

impl Page {
    pub(super) fn new(page: &content::Page) -> Self {
        match page {
            content::Page::Fixed(bytes) => Self::Fixed(Document::new(bytes.clone(), HTML)),
            content::Page::Made(make) => Self::Made(Arc::clone(make)),
        }
    }

    pub(super) fn respond(&self, headers: &HeaderMap) -> Response<Body> {
        match self {
            Self::Fixed(document) => document.respond(headers),
            Self::Made(make) => Document::new(make().into(), HTML).respond(headers),
        }
    }
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Bytes in memory with what a browser must know of them.
pub(super) struct Document {
    bytes: Bytes,
    media_type: HeaderValue,
    tag: HeaderValue,
}

impl Document {
    pub(super) fn new(bytes: Bytes, media_type: HeaderValue) -> Self {
        let hash = Sha1::digest(&bytes);
        let tag: String = hash.iter().take(10).map(|byte| format!("{byte:02x}")).collect();
        let tag = HeaderValue::try_from(format!("\"{tag}\""))
            .unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Self { bytes, media_type, tag }
    }

    pub(super) fn respond(&self, headers: &HeaderMap) -> Response<Body> {
        let known = headers.get_all(IF_NONE_MATCH).iter().any(|value| {
            value.as_bytes().split(|&byte| byte == b',').any(|tag| self.tag == tag.trim_ascii())
        });
        let mut response = if known {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            Response::new(Body::from(self.bytes.clone()))
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.media_type.clone());
        headers.insert(ETAG, self.tag.clone());
        // A deployment changes the files under their names: ask again, and mostly be told "not modified".
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}
