//! `on_flush`, `on_flushed`, `on_ended`, `on_destroy`.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use reactive::Interrupt;

use crate::catch::catch;
use crate::name::{Namespace, Owned};
use crate::session::state::Phase;
use crate::session::tasks::Waiting;
use crate::{Result, Session};

type Callback = Box<dyn FnMut(&Session<'_>) -> Result<()> + Send>;

#[derive(Default)]
pub(crate) struct Callbacks {
    flush: List,
    flushed: List,
    ended: List,
    /// By namespace and not by scope: one that comes too late for its scope waits for the next of that name (I3).
    destroy: RefCell<Owned<OnDestroy>>,
}

type OnDestroy = Box<dyn FnOnce(&Session<'_>) -> Result<()> + Send>;

type List = RefCell<Owned<Entry>>;

struct Entry {
    once: bool,
    /// Out while it runs.
    callback: Option<Callback>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("once", &self.once).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Flush,
    Flushed,
    Ended,
}

impl Callbacks {
    const fn list(&self, moment: Moment) -> &List {
        match moment {
            Moment::Flush => &self.flush,
            Moment::Flushed => &self.flushed,
            Moment::Ended => &self.ended,
        }
    }

    /// Removes those of a scope and of the scopes below, apart from `on_destroy`, which have run or wait for the
    /// next scope of that name. The root's own `on_ended` stay: the session has yet to end.
    pub(crate) fn remove_within(&self, within: &Namespace) {
        for list in [&self.flush, &self.flushed, &self.ended] {
            let keys = list.borrow().within(within);
            for (owner, key) in keys {
                if !(owner.is_root() && std::ptr::eq(list, &self.ended)) {
                    let removed = list.borrow_mut().remove(key);
                    drop(removed);
                }
            }
        }
    }

    /// Drops them all.
    pub(crate) fn clear(&self) {
        for list in [&self.flush, &self.flushed, &self.ended] {
            let dropped = std::mem::take(&mut *list.borrow_mut());
            drop(dropped);
        }
        let dropped = std::mem::take(&mut *self.destroy.borrow_mut());
        drop(dropped);
    }

    pub(crate) fn insert_on_destroy(&self, owner: &Namespace, callback: OnDestroy) {
        self.destroy.borrow_mut().insert(owner, callback);
    }

    /// Whose each is.
    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> Vec<Namespace> {
        let lists = [&self.flush, &self.flushed, &self.ended];
        let mut owners: Vec<_> = lists
            .iter()
            .flat_map(|list| list.borrow().owners().cloned().collect::<Vec<_>>())
            .collect();
        owners.extend(self.destroy.borrow().owners().cloned());
        owners
    }

    pub(crate) fn len(&self) -> usize {
        let lists = [&self.flush, &self.flushed, &self.ended];
        let lists: usize = lists.iter().map(|list| list.borrow().len()).sum();
        lists + self.destroy.borrow().len()
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").field("count", &self.len()).finish_non_exhaustive()
    }
}

/// Runs one round: the callbacks there are now, in the order of registration, each in its own scope. One
/// that fails or panics does not keep the others from running; one that an earlier one of the round
/// cancelled does not run; one registered meanwhile waits for the next round (G9 to G12).
pub(crate) fn run(root: &Session<'_>, moment: Moment) -> Vec<Interrupt> {
    let list = root.state().callbacks.list(moment);
    if list.borrow().is_empty() {
        return Vec::new();
    }
    let mut failures = Vec::new();
    let keys = list.borrow().keys();
    for key in keys {
        let Some((owner, callback, once)) = take(list, key) else { continue };
        let Some(mut callback) = callback else { continue };
        let view = root.at(&owner);
        match catch(|| callback(&view)) {
            // A quiet stop is no failure.
            Ok(()) | Err(Interrupt::Silent | Interrupt::Cancel | Interrupt::InProgress) => {}
            Err(failure) => failures.push(failure),
        }
        if !once && let Some((_, entry)) = list.borrow_mut().get_mut(key) {
            entry.callback = Some(callback);
        }
    }
    failures
}

/// Runs the `on_destroy` callbacks of the scope of `s` and of the scopes below: the deepest scopes' first (I5, I6), and
/// in the order of registration (I1). One registered meanwhile runs too, unless its scope has had its turn: then it
/// waits for the next (I34).
pub(crate) fn run_on_destroy(s: &Session<'_>) {
    let list = &s.state().callbacks.destroy;
    let mut turns = BTreeMap::new();
    // A scope that goes on making scopes while it is destroyed has to be stopped somewhere.
    'anew: for _ in 0..s.state().limits.runs_per_flush {
        let made = list.borrow().made();
        let mut order = list.borrow().within(s.namespace());
        order.sort_by_key(|(owner, key)| (Reverse(owner.depth()), *key));
        for (owner, key) in order {
            let turn = *turns.entry(owner.clone()).or_insert(made);
            if key >= turn {
                continue;
            }
            let Some((_, callback)) = list.borrow_mut().remove(key) else { continue };
            let view = s.at(&owner);
            if let Err(failure) = catch(|| callback(&view)) {
                tracing::error!(%failure, scope = %owner, "an on_destroy callback failed");
            }
            if list.borrow().made() != made {
                continue 'anew;
            }
        }
        return;
    }
    tracing::error!(scope = %s.namespace(), "on_destroy callbacks go on making others, which are not run");
}

fn take(list: &List, key: u64) -> Option<(Namespace, Option<Callback>, bool)> {
    let mut list = list.borrow_mut();
    let (owner, entry) = list.get_mut(key)?;
    let taken = (owner.clone(), entry.callback.take(), entry.once);
    if taken.2 {
        list.remove(key);
    }
    Some(taken)
}

/// A registered callback.
///
/// Dropping it leaves the callback registered (decision 6).
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// The beginning of the session's id: in another session the same key is somebody else's callback.
    session: u64,
    moment: Moment,
    key: Option<u64>,
}

