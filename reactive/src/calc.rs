//! What follows from other things.

use std::any::Any;
use std::cell::{RefCell, RefMut};
use std::marker::PhantomData;
use std::panic::Location;

use crate::graph::arena::{Store, flag};
use crate::graph::mark::Change;
use crate::graph::{Body, Computed, Frame, Taken, discard, guarded};
use crate::key::{Key, identity};
use crate::value::is_plain;
use crate::{Cx, Graph, InUse, Interrupt, Kind};

/// A result that is computed when it is read and out of date, and kept otherwise (B1, B2, B3): also if it is an error
/// or a silent stop (B4, B5). A key: `Copy`, and reached through a [`Cx`].
///
/// When something it has read changes, its readers are told at once, whether or not its result will differ; a calc made
/// by [`Cx::calc_distinct`] tells them only once it does.
pub struct Calc<T> {
    pub(crate) key: Key,
    pub(crate) made_at: &'static Location<'static>,
    pub(crate) result: PhantomData<fn() -> T>,
}
identity!(Calc<T>);

/// What a calc keeps. Borrowed, never taken out, so that a calc that reads itself finds it.
type Cached<T> = RefCell<Option<Result<T, Interrupt>>>;

/// How the results of two runs compare.
pub(crate) trait Compare<T> {
    const FLAGS: u32;
    fn is_same(old: &T, new: &T) -> bool;
}

pub(crate) struct Plain;
pub(crate) struct Distinct;

impl<T> Compare<T> for Plain {
    const FLAGS: u32 = flag::CALC;
    fn is_same(_old: &T, _new: &T) -> bool {
        false
    }
}

impl<T: PartialEq> Compare<T> for Distinct {
    const FLAGS: u32 = flag::CALC | flag::DISTINCT;
    fn is_same(old: &T, new: &T) -> bool {
        old == new
    }
}

pub(crate) struct CalcBody<T, F, C> {
    result: Cached<T>,
    compute: F,
    compare: PhantomData<fn() -> C>,
}

impl<T, F, C> CalcBody<T, F, C> {
    pub(crate) fn new(compute: F) -> Self {
        Self { result: RefCell::new(None), compute, compare: PhantomData }
    }
}

