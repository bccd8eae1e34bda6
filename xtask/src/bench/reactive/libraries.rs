//! The libraries, each behind the same few operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use reactive::{Calc, Cx, Graph, Scope, Value};
use reactive_graph::computed::Memo;
use reactive_graph::effect::Effect;
use reactive_graph::owner::Owner;
use reactive_graph::signal::RwSignal;
use reactive_graph::traits::{Get, Set};
use sycamore_reactive::{NodeHandle, ReadSignal, Signal};

/// Where effects write what they see.
pub(super) type Sink = Arc<AtomicU64>;

pub(super) struct Built<L: Library> {
    pub(super) sources: Vec<L::Source>,
    pub(super) sink: Sink,
}

/// What is timed is the same closure everywhere: the sum of what it reads, plus one where it reads one thing.
pub(super) trait Library {
    const NAME: &'static str;
    type Source: Clone;
    type Calc: Clone;
    type Scope;

    /// Runs `call` in a graph of its own.
    fn within<R>(call: impl FnOnce(&Self) -> R) -> R;
    fn source(&self, datum: u64) -> Self::Source;
    fn calc_of_source(&self, source: &Self::Source) -> Self::Calc;
    fn calc_of(&self, calc: &Self::Calc) -> Self::Calc;
    fn sum_of(&self, calcs: Vec<Self::Calc>) -> Self::Calc;
    fn sum_of_sources(&self, sources: Vec<Self::Source>) -> Self::Calc;
    fn effect_of(&self, calc: &Self::Calc, sink: &Sink);
    fn read(&self, calc: &Self::Calc) -> u64;
    /// Sets a source and runs what follows.
    fn set(&self, source: &Self::Source, datum: u64);
    /// Runs what is pending.
    fn settle(&self) {}
    /// What `call` makes, to be disposed of as a whole.
    fn scope(&self, call: impl FnOnce(&Self)) -> Self::Scope;
    fn dispose(&self, scope: Self::Scope);

    fn sink() -> Sink {
        Sink::default()
    }

    fn seen(sink: &Sink) -> u64 {
        sink.load(Ordering::Relaxed)
    }
}

/// Ours, with calcs that compare their results.
pub(super) struct Ours {
    graph: Graph,
    scope: std::cell::Cell<Scope>,
}

impl Ours {
    fn cx(&self) -> Cx<'_> {
        let cx = self.graph.cx();
        cx.in_scope(self.scope.get()).unwrap_or(cx)
    }
}

impl Library for Ours {
    const NAME: &'static str = "ours";
    type Source = Value<u64>;
    type Calc = Calc<u64>;
    type Scope = Scope;

    fn within<R>(call: impl FnOnce(&Self) -> R) -> R {
        let graph = Graph::new(());
        let scope = std::cell::Cell::new(graph.cx().scope());
        call(&Self { graph, scope })
    }

    fn source(&self, datum: u64) -> Value<u64> {
        self.cx().value(datum)
    }

    fn calc_of_source(&self, source: &Value<u64>) -> Calc<u64> {
        let source = *source;
        self.cx().calc_distinct(move |cx| Ok(source.get(cx)? + 1))
    }

    fn calc_of(&self, calc: &Calc<u64>) -> Calc<u64> {
        let calc = *calc;
        self.cx().calc_distinct(move |cx| Ok(calc.get(cx)? + 1))
    }

    fn sum_of(&self, calcs: Vec<Calc<u64>>) -> Calc<u64> {
        self.cx().calc_distinct(move |cx| calcs.iter().map(|calc| calc.get(cx)).sum())
    }

    fn sum_of_sources(&self, sources: Vec<Value<u64>>) -> Calc<u64> {
        self.cx().calc_distinct(move |cx| sources.iter().map(|source| source.get(cx)).sum())
    }

    fn effect_of(&self, calc: &Calc<u64>, sink: &Sink) {
        let (calc, sink) = (*calc, Arc::clone(sink));
        self.cx().effect(move |cx| {
            sink.store(calc.get(cx)?, Ordering::Relaxed);
            Ok(())
        });
    }

    fn read(&self, calc: &Calc<u64>) -> u64 {
        calc.get(&self.cx()).unwrap_or_default()
    }

    fn set(&self, source: &Value<u64>, datum: u64) {
        source.set(&self.graph.cx(), datum).ok();
        self.settle();
    }

