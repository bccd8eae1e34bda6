//! Who owns what: a tree of scopes, each destroyed as a whole.

use std::collections::VecDeque;
use std::panic::Location;

use crate::graph::arena::{Store, Wreck};
use crate::graph::{discard, guarded};
use crate::key::{Key, NONE, identity};
use crate::{Cx, Interrupt};

/// Owns the values, calcs, effects and scopes made in it. A key: `Copy`, and reached through a [`Cx`].
pub struct Scope {
    pub(crate) key: Key,
    pub(crate) made_at: &'static Location<'static>,
}
identity!(Scope);

/// Names an on-destroy callback, to call it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackKey {
    scope: Scope,
    number: u64,
}

type Callback<E> = Box<dyn FnOnce(&Cx<'_, E>) -> Result<(), Interrupt> + Send>;

/// What callbacks make in the scopes that are being destroyed is destroyed too, its own callbacks run first; a scope
/// that goes on growing like that is cut off after this many rounds.
const MAX_ROUNDS: usize = 100;

pub(crate) struct ScopeSlot<E: 'static> {
    pub(crate) generation: u32,
    depth: u32,
    parent: u32,
    first_child: u32,
    last_child: u32,
    prev: u32,
    next: u32,
    pub(crate) first_node: u32,
    pub(crate) last_node: u32,
    pub(crate) made_at: &'static Location<'static>,
    /// In the order of their registration, with their numbers.
    pub(crate) callbacks: VecDeque<(u64, Callback<E>)>,
    /// Set once its callbacks have begun to run: those of this number or later came too late.
    turn: Option<u64>,
    /// A call of `destroy` for this very scope is under way.
    destroying: bool,
    /// Its nodes are being removed.
    pub(crate) dying: bool,
    alive: bool,
}

impl<E: 'static> ScopeSlot<E> {
    pub(crate) fn new(
        generation: u32,
        parent: u32,
        depth: u32,
        made_at: &'static Location<'static>,
    ) -> Self {
        Self {
            generation,
            depth,
            parent,
            first_child: NONE,
            last_child: NONE,
            prev: NONE,
            next: NONE,
            first_node: NONE,
            last_node: NONE,
            made_at,
            callbacks: VecDeque::new(),
            turn: None,
            destroying: false,
            dying: false,
            alive: true,
        }
    }

    /// Whether this is what the key names, and still there.
    pub(crate) const fn is(&self, key: Key) -> bool {
        self.alive && self.generation == key.generation
    }
}

