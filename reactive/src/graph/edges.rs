//! Edges: who has read what. Each is in two lists, that of its reader's dependencies in the order of their reads, and
//! that of its source's readers.

use super::arena::{Observer, Store};
use crate::key::{Key, NONE};

#[derive(Clone, Copy)]
pub(crate) struct Edge {
    /// The source, with [`PRESENCE`] if only its set-ness was asked for; [`GONE`] once it was destroyed.
    pub(crate) dep: u32,
    pub(crate) reader: u32,
    pub(crate) next_dep: u32,
    pub(crate) prev_reader: u32,
    pub(crate) next_reader: u32,
}

/// Marks an edge of a reader that asked only whether there is a datum (A7).
pub(crate) const PRESENCE: u32 = 1 << 31;
/// An edge whose source is no more. It stays in its reader's list until that reader runs again.
pub(crate) const GONE: u32 = u32::MAX;

/// How many readers of a source are looked at to spare an edge.
const LATEST_READERS: usize = 8;

impl<E: 'static> Store<E> {
    /// Notes that a run reads a source. Edges of the run before are used again where the order of reads is the same.
    #[inline(always)]
    pub(crate) fn track(&mut self, source: u32, observer: Option<Observer>) {
        let Some(Observer { key, run }) = observer else { return };
        let node = &mut self.nodes[source as usize];
        if node.stamp == run {
            return;
        }
        node.stamp = run;
        if let Some((cursor, next)) = self.advance(source, key) {
            self.track_anew(source, Observer { key, run }, cursor, next);
        }
    }

    #[inline(never)]
    fn track_anew(&mut self, source: u32, observer: Observer, cursor: u32, next: u32) {
        let Observer { key, run } = observer;
        if self.runs == run || !self.is_dependency(source, key.index) {
            self.link(source, key.index, cursor, next);
        }
    }

    /// Notes that a run asks whether there is a datum. The stamp tells nothing about that, so what the run has read is
    /// looked through.
    pub(crate) fn track_presence(&mut self, source: u32, observer: Option<Observer>) {
        let Some(Observer { key, .. }) = observer else { return };
        let dep = source | PRESENCE;
        if let Some((cursor, next)) = self.advance(dep, key) {
            let mut read =
                if cursor == NONE { NONE } else { self.nodes[key.index as usize].first_dep };
            while read != NONE {
                let edge = &self.edges[read as usize];
                if edge.dep == dep {
                    return;
                }
                read = if read == cursor { NONE } else { edge.next_dep };
            }
            self.link(dep, key.index, cursor, next);
        }
    }

    /// Moves a run on to the edge that comes next, if it is the one. If not, tells between which two the new one goes.
    #[inline(always)]
    fn advance(&mut self, dep: u32, key: Key) -> Option<(u32, u32)> {
        let reader = self.nodes.get_mut(key.index as usize)?;
        if reader.generation != key.generation {
            return None; // destroyed in the middle of its own run (C19)
        }
        let cursor = reader.last_dep;
        let next = match self.edges.get(cursor as usize) {
            Some(last) => last.next_dep,
            None => reader.first_dep,
        };
        match self.edges.get(next as usize) {
            Some(edge) if edge.dep == dep => {
                reader.last_dep = next;
                None
            }
            _ => Some((cursor, next)),
        }
    }

    /// Whether a run that others interrupted has this dependency already: they overwrote the stamp, and perhaps added
    /// readers behind it. So it is looked for among the latest; not to find it costs an edge too many, no more.
    fn is_dependency(&self, dep: u32, reader: u32) -> bool {
        let mut edge = self.nodes[(dep & !PRESENCE) as usize].last_reader;
        for _ in 0..LATEST_READERS {
            let Some(found) = self.edges.get(edge as usize) else { return false };
            if found.reader == reader && found.dep == dep {
                return self.has_been_read(edge, reader);
            }
            edge = found.prev_reader;
        }
        false
    }

    fn link(&mut self, dep: u32, reader: u32, cursor: u32, next: u32) {
        let source = (dep & !PRESENCE) as usize;
        let before = self.nodes[source].last_reader;
        let edge = Edge { dep, reader, next_dep: next, prev_reader: before, next_reader: NONE };
        let index = if self.free_edge == NONE {
            self.edges.push(edge);
            (self.edges.len() - 1) as u32
        } else {
            let index = self.free_edge;
            self.free_edge = self.edges[index as usize].next_dep;
            self.edges[index as usize] = edge;
            index
        };
        self.live_edges += 1;
        self.nodes[source].last_reader = index;
        if before == NONE {
            self.nodes[source].first_reader = index;
        } else {
            self.edges[before as usize].next_reader = index;
        }
        self.nodes[reader as usize].last_dep = index;
        if cursor == NONE {
            self.nodes[reader as usize].first_dep = index;
        } else {
            self.edges[cursor as usize].next_dep = index;
        }
    }

    /// A run has ended: what it did not read any more is no dependency.
    #[inline]
    pub(crate) fn trim(&mut self, reader: u32) {
        let node = &self.nodes[reader as usize];
        let left = match self.edges.get(node.last_dep as usize) {
            Some(last) => last.next_dep,
            None => node.first_dep,
        };
        if left != NONE {
            self.cut(reader);
        }
    }

    #[cold]
    fn cut(&mut self, reader: u32) {
        let node = &mut self.nodes[reader as usize];
        let rest = match node.last_dep {
            NONE => &mut node.first_dep,
            last => &mut self.edges[last as usize].next_dep,
        };
        let mut edge = std::mem::replace(rest, NONE);
        while edge != NONE {
            edge = self.free_edge(edge);
        }
    }

    /// Frees an edge and tells the next one of its reader's list, which the caller repairs.
    pub(crate) fn free_edge(&mut self, index: u32) -> u32 {
        let Edge { dep, next_dep, prev_reader, next_reader, .. } = self.edges[index as usize];
        if dep != GONE {
            self.live_edges -= 1;
            let source = (dep & !PRESENCE) as usize;
            if prev_reader == NONE {
                self.nodes[source].first_reader = next_reader;
            } else {
                self.edges[prev_reader as usize].next_reader = next_reader;
            }
            if next_reader == NONE {
                self.nodes[source].last_reader = prev_reader;
            } else {
                self.edges[next_reader as usize].prev_reader = prev_reader;
            }
        }
        self.edges[index as usize].next_dep = self.free_edge;
        self.free_edge = index;
        next_dep
    }
}
