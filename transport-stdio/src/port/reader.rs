use std::io;
use std::mem;
use std::sync::{Arc, OnceLock, Weak};

use http::StatusCode;
use http::request::Parts;
use session_core::exchange::{Exchange, head};
use session_core::link::{Frame, ReceiveError};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{End, Hold, Port, Rules};
use crate::config::Framing;
use crate::exchange::{Cut, OverWindow, Stream, answer, refuse};
use crate::system::Input;
use crate::wire::{Decoder, Id, Item, Word};

/// Bytes of one read: all that a pipe holds by default.
const READ: usize = 64 * 1024;

/// Pieces that may wait to be written for each exchange that a client may have: those under way have two, and one that
/// has ended is none of the client's any more.
const CHUNKS: usize = 4;

/// Which end of the wire this is.
#[derive(Debug)]
pub(crate) enum Role {
    Server(Door),
    Client,
}

/// Where a server's exchanges come out.
#[derive(Debug)]
pub(crate) struct Door {
    /// The client has said something on the link.
    pub(crate) opened: CancellationToken,
    /// The head of the request that opened the link, if the client has sent one; set before that.
    pub(crate) head: Arc<OnceLock<Parts>>,
    pub(crate) incoming: mpsc::Sender<Exchange>,
    pub(crate) max_exchanges: usize,
    pub(crate) tracker: TaskTracker,
    pub(crate) runtime: Handle,
}

struct Reader<'a> {
    port: &'a Port,
    hold: &'a Weak<Hold>,
    role: Role,
    /// The peer has said something on the link.
    opened: bool,
    /// Frames in a row, handed over at once.
    frames: Vec<Frame>,
}

/// Reads until the input ends, or nobody wants any more.
pub(super) fn run(mut input: Input, port: &Port, hold: &Weak<Hold>, rules: Rules, role: Role) {
    let mut reader = Reader { port, hold, role, opened: false, frames: Vec::new() };
    let mut decoder = Decoder::new(rules.framing, rules.max_message);
    let mut buffer = vec![0; READ];
    let end = loop {
        let (count, before) = match decoder.space() {
            Some(space) => {
                let before = space.len();
                (input.append(space), Some(before))
            }
            None => (input.read(&mut buffer), None),
        };
        match count {
            Ok(None) => break Err(ReceiveError::Aborted(None)),
            Ok(Some(0)) if decoder.is_between_items() => break Ok(()),
            Ok(Some(0)) => {
                break Err(ReceiveError::Aborted(Some(io::ErrorKind::UnexpectedEof.into())));
            }
            Ok(Some(count)) => {
                let decoded = match before {
                    Some(before) => decoder.arrived(before, |item| reader.take(item)),
                    None => decoder.decode(&buffer[..count], |item| reader.take(item)),
                };
                reader.port.inbound.deliver(&mut reader.frames);
                if let Err(error) = decoded {
                    break Err(error);
                }
            }
            Err(error) => break Err(ReceiveError::Aborted(Some(error))),
        }
        // A peer that makes us say more than it reads is not listened to meanwhile.
        if let Role::Server(door) = &reader.role
            && !port.outbound.wait_for_room(CHUNKS * door.max_exchanges)
        {
            break Err(ReceiveError::Aborted(None));
        }
    };
    let cut = match &end {
        Ok(()) | Err(ReceiveError::Aborted(_)) => Cut::new("the input ended"),
        Err(error) => {
            // There is a code to close the link with.
            reader.open();
            Cut::new(error.to_string())
        }
    };
    match reader.role {
        Role::Server(_) => port.streams.input_ended(&cut),
        Role::Client => port.streams.cut_all(&cut),
    }
    let may_just_end = matches!(reader.role, Role::Server(_)) && rules.framing == Framing::Lines;
    port.inbound.end(|has_word| match end {
        // How a script ends.
        Ok(()) if may_just_end && !has_word => End::Orderly(None),
        Ok(()) => End::Failed(ReceiveError::Aborted(None)),
        Err(error) => End::Failed(error),
    });
}

