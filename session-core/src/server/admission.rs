//! Whom a server lets in, and as whom.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderMap;
use serde::Deserialize;

use super::Server;
use crate::config::Network;
use crate::link::{Gate, Identity, PeerInfo, Refusal};

/// What proxies tell of the user that they have authenticated; the first that a request has counts.
const CREDENTIALS: [&str; 2] = ["shiny-server-credentials", "rstudio-connect-credentials"];

/// The hook of an app.
#[derive(Clone)]
pub(super) struct Hook(Arc<Function>);

type Function = dyn Fn(PeerInfo) -> Answer + Send + Sync;
type Answer = Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send>>;

impl Server {
    /// Asks `hook` whom to let in, and as whom, once for each link and before it has a session.
    ///
    /// The hook sees the [`PeerInfo`]: the address, the head of the request that opened the link, and what a
    /// [trusted proxy](Self::trust_peers) says of the user. The [`Identity`] it gives is what
    /// [`Session::user`](crate::Session::user) and [`Session::groups`](crate::Session::groups) have. A [`Refusal`] turns the
    /// client away: over WebSocket and WebTransport with its status as the answer to the handshake, otherwise with
    /// [`Refusal::close_reason`]. A hook that panics refuses with 500, one that takes longer than
    /// [`authentication_timeout`](crate::config::ServerConfig::authentication_timeout) with 503. No other link waits for it.
    ///
    /// Requests beside the links (routes, downloads, uploads) are not asked for: the id of a session, a secret of 256 bits
    /// that only its client was told, is what lets them in.
    ///
    /// ```
    /// use session_core::{App, Identity, Refusal, Server};
    ///
    /// # async fn user_of(token: &str) -> Result<String, std::io::Error> { Ok(token.to_owned()) }
    /// let app = App::new(|s| {
    ///     let hello = format!("hello, {}", s.user().unwrap_or("stranger"));
    ///     s.output("hello", move |_| Ok(hello.clone()))
    /// });
    /// let server = Server::new(app).authenticate(async |peer| match peer.bearer_token() {
    ///     Some(token) => Ok(Identity::new(user_of(token).await?).group("staff")),
    ///     None => Err(Refusal::unauthorized("a token is needed")),
    /// });
    /// # let _ = server;
    /// ```
    #[must_use]
    pub fn authenticate<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(PeerInfo) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, Refusal>> + Send + 'static,
    {
        self.hook = Some(Hook(Arc::new(move |peer| Box::pin(hook(peer)))));
        self
    }

    /// Believes these peers, proxies that authenticate users, what they say of the user in the header
    /// `Shiny-Server-Credentials` (or `RStudio-Connect-Credentials`): `{"user":"ann","groups":["staff"]}`. Nobody by default.
    ///
    /// Such a proxy must not pass on a header of that name that a client has sent. What is malformed, or there twice, says
    /// nothing.
    ///
    /// ```
    /// # use session_core::{App, Server};
    /// # let app = App::new(|_| Ok(()));
    /// let server = Server::new(app).trust_peers(["127.0.0.1".parse()?, "10.0.0.0/8".parse()?]);
    /// # let _ = server;
    /// # Ok::<(), session_core::config::InvalidNetwork>(())
    /// ```
    #[must_use]
    pub fn trust_peers(mut self, peers: impl IntoIterator<Item = Network>) -> Self {
        self.config.trusted_peers = peers.into_iter().collect();
        self
    }

    /// The gate of this server; `None` when everybody is let in, and nobody is believed to be somebody.
    pub(super) fn gate(&self) -> Option<Gate> {
        let trusted: Arc<[Network]> = self.config.trusted_peers.clone().into();
        if trusted.is_empty() && self.hook.is_none() {
            return None;
        }
        let hook = self.hook.clone();
        let gate = Gate::new(move |mut peer: PeerInfo| -> Answer {
            let identity = vouched(&peer, &trusted).unwrap_or_default();
            match &hook {
                Some(Hook(hook)) => {
                    peer.admit(identity);
                    hook(peer)
                }
                None => Box::pin(ready(Ok(identity))),
            }
        });
        Some(gate.timeout(self.config.authentication_timeout))
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// What a proxy writes.
#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    groups: Option<Vec<String>>,
}

/// Whom a trusted peer says the user is.
fn vouched(peer: &PeerInfo, trusted: &[Network]) -> Option<Identity> {
    let ip = peer.address?.ip();
    if !trusted.iter().any(|network| network.contains(ip)) {
        return None;
    }
    let headers = &peer.request.as_ref()?.headers;
    let name = CREDENTIALS.into_iter().find(|name| headers.contains_key(*name))?;
    match read(headers, name) {
        Some(Credentials { user, groups }) => {
            Some(Identity::from_parts(user, groups.unwrap_or_default()))
        }
        None => {
            // Not what it says: it may be somebody's secret.
            tracing::warn!(?peer, header = name, "the credentials of a trusted peer are malformed");
            None
        }
    }
}

/// The one value of the header.
fn read(headers: &HeaderMap, name: &str) -> Option<Credentials> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    // Serde takes a list for a struct, too.
    let is_object = value.as_bytes().trim_ascii_start().starts_with(b"{");
    serde_json::from_slice(value.as_bytes()).ok().filter(|_| is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str, headers: &[(&str, &str)]) -> PeerInfo {
        let mut request = http::Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        PeerInfo::new(Some(address.parse().unwrap()), Some(parts))
    }

    fn user(address: &str, headers: &[(&str, &str)]) -> Option<String> {
        let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let identity = vouched(&peer(address, headers), &trusted)?;
        Some(format!("{}:{}", identity.user().unwrap_or_default(), identity.groups().join("+")))
    }

    const ANN: &str = r#"{"user":"ann","groups":["a","b"]}"#;
    const BOB: &str = r#"{"user":"bob","groups":null}"#;

    // spec: G32 (decision 34)
    #[test]
    fn only_a_trusted_peer_tells_who_the_user_is() {
        let said = [("shiny-server-credentials", ANN)];
        for near in ["127.0.0.1:1", "10.9.8.7:1", "[::ffff:10.0.0.1]:1"] {
            assert_eq!(user(near, &said).as_deref(), Some("ann:a+b"), "{near}");
        }
        for far in ["127.0.0.2:1", "192.0.2.1:1", "[::1]:1"] {
            assert_eq!(user(far, &said), None, "{far}");
        }
        let (parts, ()) = http::Request::new(()).into_parts();
        assert!(vouched(&PeerInfo::new(None, Some(parts)), &["::/0".parse().unwrap()]).is_none());
    }

    // spec: G32
    #[test]
    fn credentials_that_are_absent_malformed_or_there_twice_say_nothing() {
        let said = |headers: &[(&str, &str)]| user("127.0.0.1:1", headers);
        assert_eq!(said(&[]), None);
        for bad in [
            "",
            "ann",
            "{",
            "[]",
            r#"["ann",["a"]]"#,
            r#"{"user":3}"#,
            r#"{"user":"ann","groups":"a"}"#,
        ] {
            assert_eq!(said(&[("shiny-server-credentials", bad)]), None, "{bad}");
        }
        let (one, other) = ("shiny-server-credentials", "rstudio-connect-credentials");
        assert_eq!(said(&[(one, ANN), (one, BOB)]), None);
        assert_eq!(said(&[(other, BOB)]).as_deref(), Some("bob:"));
        assert_eq!(said(&[(other, BOB), (one, ANN)]).as_deref(), Some("ann:a+b"));
        assert_eq!(said(&[(one, r#"{"user":null}"#)]).as_deref(), Some(":"));
    }
}
