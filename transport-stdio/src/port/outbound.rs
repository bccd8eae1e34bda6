use std::fmt;
use std::io::{self, IoSlice};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use session_core::link::{CloseReason, Frame, TransmitError};

use crate::config::Framing;
use crate::exchange::Stream;
use crate::system::{Output, Trigger};
use crate::wire::{Batch, LINK_WINDOW, Word, cost};

mod state;

use state::{Chunk, Job, Ours, State, drop_lock_and_wake};

/// Bytes of frames that may wait to be written before `poll_ready` waits.
const HIGH_WATER: usize = 64 * 1024;

/// Bytes of words that may wait to be written before the peer is not listened to: it makes us say them.
const MAX_WORDS: usize = 256 * 1024;

/// Everything on its way to the peer.
///
/// Frames and words go first, then the end of the link, then the bodies of exchanges, a piece each in turn: a piece is
/// all that a frame ever waits for. Whoever has something to say writes it, if that does not wait; else the thread
/// does.
pub(crate) struct Outbound {
    framing: Framing,
    state: Mutex<State>,
    /// The thread has something to do.
    work: Condvar,
    /// There is room for words again.
    room: Condvar,
}

impl Outbound {
    pub(super) fn new(framing: Framing, output: Output, trigger: Trigger) -> Self {
        let state = State::new(output, trigger);
        Self { framing, state: Mutex::new(state), work: Condvar::new(), room: Condvar::new() }
    }