impl Scope {
    /// Destroys all that was made in it and in the scopes inside it, and frees it.
    ///
    /// First the on-destroy callbacks run, those of the deepest scopes first and its own last (I5, I6), each scope's in
    /// the order of their registration (I1), while everything is still there to be read. Then all is freed at once.
    /// Readers outside are invalidated and find it destroyed (I27, I28); what is queued of it does not run (I26).
    /// The cost is proportional to what the scope owns.
    ///
    /// Called from one of its own callbacks, or on a scope that is no more, it does nothing (I2, I33). The root scope
    /// is emptied and goes on.
    ///
    /// Returns what failed: a callback that fails or panics keeps neither the others nor the rest from their course (I4).
    pub fn destroy<E: 'static>(self, cx: &Cx<'_, E>) -> Vec<Interrupt> {
        let graph = cx.graph;
        let mut failures = Vec::new();
        {
            let mut store = graph.store.borrow_mut();
            match store.scope(self.key) {
                Some(slot) if !slot.destroying => slot.destroying = true,
                _ => return failures,
            }
        }
        for _ in 0..MAX_ROUNDS {
            let mut ran = false;
            let subtree = graph.store.borrow().subtree(self.key);
            for scope in subtree {
                loop {
                    let next = graph.store.borrow_mut().next_callback(scope.key);
                    let Some(callback) = next else { break };
                    ran = true;
                    let cx = Cx { graph, scope, observer: None, frame: cx.frame };
                    if let Err(interrupt) = graph.nested(|| guarded(|| callback(&cx))) {
                        failures.push(interrupt);
                    }
                }
            }
            if !ran {
                break;
            }
        }
        let mut wreck = Wreck::new();
        let unheard = {
            let mut store = graph.store.borrow_mut();
            store.raze(self.key, &mut wreck)
        };
        graph.clear_away(wreck, |_| self);
        discard(unheard);
        failures
    }

    /// Calls back when this scope is destroyed. The callback sees this scope and takes no dependencies. Registered from
    /// a callback of the scope itself while it is destroyed, it comes too late (I34); on a scope that is no more it is
    /// dropped.
    pub fn on_destroy<E: 'static, F>(self, cx: &Cx<'_, E>, callback: F) -> CallbackKey
    where
        F: FnOnce(&Cx<'_, E>) -> Result<(), Interrupt> + Send + 'static,
    {
        let callback: Callback<E> = Box::new(callback);
        let mut store = cx.graph.store.borrow_mut();
        let number = store.callbacks_made;
        store.callbacks_made += 1;
        if let Some(slot) = store.scope(self.key) {
            slot.callbacks.push_back((number, callback));
        } else {
            drop(store);
            drop(callback);
        }
        CallbackKey { scope: self, number }
    }

    /// Whether it was not destroyed.
    pub fn is_alive<E: 'static>(self, cx: &Cx<'_, E>) -> bool {
        cx.graph.store.borrow_mut().scope(self.key).is_some()
    }

    /// The scope around it; none for the root, nor for a scope that is no more.
    pub fn parent<E: 'static>(self, cx: &Cx<'_, E>) -> Option<Self> {
        let mut store = cx.graph.store.borrow_mut();
        let parent = store.scope(self.key)?.parent;
        (parent != NONE).then(|| store.scope_at(parent))
    }

    /// Where it was made.
    pub fn made_at(self) -> &'static Location<'static> {
        self.made_at
    }

    pub(crate) fn make_child<E: 'static>(
        self,
        cx: &Cx<'_, E>,
        made_at: &'static Location<'static>,
    ) -> Self {
        let key = cx.graph.store.borrow_mut().insert_scope(self.key, made_at);
        Self { key: key.unwrap_or(Key::STALE), made_at }
    }
}

impl CallbackKey {
    /// Calls it off. Says whether it was still to come.
    pub fn cancel<E: 'static>(self, cx: &Cx<'_, E>) -> bool {
        let callback = {
            let mut store = cx.graph.store.borrow_mut();
            store.scope(self.scope.key).and_then(|slot| {
                let at = slot.callbacks.binary_search_by_key(&self.number, |(number, _)| *number);
                slot.callbacks.remove(at.ok()?)
            })
        };
        callback.is_some()
    }
}

