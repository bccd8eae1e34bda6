use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::port::Threads;

/// How often a child that was told to end is asked whether it has, at most.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// A process that runs at the other end of the pipes.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// How long it may take to end once its input has.
    grace: Duration,
}

/// Where the exit status goes.
pub(crate) type Tell = oneshot::Sender<io::Result<ExitStatus>>;

/// What a child takes along.
type Rest = (Process, Option<Threads>, Option<Tell>);

impl Process {
    pub(crate) const fn new(child: Child, grace: Duration) -> Self {
        Self { child, grace }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits, in a thread of its own, until the child has ended; kills it when it takes too long. Its pipes were let go.
    pub(crate) fn end(self, threads: Option<Threads>, tell: Option<Tell>) {
        let rest = Arc::new(Mutex::new(Some((self, threads, tell))));
        let take =
            |rest: &Mutex<Option<Rest>>| rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reap = thread::Builder::new().name("stdio-reap".to_owned()).spawn({
            let rest = Arc::clone(&rest);
            move || {
                if let Some((mut process, threads, tell)) = take(&rest) {
                    // They let go of the pipes, which is what tells the child.
                    if let Some(threads) = threads {
                        threads.join();
                    }
                    process.told(tell);
                }
            }
        });
        if let Err(error) = reap
            && let Some((mut process, _, tell)) = take(&rest)
        {
            tracing::warn!(%error, "there is no thread to wait for the child: it is killed");
            process.grace = Duration::ZERO;
            process.told(tell);
        }
    }

    fn told(&mut self, tell: Option<Tell>) {
        let status = self.wait();
        if let Err(error) = &status {
            tracing::warn!(%error, "the child cannot be waited for");
        }
        if let Some(tell) = tell {
            // Whoever wanted to know may have gone.
            let _ = tell.send(status);
        }
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + self.grace;
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(ASK_AGAIN);
        }
        tracing::debug!("the child did not end by itself: it is killed");
        self.child.kill()?;
        self.child.wait()
    }
}
