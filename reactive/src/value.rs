//! What is set from outside.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use crate::graph::arena::flag;
use crate::graph::{Body, Taken, mark};
use crate::key::{Key, identity};
use crate::{Cx, Graph, InUse, Interrupt, Kind};

/// A datum, or the lack of one, that readers depend on. A key: `Copy`, and reached through a [`Cx`].
pub struct Value<T> {
    pub(crate) key: Key,
    pub(crate) made_at: &'static Location<'static>,
    pub(crate) datum: PhantomData<fn() -> T>,
}
identity!(Value<T>);

/// A value as seen by those who may not set it: setting and unsetting are compile errors (A11).
///
/// ```compile_fail,E0599
/// # // spec: A11
/// let graph = reactive::Graph::new(());
/// let value = graph.cx().value(1).read_only();
/// value.set(&graph.cx(), 2);
/// ```
/// ```compile_fail,E0599
/// # // spec: A11
/// # let graph = reactive::Graph::new(());
/// # let value = graph.cx().value(1).read_only();
/// value.unset(&graph.cx());
/// ```
pub struct ReadValue<T> {
    key: Key,
    made_at: &'static Location<'static>,
    datum: PhantomData<fn() -> T>,
}
identity!(ReadValue<T>);

/// What the closure of [`Value::update`] says of its work: `()` is a change, a `bool` tells.
pub trait Change {
    /// Whether readers are to be told.
    fn is_change(&self) -> bool;
}

impl Change for () {
    fn is_change(&self) -> bool {
        true
    }
}

impl Change for bool {
    fn is_change(&self) -> bool {
        *self
    }
}

pub(crate) struct Datum<T>(pub(crate) Option<T>);

impl<E, T: Send + 'static> Body<E> for Datum<T> {
    fn datum(&mut self) -> Option<&mut dyn Any> {
        Some(&mut self.0)
    }
}

