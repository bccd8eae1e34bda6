use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use session_core::link::{CloseReason, Frame, ReceiveError};

use crate::wire::{LINK_WINDOW, cost};

/// Frames of the link that arrived and were not taken, and how the link ended.
///
/// When it is full, nothing more is read from the peer. A peer that said `open` heeds a window of the same size, so
/// that it never comes to that, and exchanges go on beside a link that nobody reads.
pub(crate) struct Inbound {
    state: Mutex<State>,
    /// There is room again, or nobody wants any more.
    room: Condvar,
}

struct State {
    frames: VecDeque<Frame>,
    /// What they cost.
    held: u64,
    end: Option<End>,
    /// The end has come: what the peer sends on the link from now on is not for us.
    over: bool,
    /// The peer heeds the window.
    counts: bool,
    /// The receiving half is dropped, or the thread is to end.
    unwanted: bool,
    task: Option<Waker>,
}

/// How the link ended.
#[derive(Debug)]
pub(crate) enum End {
    Orderly(Option<CloseReason>),
    Failed(ReceiveError),
}

/// What the receiving half gets at a time.
pub(crate) enum Taken {
    /// Frames are in the queue that was given.
    Frames {
        peer_counts: bool,
    },
    End(End),
}

impl Inbound {
    pub(super) const fn new() -> Self {
        let state = State {
            frames: VecDeque::new(),
            held: 0,
            end: None,
            over: false,
            counts: false,
            unwanted: false,
            task: None,
        };
        Self { state: Mutex::new(state), room: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds frames, and blocks while there is no room for the next.
    pub(super) fn deliver(&self, frames: &mut Vec<Frame>) {
        if frames.is_empty() {
            return;
        }
        let mut state = self.lock();
        for frame in frames.drain(..) {
            while state.held >= LINK_WINDOW && !state.unwanted && !state.over {
                // Whoever is to make room must know that there is something.
                if let Some(task) = state.task.take() {
                    task.wake();
                }
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.unwanted || state.over {
                continue;
            }
            state.held += cost(&frame);
            state.frames.push_back(frame);
        }
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// The peer heeds the window of the link from now on; whether that is news.
    pub(super) fn begin_counting(&self) -> bool {
        !mem::replace(&mut self.lock().counts, true)
    }

    /// The link ends, in the way it ended first.
    pub(super) fn end(&self, end: impl FnOnce(bool) -> End) {
        let mut state = self.lock();
        if state.over {
            return;
        }
        state.over = true;
        state.end = Some(end(state.counts));
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Frames that arrive from now on are dropped.
    pub(crate) fn unwanted(&self) {
        let mut state = self.lock();
        state.unwanted = true;
        state.frames = VecDeque::new();
        state.task = None;
        drop(state);
        self.room.notify_all();
    }

    /// Moves what arrived into `queue`, which is empty.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        queue: &mut VecDeque<Frame>,
    ) -> Poll<Taken> {
        let mut state = self.lock();
        if !state.frames.is_empty() {
            mem::swap(&mut state.frames, queue);
            let was_full = mem::take(&mut state.held) >= LINK_WINDOW;
            let peer_counts = state.counts;
            drop(state);
            if was_full {
                self.room.notify_all();
            }
            return Poll::Ready(Taken::Frames { peer_counts });
        }
        if let Some(end) = state.end.take() {
            return Poll::Ready(Taken::End(end));
        }
        if !state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            state.task = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Inbound")
            .field("frames", &state.frames.len())
            .field("over", &state.over)
            .finish_non_exhaustive()
    }
}
