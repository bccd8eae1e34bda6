//! Sessions over a Unix domain socket: one connection for each link, one for each exchange.
//!
//! | file | what |
//! |---|---|
//! | this one | both ends: who listens, who connects |
//! | `link.rs` | the two halves of a link, which keep the laws |
//! | `exchange.rs` | a request and its response, bodies included |
//! | `records.rs` | records on a socket, with bounded buffers |
//!
//! All that crosses are records, as [`framing`] has them. The first says what the connection is: `OPEN`, or a
//! `REQUEST` with its head. Kinds from 16 on are ours.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use session_core::exchange::{Request, Response};
use session_core::link::{
    CloseCode, CloseReason, Connect, Incoming, Link, Listener, TransmitExt, framing,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

mod exchange;
mod link;
mod records;

pub use link::UnixLink;
use records::{Reader, Writer};

/// A connection that is a link.
const OPEN: u8 = framing::OWN;
/// A connection that is an exchange; the payload is the request's head.
const REQUEST: u8 = framing::OWN + 1;

/// Links and exchanges that may wait to be accepted. The rest wait in the system's queue, and then outside.
const BACKLOG: usize = 64;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more of something, such as files.
const SHORTAGE: Duration = Duration::from_millis(100);

/// Listens at a path, where no file may be yet. Either half of a link refuses to receive a frame over `max_frame` bytes.
///
/// Must be called within a runtime of tokio.
pub fn bind(path: impl Into<PathBuf>, max_frame: usize) -> io::Result<UnixLinks> {
    let path = path.into();
    let socket = UnixListener::bind(&path)?;
    let (sender, incoming) = mpsc::channel(BACKLOG);
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let door = Door {
        socket,
        _file: SocketFile(path.clone()),
        max_frame,
        incoming: sender,
        stop: stop.clone(),
        tracker: tracker.clone(),
    };
    tracker.spawn(door.run());
    Ok(UnixLinks { incoming, tracker, stop: Some(stop.drop_guard()), path })
}

/// Accepts links and exchanges over a Unix domain socket.
///
/// Dropping it stops accepting; links that were handed out, and answers under way, live on.
#[derive(Debug)]
pub struct UnixLinks {
    incoming: mpsc::Receiver<Incoming<UnixLink>>,
    /// The door, those who have not yet said what they want, and exchanges.
    tracker: TaskTracker,
    /// `None` once told.
    stop: Option<DropGuard>,
    path: PathBuf,
}

#[async_trait]
impl Listener for UnixLinks {
    type Link = UnixLink;

    /// Cancel-safe, as everything happens in tasks and the channel is.
    async fn accept(&mut self) -> Option<Incoming<UnixLink>> {
        self.incoming.recv().await
    }

    /// Links need no waiting: what a socket has taken is with the peer, even if this process ends. Exchanges do.
    async fn finish(&mut self) {
        self.stop = None;
        self.incoming.close();
        while let Some(incoming) = self.incoming.recv().await {
            // An exchange that is dropped is answered with a 503.
            if let Incoming::Link(link) = incoming {
                let reason = CloseReason::new(CloseCode::DRAIN, "the server is shutting down");
                // A client that is gone already need not be told.
                let _ = link.split().1.close(reason).await;
            }
        }
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }
}

/// Takes connections and finds out what they are.
struct Door {
    socket: UnixListener,
    _file: SocketFile,
    max_frame: usize,
    incoming: mpsc::Sender<Incoming<UnixLink>>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Door {
    async fn run(self) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                // A task each: a client that says nothing delays nobody.
                Ok((socket, _)) => drop(self.tracker.spawn(self.greet(socket))),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Sleeps: the shortage is still there, and a loop would only add to it.
                    sleep(SHORTAGE).await;
                }
            }
        }
    }

    fn greet(&self, socket: UnixStream) -> impl Future<Output = ()> + use<> {
        let (mut reader, writer) = records::split(socket);
        let (max_frame, incoming, stop) =
            (self.max_frame, self.incoming.clone(), self.stop.clone());
        async move {
            let first = tokio::select! {
                first = timeout(PATIENCE, reader.next()) => first,
                () = stop.cancelled() => return,
            };
            match first {
                Ok(Ok(Some(record))) if record.kind == OPEN => {
                    let link = Incoming::Link(UnixLink::new(reader, writer, max_frame));
                    // A listener that is gone takes nobody: the link is dropped, and the client sees it aborted.
                    let _ = incoming.send(link).await;
                }
                Ok(Ok(Some(record))) if record.kind == REQUEST => {
                    exchange::serve(&record.payload, reader, writer, incoming).await;
                }
                other => tracing::debug!(?other, "a client did not say what it wants"),
            }
        }
    }
}

/// The file of a socket, which does not go by itself.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Opens links and exchanges to a path.
#[derive(Debug, Clone)]
pub struct UnixClient {
    path: PathBuf,
    max_frame: usize,
}

impl UnixClient {
    /// Nothing is opened yet. Its links refuse to receive a frame over `max_frame` bytes.
    pub fn new(path: impl Into<PathBuf>, max_frame: usize) -> Self {
        Self { path: path.into(), max_frame }
    }

    /// The largest frame its links take, in bytes.
    pub const fn max_frame(&self) -> usize {
        self.max_frame
    }

    /// Where the server is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    async fn connect(&self) -> io::Result<(Reader, Writer)> {
        Ok(records::split(UnixStream::connect(&self.path).await?))
    }
}

#[async_trait]
impl Connect for UnixClient {
    type Link = UnixLink;
    type Error = io::Error;

    /// `OPEN` goes out at once, as the server may be the one who speaks first.
    async fn link(&self) -> io::Result<UnixLink> {
        let (reader, mut writer) = self.connect().await?;
        writer.send(OPEN, "".into()).await?;
        Ok(UnixLink::new(reader, writer, self.max_frame))
    }

    async fn exchange(&self, request: Request) -> io::Result<Response> {
        let (reader, writer) = self.connect().await?;
        exchange::ask(request, reader, writer).await
    }
}
