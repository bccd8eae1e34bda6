//! The graph beside a model that remembers nothing and computes everything anew: any graph, any order of changes.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests say what they expect by panicking, as the tests do"
)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use reactive::{Calc, Cx, Effect, EffectOptions, Graph, Interrupt, Scope, Value};

/// What is done to the graph. Numbers name things by their order of making, modulo how many there are.
#[derive(Clone, Debug)]
enum Op {
    Value { scope: usize, datum: Option<i64> },
    Calc { scope: usize, rule: Rule, deps: [usize; 3], distinct: bool },
    Effect { scope: usize, dep: usize, priority: i32, suspended: bool },
    Scope { parent: usize },
    Set { source: usize, datum: i64 },
    Replace { source: usize, datum: i64 },
    Unset { source: usize },
    Read { source: usize },
    DestroySource { source: usize },
    DestroyEffect { effect: usize },
    DestroyScope { scope: usize },
    Suspend { effect: usize },
    Resume { effect: usize },
    Settle,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Sum,
    /// The second or the third, as the first is odd or even.
    Choose,
    Parity,
}

fn op() -> impl Strategy<Value = Op> {
    let n = 0..64_usize;
    let datum = -3..4_i64;
    let rule = prop_oneof![Just(Rule::Sum), Just(Rule::Choose), Just(Rule::Parity)];
    prop_oneof![
        3 => (n.clone(), proptest::option::weighted(0.8, datum.clone()))
            .prop_map(|(scope, datum)| Op::Value { scope, datum }),
        6 => (n.clone(), rule, [n.clone(), n.clone(), n.clone()], any::<bool>())
            .prop_map(|(scope, rule, deps, distinct)| Op::Calc { scope, rule, deps, distinct }),
        4 => (n.clone(), n.clone(), -1..2_i32, proptest::bool::weighted(0.2))
            .prop_map(|(scope, dep, priority, suspended)| {
                Op::Effect { scope, dep, priority, suspended }
            }),
        1 => n.clone().prop_map(|parent| Op::Scope { parent }),
        8 => (n.clone(), datum.clone()).prop_map(|(source, datum)| Op::Set { source, datum }),
        1 => (n.clone(), datum).prop_map(|(source, datum)| Op::Replace { source, datum }),
        1 => n.clone().prop_map(|source| Op::Unset { source }),
        2 => n.clone().prop_map(|source| Op::Read { source }),
        1 => n.clone().prop_map(|source| Op::DestroySource { source }),
        1 => n.clone().prop_map(|effect| Op::DestroyEffect { effect }),
        1 => n.clone().prop_map(|scope| Op::DestroyScope { scope }),
        2 => n.clone().prop_map(|effect| Op::Suspend { effect }),
        2 => n.prop_map(|effect| Op::Resume { effect }),
        6 => Just(Op::Settle),
    ]
}

/// What a read gives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Datum(i64),
    Silent,
    Destroyed,
}

