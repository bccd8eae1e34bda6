//! Futures that the session's own task drives: the second step of what is asynchronous (decision 5).

use std::fmt;
use std::pin::Pin;

use futures_util::future::{AbortHandle, Abortable};

use crate::catch::Catch;
use crate::name::{Namespace, Owned};
use crate::session::state::State;
use crate::{Result, Session};

/// A future to be driven. What it gives goes back to the session; `None` when it was cancelled.
pub(crate) type Task = Pin<Box<dyn Future<Output = (u64, Option<Done>)> + Send>>;

/// A future that is to run to its end whatever becomes of the session.
pub(crate) type Detached = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What to do in the session with what a future gave.
pub(crate) type Done = Box<dyn FnOnce(&Session<'_>) + Send>;

#[derive(Default)]
pub(crate) struct Tasks {
    live: Owned<Entry>,
    /// Not handed out yet.
    fresh: Vec<Task>,
    detached: Vec<Detached>,
    requests: usize,
}

#[derive(Debug)]
struct Entry {
    abort: AbortHandle,
    waiting: Waiting,
}

/// Who waits for what a task will give.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// Only the session itself.
    Nobody,
    /// A request of the client, by its tag.
    Request(Box<str>),
    /// An exchange.
    Exchange,
}

impl Waiting {
    const fn is_request(&self) -> bool {
        matches!(self, Self::Request(_))
    }
}

impl Tasks {
    pub(crate) const fn has_fresh(&self) -> bool {
        !self.fresh.is_empty() || !self.detached.is_empty()
    }

    pub(crate) fn take_fresh(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.fresh)
    }

    /// Has a future driven that neither its scope nor its session ends.
    pub(crate) fn detach(&mut self, future: Detached) {
        self.detached.push(future);
    }

    pub(crate) fn take_detached(&mut self) -> Vec<Detached> {
        std::mem::take(&mut self.detached)
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> impl Iterator<Item = &Namespace> {
        self.live.owners()
    }

    /// Requests whose handler is still at work.
    pub(crate) const fn requests(&self) -> usize {
        self.requests
    }

    /// Forgets a task that is done; its owner, unless it was cancelled meanwhile.
    pub(crate) fn finish(&mut self, key: u64) -> Option<Namespace> {
        let (owner, entry) = self.live.remove(key)?;
        self.requests -= usize::from(entry.waiting.is_request());
        Some(owner)
    }

    /// Drops the future of a task at its await point.
    pub(crate) fn cancel(&mut self, key: u64) {
        if let Some((_, entry)) = self.live.remove(key) {
            entry.abort.abort();
            self.requests -= usize::from(entry.waiting.is_request());
        }
    }

    /// Drops the futures of a scope and of those below; who waited for them.
    pub(crate) fn cancel_within(&mut self, within: &Namespace) -> Vec<Waiting> {
        let cancelled = self.live.remove_within(within);
        cancelled
            .into_iter()
            .map(|entry| {
                entry.abort.abort();
                self.requests -= usize::from(entry.waiting.is_request());
                entry.waiting
            })
            .collect()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("live", &self.live).finish_non_exhaustive()
    }
}

impl Session<'_> {
    /// Hands a future to the session's task; `then` gets what it gave, unless the scope was destroyed
    /// meanwhile. `None` if it is destroyed already, by what gave the future: both are dropped.
    pub(crate) fn spawn<T, Fut, Then>(
        &self,
        waiting: Waiting,
        future: Fut,
        then: Then,
    ) -> Option<u64>
    where
        T: Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        Then: FnOnce(&Session<'_>, Result<T>) + Send + 'static,
    {
        if !self.cx().scope().is_alive(self.cx()) {
            self.state().abandon(waiting);
            return None;
        }
        let mut tasks = self.state().tasks.borrow_mut();
        let (abort, registration) = AbortHandle::new_pair();
        tasks.requests += usize::from(waiting.is_request());
        let key = tasks.live.insert(self.namespace(), Entry { abort, waiting });
        let future = Abortable::new(Catch::new(future), registration);
        tasks.fresh.push(Box::pin(async move {
            let done = future
                .await
                .ok()
                .map(|outcome| -> Done { Box::new(move |s: &Session<'_>| then(s, outcome)) });
            (key, done)
        }));
        Some(key)
    }
}

impl State {
    /// Who waited for a future that was dropped learns it.
    pub(crate) fn abandon(&self, waiting: Waiting) {
        match waiting {
            Waiting::Nobody => {}
            Waiting::Request(tag) => self.respond(&tag, Err("the handler was destroyed")),
            Waiting::Exchange => self.end_work(),
        }
    }
}
