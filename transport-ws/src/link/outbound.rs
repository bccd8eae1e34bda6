use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf, Bytes};
use session_core::link::{CloseReason, Frame, TransmitError};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;

use super::io::{Reader, Writer};
use super::pongs::Pongs;
use super::{Hold, Rules};
use crate::frame::{Masks, Opcode, Role, put_close, put_frame, put_head};

/// Bytes that may wait to be written before `poll_ready` waits: a few TCP windows of small frames.
const HIGH_WATER: usize = 64 * 1024;

/// A payload from this size on is handed to the socket as it is; below, copying it beside its head is
/// cheaper than one more slice of a vectored write.
const ZERO_COPY: usize = 4 * 1024;

/// Slices of one vectored write.
const MAX_SLICES: usize = 32;

/// Memory an idle link keeps for the next small frames.
const KEEP: usize = 512;

/// Which half of a link waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Receive,
    Transmit,
}

/// The state both halves reach. The receiving half touches it only to answer, never to read.
pub(super) struct Shared {
    outbound: Mutex<Outbound>,
    waiting: Waiting,
}

/// The tasks that wait for the socket to take more. One socket wakes one waker; this one wakes both halves.
#[derive(Default)]
struct Waiting(Arc<Wakers>);

#[derive(Default)]
struct Wakers(Mutex<[Option<Waker>; 2]>);

/// What is on its way out, and how far the link has come to its end.
pub(super) struct Outbound {
    writer: Option<Writer>,
    /// Whole pieces, before `tail`.
    queue: VecDeque<Bytes>,
    /// Small frames and heads, one after the other.
    tail: Vec<u8>,
    /// Bytes at the front of `tail` that are written; only while `queue` is empty.
    written: usize,
    /// Bytes not yet written.
    buffered: usize,
    pongs: Pongs,
    ping: bool,
    masks: Option<Masks>,
    ours: Ours,
    theirs: Theirs,
    /// The reading half of the socket, once the receiving half of the link is dropped.
    parked: Option<Reader>,
    halves: u8,
    rules: Rules,
    hold: Hold,
    runtime: Handle,
}

/// How far this end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    Open,
    /// The close frame is in the buffer, and nothing comes after it.
    Closing,
    /// The close frame is written and the socket shut for writing.
    Closed,
    /// Nothing can be written any more.
    Gone,
}

/// How far the peer has come, as the receiving half saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Theirs {
    Open,
    Closed,
    Gone,
}

impl Shared {
    pub(super) fn new(writer: Writer, rules: Rules, hold: Hold) -> Arc<Self> {
        Arc::new(Self {
            outbound: Mutex::new(Outbound {
                writer: Some(writer),
                queue: VecDeque::new(),
                tail: Vec::new(),
                written: 0,
                buffered: 0,
                pongs: Pongs::default(),
                ping: false,
                masks: (rules.role == Role::Client).then(Masks::new),
                ours: Ours::Open,
                theirs: Theirs::Open,
                parked: None,
                halves: 2,
                rules,
                hold,
                runtime: Handle::current(),
            }),
            waiting: Waiting::default(),
        })
    }

    /// Held for the length of one poll, never across one.
    fn lock(&self) -> MutexGuard<'_, Outbound> {
        self.outbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        let mut out = self.lock();
        out.check_open()?;
        if out.buffered >= HIGH_WATER
            && let Poll::Ready(result) = self.waiting.poll_write(&mut out, cx, Half::Transmit)
        {
            result?;
        }
        if out.buffered < HIGH_WATER { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    pub(super) fn start_send(&self, frame: Frame) -> Result<(), TransmitError> {
        let mut out = self.lock();
        out.check_open()?;
        out.put(frame).map_err(|error| out.fail(error))
    }

    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        let mut out = self.lock();
        out.check_open()?;
        self.waiting.poll_write(&mut out, cx, Half::Transmit)
    }

    pub(super) fn poll_close(
        &self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        let mut out = self.lock();
        match out.ours {
            Ours::Open => out.put_close(Some(reason))?,
            Ours::Closing => {}
            Ours::Closed => return Poll::Ready(Ok(())),
            Ours::Gone => return Poll::Ready(Err(TransmitError::Closed(None))),
        }
        self.waiting.poll_write(&mut out, cx, Half::Transmit)
    }

    /// Answers pings, or sends one. Whether something is left to be written.
    pub(super) fn poll_answer(&self, cx: &mut Context<'_>, pongs: Pongs, ping: bool) -> bool {
        let mut out = self.lock();
        out.pongs.append(pongs);
        out.ping |= ping;
        self.poll_rest(&mut out, cx)
    }

