use std::io;

/// Applies a mask; `phase` is how many bytes of the payload went before.
pub(super) fn apply(bytes: &mut [u8], mut key: [u8; 4], phase: usize) {
    key.rotate_left(phase % 4);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Fresh masks for the frames of a client, drawn from the system's generator a block at a time, so that a
/// small frame does not cost a system call of its own.
#[derive(Debug)]
pub(crate) struct Masks {
    pool: [u8; Self::BLOCK],
    used: usize,
}

impl Masks {
    const BLOCK: usize = 256;

    pub(crate) const fn new() -> Self {
        Self { pool: [0; Self::BLOCK], used: Self::BLOCK }
    }

    pub(crate) fn draw(&mut self) -> io::Result<[u8; 4]> {
        if self.used == Self::BLOCK {
            getrandom::fill(&mut self.pool).map_err(io::Error::other)?;
            self.used = 0;
        }
        let mut key = [0; 4];
        key.copy_from_slice(&self.pool[self.used..self.used + 4]);
        self.used += 4;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_applied_in_pieces_is_the_mask_applied_at_once() {
        let key = [1, 2, 3, 4];
        let mut whole: Vec<u8> = (0..100).collect();
        let mut pieces = whole.clone();
        apply(&mut whole, key, 0);
        for cut in [0..3, 3..20, 20..21, 21..100] {
            let phase = cut.start;
            apply(&mut pieces[cut], key, phase);
        }
        assert_eq!(whole, pieces);
        assert_eq!(whole[5], 5 ^ 2);
    }
}