impl<T: Send + 'static> Value<T> {
    /// The datum, cloned; the running calc or effect becomes a dependent (A1).
    ///
    /// # Errors
    /// [`Silent`](Interrupt::Silent) if there is none; the dependency is taken all the same (A4).
    /// [`Destroyed`](Interrupt::Destroyed) (A13). [`InUse`] inside its own [`with`](Self::with).
    #[inline]
    pub fn get<E: 'static>(self, cx: &Cx<'_, E>) -> Result<T, Interrupt>
    where
        T: Clone,
    {
        if !is_plain::<T>() {
            return self.with(cx, T::clone);
        }
        let mut store = cx.graph.store.borrow_mut();
        let node = store.node(self.key).ok_or_else(|| self.destroyed())?;
        let datum = node.body.as_deref_mut().and_then(datum_of::<T, E>);
        let result = match datum {
            Some(Some(datum)) => Ok(datum.clone()),
            Some(None) => Err(Interrupt::Silent),
            None => Err(InUse.into()),
        };
        store.track(self.key.index, cx.observer);
        result
    }

    /// What `read` makes of the datum, without a clone of it; otherwise as [`get`](Self::get).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn with<E: 'static, R>(
        self,
        cx: &Cx<'_, E>,
        read: impl FnOnce(&T) -> R,
    ) -> Result<R, Interrupt> {
        self.track(cx)?;
        let mut taken = self.take(cx)?;
        match taken.datum::<T>() {
            Some(Some(datum)) => Ok(read(datum)),
            _ => Err(Interrupt::Silent),
        }
    }

    /// Puts a datum in its place and tells the readers, unless an equal one was there (A5, A6). Says whether it did.
    ///
    /// # Errors
    /// [`Destroyed`](Interrupt::Destroyed) (A13). [`InUse`] inside its own [`with`](Self::with).
    pub fn set<E: 'static>(self, cx: &Cx<'_, E>, datum: T) -> Result<bool, Interrupt>
    where
        T: PartialEq,
    {
        if is_plain::<T>() {
            return self.write(cx, Some(datum), |old, new| old == new);
        }
        if self
            .take(cx)?
            .datum::<T>()
            .is_some_and(|old| old.as_ref().is_some_and(|old| *old == datum))
        {
            return Ok(false);
        }
        self.write(cx, Some(datum), |_, _| false)
    }

    /// Puts a datum in its place and tells the readers, equal or not. Those that only asked whether there is one are
    /// told if there was none (A10).
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn replace<E: 'static>(self, cx: &Cx<'_, E>, datum: T) -> Result<(), Interrupt> {
        self.write(cx, Some(datum), |_, _| false).map(|_| ())
    }

    /// Changes the datum in place, and tells the readers unless `change` returns `false`. Says whether it did.
    /// Takes no dependency. If `change` panics, the readers are told, for the datum may be half changed.
    ///
    /// # Errors
    /// [`Silent`](Interrupt::Silent) if there is none. Otherwise as [`set`](Self::set).
    pub fn update<E: 'static, C: Change>(
        self,
        cx: &Cx<'_, E>,
        change: impl FnOnce(&mut T) -> C,
    ) -> Result<bool, Interrupt> {
        let mut taken = self.take(cx)?;
        let Some(Some(datum)) = taken.datum::<T>() else { return Err(Interrupt::Silent) };
        let outcome = catch_unwind(AssertUnwindSafe(|| change(datum).is_change()));
        drop(taken);
        if !matches!(outcome, Ok(false)) {
            let mut store = cx.graph.store.borrow_mut();
            if store.node(self.key).is_some() {
                store.invalidate_readers(self.key.index, mark::Change::Datum);
            }
            cx.graph.end_change(store);
        }
        outcome.or_else(|payload| resume_unwind(payload))
    }

    /// Takes the datum away and tells the readers, unless there was none (A8, A9). Says whether it did.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn unset<E: 'static>(self, cx: &Cx<'_, E>) -> Result<bool, Interrupt> {
        let is_set = {
            let mut store = cx.graph.store.borrow_mut();
            store.node(self.key).ok_or_else(|| self.destroyed())?.is(flag::SET)
        };
        if is_set {
            self.write(cx, None, |_, _| false)?;
        }
        Ok(is_set)
    }

    /// Takes the datum away and tells nobody; readers find out when they run for another reason (A12).
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn freeze<E: 'static>(self, cx: &Cx<'_, E>) -> Result<(), Interrupt> {
        let mut store = cx.graph.store.borrow_mut();
        let node = store.node(self.key).ok_or_else(|| self.destroyed())?;
        let datum = node.body.as_deref_mut().and_then(datum_of::<T, E>).ok_or(InUse)?;
        let old = datum.take();
        node.flags &= !flag::SET;
        drop(store);
        drop(old);
        Ok(())
    }

    /// Whether there is a datum. A dependent on this runs again when the answer changes, not when the datum does
    /// (A7, A8). Of a destroyed value the answer is no, and no dependency is taken (A14).
    pub fn is_set<E: 'static>(self, cx: &Cx<'_, E>) -> bool {
        let mut store = cx.graph.store.borrow_mut();
        let Some(node) = store.node(self.key) else { return false };
        let is_set = node.is(flag::SET);
        store.track_presence(self.key.index, cx.observer);
        is_set
    }

    /// Frees it. All who read it, or asked whether it is set, run again and find it destroyed (A15, A16).
    /// A second time nothing happens (A17).
    pub fn destroy<E: 'static>(self, cx: &Cx<'_, E>) {
        cx.graph.destroy_node(self.key);
    }

    /// The same value for those who may not set it.
    pub fn read_only(self) -> ReadValue<T> {
        ReadValue { key: self.key, made_at: self.made_at, datum: PhantomData }
    }

    /// Whether it was not destroyed; takes no dependency.
    pub fn is_alive<E: 'static>(self, cx: &Cx<'_, E>) -> bool {
        cx.graph.store.borrow_mut().node(self.key).is_some()
    }

    /// Where it was made.
    pub fn made_at(self) -> &'static Location<'static> {
        self.made_at
    }

    fn destroyed(self) -> Interrupt {
        Graph::<()>::destroyed(Kind::Value, self.made_at)
    }

    fn track<E: 'static>(self, cx: &Cx<'_, E>) -> Result<(), Interrupt> {
        let mut store = cx.graph.store.borrow_mut();
        if store.node(self.key).is_none() {
            return Err(self.destroyed());
        }
        store.track(self.key.index, cx.observer);
        Ok(())
    }

    fn take<'g, E: 'static>(self, cx: &Cx<'g, E>) -> Result<Taken<'g, E>, Interrupt> {
        let mut store = cx.graph.store.borrow_mut();
        let node = store.node(self.key).ok_or_else(|| self.destroyed())?;
        let body = node.body.take().ok_or(InUse)?;
        Ok(Taken { graph: cx.graph, key: self.key, body: Some(body) })
    }

    /// Puts a datum, or the lack of one, in place, unless `is_same` says that nothing changes; it is called with the
    /// graph borrowed, so it must run no code of the user's.
    fn write<E: 'static>(
        self,
        cx: &Cx<'_, E>,
        datum: Option<T>,
        is_same: impl FnOnce(&T, &T) -> bool,
    ) -> Result<bool, Interrupt> {
        let mut store = cx.graph.store.borrow_mut();
        let node = store.node(self.key).ok_or_else(|| self.destroyed())?;
        let slot = node.body.as_deref_mut().and_then(datum_of::<T, E>).ok_or(InUse)?;
        if let (Some(old), Some(new)) = (&*slot, &datum)
            && is_same(old, new)
        {
            return Ok(false);
        }
        let is_set = if datum.is_some() { flag::SET } else { 0 };
        let old = std::mem::replace(slot, datum);
        let change = if node.flags & flag::SET == is_set {
            mark::Change::Datum
        } else {
            mark::Change::Presence
        };
        node.flags = node.flags & !flag::SET | is_set;
        store.invalidate_readers(self.key.index, change);
        cx.graph.end_change(store);
        drop(old);
        Ok(true)
    }
}

