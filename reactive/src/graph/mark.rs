//! Push marks, pull values.
//!
//! A change walks down the readers and marks them: *dirty* below a plain calc, *check* below a distinct one, whose
//! result may turn out to be the same. Effects that are reached become pending. Nothing is computed.
//!
//! When a marked node is wanted, what it depends on is brought up to date first, one node after another from a list of
//! its own rather than by recursion, so that the length of a chain costs no stack.

use std::collections::VecDeque;

use super::arena::{Store, flag};
use super::edges::{Edge, GONE, PRESENCE};
use crate::key::{Key, NONE};

/// Lists that the marking fills and reuses.
#[derive(Default)]
pub(crate) struct Marks {
    /// Where to go on once a branch has been walked: an edge and the state it brings.
    branches: Vec<(u32, u32)>,
    /// Effects that became pending by the change at hand, with the number of their latest run.
    woken: Vec<(u32, u32)>,
    /// Effects whose on-invalidate callbacks are due.
    pub(crate) hooks_due: VecDeque<Key>,
    /// Plain calcs whose results are to be released (B18).
    pub(crate) releases: Vec<Key>,
}

impl Marks {
    pub(crate) fn are_due(&self) -> bool {
        !self.hooks_due.is_empty() || !self.releases.is_empty()
    }
}

/// What changed about a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Its datum.
    Datum,
    /// Its datum, and whether there is one.
    Presence,
}

/// A node that is being brought up to date.
pub(crate) struct Pull {
    pub(crate) key: Key,
    /// The dependency to look at next; holds as long as the node is `SCANNING`.
    edge: u32,
    /// How often the look at the dependencies had to begin anew.
    restarts: u8,
    /// A dirty calc whose first dependency comes before it.
    descend: bool,
}

impl Pull {
    #[inline]
    pub(crate) fn new(key: Key, descend: bool) -> Self {
        Self { key, edge: NONE, restarts: 0, descend }
    }
}

/// What a pull needs done next.
pub(crate) enum Step {
    /// Compute the node itself, or one that it depends on.
    Evaluate(Key),
    /// See to a dependency first.
    Descend { to: Key, descend: bool },
    /// The node is as up to date as it gets.
    Done,
}

/// Calcs in whose closures others are set may undo one another's checks for ever; after this many attempts the reader
/// simply runs.
const MAX_RESTARTS: u8 = 64;

/// A chain of dirty calcs of at least this length is computed from its far end; a shorter one by its closures reading
/// one another. A calc is then never computed unasked in graphs of ordinary depth, even if closures are not pure.
pub(crate) const LONG_CHAIN: u32 = 32;

