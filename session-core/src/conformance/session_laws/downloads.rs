//! Downloads, and services mounted as dynamic routes.

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};

use super::app::downloads::{FILE, PATTERN, pattern};
use super::interface::shown;
use super::peer::{Peer, fetch, not_found};
use super::stage::{finish, serve, shut_down};
use crate::conformance::law::{
    AnyConnect, Client, Failure, Law, Playing, Verdict, ensure, server_law,
};
use crate::exchange::{Body, Response};
use crate::link::CloseCode;

pub(super) const LAWS: &[Law] = &[
    server_law!("a download's URL is the value of its output, and gives its bytes", bytes, serve),
    server_law!("a download that streams comes whole", pieces, serve),
    server_law!(
        "a download of a file is given in part, and whole where it cannot be",
        range,
        serve
    ),
    server_law!("a download has its name in its head, whatever is in it", named, serve),
    server_law!("HEAD is answered with the head of a download, and without its bytes", head, serve),
    server_law!(
        "a download that fails at once is a failure, and one that fails later is cut",
        cut,
        serve
    ),
    server_law!(
        "a session goes on beside a download that nobody reads, and drops it with its client",
        beside,
        serve
    ),
    server_law!(
        "a download that has begun outlives its module, and no other begins",
        outlive,
        serve
    ),
    server_law!(
        "a mounted service answers below its name, and sees what follows it",
        mounted,
        serve
    ),
];

