use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Port;
use crate::process::Process;
use crate::system::Trigger;

/// Keeps the pipes open: the listener or the child, the halves of the link, every exchange and body has one. With the
/// last of them the input is let go, what waits to be written has a while to go, and a child process ends.
pub(crate) struct Hold {
    port: Arc<Port>,
    parts: Mutex<Parts>,
}

struct Parts {
    stop: Option<Trigger>,
    threads: Option<Threads>,
    ending: Option<Ending>,
}

/// The threads, and how to know that they end.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) read: JoinHandle<()>,
    pub(crate) heard: CancellationToken,
    pub(crate) write: JoinHandle<()>,
    pub(crate) done: CancellationToken,
}

/// What happens when nobody needs the pipes any more.
#[derive(Debug)]
pub(crate) struct Ending {
    /// How long the peer may take to read the rest.
    pub(crate) linger: Duration,
    /// The child at the other end.
    pub(crate) process: Option<Process>,
}

impl Hold {
    pub(super) fn new(port: Arc<Port>, stop: Trigger, ending: Ending) -> Arc<Self> {
        let parts = Parts { stop: Some(stop), threads: None, ending: Some(ending) };
        Arc::new(Self { port, parts: Mutex::new(parts) })
    }

    pub(super) fn set_threads(&self, threads: Threads) {
        self.lock().threads = Some(threads);
    }

    pub(crate) fn port(&self) -> &Port {
        &self.port
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more is read.
    pub(crate) fn stop_reading(&self) {
        self.lock().stop = None;
        self.port.inbound.unwanted();
    }

    /// Waits until everything is written and both threads have ended, then joins them.
    ///
    /// Cancel-safe: called again it goes on.
    pub(crate) async fn finish(&self) {
        self.port.outbound.end(None);
        let tokens = self.lock().threads.as_ref().map(|it| (it.heard.clone(), it.done.clone()));
        let Some((heard, done)) = tokens else { return };
        done.cancelled().await;
        self.stop_reading();
        heard.cancelled().await;
        let threads = self.lock().threads.take();
        if let Some(threads) = threads {
            threads.join();
        }
    }

    /// Ends everything now, whoever still holds on to it; the child's process and the threads, to wait for.
    pub(crate) fn end(&self) -> Option<(Option<Process>, Option<Threads>)> {
        let (ending, threads) = {
            let mut parts = self.lock();
            (parts.ending.take()?, parts.threads.take())
        };
        self.stop_reading();
        self.port.outbound.end(Some(Instant::now() + ending.linger));
        Some((ending.process, threads))
    }
}

impl Threads {
    /// Waits for threads that were told to end, and joins them.
    pub(crate) async fn ended(self) {
        self.heard.cancelled().await;
        self.done.cancelled().await;
        self.join();
    }

    /// Waits for threads that were told to end. One that panicked has said so.
    pub(crate) fn join(self) {
        let _ = self.read.join();
        let _ = self.write.join();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some((Some(process), threads)) = self.end() {
            process.end(threads, None);
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("port", &self.port).finish_non_exhaustive()
    }
}
