//! What a running closure may do.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use crate::calc::{CalcBody, Compare, Distinct, Plain};
use crate::effect::EffectBody;
use crate::graph::arena::{Observer, flag};
use crate::graph::{Body, Frame, Hook, HookFn};
use crate::key::Key;
use crate::value::Datum;
use crate::{Calc, CallbackKey, Effect, EffectOptions, Graph, Interrupt, Kind, Scope, Value};

/// A view of a graph: from which scope it is seen, and who takes dependencies by reading. Every closure gets one, with
/// the scope it was made in (B11, C27); [`Graph::cx`] gives one to start from.
///
/// What is made through a view whose scope was destroyed is destroyed from the start.
///
/// Reading without a view is not possible, nor is asking whether a value is set (A2, B8):
/// ```compile_fail,E0061
/// # // spec: A2
/// let graph = reactive::Graph::new(());
/// let value = graph.cx().value(1);
/// value.get();
/// ```
/// ```compile_fail,E0061
/// # // spec: A2, A3
/// # let graph = reactive::Graph::new(());
/// let value = graph.cx().value_unset::<i32>();
/// value.is_set();
/// ```
/// ```compile_fail,E0061
/// # // spec: B8
/// # let graph = reactive::Graph::new(());
/// let calc = graph.cx().calc(|_| Ok(1));
/// calc.get();
/// ```
pub struct Cx<'g, E: 'static = ()> {
    pub(crate) graph: &'g Graph<E>,
    pub(crate) scope: Scope,
    pub(crate) observer: Option<Observer>,
    pub(crate) frame: Option<&'g Frame<'g, E>>,
}

impl<E> Clone for Cx<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Cx<'_, E> {}

