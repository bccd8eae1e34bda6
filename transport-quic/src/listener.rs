use std::fmt::Write;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use quinn::{Endpoint, EndpointConfig, ServerConfig, TokioRuntime};
use session_core::config::InvalidValue;
use session_core::link::{CloseReason, Incoming, Listener, turn_away};
use tokio::net::lookup_host;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::door::Door;
use crate::link::QuicLink;
use crate::serve::Host;
use crate::socket;
use crate::tls::{CertificateError, Identity, quic_server};
use crate::tuning::Tuning;

/// Links and exchanges that may wait for `accept`; a client behind them waits with its stream open.
const BACKLOG: usize = 128;

/// Bytes that are kept of one client before its handshake begins: a few packets.
const INCOMING_BUFFER: u64 = 16 * 1024;

/// Bytes that are kept of all of them.
const INCOMING_BUFFER_TOTAL: u64 = 4 * 1024 * 1024;

/// Listens on an address with the defaults of [`Config`] and a development certificate.
///
/// ```
/// # async fn run() -> Result<(), transport_quic::BindError> {
/// use session_core::link::Listener;
///
/// let mut listener = transport_quic::bind("127.0.0.1:0").await?;
/// println!("{}", listener.address());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`bind_with`].
pub async fn bind(address: impl Into<String>) -> Result<QuicListener, BindError> {
    bind_with(Config::new(address)).await
}

/// Listens as a configuration says; must be called within a runtime of tokio.
///
/// # Errors
///
/// [`BindError`], which names what to change.
pub async fn bind_with(config: Config) -> Result<QuicListener, BindError> {
    config.check()?;
    let identity = Identity::load(&config)?;
    let server = server_config(&config, &identity)?;
    let failed = |error| BindError::new(config.listen.clone(), error);
    let socket = bind_socket(&config.listen).await.map_err(failed)?;
    let endpoint =
        Endpoint::new(EndpointConfig::default(), Some(server), socket, Arc::new(TokioRuntime))
            .map_err(failed)?;
    let local = endpoint.local_addr().map_err(failed)?;

    let (incoming, receiver) = mpsc::channel(BACKLOG);
    let stop = CancellationToken::new();
    let host = Arc::new(Host {
        incoming,
        rules: config.rules(),
        head_timeout: config.handshake_timeout,
        idle_timeout: config.idle_timeout,
        stop: stop.clone(),
        #[cfg(feature = "webtransport")]
        max_streams: config.max_streams_per_connection as usize,
        #[cfg(feature = "webtransport")]
        guard: crate::webtransport::Guard::new(&config, local),
        #[cfg(feature = "webtransport")]
        gate: Arc::default(),
    });
    #[cfg(feature = "webtransport")]
    let gate = Arc::clone(&host.gate);
    #[cfg(feature = "webtransport")]
    let mount = host.guard.mount().to_owned();
    let tracker = TaskTracker::new();
    tracker.spawn(Door::new(endpoint.clone(), host, &config).run());
    let certificate_hash = identity.hash();
    Ok(QuicListener {
        incoming: receiver,
        tracker,
        address: address(local, identity.is_development.then_some(certificate_hash)),
        endpoint,
        stop: Some(stop.drop_guard()),
        linger: config.linger,
        local,
        certificate_hash,
        #[cfg(feature = "webtransport")]
        is_development: identity.is_development,
        #[cfg(feature = "webtransport")]
        mount,
        #[cfg(feature = "webtransport")]
        gate,
    })
}

/// Accepts links and exchanges over QUIC.
///
/// Dropping it stops accepting; links that were handed out, and answers under way, live on.
#[derive(Debug)]
pub struct QuicListener {
    incoming: mpsc::Receiver<Incoming<QuicLink>>,
    /// The accept loop, which ends after the last connection, and those who are turned away.
    tracker: TaskTracker,
    endpoint: Endpoint,
    /// `None` once told.
    stop: Option<DropGuard>,
    linger: Duration,
    local: SocketAddr,
    address: String,
    certificate_hash: [u8; 32],
    #[cfg(feature = "webtransport")]
    is_development: bool,
    #[cfg(feature = "webtransport")]
    mount: String,
    /// Where those who answer the requests of pages find whom the server lets in.
    #[cfg(feature = "webtransport")]
    gate: Arc<std::sync::OnceLock<session_core::link::Gate>>,
}

