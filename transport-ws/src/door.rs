//! The accept loop: who gets in, and who is told that there is no room.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use session_core::exchange::{Body, unavailable};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use crate::config::Config;
use crate::service::{Connection, WsService};

/// Waits after `accept` failed for want of resources: doubled from the first to the last.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

/// Connections over the cap that are told so at a time; more are just closed.
const MAX_REFUSALS: usize = 64;

/// The accept loop.
pub(crate) struct Door {
    socket: TcpListener,
    service: WsService,
    handshake_timeout: Duration,
    max_header: usize,
    refusals: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Door {
    pub(crate) fn new(
        socket: TcpListener,
        service: WsService,
        config: &Config,
        stop: CancellationToken,
    ) -> Self {
        Self {
            socket,
            service,
            handshake_timeout: config.handshake_timeout,
            max_header: config.max_header_bytes,
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            stop,
        }
    }

    pub(crate) async fn run(self) {
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
            service_fn(|_| async { Ok::<_, Infallible>(unavailable("too many connections")) }),
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

impl Service<Request<Incoming>> for WithConnection {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <WsService as Service<Request<Incoming>>>::Future;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.connection.clone());
        self.service.call(request)
    }
}

/// Whether an error of `accept` concerns only the client that was to be accepted.
fn is_of_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
