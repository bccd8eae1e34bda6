//! How much of each there is, in all and in one scope.

use super::Graph;
use super::arena::{Store, flag};
use super::edges::GONE;
use crate::Scope;
use crate::key::NONE;

/// How many of each are alive in a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Values.
    pub values: usize,
    /// Calcs.
    pub calcs: usize,
    /// Effects.
    pub effects: usize,
    /// Scopes, the root included.
    pub scopes: usize,
    /// Dependencies.
    pub edges: usize,
    /// On-destroy and on-invalidate callbacks.
    pub callbacks: usize,
}

impl<E: 'static> Graph<E> {
    /// How many of each are alive.
    pub fn counts(&self) -> Counts {
        let store = self.store.borrow();
        let hooks: usize = store.hooks.values().map(Vec::len).sum();
        let callbacks: usize = store.scopes.iter().map(|scope| scope.callbacks.len()).sum();
        Counts {
            values: store.values,
            calcs: store.calcs,
            effects: store.effects,
            scopes: store.live_scopes,
            edges: store.live_edges,
            callbacks: hooks + callbacks,
        }
    }

    /// How many of each are alive in one scope, the scopes inside it apart; the edges are those that its nodes read
    /// through. All zero once the scope is destroyed. Costs what the scope owns.
    pub fn counts_in(&self, scope: Scope) -> Counts {
        self.store.borrow().counts_in(scope)
    }
}

impl<E: 'static> Store<E> {
    /// What is alive in one scope, the scopes inside it apart.
    fn counts_in(&self, scope: Scope) -> Counts {
        let mut counts = Counts::default();
        let slot = self.scopes.get(scope.key.index as usize);
        let Some(slot) = slot.filter(|slot| slot.is(scope.key)) else { return counts };
        counts.scopes = 1;
        counts.callbacks = slot.callbacks.len();
        let mut index = slot.first_node;
        while index != NONE {
            let node = &self.nodes[index as usize];
            let of_its_kind = match node.flags & (flag::CALC | flag::EFFECT) {
                flag::CALC => &mut counts.calcs,
                flag::EFFECT => &mut counts.effects,
                _ => &mut counts.values,
            };
            *of_its_kind += 1;
            counts.callbacks += self.hooks.get(&index).map_or(0, Vec::len);
            let mut edge = node.first_dep;
            while edge != NONE {
                let of = &self.edges[edge as usize];
                counts.edges += usize::from(of.dep != GONE);
                edge = of.next_dep;
            }
            index = node.next_in_scope;
        }
        counts
    }
}