impl QuicListener {
    /// The address it listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// SHA-256 of the certificate (its DER): what a client that trusts just this one is told, and what a browser
    /// takes as one of `serverCertificateHashes`.
    #[must_use]
    pub const fn certificate_hash(&self) -> [u8; 32] {
        self.certificate_hash
    }

    /// Where a page opens its session: `https://127.0.0.1:4433/`, with the path of `mount`. On an address that
    /// stands for all of a machine's, such as `0.0.0.0`, the page puts in the name it knows the machine by.
    #[cfg(feature = "webtransport")]
    #[must_use]
    pub fn webtransport_url(&self) -> String {
        format!("https://{}{}", self.local, self.mount)
    }

    /// The element of a page that loads [`webtransport_js`](crate::webtransport_js) from `src`, and tells it where this
    /// listener is; with a development certificate, also its hash, which it is known by.
    #[cfg(feature = "webtransport")]
    #[must_use]
    pub fn webtransport_script(&self, src: &str) -> String {
        let hash = self.is_development.then_some(self.certificate_hash);
        crate::webtransport::tag(src, &self.webtransport_url(), hash)
    }
}

#[async_trait]
impl Listener for QuicListener {
    type Link = QuicLink;

    async fn accept(&mut self) -> Option<Incoming<QuicLink>> {
        self.incoming.recv().await
    }

    /// A page's request for a session is answered with the status of a refusal. Links of other clients have no handshake of
    /// their own: the server closes them with the reason.
    #[cfg(feature = "webtransport")]
    fn guard(&mut self, gate: session_core::link::Gate) {
        self.gate.get_or_init(|| gate);
    }

    /// Clients that came and were not accepted are told to come back (1012, 503), those that come now are refused.
    /// Ready when every link and every response is done with, and every connection closed.
    async fn finish(&mut self) {
        self.stop = None;
        self.incoming.close();
        while let Some(incoming) = self.incoming.recv().await {
            if let Incoming::Link(link) = incoming {
                self.tracker.spawn(turn_away(link, CloseReason::draining(), self.linger));
            }
        }
        self.tracker.close();
        self.tracker.wait().await;
        self.endpoint.wait_idle().await;
    }

    /// `quic://ADDRESS/`, and with a development certificate its hash: `quic://127.0.0.1:4433/#sha256=…`, which is
    /// what [`connect`](crate::connect) takes.
    fn address(&self) -> String {
        self.address.clone()
    }
}

/// Why a listener could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A value of the configuration cannot work.
    #[error("the configuration cannot work")]
    Config(#[from] InvalidValue),
    /// The certificate or its key cannot be used.
    #[error("the certificate cannot be used")]
    Certificate(#[from] CertificateError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up with the certificate: {0}")]
    Tls(String),
    /// Somebody else listens there.
    #[error(
        "{address} (UDP) is in use: stop the program that listens there, or set `listen` to another port (0 lets \
         the system choose)"
    )]
    InUse {
        /// The address, as configured.
        address: String,
    },
    /// The system does not let this user listen there.
    #[error(
        "not allowed to listen on {address}: ports below 1024 need a privilege, set `listen` to a higher one"
    )]
    Denied {
        /// The address, as configured.
        address: String,
    },
    /// Anything else, such as an address that is not one of this machine.
    #[error("cannot listen on {address}")]
    Failed {
        /// The address, as configured.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    fn new(address: String, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::PermissionDenied => Self::Denied { address },
            _ => Self::Failed { address, source },
        }
    }
}

/// A socket on the first address of a name that can be had.
async fn bind_socket(listen: &str) -> io::Result<UdpSocket> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host(listen).await? {
        match socket::bind(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn server_config(config: &Config, identity: &Identity) -> Result<ServerConfig, BindError> {
    let crypto = identity.server_crypto().and_then(quic_server);
    let crypto = crypto.map_err(|error| BindError::Tls(error.to_string()))?;
    let mut server = ServerConfig::with_crypto(Arc::new(crypto));
    server
        .transport_config(Arc::new(Tuning::from(config).transport()))
        // A client that moves to another network keeps its sessions.
        .migration(true)
        .max_incoming(config.max_incoming)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    Ok(server)
}

fn address(local: SocketAddr, hash: Option<[u8; 32]>) -> String {
    let mut address = format!("quic://{local}/");
    if let Some(hash) = hash {
        address.push_str("#sha256=");
        for byte in hash {
            // Writing into a string does not fail.
            let _ = write!(address, "{byte:02x}");
        }
    }
    address
}
