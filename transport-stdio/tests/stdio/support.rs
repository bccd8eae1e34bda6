//! Two ends over pipes, and a client that writes its lines by hand.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use session_core::exchange::{Body, Exchange, Request};
use session_core::link::{Connect, Frame, Incoming, Link, Listener};
use tokio::sync::mpsc;
use tokio::time::timeout;
use transport_stdio::{
    Child, Client, Config, Framing, StdioLink, StdioListener, StdioReceive, StdioTransmit,
    bind_over,
};

/// Long enough that only a test that hangs reaches it.
const HANGS: Duration = Duration::from_secs(30);

pub(crate) const FRAMINGS: [Framing; 2] = [Framing::Lines, Framing::Length];

/// Fails instead of hanging.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(HANGS, future).await.expect("nothing happened for a long time")
}

pub(crate) fn text(text: &str) -> Frame {
    Frame::Text(text.to_owned().into())
}

/// A client and a server in this process.
pub(crate) fn pair(framing: Framing, max_message: usize) -> (Child, StdioListener) {
    pair_with(&Config::default().framing(framing).max_message_bytes(max_message))
}

pub(crate) fn pair_with(config: &Config) -> (Child, StdioListener) {
    pair_of(Client::new(""), config)
}

pub(crate) fn pair_of(client: Client, config: &Config) -> (Child, StdioListener) {
    let (to_server, from_client) = {
        let (read, write) = std::io::pipe().unwrap();
        (write, read)
    };
    let (from_server, to_client) = std::io::pipe().unwrap();
    let client = client
        .framing(config.framing)
        .max_message_bytes(config.max_message_bytes)
        .over(from_server, to_server)
        .unwrap();
    (client, bind_over(from_client, to_client, config).unwrap())
}

pub(crate) async fn next_link(listener: &mut StdioListener) -> StdioLink {
    match within(listener.accept()).await {
        Some(Incoming::Link(link)) => link,
        other => panic!("not a link: {other:?}"),
    }
}

pub(crate) async fn next_exchange(listener: &mut StdioListener) -> Exchange {
    match within(listener.accept()).await {
        Some(Incoming::Exchange(exchange)) => exchange,
        other => panic!("not an exchange: {other:?}"),
    }
}

/// The halves of the client's link, then those of the server's.
pub(crate) async fn links(
    child: &Child,
    listener: &mut StdioListener,
) -> ((StdioReceive, StdioTransmit), (StdioReceive, StdioTransmit)) {
    (child.link().await.unwrap().split(), next_link(listener).await.split())
}

pub(crate) fn get(path: &str) -> Request {
    http::Request::get(path).body(Body::empty()).unwrap()
}

/// A client that writes its lines by hand, and a server that has it.
pub(crate) struct Raw {
    pub(crate) to_server: Option<PipeWriter>,
    from_server: Option<PipeReader>,
    lines: Option<mpsc::Receiver<String>>,
}

impl Raw {
    pub(crate) fn connect(config: &Config) -> (Self, StdioListener) {
        let (from_client, to_server) = std::io::pipe().unwrap();
        let (from_server, to_client) = std::io::pipe().unwrap();
        let listener = bind_over(from_client, to_client, config).unwrap();
        let raw = Self { to_server: Some(to_server), from_server: Some(from_server), lines: None };
        (raw, listener)
    }

    /// A link that the client opened with these lines.
    pub(crate) async fn opened(
        limit: usize,
        lines: &str,
    ) -> (Self, StdioReceive, StdioTransmit, StdioListener) {
        let (mut raw, mut listener) = Self::connect(&Config::default().max_message_bytes(limit));
        raw.write(lines);
        let (receive, transmit) = next_link(&mut listener).await.split();
        (raw, receive, transmit, listener)
    }

    /// Writes what a pipe takes without waiting.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.to_server.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    /// Writes any amount, in a thread.
    pub(crate) async fn write_much(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        let mut to_server = self.to_server.take().unwrap();
        let (to_server, result) = within(tokio::task::spawn_blocking(move || {
            let result = to_server.write_all(&bytes);
            (to_server, result)
        }))
        .await
        .unwrap();
        self.to_server = Some(to_server);
        result
    }

    /// Ends the server's input.
    pub(crate) fn hang_up(&mut self) {
        self.to_server = None;
    }

    /// Ends the server's output.
    pub(crate) fn stop_reading(&mut self) {
        self.from_server = None;
        self.lines = None;
    }

    /// The next line from the server; `None` at its end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        if let Some(from_server) = self.from_server.take() {
            let (sender, receiver) = mpsc::channel(1);
            self.lines = Some(receiver);
            // Ends with the server's output, or once nobody takes lines any more.
            tokio::task::spawn_blocking(move || {
                for line in BufReader::new(from_server).lines() {
                    if sender.blocking_send(line.unwrap()).is_err() {
                        return;
                    }
                }
            });
        }
        within(self.lines.as_mut().unwrap().recv()).await
    }

    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(line) = self.line().await {
            rest.push(line);
        }
        rest
    }
}

/// An example of this crate, as a program.
pub(crate) fn example(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.extend(["examples", name]);
    assert!(
        path.exists(),
        "{} is missing: `cargo test -p transport-stdio` builds it",
        path.display()
    );
    path
}