impl<T: Send + 'static> ReadValue<T> {
    /// As [`Value::get`].
    ///
    /// # Errors
    /// As [`Value::get`].
    pub fn get<E: 'static>(self, cx: &Cx<'_, E>) -> Result<T, Interrupt>
    where
        T: Clone,
    {
        self.value().get(cx)
    }

    /// As [`Value::with`].
    ///
    /// # Errors
    /// As [`Value::get`].
    pub fn with<E: 'static, R>(
        self,
        cx: &Cx<'_, E>,
        read: impl FnOnce(&T) -> R,
    ) -> Result<R, Interrupt> {
        self.value().with(cx, read)
    }

    /// As [`Value::is_set`].
    pub fn is_set<E: 'static>(self, cx: &Cx<'_, E>) -> bool {
        self.value().is_set(cx)
    }

    /// As [`Value::destroy`] (A18).
    pub fn destroy<E: 'static>(self, cx: &Cx<'_, E>) {
        self.value().destroy(cx);
    }

    /// Where it was made.
    pub fn made_at(self) -> &'static Location<'static> {
        self.made_at
    }

    fn value(self) -> Value<T> {
        Value { key: self.key, made_at: self.made_at, datum: PhantomData }
    }
}

impl<T: Send + 'static> From<Value<T>> for ReadValue<T> {
    fn from(value: Value<T>) -> Self {
        value.read_only()
    }
}

impl<E: 'static> Taken<'_, E> {
    fn datum<T: 'static>(&mut self) -> Option<&mut Option<T>> {
        self.body.as_deref_mut().and_then(datum_of::<T, E>)
    }
}

#[inline]
fn datum_of<'a, T: 'static, E: 'static>(
    body: &'a mut (dyn Body<E> + 'static),
) -> Option<&'a mut Option<T>> {
    body.datum()?.downcast_mut()
}

/// Whether cloning, comparing and dropping a `T` runs no code of the user's, so that it may be done in place.
/// Known when compiling: no test is left in the program.
#[inline]
pub(crate) fn is_plain<T: 'static>() -> bool {
    macro_rules! is_one_of {
        ($($plain:ty),*) => { $(TypeId::of::<T>() == TypeId::of::<$plain>())||* };
    }
    is_one_of!(
        (),
        bool,
        char,
        u8,
        u16,
        u32,
        u64,
        u128,
        usize,
        i8,
        i16,
        i32,
        i64,
        i128,
        isize,
        f32,
        f64,
        String,
        &'static str
    )
}
