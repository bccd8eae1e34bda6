//! Uploads of a whole server: where they lie, and that nothing of them outlives it, however it ended.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use session_core::config::Config;
use session_core::link::{
    AnyLink, Connect, Connector, Frame, Link, ReceiveExt, TransmitExt, memory,
};
use session_core::{App, Body, Response, Server, Session};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server of an app with a file input `f`, and the way to it.
struct Running {
    connector: Connector,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Running {
    fn start(server: impl FnOnce(Server) -> Server) -> Self {
        let app = App::new(|s: &Session<'_>| {
            let files = s.file_input("f")?;
            s.set_message_handler("path", move |s, ()| Ok(files.get(s)?[0].path().to_owned()))?;
            Ok(())
        });
        let (connector, listener) = memory(1 << 20);
        let (stop, stopped) = oneshot::channel();
        let server = server(Server::new(app));
        let serving = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));
        Self { connector, stop, serving }
    }

    fn within(path: &Path) -> Self {
        Self::start(|server| server.upload_dir(path))
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap();
    }
}

/// A client in a session.
struct Client {
    receive: <AnyLink as Link>::Receive,
    transmit: <AnyLink as Link>::Transmit,
    connector: Connector,
}

impl Client {
    async fn of(running: &Running) -> Self {
        let connector = running.connector.clone();
        let (receive, transmit) = AnyLink::new(connector.link().await.unwrap()).split();
        let mut client = Self { receive, transmit, connector };
        client.say(&json!({ "method": "init", "data": {} })).await;
        client
    }

    async fn say(&mut self, message: &Json) {
        self.transmit.send(Frame::Text(message.to_string().into())).await.unwrap();
    }

    async fn call(&mut self, method: &str, args: Json) -> Result<Json, Json> {
        self.say(&json!({ "method": method, "args": args, "tag": 0 })).await;
        loop {
            let frame = self.receive.receive().await.unwrap().unwrap();
            let frame: Json = serde_json::from_slice(frame.as_bytes()).unwrap();
            if let Some(response) = frame.get("response") {
                return response.get("value").cloned().ok_or_else(|| response["error"].clone());
            }
        }
    }

    async fn begin(&mut self, size: usize) -> (Json, String) {
        let files = json!([[{ "name": "a.txt", "size": size, "type": "" }]]);
        let begun = self.call("uploadInit", files).await.unwrap();
        (begun["jobId"].clone(), format!("/{}", begun["uploadUrl"].as_str().unwrap()))
    }

    async fn post(&self, url: &str, body: impl Into<Body>) -> Response {
        let request = http::Request::post(url).body(body.into()).unwrap();
        self.connector.exchange(request).await.unwrap()
    }

    /// Uploads a small file; where it lies.
    async fn upload(&mut self) -> PathBuf {
        let (job, url) = self.begin(3).await;
        assert_eq!(self.post(&url, "abc").await.status(), 200);
        self.call("uploadEnd", json!([job, "f"])).await.unwrap();
        serde_json::from_value(self.call("path", json!([])).await.unwrap()).unwrap()
    }
}

/// What is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A body that never ends by itself, and begins with three bytes.
fn endless() -> Body {
    let first = futures_util::stream::once(async {
        Ok::<_, std::io::Error>(http_body::Frame::data("abc".into()))
    });
    let frames = futures_util::StreamExt::chain(first, futures_util::stream::pending());
    Body::new(http_body_util::StreamBody::new(frames))
}

// spec: J15 (decision 33)
#[tokio::test]
async fn there_is_no_folder_before_the_first_upload_and_none_after_the_server() {
    let within = tempfile::tempdir().unwrap();
    let running = Running::within(within.path());
    let mut client = Client::of(&running).await;
    client.begin(3).await;
    assert_eq!(names(within.path()), [""; 0], "an announcement takes no place");

    let path = client.upload().await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "abc");
    let found = names(within.path());
    assert_eq!(found.len(), 2, "a folder and its lock: {found:?}");
    assert!(found[0].starts_with("session-uploads-") && found[1].ends_with(".lock"), "{found:?}");
    let of_process = within.path().join(&found[0]);
    assert!(path.starts_with(&of_process));

    let mut other = Client::of(&running).await;
    other.call("path", json!([])).await.unwrap_err();
    assert_eq!(names(&of_process).len(), 1, "a session without uploads has no folder");
    running.stop().await;
    assert_eq!(names(within.path()), [""; 0]);
}