    /// The peer ended the link in good order: answers with its own code. What the socket does not take
    /// now is written when the link is dropped.
    pub(super) fn poll_peer_closed(
        &self,
        cx: &mut Context<'_>,
        pongs: Pongs,
        reason: Option<&CloseReason>,
    ) {
        let mut out = self.lock();
        out.theirs = Theirs::Closed;
        out.pongs.append(pongs);
        let echo = reason.map(|reason| CloseReason::from(reason.code()));
        if out.ours != Ours::Open || out.put_close(echo.as_ref()).is_ok() {
            self.poll_rest(&mut out, cx);
        }
        drop(out);
        // Whoever waits to send must learn that there is nobody to send to.
        self.waiting.0.wake_by_ref();
    }

    /// The peer is gone.
    pub(super) fn peer_gone(&self) {
        let mut out = self.lock();
        out.theirs = Theirs::Gone;
        out.abort();
        drop(out);
        self.waiting.0.wake_by_ref();
    }

    fn poll_rest(&self, out: &mut Outbound, cx: &mut Context<'_>) -> bool {
        out.ours != Ours::Gone && self.waiting.poll_write(out, cx, Half::Receive).is_pending()
    }

    /// A half of the link is dropped; the last one decides how the socket ends.
    pub(super) fn drop_half(&self, half: Half, reader: Option<Reader>) {
        let mut out = self.lock();
        out.halves -= 1;
        if let Some(reader) = reader {
            out.parked = Some(reader);
        }
        let unfinished = match out.ours {
            Ours::Open => true,
            // Unless it answers the peer's: that is delivered whoever watches.
            Ours::Closing => out.theirs == Theirs::Open,
            Ours::Closed | Ours::Gone => false,
        };
        if half == Half::Transmit && unfinished {
            out.abort();
        }
        if out.halves == 0 {
            out.finish();
        }
    }
}

