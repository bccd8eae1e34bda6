use std::fmt;
use std::net::SocketAddr;

use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Identity;

/// Who is at the other end of a link, as far as the transport knows.
///
/// | transport | `address` | `request` |
/// |---|---|---|
/// | WebSocket | of the client, or of the proxy before it | the request that was upgraded |
/// | QUIC | of the client, when it opened the link | the head that the link's `OPEN` carries |
/// | WebTransport | the same | the request that opened the browser's session |
/// | stdio | none | the head that the client's `open` carries; none of one that does not say `open`, or nothing with it |
/// | memory | none | what the connector was given |
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The address of the peer, where the transport has one.
    pub address: Option<SocketAddr>,
    /// The head of the request that opened the link (path, query, headers), where there was one.
    pub request: Option<Box<Parts>>,
    /// What the server's gate found; `None` for a peer that was not asked.
    admitted: Option<Identity>,
}

impl PeerInfo {
    /// A peer known by its address and the head of its request.
    #[must_use]
    pub fn new(address: Option<SocketAddr>, request: Option<Parts>) -> Self {
        Self { address, request: request.map(Box::new), admitted: None }
    }

    /// The value of a header of the request that opened the link; the first, if it has several, and `None` if it is not
    /// text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.as_ref()?.headers.get(name)?.to_str().ok()
    }

    /// What the request's `Authorization: Bearer …` says: how programs tell who they are.
    #[must_use]
    pub fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header(AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Who the user is, as far as the server has found out.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        const NOBODY: &Identity = &Identity::anonymous();
        self.admitted.as_ref().unwrap_or(NOBODY)
    }

    /// Whether the server's gate has let it in.
    pub(crate) const fn is_admitted(&self) -> bool {
        self.admitted.is_some()
    }

    pub(crate) fn admit(&mut self, identity: Identity) {
        self.admitted = Some(identity);
    }
}

impl fmt::Debug for PeerInfo {
    /// The address alone: a request head may carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerInfo").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorized(value: &'static str) -> PeerInfo {
        let (parts, ()) =
            http::Request::get("/").header(AUTHORIZATION, value).body(()).unwrap().into_parts();
        PeerInfo::new(None, Some(parts))
    }

    #[test]
    fn a_bearer_token_is_what_follows_the_scheme() {
        assert_eq!(authorized("Bearer abc").bearer_token(), Some("abc"));
        assert_eq!(authorized("bearer  abc ").bearer_token(), Some("abc"));
        for other in ["Basic abc", "Bearer", "abc", ""] {
            assert_eq!(authorized(other).bearer_token(), None, "{other:?}");
        }
        assert_eq!(PeerInfo::default().bearer_token(), None);
    }

    #[test]
    fn what_is_printed_of_a_peer_has_no_credentials() {
        assert!(!format!("{:?}", authorized("Bearer abc")).contains("abc"));
    }
}
