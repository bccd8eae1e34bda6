use std::fmt;
use std::net::SocketAddr;

use http::request::Parts;

/// Who is at the other end of a link, as far as the transport knows.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The address of the peer, where the transport has one.
    pub address: Option<SocketAddr>,
    /// The head of the request that opened the link (path, query, headers), where there was one.
    pub request: Option<Box<Parts>>,
}

impl PeerInfo {
    /// A peer known by its address and the head of its request.
    #[must_use]
    pub fn new(address: Option<SocketAddr>, request: Option<Parts>) -> Self {
        Self { address, request: request.map(Box::new) }
    }
}

impl fmt::Debug for PeerInfo {
    /// The address alone: a request head may carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerInfo").field("address", &self.address).finish_non_exhaustive()
    }
}
