//! Where everything of a graph lives: nodes, the edges between them, and the scopes that own the nodes.
//!
//! ```text
//!   scope ──owns──► node ──► node            edge: one reader of one source
//!                    │ deps, in the order of the latest run      (list through `next_dep`)
//!                    ▼
//!                   edge  edge  edge
//!                    ▲
//!                    │ readers, oldest edge first                (list through `prev_reader`, `next_reader`)
//!                   node
//! ```
//!
//! Nothing in here runs a closure or drops user data: what leaves the arena is handed to the caller, who drops it once
//! the borrow has ended.

use std::collections::{BTreeMap, VecDeque};
use std::panic::Location;

use super::edges::{Edge, GONE, PRESENCE};
use super::mark::{Marks, Pull};
use super::queue::Queue;
use super::{Body, Hook, Run};
use crate::key::{Key, NONE};
use crate::scope::{Scope, ScopeSlot};
use crate::{Effect, Kind};

/// What a node is and how it stands, in one word.
pub(crate) mod flag {
    /// The two bits of the state.
    pub(crate) const STATE: u32 = 0b11;
    /// What is cached holds.
    pub(crate) const CLEAN: u32 = 0;
    /// Something below a distinct calc changed; whether that matters is found out when the node's turn comes.
    pub(crate) const CHECK: u32 = 1;
    /// A dependency changed.
    pub(crate) const DIRTY: u32 = 2;

    pub(crate) const CALC: u32 = 1 << 2;
    pub(crate) const EFFECT: u32 = 1 << 3;
    /// A calc that tells its readers only of a result that differs.
    pub(crate) const DISTINCT: u32 = 1 << 4;
    /// Its closure runs right now; the body is out of its slot.
    pub(crate) const RUNNING: u32 = 1 << 5;
    /// An effect that has a place in the queue.
    pub(crate) const QUEUED: u32 = 1 << 6;
    pub(crate) const SUSPENDED: u32 = 1 << 7;
    /// A value that has a datum.
    pub(crate) const SET: u32 = 1 << 8;
    /// An effect with on-invalidate callbacks.
    pub(crate) const HOOKED: u32 = 1 << 9;
    /// A calc whose result has something to drop.
    pub(crate) const HEAVY: u32 = 1 << 10;
    /// The node's dependencies are being re-checked and have not changed since that began.
    pub(crate) const SCANNING: u32 = 1 << 11;
}

pub(crate) struct Node<E: 'static> {
    pub(crate) generation: u32,
    pub(crate) flags: u32,
    pub(crate) first_reader: u32,
    /// Of an effect, which nobody reads, its priority.
    pub(crate) last_reader: u32,
    pub(crate) first_dep: u32,
    /// While the node runs, the last dependency that this run has read; those behind it are of the run before.
    pub(crate) last_dep: u32,
    /// Of an effect, the number of its latest run; of anything else, the number of the run that read it last.
    pub(crate) stamp: u32,
    pub(crate) scope: u32,
    pub(crate) prev_in_scope: u32,
    pub(crate) next_in_scope: u32,
    pub(crate) body: Option<Box<dyn Body<E>>>,
    pub(crate) made_at: &'static Location<'static>,
}

impl<E: 'static> Node<E> {
    /// Of an effect.
    pub(crate) fn priority(&self) -> i32 {
        self.last_reader.cast_signed()
    }

    /// Of an effect.
    pub(crate) fn set_priority(&mut self, priority: i32) {
        self.last_reader = priority.cast_unsigned();
    }

    pub(crate) fn state(&self) -> u32 {
        self.flags & flag::STATE
    }

    pub(crate) fn is(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }
}

/// No node has a greater index, so that the two constants above are none.
const MAX_NODES: usize = (PRESENCE - 1) as usize;

/// A run that is taking dependencies.
#[derive(Clone, Copy)]
pub(crate) struct Observer {
    pub(crate) key: Key,
    pub(crate) run: u32,
}

pub(crate) struct Store<E: 'static> {
    pub(crate) nodes: Vec<Node<E>>,
    free_node: u32,
    pub(crate) edges: Vec<Edge>,
    pub(crate) free_edge: u32,
    pub(crate) scopes: Vec<ScopeSlot<E>>,
    pub(crate) free_scope: u32,
    /// Where generations begin; where one comes round to again, its slot is retired.
    /// It differs from graph to graph, so that a key taken to another graph finds nothing there.
    pub(crate) seed: u32,
    pub(crate) runs: u32,
    pub(crate) callbacks_made: u64,
    pub(crate) queue: Queue,
    pub(crate) marks: Marks,
    pub(crate) pulls: Vec<Pull>,
    /// On-invalidate callbacks by effect.
    pub(crate) hooks: BTreeMap<u32, Vec<Hook<E>>>,
    /// Callbacks that failed, until `run_next` reports them.
    pub(crate) mishaps: VecDeque<Run>,
    pub(crate) values: usize,
    pub(crate) calcs: usize,
    pub(crate) effects: usize,
    pub(crate) live_edges: usize,
    pub(crate) live_scopes: usize,
}