async fn ask(
    connect: &dyn AnyConnect,
    method: Method,
    url: &str,
    headers: &[(&'static str, &str)],
) -> Result<Response, Failure> {
    let request = http::Request::builder().method(method).uri(format!("/{url}"));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Ok(connect.exchange(request.body(Body::empty())?).await?)
}

/// Asks for a download to be offered, and for its URL.
async fn offer(peer: &mut Peer, kind: &str) -> Result<String, Failure> {
    peer.url("offer", json!([kind])).await
}

fn expect(headers: &HeaderMap, name: &str, expected: &str) -> Verdict {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ensure!(value == expected, "{name:?} is {value:?} instead of {expected:?}");
    Ok(())
}

async fn expect_pattern(body: Body) -> Verdict {
    let body = body.collect_up_to(2 * PATTERN).await?;
    let whole: Vec<u8> = pattern().flatten().collect();
    ensure!(body == whole, "{} other bytes came than the {PATTERN}", body.len());
    Ok(())
}

async fn bytes(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = offer(&mut peer, "bytes").await?;
    let id = peer.model.session_id().unwrap_or_default();
    let place = format!("session/{id}/download/bytes?w=");
    ensure!(url == place, "the URL is {url} instead of {place}");
    // It is there before it is shown.
    let response = ask(&*client.connect, Method::GET, &url, &[]).await?;
    ensure!(response.status() == 200, "the status is {}", response.status());
    let (head, body) = response.into_parts();
    for (name, value) in [
        ("content-length", &*PATTERN.to_string()),
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename=\"bytes.bin\""),
        ("cache-control", "no-store"),
    ] {
        expect(&head.headers, name, value)?;
    }
    expect_pattern(body).await?;
    ensure!(peer.model.shows("bytes").is_none(), "an output that is hidden was sent");
    peer.update(shown(["bytes"])).await?;
    peer.expect_shown("bytes", Ok(json!(url)))?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn pieces(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = offer(&mut peer, "pieces").await?;
    let response = ask(&*client.connect, Method::GET, &url, &[]).await?;
    ensure!(response.status() == 200, "the status is {}", response.status());
    expect_pattern(response.into_body()).await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn range(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = offer(&mut peer, "file").await?;
    for (range, status, text, content_range) in [
        ("bytes=0-2", 206, "012", "bytes 0-2/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=4-", 206, "456789", "bytes 4-9/10"),
        ("bytes=0-1,3-4", 200, FILE, ""),
        ("bytes=10-", 416, "", "bytes */10"),
    ] {
        let response = ask(&*client.connect, Method::GET, &url, &[("range", range)]).await?;
        let (head, body) = response.into_parts();
        ensure!(head.status == status, "{range:?} has the status {}", head.status);
        expect(&head.headers, "content-range", content_range)?;
        let body = body.collect_up_to(100).await?;
        ensure!(body == text, "{range:?} gave {body:?} instead of {text:?}");
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn named(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = offer(&mut peer, "named").await?;
    let response = ask(&*client.connect, Method::GET, &url, &[]).await?;
    let expected = "attachment; filename*=utf-8''%C3%A9%20%22%E2%88%9A%22__x-evil%3A%201.csv";
    expect(response.headers(), "content-disposition", expected)?;
    expect(response.headers(), "content-type", "text/csv; charset=utf-8")?;
    expect(response.headers(), "x-evil", "")?;
    let body = response.into_body().collect_up_to(100).await?;
    ensure!(body == "a,b\n", "the text came as {body:?}");
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn head(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = offer(&mut peer, "bytes").await?;
    let response = ask(&*client.connect, Method::HEAD, &url, &[]).await?;
    ensure!(response.status() == 200, "the status is {}", response.status());
    expect(response.headers(), "content-length", &PATTERN.to_string())?;
    expect(response.headers(), "content-disposition", "attachment; filename=\"bytes.bin\"")?;
    let body = response.into_body().collect_up_to(100).await?;
    ensure!(body.is_empty(), "{} bytes came with a head", body.len());
    let url = offer(&mut peer, "endless").await?;
    let response = ask(&*client.connect, Method::HEAD, &url, &[]).await?;
    let body = response.into_body().collect_up_to(100).await?;
    ensure!(body.is_empty(), "{} bytes came with a head", body.len());
    client.parley.expect("stream dropped").await?;
    let response = ask(&*client.connect, Method::POST, &url, &[]).await?;
    ensure!(response.status() == 404, "the status of a POST is {}", response.status());
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn cut(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = offer(&mut peer, "broken").await?;
    let answer = peer.fetch(&*client.connect, &url).await?;
    ensure!(answer.status == 500, "{answer:?} instead of a failure");
    ensure!(!answer.body.contains("secret"), "the failure tells {:?}", answer.body);
    let url = offer(&mut peer, "breaking").await?;
    // An abort may overtake everything else, the head too.
    let broken = match ask(&*client.connect, Method::GET, &url, &[]).await {
        Ok(response) => {
            ensure!(response.status() == 200, "the status is {}", response.status());
            response.into_body().collect_up_to(100).await.map_err(Failure::from)
        }
        Err(error) => Err(error),
    };
    match broken {
        Ok(whole) => return Err(Failure::new(format!("a cut looks like the end after {whole:?}"))),
        Err(error) => ensure!(!error.to_string().contains("secret"), "the cut tells {error}"),
    }
    peer.settle().await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn beside(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, shown(["double"])).await?;
    let url = offer(&mut peer, "endless").await?;
    let unread = ask(&*client.connect, Method::GET, &url, &[]).await?;
    let read = ask(&*client.connect, Method::GET, &url, &[]).await?;
    let mut body = read.into_body();
    for n in 1..30 {
        peer.update(json!({ "n": n })).await?;
        // What stops an output is none of these.
        if n != 13 {
            peer.expect_shown("double", Ok(json!(n * 2)))?;
        }
        for _ in 0..10 {
            let piece = body.frame().await.transpose()?;
            ensure!(piece.is_some(), "an endless download ended");
        }
    }
    for body in [body, unread.into_body()] {
        drop(body);
        client.parley.expect("stream dropped").await?;
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn outlive(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = peer.url("offer in a module", json!([])).await?;
    let response = ask(&*client.connect, Method::GET, &url, &[]).await?;
    let mut body = response.into_body();
    let mut text = next(&mut body).await?.to_vec();
    peer.expect("destroy module", json!(["shop"]), Json::Null).await?;
    not_found(&fetch(&*client.connect, &url).await?)?;
    peer.expect("release download", json!([]), Json::Null).await?;
    text.extend(body.collect_up_to(100).await?);
    ensure!(text == b"begun and ended", "{:?} came", String::from_utf8_lossy(&text));
    peer.close(CloseCode::NORMAL).await?;
    shut_down(&mut client.parley).await?;
    Ok(())
}

/// The next bytes of a body.
async fn next(body: &mut Body) -> Result<Bytes, Failure> {
    while let Some(frame) = body.frame().await.transpose()? {
        if let Ok(piece) = frame.into_data()
            && !piece.is_empty()
        {
            return Ok(piece);
        }
    }
    Err(Failure::new("the body ended"))
}

async fn mounted(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = peer.url("mount", json!(["a service"])).await?;
    let (path, nonce) = url.split_once('?').unwrap_or_default();
    peer.url("route", json!(["a service/exactly", "this"])).await?;
    for (below, expected) in [
        (String::new(), "GET /".to_owned()),
        (format!("?{nonce}"), format!("GET /?{nonce}")),
        ("/".to_owned(), "GET /".to_owned()),
        ("/x/y%20z?q=1".to_owned(), "GET /x/y%20z?q=1".to_owned()),
        ("/exactly".to_owned(), "this GET".to_owned()),
        ("/exactly/not".to_owned(), "GET /exactly/not".to_owned()),
    ] {
        let answer = peer.fetch(&*client.connect, &format!("{path}{below}")).await?;
        let came = (answer.status, &*answer.body);
        ensure!(came == (200, &*expected), "{below:?} gave {came:?} instead of {expected:?}");
    }
    for beside in ["x", "%00", "/..%2fx"] {
        not_found(&peer.fetch(&*client.connect, &format!("{path}{beside}")).await?)?;
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}