    /// Held for the length of one poll and one write that does not wait.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        let mut state = self.lock();
        state.check_open()?;
        if state.frames + state.writing >= HIGH_WATER {
            self.kick(&mut state);
            state.check_open()?;
        }
        let covered = state.granted.is_none_or(|granted| state.sent < granted);
        if covered && state.frames + state.writing < HIGH_WATER {
            return Poll::Ready(Ok(()));
        }
        state.wait(cx)
    }

    pub(crate) fn start_send(&self, frame: Frame) -> Result<(), TransmitError> {
        let mut state = self.lock();
        state.check_open()?;
        state.sent += cost(&frame);
        let before = state.urgent.len();
        self.framing.put_frame(&mut state.urgent, frame);
        state.frames += state.urgent.len() - before;
        Ok(())
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        let mut state = self.lock();
        state.check_open()?;
        if state.frames > 0 {
            self.kick(&mut state);
            state.check_open()?;
        }
        if state.frames + state.writing == 0 { Poll::Ready(Ok(())) } else { state.wait(cx) }
    }

    pub(crate) fn poll_close(
        &self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        let mut state = self.lock();
        match state.ours {
            Ours::Open => self.put_close(&mut state, reason),
            Ours::Closing | Ours::Closed => {}
            Ours::Gone => return Poll::Ready(Err(state.gone())),
        }
        match state.ours {
            Ours::Closed => Poll::Ready(Ok(())),
            Ours::Gone => Poll::Ready(Err(state.gone())),
            Ours::Open | Ours::Closing => state.wait(cx),
        }
    }

    /// The peer ended its link: so does this end, without waiting.
    pub(crate) fn answer_close(&self, reason: &CloseReason) {
        let mut state = self.lock();
        if state.ours == Ours::Open {
            state.answered = true;
            self.put_close(&mut state, reason);
        }
        drop_lock_and_wake(state);
    }

    /// The peer aborted the link: whoever sends on it is to know.
    pub(crate) fn peer_gone(&self) {
        let mut state = self.lock();
        if state.ours != Ours::Closed {
            state.ours = Ours::Gone;
        }
        state.close = None;
        drop_lock_and_wake(state);
    }

    fn put_close(&self, state: &mut State, reason: &CloseReason) {
        state.close = Some(Batch::from(self.framing.word(Word::Close(reason))));
        state.ours = Ours::Closing;
        self.kick(state);
    }

    /// The sending half of the link is dropped: unless it was closed, that is an abort.
    pub(crate) fn drop_link(&self) {
        let mut state = self.lock();
        // The thread may be writing the close already: then everything before it is delivered.
        let aborts = match state.ours {
            Ours::Open => true,
            Ours::Closing => !state.answered && state.take_back_close(),
            Ours::Closed | Ours::Gone => false,
        };
        if aborts {
            state.ours = Ours::Gone;
            self.put(&mut state, Word::Abort);
        }
        state.task = None;
    }

    /// Says that this end ends its link with a word, and heeds windows.
    pub(crate) fn open(&self, head: Option<&[u8]>) {
        self.put(&mut self.lock(), Word::Open(head));
    }

    /// The peer takes frames of so much more; the first time, it tells that it counts.
    pub(crate) fn grant(&self, bytes: u64) {
        let mut state = self.lock();
        let granted = state.granted.unwrap_or(LINK_WINDOW);
        state.granted = Some(granted.saturating_add(bytes));
        drop_lock_and_wake(state);
    }

    /// Says a word that must not wait.
    pub(crate) fn say(&self, word: Word<'_>) {
        self.put(&mut self.lock(), word);
    }

    fn put(&self, state: &mut State, word: Word<'_>) {
        if state.output.is_some() {
            state.urgent.append(|out| self.framing.put(out, word));
            self.kick(state);
        }
    }

    /// Waits for room for a word that can wait.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.output.is_none() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.urgent.len() < HIGH_WATER {
            return Poll::Ready(Ok(()));
        }
        state.tasks.push(cx.waker().clone());
        Poll::Pending
    }

    /// Blocks the thread that reads until there is room for what the peer makes us say, words and pieces of `chunks`
    /// bodies; whether it is to go on.
    pub(super) fn wait_for_room(&self, chunks: usize) -> bool {
        let mut state = self.lock();
        while state.urgent.len().saturating_sub(state.frames) > MAX_WORDS
            || state.chunks.len() > chunks
        {
            if state.output.is_none() || state.ending {
                return false;
            }
            state.reader_waits = true;
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Puts a piece of a body, or its end, behind those that wait.
    pub(crate) fn put_chunk(&self, stream: &Arc<Stream>, word: Word<'_>) -> io::Result<()> {
        let bytes = self.framing.word(word);
        let mut state = self.lock();
        if state.output.is_none() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        state.chunks.push_back(Chunk { stream: Arc::clone(stream), bytes });
        self.kick(&mut state);
        Ok(())
    }

    /// Says that an exchange is cut short, instead of what is left of its body.
    pub(crate) fn reset(&self, stream: &Arc<Stream>, why: &str) {
        let mut state = self.lock();
        state.chunks.retain(|chunk| !Arc::ptr_eq(&chunk.stream, stream));
        self.put(&mut state, Word::Reset(stream.id(), why));
    }

    /// Nothing comes any more: the thread ends when all is written. With a deadline, it gives up then.
    pub(crate) fn end(&self, deadline: Option<Instant>) {
        let mut state = self.lock();
        state.ending = true;
        if let (Some(deadline), Some(output)) = (deadline, &state.output) {
            output.set_patience(deadline);
            state.trigger = None;
        }
        drop(state);
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Writes what can be written without waiting, and calls the thread for the rest.
    fn kick(&self, state: &mut State) {
        if state.busy {
            return;
        }
        let Some(output) = &state.output else { return };
        let mut tried = false;
        let mut write = |slices: &[IoSlice<'_>]| {
            if mem::replace(&mut tried, true) && output.is_full() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            output.try_write(slices)
        };
        let written = match state.urgent.drain(&mut write) {
            Ok(()) => state.close.as_mut().map_or(Ok(()), |close| close.drain(&mut write)),
            Err(error) => Err(error),
        };
        state.frames = state.frames.min(state.urgent.len());
        match written {
            Ok(()) if state.close.take().is_some() => state.ours = Ours::Closed,
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                state.fail(error);
                // The thread tells those who wait.
                self.work.notify_all();
                return;
            }
        }
        if state.has_work() {
            state.busy = true;
            self.work.notify_all();
        }
    }

    /// Writes what others could not, until nothing comes any more.
    pub(super) fn run(&self) {
        let mut state = self.lock();
        while let Some(output) = state.output.clone() {
            let Some(job) = state.next_job() else {
                state.busy = false;
                if state.ending {
                    break;
                }
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.busy = state.has_work();
                continue;
            };
            drop(state);
            let written = job.write(&output);
            drop(output);
            state = self.lock();
            state.writing = 0;
            match written {
                Ok(Job::Close(_)) if state.ours == Ours::Closing => state.ours = Ours::Closed,
                Ok(Job::Chunk(stream, _)) => state.tasks.extend(stream.written()),
                Ok(_) => {}
                Err(error) => state.fail(error),
            }
            if mem::take(&mut state.reader_waits) {
                self.room.notify_all();
            }
            drop_lock_and_wake(state);
            state = self.lock();
        }
        // Closed before anything else learns of it: the peer sees the end.
        state.output = None;
        state.fail(io::ErrorKind::BrokenPipe.into());
        self.room.notify_all();
        drop_lock_and_wake(state);
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Outbound")
            .field("ours", &state.ours)
            .field("urgent", &state.urgent.len())
            .field("chunks", &state.chunks.len())
            .finish_non_exhaustive()
    }
}
