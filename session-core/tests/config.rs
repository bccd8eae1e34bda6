//! Transports chosen by a file: what starts, and what is said when it does not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value as Json;
use session_core::config::{BindFailure, Config, ServerConfig, Transport, Transports};
use session_core::link::{
    Connect, Connector, Frame, Incoming, Link, Listener, MemoryListener, MemoryReceive, Receive,
    ReceiveExt, TransmitExt, memory,
};
use session_core::{App, Body, CloseCode, CloseReason, Server, Session};
use tokio::task::JoinSet;

/// The in-memory transport, as a program would register one of its own.
#[derive(Default)]
struct InMemory {
    doors: Arc<Mutex<Vec<Connector>>>,
    /// Where something listens.
    taken: Mutex<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InMemoryConfig {
    #[serde(default)]
    listen: String,
}

#[async_trait]
impl Transport for InMemory {
    const KIND: &'static str = "memory";
    type Config = InMemoryConfig;
    type Listener = MemoryListener;

    async fn bind(&self, config: InMemoryConfig) -> Result<MemoryListener, BindFailure> {
        let mut taken = self.taken.lock().unwrap();
        if config.listen == "taken" || taken.contains(&config.listen) {
            return Err(BindFailure::of_key("listen", "somebody else listens there"));
        }
        if config.listen != "any" {
            taken.push(config.listen);
        }
        let (door, listener) = memory(1 << 20);
        self.doors.lock().unwrap().push(door);
        Ok(listener)
    }
}

async fn problem(text: &str) -> String {
    let transports = Transports::new().with(InMemory::default());
    match Config::from_toml(text) {
        Err(error) => error.to_string(),
        Ok(config) => match transports.bind(&config).await {
            Err(error) => error.to_string(),
            Ok(_) => "it started".to_owned(),
        },
    }
}

#[tokio::test]
async fn each_transport_of_the_file_listens() {
    let transport = InMemory::default();
    let doors = transport.doors.clone();
    let text =
        "[[transport]]\nkind = \"memory\"\n[[transport]]\nkind = \"memory\"\nlisten = \"b\"\n";
    let config = Config::from_toml(text).unwrap();
    let mut listener = Transports::new().with(transport).bind(&config).await.unwrap();
    let doors = std::mem::take(&mut *doors.lock().unwrap());
    assert_eq!(doors.len(), 2);
    for door in doors {
        let (client, server) = tokio::join!(door.link(), listener.accept());
        assert!(matches!((client, server), (Ok(_), Some(Incoming::Link(_)))));
    }
}

#[tokio::test]
async fn limits_are_read_from_the_file() {
    let text = "[session]\ninputs = 5\ninit_timeout = \"3s\"\n[[transport]]\nkind = \"memory\"\n";
    let limits = Config::from_toml(text).unwrap().session;
    assert_eq!((limits.inputs, limits.init_timeout.as_secs()), (5, 3));
}

#[tokio::test]
async fn what_all_sessions_together_may_use_is_read_from_the_file() {
    let transport = "[[transport]]\nkind = \"memory\"\n";
    let config = Config::from_toml(transport).unwrap();
    assert_eq!(config.server, ServerConfig::default());
    let text = format!("[server]\nmax_sessions = 7\ndrain = \"2m\"\n{transport}");
    let config = Config::from_toml(&text).unwrap().server;
    assert_eq!((config.max_sessions, config.drain.as_secs()), (7, 120));
}

#[tokio::test]
async fn the_limits_of_the_file_are_those_of_the_server() {
    let text = "[server]\nmax_sessions = 1\n[session]\nmessage_bytes = 50\n\
                [[transport]]\nkind = \"memory\"\n";
    let (doors, _server) = serve(text, App::new(|_| Ok(()))).await;
    let (mut receive, mut transmit) = doors[0].link().await.unwrap().split();
    next(&mut receive).await;
    let (mut one_too_many, _transmit) = doors[0].link().await.unwrap().split();
    assert_eq!(end(&mut one_too_many).await.code(), CloseCode::OVERLOAD);
    transmit.send(Frame::Text("x".repeat(51).into())).await.unwrap();
    assert_eq!(end(&mut receive).await.code(), CloseCode::TOO_BIG);
}

#[tokio::test]
async fn a_session_of_one_transport_answers_exchanges_on_every_other() {
    let text = "[[transport]]\nkind = \"memory\"\nlisten = \"any\"\n".repeat(2);
    let app = App::new(|s: &Session<'_>| {
        let n = s.input::<u32>("n")?;
        s.dynamic_route("n", move |s, _| Ok(format!("n is {}", n.get(s)?)))?;
        Ok(())
    });
    let (doors, _server) = serve(&text, app).await;
    for (links, exchanges) in [(0, 1), (1, 0), (0, 0)] {
        let (mut receive, mut transmit) = doors[links].link().await.unwrap().split();
        let hello = next(&mut receive).await;
        let hello: Json = serde_json::from_slice(hello.as_bytes()).unwrap();
        let id = hello["config"]["sessionId"].as_str().unwrap();
        for message in
            [r#"{"method":"init","data":{"n":5}}"#, r#"{"method":"any","args":[],"tag":0}"#]
        {
            transmit.send(Frame::Text(message.into())).await.unwrap();
        }
        // What was sent before a request is done before it is answered.
        let answer = next(&mut receive).await;
        assert!(answer.as_bytes().starts_with(b"{\"response\""), "{answer:?}");
        for (path, status, expected) in [
            (format!("/session/{id}/dynamic_route/n"), 200, "n is 5"),
            ("/session/00/dynamic_route/n".to_owned(), 404, r#"{"detail":"Not Found"}"#),
        ] {
            let request = http::Request::get(path).body(Body::empty()).unwrap();
            let response = doors[exchanges].exchange(request).await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.into_body().collect_up_to(100).await.unwrap(), expected);
        }
    }
}

/// Serves an app on every transport of a file: a door to each, and the server, which ends when it is dropped.
async fn serve(text: &str, app: App) -> (Vec<Connector>, JoinSet<()>) {
    let transport = InMemory::default();
    let doors = transport.doors.clone();
    let config = Config::from_toml(text).unwrap();
    let listener = Transports::new().with(transport).bind(&config).await.unwrap();
    let mut server = JoinSet::new();
    server.spawn(Server::new(app).config(&config).serve(listener, std::future::pending()));
    let doors = std::mem::take(&mut *doors.lock().unwrap());
    (doors, server)
}

/// The next frame of the server.
async fn next(receive: &mut MemoryReceive) -> Frame {
    let frame = tokio::time::timeout(Duration::from_secs(10), receive.receive()).await;
    frame.unwrap().unwrap().unwrap()
}

/// Reads to the end of a link: why the server ended it.
async fn end(receive: &mut MemoryReceive) -> CloseReason {
    let read = async {
        while receive.receive().await.unwrap().is_some() {}
        receive.close_reason().unwrap().clone()
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap()
}

#[tokio::test]
async fn a_program_without_transports_says_that_it_has_none() {
    let config = Config::from_toml("[[transport]]\nkind = \"memory\"\n").unwrap();
    let error = Transports::new().bind(&config).await.unwrap_err().to_string();
    let expected =
        "transport[0].kind = \"memory\": this program has no such transport, only none at all";
    assert_eq!(error, expected);
}

#[tokio::test]
async fn what_cannot_work_is_named_by_key_and_value() {
    let transport = "[[transport]]\nkind = \"memory\"\n";
    for (text, named) in [
        (String::new(), "transport: without a [[transport]] there is nothing to serve"),
        ("nonsense".to_owned(), "expected"),
        (format!("colour = 1\n{transport}"), "colour"),
        (format!("[session]\ninput = 1\n{transport}"), "session.input = 1: unknown field `input`"),
        (
            format!("[session]\ninputs = \"many\"\n{transport}"),
            "session.inputs = \"many\": invalid type",
        ),
        (
            format!("[session]\ninputs = 0\n{transport}"),
            "session.inputs = 0: must be more than zero",
        ),
        (format!("[session]\ndepth = 4000\n{transport}"), "session.depth = 4000: is larger"),
        (format!("[session]\nend_grace = \"soon\"\n{transport}"), "session.end_grace = \"soon\""),
        (
            "[[transport]]\nlisten = \"a\"\n".to_owned(),
            "transport[0].kind: a transport needs a kind",
        ),
        (
            format!("{transport}[[transport]]\nkind = \"pigeon\"\n"),
            "transport[1].kind = \"pigeon\": this program has no such transport, only memory",
        ),
        (
            "[[transport]]\nkind = \"memroy\"\n".to_owned(),
            "transport[0].kind = \"memroy\": this program has no such transport, only memory \
             (did you mean \"memory\"?)",
        ),
        ("[[transport]]\nkind = 3\n".to_owned(), "transport[0].kind = 3: must be a text: memory"),
        (
            "[transport]\nkind = \"memory\"\n".to_owned(),
            "transport: transports are a list, each of them begins with [[transport]]",
        ),
        (format!("session = 3\n{transport}"), "session = 3: invalid type"),
        (format!("[server]\nsessions = 3\n{transport}"), "server.sessions = 3: unknown field"),
        (
            format!("[server]\nmax_sessions = 0\n{transport}"),
            "server.max_sessions = 0: must be more than zero",
        ),
        (
            format!("[server]\nmax_sessions = 1_000_000_000\n{transport}"),
            "server.max_sessions = 1000000000: is larger than any sensible limit",
        ),
        (format!("[server]\ndrain = \"0s\"\n{transport}"), "server.drain = \"0s\": must be more"),
        (format!("[server]\ndrain = 10\n{transport}"), "server.drain = 10: invalid type"),
        (format!("[session]\ninputs = -1\n{transport}"), "session.inputs = -1: invalid value"),
        (
            format!("{transport}listen = \"a\"\n{transport}listen = \"a\"\n"),
            "transport[1].listen = \"a\": somebody else listens there; transport[0].listen is the same",
        ),
        (format!("{transport}listen = 3\n"), "transport[0].listen = 3: invalid type"),
        (format!("{transport}port = 3\n"), "transport[0].port = 3: unknown field `port`"),
        (
            format!("{transport}listen = \"taken\"\n"),
            "transport[0].listen = \"taken\": somebody else listens there",
        ),
    ] {
        let problem = problem(&text).await;
        assert!(problem.contains(named), "{text:?}\nsays {problem:?}\nnot  {named:?}");
    }
}

#[tokio::test]
async fn an_error_names_the_file() {
    let missing = Config::from_file("no/such/file.toml").unwrap_err().to_string();
    assert!(missing.starts_with("no/such/file.toml: "), "{missing}");
    let table = "[session]\ninputs = 0".parse().unwrap();
    let error = Config::from_table(table, Some("app.toml".into())).unwrap_err().to_string();
    assert_eq!(error, "app.toml: session.inputs = 0: must be more than zero");
}

#[tokio::test]
async fn an_error_can_be_taken_apart() {
    let table = "[session]\ninputs = 0".parse().unwrap();
    let error = Config::from_table(table, Some("app.toml".into())).unwrap_err();
    assert_eq!(error.file(), Some(std::path::Path::new("app.toml")));
    assert_eq!((error.key(), error.value()), ("session.inputs", Some("0")));
    assert_eq!(error.problem(), "must be more than zero");
}

#[test]
fn the_configuration_that_the_readme_shows_is_one() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let config = Config::from_table(text.parse().unwrap(), None).unwrap();
    assert_eq!(config.server.max_sessions, 100_000);
    assert_eq!(config.server.upload_dir, std::path::Path::new("/var/tmp"));
    assert_eq!(config.session.upload_file_bytes, 100_000_000);
}
