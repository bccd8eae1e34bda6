use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::response;
use tokio::sync::oneshot;

use crate::wire::{BODY_WINDOW, CHUNK, Id};

/// Pieces of one body that may wait to be written: the thread always has the next one, and no more.
const IN_WRITER: usize = 2;

/// A piece below this size is put beside its neighbours: a piece has a price of its own.
const SMALL: usize = 1024;

/// An exchange was cut short: what arrived of its body is not all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the exchange was cut short: {why}")]
#[non_exhaustive]
pub struct Cut {
    /// Why, in the words of whoever did it.
    pub why: String,
}

/// One exchange under way.
pub(crate) struct Stream {
    id: Id,
    state: Mutex<State>,
}

struct State {
    /// What arrived of the peer's body and was not taken.
    arrived: VecDeque<Bytes>,
    /// The last of it, while it is small.
    small: BytesMut,
    /// How the peer's body ends, after what arrived.
    end: Option<Result<(), Cut>>,
    /// Bytes the peer may still send.
    window: usize,
    /// Some of the peer's body came.
    begun: bool,
    /// Nobody takes the peer's body any more.
    unwanted: bool,
    /// The peer was told so.
    told: bool,
    /// The task that takes the peer's body.
    taker: Option<Waker>,
    /// Bytes that may be sent.
    credit: u64,
    /// Pieces that wait to be written.
    waiting: usize,
    /// Why nothing more is to be sent.
    stopped: Option<Cut>,
    /// No credit will come any more.
    last_credit: bool,
    /// The task that sends our body.
    sender: Option<Waker>,
    /// Where the head of the response goes.
    response: Option<oneshot::Sender<Result<response::Parts, Cut>>>,
}

/// The peer sent more than it was allowed to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverWindow;

/// How much of the peer's body had come when it was let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetGo {
    /// Nothing, and perhaps there is nothing.
    BeforeBody,
    InMidBody,
    AtEnd,
}

/// What may be sent next.
#[derive(Debug)]
pub(crate) enum Room {
    /// A piece of so many bytes.
    Bytes(usize),
    Stopped(Cut),
}

impl Cut {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

impl Stream {
    pub(crate) fn new(
        id: Id,
        response: Option<oneshot::Sender<Result<response::Parts, Cut>>>,
    ) -> Self {
        let state = State {
            arrived: VecDeque::new(),
            small: BytesMut::new(),
            end: None,
            window: BODY_WINDOW,
            begun: false,
            unwanted: false,
            told: false,
            taker: None,
            credit: BODY_WINDOW as u64,
            waiting: 0,
            stopped: None,
            last_credit: false,
            sender: None,
            response,
        };
        Self { id, state: Mutex::new(state) }
    }

    pub(crate) const fn id(&self) -> Id {
        self.id
    }

    /// Nothing else is locked, and nobody woken, under it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece of the peer's body arrived; whether the peer is to be told that it is not wanted.
    pub(crate) fn deliver(&self, bytes: Bytes) -> Result<bool, OverWindow> {
        let mut state = self.lock();
        state.window = state.window.checked_sub(bytes.len()).ok_or(OverWindow)?;
        state.begun = true;
        if state.end.is_some() {
            return Ok(false);
        }
        if state.unwanted {
            return Ok(!mem::replace(&mut state.told, true));
        }
        if bytes.len() < SMALL {
            state.small.extend_from_slice(&bytes);
        } else {
            state.cut_small();
            state.arrived.push_back(bytes);
        }
        wake(state, |state| &mut state.taker);
        Ok(false)
    }

    /// The peer's body ends.
    pub(crate) fn deliver_end(&self, end: Result<(), Cut>) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        wake(state, |state| &mut state.taker);
    }

    /// The head of the response arrived.
    pub(crate) fn deliver_response(&self, head: Result<response::Parts, Cut>) {
        let sender = self.lock().response.take();
        if let Some(sender) = sender {
            // Whoever asked may have gone.
            let _ = sender.send(head);
        }
    }

    /// The exchange is over, whatever is missing.
    pub(crate) fn cut(&self, cut: &Cut) {
        self.deliver_response(Err(cut.clone()));
        self.deliver_end(Err(cut.clone()));
        self.stop(cut.clone());
    }

