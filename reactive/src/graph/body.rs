//! What a node keeps, and the edge at which its closure is called and its data dropped: a panic of either stays there.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Graph;
use super::arena::flag;
use crate::key::Key;
use crate::{Cx, Failure, Interrupt};

/// A callback that is told of invalidations.
pub(crate) struct Hook<E: 'static> {
    /// Of one run (`Cx::on_invalidate`), or of an effect for as long as it lives.
    pub(crate) is_once: bool,
    pub(crate) call: HookFn<E>,
}

pub(crate) type HookFn<E> = Box<dyn FnMut(&Cx<'_, E>) -> Result<(), Interrupt> + Send>;

/// What is particular to the kind of a node. Each kind answers what it can be asked; the rest does nothing.
pub(crate) trait Body<E>: Send {
    /// A value's datum, an `Option<T>`.
    fn datum(&mut self) -> Option<&mut dyn Any> {
        None
    }

    /// A calc's result, a `Cached<T>`.
    fn result(&self) -> Option<&dyn Any> {
        None
    }

    /// Computes a calc. By shared reference, because a calc may read itself.
    fn compute(&self, _cx: &Cx<'_, E>) -> Computed {
        Computed { is_new: false, is_heavy: false }
    }

    /// Drops a calc's result.
    fn release(&self) {}

    /// Runs an effect.
    fn run(&mut self, _cx: &Cx<'_, E>) -> Result<(), Interrupt> {
        Ok(())
    }
}

/// Why a calc could not be computed at all.
#[derive(Clone, Copy)]
pub(crate) enum Blocked {
    InUse,
    TooDeep,
}

/// How a computation went.
#[derive(Clone, Copy)]
pub(crate) struct Computed {
    /// The result differs, as far as the calc can tell.
    pub(crate) is_new: bool,
    /// The result has something to drop.
    pub(crate) is_heavy: bool,
}

/// A calc that runs, with those that led to it: where its closure is found when it reads itself (B9).
pub(crate) struct Frame<'g, E: 'static> {
    pub(crate) key: Key,
    pub(crate) body: &'g (dyn Body<E> + 'g),
    pub(crate) parent: Option<&'g Self>,
}

impl<'g, E> Frame<'g, E> {
    pub(crate) fn find(from: Option<&'g Self>, key: Key) -> Option<&'g Self> {
        let mut frame = from?;
        while frame.key != key {
            frame = frame.parent?;
        }
        Some(frame)
    }
}

/// A body out of its slot. It goes back when this is dropped, however the closure that used it ended.
pub(crate) struct Taken<'g, E: 'static> {
    pub(crate) graph: &'g Graph<E>,
    pub(crate) key: Key,
    pub(crate) body: Option<Box<dyn Body<E>>>,
}

impl<E> Drop for Taken<'_, E> {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        let mut store = self.graph.store.borrow_mut();
        let outdated = flag::CALC | flag::HEAVY | flag::DIRTY;
        let release = store
            .node(self.key)
            .is_some_and(|node| node.flags & (outdated | flag::DISTINCT) == outdated);
        if release {
            // It was invalidated while it was in use, so that it is released only now (B18).
            drop(store);
            body.release();
            store = self.graph.store.borrow_mut();
        }
        match store.node(self.key) {
            Some(node) => node.body = Some(body),
            None => {
                drop(store);
                discard(body);
            }
        }
    }
}

/// Runs user code; a panic becomes a failure.
pub(crate) fn guarded<R>(call: impl FnOnce() -> Result<R, Interrupt>) -> Result<R, Interrupt> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(payload) => {
            let failure = Failure::from_panic(&*payload);
            discard(payload);
            Err(Interrupt::Failed(failure))
        }
    }
}

/// Drops user data where an unwinding `Drop` must not get in the way.
pub(crate) fn discard<T>(data: T) {
    if std::mem::needs_drop::<T>() {
        // A payload that panics in turn is given up on.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(data))) {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        }
    }
}
