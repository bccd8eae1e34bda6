//! The graph itself, and the one place that runs closures.
//!
//! The rule of this file: *take before you call*. A closure, and with it the datum or result it works on, is moved out
//! of the arena before it runs and put back afterwards; no borrow is held meanwhile, so a closure may read, set, make
//! and destroy anything, itself included.

pub(crate) mod arena;
mod body;
mod counts;
pub(crate) mod edges;
pub(crate) mod mark;
mod queue;

use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem;
use std::panic::Location;

use self::arena::{Observer, Store, Wreck, flag};
pub(crate) use self::body::{
    Blocked, Body, Computed, Frame, Hook, HookFn, Taken, discard, guarded,
};
pub use self::counts::Counts;
use self::mark::{LONG_CHAIN, Pull, Step};
use crate::key::{Key, NONE};
use crate::{Cx, Destroyed, Effect, InUse, Interrupt, Kind, Scope, TooDeep};

/// How deep calcs may read one another for the first time unless [`Graph::set_max_depth`] says otherwise:
/// enough for a chain of 100,000, and few enough for an endless recursion to end within some 100 MB of stack.
pub const DEFAULT_MAX_DEPTH: usize = 1 << 17;

/// Every so many levels of nested calcs the stack is looked at.
const STACK_CHECK_LEVELS: usize = 8;
/// What has to be left on the stack then: 32 KiB for each level until the next look.
const STACK_RED_ZONE: usize = 256 << 10;
/// What is added when less is left.
const STACK_SEGMENT: usize = 4 << 20;

/// A reactive graph with what its owner keeps beside it, `E`, in every closure's reach through [`Cx::env`].
///
/// A graph is `Send` when `E` is, and never `Sync`. Dropping it frees everything; callbacks run only when
/// [`Scope::destroy`] is called.
pub struct Graph<E: 'static = ()> {
    env: E,
    root: Scope,
    pub(crate) store: RefCell<Store<E>>,
    /// How many closures run, one inside the other.
    depth: Cell<usize>,
    max_depth: usize,
    /// The depth was exceeded, and not all of the closures concerned have returned yet.
    overrun: Cell<bool>,
}

/// One run of an effect.
#[derive(Debug)]
pub struct Run {
    /// Which; it knows where it was made.
    pub effect: Effect,
    /// How it went. A silent stop (C20) is an `Err` here too: what it means is the caller's to say.
    pub outcome: Result<(), Interrupt>,
}

/// Effects went on invalidating one another.
#[derive(Debug, thiserror::Error)]
#[error("effects still invalidated one another after {runs} runs; the next in turn was made at {}",
    .pending.first().map_or_else(String::new, |effect| effect.made_at().to_string()))]
#[non_exhaustive]
pub struct Runaway {
    /// How many effects had run.
    pub runs: usize,
    /// Those whose turn would be next.
    pub pending: Vec<Effect>,
}

