//! Values that outlive sessions and are shared by them (decision 22).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use reactive::Value;

use crate::{Result, Session};

/// A value of the server: every session can read it as a dependency, everyone can write it.
///
/// A clone is the same value. A change wakes each session that has read it, which flushes by itself; the
/// others are not concerned.
///
/// ```
/// use session_core::{App, Shared};
///
/// let visitors = Shared::new(0_u64);
/// let app = App::new(move |s| {
///     visitors.update(|n| *n += 1);
///     let visitors = visitors.clone();
///     s.output("visitors", move |s| visitors.get(s))
/// });
/// # let _ = app;
/// ```
pub struct Shared<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    datum: Mutex<T>,
    readers: Mutex<BTreeMap<usize, Arc<Wake>>>,
}

/// Names a shared value, while a session holds on to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SharedId(usize);

/// Which shared values a session has to look at again.
#[derive(Debug, Default)]
pub(crate) struct Wake(Mutex<News>);

#[derive(Debug, Default)]
struct News {
    changed: Vec<SharedId>,
    /// The session, while it waits.
    waker: Option<Waker>,
}

impl Wake {
    fn wake(&self, id: SharedId) {
        let mut news = lock(&self.0);
        if !news.changed.contains(&id) {
            news.changed.push(id);
        }
        let waker = news.waker.take();
        drop(news);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for changes, and takes them. One task waits, the session's.
    pub(crate) fn poll_changed(&self, cx: &mut Context<'_>) -> Poll<Vec<SharedId>> {
        let mut news = lock(&self.0);
        if !news.changed.is_empty() {
            return Poll::Ready(std::mem::take(&mut news.changed));
        }
        match &mut news.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl<T: Send + 'static> Shared<T> {
    /// A new shared value.
    pub fn new(datum: T) -> Self {
        let inner = Inner { datum: Mutex::new(datum), readers: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// What it holds; inside an effect, calc or output it is a dependency of this run.
    ///
    /// # Errors
    ///
    /// None today; a `Result`, so that it reads like every other value.
    pub fn get(&self, s: &Session<'_>) -> Result<T>
    where
        T: Clone,
    {
        self.with(s, T::clone)
    }

    /// As [`get`](Self::get), without a copy. `f` must not read or write this value: it is locked meanwhile.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn with<R>(&self, s: &Session<'_>, f: impl FnOnce(&T) -> R) -> Result<R> {
        if s.is_tracking() && !s.is_stub_session() {
            self.subscribe(s).get(s)?;
        }
        Ok(f(&lock(&self.inner.datum)))
    }

    /// Puts `datum` in; tells the readers unless it equals the old one, and says whether it did.
    pub fn set(&self, datum: T) -> bool
    where
        T: PartialEq,
    {
        let mut guard = lock(&self.inner.datum);
        if *guard == datum {
            return false;
        }
        *guard = datum;
        drop(guard);
        self.notify();
        true
    }

    /// Changes it in place and tells the readers. `f` must not read or write this value.
    pub fn update<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let result = f(&mut lock(&self.inner.datum));
        self.notify();
        result
    }

    fn notify(&self) {
        let id = self.id();
        for wake in lock(&self.inner.readers).values() {
            wake.wake(id);
        }
    }

    fn id(&self) -> SharedId {
        SharedId(Arc::as_ptr(&self.inner).addr())
    }

    /// What stands for this value in the session's graph, as long as what runs now depends on it.
    fn subscribe(&self, s: &Session<'_>) -> Value<()> {
        let id = self.id();
        let mut subscriptions = s.state().shared.borrow_mut();
        let wake = subscriptions.wake.clone();
        let subscription = subscriptions.by_id.entry(id).or_insert_with(|| {
            let reader = Arc::as_ptr(&wake).addr();
            lock(&self.inner.readers).insert(reader, wake);
            let inner: Arc<dyn Readers> = self.inner.clone();
            let trigger = s.root_cx().value(());
            Subscription { trigger, inner, reader, uses: Arc::default() }
        });
        if !subscription.trigger.is_alive(s.cx()) {
            subscription.trigger = s.root_cx().value(());
        }
        let (trigger, using) = (subscription.trigger, subscription.uses.clone());
        drop(subscriptions);
        s.cx().on_invalidate(move |_| {
            drop(using);
            Ok(())
        });
        trigger
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared<{}>", std::any::type_name::<T>())
    }
}

/// The shared values that one session reads.
#[derive(Default)]
pub(crate) struct Subscriptions {
    by_id: BTreeMap<SharedId, Subscription>,
    wake: Arc<Wake>,
}

struct Subscription {
    trigger: Value<()>,
    /// Keeps the value, and so its id, from being reused.
    inner: Arc<dyn Readers>,
    reader: usize,
    /// One clone for each read that something still depends on.
    uses: Arc<()>,
}

trait Readers: Send + Sync {
    fn forget(&self, reader: usize);
}

impl<T: Send> Readers for Inner<T> {
    fn forget(&self, reader: usize) {
        lock(&self.readers).remove(&reader);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.inner.forget(self.reader);
    }
}

impl Subscriptions {
    pub(crate) fn trigger(&self, id: SharedId) -> Option<Value<()>> {
        self.by_id.get(&id).map(|subscription| subscription.trigger)
    }

    pub(crate) fn wake(&self) -> Arc<Wake> {
        self.wake.clone()
    }

    /// Takes out those that nothing depends on any more.
    fn take_unused(&mut self) -> Vec<Subscription> {
        let unused: Vec<SharedId> = self
            .by_id
            .iter()
            .filter(|(_, subscription)| Arc::strong_count(&subscription.uses) == 1)
            .map(|(id, _)| *id)
            .collect();
        unused.iter().filter_map(|id| self.by_id.remove(id)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}

impl Session<'_> {
    /// Lets go of the shared values that nothing in the session depends on any more.
    pub(crate) fn release_shared(&self) {
        let unused = self.state().shared.borrow_mut().take_unused();
        for subscription in &unused {
            subscription.trigger.destroy(self.cx());
        }
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions").field("count", &self.len()).finish_non_exhaustive()
    }
}

/// A panic under the lock leaves whole data: what is locked is replaced or pushed to in one step, and app
/// data is as the app's own closure left it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
