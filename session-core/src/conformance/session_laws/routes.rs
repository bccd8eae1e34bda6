//! Requests beside the link, answered in a session.

use bytes::Bytes;
use serde_json::json;

use super::interface::shown;
use super::peer::{Fetched, Peer, fetch, not_found};
use super::stage::{ENDED, finish, serve, shut_down};
use crate::conformance::Capability;
use crate::conformance::law::{Client, Law, Playing, Verdict, ensure, server_law};
use crate::link::CloseCode;

pub(super) const LAWS: &[Law] = &[
    // spec: K1, K6, K9 (decision 32)
    server_law!("a dynamic route answers, and what it sets is shown", route, serve),
    // spec: K3
    server_law!(
        "a dynamic route that is registered again answers anew, on its old URL too",
        again,
        serve
    ),
    // spec: K4 (decision 32)
    server_law!(
        "a dynamic route gets the request's head and body, and chooses the response's",
        echo,
        serve
    ),
    // spec: K7
    server_law!("a dynamic route that fails is a 500 that tells nothing", fails, serve),
    // spec: K4 (decision 32)
    server_law!("everything that is not there is the same 404", unknown, serve),
    // spec: K4
    server_law!("a session's routes are gone once it has ended", ended, serve),
    // spec: E3 (decision 23)
    server_law!("a session answers on its own routes alone", isolated, serve)
        .needs(&[Capability::ManyLinks]),
];

fn expect(fetched: &Fetched, word: &str) -> Verdict {
    let expected = (200, "text/plain; charset=utf-8", word);
    let came = (fetched.status, &*fetched.content_type, &*fetched.body);
    ensure!(came == expected, "{came:?} instead of {expected:?}");
    Ok(())
}

async fn route(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, shown(["hits"])).await?;
    let url = peer.url("route", json!(["a file (1).csv", "here"])).await?;
    let id = peer.model.session_id().unwrap_or_default();
    let place = format!("session/{id}/dynamic_route/a%20file%20%281%29.csv?nonce=");
    ensure!(url.starts_with(&place), "the URL {url} does not begin with {place}");
    for hits in 1..4 {
        expect(&peer.fetch(&*client.connect, &url).await?, "here GET")?;
        peer.settle().await?;
        peer.expect_shown("hits", Ok(json!(hits)))?;
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn again(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let old = peer.url("route", json!(["x", "one"])).await?;
    expect(&peer.fetch(&*client.connect, &old).await?, "one GET")?;
    let new = peer.url("route", json!(["x", "two"])).await?;
    ensure!(old != new, "two URLs of a route are the same for a cache: {new}");
    for url in [old, new] {
        expect(&peer.fetch(&*client.connect, &url).await?, "two GET")?;
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn echo(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = peer.url("echo route", json!([])).await?;
    let bytes: Bytes = (0..=255).cycle().take(100_000).collect();
    let request = http::Request::put(format!("/{url}")).header("x-word", "word");
    let response = client.connect.exchange(request.body(bytes.clone().into())?).await?;
    ensure!(response.status() == 202, "the status is {}", response.status());
    let word = response.headers().get("x-word");
    ensure!(word.is_some_and(|word| word == "word"), "the header came back as {word:?}");
    let body = response.into_body().collect_up_to(1 << 20).await?;
    ensure!(body == bytes, "{} other bytes came back", body.len());
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn fails(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = peer.url("failing route", json!([])).await?;
    let answer = peer.fetch(&*client.connect, &url).await?;
    ensure!(answer.status == 500, "{answer:?} instead of a failure");
    ensure!(!answer.body.contains("secret"), "the failure tells {:?}", answer.body);
    peer.settle().await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn unknown(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = peer.url("route", json!(["x", "here"])).await?;
    let id = peer.model.session_id().unwrap_or_default().to_owned();
    let nobody = "0".repeat(64);
    for url in [
        url.replace("/x?", "/y?"),
        url.replace("/x?", "/?"),
        url.replace("/x?", "/x/?"),
        url.replace("dynamic_route", "download"),
        url.replace(&id, &nobody),
        url.replace(&id, ""),
        format!("session/{id}"),
        format!("session/{id}/dynamic_route/%ff"),
    ] {
        not_found(&peer.fetch(&*client.connect, &url).await?)?;
    }
    expect(&peer.fetch(&*client.connect, &url).await?, "here GET")?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn ended(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let url = peer.url("route", json!(["x", "here"])).await?;
    expect(&peer.fetch(&*client.connect, &url).await?, "here GET")?;
    peer.close(CloseCode::NORMAL).await?;
    for note in ENDED {
        client.parley.expect(note).await?;
    }
    not_found(&fetch(&*client.connect, &url).await?)?;
    let notes = shut_down(&mut client.parley).await?;
    ensure!(notes.is_empty(), "after the end of the session, the app noted {notes:?}");
    Ok(())
}

async fn isolated(mut client: Client) -> Verdict {
    let mut one = Peer::begin(&*client.connect, shown(["double", "hits"])).await?;
    let mut other = Peer::begin(&*client.connect, shown(["double", "hits"])).await?;
    let url = one.url("route", json!(["x", "of one"])).await?;
    let (id, of_other) = (one.model.session_id(), other.model.session_id());
    ensure!(id != of_other, "two sessions have the id {id:?}");
    let elsewhere = url.replace(id.unwrap_or_default(), of_other.unwrap_or_default());
    not_found(&fetch(&*client.connect, &elsewhere).await?)?;
    let quiet = other.frames.len();
    one.update(json!({ "n": 4 })).await?;
    one.fetch(&*client.connect, &url).await?;
    one.settle().await?;
    one.expect_shown("double", Ok(json!(8)))?;
    one.expect_shown("hits", Ok(json!(1)))?;
    other.settle().await?;
    let heard = &other.frames[quiet..];
    ensure!(heard.len() == 1, "a session heard of the other's: {heard:?}");
    one.close(CloseCode::NORMAL).await?;
    for note in ENDED {
        client.parley.expect(note).await?;
    }
    other.update(json!({ "n": 5 })).await?;
    other.expect_shown("double", Ok(json!(10)))?;
    other.expect_shown("hits", Ok(json!(0)))?;
    other.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}