    /// What we send of our body is not wanted any more.
    pub(crate) fn stop(&self, cut: Cut) {
        let mut state = self.lock();
        state.stopped.get_or_insert(cut);
        wake(state, |state| &mut state.sender);
    }

    /// The peer takes so much more of our body.
    pub(crate) fn grant(&self, bytes: u32) {
        let mut state = self.lock();
        state.credit = state.credit.saturating_add(bytes.into());
        wake(state, |state| &mut state.sender);
    }

    /// The peer says nothing more: what needs more credit can never be sent.
    pub(crate) fn no_more_credit(&self) {
        let mut state = self.lock();
        state.last_credit = true;
        wake(state, |state| &mut state.sender);
    }

    /// A piece of our body was written; whoever waits for that is to be woken.
    pub(crate) fn written(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.waiting -= 1;
        state.sender.take()
    }

    /// Waits until there is no reason to send any more.
    pub(crate) fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<Cut> {
        let mut state = self.lock();
        if let Some(cut) = &state.stopped {
            return Poll::Ready(cut.clone());
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits for room for a piece, and takes it.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>, wanted: usize) -> Poll<Room> {
        let mut state = self.lock();
        if let Some(cut) = &state.stopped {
            return Poll::Ready(Room::Stopped(cut.clone()));
        }
        if state.credit == 0 && state.last_credit {
            let why = "the peer's input ended before it took all of the body";
            return Poll::Ready(Room::Stopped(Cut::new(why)));
        }
        if state.credit == 0 || state.waiting >= IN_WRITER {
            state.sender = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes = wanted.min(CHUNK).min(usize::try_from(state.credit).unwrap_or(usize::MAX));
        state.credit -= bytes as u64;
        state.waiting += 1;
        Poll::Ready(Room::Bytes(bytes))
    }

    /// Takes the room for the end of a body, which needs no credit.
    pub(crate) fn begin_end(&self) {
        self.lock().waiting += 1;
    }

    /// Waits until everything that was put behind others is written, or will never be.
    pub(crate) fn poll_written(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.waiting == 0 || state.stopped.is_some() {
            return Poll::Ready(());
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The next piece of the peer's body, and the credit to give for it.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        window: usize,
    ) -> Poll<Option<Result<(Bytes, u32), Cut>>> {
        let mut state = self.lock();
        let piece = match state.arrived.pop_front() {
            Some(piece) => piece,
            None if !state.small.is_empty() => state.small.split().freeze(),
            None => {
                if let Some(end) = &mut state.end {
                    // An error is told once.
                    return Poll::Ready(mem::replace(end, Ok(())).err().map(Err));
                }
                state.taker = Some(cx.waker().clone());
                return Poll::Pending;
            }
        };
        // What arrived and was not taken still counts; a quarter at a time is often enough.
        let held: usize = state.arrived.iter().map(Bytes::len).sum::<usize>() + state.small.len();
        let missing = window.saturating_sub(state.window + held);
        let credit = if missing >= window / 4 && state.end.is_none() { missing } else { 0 };
        state.window += credit;
        Poll::Ready(Some(Ok((piece, u32::try_from(credit).unwrap_or(u32::MAX)))))
    }

    /// Whether everything of the peer's body was taken, and it ended well.
    pub(crate) fn is_at_end(&self) -> bool {
        let state = self.lock();
        state.arrived.is_empty() && state.small.is_empty() && state.end == Some(Ok(()))
    }

    /// Nobody takes the peer's body any more.
    pub(crate) fn let_go(&self) -> LetGo {
        let mut state = self.lock();
        state.unwanted = true;
        state.arrived = VecDeque::new();
        state.small = BytesMut::new();
        state.taker = None;
        if state.end.is_some() {
            LetGo::AtEnd
        } else if state.begun {
            state.told = true;
            LetGo::InMidBody
        } else {
            LetGo::BeforeBody
        }
    }
}

impl State {
    fn cut_small(&mut self) {
        if !self.small.is_empty() {
            let piece = self.small.split().freeze();
            self.arrived.push_back(piece);
        }
    }
}

/// Wakes a task without the lock.
fn wake(mut state: MutexGuard<'_, State>, whom: impl FnOnce(&mut State) -> &mut Option<Waker>) {
    let task = whom(&mut state).take();
    drop(state);
    if let Some(task) = task {
        task.wake();
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}
