//! The opening handshake of RFC 6455, section 4.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use sha1::{Digest, Sha1};

/// Joined to the key before it is hashed (RFC 6455, 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request that wants to become a link cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("a link is opened with GET")]
    Method,
    #[error("a link is opened over HTTP/1.1")]
    Http,
    #[error("the Connection header does not say upgrade")]
    Connection,
    #[error("the version of WebSocket is not 13")]
    Version,
    #[error("the key is missing or malformed")]
    Key,
}

/// Whether a request asks to be upgraded to WebSocket.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, "websocket")
}

/// The value of `Sec-WebSocket-Accept` that answers a request.
pub(crate) fn answer<B>(request: &Request<B>) -> Result<HeaderValue, Invalid> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Invalid::Method);
    }
    if request.version() != Version::HTTP_11 {
        return Err(Invalid::Http);
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Invalid::Connection);
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Invalid::Version);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(Invalid::Key)?.as_bytes();
    match BASE64_STANDARD.decode(key) {
        Ok(nonce) if nonce.len() == 16 => accept(key).ok_or(Invalid::Key),
        _ => Err(Invalid::Key),
    }
}

/// A fresh key for a client.
pub(crate) fn key() -> Result<String, getrandom::Error> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)?;
    Ok(BASE64_STANDARD.encode(nonce))
}

/// The value of `Sec-WebSocket-Accept` that goes with a key.
pub(crate) fn accept(key: &[u8]) -> Option<HeaderValue> {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    HeaderValue::try_from(BASE64_STANDARD.encode(digest)).ok()
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_that_of_the_example_in_the_standard() {
        let accept = accept(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
