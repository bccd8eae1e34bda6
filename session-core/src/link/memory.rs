//! The reference link: two bounded queues in memory.

use std::fmt;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use http::request::Parts;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use super::{
    CloseReason, Connect, Frame, Incoming, Link, Listener, PeerInfo, Receive, ReceiveError,
    Transmit, TransmitError, TransmitExt,
};
use crate::exchange::{Exchange, ExchangeError, Request, Response};

/// Frames a link holds in each direction before `poll_ready` waits.
const WINDOW: usize = 64;

/// A listener in memory and the door its clients come through. Either half of a link refuses to receive a frame over
/// `limit` bytes.
#[must_use]
pub fn memory(limit: usize) -> (Connector, MemoryListener) {
    let (sender, receiver) = mpsc::channel(WINDOW);
    (Connector { sender, limit, request: None }, MemoryListener { receiver })
}

/// Opens links and exchanges to a [`MemoryListener`].
#[derive(Clone)]
pub struct Connector {
    sender: mpsc::Sender<Incoming<MemoryLink>>,
    limit: usize,
    request: Option<Parts>,
}

impl Connector {
    /// Opens its links with the head of this request, as a client of another transport would.
    #[must_use]
    pub fn request(mut self, head: Parts) -> Self {
        self.request = Some(head);
        self
    }
}

#[async_trait]
impl Connect for Connector {
    type Link = MemoryLink;
    type Error = NotListening;

    async fn link(&self) -> Result<MemoryLink, NotListening> {
        let (client, mut server) = pair(self.limit);
        server.peer = PeerInfo::new(None, self.request.clone());
        self.sender.send(Incoming::Link(server)).await.map_err(|_| NotListening)?;
        Ok(client)
    }

    /// A request that is dropped without an answer is a 503, as on every transport.
    async fn exchange(&self, request: Request) -> Result<Response, NotListening> {
        let (exchange, answer) = Exchange::new(request);
        self.sender.send(Incoming::Exchange(exchange)).await.map_err(|_| NotListening)?;
        Ok(answer.await.unwrap_or_else(ExchangeError::into_response))
    }
}

impl fmt::Debug for Connector {
    /// Without the request, which may carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// The listener is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody listens any more")]
pub struct NotListening;

/// Accepts what a [`Connector`] opens.
#[derive(Debug)]
pub struct MemoryListener {
    receiver: mpsc::Receiver<Incoming<MemoryLink>>,
}

#[async_trait]
impl Listener for MemoryListener {
    type Link = MemoryLink;

    async fn accept(&mut self) -> Option<Incoming<MemoryLink>> {
        self.receiver.recv().await
    }

    /// Clients that came and were not accepted are told to come back (1012, 503).
    async fn finish(&mut self) {
        self.receiver.close();
        while let Some(incoming) = self.receiver.recv().await {
            if let Incoming::Link(link) = incoming {
                let reason = CloseReason::draining();
                // A client that is gone already need not be told.
                let _ = link.split().1.close(reason).await;
            }
        }
    }

    fn address(&self) -> String {
        "memory".to_owned()
    }
}

/// One end of a link in memory.
#[derive(Debug)]
pub struct MemoryLink {
    peer: PeerInfo,
    receive: MemoryReceive,
    transmit: MemoryTransmit,
}

/// Two ends of one link; each refuses to receive a frame over `limit` bytes.
fn pair(limit: usize) -> (MemoryLink, MemoryLink) {
    let (to_server, from_client) = mpsc::channel(WINDOW);
    let (to_client, from_server) = mpsc::channel(WINDOW);
    let end = |sender, receiver| MemoryLink {
        peer: PeerInfo::default(),
        receive: MemoryReceive { receiver, limit, state: ReceiveState::Open },
        transmit: MemoryTransmit { sender: PollSender::new(sender) },
    };
    (end(to_server, from_server), end(to_client, from_client))
}

impl Link for MemoryLink {
    type Receive = MemoryReceive;
    type Transmit = MemoryTransmit;

    fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    fn split(self) -> (MemoryReceive, MemoryTransmit) {
        (self.receive, self.transmit)
    }
}

#[derive(Debug)]
enum Item {
    Frame(Frame),
    Close(CloseReason),
}

/// The receiving half of a [`MemoryLink`].
#[derive(Debug)]
pub struct MemoryReceive {
    receiver: mpsc::Receiver<Item>,
    limit: usize,
    state: ReceiveState,
}

#[derive(Debug)]
enum ReceiveState {
    Open,
    Ended(Option<CloseReason>),
}

impl Receive for MemoryReceive {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReceiveError>> {
        if let ReceiveState::Ended(_) = self.state {
            return Poll::Ready(Ok(None));
        }
        let end = match ready!(self.receiver.poll_recv(cx)) {
            Some(Item::Frame(frame)) if frame.as_bytes().len() <= self.limit => {
                return Poll::Ready(Ok(Some(frame)));
            }
            Some(Item::Frame(_)) => Err(ReceiveError::TooLarge { limit: self.limit }),
            Some(Item::Close(reason)) => Ok(Some(reason)),
            None => Err(ReceiveError::Aborted(None)),
        };
        self.receiver.close();
        match end {
            Ok(reason) => {
                self.state = ReceiveState::Ended(reason);
                Poll::Ready(Ok(None))
            }
            Err(error) => {
                self.state = ReceiveState::Ended(None);
                Poll::Ready(Err(error))
            }
        }
    }

    fn close_reason(&self) -> Option<&CloseReason> {
        match &self.state {
            ReceiveState::Open => None,
            ReceiveState::Ended(reason) => reason.as_ref(),
        }
    }
}

/// The sending half of a [`MemoryLink`].
#[derive(Debug)]
pub struct MemoryTransmit {
    sender: PollSender<Item>,
}

impl Transmit for MemoryTransmit {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        self.sender.poll_reserve(cx).map_err(|_| TransmitError::Closed(None))
    }

    fn start_send(&mut self, frame: Frame) -> Result<(), TransmitError> {
        self.sender.send_item(Item::Frame(frame)).map_err(|_| TransmitError::Closed(None))
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        match self.sender.get_ref() {
            Some(sender) if !sender.is_closed() => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(TransmitError::Closed(None))),
        }
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        ready!(self.poll_ready(cx))?;
        let sent = self.sender.send_item(Item::Close(reason.clone()));
        self.sender.close();
        Poll::Ready(sent.map_err(|_| TransmitError::Closed(None)))
    }
}
