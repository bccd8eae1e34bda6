use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, EndpointConfig, TokioRuntime};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use session_core::exchange::head;
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::connection::Connection;
use crate::error::ConnectError;
use crate::link::{Opener, Rules};
use crate::socket;
use crate::tls::Trust;
use crate::tuning::Tuning;
use crate::url::Url;

/// Between the first tries of the addresses of one name.
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to a `quic://` URL, with the defaults of [`Client`].
///
/// The hash of a development certificate may stand at the end of the URL, as it does in a listener's address:
/// `quic://127.0.0.1:4433/#sha256=…`. Without it, the certificate must be signed by somebody the system trusts.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use session_core::link::{Connect, Link, ReceiveExt};
///
/// let connection = transport_quic::connect("quic://example.com:4433/").await?;
/// let (mut receive, transmit) = connection.link().await?.split();
/// let hello = receive.receive().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ConnectError`].
///
/// # Cancel safety
///
/// Dropped before it is ready, nothing is left.
pub async fn connect(url: &str) -> Result<Connection, ConnectError> {
    Client::new().connect(url).await
}

/// How connections are made.
#[derive(Debug, Clone)]
pub struct Client {
    max_message_bytes: usize,
    headers: HeaderMap,
    trust: Option<Trust>,
    handshake_timeout: Duration,
    idle_timeout: Duration,
    keep_alive: Option<Duration>,
    linger: Duration,
    bind: Option<SocketAddr>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// Messages of up to 16 MiB are received. A server that is silent for 30 s counts as lost; after 10 s it is asked
    /// for a sign of life.
    #[must_use]
    pub fn new() -> Self {
        Self {
            max_message_bytes: 16 << 20,
            headers: HeaderMap::new(),
            trust: None,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            keep_alive: Some(Duration::from_secs(10)),
            linger: Duration::from_secs(5),
            bind: None,
        }
    }

    /// The largest message to receive, in bytes.
    #[must_use]
    pub const fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Sends a header with the head of each link, for instance `cookie` or `authorization`.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Header`] when the name or the value cannot stand in a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, ConnectError> {
        let Some((key, value)) = head::header(name, value) else {
            return Err(ConnectError::Header { name: name.to_owned() });
        };
        self.headers.append(key, value);
        Ok(self)
    }

    /// Trusts what these certificates (PEM) have signed, and nobody else.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Roots`] when there is none, or one that cannot be used.
    pub fn roots(mut self, pem: &[u8]) -> Result<Self, ConnectError> {
        let failed = |problem: &dyn std::fmt::Display| ConnectError::Roots(problem.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| failed(&error))?;
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
        if roots.is_empty() {
            return Err(failed(&"there is none in the text: they must be in PEM"));
        }
        self.trust = Some(Trust::Roots(Arc::new(roots)));
        Ok(self)
    }

    /// Trusts the certificate with this SHA-256, whatever name it is for, and no other. The hash of a URL goes
    /// before this one.
    #[must_use]
    pub fn certificate_hash(mut self, hash: [u8; 32]) -> Self {
        self.trust = Some(Trust::Hash(hash));
        self
    }

    /// After what silence a server counts as lost.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// After what silence a server is asked for a sign of life; `None` leaves that to the server.
    #[must_use]
    pub const fn keep_alive_interval(mut self, interval: Option<Duration>) -> Self {
        self.keep_alive = interval;
        self
    }

    /// How long to wait for the server's part of a handshake, and for room for one more stream.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// The local address to send from; any, unless told.
    #[must_use]
    pub const fn bind(mut self, address: SocketAddr) -> Self {
        self.bind = Some(address);
        self
    }

    /// Connects to a `quic://` URL.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, nothing is left.
    pub async fn connect(&self, url: &str) -> Result<Connection, ConnectError> {
        let url = Url::parse(url)?;
        let trust = match url.hash {
            Some(hash) => Trust::Hash(hash),
            None => self.trust.clone().unwrap_or(Trust::System),
        };
        let crypto = trust.client_crypto().map_err(|e| ConnectError::Roots(e.to_string()))?;
        let config = self.config(crypto);
        let (endpoint, connection) = self.reach(&url, &config).await?;
        let rules =
            Rules { opener: Opener::Us, max_message: self.max_message_bytes, linger: self.linger };
        let headers = self.headers.clone();
        Ok(Connection::new(endpoint, connection, url, headers, rules, self.handshake_timeout))
    }

    /// Tries the addresses of a name, each a little after the one before: one that does not answer says nothing.
    async fn reach(
        &self,
        url: &Url,
        config: &ClientConfig,
    ) -> Result<(Endpoint, quinn::Connection), ConnectError> {
        let mut attempts = JoinSet::new();
        for (turn, address) in lookup_host((url.host(), url.port())).await?.enumerate() {
            let (client, config, host) = (self.clone(), config.clone(), url.host().to_owned());
            let wait = STAGGER.saturating_mul(u32::try_from(turn).unwrap_or(u32::MAX));
            attempts.spawn(async move {
                sleep(wait).await;
                client.attempt(address, &host, config).await
            });
        }
        let none = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let mut failure = ConnectError::Io(none);
        while let Some(attempt) = attempts.join_next().await {
            match attempt {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => failure = error,
                Err(error) => failure = ConnectError::Io(error.into()),
            }
        }
        Err(failure)
    }

    async fn attempt(
        &self,
        address: SocketAddr,
        host: &str,
        config: ClientConfig,
    ) -> Result<(Endpoint, quinn::Connection), ConnectError> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = socket::bind(self.bind.unwrap_or_else(|| SocketAddr::new(any, 0)))?;
        let endpoint =
            Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))?;
        let connecting = endpoint.connect_with(config, address, host).map_err(io::Error::other)?;
        match timeout(self.handshake_timeout, connecting).await {
            Ok(connected) => Ok((endpoint, connected?)),
            Err(_) => Err(ConnectError::TimedOut),
        }
    }

    fn config(&self, crypto: QuicClientConfig) -> ClientConfig {
        let tuning = Tuning {
            // The server opens none.
            max_streams: 0,
            max_uni_streams: 0,
            datagrams: None,
            // A client has one server, and downloads from it: more than a server grants each of its clients.
            stream_window: 1024 * 1024,
            connection_window: 32 * 1024 * 1024,
            send_window: 4 * 1024 * 1024,
            idle_timeout: self.idle_timeout,
            keep_alive: self.keep_alive,
        };
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(tuning.transport()));
        config
    }
}
