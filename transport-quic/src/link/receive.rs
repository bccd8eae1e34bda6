use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use session_core::link::framing::{self, BINARY, CLOSE, Decoder, Record, TEXT};
use session_core::link::{CloseReason, Frame, Receive, ReceiveError};

use super::outbound::{Half, Shared};
use super::{Opener, Rules};
use crate::stream::RecvStream;
use crate::wire::{Code, MAX_CLOSE};

/// Pieces that are taken at once: each is what one packet carried.
const MANY: usize = 16;

/// The receiving half of a [`QuicLink`](crate::QuicLink).
///
/// Dropped, it leaves what the peer sends unread: the peer waits once its window is full.
pub struct QuicReceive {
    /// `None` once the stream has ended.
    stream: Option<RecvStream>,
    /// Bytes read behind the last record.
    rest: Bytes,
    /// And behind those.
    more: VecDeque<Bytes>,
    decoder: Decoder,
    max_message: usize,
    /// The peer is known to know of the link.
    heard: bool,
    ended: bool,
    reason: Option<CloseReason>,
    shared: Arc<Shared>,
}

impl QuicReceive {
    pub(super) fn new(stream: RecvStream, early: Bytes, rules: Rules, shared: Arc<Shared>) -> Self {
        Self {
            stream: Some(stream),
            rest: early,
            more: VecDeque::new(),
            // A reason is no message, and fits in any case.
            decoder: Decoder::new(rules.max_message.max(MAX_CLOSE)),
            max_message: rules.max_message,
            heard: rules.opener == Opener::Peer,
            ended: false,
            reason: None,
            shared,
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReceiveError>> {
        loop {
            while !self.rest.is_empty() {
                match self.decoder.decode(&mut self.rest) {
                    Ok(Some(record)) => return Poll::Ready(self.understand(record)),
                    Ok(None) => {}
                    Err(_) => return Poll::Ready(Err(self.too_large())),
                }
            }
            if let Some(bytes) = self.more.pop_front() {
                self.rest = bytes;
            } else if self.decoder.is_between_records() {
                // An idle link keeps no room for what it once read at a time.
                if self.more.capacity() > 0 {
                    self.more = VecDeque::new();
                }
                ready!(self.poll_read(cx))?;
            } else {
                ready!(self.poll_read_many(cx))?;
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReceiveError>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(ReceiveError::Aborted(None)));
        };
        match ready!(stream.poll_read(cx))? {
            Some(bytes) => {
                self.rest = bytes;
                if !std::mem::replace(&mut self.heard, true) {
                    self.shared.peer_knows();
                }
            }
            // An end without a reason is none.
            None => self.stream = None,
        }
        Poll::Ready(Ok(()))
    }

    /// In the middle of a record most likely all of what has come is its.
    fn poll_read_many(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReceiveError>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(ReceiveError::Aborted(None)));
        };
        let mut pieces = [const { Bytes::new() }; MANY];
        match ready!(stream.poll_read_many(cx, &mut pieces))? {
            Some(count) => self.more.extend(pieces.into_iter().take(count)),
            None => self.stream = None,
        }
        Poll::Ready(Ok(()))
    }

    /// `None` is an orderly end.
    fn understand(&mut self, record: Record) -> Result<Option<Frame>, ReceiveError> {
        match record.kind {
            TEXT | BINARY if record.payload.len() > self.max_message => Err(self.too_large()),
            TEXT | BINARY => framing::frame(record).map(Some),
            CLOSE => {
                self.reason = framing::parse_close(&record.payload);
                if self.reason.is_none() && !record.payload.is_empty() {
                    let problem = "a link was closed with a reason that is none";
                    return Err(ReceiveError::Protocol(problem.to_owned()));
                }
                Ok(None)
            }
            kind => Err(ReceiveError::Protocol(format!("a link has no records of kind {kind}"))),
        }
    }

    const fn too_large(&self) -> ReceiveError {
        ReceiveError::TooLarge { limit: self.max_message }
    }

    /// Most often the end of the stream came along with the reason; then there is nothing to stop.
    fn take_end(&mut self, cx: &mut Context<'_>) {
        (self.rest, self.more) = (Bytes::new(), VecDeque::new());
        if let Some(stream) = &mut self.stream
            && let Poll::Ready(Ok(None) | Err(_)) = stream.poll_read(cx)
        {
            self.stream = None;
        }
    }
}

impl Receive for QuicReceive {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReceiveError>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let result = ready!(self.poll_frame(cx));
        match &result {
            Ok(Some(_)) => return Poll::Ready(result),
            Ok(None) => {
                self.take_end(cx);
                self.shared.peer_closed(self.reason.as_ref());
            }
            Err(ReceiveError::Aborted(_) | ReceiveError::TimedOut) => {
                self.stream = None;
                self.shared.peer_gone();
            }
            // What still comes is of no use, and the peer is not to wait until it is taken.
            Err(_) => {
                if let Some(mut stream) = self.stream.take() {
                    stream.stop(Code::Protocol);
                }
            }
        }
        self.ended = true;
        self.rest = Bytes::new();
        self.more = VecDeque::new();
        Poll::Ready(result)
    }

    fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.as_ref()
    }
}

impl Drop for QuicReceive {
    fn drop(&mut self) {
        self.shared.drop_half(Half::Receive(self.stream.take()));
    }
}

impl fmt::Debug for QuicReceive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicReceive").field("ended", &self.ended).finish_non_exhaustive()
    }
}
