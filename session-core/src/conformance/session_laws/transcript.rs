//! The same script gives the same transcript, whatever carries it.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::interface::shown;
use super::peer::{Peer, fetch};
use super::stage::{serve, shut_down};
use crate::conformance::Memory;
use crate::conformance::law::{
    AnyConnect, Client, Connecting, Failure, Law, Playing, Served, Verdict, ensure, server_law,
};
use crate::conformance::parley::Parley;
use crate::link::{AnyListener, CloseCode, CloseReason, memory};

pub(super) const LAWS: &[Law] =
    &[server_law!("the same script gives the same transcript as in memory", compare, serve)];

async fn compare(mut client: Client) -> Verdict {
    let mut came = script(&*client.connect, &mut client.parley).await?;
    came.extend(shut_down(&mut client.parley).await?);
    let expected = reference(client.max_frame).await?;
    for (line, (came, expected)) in came.iter().zip(&expected).enumerate() {
        ensure!(came == expected, "line {line} is\n{came}\ninstead of\n{expected}");
    }
    ensure!(
        came.len() == expected.len(),
        "{} lines instead of {}; the last is {:?}",
        came.len(),
        expected.len(),
        came.last()
    );
    Ok(())
}

/// What the script gives in memory.
async fn reference(max_frame: usize) -> Result<Vec<String>, Failure> {
    let (client, listener) = memory(max_frame);
    let connect = Connecting { fixture: Arc::new(Memory), client };
    let (mut ours, parley) = Parley::pair();
    let mut any = AnyListener::new();
    any.push(listener);
    let playing = async {
        let mut lines = script(&connect, &mut ours).await?;
        lines.extend(shut_down(&mut ours).await?);
        Ok(lines)
    };
    let serving = serve(Served { listener: any, parley, max_frame });
    let (lines, served) = tokio::join!(playing, serving);
    served?;
    lines
}

/// One session from its beginning to its end: every frame, every exchange and every note, with placeholders for what
/// is different each time.
async fn script(connect: &dyn AnyConnect, parley: &mut Parley) -> Result<Vec<String>, Failure> {
    let mut peer = Peer::begin(connect, shown(["double", "hits", "word", "flushes"])).await?;
    let id = peer.model.session_id().unwrap_or_default().to_owned();
    values(&mut peer, parley).await?;
    requests(&mut peer).await?;
    messages(&mut peer, parley).await?;
    let url = exchanges(&mut peer, connect).await?;
    module(&mut peer, connect).await?;
    let mut lines = peer.close(CloseReason::new(CloseCode::NORMAL, "that is all")).await?;
    while lines.last().is_none_or(|line| line != "gone") {
        lines.push(parley.hear().await?);
    }
    lines.push(format!("{:?}", fetch(connect, &url).await?));
    Ok(lines.iter().map(|line| placeholders(line, &id)).collect())
}

async fn values(peer: &mut Peer, parley: &mut Parley) -> Verdict {
    for n in [1, -1, 0, 99, 13, 7, 7] {
        peer.update(json!({ "n": n })).await?;
    }
    peer.update(shown(["half", "later"])).await?;
    parley.expect("half 3").await?;
    peer.expect("release output", json!([]), Json::Null).await?;
    while peer.model.shows("later").is_none() {
        peer.read().await?;
    }
    peer.update(json!({ ".clientdata_output_half_hidden": true, "n": 8 })).await?;
    peer.update(json!({ "n:shiny.number": 9, "bad:key:": 1, "day:shiny.date": "2024-02-30" })).await
}

async fn requests(peer: &mut Peer) -> Verdict {
    for (method, args) in [
        ("add", json!([1, 2])),
        ("add", json!([1])),
        ("add", json!({})),
        ("fail", json!([])),
        ("fail safely", json!([])),
        ("stop quietly", json!([])),
        ("no such method", json!([])),
        ("echo", json!([{ "é": ["√", 1.5, null] }])),
        ("forget", json!(["add"])),
    ] {
        peer.call(method, args).await?.ok();
    }
    let waiting = peer.ask("wait", json!(["word"])).await?;
    peer.settle().await?;
    peer.expect("release request", json!([]), Json::Null).await?;
    peer.answer(waiting).await?.ok();
    Ok(())
}

async fn messages(peer: &mut Peer, parley: &mut Parley) -> Verdict {
    for kind in ["custom", "binary", "input", "ui", "reconnect", "no such kind"] {
        peer.call("send", json!([kind])).await?.ok();
        peer.settle().await?;
    }
    peer.call("note this flush", json!([])).await?.ok();
    peer.settle().await?;
    parley.expect("flush").await?;
    parley.expect("flushed").await?;
    peer.call("from outside", json!(["hello"])).await?.ok();
    while peer.model.shows("word") != Some(Ok(&json!("hello"))) {
        peer.read().await?;
    }
    peer.settle().await
}

async fn exchanges(peer: &mut Peer, connect: &dyn AnyConnect) -> Result<String, Failure> {
    let url = peer.url("route", json!(["x y", "one"])).await?;
    peer.fetch(connect, &url).await?;
    peer.settle().await?;
    let again = peer.url("route", json!(["x y", "two"])).await?;
    let failing = peer.url("failing route", json!([])).await?;
    let echo = peer.url("echo route", json!([])).await?;
    let elsewhere = url.replace("/x%20y?", "/y?");
    for url in [&url, &again, &failing, &echo, &elsewhere] {
        peer.fetch(connect, url).await?;
        peer.settle().await?;
    }
    Ok(url)
}

async fn module(peer: &mut Peer, connect: &dyn AnyConnect) -> Verdict {
    peer.call("make module", json!(["no id"])).await?.ok();
    for round in 0..2 {
        peer.expect("make module", json!(["m"]), Json::Null).await?;
        peer.update(json!({ "m-x": round })).await?;
        peer.update(shown(["m-out"])).await?;
        peer.call("m-tell_x", json!([])).await?.ok();
        let urls = peer.call("m-urls", json!([])).await?.unwrap_or_default();
        let url = urls[0].as_str().unwrap_or_default();
        peer.fetch(connect, url).await?;
        let waiting = peer.ask("m-wait", json!([])).await?;
        peer.call("m-inner-ask", json!([])).await?.ok();
        peer.expect("destroy module", json!(["m"]), Json::Null).await?;
        peer.answer(waiting).await?.ok();
        peer.settle().await?;
        peer.call("m-ask", json!([])).await?.ok();
        peer.fetch(connect, url).await?;
        peer.update(json!({ "m-x": 5, ".clientdata_output_m-out_hidden": true })).await?;
    }
    Ok(())
}

/// Ids and nonces are new each time.
fn placeholders(line: &str, id: &str) -> String {
    const NONCE: &str = "nonce=";
    let line = line.replace(id, "<session>");
    let mut parts = line.split(NONCE);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        replaced.push_str(NONCE);
        replaced.push_str("<nonce>");
        replaced.push_str(part.get(16..).unwrap_or_default());
    }
    replaced
}
