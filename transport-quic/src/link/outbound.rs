use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use session_core::link::framing::{self, CLOSE, TooLarge};
use session_core::link::{CloseReason, Frame, TransmitError};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::pending::Pending;
use super::{Opener, Rules};
use crate::stream::{RecvStream, SendStream, Stopped, StreamError};
use crate::wire::Code;

/// Bytes that may wait for the stream before `poll_ready` waits.
const HIGH_WATER: usize = 64 * 1024;

/// Which half of a link is dropped.
pub(super) enum Half {
    /// With its end of the stream, unless that is at its end.
    Receive(Option<RecvStream>),
    Transmit,
}

/// The state both halves reach. The receiving half touches it only when the link ends, never to read.
pub(super) struct Shared(Mutex<Outbound>);

/// What is on its way out, and how far the link has come to its end.
struct Outbound {
    /// `None` once the link is left to what it leaves behind.
    stream: Option<SendStream>,
    pending: Pending,
    /// Whether the peer may not have heard of the link: a reset would take the head along, and nobody would ever
    /// know that there was one.
    is_news: bool,
    ours: Ours,
    theirs: Theirs,
    /// Who waits for the stream to take more, to be told also when there is nobody to send to any more.
    waiting: Option<Waker>,
    /// While the end of the stream is on its way. Kept: a new one would forget who waits for it.
    stopped: Option<Stopped>,
    /// The receiving end, once that half is dropped. It is not stopped: it tells when the peer is done, and what the
    /// peer sends meanwhile waits in its window.
    parked: Option<RecvStream>,
    halves: u8,
    linger: Duration,
    token: Option<TaskTrackerToken>,
    runtime: Handle,
}

/// How far this end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    Open,
    /// The record that closes is pending, and nothing comes after it.
    Closing,
    /// The stream has taken everything, its end too.
    Finished,
    /// The peer's side has everything.
    Delivered,
    /// Nothing can be sent any more.
    Gone,
}

/// How far the peer has come, as the receiving half saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Theirs {
    Open,
    /// It closed in good order.
    Closed,
    Gone,
}

impl Shared {
    pub(super) fn new(stream: SendStream, rules: Rules, token: TaskTrackerToken) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Outbound {
            stream: Some(stream),
            pending: Pending::default(),
            is_news: rules.opener == Opener::Us,
            ours: Ours::Open,
            theirs: Theirs::Open,
            waiting: None,
            stopped: None,
            parked: None,
            halves: 2,
            linger: rules.linger,
            token: Some(token),
            runtime: Handle::current(),
        })))
    }

    /// Held for the length of one poll, never across one.
    fn lock(&self) -> MutexGuard<'_, Outbound> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        let mut out = self.lock();
        out.check_open()?;
        if out.pending.len() >= HIGH_WATER
            && let Poll::Ready(result) = out.poll_write(cx)
        {
            result?;
        }
        if out.pending.len() < HIGH_WATER { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    pub(super) fn start_send(&self, frame: Frame) -> Result<(), TransmitError> {
        let mut out = self.lock();
        out.check_open()?;
        out.pending.put_frame(frame).map_err(|error| out.refuse(error))
    }

    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        let mut out = self.lock();
        out.check_open()?;
        out.poll_write(cx)
    }

    /// Ready when the peer's side has every frame and the reason.
    pub(super) fn poll_close(
        &self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        let mut out = self.lock();
        if out.ours == Ours::Open {
            out.put_close(Some(reason))?;
        }
        if out.ours == Ours::Closing {
            ready!(out.poll_finish(cx))?;
        }
        match out.ours {
            Ours::Finished => out.poll_delivered(cx),
            Ours::Delivered => Poll::Ready(Ok(())),
            Ours::Open | Ours::Closing | Ours::Gone => Poll::Ready(Err(closed())),
        }
    }

    /// The peer has sent something: it knows of the link.
    pub(super) fn peer_knows(&self) {
        self.lock().is_news = false;
    }

    /// The peer ended the link in good order: answers with its own code, so that it need not wait for long. What the
    /// stream does not take now it takes when the link is dropped.
    pub(super) fn peer_closed(&self, reason: Option<&CloseReason>) {
        let mut out = self.lock();
        out.theirs = Theirs::Closed;
        // A sender that is stalled waits for room; what is written here must not take its place.
        let waiting = out.waiting.take();
        if out.ours == Ours::Open {
            let echo = reason.map(|reason| CloseReason::from(reason.code()));
            if out.put_close(echo.as_ref()).is_ok() {
                let _ = out.poll_finish(&mut Context::from_waker(Waker::noop()));
            }
        }
        out.waiting = waiting;
        Outbound::wake(out);
    }

    /// The peer is gone, or gave the link up.
    pub(super) fn peer_gone(&self) {
        let mut out = self.lock();
        out.theirs = Theirs::Gone;
        out.abort();
        Outbound::wake(out);
    }

    /// A half of the link is dropped; the last one decides how the stream ends.
    pub(super) fn drop_half(&self, half: Half) {
        let mut out = self.lock();
        out.halves -= 1;
        match half {
            Half::Receive(recv) => out.parked = recv,
            Half::Transmit => match out.ours {
                Ours::Open => out.abort(),
                // Unless it answers the peer's: that is delivered whoever watches.
                Ours::Closing if out.theirs == Theirs::Open => out.abort(),
                _ => {}
            },
        }
        if out.ours == Ours::Gone
            && let Some(mut recv) = out.parked.take()
        {
            recv.stop(Code::Dropped);
        }
        if out.halves == 0 {
            out.leave();
        }
    }
}

