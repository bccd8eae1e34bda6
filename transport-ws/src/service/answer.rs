//! Answers that are no document, no file and no session's.

use http::header::{ALLOW, CONNECTION, LOCATION, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use session_core::exchange::{Body, plain};

use crate::guard::Refusal;
use crate::handshake::Invalid;

/// Relative URLs of a page need the slash.
pub(super) fn redirect(mount: &str, query: Option<&str>) -> Response<Body> {
    let location = match query {
        Some(query) => format!("{mount}?{query}"),
        None => mount.to_owned(),
    };
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "");
    match HeaderValue::try_from(location) {
        Ok(location) => {
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(_) => plain(StatusCode::NOT_FOUND, "Not Found"),
    }
}

pub(super) fn refuse(refusal: Refusal, request: &Request<Body>) -> Response<Body> {
    let headers = request.headers();
    tracing::warn!(
        host = ?headers.get(http::header::HOST),
        origin = ?headers.get(http::header::ORIGIN),
        "refused: {refusal}"
    );
    match refusal {
        Refusal::NoHost => plain(StatusCode::BAD_REQUEST, "Bad Request"),
        _ => plain(StatusCode::FORBIDDEN, "Forbidden"),
    }
}

pub(super) fn refuse_handshake(invalid: Invalid) -> Response<Body> {
    tracing::debug!("refused a handshake: {invalid}");
    match invalid {
        Invalid::Version => {
            let mut response = plain(StatusCode::UPGRADE_REQUIRED, "Upgrade Required");
            let headers = response.headers_mut();
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            response
        }
        Invalid::Method => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            response
        }
        _ => plain(StatusCode::BAD_REQUEST, "Bad Request"),
    }
}
