use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::app::App;
use crate::config::{Config, ServerConfig};
use crate::driver::drive;
use crate::exchange::Exchange;
use crate::handle::Command;
use crate::limits::Limits;
use crate::link::{CloseCode, CloseReason, Gate, Incoming, Link, Listener, PeerInfo, turn_away};
use crate::random;
use crate::session::exchanges::{not_found, parse_path};
use crate::session::machine::Machine;
use crate::session::uploads::folder::Folder;

mod admission;

use admission::Hook;

/// Calls and exchanges that wait for a session, at most.
const INBOX: usize = 32;

/// Runs an app for everyone who comes in through a listener: one task per session.
///
/// ```no_run
/// use session_core::{App, Server, link};
///
/// # async fn run() {
/// let (connector, listener) = link::memory(1 << 20);
/// let app = App::new(|s| s.output("hello", |_| Ok("hello")));
/// Server::new(app).serve(listener, std::future::pending()).await;
/// # drop(connector);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    app: App,
    limits: Arc<Limits>,
    config: ServerConfig,
    hook: Option<Hook>,
}

impl Server {
    /// A server with the default limits.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self {
            app,
            limits: Arc::new(Limits::default()),
            config: ServerConfig::default(),
            hook: None,
        }
    }

    /// With the limits of a configuration, those of the tables `[server]` and `[session]`.
    #[must_use]
    pub fn config(mut self, config: &Config) -> Self {
        self.config = config.server.clone();
        self.limits(config.session.clone())
    }

    /// With other limits for each session.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Arc::new(limits);
        self
    }

    /// With at most `count` sessions at a time; a link beyond that is closed with 1013. 100,000 by default.
    #[must_use]
    pub const fn max_sessions(mut self, count: usize) -> Self {
        self.config.max_sessions = count;
        self
    }

    /// With `time` to end: how long [`serve`](Self::serve) waits, once told to stop, for sessions and for their
    /// clients to have the last messages. Ten seconds by default.
    #[must_use]
    pub const fn drain(mut self, time: Duration) -> Self {
        self.config.drain = time;
        self
    }

    /// With uploads in a folder of the process within this one: see [`ServerConfig::upload_dir`].
    #[must_use]
    pub fn upload_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.upload_dir = path.into();
        self
    }

    /// Serves until `shutdown` completes or the listener has nothing more to give, then ends every session
    /// with 1012 and waits for them and for their clients to have it, as long as [`drain`](Self::drain) says (G36).
    ///
    /// # Cancel safety
    ///
    /// Dropped early, nothing is accepted any more and every session ends in its own task.
    pub async fn serve<L: Listener>(self, mut listener: L, shutdown: impl Future<Output = ()>) {
        let uploads = Arc::new(Folder::new(self.config.upload_dir.clone()));
        let sessions = Sessions::new(Arc::clone(&uploads));
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let of_others = Arc::clone(&uploads);
        tasks.spawn_blocking(move || of_others.sweep());
        // Also when this future is dropped.
        let stop_on_drop = stop.clone().drop_guard();
        let gate = self.gate();
        if let Some(gate) = &gate {
            listener.guard(gate.clone());
        }
        let asking = Arc::new(Semaphore::new(self.config.max_sessions.min(Semaphore::MAX_PERMITS)));
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let incoming = tokio::select! {
                biased;
                () = &mut shutdown => break,
                incoming = listener.accept() => incoming,
            };
            match incoming {
                Some(Incoming::Link(link)) => {
                    let peer = link.peer().clone();
                    match &gate {
                        Some(gate) if !peer.is_admitted() => {
                            let asked = Asked { link, peer, gate: gate.clone() };
                            self.ask(asked, &asking, &sessions, &tasks, &stop);
                        }
                        _ => self.begin(link, peer, &sessions, &tasks, stop.child_token()),
                    }
                }
                Some(Incoming::Exchange(exchange)) => {
                    if let Some((sender, command)) = sessions.route(exchange) {
                        // The session is busy: its exchange waits, nobody else's does.
                        tasks.spawn(async move {
                            if let Err(mpsc::error::SendError(command)) = sender.send(command).await
                            {
                                command.refuse();
                            }
                        });
                    }
                }
                None => break,
            }
        }
        drop(stop_on_drop);
        tasks.close();
        let finished = async { tokio::join!(tasks.wait(), listener.finish()) };
        if timeout(self.config.drain, finished).await.is_err() {
            tracing::warn!(sessions = tasks.len(), "sessions or their clients did not end in time");
        }
        // Not in the background: the process may end right after this.
        if let Err(error) = tokio::task::spawn_blocking(move || uploads.remove()).await {
            tracing::warn!(%error, "uploads were not removed");
        }
    }

    /// Begins a session for a link that its transport has let in unasked, if the gate lets it in: in a task of its own, so
    /// that no other link waits for the answer.
    fn ask<L: Link>(
        &self,
        asked: Asked<L>,
        asking: &Arc<Semaphore>,
        sessions: &Sessions,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let Asked { link, mut peer, gate } = asked;
        let grace = self.limits.end_grace;
        let Ok(place) = Arc::clone(asking).try_acquire_owned() else {
            let reason = CloseReason::new(CloseCode::OVERLOAD, "too many wait to be let in");
            tracing::warn!(%reason, "a link was refused");
            tasks.spawn(turn_away(link, reason, grace));
            return;
        };
        let (server, sessions, stop) = (self.clone(), sessions.clone(), stop.clone());
        let tracker = tasks.clone();
        tasks.spawn(async move {
            let reason = tokio::select! {
                answer = gate.ask(&mut peer) => answer.err().map(|refusal| refusal.close_reason()),
                () = stop.cancelled() => Some(CloseReason::draining()),
            };
            drop(place);
            match reason {
                None => server.begin(link, peer, &sessions, &tracker, stop.child_token()),
                Some(reason) => turn_away(link, reason, grace).await,
            }
        });
    }

    /// Begins a session in a task of its own, which holds only what a session needs to go on.
    fn begin<L: Link>(
        &self,
        link: L,
        peer: PeerInfo,
        sessions: &Sessions,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) {
        let (sender, inbox) = mpsc::channel(INBOX);
        let entry = match sessions.enter(sender.clone(), self.config.max_sessions) {
            Ok(entry) => entry,
            Err(reason) => {
                tracing::warn!(%reason, "a link was refused");
                tasks.spawn(turn_away(link, reason, self.limits.end_grace));
                return;
            }
        };
        let (receive, transmit) = link.split();
        let clock = Arc::new(|| Instant::now().into_std());
        let (app, id, limits) = (self.app.clone(), entry.id.clone(), self.limits.clone());
        let machine = Box::new(Machine::new(app, id, limits.clone(), peer, clock, sender));
        machine.keep_uploads_in(Arc::clone(&sessions.uploads));
        // The id is a secret: the span gets its beginning, enough to tell sessions apart.
        let span = tracing::info_span!("session", id = entry.id.get(..8).unwrap_or_default());
        let driven =
            drive(machine, receive, transmit, inbox, stop, limits, tasks.clone()).instrument(span);
        tasks.spawn(async {
            driven.await;
            drop(entry);
        });
    }
}