impl Outbound {
    fn check_open(&self) -> Result<(), TransmitError> {
        match self.ours {
            Ours::Open => Ok(()),
            _ => Err(closed()),
        }
    }

    fn put_close(&mut self, reason: Option<&CloseReason>) -> Result<(), TransmitError> {
        let payload = reason.map(framing::close_payload).unwrap_or_default();
        self.pending.put_record(CLOSE, &payload).map_err(|error| self.refuse(error))?;
        self.ours = Ours::Closing;
        Ok(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(closed())) };
        match self.pending.poll_write(stream, cx) {
            Poll::Ready(result) => Poll::Ready(result.map_err(|error| self.fail(error))),
            Poll::Pending => {
                self.wait(cx);
                Poll::Pending
            }
        }
    }

    /// Hands over what is pending, and the end of the stream.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        ready!(self.poll_write(cx))?;
        if let Some(stream) = &mut self.stream {
            stream.finish();
        }
        self.ours = Ours::Finished;
        Poll::Ready(Ok(()))
    }

    fn poll_delivered(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        let Some(stream) = &self.stream else { return Poll::Ready(Err(closed())) };
        let stopped = self.stopped.get_or_insert_with(|| stream.stopped());
        match ready!(stopped.as_mut().poll(cx)) {
            // Whoever has read the record that closes may stop the stream: its end has nothing more to say.
            Ok(None) => {}
            Ok(Some(code)) if code == Code::Done as u64 => {}
            Ok(Some(code)) => return Poll::Ready(Err(self.fail(StreamError::Stopped(code)))),
            Err(error) => return Poll::Ready(Err(self.fail(error))),
        }
        self.stopped = None;
        self.ours = Ours::Delivered;
        Poll::Ready(Ok(()))
    }

    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waiting {
            Some(waiting) => waiting.clone_from(cx.waker()),
            None => self.waiting = Some(cx.waker().clone()),
        }
    }

    /// Whoever waits to send must learn that there is nobody to send to.
    fn wake(mut out: MutexGuard<'_, Self>) {
        let waiting = out.waiting.take();
        drop(out);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    fn fail(&mut self, error: StreamError) -> TransmitError {
        self.ours = Ours::Gone;
        self.discard();
        TransmitError::Closed(Some(error.into()))
    }

    /// A frame that no record can carry: whoever sends it learns that the link cannot go on.
    fn refuse(&mut self, error: TooLarge) -> TransmitError {
        self.abort();
        TransmitError::Closed(Some(io::Error::new(io::ErrorKind::InvalidInput, error)))
    }

    /// Ends the link without a word.
    fn abort(&mut self) {
        if matches!(self.ours, Ours::Open | Ours::Closing) {
            self.ours = Ours::Gone;
            self.discard();
            if self.is_news
                && let Some(stream) = &mut self.stream
            {
                // An end without a reason is none either, and what was sent before it arrives.
                stream.finish();
            } else {
                // Dropped before its end, the stream is reset.
                self.stream = None;
            }
        }
    }

    fn discard(&mut self) {
        self.pending = Pending::default();
        self.stopped = None;
    }

    /// Both halves are dropped. What was promised to the peer is still delivered: a connection that is closed takes
    /// along what the peer has not read.
    fn leave(&mut self) {
        let token = self.token.take();
        let recv = self.parked.take();
        let settled = match self.ours {
            Ours::Open => true,
            Ours::Gone => !self.is_news,
            Ours::Closing | Ours::Finished => false,
            Ours::Delivered => self.theirs != Theirs::Open,
        };
        let Some(stream) = self.stream.take().filter(|_| !settled) else { return };
        let mut rest = Rest {
            stopped: stream.stopped(),
            stream,
            pending: mem::take(&mut self.pending),
            finished: self.ours != Ours::Closing,
        };
        let limit = self.linger;
        self.runtime.spawn(async move {
            let reading = async {
                if let Some(mut recv) = recv {
                    recv.drain().await;
                }
            };
            // After that the peer had its chance.
            let _ = timeout(limit, async { tokio::join!(rest.deliver(), reading) }).await;
            drop(token);
        });
    }
}

const fn closed() -> TransmitError {
    TransmitError::Closed(None)
}

/// What a link leaves behind.
struct Rest {
    stream: SendStream,
    pending: Pending,
    finished: bool,
    stopped: Stopped,
}

impl Rest {
    async fn deliver(&mut self) {
        if !self.finished {
            if poll_fn(|cx| self.pending.poll_write(&mut self.stream, cx)).await.is_err() {
                return;
            }
            self.stream.finish();
        }
        let _ = (&mut self.stopped).await;
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}
