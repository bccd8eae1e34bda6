//! Listeners and links whose transport is chosen while the program runs: each is a box that implements the
//! public trait, so that nothing downstream has two paths.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;

use super::{
    CloseReason, Frame, Gate, Incoming, Link, Listener, PeerInfo, Receive, ReceiveError, Transmit,
    TransmitError,
};

impl Receive for Box<dyn Receive> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReceiveError>> {
        (**self).poll_receive(cx)
    }

    fn close_reason(&self) -> Option<&CloseReason> {
        (**self).close_reason()
    }
}

impl Transmit for Box<dyn Transmit> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        (**self).poll_ready(cx)
    }

    fn start_send(&mut self, frame: Frame) -> Result<(), TransmitError> {
        (**self).start_send(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransmitError>> {
        (**self).poll_flush(cx)
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        (**self).poll_close(cx, reason)
    }
}

/// A link of any transport.
pub struct AnyLink {
    peer: PeerInfo,
    receive: Box<dyn Receive>,
    transmit: Box<dyn Transmit>,
}

impl AnyLink {
    /// Forgets which transport a link is of.
    pub fn new<L: Link>(link: L) -> Self {
        let peer = link.peer().clone();
        let (receive, transmit) = link.split();
        Self { peer, receive: Box::new(receive), transmit: Box::new(transmit) }
    }
}

impl Link for AnyLink {
    type Receive = Box<dyn Receive>;
    type Transmit = Box<dyn Transmit>;

    fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    fn split(self) -> (Box<dyn Receive>, Box<dyn Transmit>) {
        (self.receive, self.transmit)
    }
}

impl fmt::Debug for AnyLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLink").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Several listeners, of any transports, as one. It ends when the last of them has ended.
#[derive(Default)]
pub struct AnyListener {
    listeners: Vec<Box<dyn ErasedListener>>,
    /// Whose turn it is to be asked first: none of them starves another.
    turn: usize,
}

impl AnyListener {
    /// Nothing to accept yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts from `listener` too.
    pub fn push<L: Listener>(&mut self, listener: L) {
        self.listeners.push(Box::new(Erased(listener)));
    }

    /// The address of each.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.listeners.iter().map(|listener| listener.address()).collect()
    }
}

#[async_trait]
impl Listener for AnyListener {
    type Link = AnyLink;

    async fn accept(&mut self) -> Option<Incoming<AnyLink>> {
        while !self.listeners.is_empty() {
            self.turn = (self.turn + 1) % self.listeners.len();
            let (before, after) = self.listeners.split_at_mut(self.turn);
            // Cancel-safe, as each `accept` is: what is dropped here has taken nothing.
            let mut asked: Vec<_> =
                after.iter_mut().chain(before).map(|listener| listener.accept()).collect();
            let (at, incoming) = poll_fn(|cx| {
                for (at, accept) in asked.iter_mut().enumerate() {
                    if let Poll::Ready(incoming) = Pin::new(accept).poll(cx) {
                        return Poll::Ready((at, incoming));
                    }
                }
                Poll::Pending
            })
            .await;
            drop(asked);
            if incoming.is_some() {
                return incoming;
            }
            let ended = (self.turn + at) % self.listeners.len();
            drop(self.listeners.remove(ended));
        }
        None
    }

    fn guard(&mut self, gate: Gate) {
        for listener in &mut self.listeners {
            listener.guard(gate.clone());
        }
    }

    async fn finish(&mut self) {
        let finishing = self.listeners.iter_mut().map(|listener| listener.finish());
        futures_util::future::join_all(finishing).await;
    }

    fn address(&self) -> String {
        self.addresses().join(", ")
    }
}

impl fmt::Debug for AnyListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyListener").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

#[async_trait]
trait ErasedListener: Send {
    async fn accept(&mut self) -> Option<Incoming<AnyLink>>;
    fn guard(&mut self, gate: Gate);
    async fn finish(&mut self);
    fn address(&self) -> String;
}

struct Erased<L>(L);

#[async_trait]
impl<L: Listener> ErasedListener for Erased<L> {
    async fn accept(&mut self) -> Option<Incoming<AnyLink>> {
        Some(match self.0.accept().await? {
            Incoming::Link(link) => Incoming::Link(AnyLink::new(link)),
            Incoming::Exchange(exchange) => Incoming::Exchange(exchange),
        })
    }

    fn guard(&mut self, gate: Gate) {
        self.0.guard(gate);
    }

    async fn finish(&mut self) {
        self.0.finish().await;
    }

    fn address(&self) -> String {
        self.0.address()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Connect, memory};

    #[tokio::test]
    async fn several_listeners_are_one_until_the_last_has_ended() {
        let (first, first_listener) = memory(100);
        let (second, second_listener) = memory(100);
        let mut any = AnyListener::new();
        any.push(first_listener);
        any.push(second_listener);
        for connector in [&first, &second, &first, &second] {
            let (client, server) = tokio::join!(connector.link(), any.accept());
            assert!(matches!((client, server), (Ok(_), Some(Incoming::Link(_)))));
        }
        drop(first);
        let (client, server) = tokio::join!(second.link(), any.accept());
        assert!(matches!((client, server), (Ok(_), Some(Incoming::Link(_)))));
        drop(second);
        assert!(any.accept().await.is_none());
        assert!(any.addresses().is_empty());
    }
}