impl<E: 'static> Graph<E> {
    /// An empty graph.
    #[track_caller]
    pub fn new(env: E) -> Self {
        let seed = RandomState::new().build_hasher().finish() as u32;
        let store = Store::new(seed, Location::caller());
        Self {
            env,
            root: store.root(),
            store: RefCell::new(store),
            depth: Cell::new(0),
            max_depth: DEFAULT_MAX_DEPTH,
            overrun: Cell::new(false),
        }
    }

    /// What the owner keeps beside the graph.
    pub fn env(&self) -> &E {
        &self.env
    }

    /// What the owner keeps beside the graph.
    pub fn env_mut(&mut self) -> &mut E {
        &mut self.env
    }

    /// A view of the root scope that takes no dependencies.
    pub fn cx(&self) -> Cx<'_, E> {
        Cx { graph: self, scope: self.root, observer: None, frame: None }
    }

    /// Runs the effect whose turn it is: higher priority first, then first in, first out (E1). `None` means that all
    /// is settled. Inside a running closure it is always `None`: what is pending waits for the caller's own turn.
    ///
    /// A [`Run`] is also how the failure of an on-invalidate callback is reported, ahead of any effect.
    pub fn run_next(&self) -> Option<Run> {
        if self.depth.get() > 0 {
            return None;
        }
        loop {
            let mut store = self.store.borrow_mut();
            if let Some(mishap) = store.mishaps.pop_front() {
                return Some(mishap);
            }
            let key = store.queue.pop()?;
            let Some(node) = store.node(key) else { continue };
            node.flags &= !flag::QUEUED;
            if node.is(flag::SUSPENDED) {
                continue; // pending until resumed
            }
            if node.state() == flag::CHECK {
                self.refresh(&self.cx(), key, store).ok();
                store = self.store.borrow_mut();
            }
            let Some(begun) = store.begin_effect(key) else { continue };
            drop(store);
            return Some(self.run_effect(key, begun));
        }
    }

    /// Whether [`run_next`](Self::run_next) has something to do. Suspended effects do not count. Effects below distinct
    /// calcs do, even if it will turn out that nothing changed for them.
    pub fn has_pending(&self) -> bool {
        let store = self.store.borrow();
        !store.mishaps.is_empty() || store.queue.iter().any(|key| store.is_runnable(key))
    }

    /// Runs effects until all is settled, and tells how many ran; each run is shown to `on_run`.
    ///
    /// # Errors
    /// [`Runaway`] if something is still pending after `max_runs`. What is pending stays so.
    pub fn flush(&self, max_runs: usize, mut on_run: impl FnMut(Run)) -> Result<usize, Runaway> {
        let mut runs = 0;
        loop {
            if runs == max_runs && self.has_pending() {
                let store = self.store.borrow();
                let pending = store
                    .queue
                    .iter()
                    .filter(|key| store.is_runnable(*key))
                    .map(|key| store.effect_at(key.index))
                    .collect();
                return Err(Runaway { runs, pending });
            }
            match self.run_next() {
                Some(run) => on_run(run),
                None => return Ok(runs),
            }
            runs += 1;
        }
    }

    /// How deep closures may run inside one another; [`DEFAULT_MAX_DEPTH`] at first. A read beyond it fails with
    /// [`TooDeep`]. The stack grows as needed, so this bounds memory, not correctness.
    pub fn set_max_depth(&mut self, max_depth: usize) {
        self.max_depth = max_depth;
    }

    #[inline(always)]
    fn run_effect(&self, key: Key, begun: Begun<E>) -> Run {
        let Begun { mut body, scope, effect, run } = begun;
        let cx = Cx { graph: self, scope, observer: Some(Observer { key, run }), frame: None };
        let outcome = self.nested(|| guarded(|| body.run(&cx)));

        let mut store = self.store.borrow_mut();
        match store.node(key) {
            Some(node) => {
                node.flags &= !flag::RUNNING;
                node.body = Some(body);
                store.trim(key.index);
            }
            None => {
                drop(store);
                discard(body);
            }
        }
        Run { effect, outcome }
    }

    /// Brings a calc up to date, or finds out whether an effect in doubt is dirty.
    ///
    /// # Errors
    /// Only when the node itself could not be computed. How its closure went is in its result.
    pub(crate) fn refresh<'s>(
        &'s self,
        cx: &Cx<'_, E>,
        key: Key,
        mut store: RefMut<'s, Store<E>>,
    ) -> Result<(), Blocked> {
        let descend =
            self.is_at_chain_end() && store.is_dirty_calc(key) && store.is_long_chain(key.index);
        let mut pull = Pull::new(key, descend);
        let base = store.pulls.len();
        loop {
            let evaluated = match store.look_at(&mut pull) {
                Step::Descend { to, descend } => {
                    store.pulls.push(std::mem::replace(&mut pull, Pull::new(to, descend)));
                    continue;
                }
                Step::Evaluate(next) => {
                    let result = self.evaluate(cx, next, store);
                    store = self.store.borrow_mut();
                    if next != pull.key {
                        if result.is_err() {
                            store.doubt(&pull);
                        }
                        continue;
                    }
                    result
                }
                Step::Done => Ok(()),
            };
            // Back to what this one was wanted for.
            if store.pulls.len() == base {
                return evaluated;
            }
            let Some(reader) = store.pulls.pop() else { return evaluated };
            pull = reader;
            if evaluated.is_err() {
                store.doubt(&pull);
            }
        }
    }

    /// Whether closures are nested so deep that it is worth a look whether a long chain of calcs goes on.
    #[inline]
    pub(crate) fn is_at_chain_end(&self) -> bool {
        self.depth.get() % LONG_CHAIN as usize == LONG_CHAIN as usize - 1
    }

    /// Runs the closure of a calc.
    ///
    /// # Errors
    /// When it could not be run: it is destroyed, in use, or too deep.
    pub(crate) fn evaluate(
        &self,
        cx: &Cx<'_, E>,
        key: Key,
        mut store: RefMut<'_, Store<E>>,
    ) -> Result<(), Blocked> {
        if self.depth.get() >= self.max_depth {
            self.overrun.set(true);
            return Err(Blocked::TooDeep);
        }
        let Some(node) = store.node(key) else { return Ok(()) };
        let taken = node.body.take();
        let was_running = node.flags & flag::RUNNING;
        let body = match &taken {
            Some(body) => &**body,
            None => self.body_in_use(cx, key, was_running)?,
        };
        node.flags = node.flags & !(flag::STATE | flag::SCANNING) | flag::RUNNING;
        node.last_dep = NONE;
        let scope = node.scope;
        let scope = store.scope_at(scope);
        let run = store.next_run();
        drop(store);

        let frame = Frame { key, body, parent: cx.frame };
        let inner =
            Cx { graph: self, scope, observer: Some(Observer { key, run }), frame: Some(&frame) };
        let computed = self.nested(|| body.compute(&inner));

        let mut store = self.store.borrow_mut();
        let Some(node) = store.node(key) else {
            drop(store);
            discard(taken);
            return Ok(());
        };
        let heavy = if computed.is_heavy { flag::HEAVY } else { 0 };
        let flags = node.flags & !(flag::HEAVY | flag::RUNNING) | was_running | heavy;
        node.flags = flags;
        if taken.is_some() {
            node.body = taken;
        }
        store.trim(key.index);
        if flags & flag::DISTINCT != 0 && (computed.is_new || flags & flag::STATE != flag::CLEAN) {
            store.confirm_readers(key.index);
            self.end_change(store);
        }
        Ok(())
    }

    /// The body of a calc that is out of its slot: if it runs, it reads itself.
    #[cold]
    fn body_in_use<'g>(
        &self,
        cx: &Cx<'g, E>,
        key: Key,
        is_running: u32,
    ) -> Result<&'g (dyn Body<E> + 'g), Blocked> {
        if is_running != 0 && self.overrun.get() {
            return Err(Blocked::TooDeep);
        }
        Frame::find(cx.frame, key).map(|frame| frame.body).ok_or(Blocked::InUse)
    }

    #[cold]
    pub(crate) fn explain(&self, blocked: Blocked) -> Interrupt {
        match blocked {
            Blocked::InUse => InUse.into(),
            Blocked::TooDeep => TooDeep { limit: self.max_depth }.into(),
        }
    }

    /// Counts a level, and grows the stack when it gets short. `call` does not unwind.
    #[inline]
    pub(crate) fn nested<R>(&self, call: impl FnOnce() -> R) -> R {
        let depth = self.depth.get() + 1;
        self.depth.set(depth);
        let result = if depth.is_multiple_of(STACK_CHECK_LEVELS) {
            stacker::maybe_grow(STACK_RED_ZONE, STACK_SEGMENT, call)
        } else {
            call()
        };
        self.depth.set(depth - 1);
        if depth == 1 {
            self.overrun.set(false);
        }
        result
    }

    /// Ends the borrow under which something was marked.
    #[inline(always)]
    pub(crate) fn end_change(&self, store: RefMut<'_, Store<E>>) {
        let due = store.marks.are_due();
        drop(store);
        if due {
            self.run_due();
        }
    }

    /// Runs what a change left to do once everything is marked: old results are dropped (B18), then on-invalidate
    /// callbacks run.
    #[cold]
    pub(crate) fn run_due(&self) {
        loop {
            let mut store = self.store.borrow_mut();
            if let Some(key) = store.marks.releases.pop() {
                let Some(body) = store.node(key).and_then(|node| node.body.take()) else {
                    continue;
                };
                drop(store);
                let taken = Taken { graph: self, key, body: Some(body) };
                if let Some(body) = &taken.body {
                    body.release();
                }
                continue;
            }
            let Some(key) = store.marks.hooks_due.pop_front() else { return };
            let hooks = store.hooks.get_mut(&key.index).map(mem::take);
            let Some(mut hooks) = hooks.filter(|hooks| !hooks.is_empty()) else { continue };
            let effect = store.effect_at(key.index);
            let scope = store.scope_of(key.index);
            drop(store);
            self.run_hooks(effect, scope, &mut hooks);
            discard(hooks.extract_if(.., |hook| hook.is_once).collect::<Vec<_>>());
            let mut store = self.store.borrow_mut();
            if store.node(key).is_none() {
                drop(store);
                discard(hooks);
                continue;
            }
            let kept = store.hooks.entry(key.index).or_default();
            // Those that were added meanwhile come last.
            hooks.append(kept);
            *kept = hooks;
            if kept.is_empty() {
                store.hooks.remove(&key.index);
                if let Some(node) = store.node(key) {
                    node.flags &= !flag::HOOKED;
                }
            }
        }
    }

    /// Runs a callback of a run that is invalid or destroyed already.
    pub(crate) fn run_late_hook(&self, key: Key, scope: Scope, hook: Hook<E>) {
        let made_at = self.store.borrow_mut().node(key).map_or(scope.made_at, |node| node.made_at);
        let mut hooks = [hook];
        self.run_hooks(Effect { key, made_at }, scope, &mut hooks);
        discard(hooks);
    }

    fn run_hooks(&self, effect: Effect, scope: Scope, hooks: &mut [Hook<E>]) {
        let cx = Cx { graph: self, scope, observer: None, frame: None };
        for hook in hooks {
            if let Err(interrupt) = self.nested(|| guarded(|| (hook.call)(&cx))) {
                let run = Run { effect, outcome: Err(interrupt) };
                self.store.borrow_mut().mishaps.push_back(run);
            }
        }
    }

    /// Destroys one node; a stale key is a no-op (A17, B17, C16).
    pub(crate) fn destroy_node(&self, key: Key) {
        let mut store = self.store.borrow_mut();
        if store.node(key).is_none() {
            return;
        }
        let mut wreck = Wreck::new();
        let scope = store.scope_of(key.index);
        store.leave_scope(key.index);
        store.remove(key.index, &mut wreck);
        store.invalidate_orphans(&wreck.orphans);
        drop(store);
        self.clear_away(wreck, |_| scope);
    }

    /// Runs and drops what destroyed nodes left behind.
    pub(crate) fn clear_away(&self, wreck: Wreck<E>, scope_of: impl Fn(&Effect) -> Scope) {
        let Wreck { bodies, hooks, silent_hooks, orphans: _ } = wreck;
        for (effect, mut hooks) in hooks {
            self.run_hooks(effect, scope_of(&effect), &mut hooks);
            discard(hooks);
        }
        self.run_due();
        discard(silent_hooks);
        for body in bodies {
            discard(body);
        }
    }

    /// The error of a stale key.
    pub(crate) fn destroyed(kind: Kind, made_at: &'static Location<'static>) -> Interrupt {
        Interrupt::Destroyed(Destroyed::new(kind, made_at))
    }
}

/// An effect that is about to run, out of its slot.
struct Begun<E: 'static> {
    body: Box<dyn Body<E>>,
    scope: Scope,
    effect: Effect,
    run: u32,
}

impl<E: 'static> Store<E> {
    /// Takes an effect out of its slot to run it, if something changed for it.
    #[inline(always)]
    fn begin_effect(&mut self, key: Key) -> Option<Begun<E>> {
        let run = self.next_run();
        let node = self.node(key)?;
        if node.state() == flag::CLEAN || node.is(flag::SUSPENDED) {
            return None;
        }
        let body = node.body.take()?;
        node.flags = node.flags & !flag::STATE | flag::RUNNING;
        node.last_dep = NONE;
        node.stamp = run;
        let effect = Effect { key, made_at: node.made_at };
        Some(Begun { body, scope: self.scope_of(key.index), effect, run })
    }

    fn is_runnable(&self, key: Key) -> bool {
        self.nodes
            .get(key.index as usize)
            .is_some_and(|node| node.generation == key.generation && !node.is(flag::SUSPENDED))
    }
}

impl<E: fmt::Debug + 'static> fmt::Debug for Graph<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("env", &self.env)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