// spec: J15 (decision 33)
#[tokio::test]
async fn the_folder_of_a_session_goes_when_its_client_does() {
    let within = tempfile::tempdir().unwrap();
    let running = Running::within(within.path());
    let (mut one, mut other) = (Client::of(&running).await, Client::of(&running).await);
    let (of_one, of_other) = (one.upload().await, other.upload().await);
    drop(one);
    let folder = of_one.ancestors().nth(2).unwrap();
    while folder.exists() {
        tokio::task::yield_now().await;
    }
    assert!(of_other.exists());
    running.stop().await;
}

// spec: J15 G36 (decision 33)
#[tokio::test]
async fn a_server_that_stops_while_a_file_comes_leaves_nothing() {
    let within = tempfile::tempdir().unwrap();
    let running = Running::within(within.path());
    let mut client = Client::of(&running).await;
    let (_, url) = client.begin(1 << 20).await;
    let connector = client.connector.clone();
    let sending = tokio::spawn(async move {
        let request = http::Request::post(url).body(endless()).unwrap();
        connector.exchange(request).await.unwrap().status()
    });
    while names(within.path()).is_empty() {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    assert_eq!(sending.await.unwrap(), 503);
    assert_eq!(names(within.path()), [""; 0]);
}

// spec: J15 (decision 33)
#[tokio::test]
async fn a_start_removes_what_dead_processes_have_left_and_nothing_else() {
    let within = tempfile::tempdir().unwrap();
    let place = |name: &str| within.path().join(name);
    let [dead, living, alike, foreign] = [
        format!("session-uploads-{}", "0".repeat(32)),
        format!("session-uploads-{}", "1".repeat(32)),
        "session-uploads-2".to_owned(),
        "else".to_owned(),
    ];
    for name in [&dead, &living, &alike, &foreign] {
        fs::create_dir_all(place(name).join("0/0")).unwrap();
        fs::write(place(name).join("0/0/0.txt"), "x").unwrap();
        File::create(place(name).with_extension("lock")).unwrap();
    }
    // The folder of a process that was killed before it had made the folder, or while it removed it.
    File::create(place(&format!("session-uploads-{}.lock", "3".repeat(32)))).unwrap();
    let held = File::open(place(&living).with_extension("lock")).unwrap();
    held.lock().unwrap();

    let running = Running::within(within.path());
    while place(&dead).with_extension("lock").exists() || names(within.path()).len() > 6 {
        tokio::task::yield_now().await;
    }
    let left = || {
        let lock = |name: &String| format!("{name}.lock");
        let all = [&living, &alike, &foreign].map(|name| [name.clone(), lock(name)]);
        let mut all = all.concat();
        all.sort();
        all
    };
    assert_eq!(names(within.path()), left());
    // While it lives, another one that starts leaves it alone.
    let path = Client::of(&running).await.upload().await;
    let other = Running::within(within.path());
    other.stop().await;
    assert!(path.ancestors().nth(3).unwrap().exists());
    running.stop().await;
    assert_eq!(names(within.path()), left());
    assert!(place(&living).join("0/0/0.txt").exists());
}

// spec: J15 (decision 33)
#[tokio::test]
async fn a_disk_that_fails_is_an_error_of_that_upload_alone() {
    let within = tempfile::tempdir().unwrap();
    let blocked = within.path().join("file");
    File::create(&blocked).unwrap();
    let running = Running::within(&blocked);
    let mut client = Client::of(&running).await;
    let (job, url) = client.begin(3).await;
    let response = client.post(&url, "abc").await;
    assert_eq!(response.status(), 500);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "the server cannot keep the file", "nothing of its folders");
    assert!(client.call("uploadEnd", json!([job, "f"])).await.is_err());

    // The operator mends it, and the client tries again.
    fs::remove_file(&blocked).unwrap();
    assert_eq!(client.post(&url, "abc").await.status(), 200);
    client.call("uploadEnd", json!([job, "f"])).await.unwrap();
    running.stop().await;
    assert_eq!(names(&blocked), [""; 0]);
}

#[tokio::test]
async fn the_folder_of_uploads_can_be_configured() {
    let within = tempfile::tempdir().unwrap();
    let toml = |path: &str| {
        format!(
            "[server]\nupload_dir = {path:?}\n[session]\nupload_timeout = \"5s\"\nupload_jobs = 1\n[[transport]]"
        )
    };
    let config = Config::from_toml(&toml(within.path().to_str().unwrap())).unwrap();
    assert_eq!(config.session.upload_timeout, Duration::from_secs(5));
    let running = Running::start(|server| server.config(&config));
    let mut client = Client::of(&running).await;
    assert!(client.upload().await.starts_with(within.path()));
    running.stop().await;
    let error = Config::from_toml(&toml("")).unwrap_err().to_string();
    assert!(error.contains("server.upload_dir = \"\": must name a folder"), "{error}");
}
