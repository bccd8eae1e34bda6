use std::sync::LazyLock;

use bytes::Bytes;

/// A prime, so that a piece that is lost, doubled or moved shows whatever its size.
const PERIOD: usize = 131_071;
/// The most that is given or compared at a time, in bytes.
pub(in crate::conformance) const PIECE: usize = 64 << 10;

/// Bytes in which every place can be told from its neighbours, without end.
static BYTES: LazyLock<Bytes> = LazyLock::new(|| {
    let mut state = 1_u32;
    let mut period = Vec::with_capacity(PERIOD + PIECE);
    for _ in 0..PERIOD {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        period.push(state.to_be_bytes()[0]);
    }
    period.extend_from_within(..PIECE);
    period.into()
});

/// A place in a sequence of bytes that both ends know.
#[derive(Debug, Default)]
pub(in crate::conformance) struct Pattern {
    at: usize,
}

impl Pattern {
    /// The next `length` bytes, at most [`PIECE`].
    pub(in crate::conformance) fn take(&mut self, length: usize) -> Bytes {
        let start = self.at % PERIOD;
        let length = length.min(PIECE);
        self.at += length;
        BYTES.slice(start..start + length)
    }

    /// Whether `bytes` come next.
    pub(in crate::conformance) fn goes_on_with(&mut self, bytes: &[u8]) -> bool {
        bytes.chunks(PIECE).all(|chunk| self.take(chunk.len()) == chunk)
    }

    /// How many bytes came before this place.
    pub(in crate::conformance) const fn at(&self) -> usize {
        self.at
    }
}
