use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use session_core::exchange::Exchange;
use session_core::link::{CloseReason, Incoming, Listener, PeerInfo, turn_away};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::error::BindError;
use crate::link::StdioLink;
use crate::port::{self, Door, Ending, Hold, Pipes, Role, Rules};
use crate::system::{self, Input, Output};

/// A process has one stdin and one stdout; once taken over, they are never given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes over stdin and stdout, with the defaults of [`Config`].
///
/// # Errors
///
/// As [`bind_with`].
pub fn bind() -> Result<StdioListener, BindError> {
    bind_with(&Config::default())
}

/// Takes over stdin and stdout, as a configuration says; must be called within a runtime of tokio.
///
/// From then on they belong to the wire. Whatever reads stdin finds it at its end, and whatever is written to stdout,
/// by `println!`, by libraries, by child processes, goes to stderr. Do not read stdin before: what was read ahead is
/// lost to the wire.
///
/// # Errors
///
/// [`BindError`], which names what to change.
pub fn bind_with(config: &Config) -> Result<StdioListener, BindError> {
    config.check()?;
    let runtime = Handle::try_current().map_err(|_| BindError::NoRuntime)?;
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Err(BindError::InUse);
    }
    let (input, output) =
        system::standard().inspect_err(|_| TAKEN.store(false, Ordering::SeqCst))?;
    let pipes = Pipes { input: Input::new(input)?, output: Output::new(output)? };
    listen(pipes, config, runtime)
}

/// Listens on descriptors of your own, such as the ends of pipes or of a socket; must be called within a runtime of
/// tokio.
///
/// # Errors
///
/// [`BindError`], which names what to change.
#[cfg(unix)]
pub fn bind_over(
    input: impl Into<std::os::fd::OwnedFd>,
    output: impl Into<std::os::fd::OwnedFd>,
    config: &Config,
) -> Result<StdioListener, BindError> {
    config.check()?;
    let runtime = Handle::try_current().map_err(|_| BindError::NoRuntime)?;
    let pipes = Pipes { input: Input::new(input)?, output: Output::new(output)? };
    listen(pipes, config, runtime)
}

fn listen(pipes: Pipes, config: &Config, runtime: Handle) -> Result<StdioListener, BindError> {
    let rules = Rules {
        framing: config.framing,
        max_message: config.max_message_bytes,
        body_window: config.exchange_window_bytes,
    };
    let (sender, incoming) = mpsc::channel(config.max_exchanges);
    let tracker = TaskTracker::new();
    let (opened, head) = (CancellationToken::new(), Arc::default());
    let door = Door {
        opened: opened.clone(),
        head: Arc::clone(&head),
        incoming: sender,
        max_exchanges: config.max_exchanges,
        tracker: tracker.clone(),
        runtime,
    };
    let ending = Ending { linger: config.linger, process: None };
    let hold = port::start(pipes, rules, Role::Server(door), ending)?;
    Ok(StdioListener {
        incoming,
        opened,
        head,
        given: false,
        over: CancellationToken::new(),
        until: None,
        linger: config.linger,
        tracker,
        hold,
    })
}

/// Gives the one link of the process, once the client has said something on it; exchanges; and `None` when the client
/// has hung up, or has not done so long after its link ended.
///
/// Dropping it stops accepting; the link that was handed out, and answers under way, live on. The threads end with the
/// last of them, and are joined by [`Listener::finish`].
#[derive(Debug)]
pub struct StdioListener {
    incoming: mpsc::Receiver<Exchange>,
    /// The client has said something on the link.
    opened: CancellationToken,
    /// The head of the request that opened the link, if the client has sent one.
    head: Arc<OnceLock<Parts>>,
    /// The link was given out.
    given: bool,
    /// The link is done with.
    over: CancellationToken,
    /// By when the client is to have hung up.
    until: Option<Instant>,
    linger: Duration,
    /// The link and every answer under way.
    tracker: TaskTracker,
    hold: Arc<Hold>,
}

impl StdioListener {
    /// The link, once it is open and unless it was given out.
    fn link(&mut self) -> Option<StdioLink> {
        if !self.opened.is_cancelled() || std::mem::replace(&mut self.given, true) {
            return None;
        }
        let peer = PeerInfo::new(None, self.head.get().cloned());
        let over = self.over.clone();
        Some(StdioLink::new(Arc::clone(&self.hold), peer, Some(over), Some(self.tracker.token())))
    }
}

#[async_trait]
impl Listener for StdioListener {
    type Link = StdioLink;

    async fn accept(&mut self) -> Option<Incoming<StdioLink>> {
        let exchange = tokio::select! {
            biased;
            () = self.opened.cancelled(), if !self.given => None,
            exchange = self.incoming.recv() => exchange,
            () = lingered(&self.over, &mut self.until, self.linger) => {
                self.incoming.close();
                self.incoming.recv().await
            }
        };
        if let Some(exchange) = exchange {
            return Some(Incoming::Exchange(exchange));
        }
        // Opened with the last words of the input, perhaps.
        if let Some(link) = self.link() {
            return Some(Incoming::Link(link));
        }
        // What came before the end of the input has not necessarily been taken yet: `None` would stop the session.
        if self.given {
            self.over.cancelled().await;
        }
        None
    }

    /// A link that was not accepted is told to come back (1012), requests get 503. Ready when the link is dropped,
    /// every response is written, and both threads have ended.
    async fn finish(&mut self) {
        self.incoming.close();
        if let Some(link) = self.link() {
            self.tracker.spawn(turn_away(link, CloseReason::draining(), self.linger));
        }
        // Dropped without an answer, each is answered with 503.
        while self.incoming.recv().await.is_some() {}
        self.tracker.close();
        self.tracker.wait().await;
        self.hold.finish().await;
    }

    fn address(&self) -> String {
        "stdio".to_owned()
    }
}

/// Ready a while after the link is done with.
async fn lingered(over: &CancellationToken, until: &mut Option<Instant>, linger: Duration) {
    over.cancelled().await;
    sleep_until(*until.get_or_insert_with(|| Instant::now() + linger)).await;
}