impl Registration {
    /// Takes the callback back. Does nothing when it has run or was cancelled before (G13, G25).
    ///
    /// In another session than the one it was registered in it does nothing.
    pub fn cancel(self, s: &Session<'_>) {
        if let Some(key) = self.key.filter(|_| self.session == s.state().mark()) {
            let removed = s.state().callbacks.list(self.moment).borrow_mut().remove(key);
            drop(removed);
        }
    }
}

impl Session<'_> {
    /// Runs `callback` once, in the next flush: after effects and outputs ran and before their results are
    /// sent (G9). What it sets is flushed after that (G15).
    ///
    /// A callback that fails ends the session with 1011, after the flush is sent (decision 23).
    pub fn on_flush<F>(&self, callback: F) -> Registration
    where
        F: FnOnce(&Session<'_>) -> Result<()> + Send + 'static,
    {
        self.register(Moment::Flush, true, once(callback))
    }

    /// As [`on_flush`](Self::on_flush), in every flush (the reference's `once=False`).
    pub fn on_every_flush<F>(&self, callback: F) -> Registration
    where
        F: FnMut(&Session<'_>) -> Result<()> + Send + 'static,
    {
        self.register(Moment::Flush, false, Box::new(callback))
    }

    /// Runs `callback` once, after the results of the next flush are sent (G9).
    ///
    /// A callback that fails ends the session with 1011.
    pub fn on_flushed<F>(&self, callback: F) -> Registration
    where
        F: FnOnce(&Session<'_>) -> Result<()> + Send + 'static,
    {
        self.register(Moment::Flushed, true, once(callback))
    }

    /// As [`on_flushed`](Self::on_flushed), after every flush (the reference's `once=False`).
    pub fn on_every_flushed<F>(&self, callback: F) -> Registration
    where
        F: FnMut(&Session<'_>) -> Result<()> + Send + 'static,
    {
        self.register(Moment::Flushed, false, Box::new(callback))
    }

    /// As [`on_flush`](Self::on_flush), in two steps (decision 5): `callback` runs in the flush, in its turn, and gives a
    /// future, which goes on beside everything else. The flush does not wait for it; it is dropped with this scope.
    ///
    /// A failure of either step ends the session with 1011.
    pub fn on_flush_async<F, Fut>(&self, callback: F) -> Registration
    where
        F: FnOnce(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.on_flush(|s| s.go_on(Moment::Flush, callback(s)?))
    }

    /// As [`on_flushed`](Self::on_flushed), in two steps, as [`on_flush_async`](Self::on_flush_async).
    pub fn on_flushed_async<F, Fut>(&self, callback: F) -> Registration
    where
        F: FnOnce(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.on_flushed(|s| s.go_on(Moment::Flushed, callback(s)?))
    }

    /// Drives the second step of a callback of a flush.
    fn go_on<Fut>(&self, moment: Moment, future: Fut) -> Result<()>
    where
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.spawn(Waiting::Nobody, future, move |s, outcome| {
            if let Err(Interrupt::Failed(failure)) = outcome {
                tracing::error!(%failure, ?moment, "a callback failed");
                s.state().fail();
            }
        });
        Ok(())
    }

    /// Runs `callback` when the session ends, whoever ended it: in the order of registration, with values
    /// and inputs readable, before anything is destroyed (G19, G26). Registered through a module, it runs at
    /// the end of the session, unless the module is destroyed before (H11, H12).
    ///
    /// A callback that fails is logged; the others run. Registered after the end, it never runs (G24).
    pub fn on_ended<F>(&self, callback: F) -> Registration
    where
        F: FnOnce(&Session<'_>) -> Result<()> + Send + 'static,
    {
        self.register(Moment::Ended, true, once(callback))
    }

    /// As [`on_ended`](Self::on_ended), in two steps: `callback` runs at the end and gives a future, which
    /// is awaited for up to [`Limits::end_grace`](crate::Limits::end_grace) and then dropped (decision 16).
    pub fn on_ended_async<F, Fut>(&self, callback: F) -> Registration
    where
        F: FnOnce(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.on_ended(|s| {
            let future = callback(s)?;
            s.spawn(Waiting::Nobody, future, |_, outcome| {
                if let Err(failure) = outcome {
                    tracing::error!(%failure, "an on_ended callback failed");
                }
            });
            Ok(())
        })
    }

    fn register(&self, moment: Moment, once: bool, callback: Callback) -> Registration {
        let state = self.state();
        if state.stub || matches!(state.phase.get(), Phase::Ending | Phase::Ended) {
            return Registration { session: state.mark(), moment, key: None };
        }
        let entry = Entry { once, callback: Some(callback) };
        let key = state.callbacks.list(moment).borrow_mut().insert(self.namespace(), entry);
        Registration { session: state.mark(), moment, key: Some(key) }
    }
}

fn once<F>(callback: F) -> Callback
where
    F: FnOnce(&Session<'_>) -> Result<()> + Send + 'static,
{
    let mut callback = Some(callback);
    Box::new(move |s| callback.take().map_or(Ok(()), |callback| callback(s)))
}
