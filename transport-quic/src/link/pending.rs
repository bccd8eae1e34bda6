use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use session_core::link::Frame;
use session_core::link::framing::{self, TooLarge};

use crate::stream::{SendStream, StreamError};

/// A payload from this size on is handed over as it is; below, a copy beside its header costs less than a piece of
/// its own in the stream's buffer.
const ZERO_COPY: usize = 4 * 1024;

/// Memory an idle link keeps for the next small frames.
const KEEP: usize = 512;

/// Pieces an idle link keeps room for.
const KEEP_PIECES: usize = 32;

/// Records that the stream has not taken yet.
#[derive(Default)]
pub(super) struct Pending {
    /// Whole pieces, before `tail`.
    pieces: VecDeque<Bytes>,
    /// Small records and headers, one after the other.
    tail: Vec<u8>,
    /// Bytes at the front of `tail` that are gone.
    written: usize,
    /// Bytes in `pieces`.
    in_pieces: usize,
}

impl Pending {
    /// Bytes the stream has not taken yet.
    pub(super) const fn len(&self) -> usize {
        self.in_pieces + self.tail.len() - self.written
    }

    /// # Errors
    ///
    /// For a frame whose length no record can carry.
    pub(super) fn put_frame(&mut self, frame: Frame) -> Result<(), TooLarge> {
        let kind = framing::kind(&frame);
        let payload = frame.into_bytes();
        if payload.len() < ZERO_COPY {
            return self.put_record(kind, &payload);
        }
        self.tail.extend_from_slice(&framing::header(kind, payload.len())?);
        self.cut_tail();
        self.in_pieces += payload.len();
        self.pieces.push_back(payload);
        Ok(())
    }

    pub(super) fn put_record(&mut self, kind: u8, payload: &[u8]) -> Result<(), TooLarge> {
        let header = framing::header(kind, payload.len())?;
        // The part that is gone would otherwise stay as long as the stream is never wholly caught up.
        if self.written > KEEP && self.written * 2 > self.tail.len() {
            self.tail.drain(..mem::take(&mut self.written));
        }
        self.tail.reserve(framing::HEADER + payload.len());
        self.tail.extend_from_slice(&header);
        self.tail.extend_from_slice(payload);
        Ok(())
    }

    /// Moves `tail` behind the pieces.
    fn cut_tail(&mut self) {
        let mut piece = Bytes::from(mem::take(&mut self.tail));
        piece.advance(mem::take(&mut self.written));
        self.in_pieces += piece.len();
        self.pieces.push_back(piece);
    }

    /// Hands records to the stream until none is left or the stream takes no more.
    pub(super) fn poll_write(
        &mut self,
        stream: &mut SendStream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), StreamError>> {
        while !self.pieces.is_empty() {
            let pieces = self.pieces.make_contiguous();
            let gone = ready!(stream.poll_write_chunks(cx, pieces))?;
            self.pieces.drain(..gone);
            self.in_pieces = self.pieces.iter().map(Bytes::len).sum();
        }
        while self.written < self.tail.len() {
            self.written += ready!(stream.poll_write(cx, &self.tail[self.written..]))?;
        }
        self.written = 0;
        self.tail.clear();
        if self.tail.capacity() > KEEP {
            self.tail = Vec::new();
        }
        if self.pieces.capacity() > KEEP_PIECES {
            self.pieces = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }
}