impl Reader<'_> {
    fn take(&mut self, item: Item) -> Result<(), ReceiveError> {
        match item {
            Item::Frame(frame) => {
                self.open();
                self.frames.push(frame);
            }
            Item::Open(head) => {
                if let Some(json) = head {
                    self.take_head(&json)?;
                }
                self.open();
                if self.port.inbound.begin_counting()
                    && let Role::Server(_) = self.role
                {
                    self.port.outbound.open(None);
                    self.port.outbound.grant(0);
                }
            }
            Item::Close(reason) => {
                self.open();
                self.end_link(|_| End::Orderly(reason));
            }
            Item::Abort => self.end_link(|_| End::Failed(ReceiveError::Aborted(None))),
            Item::Credit(None, bytes) => self.port.outbound.grant(bytes.into()),
            Item::Credit(Some(id), bytes) => {
                if let Some(stream) = self.port.streams.find(id) {
                    stream.grant(bytes);
                }
            }
            Item::Request(id, json) => match &self.role {
                Role::Server(door) => self.request(door, id, &json)?,
                Role::Client => return Err(unexpected("a request to the client")),
            },
            Item::Response(id, json) => match &self.role {
                Role::Client => self.response(id, &json),
                Role::Server(_) => return Err(unexpected("a response to the server")),
            },
            Item::Data(id, bytes) => {
                if let Some(stream) = self.port.streams.find(id) {
                    match stream.deliver(bytes) {
                        Ok(false) => {}
                        Ok(true) => self.port.outbound.say(Word::Stop(id)),
                        Err(OverWindow) => {
                            return Err(unexpected("more of a body than there was credit for"));
                        }
                    }
                }
            }
            Item::End(id) => self.end(id),
            Item::Stop(id) => {
                if let Some(stream) = self.port.streams.find(id) {
                    stream.stop(Cut::new("the peer wants no more of it"));
                }
            }
            Item::Reset(id, why) => {
                if let Some(stream) = self.port.streams.remove(id) {
                    stream.cut(&Cut::new(why));
                }
            }
        }
        Ok(())
    }

    /// Keeps the head of the request that opens the link.
    fn take_head(&self, json: &[u8]) -> Result<(), ReceiveError> {
        let Role::Server(door) = &self.role else {
            return Err(unexpected("the head of a request to the client"));
        };
        if self.opened {
            return Err(unexpected("the head of a link that is open"));
        }
        let parts = head::decode_request(json).map_err(|error| unexpected(&error.to_string()))?;
        // Only the first `open` finds the link not open.
        door.head.get_or_init(|| parts);
        Ok(())
    }

    /// The client has said something on the link.
    fn open(&mut self) {
        if !mem::replace(&mut self.opened, true)
            && let Role::Server(door) = &self.role
        {
            door.opened.cancel();
        }
    }

    fn end_link(&mut self, end: impl FnOnce(bool) -> End) {
        self.port.inbound.deliver(&mut self.frames);
        self.port.inbound.end(end);
    }

    fn request(&self, door: &Door, id: Id, json: &[u8]) -> Result<(), ReceiveError> {
        let port = self.port;
        if port.streams.find(id).is_some() {
            return Err(unexpected("a request with the number of one that is under way"));
        }
        let parts = match head::decode_request(json) {
            Ok(parts) => parts,
            Err(error) => {
                refuse(port, id, StatusCode::BAD_REQUEST, &error.to_string());
                return Ok(());
            }
        };
        if port.streams.len() >= door.max_exchanges {
            refuse(port, id, StatusCode::SERVICE_UNAVAILABLE, "too many requests at a time");
            return Ok(());
        }
        // Without a hold everything is about to end.
        if let Some(hold) = self.hold.upgrade() {
            let stream = Arc::new(Stream::new(id, None));
            port.streams.enter(&stream);
            let answered = answer(hold, stream, parts, door.incoming.clone());
            door.tracker.spawn_on(answered, &door.runtime);
        }
        Ok(())
    }

    fn response(&self, id: Id, json: &[u8]) {
        let Some(stream) = self.port.streams.find(id) else { return };
        match head::decode_response(json) {
            Ok(parts) => stream.deliver_response(Ok(parts)),
            Err(error) => {
                self.port.streams.remove(id);
                stream.cut(&Cut::new(error.to_string()));
                self.port.outbound.reset(&stream, "the response has no usable head");
            }
        }
    }

    fn end(&self, id: Id) {
        let found = match self.role {
            Role::Server(_) => self.port.streams.find(id),
            // The end of the response is the end of the exchange.
            Role::Client => self.port.streams.remove(id),
        };
        if let Some(stream) = found {
            stream.deliver_end(Ok(()));
            if let Role::Client = self.role {
                stream.stop(Cut::new("the response has ended"));
                stream.deliver_response(Err(Cut::new("it ended without a response")));
            }
        }
    }
}

fn unexpected(what: &str) -> ReceiveError {
    ReceiveError::Protocol(what.to_owned())
}