impl Waiting {
    /// Writes what is buffered; when the socket is full, `half` is woken once it is not, and so is the
    /// other half if it waits.
    fn poll_write(
        &self,
        out: &mut Outbound,
        cx: &mut Context<'_>,
        half: Half,
    ) -> Poll<Result<(), TransmitError>> {
        let mut result = out.poll_write(cx);
        if result.is_pending() {
            let slot = match half {
                Half::Receive => 0,
                Half::Transmit => 1,
            };
            self.0.lock()[slot] = Some(cx.waker().clone());
            // The socket remembers the last waker it saw: let that be the one that wakes both halves.
            let both = Waker::from(Arc::clone(&self.0));
            result = out.poll_write(&mut Context::from_waker(&both));
        }
        result.map_err(|error| out.fail(error))
    }
}

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = mem::take(&mut *self.lock());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Outbound {
    fn check_open(&self) -> Result<(), TransmitError> {
        match self.ours {
            Ours::Open => Ok(()),
            _ => Err(TransmitError::Closed(None)),
        }
    }

    fn key(&mut self) -> io::Result<Option<[u8; 4]>> {
        self.masks.as_mut().map(Masks::draw).transpose()
    }

    fn put(&mut self, frame: Frame) -> io::Result<()> {
        let (opcode, payload) = match frame {
            Frame::Text(text) => (Opcode::Text, text.into_bytes()),
            Frame::Binary(bytes) => (Opcode::Binary, bytes),
        };
        let key = self.key()?;
        self.compact();
        let before = self.tail.len();
        if key.is_some() || payload.len() < ZERO_COPY {
            put_frame(&mut self.tail, opcode, &payload, key);
            self.buffered += self.tail.len() - before;
        } else {
            put_head(&mut self.tail, opcode, payload.len(), None);
            self.buffered += self.tail.len() - before + payload.len();
            self.cut_tail();
            self.queue.push_back(payload);
        }
        Ok(())
    }

    fn put_control(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let key = self.key()?;
        let before = self.tail.len();
        put_frame(&mut self.tail, opcode, payload, key);
        self.buffered += self.tail.len() - before;
        Ok(())
    }

    /// Puts pongs and a ping that wait into the buffer, unless it is full of frames already.
    fn put_answers(&mut self) -> io::Result<()> {
        if self.buffered < HIGH_WATER && self.ours == Ours::Open {
            for pong in mem::take(&mut self.pongs).drain() {
                self.put_control(Opcode::Pong, &pong)?;
            }
            if mem::take(&mut self.ping) {
                self.put_control(Opcode::Ping, &[])?;
            }
        }
        Ok(())
    }

    fn put_close(&mut self, reason: Option<&CloseReason>) -> Result<(), TransmitError> {
        self.put_answers().map_err(|error| self.fail(error))?;
        let key = self.key().map_err(|error| self.fail(error))?;
        let before = self.tail.len();
        put_close(&mut self.tail, reason, key);
        self.buffered += self.tail.len() - before;
        self.ours = Ours::Closing;
        self.pongs = Pongs::default();
        self.ping = false;
        Ok(())
    }

    /// Gives back the part of `tail` that is written, when it is most of it.
    fn compact(&mut self) {
        if self.written > KEEP && self.written * 2 > self.tail.len() {
            self.tail.drain(..self.written);
            self.written = 0;
        }
    }

    /// Moves `tail` behind the queue.
    fn cut_tail(&mut self) {
        if !self.tail.is_empty() {
            let mut piece = Bytes::from(mem::take(&mut self.tail));
            piece.advance(mem::take(&mut self.written));
            self.queue.push_back(piece);
        }
    }

    /// Writes until nothing is left or the socket is full; after a close frame, shuts the socket for
    /// writing.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.put_answers()?;
            if self.buffered == 0 {
                break;
            }
            let Some(writer) = &mut self.writer else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            let mut writer = Pin::new(writer);
            let count = if self.queue.is_empty() {
                let piece = &self.tail[self.written..];
                ready!(writer.as_mut().poll_write(cx, piece))?
            } else {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let pieces = self.queue.iter().map(AsRef::as_ref);
                let pieces = pieces.chain([&self.tail[self.written..]]);
                let mut used = 0;
                for (slice, piece) in slices.iter_mut().zip(pieces) {
                    *slice = IoSlice::new(piece);
                    used += 1;
                }
                ready!(writer.as_mut().poll_write_vectored(cx, &slices[..used]))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffered -= count;
            let mut count = count;
            while let Some(front) = self.queue.front_mut() {
                if count < front.len() {
                    front.advance(mem::take(&mut count));
                    break;
                }
                count -= front.len();
                self.queue.pop_front();
            }
            self.written += count;
        }
        self.written = 0;
        self.tail.clear();
        if self.tail.capacity() > KEEP {
            self.tail = Vec::new();
        }
        if self.queue.capacity() > MAX_SLICES {
            self.queue = VecDeque::new();
        }
        if let Some(writer) = &mut self.writer {
            let mut writer = Pin::new(writer);
            ready!(writer.as_mut().poll_flush(cx))?;
            if self.ours == Ours::Closing {
                ready!(writer.as_mut().poll_shutdown(cx))?;
                self.ours = Ours::Closed;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn fail(&mut self, error: io::Error) -> TransmitError {
        self.ours = Ours::Gone;
        self.discard();
        TransmitError::Closed(Some(error))
    }

    /// Ends the link without a close frame.
    fn abort(&mut self) {
        if self.ours != Ours::Closed {
            self.ours = Ours::Gone;
            self.discard();
            if let Some(writer) = self.writer.take() {
                writer.reset_on_drop();
            }
        }
    }

    fn discard(&mut self) {
        self.queue = VecDeque::new();
        self.tail = Vec::new();
        self.written = 0;
        self.buffered = 0;
        self.pongs = Pongs::default();
        self.ping = false;
    }

    /// Both halves are dropped. What was promised to the peer is still delivered: a socket closed while it
    /// holds unread input is reset by the system, and takes its unsent output along.
    fn finish(&mut self) {
        let hold = mem::take(&mut self.hold);
        let (Some(mut writer), Some(mut reader)) = (self.writer.take(), self.parked.take()) else {
            return;
        };
        let settled = match self.ours {
            Ours::Gone | Ours::Open => true,
            Ours::Closing => false,
            Ours::Closed => self.theirs != Theirs::Open,
        };
        if settled {
            return;
        }
        self.cut_tail();
        let queue = mem::take(&mut self.queue);
        let limit = self.rules.linger;
        let task = async move {
            let _ = tokio::time::timeout(limit, async {
                for mut piece in queue {
                    writer.write_all_buf(&mut piece).await?;
                }
                writer.shutdown().await?;
                let mut sink = [0; 1024];
                while reader.read(&mut sink).await? > 0 {}
                io::Result::Ok(())
            })
            .await;
            drop((writer, reader, hold));
        };
        self.runtime.spawn(task);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}