impl From<Result<i64, Interrupt>> for Seen {
    fn from(result: Result<i64, Interrupt>) -> Self {
        match result {
            Ok(datum) => Self::Datum(datum),
            Err(Interrupt::Silent) => Self::Silent,
            Err(Interrupt::Destroyed(_)) => Self::Destroyed,
            Err(other) => unreachable!("{other}"),
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    Value(Value<i64>),
    Calc(Calc<i64>),
}

impl Source {
    fn get(self, cx: &Cx<'_>) -> Result<i64, Interrupt> {
        match self {
            Self::Value(value) => value.get(cx),
            Self::Calc(calc) => calc.get(cx),
        }
    }
}

/// The rule, over any way to read the three dependencies.
fn apply<X>(rule: Rule, mut read: impl FnMut(usize) -> Result<i64, X>) -> Result<i64, X> {
    Ok(match rule {
        Rule::Sum => read(0)? + read(1)? + read(2)?,
        Rule::Choose if read(0)? % 2 == 0 => read(2)?,
        Rule::Choose => read(1)?,
        Rule::Parity => read(0)?.rem_euclid(2),
    })
}

enum Model {
    Value(Option<i64>),
    Calc(Rule, [usize; 3]),
}

struct ModelSource {
    key: Source,
    model: Model,
    scope: usize,
    alive: bool,
}

struct ModelEffect {
    key: Effect,
    dep: usize,
    priority: i32,
    suspended: bool,
    scope: usize,
    alive: bool,
    /// What its latest run saw; none before the first.
    seen: Option<Seen>,
}

struct ModelScope {
    key: Scope,
    parent: usize,
    alive: bool,
}

struct World {
    graph: Graph,
    sources: Vec<ModelSource>,
    effects: Vec<ModelEffect>,
    scopes: Vec<ModelScope>,
    /// Runs since the last settling: which effect, and what it saw.
    runs: Arc<Mutex<Vec<(usize, Seen)>>>,
    /// Whether anything was done since then that may run an effect.
    touched: bool,
}

impl World {
    fn new() -> Self {
        let graph = Graph::new(());
        let root = ModelScope { key: graph.cx().scope(), parent: 0, alive: true };
        Self {
            graph,
            sources: Vec::new(),
            effects: Vec::new(),
            scopes: vec![root],
            runs: Arc::default(),
            touched: false,
        }
    }

    fn expected(&self, source: usize) -> Seen {
        fn read(world: &World, source: usize) -> Result<i64, Seen> {
            let ModelSource { model, alive, .. } = &world.sources[source];
            match model {
                _ if !alive => Err(Seen::Destroyed),
                Model::Value(datum) => datum.ok_or(Seen::Silent),
                Model::Calc(rule, deps) => apply(*rule, |at| read(world, deps[at])),
            }
        }
        read(self, source).map_or_else(|seen| seen, Seen::Datum)
    }

    /// A view of a scope, alive or not.
    fn inside(&self, scope: usize) -> Option<Cx<'_>> {
        let result = self.graph.cx().in_scope(self.scopes[scope].key);
        assert_eq!(result.is_ok(), self.scopes[scope].alive);
        result.ok()
    }

    fn apply(&mut self, op: &Op) {
        let scope_count = self.scopes.len();
        let (source_count, effect_count) = (self.sources.len(), self.effects.len());
        match *op {
            Op::Value { scope, datum } => {
                let scope = scope % scope_count;
                let Some(cx) = self.inside(scope) else { return };
                let value = datum.map_or_else(|| cx.value_unset(), |datum| cx.value(datum));
                let model = Model::Value(datum);
                let key = Source::Value(value);
                self.sources.push(ModelSource { key, model, scope, alive: true });
            }
            Op::Calc { scope, rule, deps, distinct } if source_count > 0 => {
                let scope = scope % scope_count;
                let deps = deps.map(|dep| dep % source_count);
                let keys = deps.map(|dep| self.sources[dep].key);
                let Some(cx) = self.inside(scope) else { return };
                let compute = move |cx: &Cx<'_>| apply(rule, |at| keys[at].get(cx));
                let calc = if distinct { cx.calc_distinct(compute) } else { cx.calc(compute) };
                let model = Model::Calc(rule, deps);
                self.sources.push(ModelSource {
                    key: Source::Calc(calc),
                    model,
                    scope,
                    alive: true,
                });
            }
            Op::Effect { scope, dep, priority, suspended } if source_count > 0 => {
                let (scope, dep) = (scope % scope_count, dep % source_count);
                let source = self.sources[dep].key;
                let runs = Arc::clone(&self.runs);
                let Some(cx) = self.inside(scope) else { return };
                let options = EffectOptions { priority, suspended };
                let key = cx.effect_with(options, move |cx| {
                    let result = source.get(cx);
                    runs.lock().unwrap().push((effect_count, result.clone().into()));
                    result.map(|_| ())
                });
                self.effects.push(ModelEffect {
                    key,
                    dep,
                    priority,
                    suspended,
                    scope,
                    alive: true,
                    seen: None,
                });
                self.touched = true;
            }
            Op::Scope { parent } => {
                let parent = parent % scope_count;
                let Some(cx) = self.inside(parent) else { return };
                let key = cx.child_scope();
                self.scopes.push(ModelScope { key, parent, alive: true });
            }
            Op::Set { source, datum } | Op::Replace { source, datum } if source_count > 0 => {
                let source = source % source_count;
                let ModelSource { key, model, alive, .. } = &mut self.sources[source];
                let (Source::Value(value), Model::Value(old)) = (*key, model) else { return };
                let cx = self.graph.cx();
                if let Op::Set { .. } = op {
                    let result = value.set(&cx, datum);
                    assert_eq!(result.ok(), alive.then_some(*old != Some(datum)));
                    self.touched |= *old != Some(datum);
                } else {
                    assert_eq!(value.replace(&cx, datum).is_ok(), *alive);
                    self.touched = true;
                }
                *old = Some(datum);
            }
            Op::Unset { source } if source_count > 0 => {
                let source = source % source_count;
                let ModelSource { key, model, alive, .. } = &mut self.sources[source];
                let (Source::Value(value), Model::Value(old)) = (*key, model) else { return };
                let result = value.unset(&self.graph.cx());
                assert_eq!(result.ok(), alive.then_some(old.is_some()));
                *old = None;
                self.touched = true;
            }
            Op::Read { source } if source_count > 0 => {
                let source = source % source_count;
                let seen: Seen = self.sources[source].key.get(&self.graph.cx()).into();
                assert_eq!(seen, self.expected(source), "source {source}");
            }
            Op::DestroySource { source } if source_count > 0 => {
                let source = &mut self.sources[source % source_count];
                match source.key {
                    Source::Value(value) => value.destroy(&self.graph.cx()),
                    Source::Calc(calc) => calc.destroy(&self.graph.cx()),
                }
                source.alive = false;
                self.touched = true;
            }
            Op::DestroyEffect { effect } if effect_count > 0 => {
                let effect = &mut self.effects[effect % effect_count];
                effect.key.destroy(&self.graph.cx());
                effect.alive = false;
            }
            Op::DestroyScope { scope } => self.destroy_scope(scope % scope_count),
            Op::Suspend { effect } if effect_count > 0 => {
                let effect = &mut self.effects[effect % effect_count];
                effect.key.suspend(&self.graph.cx());
                effect.suspended = true;
            }
            Op::Resume { effect } if effect_count > 0 => {
                let effect = &mut self.effects[effect % effect_count];
                effect.key.resume(&self.graph.cx());
                effect.suspended = false;
                self.touched = true;
            }
            Op::Settle => self.settle(),
            _ => {}
        }
    }

    fn destroy_scope(&mut self, scope: usize) {
        assert!(self.scopes[scope].key.destroy(&self.graph.cx()).is_empty());
        let mut gone = BTreeSet::from([scope]);
        for (at, other) in self.scopes.iter().enumerate() {
            if at != 0 && gone.contains(&other.parent) {
                gone.insert(at);
            }
        }
        for at in gone.iter().filter(|at| **at != 0) {
            self.scopes[*at].alive = false;
        }
        for source in self.sources.iter_mut().filter(|source| gone.contains(&source.scope)) {
            source.alive = false;
        }
        for effect in self.effects.iter_mut().filter(|effect| gone.contains(&effect.scope)) {
            effect.alive = false;
        }
        self.touched = true;
    }

    fn settle(&mut self) {
        let count = self.graph.flush(1000, |_| ()).expect("effects that only read do settle");
        assert!(!self.graph.has_pending());
        let runs = std::mem::take(&mut *self.runs.lock().unwrap());
        assert_eq!(runs.len(), count);
        assert!(self.touched || runs.is_empty(), "nothing changed, so nothing is to run");
        self.touched = false;
        let priorities: Vec<_> =
            runs.iter().map(|(at, _)| std::cmp::Reverse(self.effects[*at].priority)).collect();
        assert!(priorities.is_sorted(), "higher priorities run first: {runs:?}");
        let mut ran = BTreeSet::new();
        for (at, seen) in runs {
            assert!(ran.insert(at), "effect {at} ran twice");
            assert_eq!(seen, self.expected(self.effects[at].dep), "effect {at} saw a glitch");
            let effect = &mut self.effects[at];
            assert!(effect.alive && !effect.suspended, "effect {at} must not run");
            effect.seen = Some(seen);
        }
        for (at, effect) in self.effects.iter().enumerate() {
            if effect.alive && !effect.suspended {
                assert_eq!(effect.seen, Some(self.expected(effect.dep)), "effect {at} missed news");
            }
        }
        self.check_counts();
    }

    fn check_counts(&self) {
        let counts = self.graph.counts();
        let alive = |is_calc| {
            let kind = |source: &&ModelSource| matches!(source.key, Source::Calc(_)) == is_calc;
            self.sources.iter().filter(kind).filter(|source| source.alive).count()
        };
        assert_eq!((counts.values, counts.calcs), (alive(false), alive(true)));
        assert_eq!(counts.effects, self.effects.iter().filter(|effect| effect.alive).count());
        assert_eq!(counts.scopes, self.scopes.iter().filter(|scope| scope.alive).count());
        assert!(counts.edges <= 3 * counts.calcs + counts.effects);
    }

    fn end(mut self) {
        self.settle();
        self.destroy_scope(0);
        assert_eq!(self.graph.flush(1, |_| ()).expect("nothing is left to run"), 0);
        self.check_counts();
        assert_eq!(self.graph.counts(), Graph::new(()).counts());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_graph_agrees_with_computing_everything_anew(
        ops in proptest::collection::vec(op(), 1..150),
    ) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
        }
        world.end();
    }
}