impl<E, T, F, C> Body<E> for CalcBody<T, F, C>
where
    E: 'static,
    T: Send + 'static,
    F: Fn(&Cx<'_, E>) -> Result<T, Interrupt> + Send + 'static,
    C: Compare<T> + 'static,
{
    fn result(&self) -> Option<&dyn Any> {
        Some(&self.result)
    }

    fn compute(&self, cx: &Cx<'_, E>) -> Computed {
        let new = guarded(|| (self.compute)(cx));
        let is_failure = matches!(new, Err(Interrupt::Failed(_)));
        // In the middle of a `with` of the result that reads the calc anew, the result stays.
        let Ok(mut result) = self.result.try_borrow_mut() else {
            discard(new);
            return Computed { is_new: true, is_heavy: true };
        };
        let old = result.replace(new);
        let is_heavy = std::mem::needs_drop::<T>() || is_failure;
        if C::FLAGS & flag::DISTINCT == 0 {
            drop(result);
            discard_result(old);
            return Computed { is_new: true, is_heavy };
        }
        let mut is_new = true;
        let mut panicked = None;
        match (&old, &*result) {
            (Some(Ok(old)), Some(Ok(new))) if is_plain::<T>() => is_new = !C::is_same(old, new),
            (Some(Ok(old)), Some(Ok(new))) => match guarded(|| Ok(C::is_same(old, new))) {
                Ok(is_same) => is_new = !is_same,
                Err(interrupt) => panicked = result.replace(Err(interrupt)),
            },
            (Some(Err(old)), Some(Err(new))) => is_new = !old.is_same(new),
            _ => {}
        }
        drop(result);
        discard_result(panicked);
        discard_result(old);
        Computed { is_new, is_heavy }
    }

    fn release(&self) {
        if let Ok(mut result) = self.result.try_borrow_mut() {
            let old = result.take();
            drop(result);
            discard(old);
        }
    }
}

impl<T: Send + 'static> Calc<T> {
    /// The result, cloned, computed first if need be; the running calc or effect becomes a dependent.
    ///
    /// # Errors
    /// What the closure returned, again and again until a dependency changes (B4, B5); a panic is
    /// [`Failed`](Interrupt::Failed). [`Destroyed`](Interrupt::Destroyed) (B14). [`TooDeep`](crate::TooDeep) if calcs
    /// read one another without end. [`InUse`] inside its own [`with`](Self::with).
    #[inline]
    pub fn get<E: 'static>(self, cx: &Cx<'_, E>) -> Result<T, Interrupt>
    where
        T: Clone,
    {
        if !is_plain::<T>() {
            return self.with(cx, T::clone);
        }
        let mut store = cx.graph.store.borrow_mut();
        if let Some(node) = store.node(self.key)
            && node.flags & (flag::STATE | flag::RUNNING) == flag::CLEAN
            && let Some(result) = node.body.as_deref().and_then(peek::<T, E>)
        {
            store.track(self.key.index, cx.observer);
            return result;
        }
        self.get_anew(cx, store)
    }

    /// As [`get`](Self::get), of a plain `T`, where the result is not simply there.
    #[inline(never)]
    fn get_anew<E: 'static>(
        self,
        cx: &Cx<'_, E>,
        mut store: RefMut<'_, Store<E>>,
    ) -> Result<T, Interrupt>
    where
        T: Clone,
    {
        let flags = store.node(self.key).ok_or_else(|| self.destroyed())?.flags;
        store.track(self.key.index, cx.observer);
        self.update(cx, flags, store)?;
        {
            let mut store = cx.graph.store.borrow_mut();
            let node = store.node(self.key).ok_or_else(|| self.destroyed())?;
            if let Some(result) = node.body.as_deref().and_then(peek::<T, E>) {
                return result;
            }
        }
        self.read(cx, T::clone)
    }

    /// What `read` makes of the result, without a clone of it; otherwise as [`get`](Self::get).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn with<E: 'static, R>(
        self,
        cx: &Cx<'_, E>,
        read: impl FnOnce(&T) -> R,
    ) -> Result<R, Interrupt> {
        let mut store = cx.graph.store.borrow_mut();
        let flags = store.node(self.key).ok_or_else(|| self.destroyed())?.flags;
        store.track(self.key.index, cx.observer);
        if flags & (flag::STATE | flag::RUNNING) == flag::CLEAN {
            drop(store);
        } else {
            self.update(cx, flags, store)?;
        }
        self.read(cx, read)
    }

    /// Puts a result in the place of what the closure returned, and tells the readers: for a result that is made outside
    /// the graph, after a closure that read what it depends on and returned [`InProgress`](Interrupt::InProgress). What
    /// the closure has read stays what the calc depends on.
    ///
    /// Says whether it did: the result of a run that is out of date by now, or of a calc that was never read, is dropped.
    ///
    /// # Errors
    /// [`Destroyed`](Interrupt::Destroyed). [`InUse`] inside its own [`with`](Self::with).
    pub fn resolve<E: 'static>(
        self,
        cx: &Cx<'_, E>,
        result: Result<T, Interrupt>,
    ) -> Result<bool, Interrupt> {
        let is_heavy = std::mem::needs_drop::<T>() || matches!(result, Err(Interrupt::Failed(_)));
        let mut store = cx.graph.store.borrow_mut();
        let node = store.node(self.key).ok_or_else(|| self.destroyed())?;
        if node.flags & flag::RUNNING != 0 || node.state() == flag::DIRTY {
            drop(store);
            discard(result);
            return Ok(false);
        }
        let mut result = Some(result);
        let swap = |body: &(dyn Body<E> + 'static)| {
            let mut cached = body.result()?.downcast_ref::<Cached<T>>()?.try_borrow_mut().ok()?;
            Some(std::mem::replace(&mut *cached, result.take()))
        };
        let Some(old) = node.body.as_deref().and_then(swap) else {
            drop(store);
            discard(result);
            return Err(InUse.into());
        };
        node.flags = node.flags & !flag::HEAVY | if is_heavy { flag::HEAVY } else { 0 };
        store.invalidate_readers(self.key.index, Change::Datum);
        cx.graph.end_change(store);
        discard_result(old);
        Ok(true)
    }

    /// Frees it. Its readers run again and find it destroyed (B15); what it has read does not reach it any more (B16).
    /// A second time nothing happens (B17).
    pub fn destroy<E: 'static>(self, cx: &Cx<'_, E>) {
        cx.graph.destroy_node(self.key);
    }

    /// Where it was made.
    pub fn made_at(self) -> &'static Location<'static> {
        self.made_at
    }

    fn destroyed(self) -> Interrupt {
        Graph::<()>::destroyed(Kind::Calc, self.made_at)
    }

    /// Computes it: a calc that runs already and reads itself runs once more (B9).
    #[inline]
    fn update<E: 'static>(
        self,
        cx: &Cx<'_, E>,
        flags: u32,
        store: RefMut<'_, Store<E>>,
    ) -> Result<(), Interrupt> {
        let is_dirty = flags & flag::STATE == flag::DIRTY && !cx.graph.is_at_chain_end();
        let updated = if flags & flag::RUNNING != 0 || is_dirty {
            cx.graph.evaluate(cx, self.key, store)
        } else {
            cx.graph.refresh(cx, self.key, store)
        };
        updated.map_err(|blocked| cx.graph.explain(blocked))
    }

    /// Reads what is kept, which is the newest result even if it is out of date again (B10).
    fn read<E: 'static, R>(
        self,
        cx: &Cx<'_, E>,
        read: impl FnOnce(&T) -> R,
    ) -> Result<R, Interrupt> {
        let taken = {
            let mut store = cx.graph.store.borrow_mut();
            let node = store.node(self.key).ok_or_else(|| self.destroyed())?;
            node.body.take()
        };
        match taken {
            Some(body) => {
                let taken = Taken { graph: cx.graph, key: self.key, body: Some(body) };
                taken.body.as_deref().map_or(Err(InUse.into()), |body| read_result(body, read))
            }
            None => {
                let frame = Frame::find(cx.frame, self.key).ok_or(InUse)?;
                read_result(frame.body, read)
            }
        }
    }
}

/// Drops a result out of the way of a `Drop` that panics, where there is one to run.
#[inline]
fn discard_result<T>(result: Option<Result<T, Interrupt>>) {
    if std::mem::needs_drop::<T>() || matches!(result, Some(Err(Interrupt::Failed(_)))) {
        discard(result);
    }
}

fn read_result<T: 'static, E, R>(
    body: &(dyn Body<E> + '_),
    read: impl FnOnce(&T) -> R,
) -> Result<R, Interrupt> {
    let cached = body.result().and_then(<dyn Any>::downcast_ref::<Cached<T>>).ok_or(InUse)?;
    let result = cached.try_borrow().map_err(|_| InUse)?;
    match &*result {
        Some(Ok(result)) => Ok(read(result)),
        Some(Err(interrupt)) => Err(interrupt.clone()),
        None => Err(InUse.into()),
    }
}

/// The result in its place, for a `T` whose clone runs no code of the user's.
#[inline]
fn peek<T: Clone + 'static, E>(body: &(dyn Body<E> + 'static)) -> Option<Result<T, Interrupt>> {
    body.result()?.downcast_ref::<Cached<T>>()?.try_borrow().ok()?.clone()
}
