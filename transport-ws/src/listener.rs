use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use session_core::config::InvalidValue;
use session_core::link::{CloseReason, Gate, Incoming, Listener, turn_away};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::door::Door;
use crate::link::WsLink;
use crate::service::WsService;

/// Listens on an address with the defaults of [`Config`].
///
/// ```
/// # async fn run() -> Result<(), transport_ws::BindError> {
/// use session_core::link::Listener;
///
/// let mut listener = transport_ws::bind("127.0.0.1:0").await?;
/// println!("{}", listener.address());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`bind_with`].
pub async fn bind(address: impl Into<String>) -> Result<WsListener, BindError> {
    bind_with(Config::new(address)).await
}

/// Listens as a configuration says; must be called within a runtime of tokio.
///
/// # Errors
///
/// [`BindError`], which names what to change.
pub async fn bind_with(config: Config) -> Result<WsListener, BindError> {
    config.check()?;
    let failed = |error| BindError::new(config.listen.clone(), error);
    let socket = TcpListener::bind(&config.listen).await.map_err(failed)?;
    let local = socket.local_addr().map_err(failed)?;
    let (service, incoming) = WsService::new(&config, Some(local))?;
    let address = format!("http://{local}{}", service.mount());
    let stop = CancellationToken::new();
    let (tracker, gate) = (service.tracker().clone(), Arc::clone(service.gate()));
    tracker.spawn(Door::new(socket, service, &config, stop.clone()).run());
    Ok(WsListener {
        incoming,
        gate,
        tracker,
        stop: Some(stop.drop_guard()),
        linger: config.linger,
        local: Some(local),
        address,
    })
}

/// A service for a server of your own, and the listener its links and exchanges come out of.
///
/// The configuration's `listen`, `handshake_timeout` for plain requests and `max_header_bytes` are then the
/// affair of that server, and `max_connections` counts links only.
///
/// # Errors
///
/// [`InvalidValue`] when a value of the configuration cannot work.
pub fn service(config: &Config) -> Result<(WsService, WsListener), InvalidValue> {
    let (service, incoming) = WsService::new(config, None)?;
    let address = service.mount().to_owned();
    let listener = WsListener {
        incoming,
        gate: Arc::clone(service.gate()),
        tracker: service.tracker().clone(),
        stop: None,
        linger: config.linger,
        local: None,
        address,
    };
    Ok((service, listener))
}

/// Accepts links and exchanges over WebSocket and HTTP.
///
/// Dropping it stops accepting; links that were handed out, and answers under way, live on.
#[derive(Debug)]
pub struct WsListener {
    incoming: mpsc::Receiver<Incoming<WsLink>>,
    /// Where those who answer handshakes find whom the server lets in.
    gate: Arc<OnceLock<Gate>>,
    /// Every task and every socket of this listener.
    tracker: TaskTracker,
    /// `None` within a server of the user's own, or once told.
    stop: Option<DropGuard>,
    linger: Duration,
    local: Option<SocketAddr>,
    address: String,
}

impl WsListener {
    /// The address it listens on; `None` within a server of your own.
    #[must_use]
    pub const fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }
}

#[async_trait]
impl Listener for WsListener {
    type Link = WsLink;

    async fn accept(&mut self) -> Option<Incoming<WsLink>> {
        self.incoming.recv().await
    }

    /// A request for a link is answered with the status of a refusal, before it is upgraded. What holds is said first: a
    /// listener has one server.
    fn guard(&mut self, gate: Gate) {
        self.gate.get_or_init(|| gate);
    }

    /// Clients that came and were not accepted are told to come back (1012, 503). Ready when every link's
    /// socket and every response is done with.
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
    }

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
    /// Somebody else listens there.
    #[error(
        "{address} is in use: stop the program that listens there, or set `listen` to another port (0 lets \
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