    fn settle(&self) {
        while self.graph.run_next().is_some() {}
    }

    fn scope(&self, call: impl FnOnce(&Self)) -> Scope {
        let scope = self.graph.cx().child_scope();
        let around = self.scope.replace(scope);
        call(self);
        self.scope.set(around);
        scope
    }

    fn dispose(&self, scope: Scope) {
        scope.destroy(&self.graph.cx());
    }
}

/// Ours, with calcs that do not compare.
pub(super) struct OursPlain(Ours);

impl Library for OursPlain {
    const NAME: &'static str = "ours, plain";
    type Source = Value<u64>;
    type Calc = Calc<u64>;
    type Scope = Scope;

    fn within<R>(call: impl FnOnce(&Self) -> R) -> R {
        let graph = Graph::new(());
        let scope = std::cell::Cell::new(graph.cx().scope());
        call(&Self(Ours { graph, scope }))
    }

    fn source(&self, datum: u64) -> Value<u64> {
        self.0.source(datum)
    }

    fn calc_of_source(&self, source: &Value<u64>) -> Calc<u64> {
        let source = *source;
        self.0.cx().calc(move |cx| Ok(source.get(cx)? + 1))
    }

    fn calc_of(&self, calc: &Calc<u64>) -> Calc<u64> {
        let calc = *calc;
        self.0.cx().calc(move |cx| Ok(calc.get(cx)? + 1))
    }

    fn sum_of(&self, calcs: Vec<Calc<u64>>) -> Calc<u64> {
        self.0.cx().calc(move |cx| calcs.iter().map(|calc| calc.get(cx)).sum())
    }

    fn sum_of_sources(&self, sources: Vec<Value<u64>>) -> Calc<u64> {
        self.0.cx().calc(move |cx| sources.iter().map(|source| source.get(cx)).sum())
    }

    fn effect_of(&self, calc: &Calc<u64>, sink: &Sink) {
        self.0.effect_of(calc, sink);
    }

    fn read(&self, calc: &Calc<u64>) -> u64 {
        self.0.read(calc)
    }

    fn set(&self, source: &Value<u64>, datum: u64) {
        self.0.set(source, datum);
    }

    fn settle(&self) {
        self.0.settle();
    }

    fn scope(&self, call: impl FnOnce(&Self)) -> Scope {
        let scope = self.0.graph.cx().child_scope();
        let around = self.0.scope.replace(scope);
        call(self);
        self.0.scope.set(around);
        scope
    }

    fn dispose(&self, scope: Scope) {
        self.0.dispose(scope);
    }
}

pub(super) struct Alien;

impl Library for Alien {
    const NAME: &'static str = "alien-signals";
    type Source = alien_signals::Signal<u64>;
    type Calc = alien_signals::Computed<u64>;
    type Scope = alien_signals::EffectScope;

    fn within<R>(call: impl FnOnce(&Self) -> R) -> R {
        call(&Self)
    }

    fn source(&self, datum: u64) -> Self::Source {
        alien_signals::Signal::new(datum)
    }

    fn calc_of_source(&self, source: &Self::Source) -> Self::Calc {
        let source = *source;
        alien_signals::Computed::new(move |_| source.get() + 1)
    }

    fn calc_of(&self, calc: &Self::Calc) -> Self::Calc {
        let calc = *calc;
        alien_signals::Computed::new(move |_| calc.get() + 1)
    }

    fn sum_of(&self, calcs: Vec<Self::Calc>) -> Self::Calc {
        alien_signals::Computed::new(move |_| calcs.iter().map(|calc| calc.get()).sum())
    }

    fn sum_of_sources(&self, sources: Vec<Self::Source>) -> Self::Calc {
        alien_signals::Computed::new(move |_| sources.iter().map(|source| source.get()).sum())
    }

    fn effect_of(&self, calc: &Self::Calc, sink: &Sink) {
        let (calc, sink) = (*calc, Arc::clone(sink));
        // Dropped, it would stop.
        Box::leak(Box::new(alien_signals::Effect::new(move || {
            sink.store(calc.get(), Ordering::Relaxed);
        })));
    }

    fn read(&self, calc: &Self::Calc) -> u64 {
        calc.get()
    }

    fn set(&self, source: &Self::Source, datum: u64) {
        source.set(datum);
    }

    fn scope(&self, call: impl FnOnce(&Self)) -> Self::Scope {
        call(self);
        alien_signals::EffectScope::new(|| ())
    }