/// A link whose peer is to be asked for.
struct Asked<L> {
    link: L,
    peer: PeerInfo,
    gate: Gate,
}

/// The sessions of a server by id.
#[derive(Debug, Clone)]
struct Sessions {
    by_id: Arc<Mutex<HashMap<Arc<str>, mpsc::Sender<Command>>>>,
    /// Where what is uploaded to them lies.
    uploads: Arc<Folder>,
}

/// A session's place among the others, until it is dropped.
struct Entry {
    id: Arc<str>,
    sessions: Sessions,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.id);
    }
}

impl Sessions {
    fn new(uploads: Arc<Folder>) -> Self {
        Self { by_id: Arc::default(), uploads }
    }

    /// The lock is held for one look-up; a panic under it leaves a whole map.
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, mpsc::Sender<Command>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, sender: mpsc::Sender<Command>, most: usize) -> Result<Entry, CloseReason> {
        let id: Arc<str> = random::hex::<32>()
            .map_err(|error| CloseReason::new(CloseCode::APP_FAILED, error.to_string()))?
            .into();
        let mut by_id = self.lock();
        if by_id.len() >= most {
            return Err(CloseReason::new(CloseCode::OVERLOAD, "the server is full"));
        }
        by_id.insert(id.clone(), sender);
        drop(by_id);
        Ok(Entry { id, sessions: self.clone() })
    }

    /// Hands an exchange to its session; gives it back when the session's inbox is full.
    fn route(&self, exchange: Exchange) -> Option<(mpsc::Sender<Command>, Command)> {
        let sender = parse_path(exchange.request().uri().path())
            .and_then(|(id, ..)| self.lock().get(id).cloned());
        let Some(sender) = sender else {
            exchange.respond(not_found());
            return None;
        };
        match sender.try_send(Command::Exchange(exchange)) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(command)) => Some((sender, command)),
            Err(mpsc::error::TrySendError::Closed(command)) => {
                command.refuse();
                None
            }
        }
    }
}

/// Completes when the process is asked to stop: by Ctrl-C or, on Unix, SIGTERM.
///
/// # Cancel safety
///
/// Cancel-safe.
pub async fn shutdown_on_signals() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                interrupted = tokio::signal::ctrl_c() => match interrupted {
                    Ok(()) => return,
                    Err(error) => tracing::error!(%error, "Ctrl-C cannot be heard"),
                },
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
