use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use session_core::link::{CloseCode, CloseReason, Incoming, Link, Listener, TransmitExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::{Config, ConfigError};
use crate::link::WsLink;
use crate::service::{Connection, WsService};

/// Waits after `accept` failed for want of resources: doubled from the first to the last.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

/// Connections over the cap that are told so at a time; more are just closed.
const MAX_REFUSALS: usize = 64;

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
    let door = Door {
        socket,
        service,
        handshake_timeout: config.handshake_timeout,
        max_header: config.max_header_bytes,
        refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        stop: stop.clone(),
    };
    let tracker = door.service.tracker().clone();
    tracker.spawn(door.run());
    Ok(WsListener {
        incoming,
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
/// [`ConfigError`] when a value of the configuration cannot work.
pub fn service(config: &Config) -> Result<(WsService, WsListener), ConfigError> {
    let (service, incoming) = WsService::new(config, None)?;
    let address = service.mount().to_owned();
    let listener = WsListener {
        incoming,
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

    /// Clients that came and were not accepted are told to come back (1012, 503). Ready when every link's
    /// socket and every response is done with.
    async fn finish(&mut self) {
        self.stop = None;
        self.incoming.close();
        while let Some(incoming) = self.incoming.recv().await {
            if let Incoming::Link(link) = incoming {
                self.tracker.spawn(turn_away(link, self.linger));
            }
        }
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn address(&self) -> String {
        self.address.clone()
    }
}

/// Tells a client whose link nobody takes any more to come back.
pub(crate) async fn turn_away(link: WsLink, limit: Duration) {
    let reason = CloseReason::new(CloseCode::DRAIN, "the server is shutting down");
    // A client that does not even take this is gone.
    let _ = timeout(limit, link.split().1.close(reason)).await;
}

/// Why a listener could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A value of the configuration cannot work.
    #[error("the configuration cannot work")]
    Config(#[from] ConfigError),
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

/// The accept loop.
struct Door {
    socket: TcpListener,
    service: WsService,
    handshake_timeout: Duration,
    max_header: usize,
    refusals: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Door {
    async fn run(self) {
        let mut wait = BACK_OFF[0];
        let mut logged: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    wait = BACK_OFF[0];
                    self.admit(stream, peer);
                }
                Err(error) if is_of_peer(&error) => {
                    tracing::debug!(%error, "a client left before it was accepted");
                }
                Err(error) => {
                    if logged.is_none_or(|logged| logged.elapsed() >= Duration::from_secs(1)) {
                        logged = Some(Instant::now());
                        tracing::error!(%error, "cannot accept connections for now");
                    }
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = self.stop.cancelled() => return,
                    }
                    wait = (wait * 2).min(BACK_OFF[1]);
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        // Frames are small and somebody waits for each.
        let _ = stream.set_nodelay(true);
        match Arc::clone(self.service.room()).try_acquire_owned() {
            Ok(permit) => self.serve(stream, peer, permit),
            Err(_) => {
                tracing::warn!("refused a client: max_connections is reached");
                if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
                    self.refuse(stream, permit);
                }
            }
        }
    }

    fn http(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.handshake_timeout)
            .max_header_size(self.max_header);
        http
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let connection = Connection { peer, permit: Arc::new(permit) };
        let service =
            TowerToHyperService::new(WithConnection { service: self.service.clone(), connection });
        let serving = self.http().serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stop = self.stop.clone();
        self.service.tracker().spawn(async move {
            let mut serving = std::pin::pin!(serving);
            let result = tokio::select! {
                result = serving.as_mut() => result,
                () = stop.cancelled() => {
                    serving.as_mut().graceful_shutdown();
                    serving.await
                }
            };
            if let Err(error) = result {
                tracing::debug!(%error, %peer, "a connection ended early");
            }
        });
    }

    /// Tells a client that there is no room.
    fn refuse(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let mut http = self.http();
        http.keep_alive(false);
        let serving = http.serve_connection(
            TokioIo::new(stream),
            hyper::service::service_fn(|_| async {
                Ok::<_, std::convert::Infallible>(crate::service::unavailable(
                    "too many connections",
                ))
            }),
        );
        let limit = self.handshake_timeout;
        self.service.tracker().spawn(async move {
            let _ = timeout(limit, serving).await;
            drop(permit);
        });
    }
}

/// Puts what is known of the connection into each of its requests.
#[derive(Clone)]
struct WithConnection {
    service: WsService,
    connection: Connection,
}

impl tower_service::Service<http::Request<hyper::body::Incoming>> for WithConnection {
    type Response = http::Response<session_core::exchange::Body>;
    type Error = std::convert::Infallible;
    type Future =
        <WsService as tower_service::Service<http::Request<hyper::body::Incoming>>>::Future;

    fn poll_ready(
        &mut self,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<hyper::body::Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.connection.clone());
        self.service.call(request)
    }
}

/// Whether an error of `accept` concerns only the client that was to be accepted.
fn is_of_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
