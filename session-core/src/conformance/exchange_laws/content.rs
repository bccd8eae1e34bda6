//! Heads and bodies arrive as they were given.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{SMALL, expect_text, request, response};
use crate::conformance::law::{Client, Law, Playing, Served, Verdict, ensure, server_law};
use crate::exchange::Body;

pub(super) const LAWS: &[Law] = &[
    server_law!(
        "an exchange's method, path and query arrive as they were given",
        ask_heads,
        tell_heads
    ),
    server_law!(
        "an exchange's headers arrive in both directions, repeated and not ASCII",
        ask_headers,
        tell_headers
    ),
    server_law!("an exchange's status comes back as it was given", ask_statuses, tell_statuses),
    server_law!("an exchange's bodies carry every byte value both ways", ask_bytes, echo),
    server_law!("an exchange's empty bodies arrive as empty bodies", ask_empty, echo),
];

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "REPORT"];
const PATHS: [&str; 4] =
    ["x", "x?nonce=0123456789abcdef", "a%20b/c%2Fd.csv?x=%C3%A9&y=1&y=2", "~x-_.y?"];

async fn ask_heads(client: Client) -> Verdict {
    for method in METHODS {
        for path in PATHS {
            let answer = client.connect.exchange(request(method, path, "")?).await?;
            expect_text(answer, &format!("{method} /session/ab/dynamic_route/{path}")).await?;
        }
    }
    client.done()
}

async fn tell_heads(mut served: Served) -> Verdict {
    for _ in 0..METHODS.len() * PATHS.len() {
        let exchange = served.exchange().await?;
        let head = format!("{} {}", exchange.request().method(), exchange.request().uri());
        exchange.respond(response(head));
    }
    served.until_done().await
}

/// Headers of no meaning to any transport.
fn headers() -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let mut headers = HeaderMap::new();
    headers.append("x-word", HeaderValue::from_static("one"));
    headers.append("x-word", HeaderValue::from_static("two"));
    headers.append("x-empty", HeaderValue::from_static(""));
    headers.append("x-text", HeaderValue::from_static("a, b; c=\"d\\e\" {}"));
    headers.append("x-latin", HeaderValue::from_bytes(b"caf\xe9 \xff")?);
    headers.append("x-utf-8", HeaderValue::from_bytes("é √".as_bytes())?);
    headers.append("x-long", HeaderValue::from_str(&"long".repeat(500))?);
    Ok(headers)
}

/// Those of `given` must be among `all`, in the same order.
fn among(all: &HeaderMap, given: &HeaderMap) -> Verdict {
    for name in given.keys() {
        let same = all.get_all(name).iter().eq(given.get_all(name).iter());
        ensure!(same, "{name} arrived as {:?}", all.get_all(name).iter().collect::<Vec<_>>());
    }
    Ok(())
}

async fn ask_headers(client: Client) -> Verdict {
    let mut request = request("POST", "x", "body")?;
    request.headers_mut().extend(headers()?);
    let response = client.connect.exchange(request).await?;
    among(response.headers(), &headers()?)?;
    client.done()
}

async fn tell_headers(mut served: Served) -> Verdict {
    let exchange = served.exchange().await?;
    let arrived = among(exchange.request().headers(), &headers()?);
    let mut response = response("body");
    response.headers_mut().extend(headers()?);
    exchange.respond(response);
    arrived?;
    served.until_done().await
}

const STATUSES: [u16; 10] = [200, 201, 206, 299, 301, 400, 404, 418, 500, 599];

async fn ask_statuses(client: Client) -> Verdict {
    for status in STATUSES {
        let response = client.connect.exchange(request("GET", "x", "")?).await?;
        ensure!(response.status() == status, "{} instead of {status}", response.status());
        let body = response.into_body().collect_up_to(SMALL).await?;
        ensure!(*body == *b"why", "with {status}, the body is {body:?}");
    }
    client.done()
}

async fn tell_statuses(mut served: Served) -> Verdict {
    for status in STATUSES {
        let mut response = response("why");
        *response.status_mut() = StatusCode::from_u16(status)?;
        served.exchange().await?.respond(response);
    }
    served.until_done().await
}

async fn ask_bytes(client: Client) -> Verdict {
    let bytes: Bytes = (0..=255).chain((0..=255).rev()).collect();
    let response = client.connect.exchange(request("PUT", "x", bytes.clone())?).await?;
    let body = response.into_body().collect_up_to(SMALL).await?;
    ensure!(body == bytes, "the body came back as {body:?}");
    client.done()
}

async fn ask_empty(client: Client) -> Verdict {
    for method in ["GET", "POST", "PUT"] {
        let response = client.connect.exchange(request(method, "x", Body::empty())?).await?;
        let body = response.into_body().collect_up_to(SMALL).await?;
        ensure!(body.is_empty(), "{method} with an empty body came back with {body:?}");
    }
    client.done()
}

/// Answers every request with its body, until the client is done.
async fn echo(mut served: Served) -> Verdict {
    while let Some(exchange) = served.exchange_unless_done().await? {
        let (request, responder) = exchange.into_parts();
        let body = request.into_body().collect_up_to(SMALL).await?;
        responder.respond(response(body));
    }
    Ok(())
}
