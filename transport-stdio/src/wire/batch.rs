use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// A payload from this size on is written from where it is; below, copying it beside its neighbours is cheaper than
/// one more slice of a vectored write.
const ZERO_COPY: usize = 4 * 1024;

/// Slices of one vectored write.
const MAX_SLICES: usize = 32;

/// Memory that is kept for what is written next.
const KEEP: usize = 64 * 1024;

/// Bytes on their way out, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Before `tail`.
    pieces: VecDeque<Bytes>,
    tail: Vec<u8>,
    /// Bytes at the front of `tail` that are written; only while `pieces` is empty.
    written: usize,
    /// Bytes not yet written.
    len: usize,
}

impl Batch {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether some of what is left is behind bytes that are written.
    pub(crate) const fn is_begun(&self) -> bool {
        self.written > 0
    }

    /// Lets `write` append bytes.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.written > KEEP / 2 {
            self.tail.drain(..self.written);
            self.written = 0;
        }
        let before = self.tail.len();
        write(&mut self.tail);
        self.len += self.tail.len() - before;
    }

    /// Appends bytes that are at hand, without a copy where that is worth it.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if bytes.len() < ZERO_COPY {
            self.append(|tail| tail.extend_from_slice(&bytes));
            return;
        }
        if !self.tail.is_empty() {
            let mut piece = Bytes::from(std::mem::take(&mut self.tail));
            piece.advance(std::mem::take(&mut self.written));
            self.pieces.push_back(piece);
        }
        self.len += bytes.len();
        self.pieces.push_back(bytes);
    }

    /// Writes with `write` until nothing is left or it fails; it gives how many bytes of the slices it took.
    pub(crate) fn drain<E>(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>,
    ) -> Result<(), E> {
        while self.len > 0 {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let pieces = self.pieces.iter().map(AsRef::as_ref).chain([&self.tail[self.written..]]);
            let mut used = 0;
            for (slice, piece) in slices.iter_mut().zip(pieces) {
                *slice = IoSlice::new(piece);
                used += 1;
            }
            let count = write(&slices[..used])?;
            self.advance(count);
        }
        Ok(())
    }

    fn advance(&mut self, mut count: usize) {
        self.len -= count;
        while let Some(front) = self.pieces.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.pieces.pop_front();
        }
        self.written += count;
        if self.len == 0 {
            self.written = 0;
            self.tail.clear();
            self.tail.shrink_to(KEEP);
        }
    }
}

impl From<Vec<u8>> for Batch {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len(), tail: bytes, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_they_came_however_little_is_taken_at_a_time() {
        for step in [1, 7, 4096, 5000, 1 << 20] {
            let mut batch = Batch::default();
            let mut expected: Vec<u8> = Vec::new();
            for round in 0_u8..40 {
                let small = vec![round; 100];
                let large = Bytes::from(vec![round ^ 0xff; 5000]);
                expected.extend(&small);
                expected.extend(&large);
                batch.append(|tail| tail.extend(&small));
                batch.push(large);
            }
            assert_eq!(batch.len(), expected.len());
            let mut taken: Vec<u8> = Vec::new();
            let drained: Result<(), ()> = batch.drain(|slices| {
                let mut room = step;
                for slice in slices {
                    let part = &slice[..slice.len().min(room)];
                    taken.extend(part);
                    room -= part.len();
                }
                Ok(step - room)
            });
            assert!(drained.is_ok() && batch.is_empty());
            assert!(taken == expected, "{step}");
        }
    }
}
