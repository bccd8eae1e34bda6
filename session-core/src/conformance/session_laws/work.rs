//! What takes its time, and requests that carry blobs.

use serde_json::{Value as Json, json};

use super::interface::shown;
use super::peer::Peer;
use super::stage::{finish, serve};
use crate::conformance::law::{Client, Law, Playing, Verdict, ensure, server_law};
use crate::link::CloseCode;
use crate::testing::OutputState;

pub(super) const LAWS: &[Law] = &[
    server_law!("calls of an extended task run one after another, and are shown", task, serve),
    server_law!("a cancelled extended task drops its call and those that wait", cancel, serve),
    server_law!(
        "an async calc shows that it works, then its result to all its readers",
        calc,
        serve
    ),
    server_law!("a request with blobs is answered, and one without too", blobs, serve),
];

/// Reads until an output shows this.
async fn until_shown(peer: &mut Peer, output: &str, value: &Json) -> Verdict {
    while peer.model.shows(output) != Some(Ok(value)) {
        peer.read().await?;
    }
    Ok(())
}

async fn task(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, shown(["task", "task_status"])).await?;
    peer.expect_shown("task_status", Ok(json!("Initial")))?;
    peer.expect_shown("task", Ok(Json::Null))?;
    for n in [1, 2] {
        peer.expect("call task", json!([n]), Json::Null).await?;
    }
    peer.settle().await?;
    peer.expect_shown("task_status", Ok(json!("Running")))?;
    let state = peer.model.state("task");
    ensure!(state == OutputState::Persistent, "the output of a call at work is {state:?}");
    // Nothing waits for it.
    peer.expect("echo", json!(["meanwhile"]), json!("meanwhile")).await?;
    for value in [10, 20] {
        peer.expect("release task", json!([]), Json::Null).await?;
        until_shown(&mut peer, "task", &json!(value)).await?;
        client.parley.expect("call over").await?;
    }
    until_shown(&mut peer, "task_status", &json!("Success")).await?;
    peer.expect("call task", json!([-1]), Json::Null).await?;
    peer.expect("release task", json!([]), Json::Null).await?;
    until_shown(&mut peer, "task_status", &json!("Error")).await?;
    peer.settle().await?;
    peer.expect_shown("task", Err("n is negative"))?;
    client.parley.expect("call over").await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn cancel(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, shown(["task", "task_status"])).await?;
    for n in [1, 2] {
        peer.expect("call task", json!([n]), Json::Null).await?;
    }
    peer.expect("cancel task", json!([]), Json::Null).await?;
    // The one at work is dropped; the other has never begun.
    client.parley.expect("call over").await?;
    until_shown(&mut peer, "task_status", &json!("Cancelled")).await?;
    peer.settle().await?;
    peer.expect_shown("task", Ok(Json::Null))?;
    peer.expect("call task", json!([3]), Json::Null).await?;
    peer.settle().await?;
    peer.expect_shown("task_status", Ok(json!("Running")))?;
    // The end of the session drops it, too.
    peer.close(CloseCode::NORMAL).await?;
    client.parley.expect("call over").await?;
    finish(client, &[]).await
}

async fn calc(client: Client) -> Verdict {
    const OUTPUTS: [&str; 2] = ["square", "square_and_one"];
    let mut peer = Peer::begin(&*client.connect, json!({ "n": 2 })).await?;
    peer.update(shown(OUTPUTS)).await?;
    for output in OUTPUTS {
        let state = peer.model.state(output);
        ensure!(state == OutputState::Persistent, "{output:?} is {state:?} while its calc works");
    }
    // What it works on is out of date, and one run serves both.
    peer.update(json!({ "n": 3 })).await?;
    peer.expect("release calc", json!([]), Json::Null).await?;
    until_shown(&mut peer, "square", &json!(9)).await?;
    until_shown(&mut peer, "square_and_one", &json!(10)).await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn blobs(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let all: Vec<u8> = (0..=255).collect();
    let tag = peer.ask_with_blobs("weigh", json!(["é"]), &[&[1, 2, 3], b"", &all]).await?;
    let answer = peer.answer(tag).await?;
    ensure!(answer == Ok(json!(["é", [6, 0, 32_640]])), "a request with blobs gave {answer:?}");
    peer.expect("weigh", json!(["none"]), json!(["none", []])).await?;
    let tag = peer.ask_with_blobs("echo", json!([1]), &[b"x"]).await?;
    let answer = peer.answer(tag).await?;
    ensure!(
        answer == Err("this method takes no blobs".to_owned()),
        "blobs that nobody takes gave {answer:?}"
    );
    peer.expect("echo", json!([1]), json!(1)).await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}