    fn dispose(&self, scope: Self::Scope) {
        scope.dispose();
    }
}

pub(super) struct Sycamore;

impl Library for Sycamore {
    const NAME: &'static str = "sycamore";
    type Source = Signal<u64>;
    type Calc = ReadSignal<u64>;
    type Scope = NodeHandle;

    fn within<R>(call: impl FnOnce(&Self) -> R) -> R {
        let root = sycamore_reactive::create_root(|| ());
        let result = root.run_in(|| call(&Self));
        root.dispose();
        result
    }

    fn source(&self, datum: u64) -> Self::Source {
        sycamore_reactive::create_signal(datum)
    }

    fn calc_of_source(&self, source: &Self::Source) -> Self::Calc {
        let source = *source;
        sycamore_reactive::create_selector(move || source.get() + 1)
    }

    fn calc_of(&self, calc: &Self::Calc) -> Self::Calc {
        let calc = *calc;
        sycamore_reactive::create_selector(move || calc.get() + 1)
    }

    fn sum_of(&self, calcs: Vec<Self::Calc>) -> Self::Calc {
        sycamore_reactive::create_selector(move || calcs.iter().map(|calc| calc.get()).sum())
    }

    fn sum_of_sources(&self, sources: Vec<Self::Source>) -> Self::Calc {
        sycamore_reactive::create_selector(move || sources.iter().map(|source| source.get()).sum())
    }

    fn effect_of(&self, calc: &Self::Calc, sink: &Sink) {
        let (calc, sink) = (*calc, Arc::clone(sink));
        sycamore_reactive::create_effect(move || sink.store(calc.get(), Ordering::Relaxed));
    }

    fn read(&self, calc: &Self::Calc) -> u64 {
        calc.get()
    }

    fn set(&self, source: &Self::Source, datum: u64) {
        source.set(datum);
    }

    fn scope(&self, call: impl FnOnce(&Self)) -> Self::Scope {
        sycamore_reactive::create_child_scope(|| call(self))
    }

    fn dispose(&self, scope: Self::Scope) {
        scope.dispose();
    }
}

/// reactive_graph, with the effects it runs as tasks, which are run to their end after each change.
pub(super) struct Leptos;

impl Leptos {
    pub(super) fn start() -> anyhow::Result<()> {
        any_spawner::Executor::init_futures_executor().context("an executor is set already")
    }
}

impl Library for Leptos {
    const NAME: &'static str = "reactive_graph";
    type Source = RwSignal<u64>;
    type Calc = Memo<u64>;
    type Scope = Owner;

    fn within<R>(call: impl FnOnce(&Self) -> R) -> R {
        let owner = Owner::new();
        let result = owner.with(|| call(&Self));
        owner.cleanup();
        any_spawner::Executor::poll_local();
        result
    }

    fn source(&self, datum: u64) -> Self::Source {
        RwSignal::new(datum)
    }

    fn calc_of_source(&self, source: &Self::Source) -> Self::Calc {
        let source = *source;
        Memo::new(move |_| source.get() + 1)
    }

    fn calc_of(&self, calc: &Self::Calc) -> Self::Calc {
        let calc = *calc;
        Memo::new(move |_| calc.get() + 1)
    }

    fn sum_of(&self, calcs: Vec<Self::Calc>) -> Self::Calc {
        Memo::new(move |_| calcs.iter().map(|calc| calc.get()).sum())
    }

    fn sum_of_sources(&self, sources: Vec<Self::Source>) -> Self::Calc {
        Memo::new(move |_| sources.iter().map(|source| source.get()).sum())
    }

    fn effect_of(&self, calc: &Self::Calc, sink: &Sink) {
        let (calc, sink) = (*calc, Arc::clone(sink));
        Effect::new(move |_: Option<()>| sink.store(calc.get(), Ordering::Relaxed));
    }

    fn read(&self, calc: &Self::Calc) -> u64 {
        calc.get()
    }

    fn set(&self, source: &Self::Source, datum: u64) {
        source.set(datum);
        self.settle();
    }

    fn settle(&self) {
        any_spawner::Executor::poll_local();
    }

    fn scope(&self, call: impl FnOnce(&Self)) -> Self::Scope {
        let owner = Owner::new();
        owner.with(|| call(self));
        owner
    }

    fn dispose(&self, scope: Self::Scope) {
        scope.cleanup();
    }
}
