//! Every way to end, and its code. Each is heard of once.

use serde_json::{Value as Json, json};

use super::peer::Peer;
use super::stage::{ENDED, MESSAGE, SHUT_DOWN, finish, serve, serve_one, serve_quickly, shut_down};
use crate::conformance::Capability;
use crate::conformance::law::{Client, Law, Playing, Verdict, ensure, server_law};
use crate::link::{CloseCode, CloseReason, Frame, Link, ReceiveExt, TransmitExt};

pub(super) const LAWS: &[Law] = &[
    // spec: G19
    server_law!(
        "a session ends when its client closes the link, with 1000 or any reason",
        by_client,
        serve
    ),
    // spec: G19
    server_law!("a session ends when its client vanishes", by_abort, serve),
    // spec: G23 (decision 29)
    server_law!("a session that closes itself ends the link with 1001", by_itself, serve),
    // spec: G23 (decision 29)
    server_law!(
        "a session's own code and reason arrive, and nothing it sent after them",
        with_reason,
        serve
    ),
    // spec: G5 (decision 29)
    server_law!("a message that breaks the protocol ends the link with 1002", not_a_message, serve),
    // spec: G3 (decision 29)
    server_law!("an update before init ends the link with 1002", no_init, serve),
    // spec: G5 (decision 29)
    server_law!("a message that is not JSON ends the link with 1007", not_json, serve),
    // spec: decision 29
    server_law!(
        "a client that does not send init in time loses the link with 1008",
        too_slow,
        serve_quickly
    ),
    // spec: decision 29
    server_law!("a message over the session's limit ends the link with 1009", too_large, serve),
    // spec: decision 29
    server_law!("a message over the link's limit ends the link with 1009", far_too_large, serve),
    // spec: C22 (decision 11)
    server_law!("an effect that fails ends the link with 1011, and tells nothing", fails, serve),
    // spec: G36
    server_law!("a server that shuts down ends its links with 1012", drains, serve),
    // spec: decision 29
    server_law!(
        "a server that is full ends a link with 1013, and is not full for ever",
        full,
        serve_one
    )
    .needs(&[Capability::ManyLinks]),
];

async fn by_client(client: Client) -> Verdict {
    let peer = Peer::begin(&*client.connect, json!({ "n": 1 })).await?;
    peer.close(CloseReason::new(CloseCode::NORMAL, "through")).await?;
    finish(client, &[]).await
}

async fn by_abort(mut client: Client) -> Verdict {
    let peer = Peer::begin(&*client.connect, json!({ "n": 1 })).await?;
    drop(peer);
    for note in ENDED {
        client.parley.expect(note).await?;
    }
    let notes = shut_down(&mut client.parley).await?;
    ensure!(notes.is_empty(), "after the end of the session, the app noted {notes:?}");
    Ok(())
}

async fn by_itself(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "n": 1 })).await?;
    peer.ask("close", json!([])).await?;
    peer.expect_close(1001).await?;
    finish(client, &[]).await
}

async fn with_reason(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "n": 1 })).await?;
    let reason = "é √, as it should be";
    peer.ask("close with", json!([4001, reason])).await?;
    let text = peer.expect_close(4001).await?;
    ensure!(text == reason, "the reason arrived as {text:?}");
    ensure!(peer.model.custom().is_empty(), "what was sent after the end arrived");
    finish(client, &[]).await
}

async fn not_a_message(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "n": 1 })).await?;
    peer.say("[]").await;
    peer.expect_close(1002).await?;
    finish(client, &[]).await
}

/// Ends a law in which the app was not even started.
async fn never_began(mut client: Client) -> Verdict {
    let notes = shut_down(&mut client.parley).await?;
    ensure!(notes.is_empty(), "an app that never began noted {notes:?}");
    Ok(())
}

async fn no_init(client: Client) -> Verdict {
    let mut peer = Peer::open(&*client.connect).await?;
    peer.say(r#"{"method":"update","data":{"n":1}}"#).await;
    peer.expect_close(1002).await?;
    never_began(client).await
}

async fn not_json(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "n": 1 })).await?;
    peer.say("{\"method\":").await;
    peer.expect_close(1007).await?;
    finish(client, &[]).await
}

async fn too_slow(client: Client) -> Verdict {
    let mut peer = Peer::open(&*client.connect).await?;
    peer.expect_close(1008).await?;
    never_began(client).await
}

/// A message of so many bytes.
fn message(bytes: usize) -> String {
    let frame = |text: &str| format!(r#"{{"method":"echo","args":["{text}"],"tag":-1}}"#);
    let around = frame("").len();
    frame(&"x".repeat(bytes - around))
}

async fn too_large(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    peer.say(&message(MESSAGE)).await;
    peer.settle().await?;
    let answers = peer.model.responses().iter().filter(|(tag, _)| *tag == -1).count();
    ensure!(answers == 1, "a message of the largest size has {answers} answers");
    peer.say(&message(MESSAGE + 1)).await;
    peer.expect_close(1009).await?;
    finish(client, &[]).await
}

async fn far_too_large(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let frame = Frame::Text(message(client.max_frame + 1).into());
    // The server may end the link before it has all of it.
    let _ = peer.transmit.send(frame).await;
    peer.expect_close(1009).await?;
    finish(client, &[]).await
}

async fn fails(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    peer.ask("fail in an effect", json!([])).await?;
    let text = peer.expect_close(1011).await?;
    ensure!(!text.contains("secret"), "the reason tells {text:?}");
    finish(client, &[]).await
}

async fn drains(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "n": 1 })).await?;
    client.parley.say(SHUT_DOWN);
    peer.expect_close(1012).await?;
    let mut notes = Vec::new();
    while notes.len() < ENDED.len() {
        notes.push(client.parley.hear().await?);
    }
    ensure!(notes == ENDED, "the app noted {notes:?} instead of {ENDED:?}");
    Ok(())
}

async fn full(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    for _ in 0..3 {
        let (mut receive, _transmit) = client.connect.link().await?.split();
        let first = receive.receive().await?;
        ensure!(first.is_none(), "a server that is full says {first:?}");
        let code = receive.close_reason().map(|reason| reason.code());
        ensure!(code == Some(CloseCode::OVERLOAD), "a server that is full closes with {code:?}");
    }
    peer.expect("echo", json!([1]), json!(1)).await?;
    peer.close(CloseCode::NORMAL).await?;
    for note in ENDED {
        client.parley.expect(note).await?;
    }
    // Its place is free as soon as all of it is gone.
    let mut peer = loop {
        match Peer::begin(&*client.connect, Json::Object(Default::default())).await {
            Ok(peer) => break peer,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    peer.settle().await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}
