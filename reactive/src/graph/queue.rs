//! Which effect runs next: higher priority first, then first in, first out (E1).

use std::collections::VecDeque;

use crate::key::Key;

/// Empty buckets beyond this many are dropped: enough for the priorities an app has in steady use.
const KEPT_BUCKETS: usize = 8;

#[derive(Default)]
pub(crate) struct Queue {
    /// By falling priority.
    buckets: Vec<Bucket>,
}

struct Bucket {
    priority: i32,
    keys: VecDeque<Key>,
}

impl Queue {
    pub(crate) fn push(&mut self, priority: i32, key: Key) {
        match self.buckets.first_mut() {
            // Most often there is but one.
            Some(first) if first.priority == priority => first.keys.push_back(key),
            _ => self.bucket(priority).push_back(key),
        }
    }

    fn bucket(&mut self, priority: i32) -> &mut VecDeque<Key> {
        let found = self.buckets.binary_search_by(|bucket| priority.cmp(&bucket.priority));
        let at = found.unwrap_or_else(|at| {
            self.buckets.insert(at, Bucket { priority, keys: VecDeque::new() });
            at
        });
        &mut self.buckets[at].keys
    }

    pub(crate) fn pop(&mut self) -> Option<Key> {
        for at in 0..self.buckets.len() {
            if let Some(key) = self.buckets[at].keys.pop_front() {
                if self.buckets[at].keys.is_empty() && self.buckets.len() > KEPT_BUCKETS {
                    self.buckets.remove(at);
                }
                return Some(key);
            }
        }
        None
    }

    /// Those that wait, in the order of their turns.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Key> {
        self.buckets.iter().flat_map(|bucket| bucket.keys.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_that_come_and_go_leave_few_lists_behind() {
        let mut queue = Queue::default();
        for round in 0..3 {
            for priority in 0..1000 {
                queue.push(priority, Key { index: priority.cast_unsigned(), generation: round });
            }
            let popped = std::iter::from_fn(|| queue.pop()).count();
            assert_eq!((popped, queue.buckets.len()), (1000, KEPT_BUCKETS));
        }
        queue.push(0, Key { index: 0, generation: 9 });
        assert!(
            queue.buckets.len() > 1,
            "a few are kept, for the priorities of an app are ever the same"
        );
    }
}