impl<'g, E: 'static> Cx<'g, E> {
    /// What the graph's owner keeps beside it.
    pub fn env(&self) -> &'g E {
        self.graph.env()
    }

    /// The graph.
    pub fn graph(&self) -> &'g Graph<E> {
        self.graph
    }

    /// The scope in which things are made.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The same view, but reads take no dependencies (D1, D2).
    #[must_use]
    pub fn isolate(&self) -> Self {
        Self { observer: None, ..*self }
    }

    /// The same view of another scope.
    ///
    /// # Errors
    /// [`Destroyed`](Interrupt::Destroyed) if that scope is no more.
    pub fn in_scope(&self, scope: Scope) -> Result<Self, Interrupt> {
        if scope.is_alive(self) {
            Ok(Self { scope, ..*self })
        } else {
            Err(Graph::<E>::destroyed(Kind::Scope, scope.made_at))
        }
    }

    /// Whether reads take dependencies: inside a calc or an effect, and not isolated.
    pub fn is_tracking(&self) -> bool {
        self.observer.is_some()
    }

    /// Makes a value with a datum.
    #[track_caller]
    pub fn value<T: Send + 'static>(&self, datum: T) -> Value<T> {
        self.make_value(Some(datum))
    }

    /// Makes a value without a datum: reading it stops silently until it is set (A4).
    #[track_caller]
    pub fn value_unset<T: Send + 'static>(&self) -> Value<T> {
        self.make_value(None)
    }

    /// Makes a calc. It does not run until it is read (B1).
    ///
    /// It computes in one step: its closure gives a result, not something that has yet to be awaited (B13).
    /// ```compile_fail,E0308
    /// # // spec: B13
    /// let graph = reactive::Graph::new(());
    /// let calc: reactive::Calc<i32> = graph.cx().calc(|_| async { Ok(1) });
    /// ```
    #[track_caller]
    pub fn calc<T, F>(&self, compute: F) -> Calc<T>
    where
        F: Fn(&Cx<'_, E>) -> Result<T, Interrupt> + Send + 'static,
        T: Send + 'static,
    {
        self.make_calc::<T, F, Plain>(compute)
    }

    /// Makes a calc whose readers run again only if its result differs from the one before.
    ///
    /// A silent stop equals a silent stop; a failure always differs.
    #[track_caller]
    pub fn calc_distinct<T, F>(&self, compute: F) -> Calc<T>
    where
        F: Fn(&Cx<'_, E>) -> Result<T, Interrupt> + Send + 'static,
        T: PartialEq + Send + 'static,
    {
        self.make_calc::<T, F, Distinct>(compute)
    }

    /// Makes an effect. It is queued at once and runs when its turn comes (C1), also in the midst of a flush (C5).
    ///
    /// Its closure gets the view and nothing else (B19).
    /// ```compile_fail,E0593
    /// # // spec: B19
    /// let graph = reactive::Graph::new(());
    /// graph.cx().effect(|_cx, _more| Ok(()));
    /// ```
    #[track_caller]
    pub fn effect<F>(&self, run: F) -> Effect
    where
        F: FnMut(&Cx<'_, E>) -> Result<(), Interrupt> + Send + 'static,
    {
        self.effect_with(EffectOptions::default(), run)
    }

    /// Makes an effect with a priority, or one that waits to be resumed (C10).
    #[track_caller]
    pub fn effect_with<F>(&self, options: EffectOptions, run: F) -> Effect
    where
        F: FnMut(&Cx<'_, E>) -> Result<(), Interrupt> + Send + 'static,
    {
        let EffectOptions { priority, suspended } = options;
        let flags = flag::EFFECT | flag::DIRTY | if suspended { flag::SUSPENDED } else { 0 };
        let made_at = Location::caller();
        let key = self.insert(flags, priority, Box::new(EffectBody(run)), made_at);
        if key != Key::STALE {
            self.graph.store.borrow_mut().queue_effect(key.index);
        }
        Effect { key, made_at }
    }

    /// Makes a scope inside this one: it goes when this one goes, or before.
    #[track_caller]
    pub fn child_scope(&self) -> Scope {
        self.scope.make_child(self, Location::caller())
    }

    /// Calls back when the scope of this view is destroyed; see [`Scope::on_destroy`].
    pub fn on_destroy<F>(&self, callback: F) -> CallbackKey
    where
        F: FnOnce(&Cx<'_, E>) -> Result<(), Interrupt> + Send + 'static,
    {
        self.scope.on_destroy(self, callback)
    }

    /// Calls back once: when what runs now, an effect or a calc, is invalidated or destroyed. For what a run starts and
    /// the next run must not find going on. The callback takes no dependencies.
    ///
    /// Where no dependencies are taken there is nothing to wait for, and the callback is dropped.
    pub fn on_invalidate<F>(&self, callback: F)
    where
        F: FnOnce(&Cx<'_, E>) -> Result<(), Interrupt> + Send + 'static,
    {
        let Some(observer) = self.observer else { return };
        let is_live = match self.graph.store.borrow_mut().node(observer.key) {
            Some(node) => node.state() != flag::DIRTY,
            None => false,
        };
        let mut callback = Some(callback);
        let call: HookFn<E> =
            Box::new(move |cx| callback.take().map_or(Ok(()), |callback| callback(cx)));
        let hook = Hook { is_once: true, call };
        if is_live {
            let mut store = self.graph.store.borrow_mut();
            store.nodes[observer.key.index as usize].flags |= flag::HOOKED;
            store.hooks.entry(observer.key.index).or_default().push(hook);
        } else {
            // This run has undone itself already.
            self.graph.run_late_hook(observer.key, self.scope, hook);
        }
    }

    #[track_caller]
    fn make_value<T: Send + 'static>(&self, datum: Option<T>) -> Value<T> {
        let flags = if datum.is_some() { flag::SET } else { 0 };
        let made_at = Location::caller();
        let key = self.insert(flags, 0, Box::new(Datum(datum)), made_at);
        Value { key, made_at, datum: PhantomData }
    }

    #[track_caller]
    fn make_calc<T, F, C>(&self, compute: F) -> Calc<T>
    where
        F: Fn(&Cx<'_, E>) -> Result<T, Interrupt> + Send + 'static,
        T: Send + 'static,
        C: Compare<T> + 'static,
    {
        let made_at = Location::caller();
        let body = Box::new(CalcBody::<T, F, C>::new(compute));
        let key = self.insert(C::FLAGS | flag::DIRTY, 0, body, made_at);
        Calc { key, made_at, result: PhantomData }
    }

    fn insert(
        &self,
        flags: u32,
        priority: i32,
        body: Box<dyn Body<E>>,
        made_at: &'static Location<'static>,
    ) -> Key {
        let inserted =
            self.graph.store.borrow_mut().insert(self.scope, flags, priority, body, made_at);
        // A body that comes back is dropped here, with no borrow held.
        inserted.unwrap_or(Key::STALE)
    }
}

impl<E> fmt::Debug for Cx<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("scope", &self.scope)
            .field("is_tracking", &self.observer.is_some())
            .finish_non_exhaustive()
    }
}
