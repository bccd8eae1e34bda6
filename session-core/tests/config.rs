//! Transports chosen by a file: what starts, and what is said when it does not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::Mutex;

use async_trait::async_trait;
use serde::Deserialize;
use session_core::config::{BindFailure, Config, Transport, Transports};
use session_core::link::{Connect, Connector, Incoming, Listener, MemoryListener, memory};

/// The in-memory transport, as a program would register one of its own.
#[derive(Default)]
struct InMemory {
    doors: std::sync::Arc<Mutex<Vec<Connector>>>,
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
        if config.listen == "taken" {
            return Err(BindFailure::of_key("listen", "somebody else listens there"));
        }
        let (door, listener) = memory(100);
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
