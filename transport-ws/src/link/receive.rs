use std::fmt;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use session_core::link::{CloseReason, Frame, Receive, ReceiveError};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::io::Reader;
use super::outbound::{Half, Shared};
use super::pongs::Pongs;
use super::{Heartbeat, Rules};
use crate::frame::{Decoder, Event};

/// Bytes of one read: on the stack, so that an idle link has no buffer.
const READ: usize = 16 * 1024;

/// The receiving half of a [`WsLink`](crate::WsLink).
///
/// It also answers the pings of the peer, sends pings of its own, and watches for silence; it does so while
/// it is polled. Dropped, it leaves what the peer sends unread.
pub struct WsReceive {
    reader: Option<Reader>,
    /// Bytes read behind the last message.
    rest: Bytes,
    decoder: Decoder,
    rules: Rules,
    pulse: Option<Pulse>,
    rate: Rate,
    /// An answer to the peer is not all written.
    unsent: bool,
    pongs: Pongs,
    ended: bool,
    reason: Option<CloseReason>,
    shared: Arc<Shared>,
}

/// The heartbeat of a link: any byte from the peer since the last beat counts as life.
struct Pulse {
    beat: Heartbeat,
    alarm: Pin<Box<Sleep>>,
    heard: bool,
    /// Pings since the peer was last heard.
    unanswered: u32,
}

/// How many frames that carry nothing came in this second.
struct Rate {
    since: Option<Instant>,
    count: u32,
}

impl WsReceive {
    pub(super) fn new(
        reader: Reader,
        early: Bytes,
        decoder: Decoder,
        rules: Rules,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            reader: Some(reader),
            rest: early,
            decoder,
            rules,
            pulse: rules.heartbeat.map(Pulse::new),
            rate: Rate { since: None, count: 0 },
            unsent: false,
            pongs: Pongs::default(),
            ended: false,
            reason: None,
            shared,
        }
    }

    /// Decodes what is at hand; `None` when more must be read.
    fn decode(&mut self, input: &mut &[u8]) -> Option<Result<Option<Frame>, ReceiveError>> {
        loop {
            let event = match self.decoder.advance(input) {
                Ok(event) => event?,
                Err(error) => return Some(Err(error)),
            };
            match event {
                Event::Message(frame) => return Some(Ok(Some(frame))),
                Event::Ping(payload) => self.pongs.push(payload),
                Event::Pong | Event::Nothing => {}
                Event::Close(reason) => {
                    self.reason = reason;
                    return Some(Ok(None));
                }
            }
            if !self.rate.allows(self.rules.max_control_rate) {
                return Some(Err(ReceiveError::Policy("too many control frames".to_owned())));
            }
        }
    }

    /// Reads and decodes once.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Option<Frame>, ReceiveError>>> {
        let Some(reader) = &mut self.reader else { return Poll::Ready(Some(Ok(None))) };
        if self.decoder.wants_long_read() {
            let count = ready!(self.decoder.poll_long_read(cx, reader));
            return Poll::Ready(match count {
                Ok(0) => Some(Err(ReceiveError::Aborted(None))),
                Ok(_) => {
                    self.heard();
                    self.decode(&mut &b""[..])
                }
                Err(error) => Some(Err(ReceiveError::Aborted(Some(error)))),
            });
        }
        let mut space = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        if let Err(error) = ready!(Pin::new(reader).poll_read(cx, &mut buffer)) {
            return Poll::Ready(Some(Err(ReceiveError::Aborted(Some(error)))));
        }
        let mut input = buffer.filled();
        if input.is_empty() {
            return Poll::Ready(Some(Err(ReceiveError::Aborted(None))));
        }
        self.heard();
        let decoded = self.decode(&mut input);
        self.rest = Bytes::copy_from_slice(input);
        Poll::Ready(decoded)
    }

    fn heard(&mut self) {
        if let Some(pulse) = &mut self.pulse {
            pulse.heard = true;
        }
    }

    /// Writes what the peer is owed.
    fn answer(&mut self, cx: &mut Context<'_>, ping: bool) {
        if self.unsent || ping || !self.pongs.is_empty() {
            self.unsent = self.shared.poll_answer(cx, std::mem::take(&mut self.pongs), ping);
        }
    }

    fn poll_pulse(&mut self, cx: &mut Context<'_>) -> Poll<ReceiveError> {
        while let Some(pulse) = &mut self.pulse {
            if ready!(pulse.poll(cx)) {
                self.answer(cx, true);
            } else {
                return Poll::Ready(ReceiveError::TimedOut);
            }
        }
        Poll::Pending
    }

    fn end(
        &mut self,
        cx: &mut Context<'_>,
        result: Result<Option<Frame>, ReceiveError>,
    ) -> Result<Option<Frame>, ReceiveError> {
        match &result {
            Ok(Some(_)) => {
                self.answer(cx, false);
                return result;
            }
            Ok(None) => {
                self.shared.poll_peer_closed(
                    cx,
                    std::mem::take(&mut self.pongs),
                    self.reason.as_ref(),
                );
            }
            Err(ReceiveError::Aborted(_) | ReceiveError::TimedOut) => self.shared.peer_gone(),
            Err(_) => {}
        }
        self.ended = true;
        self.rest = Bytes::new();
        self.pulse = None;
        result
    }
}

impl Receive for WsReceive {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReceiveError>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            let mut input = &rest[..];
            let decoded = self.decode(&mut input);
            let used = rest.len() - input.len();
            if let Some(result) = decoded {
                if used < rest.len() {
                    self.rest = rest;
                    self.rest.advance(used);
                }
                return Poll::Ready(self.end(cx, result));
            }
        }
        loop {
            match self.poll_read(cx) {
                Poll::Ready(Some(result)) => return Poll::Ready(self.end(cx, result)),
                Poll::Ready(None) => {}
                Poll::Pending => break,
            }
        }
        self.answer(cx, false);
        let error = ready!(self.poll_pulse(cx));
        Poll::Ready(self.end(cx, Err(error)))
    }

    fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.as_ref()
    }
}

impl Drop for WsReceive {
    fn drop(&mut self) {
        self.shared.drop_half(Half::Receive, self.reader.take());
    }
}

impl fmt::Debug for WsReceive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsReceive").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Pulse {
    fn new(beat: Heartbeat) -> Self {
        Self { beat, alarm: Box::pin(sleep(beat.interval)), heard: false, unanswered: 0 }
    }

    /// Ready at every beat: with `true` it is time to ping, with `false` the peer is lost.
    ///
    /// Beats are counted, not time: a session that did not poll for a while has not given the peer's
    /// answers a chance to be seen.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        ready!(self.alarm.as_mut().poll(cx));
        if std::mem::take(&mut self.heard) {
            self.unanswered = 0;
        }
        if self.unanswered >= self.beat.missed {
            return Poll::Ready(false);
        }
        self.unanswered += 1;
        self.alarm.as_mut().reset(Instant::now() + self.beat.interval);
        Poll::Ready(true)
    }
}

impl Rate {
    fn allows(&mut self, per_second: u32) -> bool {
        let now = Instant::now();
        match self.since {
            Some(since) if now.duration_since(since) < Duration::from_secs(1) => self.count += 1,
            _ => {
                self.since = Some(now);
                self.count = 1;
            }
        }
        self.count <= per_second
    }
}
