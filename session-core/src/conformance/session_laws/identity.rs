//! Who gets a session, and as whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value as Json, json};

use super::peer::Peer;
use super::stage::{finish, serve, serve_with, shut_down};
use crate::conformance::Capability;
use crate::conformance::law::{Client, Failure, Law, Playing, Served, Verdict, ensure, server_law};
use crate::link::{CloseCode, Identity, Link, PeerInfo, Receive, ReceiveExt, Refusal};

pub(super) const LAWS: &[Law] = &[
    server_law!(
        "a client that is refused learns the status, and there is no session",
        is_refused,
        serve_the_known
    ),
    server_law!(
        "a client with the wrong token is refused as one with none",
        is_forbidden,
        serve_the_known
    )
    .says(&[("authorization", "Bearer wrong")]),
    server_law!(
        "who is let in is known in the session, in its modules, and to the client",
        is_known,
        serve_the_known
    )
    .says(&[("authorization", "Bearer right")]),
    server_law!("the head of a link's request is known in the session", has_head, serve)
        .says(&[("x-word", "a word")]),
    server_law!("nobody is believed who is not trusted", is_not_believed, serve)
        .says(&[("shiny-server-credentials", CREDENTIALS)]),
    server_law!("a trusted peer is believed to tell who the user is", is_believed, serve_trusting)
        .says(&[("shiny-server-credentials", CREDENTIALS)])
        .needs(&[Capability::PeerAddress]),
];

const CREDENTIALS: &str = r#"{"user":"eve","groups":["staff"]}"#;

/// Lets in whoever has the right token.
async fn hook(peer: PeerInfo) -> Result<Identity, Refusal> {
    match peer.bearer_token() {
        Some("right") => Ok(Identity::new("ann").group("staff").group("admin")),
        Some(_) => Err(Refusal::forbidden("the token is wrong")),
        None => Err(Refusal::unauthorized("a token is needed")),
    }
}

async fn serve_the_known(served: Served) -> Verdict {
    serve_with(served, |server| server.authenticate(hook)).await
}

async fn serve_trusting(served: Served) -> Verdict {
    let here = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    serve_with(served, |server| server.trust_peers(here.map(Into::into))).await
}

async fn is_refused(client: Client) -> Verdict {
    refused(client, "401").await
}

async fn is_forbidden(client: Client) -> Verdict {
    refused(client, "403").await
}

/// In the handshake, whose error tells the status; or by a close, with 1008 and a text that begins with it.
async fn refused(mut client: Client, status: &str) -> Verdict {
    match client.connect.link().await {
        Err(error) => {
            let text = Failure::from(error).to_string();
            ensure!(text.contains(status), "the refusal tells {text:?}, and no {status}");
        }
        Ok(link) => {
            let (mut receive, _transmit) = link.split();
            let frame = receive.receive().await?;
            ensure!(frame.is_none(), "{frame:?} arrived from a server that lets nobody in");
            let reason = receive.close_reason();
            let told = reason.map(|reason| (reason.code(), reason.text().starts_with(status)));
            ensure!(
                told == Some((CloseCode::POLICY, true)),
                "the link ended with {reason:?} instead of 1008 and {status}"
            );
        }
    }
    let notes = shut_down(&mut client.parley).await?;
    ensure!(notes.is_empty(), "the app of a client that was refused noted {notes:?}");
    Ok(())
}

/// What the app is to know of its user, in each of its scopes, and the client too.
async fn knows(client: Client, user: Json, groups: Json) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let who = json!([user, groups]);
    peer.expect("who", json!([]), json!([who, who])).await?;
    let config: Json = serde_json::from_str(peer.frames.first().map_or("", String::as_str))?;
    ensure!(config["config"]["user"] == user, "the client was told {config} instead of {user}");
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn is_known(client: Client) -> Verdict {
    knows(client, json!("ann"), json!(["staff", "admin"])).await
}

async fn is_not_believed(client: Client) -> Verdict {
    knows(client, Json::Null, json!([])).await
}

async fn is_believed(client: Client) -> Verdict {
    knows(client, json!("eve"), json!(["staff"])).await
}

async fn has_head(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    peer.expect("header", json!(["X-Word"]), json!("a word")).await?;
    peer.expect("header", json!(["x-other"]), Json::Null).await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}
