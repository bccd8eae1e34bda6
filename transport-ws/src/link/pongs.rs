use std::collections::VecDeque;
use std::collections::vec_deque::Drain;

/// Pings of a burst that are each answered. The standard asks for an answer to the newest only (RFC 6455,
/// 5.5.3): of a flood, or while the socket takes nothing, no more than these wait.
const BURST: usize = 16;

/// Payloads of pings without an answer, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pongs(VecDeque<Vec<u8>>);

impl Pongs {
    pub(super) fn push(&mut self, payload: Vec<u8>) {
        if self.0.len() == BURST {
            self.0.pop_front();
        }
        self.0.push_back(payload);
    }

    pub(super) fn append(&mut self, newer: Self) {
        newer.0.into_iter().for_each(|payload| self.push(payload));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn drain(&mut self) -> Drain<'_, Vec<u8>> {
        self.0.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_more_pings_than_a_burst_the_newest_are_answered() {
        let mut pongs = Pongs::default();
        pongs.push(vec![0]);
        let mut newer = Pongs::default();
        (1..=BURST as u8).for_each(|n| newer.push(vec![n]));
        pongs.append(newer);
        let answered: Vec<_> = pongs.drain().flatten().collect();
        assert_eq!(answered, (1..=BURST as u8).collect::<Vec<_>>());
        assert!(pongs.is_empty());
    }
}
