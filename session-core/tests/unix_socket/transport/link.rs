use std::io;
use std::task::{Context, Poll, ready};

use session_core::link::framing::{self, CLOSE};
use session_core::link::{
    CloseReason, Frame, Link, PeerInfo, Receive, ReceiveError, Transmit, TransmitError,
};

use super::records::{Reader, Writer};

/// The payload of the longest [`CLOSE`] record, which arrives however small the frames have to be.
const LONGEST_CLOSE: usize = 2 + CloseReason::MAX_TEXT;

/// A link over one connection.
#[derive(Debug)]
pub struct UnixLink {
    peer: PeerInfo,
    receive: UnixReceive,
    transmit: UnixTransmit,
}

impl UnixLink {
    pub(super) fn new(mut reader: Reader, writer: Writer, max_frame: usize) -> Self {
        reader.set_limit(max_frame.max(LONGEST_CLOSE));
        Self {
            // A path is no address, and there was no request.
            peer: PeerInfo::default(),
            receive: UnixReceive { reader: Some(reader), max_frame, reason: None },
            transmit: UnixTransmit { writer, state: State::Open },
        }
    }
}

impl Link for UnixLink {
    type Receive = UnixReceive;
    type Transmit = UnixTransmit;

    fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    fn split(self) -> (UnixReceive, UnixTransmit) {
        (self.receive, self.transmit)
    }
}

/// The receiving half.
///
/// It only reads, so it works whatever the sending half does (law 7); the other way round as well.
#[derive(Debug)]
pub struct UnixReceive {
    /// `None` after the end, or an error: there is nothing after it.
    reader: Option<Reader>,
    max_frame: usize,
    reason: Option<CloseReason>,
}

impl Receive for UnixReceive {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReceiveError>> {
        let Some(reader) = &mut self.reader else { return Poll::Ready(Ok(None)) };
        // Cancel-safe (law 3): what has arrived of a record stays in the reader.
        let record = ready!(reader.poll_next(cx));
        let outcome = match record {
            // Only a record makes an end orderly (law 4): the system closes the sockets of a process that was killed
            // just as it closes those of one that is done.
            Ok(None) => Err(ReceiveError::Aborted(None)),
            Err(error) => Err(receive_error(error)),
            Ok(Some(record)) if record.kind == CLOSE => {
                self.reason = framing::parse_close(&record.payload);
                let invalid = || ReceiveError::Protocol("a close without a valid reason".into());
                if self.reason.is_some() { Ok(None) } else { Err(invalid()) }
            }
            Ok(Some(record)) if record.payload.len() > self.max_frame => {
                Err(ReceiveError::TooLarge { limit: self.max_frame })
            }
            Ok(Some(record)) => framing::frame(record).map(Some),
        };
        if !matches!(outcome, Ok(Some(_))) {
            self.reader = None;
        }
        Poll::Ready(outcome)
    }

    fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.as_ref()
    }
}

/// By whose fault it is: the peer's, if it announced too much.
fn receive_error(error: io::Error) -> ReceiveError {
    match error.get_ref().and_then(|cause| cause.downcast_ref::<framing::TooLarge>()) {
        Some(too_large) => ReceiveError::TooLarge { limit: too_large.limit },
        None => ReceiveError::Aborted(Some(error)),
    }
}

/// The sending half.
///
/// Dropped before it has closed, it shuts the connection without a [`CLOSE`] record, with whatever was not flushed: an
/// abort (law 5). There is nothing to do for it here.
#[derive(Debug)]
pub struct UnixTransmit {
    writer: Writer,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The reason is in the buffer, and nothing comes after it.
    Closing,
    Closed,
    /// The peer is gone.
    Gone,
}

impl UnixTransmit {
    fn check_open(&self) -> Result<(), TransmitError> {
        if self.state == State::Open { Ok(()) } else { Err(TransmitError::Closed(None)) }
    }

    /// After an error nothing is sent again: the peer may have half of a record.
    fn checked<T>(&mut self, result: io::Result<T>) -> Result<T, TransmitError> {
        result.map_err(|error| {
            self.state = State::Gone;
            TransmitError::Closed(Some(error))
        })
    }
}

impl Transmit for UnixTransmit {
    /// A full socket and a full buffer in front of it: the peer does not read (law 6).
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.check_open()?;
        let room = ready!(self.writer.poll_ready(cx));
        Poll::Ready(self.checked(room))
    }

    fn start_send(&mut self, frame: Frame) -> Result<(), TransmitError> {
        self.check_open()?;
        let kind = framing::kind(&frame);
        let put = self.writer.put(kind, frame.into_bytes());
        self.checked(put)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.check_open()?;
        let flushed = ready!(self.writer.poll_flush(cx));
        Poll::Ready(self.checked(flushed))
    }

    /// Ready when the socket has taken everything. It is then in the peer's queue, where neither the end of this
    /// process nor input that nobody reads any more can reach it: TCP would need to linger here.
    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        match self.state {
            State::Open => {
                let put = self.writer.put(CLOSE, framing::close_payload(reason));
                self.checked(put)?;
                self.state = State::Closing;
            }
            State::Closing => {}
            State::Closed => return Poll::Ready(Ok(())),
            State::Gone => return Poll::Ready(Err(TransmitError::Closed(None))),
        }
        let shut = ready!(self.writer.poll_shutdown(cx));
        self.checked(shut)?;
        self.state = State::Closed;
        Poll::Ready(Ok(()))
    }
}