impl<E: 'static> Store<E> {
    /// Marks all that depends on a value which changed, and queues the effects among it.
    pub(crate) fn invalidate_readers(&mut self, source: u32, change: Change) {
        let first = self.nodes[source as usize].first_reader;
        if first != NONE {
            self.walk(first, flag::DIRTY, change);
            self.queue_woken();
        }
    }

    /// A distinct calc has a new result: its readers, so far in doubt, are dirty.
    pub(crate) fn confirm_readers(&mut self, source: u32) {
        let mut edge = self.nodes[source as usize].first_reader;
        while edge != NONE {
            let Edge { reader, next_reader, .. } = self.edges[edge as usize];
            let node = &mut self.nodes[reader as usize];
            let flags = node.flags;
            let plainly_in_doubt = flags & (flag::STATE | flag::RUNNING | flag::HOOKED)
                == flag::CHECK
                && flags & (flag::EFFECT | flag::DISTINCT) != 0;
            if plainly_in_doubt {
                // Most often: nothing else follows from its being dirty.
                node.flags = flags & !(flag::STATE | flag::SCANNING) | flag::DIRTY;
            } else if flags & flag::STATE == flag::CHECK {
                if flags & flag::RUNNING == 0 || self.has_been_read(edge, reader) {
                    self.confirm(reader);
                }
            } else {
                node.flags = flags & !flag::SCANNING;
            }
            edge = next_reader;
        }
    }

    /// Marks the readers of what was destroyed.
    pub(crate) fn invalidate_orphans(&mut self, orphans: &[u32]) {
        for edge in orphans {
            let reader = self.edges[*edge as usize].reader;
            if let Some((first, state)) = self.reach(*edge, reader, flag::DIRTY) {
                self.walk(first, state, Change::Presence);
            }
        }
        self.queue_woken();
    }

    /// Marks all that is reached from an edge, one branch after the other.
    fn walk(&mut self, first: u32, state: u32, change: Change) {
        let mut edge = first;
        let mut state = state;
        loop {
            let Edge { dep, reader, next_reader, .. } = self.edges[edge as usize];
            let is_told = dep & PRESENCE == 0 || change == Change::Presence;
            if is_told && let Some((below, state_below)) = self.reach(edge, reader, state) {
                if next_reader != NONE {
                    self.marks.branches.push((next_reader, state));
                }
                edge = below;
                state = state_below;
            } else if next_reader != NONE {
                edge = next_reader;
            } else {
                match self.marks.branches.pop() {
                    Some(branch) => (edge, state) = branch,
                    None => break,
                }
            }
        }
    }

    /// Marks one reader; if its own readers are to be marked, tells the first edge to them and their state.
    #[inline]
    fn reach(&mut self, edge: u32, index: u32, state: u32) -> Option<(u32, u32)> {
        let node = &mut self.nodes[index as usize];
        let flags = node.flags;
        let before = flags & flag::STATE;
        if before >= state {
            node.flags = flags & !flag::SCANNING; // news: a check that is under way begins anew
            return None;
        }
        if flags & (flag::RUNNING | flag::HOOKED | flag::HEAVY) != 0
            && !self.reach_warily(edge, index, state)
        {
            return None;
        }
        let node = &mut self.nodes[index as usize];
        node.flags = flags & !(flag::STATE | flag::SCANNING) | state;
        if flags & flag::EFFECT != 0 {
            if before == flag::CLEAN {
                self.marks.woken.push((node.stamp, index));
            }
            return None;
        }
        let below = if flags & flag::DISTINCT == 0 {
            state
        } else if before == flag::CLEAN {
            flag::CHECK
        } else {
            return None; // its readers are in doubt already
        };
        let first = node.first_reader;
        (first != NONE).then_some((first, below))
    }

    /// What marking a reader takes beyond the mark. Says whether it is to be marked at all.
    fn reach_warily(&mut self, edge: u32, index: u32, state: u32) -> bool {
        let node = &self.nodes[index as usize];
        let flags = node.flags;
        if flags & flag::RUNNING != 0 && !self.has_been_read(edge, index) {
            return false;
        }
        if state == flag::DIRTY {
            self.note_dirty(Key { index, generation: node.generation }, flags);
        }
        true
    }

    /// What follows from a node's becoming dirty is due once all is marked.
    fn note_dirty(&mut self, key: Key, flags: u32) {
        if flags & flag::HOOKED != 0 {
            self.marks.hooks_due.push_back(key);
        }
        if flags & (flag::HEAVY | flag::DISTINCT) == flag::HEAVY {
            self.marks.releases.push(key);
        }
    }

    /// Whether the present run of a reader has come past this edge; if not, the edge is of the run before and means
    /// nothing any more.
    pub(crate) fn has_been_read(&self, edge: u32, reader: u32) -> bool {
        let node = &self.nodes[reader as usize];
        if node.last_dep == NONE {
            return false;
        }
        let mut at = node.first_dep;
        loop {
            if at == edge {
                return true;
            }
            if at == node.last_dep || at == NONE {
                return false;
            }
            at = self.edges[at as usize].next_dep;
        }
    }

    /// Queues the effects that one change made pending, in the order of their latest runs (C3).
    fn queue_woken(&mut self) {
        if let [(_, index)] = self.marks.woken[..] {
            self.marks.woken.clear();
            self.queue_effect(index);
            return;
        }
        let mut woken = std::mem::take(&mut self.marks.woken);
        if !woken.is_sorted() {
            woken.sort_unstable();
        }
        for (_, index) in woken.drain(..) {
            self.queue_effect(index);
        }
        self.marks.woken = woken;
    }

    /// Gives a pending effect a place in the queue, unless it has one or is suspended (C6, C11).
    pub(crate) fn queue_effect(&mut self, index: u32) {
        let node = &mut self.nodes[index as usize];
        if node.flags & (flag::QUEUED | flag::SUSPENDED) == 0 {
            node.flags |= flag::QUEUED;
            let key = Key { index, generation: node.generation };
            self.queue.push(node.priority(), key);
        }
    }

    /// Whether the node is a calc that has to be computed, whatever it depends on.
    pub(crate) fn is_dirty_calc(&self, key: Key) -> bool {
        self.nodes.get(key.index as usize).is_some_and(|node| {
            node.generation == key.generation
                && node.flags & (flag::CALC | flag::STATE | flag::RUNNING)
                    == flag::CALC | flag::DIRTY
        })
    }

    pub(crate) fn is_long_chain(&self, index: u32) -> bool {
        let mut index = index;
        for _ in 0..LONG_CHAIN {
            match self.stale_calc_behind(self.nodes[index as usize].first_dep) {
                Some(next) => index = next,
                None => return false,
            }
        }
        true
    }

    /// The source of an edge, if it is a calc that is not up to date and does not run.
    #[inline]
    fn stale_calc_behind(&self, edge: u32) -> Option<u32> {
        let dep = self.edges.get(edge as usize)?.dep;
        if dep == GONE {
            return None;
        }
        let index = dep & !PRESENCE;
        let flags = self.nodes[index as usize].flags;
        let is_stale = flags & flag::CALC != 0
            && flags & flag::RUNNING == 0
            && flags & flag::STATE != flag::CLEAN;
        is_stale.then_some(index)
    }

    /// What to do next about a node that is wanted. Between two looks closures run, and may change anything.
    #[inline]
    pub(crate) fn look_at(&mut self, pull: &mut Pull) -> Step {
        let Key { index, generation } = pull.key;
        let node = &mut self.nodes[index as usize];
        let flags = node.flags;
        if node.generation != generation || flags & flag::RUNNING != 0 {
            return Step::Done;
        }
        match flags & flag::STATE {
            flag::CLEAN => Step::Done,
            flag::CHECK => self.look_behind(pull),
            _ if flags & flag::EFFECT != 0 => Step::Done,
            _ => {
                if pull.descend {
                    pull.descend = false;
                    let first = node.first_dep;
                    if let Some(first) = self.stale_calc_behind(first) {
                        return Step::Descend { to: self.key_of(first), descend: true };
                    }
                }
                Step::Evaluate(pull.key)
            }
        }
    }

    /// Goes on through the dependencies of a node in doubt: those that are out of date come before it.
    #[inline]
    fn look_behind(&mut self, pull: &mut Pull) -> Step {
        let node = &mut self.nodes[pull.key.index as usize];
        if !node.is(flag::SCANNING) {
            if pull.restarts == MAX_RESTARTS {
                self.confirm(pull.key.index);
                return self.look_at(pull);
            }
            node.flags |= flag::SCANNING;
            pull.edge = node.first_dep;
            pull.restarts += 1;
        }
        while let Some(edge) = self.edges.get(pull.edge as usize) {
            let dep = self.stale_calc_behind(pull.edge);
            pull.edge = edge.next_dep;
            if let Some(dep) = dep {
                let key = self.key_of(dep);
                return if self.nodes[dep as usize].state() == flag::DIRTY {
                    Step::Evaluate(key)
                } else {
                    Step::Descend { to: key, descend: false }
                };
            }
        }
        self.nodes[pull.key.index as usize].flags &= !(flag::SCANNING | flag::STATE);
        Step::Done
    }

    /// What a node depends on could not be computed: let it run and meet the reason itself.
    pub(crate) fn doubt(&mut self, pull: &Pull) {
        let Key { index, generation } = pull.key;
        let node = &self.nodes[index as usize];
        if node.generation == generation && node.state() == flag::CHECK {
            self.confirm(index);
        }
    }

    /// A node in doubt is dirty after all, and so are those that read it, down to the next distinct calc.
    /// Whoever is clean has not seen an older result.
    #[cold]
    fn confirm(&mut self, index: u32) {
        let node = &mut self.nodes[index as usize];
        let flags = node.flags;
        node.flags = flags & !(flag::STATE | flag::SCANNING) | flag::DIRTY;
        if flags & (flag::HOOKED | flag::HEAVY) != 0 {
            let key = Key { index, generation: node.generation };
            self.note_dirty(key, flags);
        }
        if flags & (flag::EFFECT | flag::DISTINCT) == 0 {
            self.confirm_below(index);
        }
    }

    /// A plain calc is dirty after all. Chains of them are walked with a list, for their length.
    #[cold]
    fn confirm_below(&mut self, index: u32) {
        let mut calcs = vec![index];
        while let Some(calc) = calcs.pop() {
            let mut edge = self.nodes[calc as usize].first_reader;
            while edge != NONE {
                let Edge { reader, next_reader, .. } = self.edges[edge as usize];
                let node = &self.nodes[reader as usize];
                let flags = node.flags;
                if flags & flag::STATE == flag::CHECK
                    && (flags & flag::RUNNING == 0 || self.has_been_read(edge, reader))
                {
                    let node = &mut self.nodes[reader as usize];
                    node.flags = flags & !(flag::STATE | flag::SCANNING) | flag::DIRTY;
                    let key = Key { index: reader, generation: node.generation };
                    self.note_dirty(key, flags);
                    if flags & (flag::EFFECT | flag::DISTINCT) == 0 {
                        calcs.push(reader);
                    }
                }
                edge = next_reader;
            }
        }
    }
}
