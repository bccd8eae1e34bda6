//! Sessions behind a listener: how they begin, how their links end, and that none is another's concern.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::time::Duration;

use serde_json::{Value as Json, json};
use session_core::link::{
    Connect, Connector, Frame, Link, MemoryReceive, MemoryTransmit, ReceiveError, ReceiveExt,
    TransmitExt, memory,
};
use session_core::testing::ClientModel;
use session_core::{
    App, Body, CloseCode, CloseReason, Limits, Response, Result, Server, Session, SessionEnded,
    SessionHandle, Shared, safe,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

#[path = "support/session.rs"]
mod support;
use support::{Log, always};

const INIT: &str = r#"{"method":"init","data":{}}"#;

/// A server in memory, until it is dropped.
struct Running {
    connector: Connector,
    server: JoinHandle<()>,
    shutdown: oneshot::Sender<()>,
    /// Handles of the sessions, in the order they came.
    sessions: mpsc::UnboundedReceiver<SessionHandle>,
}

fn serve(app: impl Fn(&Session<'_>) -> Result<()> + Send + Sync + 'static) -> Running {
    serve_with(Server::new, app)
}

fn serve_with(
    server: impl FnOnce(App) -> Server,
    app: impl Fn(&Session<'_>) -> Result<()> + Send + Sync + 'static,
) -> Running {
    let (handles, sessions) = mpsc::unbounded_channel();
    let app = App::new(move |s: &Session<'_>| {
        drop(handles.send(s.handle()));
        app(s)
    });
    let (connector, listener) = memory(1 << 20);
    let (shutdown, asked) = oneshot::channel::<()>();
    let server = server(app).serve(listener, async move { drop(asked.await) });
    Running { connector, server: tokio::spawn(server), shutdown, sessions }
}

impl Running {
    /// Opens a link and says nothing.
    async fn open(&self) -> Peer {
        let (receive, transmit) = self.connector.link().await.unwrap().split();
        Peer { receive, transmit, model: ClientModel::default() }
    }

    /// Opens a link and says init.
    async fn connect(&mut self) -> (Peer, SessionHandle) {
        let mut peer = self.open().await;
        peer.say(INIT).await;
        (peer, self.sessions.recv().await.unwrap())
    }

    async fn get(&self, url: &str) -> Response {
        let request = http::Request::get(format!("/{url}")).body(Body::empty()).unwrap();
        self.connector.exchange(request).await.unwrap()
    }
}

/// The client's end of a link.
struct Peer {
    receive: MemoryReceive,
    transmit: MemoryTransmit,
    model: ClientModel,
}

impl Peer {
    async fn say(&mut self, text: &str) {
        self.transmit.send(Frame::Text(text.to_owned().into())).await.unwrap();
    }

    async fn ask(&mut self, method: &str, args: Json) {
        self.say(&json!({ "method": method, "args": args, "tag": 0 }).to_string()).await;
    }

    /// The next frame; `None` when the server ended the link in good order.
    async fn read(&mut self) -> Result<Option<Json>, ReceiveError> {
        let Some(frame) = self.receive.receive().await? else { return Ok(None) };
        let Frame::Text(text) = frame else { panic!("a text frame") };
        self.model.take(text.as_str()).unwrap();
        Ok(Some(serde_json::from_str(text.as_str()).unwrap()))
    }

    /// Reads to the end of the link: why the server ended it.
    async fn closed(&mut self) -> CloseReason {
        use session_core::link::Receive;
        while self.read().await.unwrap().is_some() {}
        self.receive.close_reason().unwrap().clone()
    }

    /// Reads everything that comes until nothing in the process has anything to do.
    async fn idle(&mut self) -> usize {
        let mut frames = 0;
        while let Ok(frame) = timeout(Duration::from_millis(1), self.read()).await {
            assert!(frame.unwrap().is_some(), "the link is open");
            frames += 1;
        }
        frames
    }

    async fn answer(&mut self) -> Result<Json, String> {
        let known = self.model.responses().len();
        while self.model.responses().len() == known {
            assert!(self.read().await.unwrap().is_some(), "the link is open");
        }
        self.model.responses()[known].1.clone()
    }
}

// spec: G1
#[tokio::test(start_paused = true)]
async fn config_comes_first_and_before_the_client_says_anything() {
    let running = serve(|_| Ok(()));
    let mut peer = running.open().await;
    let frame = peer.read().await.unwrap().unwrap();
    let id = frame["config"]["sessionId"].as_str().unwrap();
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let mut other = running.open().await;
    other.read().await.unwrap();
    assert_ne!(other.model.session_id(), Some(id), "each has its own");
}

// spec: decision 29
#[tokio::test(start_paused = true)]
async fn a_client_that_breaks_the_protocol_learns_how() {
    for (message, code) in [
        ("no json", CloseCode::INVALID_DATA),
        ("[]", CloseCode::PROTOCOL),
        (INIT, CloseCode::PROTOCOL),
        (r#"{"method":"nothing"}"#, CloseCode::PROTOCOL),
    ] {
        let mut running = serve(|_| Ok(()));
        let (mut peer, _) = running.connect().await;
        peer.say(message).await;
        let reason = peer.closed().await;
        assert_eq!(reason.code(), code, "{message}");
        assert!(!reason.text().is_empty(), "{message}");
    }
}

// spec: decision 29
#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_for_link_or_session_closes_with_1009() {
    for limit in [100, 2 << 20] {
        let mut limits = Limits::default();
        limits.message_bytes = limit;
        let mut running = serve_with(|app| Server::new(app).limits(limits), |_| Ok(()));
        let (mut peer, _) = running.connect().await;
        peer.say(&format!(r#"{{"method":"update","data":{{"n":"{}"}}}}"#, "x".repeat(1 << 20)))
            .await;
        assert_eq!(peer.closed().await.code(), CloseCode::TOO_BIG);
    }
}

// spec: G23 (decision 29)
#[tokio::test(start_paused = true)]
async fn the_reason_of_a_close_reaches_the_client_behind_what_was_said_before() {
    let mut running = serve(|s| {
        s.set_message_handler("leave", |s, (code,): (u16,)| {
            s.send_custom_message("said", "goodbye")?;
            match CloseCode::new(code) {
                Some(code) => s.close_with(CloseReason::new(code, "as asked")),
                None => s.close(),
            }
            s.send_custom_message("said", "too late")
        })?;
        Ok(())
    });
    for (asked, code, text) in [(0, 1001, ""), (4321, 4321, "as asked")] {
        let (mut peer, _) = running.connect().await;
        peer.ask("leave", json!([asked])).await;
        let reason = peer.closed().await;
        assert_eq!((reason.code().get(), reason.text()), (code, text));
        assert_eq!(peer.model.custom(), [("said".to_owned(), json!("goodbye"))]);
        assert!(peer.model.responses().is_empty());
    }
}

// spec: C22 G6 (decisions 11, 15 and 29)
#[tokio::test(start_paused = true)]
async fn an_app_that_fails_closes_with_1011_and_says_no_more_than_that() {
    let mut running = serve(|s| {
        let n = s.input::<u32>("n")?;
        s.output_with("out", always(), move |s| n.get(s))?;
        s.effect(move |s| if n.get(s)? == 1 { Err(safe("secret").into()) } else { Ok(()) });
        Ok(())
    });
    let (mut peer, _) = running.connect().await;
    peer.say(r#"{"method":"update","data":{"n":1}}"#).await;
    let reason = peer.closed().await;
    assert_eq!(reason.code(), CloseCode::APP_FAILED);
    assert!(!reason.text().contains("secret"), "{}", reason.text());
    assert_eq!(peer.model.shows("out"), Some(Ok(&json!(1))), "results go ahead of the reason");
}

// spec: G36 (decision 29)
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_every_session_with_1012_and_waits_for_them() {
    let log = Log::default();
    let seen = log.clone();
    let mut running = serve(move |s| {
        let seen = seen.clone();
        s.on_ended_async(move |_| {
            Ok(async move {
                tokio::time::sleep(Duration::from_secs(2)).await;
                seen.add("ended");
                Ok(())
            })
        });
        Ok(())
    });
    let (mut one, _) = running.connect().await;
    let (mut two, _) = running.connect().await;
    let mut silent = running.open().await;
    silent.read().await.unwrap();
    running.shutdown.send(()).unwrap();
    for peer in [&mut one, &mut two, &mut silent] {
        assert_eq!(peer.closed().await.code(), CloseCode::DRAIN);
    }
    running.server.await.unwrap();
    assert_eq!(log.take(), ["ended", "ended"]);
    assert!(running.connector.link().await.is_err(), "nobody is let in any more");
}

// spec: G36
#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_ten_seconds_at_most() {
    let mut limits = Limits::default();
    limits.end_grace = Duration::from_secs(3600);
    let mut running = serve_with(
        |app| Server::new(app).limits(limits),
        |s| {
            s.on_ended_async(|_| Ok(std::future::pending()));
            Ok(())
        },
    );
    let (_peer, _) = running.connect().await;
    let start = Instant::now();
    running.shutdown.send(()).unwrap();
    running.server.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
}

// spec: G36
#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_ends_its_sessions() {
    let mut running = serve(|_| Ok(()));
    let (mut peer, handle) = running.connect().await;
    running.server.abort();
    assert_eq!(peer.closed().await.code(), CloseCode::DRAIN);
    handle.ended().await;
}

// spec: decision 28
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_say_init_in_time_is_closed_with_1008() {
    let mut limits = Limits::default();
    limits.init_timeout = Duration::from_secs(20);
    let mut running = serve_with(|app| Server::new(app).limits(limits), |_| Ok(()));
    let mut late = running.open().await;
    let (mut quick, _) = running.connect().await;
    let start = Instant::now();
    let reason = late.closed().await;
    assert_eq!((reason.code(), start.elapsed().as_secs()), (CloseCode::POLICY, 20));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(quick.idle().await > 0, "whoever said it stays");
}

// spec: K4 (decision 32)
#[tokio::test(start_paused = true)]
async fn an_exchange_goes_to_the_session_its_path_names_and_every_miss_looks_the_same() {
    let mut running = serve(|s| s.dynamic_route("who", |s, _| Ok(s.id().to_owned())).map(drop));
    let (mut one, _) = running.connect().await;
    let (mut two, handle) = running.connect().await;
    let mut ids = Vec::new();
    for peer in [&mut one, &mut two] {
        peer.idle().await;
        let id = peer.model.session_id().unwrap().to_owned();
        let response = running.get(&format!("session/{id}/dynamic_route/who?nonce=1")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.into_body().collect_up_to(1000).await.unwrap(), id.as_bytes());
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
    handle.close(CloseCode::GOING_AWAY).await.unwrap();
    two.closed().await;
    let mut misses = Vec::new();
    for url in [
        format!("session/{}/dynamic_route/who", ids[1]),
        format!("session/{}/dynamic_route/nobody", ids[0]),
        format!("session/{}/nothing/who", ids[0]),
        format!("session/{}/dynamic_route/who", "0".repeat(64)),
        "session/stub/dynamic_route/who".to_owned(),
        "session".to_owned(),
        String::new(),
    ] {
        let (head, body) = running.get(&url).await.into_parts();
        assert_eq!(head.status, 404, "{url}");
        misses.push((head.headers, body.collect_up_to(1000).await.unwrap()));
    }
    assert!(misses.windows(2).all(|pair| pair[0] == pair[1]), "{misses:?}");
}

// spec: decision 32
#[tokio::test(start_paused = true)]
async fn an_exchange_whose_session_ends_before_it_is_answered_is_told() {
    let mut running = serve(|s| {
        s.dynamic_route_async("slow", |_, _| Ok(std::future::pending::<Result<&str>>())).map(drop)
    });
    let (mut peer, handle) = running.connect().await;
    peer.idle().await;
    let url = format!("/session/{}/dynamic_route/slow", peer.model.session_id().unwrap());
    let request = http::Request::get(url).body(Body::empty()).unwrap();
    let connector = running.connector.clone();
    let answer = tokio::spawn(async move { connector.exchange(request).await });
    assert!(peer.idle().await > 0, "it is busy");
    handle.close(CloseCode::GOING_AWAY).await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap().status(), 503);
}

// fault: W11
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_cut_off_and_the_session_ends() {
    let log = Log::default();
    let seen = log.clone();
    let mut limits = Limits::default();
    limits.stall_timeout = Duration::from_secs(30);
    let mut running = serve_with(
        |app| Server::new(app).limits(limits),
        move |s| {
            s.on_ended(seen.says("ended"));
            Ok(())
        },
    );
    let (mut peer, handle) = running.connect().await;
    let start = Instant::now();
    for n in 0..100 {
        handle.run(move |s| s.send_custom_message("said", &n)).await.unwrap().unwrap();
    }
    handle.ended().await;
    assert_eq!(start.elapsed().as_secs(), 30);
    let end = loop {
        match peer.read().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(matches!(end, Err(ReceiveError::Aborted(_))), "no orderly end: {end:?}");
    assert_eq!(log.take(), ["ended"]);
}

// spec: G19 (decision 16)
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_holds_up_neither_what_the_end_waits_for_nor_the_end() {
    let log = Log::default();
    let seen = log.clone();
    let mut running = serve(move |s| {
        let seen = seen.clone();
        s.on_ended_async(move |_| {
            Ok(async move {
                let start = Instant::now();
                tokio::time::sleep(Duration::from_secs(4)).await;
                seen.add(format!("ended after {}", start.elapsed().as_secs()));
                Ok(())
            })
        });
        Ok(())
    });
    let (_peer, handle) = running.connect().await;
    for n in 0..100 {
        handle.run(move |s| s.send_custom_message("said", &n)).await.unwrap().unwrap();
    }
    let start = Instant::now();
    running.shutdown.send(()).unwrap();
    running.server.await.unwrap();
    assert_eq!(log.take(), ["ended after 4"]);
    assert_eq!(start.elapsed().as_secs(), 5, "one grace for both");
}

// spec: decision 15
#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_session_and_no_other() {
    let mut running = serve(|s| {
        let n = s.input::<u32>("n")?;
        s.effect(move |s| {
            assert!(n.get(s)? != 1, "panics");
            Ok(())
        });
        s.on_every_flush(move |s| {
            assert!(!n.is_set(s) || n.get(s)? != 2, "panics");
            Ok(())
        });
        s.set_message_handler("panic", |_, ()| -> Result<()> { panic!("panics") })?;
        s.set_message_handler("ask", |_, ()| Ok("alive"))?;
        Ok(())
    });
    let (mut other, _) = running.connect().await;
    for n in [1, 2] {
        let (mut peer, _) = running.connect().await;
        peer.ask("panic", json!([])).await;
        assert!(peer.answer().await.is_err(), "of a handler it is an error of that request");
        peer.say(&json!({ "method": "update", "data": { "n": n } }).to_string()).await;
        assert_eq!(peer.closed().await.code(), CloseCode::APP_FAILED);
    }
    other.ask("ask", json!([])).await;
    assert_eq!(other.answer().await, Ok("alive".into()));
}

// spec: decision 29
#[tokio::test(start_paused = true)]
async fn a_link_beyond_the_cap_is_closed_with_1013_until_there_is_room_again() {
    let mut running = serve_with(|app| Server::new(app).max_sessions(1), |_| Ok(()));
    let (first, handle) = running.connect().await;
    let mut second = running.open().await;
    assert_eq!(second.closed().await.code(), CloseCode::OVERLOAD);
    assert_eq!(second.model.session_id(), None, "it is no session");
    assert!(!handle.has_ended());
    first.transmit.close(CloseCode::NORMAL.into()).await.unwrap();
    handle.ended().await;
    // The place is given back once everything of the session is gone.
    tokio::task::yield_now().await;
    let (mut third, _) = running.connect().await;
    assert!(third.idle().await > 0);
}

// spec: E3 (decision 23)
#[tokio::test(start_paused = true)]
async fn nothing_one_session_does_sends_a_byte_to_another() {
    let log = Log::default();
    let seen = log.clone();
    let mut running = serve(move |s| {
        let n = s.input::<u32>("n")?;
        s.output_with("out", always(), move |s| n.get(s))?;
        s.on_every_flush(seen.says("flush"));
        s.set_message_handler("say", |s, ()| s.send_custom_message("said", "hello"))?;
        Ok(())
    });
    let (mut one, _) = running.connect().await;
    let (mut two, _) = running.connect().await;
    one.idle().await;
    two.idle().await;
    log.take();
    one.say(r#"{"method":"update","data":{"n":1}}"#).await;
    one.ask("say", json!([])).await;
    assert!(one.idle().await > 2);
    one.say("no json").await;
    one.closed().await;
    assert_eq!(log.take().len(), 2, "the flushes of the one");
    assert_eq!(two.idle().await, 0);
}

// spec: decision 22
#[tokio::test(start_paused = true)]
async fn a_shared_value_reaches_every_session_that_reads_it_and_no_other() {
    let shared = Shared::new(1);
    let read = shared.clone();
    let mut running = serve(move |s| {
        let read = read.clone();
        s.output("out", move |s| read.get(s))
    });
    let mut peers = Vec::new();
    for hidden in [false, false, true] {
        let mut peer = running.open().await;
        let data = json!({ ".clientdata_output_out_hidden": hidden });
        peer.say(&json!({ "method": "init", "data": data }).to_string()).await;
        running.sessions.recv().await.unwrap();
        peer.idle().await;
        peers.push(peer);
    }
    shared.set(2);
    assert!(peers[0].idle().await > 0 && peers[1].idle().await > 0);
    assert_eq!(peers[2].idle().await, 0);
    for peer in &peers[..2] {
        assert_eq!(peer.model.shows("out"), Some(Ok(&json!(2))));
    }
}

// spec: I35 (decisions 4 and 18)
#[tokio::test(start_paused = true)]
async fn a_handle_of_a_session_that_ended_says_so() {
    let mut running = serve(|_| Ok(()));
    let (peer, handle) = running.connect().await;
    assert_eq!(handle.run(|s| s.id().len()).await, Ok(64));
    // The link breaks.
    drop(peer);
    handle.ended().await;
    assert!(handle.has_ended());
    assert_eq!(handle.run(|s| s.id().len()).await, Err(SessionEnded));
}

// spec: G19
#[tokio::test(start_paused = true)]
async fn however_a_client_leaves_its_session_ends() {
    let log = Log::default();
    let seen = log.clone();
    let mut running = serve(move |s| {
        s.on_ended(seen.says("ended"));
        s.on_destroy(seen.says("destroyed"));
        Ok(())
    });
    for orderly in [true, false] {
        let (peer, handle) = running.connect().await;
        if orderly {
            peer.transmit.close(CloseCode::NORMAL.into()).await.unwrap();
        } else {
            drop(peer);
        }
        handle.ended().await;
        // The rest of the end follows within the same step of the session.
        tokio::task::yield_now().await;
        assert_eq!(log.take(), ["ended", "destroyed"]);
    }
}

// spec: E2 (decision 23)
#[tokio::test(start_paused = true)]
async fn a_message_is_handled_whole_and_flushed_while_another_session_waits_for_its_own() {
    let log = Log::default();
    let seen = log.clone();
    let mut running = serve(move |s| {
        let n = s.input::<u32>("n")?;
        let (value, log) = (s.value(0), seen.clone());
        s.set_message_handler_async("wait", |_, ()| Ok(std::future::pending::<Result<()>>()))?;
        s.set_message_handler("set", move |s, (datum,): (u32,)| {
            for step in 1..=datum {
                value.set(s, step)?;
            }
            log.add("handled");
            Ok(())
        })?;
        let log = seen.clone();
        s.effect(move |s| {
            log.add(format!("effect {}", value.get(s)?));
            Ok(())
        });
        s.output_with("out", always(), move |s| n.get(s))
    });
    let (mut waits, _) = running.connect().await;
    let (mut other, _) = running.connect().await;
    waits.ask("wait", json!([])).await;
    waits.idle().await;
    other.idle().await;
    log.take();
    let start = Instant::now();
    for peer in [&mut other, &mut waits] {
        peer.ask("set", json!([3])).await;
        assert_eq!(peer.answer().await, Ok(Json::Null));
        peer.say(r#"{"method":"update","data":{"n":1}}"#).await;
        while peer.model.shows("out") != Some(Ok(&json!(1))) {
            peer.read().await.unwrap();
        }
        assert_eq!(log.take(), ["handled", "effect 3"]);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

// spec: G37 (decision 23)
#[tokio::test(start_paused = true)]
async fn a_session_that_takes_its_time_to_end_falls_into_the_flush_of_no_other() {
    let log = Log::default();
    let seen = log.clone();
    let mut running = serve(move |s| {
        let n = s.input::<u32>("n")?;
        let (first, second, ended) = (seen.clone(), seen.clone(), seen.clone());
        s.effect(move |s| {
            n.get(s)?;
            first.add("effect");
            Ok(())
        });
        s.on_every_flushed(move |s| {
            if n.is_set(s) {
                second.add("flushed");
            }
            Ok(())
        });
        s.on_ended_async(move |_| {
            ended.add("ends");
            Ok(async move {
                tokio::time::sleep(Duration::from_secs(3)).await;
                ended.add("has ended");
                Ok(())
            })
        });
        s.on_destroy(seen.says("destroyed"));
        Ok(())
    });
    let (leaves, gone) = running.connect().await;
    let (mut stays, _) = running.connect().await;
    drop(leaves);
    gone.ended().await;
    for n in 1..=2 {
        stays.say(&json!({ "method": "update", "data": { "n": n } }).to_string()).await;
        stays.idle().await;
    }
    assert_eq!(log.take(), ["ends", "effect", "flushed", "effect", "flushed"]);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(log.take(), ["has ended", "destroyed"]);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_a_message_begins_is_driven_though_nothing_else_happens() {
    let mut running = serve(|s| {
        s.set_message_handler_async("slow", |_, ()| {
            Ok(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok("done")
            })
        })?;
        Ok(())
    });
    let (mut peer, _) = running.connect().await;
    peer.idle().await;
    for _ in 0..3 {
        peer.ask("slow", json!([])).await;
        let answer = timeout(Duration::from_secs(5), peer.answer()).await;
        assert_eq!(answer.unwrap(), Ok("done".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_never_idle_hears_its_client_all_the_same() {
    let shared = Shared::new(0_u64);
    let app_shared = shared.clone();
    let mut running = serve(move |s| {
        // Timers that are due at once, for ever; and a shared value that changes whenever it was looked at.
        s.effect(|s| s.invalidate_later(Duration::ZERO));
        let shared = app_shared.clone();
        s.effect(move |s| {
            shared.get(s)?;
            shared.update(|n| *n += 1);
            Ok(())
        });
        s.set_message_handler("ask", |_, ()| Ok("alive"))?;
        Ok(())
    });
    let (mut peer, handle) = running.connect().await;
    for _ in 0..10 {
        let before = shared.update(|n| *n);
        peer.ask("ask", json!([])).await;
        assert_eq!(peer.answer().await, Ok("alive".into()));
        handle.run(|_| ()).await.unwrap();
        assert!(shared.update(|n| *n) > before, "the shared value has its turn too");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_of_one_session_cancels_nothing_in_another() {
    let log = Log::default();
    let (ended, first) = (log.clone(), std::sync::OnceLock::new());
    let mut server = serve(move |s| {
        let ended = ended.clone();
        let registration = s.on_ended(move |_| {
            ended.add("ended");
            Ok(())
        });
        // The first session's own; in the second it has the number of that one's callback.
        first.get_or_init(|| (registration, s.id().to_owned()));
        if let Some((registration, id)) = first.get()
            && id != s.id()
        {
            registration.cancel(s);
        }
        Ok(())
    });
    let (one, one_handle) = server.connect().await;
    let (two, two_handle) = server.connect().await;
    drop((one, two));
    one_handle.ended().await;
    two_handle.ended().await;
    let mut peer = server.open().await;
    peer.idle().await;
    assert_eq!(log.take(), ["ended", "ended"]);
}
