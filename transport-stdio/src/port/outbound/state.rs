use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use session_core::link::TransmitError;

use crate::exchange::Stream;
use crate::system::{Output, Trigger};
use crate::wire::Batch;

/// What is on its way out, and how far the link has come to its end.
pub(super) struct State {
    /// `None` once nothing can be written any more.
    pub(super) output: Option<Arc<Output>>,
    pub(super) trigger: Option<Trigger>,
    pub(super) urgent: Batch,
    /// Bytes of `urgent` that are frames.
    pub(super) frames: usize,
    pub(super) close: Option<Batch>,
    pub(super) chunks: VecDeque<Chunk>,
    /// The thread is at work, or called to it: nobody else writes.
    pub(super) busy: bool,
    /// Bytes of frames that the thread is writing.
    pub(super) writing: usize,
    pub(super) ours: Ours,
    /// The close is the answer to the peer's: it is delivered whoever watches.
    pub(super) answered: bool,
    /// What the frames so far cost.
    pub(super) sent: u64,
    /// What frames may cost by now; `None` while the peer has no window.
    pub(super) granted: Option<u64>,
    /// The task that sends on the link.
    pub(super) task: Option<Waker>,
    /// Tasks that wait for room for words.
    pub(super) tasks: Vec<Waker>,
    /// The thread that reads waits for room: telling it costs a call of the system.
    pub(super) reader_waits: bool,
    /// Nothing comes any more: the thread ends when all is written.
    pub(super) ending: bool,
    pub(super) error: Option<io::Error>,
}

/// A piece of a body.
pub(super) struct Chunk {
    pub(super) stream: Arc<Stream>,
    pub(super) bytes: Vec<u8>,
}

/// How far this end of the link has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ours {
    Open,
    /// The close waits to be written, and nothing comes after it.
    Closing,
    Closed,
    /// Aborted, or the wire is gone.
    Gone,
}

/// What the thread writes.
pub(super) enum Job {
    Urgent(Batch),
    Close(Batch),
    Chunk(Arc<Stream>, Batch),
}

impl Job {
    pub(super) fn write(mut self, output: &Output) -> io::Result<Self> {
        let (Self::Urgent(batch) | Self::Close(batch) | Self::Chunk(_, batch)) = &mut self;
        batch.drain(|slices| match output.write(slices) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            result => result,
        })?;
        Ok(self)
    }
}

impl State {
    pub(super) fn new(output: Output, trigger: Trigger) -> Self {
        Self {
            output: Some(Arc::new(output)),
            trigger: Some(trigger),
            urgent: Batch::default(),
            frames: 0,
            close: None,
            chunks: VecDeque::new(),
            busy: false,
            writing: 0,
            ours: Ours::Open,
            answered: false,
            sent: 0,
            granted: None,
            task: None,
            tasks: Vec::new(),
            reader_waits: false,
            ending: false,
            error: None,
        }
    }

    pub(super) fn check_open(&mut self) -> Result<(), TransmitError> {
        if self.ours == Ours::Open { Ok(()) } else { Err(self.gone()) }
    }

    pub(super) fn gone(&mut self) -> TransmitError {
        TransmitError::Closed(self.error.take())
    }

    pub(super) fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes back a close of which nothing is written yet; whether there was one.
    pub(super) fn take_back_close(&mut self) -> bool {
        self.close.take_if(|close| !close.is_begun()).is_some()
    }

    pub(super) fn has_work(&self) -> bool {
        !self.urgent.is_empty() || self.close.is_some() || !self.chunks.is_empty()
    }

    pub(super) fn next_job(&mut self) -> Option<Job> {
        if !self.urgent.is_empty() {
            self.writing = mem::take(&mut self.frames);
            return Some(Job::Urgent(mem::take(&mut self.urgent)));
        }
        if let Some(close) = self.close.take() {
            return Some(Job::Close(close));
        }
        let chunk = self.chunks.pop_front()?;
        Some(Job::Chunk(chunk.stream, chunk.bytes.into()))
    }

    /// The wire is gone.
    pub(super) fn fail(&mut self, error: io::Error) {
        if let Some(output) = self.output.take() {
            tracing::debug!(%error, "the peer takes nothing any more");
            drop(output);
            self.error = Some(error);
        }
        if self.ours != Ours::Closed {
            self.ours = Ours::Gone;
        }
        (self.urgent, self.frames, self.close) = (Batch::default(), 0, None);
        self.tasks.extend(self.chunks.drain(..).filter_map(|chunk| chunk.stream.written()));
    }
}

/// Wakes everyone who waits, without the lock.
pub(super) fn drop_lock_and_wake(mut state: MutexGuard<'_, State>) {
    let (task, tasks) = (state.task.take(), mem::take(&mut state.tasks));
    drop(state);
    task.into_iter().chain(tasks).for_each(Waker::wake);
}