impl<E: 'static> Store<E> {
    pub(crate) fn new(seed: u32, root_made_at: &'static Location<'static>) -> Self {
        Self {
            nodes: Vec::new(),
            free_node: NONE,
            edges: Vec::new(),
            free_edge: NONE,
            scopes: vec![ScopeSlot::new(seed, NONE, 0, root_made_at)],
            free_scope: NONE,
            seed,
            runs: 0,
            callbacks_made: 0,
            queue: Queue::default(),
            marks: Marks::default(),
            pulls: Vec::new(),
            hooks: BTreeMap::new(),
            mishaps: VecDeque::new(),
            values: 0,
            calcs: 0,
            effects: 0,
            live_edges: 0,
            live_scopes: 1,
        }
    }

    /// The node, unless the key is stale.
    #[inline]
    pub(crate) fn node(&mut self, key: Key) -> Option<&mut Node<E>> {
        self.nodes.get_mut(key.index as usize).filter(|node| node.generation == key.generation)
    }

    pub(crate) fn key_of(&self, index: u32) -> Key {
        Key { index, generation: self.nodes[index as usize].generation }
    }

    pub(crate) fn effect_at(&self, index: u32) -> Effect {
        let node = &self.nodes[index as usize];
        Effect { key: Key { index, generation: node.generation }, made_at: node.made_at }
    }

    pub(crate) fn scope_of(&self, index: u32) -> Scope {
        let scope = self.nodes[index as usize].scope;
        let slot = &self.scopes[scope as usize];
        Scope { key: Key { index: scope, generation: slot.generation }, made_at: slot.made_at }
    }

    /// Puts a node into a scope. If the scope is no more, the body comes back, for the caller to drop.
    pub(crate) fn insert(
        &mut self,
        scope: Scope,
        flags: u32,
        priority: i32,
        body: Box<dyn Body<E>>,
        made_at: &'static Location<'static>,
    ) -> Result<Key, Box<dyn Body<E>>> {
        if self.scope(scope.key).is_none() {
            return Err(body);
        }
        let mut node = Node {
            generation: self.seed,
            flags,
            first_reader: NONE,
            last_reader: if flags & flag::EFFECT == 0 { NONE } else { priority.cast_unsigned() },
            first_dep: NONE,
            last_dep: NONE,
            stamp: 0,
            scope: scope.key.index,
            prev_in_scope: self.scopes[scope.key.index as usize].last_node,
            next_in_scope: NONE,
            body: Some(body),
            made_at,
        };
        let index = if self.free_node == NONE {
            if self.nodes.len() > MAX_NODES {
                return node.body.take().map_or(Ok(Key::STALE), Err);
            }
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        } else {
            let index = self.free_node;
            let slot = &mut self.nodes[index as usize];
            self.free_node = slot.next_in_scope;
            node.generation = slot.generation;
            *slot = node;
            index
        };
        let key = self.key_of(index);
        let owner = &mut self.scopes[scope.key.index as usize];
        let before = std::mem::replace(&mut owner.last_node, index);
        if before == NONE {
            owner.first_node = index;
        } else {
            self.nodes[before as usize].next_in_scope = index;
        }
        *self.count_of(flags) += 1;
        Ok(key)
    }

    fn count_of(&mut self, flags: u32) -> &mut usize {
        match kind_of(flags) {
            Kind::Calc => &mut self.calcs,
            Kind::Effect => &mut self.effects,
            _ => &mut self.values,
        }
    }

    /// Takes a node out of its scope's list; the scope goes on.
    pub(crate) fn leave_scope(&mut self, index: u32) {
        let node = &self.nodes[index as usize];
        let (scope, prev, next) = (node.scope, node.prev_in_scope, node.next_in_scope);
        if prev == NONE {
            self.scopes[scope as usize].first_node = next;
        } else {
            self.nodes[prev as usize].next_in_scope = next;
        }
        if next == NONE {
            self.scopes[scope as usize].last_node = prev;
        } else {
            self.nodes[next as usize].prev_in_scope = prev;
        }
    }

    /// Cuts every edge of a node and frees its slot. Edges of readers in scopes that go on are noted in `wreck`.
    pub(crate) fn remove(&mut self, index: u32, wreck: &mut Wreck<E>) {
        let at = index as usize;
        let mut edge = self.nodes[at].first_reader;
        while edge != NONE {
            let Edge { reader, next_reader, .. } = self.edges[edge as usize];
            self.edges[edge as usize].dep = GONE;
            self.live_edges -= 1;
            let owner = self.nodes[reader as usize].scope;
            if !self.scopes[owner as usize].dying {
                wreck.orphans.push(edge);
            }
            edge = next_reader;
        }
        let mut edge = self.nodes[at].first_dep;
        while edge != NONE {
            edge = self.free_edge(edge);
        }

        let flags = self.nodes[at].flags;
        if flags & flag::HOOKED != 0 {
            let hooks = self.hooks.remove(&index).unwrap_or_default();
            if flags & flag::STATE == flag::DIRTY {
                wreck.silent_hooks.extend(hooks);
            } else {
                wreck.hooks.push((self.effect_at(index), hooks));
            }
        }
        *self.count_of(flags) -= 1;
        let node = &mut self.nodes[at];
        wreck.bodies.extend(node.body.take());
        node.flags = 0;
        node.first_reader = NONE;
        node.last_reader = NONE;
        node.first_dep = NONE;
        node.last_dep = NONE;
        node.generation = node.generation.wrapping_add(1);
        if node.generation == self.seed {
            return; // every generation has been used: a key of the first would name the next tenant
        }
        node.next_in_scope = self.free_node;
        self.free_node = index;
    }

    /// The number of a run that begins.
    pub(crate) fn next_run(&mut self) -> u32 {
        if self.runs == u32::MAX {
            self.renumber_runs();
        }
        self.runs += 1;
        self.runs
    }

    /// Numbers of runs have reached their end: they begin anew, with the order of the effects kept.
    fn renumber_runs(&mut self) {
        let mut effects: Vec<u32> = (0..self.nodes.len() as u32)
            .filter(|index| self.nodes[*index as usize].is(flag::EFFECT))
            .collect();
        effects.sort_by_key(|index| self.nodes[*index as usize].stamp);
        for node in &mut self.nodes {
            node.stamp = 0;
        }
        for (order, index) in (1..).zip(&effects) {
            self.nodes[*index as usize].stamp = order;
        }
        self.runs = effects.len() as u32;
    }
}

