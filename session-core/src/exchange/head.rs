//! The head of a request or response as JSON, for transports without HTTP.
//!
//! ```json
//! {"method":"GET","path":"/session/ab/dynamic_route/x?nonce=1","headers":[["accept","*/*"]]}
//! {"status":200,"headers":[["content-type","text/plain"]]}
//! ```
//!
//! `method` is `GET` and `headers` are none where they are left out. A header value that is not ASCII has one
//! character, up to U+00FF, for each of its bytes.

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri, request, response};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestHead {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseHead {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

fn get() -> String {
    "GET".to_owned()
}

/// A header that a client sends of its own accord, to a server that may ask who it is: its value is left out of what is
/// printed. `None` when the name or the value cannot stand in a header.
#[must_use]
pub fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// A head that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHead {
    /// Not JSON of the expected shape.
    #[error("the head is not the JSON it should be")]
    Json(#[from] serde_json::Error),
    /// A method, path, status or header that HTTP does not have.
    #[error("the head has an invalid {part}")]
    Http {
        /// Which part.
        part: &'static str,
    },
}

/// The head of a request.
///
/// # Errors
///
/// [`InvalidHead::Json`], which does not happen with what `http` lets through.
pub fn encode_request(parts: &request::Parts) -> Result<Vec<u8>, InvalidHead> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let head = RequestHead {
        method: parts.method.as_str().to_owned(),
        path,
        headers: encode_headers(&parts.headers),
    };
    Ok(serde_json::to_vec(&head)?)
}

/// The head of a request; its URI is a path with a query.
///
/// # Errors
///
/// [`InvalidHead`].
pub fn decode_request(json: &[u8]) -> Result<request::Parts, InvalidHead> {
    let head: RequestHead = serde_json::from_slice(json)?;
    let invalid = |part| InvalidHead::Http { part };
    if !head.path.starts_with('/') {
        return Err(invalid("path"));
    }
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = Method::from_bytes(head.method.as_bytes()).map_err(|_| invalid("method"))?;
    parts.uri = head.path.parse::<Uri>().map_err(|_| invalid("path"))?;
    parts.headers = decode_headers(head.headers)?;
    Ok(parts)
}

/// The head of a response.
///
/// # Errors
///
/// [`InvalidHead::Json`], which does not happen with what `http` lets through.
pub fn encode_response(parts: &response::Parts) -> Result<Vec<u8>, InvalidHead> {
    let head =
        ResponseHead { status: parts.status.as_u16(), headers: encode_headers(&parts.headers) };
    Ok(serde_json::to_vec(&head)?)
}

/// The head of a response.
///
/// # Errors
///
/// [`InvalidHead`].
pub fn decode_response(json: &[u8]) -> Result<response::Parts, InvalidHead> {
    let head: ResponseHead = serde_json::from_slice(json)?;
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status =
        StatusCode::from_u16(head.status).map_err(|_| InvalidHead::Http { part: "status" })?;
    parts.headers = decode_headers(head.headers)?;
    Ok(parts)
}

fn encode_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn decode_headers(headers: Vec<(String, String)>) -> Result<HeaderMap, InvalidHead> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| InvalidHead::Http { part: "header name" })?;
        let value = value
            .chars()
            .map(|char| u8::try_from(char).ok())
            .collect::<Option<Vec<u8>>>()
            .and_then(|bytes| HeaderValue::from_bytes(&bytes).ok())
            .ok_or(InvalidHead::Http { part: "header value" })?;
        map.append(name, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_head_survives_with_every_byte_a_header_may_have() {
        let bytes: Vec<u8> = (0x20..=0xff).filter(|byte| *byte != 0x7f).collect();
        let (parts, ()) = http::Request::post("/session/a/b/c%20d?x=1")
            .header("x-bytes", HeaderValue::from_bytes(&bytes).unwrap())
            .header("x-twice", "1")
            .header("x-twice", "2")
            .body(())
            .unwrap()
            .into_parts();
        let back = decode_request(&encode_request(&parts).unwrap()).unwrap();
        assert_eq!((back.method, back.uri, back.headers), (parts.method, parts.uri, parts.headers));
    }

    #[test]
    fn a_response_head_survives() {
        let json = br#"{"status":404,"headers":[["content-type","text/plain"]]}"#;
        let parts = decode_response(json).unwrap();
        assert_eq!(parts.status, 404);
        assert_eq!(encode_response(&parts).unwrap(), json);
    }

    #[test]
    fn a_head_that_http_does_not_have_is_refused() {
        for head in [
            "",
            "[]",
            r#"{"method":"GET"}"#,
            r#"{"path":"relative"}"#,
            r#"{"path":"/with space"}"#,
            r#"{"method":"G T","path":"/"}"#,
            r#"{"path":"/","headers":[["a b","c"]]}"#,
            r#"{"path":"/","headers":[["a","b\r\nc: d"]]}"#,
            r#"{"path":"/","headers":[["a","\u0100"]]}"#,
            r#"{"path":"/","more":1}"#,
        ] {
            assert!(decode_request(head.as_bytes()).is_err(), "{head}");
        }
        assert!(decode_response(br#"{"status":99}"#).is_err());
    }
}
