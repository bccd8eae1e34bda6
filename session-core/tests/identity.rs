//! Who the user of a session is (G32, decision 34), and who gets one at all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};
use session_core::link::{
    AnyListener, CloseCode, CloseReason, Connect, Connector, Frame, Link, PeerInfo, Receive,
    ReceiveExt, TransmitExt, memory,
};
use session_core::testing::Client;
use session_core::{App, Identity, Limits, Refusal, Result, Server, Session};
use tokio::sync::Notify;

fn who(s: &Session<'_>) -> (Option<String>, Vec<String>) {
    (s.user().map(str::to_owned), s.groups().to_vec())
}

/// An app that tells who its user is: in its root, and in a module of a module.
fn tells() -> App {
    App::new(|s| {
        s.set_message_handler("who", |s, ()| Ok((who(s), who(&s.module("a")?.module("b")?))))?;
        s.set_message_handler("head", |s, ()| Ok(s.peer().header("x-word").map(str::to_owned)))?;
        Ok(())
    })
}

// spec: G32
#[tokio::test(start_paused = true)]
async fn the_user_and_the_groups_are_the_same_in_every_scope_and_the_client_learns_the_user() {
    let ann = Identity::new("ann \"é\"").group("staff").group("admin");
    let mut client = Client::connect_as(tells(), ann).await;
    let known = json!(["ann \"é\"", ["staff", "admin"]]);
    assert_eq!(client.call("who", ()).await, Ok(json!([known, known])));
    assert_eq!(client.frames()[0]["config"]["user"], "ann \"é\"");
}

// spec: G32
#[tokio::test(start_paused = true)]
async fn nobody_in_particular_has_no_name_and_no_groups() {
    let mut client = Client::connect(tells()).await;
    assert_eq!(client.call("who", ()).await, Ok(json!([[null, []], [null, []]])));
    assert_eq!(client.frames()[0]["config"]["user"], Json::Null);
}

#[tokio::test(start_paused = true)]
async fn the_head_of_the_links_request_is_seen_in_the_session() {
    let (parts, ()) =
        http::Request::get("/x?y=1").header("X-Word", "here").body(()).unwrap().into_parts();
    let peer = PeerInfo::new(None, Some(parts));
    let mut client = Client::open_from(tells(), Limits::default(), peer, Identity::anonymous());
    client.init().await;
    assert_eq!(client.call("head", ()).await, Ok(json!("here")));
}

/// A way in for whoever has this token.
fn with_token(connector: &Connector, token: &str) -> Connector {
    let authorization = format!("Bearer {token}");
    let request = http::Request::get("/").header("authorization", authorization);
    connector.clone().request(request.body(()).unwrap().into_parts().0)
}

/// Lets in `ann`, refuses everybody else.
async fn only_ann(peer: PeerInfo) -> Result<Identity, Refusal> {
    match peer.bearer_token() {
        Some("ann") => Ok(Identity::new("ann").group("staff")),
        Some(_) => Err(Refusal::forbidden("you may not")),
        None => Err(Refusal::unauthorized("a token is needed")),
    }
}

/// The first frame of a session, or how the link ended without one.
async fn greeting(connector: &Connector) -> Result<Json, Option<CloseReason>> {
    let (mut receive, _transmit) = connector.link().await.unwrap().split();
    match receive.receive().await.unwrap() {
        Some(Frame::Text(text)) => Ok(serde_json::from_str(text.as_str()).unwrap()),
        Some(frame) => panic!("{frame:?}"),
        None => Err(receive.close_reason().cloned()),
    }
}

/// An app that counts its sessions.
fn counted(sessions: &Arc<AtomicUsize>) -> App {
    let sessions = Arc::clone(sessions);
    App::new(move |_| {
        sessions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })
}

// fault: S6
#[tokio::test(start_paused = true)]
async fn a_hook_decides_who_gets_a_session_and_as_whom() {
    let (connector, listener) = memory(1 << 20);
    // Through the erased listener, as a configuration gives it.
    let mut any = AnyListener::new();
    any.push(listener);
    let sessions = Arc::new(AtomicUsize::new(0));
    let server = Server::new(counted(&sessions)).authenticate(only_ann);
    tokio::spawn(server.serve(any, std::future::pending()));

    let config = greeting(&with_token(&connector, "ann")).await.unwrap();
    assert_eq!(config["config"]["user"], "ann");
    let refused = greeting(&with_token(&connector, "bob")).await.unwrap_err().unwrap();
    assert_eq!((refused.code(), refused.text()), (CloseCode::POLICY, "403 you may not"));
    let refused = greeting(&connector).await.unwrap_err().unwrap();
    assert_eq!((refused.code(), refused.text()), (CloseCode::POLICY, "401 a token is needed"));
    assert_eq!(sessions.load(Ordering::Relaxed), 0, "nobody has sent init");
}

// fault: S6
#[tokio::test(start_paused = true)]
async fn a_refused_client_cannot_say_a_word() {
    let (connector, listener) = memory(1 << 20);
    let sessions = Arc::new(AtomicUsize::new(0));
    let server = Server::new(counted(&sessions)).authenticate(only_ann);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));
    let (mut receive, mut transmit) = connector.link().await.unwrap().split();
    let init = r#"{"method":"init","data":{}}"#;
    let _ = transmit.send(Frame::Text(init.to_owned().into())).await;
    assert_eq!(receive.receive().await.unwrap(), None);
    drop(stop);
    serving.await.unwrap();
    assert_eq!(sessions.load(Ordering::Relaxed), 0);
}

// fault: S6
#[tokio::test(start_paused = true)]
async fn a_slow_hook_delays_nobody_else() {
    let (connector, listener) = memory(1 << 20);
    let (asked, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tells_asked, waits) = (Arc::clone(&asked), Arc::clone(&release));
    let server = Server::new(tells()).authenticate(move |peer: PeerInfo| {
        let (asked, release) = (Arc::clone(&tells_asked), Arc::clone(&waits));
        async move {
            let name = peer.bearer_token().unwrap_or_default().to_owned();
            if name == "slow" {
                asked.notify_one();
                release.notified().await;
            }
            Ok(Identity::new(name))
        }
    });
    tokio::spawn(server.serve(listener, std::future::pending()));
    let slow = with_token(&connector, "slow");
    let slow = tokio::spawn(async move { greeting(&slow).await });
    asked.notified().await;
    let config = greeting(&with_token(&connector, "quick")).await.unwrap();
    assert_eq!(config["config"]["user"], "quick");
    release.notify_one();
    assert_eq!(slow.await.unwrap().unwrap()["config"]["user"], "slow");
}

// fault: S6
#[tokio::test(start_paused = true)]
async fn whoever_waits_to_be_let_in_is_told_when_the_server_stops_and_how_many_may_wait_is_bounded()
{
    let (connector, listener) = memory(1 << 20);
    let asked = Arc::new(Notify::new());
    let tells_asked = Arc::clone(&asked);
    let server = Server::new(tells()).max_sessions(2).authenticate(move |_| {
        tells_asked.notify_one();
        std::future::pending()
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let connector = connector.clone();
        waiting.push(tokio::spawn(async move { greeting(&connector).await }));
        asked.notified().await;
    }
    let refused = greeting(&connector).await.unwrap_err().unwrap();
    assert_eq!(refused.code(), CloseCode::OVERLOAD);
    drop(stop);
    for client in waiting {
        let told = client.await.unwrap().unwrap_err().unwrap();
        assert_eq!(told.code(), CloseCode::DRAIN);
    }
    serving.await.unwrap();
}