pub(crate) fn kind_of(flags: u32) -> Kind {
    if flags & flag::CALC != 0 {
        Kind::Calc
    } else if flags & flag::EFFECT != 0 {
        Kind::Effect
    } else {
        Kind::Value
    }
}

/// What is left of destroyed nodes, to be dropped or run once the borrow has ended.
pub(crate) struct Wreck<E: 'static> {
    pub(crate) bodies: Vec<Box<dyn Body<E>>>,
    /// Edges of readers that go on.
    pub(crate) orphans: Vec<u32>,
    /// On-invalidate callbacks that are due a last time (C16) …
    pub(crate) hooks: Vec<(Effect, Vec<Hook<E>>)>,
    /// … and those that are not.
    pub(crate) silent_hooks: Vec<Hook<E>>,
}

impl<E: 'static> Wreck<E> {
    pub(crate) fn new() -> Self {
        Self {
            bodies: Vec::new(),
            orphans: Vec::new(),
            hooks: Vec::new(),
            silent_hooks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Graph;

    #[test]
    fn when_the_numbers_of_runs_end_the_order_of_effects_is_kept() {
        let graph = Graph::new(());
        let cx = graph.cx();
        let v = cx.value(0);
        let order = cx.value(Vec::new());
        for name in ["a", "b", "c"] {
            cx.effect(move |cx| {
                v.get(cx)?;
                order.update(&cx.isolate(), |order| order.push(name))?;
                Ok(())
            });
        }
        graph.flush(9, |_| ()).unwrap();
        graph.store.borrow_mut().runs = u32::MAX - 1;
        for i in 1..4 {
            v.set(&cx, i).unwrap();
            assert_eq!(graph.flush(9, |_| ()).unwrap(), 3);
        }
        assert_eq!(order.get(&cx).unwrap().concat(), "abcabcabcabc");
        assert!(graph.store.borrow().runs < 20);
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired() {
        let graph = Graph::new(());
        let cx = graph.cx();
        let first = cx.value(1);
        first.destroy(&cx);
        {
            let mut store = graph.store.borrow_mut();
            let seed = store.seed;
            store.nodes[0].generation = seed.wrapping_sub(1);
        }
        let last = cx.value(2);
        assert_eq!(last.key.index, 0);
        last.destroy(&cx);
        let next = cx.value(3);
        assert_eq!(next.key.index, 1);
        assert!(first.get(&cx).is_err());
    }
}