impl<E: 'static> Store<E> {
    /// The scope, unless the key is stale.
    pub(crate) fn scope(&mut self, key: Key) -> Option<&mut ScopeSlot<E>> {
        self.scopes.get_mut(key.index as usize).filter(|slot| slot.is(key))
    }

    pub(crate) fn root(&self) -> Scope {
        self.scope_at(0)
    }

    pub(crate) fn scope_at(&self, index: u32) -> Scope {
        let slot = &self.scopes[index as usize];
        Scope { key: Key { index, generation: slot.generation }, made_at: slot.made_at }
    }

    fn insert_scope(&mut self, parent: Key, made_at: &'static Location<'static>) -> Option<Key> {
        let slot = self.scope(parent)?;
        let (depth, before) = (slot.depth + 1, slot.last_child);
        let mut child = ScopeSlot::new(self.seed, parent.index, depth, made_at);
        child.prev = before;
        let index = if self.free_scope == NONE {
            self.scopes.push(child);
            (self.scopes.len() - 1) as u32
        } else {
            let index = self.free_scope;
            let slot = &mut self.scopes[index as usize];
            self.free_scope = slot.next;
            child.generation = slot.generation;
            *slot = child;
            index
        };
        self.scopes[parent.index as usize].last_child = index;
        if before == NONE {
            self.scopes[parent.index as usize].first_child = index;
        } else {
            self.scopes[before as usize].next = index;
        }
        self.live_scopes += 1;
        Some(Key { index, generation: self.scopes[index as usize].generation })
    }

    /// The scope and all inside it, the deepest first, equally deep ones in the order they were made.
    fn subtree(&self, top: Key) -> Vec<Scope> {
        let mut found = Vec::new();
        let is_there = self.scopes.get(top.index as usize).is_some_and(|slot| slot.is(top));
        if is_there {
            found.push(top.index);
        }
        let mut at = 0;
        while at < found.len() {
            let mut child = self.scopes[found[at] as usize].first_child;
            while child != NONE {
                found.push(child);
                child = self.scopes[child as usize].next;
            }
            at += 1;
        }
        found.sort_by_key(|index| std::cmp::Reverse(self.scopes[*index as usize].depth));
        found.into_iter().map(|index| self.scope_at(index)).collect()
    }

    fn next_callback(&mut self, scope: Key) -> Option<Callback<E>> {
        let made = self.callbacks_made;
        let slot = self.scope(scope)?;
        let turn = *slot.turn.get_or_insert(made);
        if slot.callbacks.front()?.0 >= turn {
            return None;
        }
        slot.callbacks.pop_front().map(|(_, callback)| callback)
    }

    /// Removes the nodes of a scope and of all inside it, then the scopes. Returns the callbacks that came too late.
    fn raze(&mut self, top: Key, wreck: &mut Wreck<E>) -> Vec<Callback<E>> {
        let mut unheard = Vec::new();
        let subtree = self.subtree(top);
        for scope in &subtree {
            self.scopes[scope.key.index as usize].dying = true;
        }
        for scope in &subtree {
            let mut node = self.scopes[scope.key.index as usize].first_node;
            while node != NONE {
                let next = self.nodes[node as usize].next_in_scope;
                self.remove(node, wreck);
                node = next;
            }
        }
        if !subtree.is_empty() && top.index != 0 {
            self.leave_parent(top.index);
        }
        for scope in &subtree {
            let index = scope.key.index;
            let slot = &mut self.scopes[index as usize];
            let (generation, depth, parent, made_at) =
                (slot.generation, slot.depth, slot.parent, slot.made_at);
            let left = std::mem::take(&mut slot.callbacks);
            *slot = ScopeSlot::new(generation, parent, depth, made_at);
            if index == 0 {
                slot.callbacks = left; // the root goes on, and so do they (I3)
                continue;
            }
            unheard.extend(left.into_iter().map(|(_, callback)| callback));
            slot.alive = false;
            slot.generation = generation.wrapping_add(1);
            self.live_scopes -= 1;
            if slot.generation != self.seed {
                slot.next = self.free_scope;
                self.free_scope = index;
            }
        }
        self.invalidate_orphans(&wreck.orphans);
        unheard
    }

    fn leave_parent(&mut self, index: u32) {
        let slot = &self.scopes[index as usize];
        let (parent, prev, next) = (slot.parent, slot.prev, slot.next);
        if prev == NONE {
            self.scopes[parent as usize].first_child = next;
        } else {
            self.scopes[prev as usize].next = next;
        }
        if next == NONE {
            self.scopes[parent as usize].last_child = prev;
        } else {
            self.scopes[next as usize].prev = prev;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Graph;

    #[test]
    fn the_place_of_a_scope_that_is_gone_is_used_again() {
        let graph = Graph::new(());
        let cx = graph.cx();
        for _ in 0..1000 {
            let (one, other) = (cx.child_scope(), cx.child_scope());
            one.destroy(&cx);
            other.destroy(&cx);
        }
        assert_eq!(graph.store.borrow().scopes.len(), 3, "the root's, and two");
    }
}
