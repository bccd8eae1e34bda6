//! The accept loop: who gets in.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::HandshakeData;
use quinn::{ConnectionError, Endpoint, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::carrier::Carrier;
use crate::config::Config;
use crate::serve::{Host, serve};
#[cfg(feature = "webtransport")]
use crate::webtransport;
use crate::wire::{ALPN, Code};

/// The part of the handshakes that may be under way before a client has to show that it is where it says it is.
const UNPROVEN: usize = 4;

/// What is left to a handshake that is under way when the listener stops: some round trips. The client then learns
/// that it is to come back.
const GRACE: Duration = Duration::from_secs(1);

/// The accept loop.
pub(crate) struct Door {
    endpoint: Endpoint,
    host: Arc<Host>,
    handshake_timeout: Duration,
    max_handshakes: usize,
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    stop: CancellationToken,
}

/// The places of one client: under the cap of connections, and of handshakes until that is done.
struct Places {
    connection: OwnedSemaphorePermit,
    handshake: OwnedSemaphorePermit,
}

impl Door {
    pub(crate) fn new(endpoint: Endpoint, host: Arc<Host>, config: &Config) -> Self {
        Self {
            endpoint,
            handshake_timeout: config.handshake_timeout,
            max_handshakes: config.max_incoming,
            handshakes: Arc::new(Semaphore::new(config.max_incoming)),
            connections: Arc::new(Semaphore::new(config.max_connections)),
            stop: host.stop.clone(),
            host,
        }
    }

    /// Accepts until it is told to stop; then refuses who comes, until the last connection is done with.
    pub(crate) async fn run(self) {
        let tasks = TaskTracker::new();
        loop {
            tokio::select! {
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.admit(incoming, &tasks),
                    None => {
                        tracing::error!("the UDP socket failed: no more connections");
                        break;
                    }
                },
                () = self.stop.cancelled() => break,
            }
        }
        tasks.close();
        loop {
            tokio::select! {
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => incoming.refuse(),
                    None => break,
                },
                () = tasks.wait() => break,
            }
        }
        // Nothing is open; from here on the endpoint itself refuses.
        self.endpoint.close(Code::Done.into(), b"");
    }

    fn admit(&self, incoming: Incoming, tasks: &TaskTracker) {
        let under_way = self.max_handshakes - self.handshakes.available_permits();
        if !incoming.remote_address_validated() && under_way * UNPROVEN >= self.max_handshakes {
            // Costs a small answer and no memory, and whoever made up an address does not come back.
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
            return;
        }
        let places = match (
            Arc::clone(&self.connections).try_acquire_owned(),
            Arc::clone(&self.handshakes).try_acquire_owned(),
        ) {
            (Ok(connection), Ok(handshake)) => Places { connection, handshake },
            (Err(_), _) => {
                tracing::warn!("refused a client: max_connections is reached");
                return incoming.refuse();
            }
            (_, Err(_)) => {
                tracing::warn!("refused a client: max_incoming is reached");
                return incoming.refuse();
            }
        };
        let (host, limit) = (Arc::clone(&self.host), self.handshake_timeout);
        tasks.spawn(async move {
            let peer = incoming.remote_address();
            let stopped = async {
                host.stop.cancelled().await;
                sleep(GRACE).await;
            };
            let shaken = tokio::select! {
                shaken = timeout(limit, shake_hands(incoming)) => shaken,
                () = stopped => return,
            };
            drop(places.handshake);
            match shaken {
                Ok(Ok(Agreed::Ours(connection))) => serve(Carrier::Quic(connection), host).await,
                #[cfg(feature = "webtransport")]
                Ok(Ok(Agreed::Http3(connection))) => webtransport::serve(connection, host).await,
                Ok(Err(error)) => tracing::debug!(%error, %peer, "a handshake failed"),
                Err(_) => tracing::debug!(%peer, "a client did not finish its handshake"),
            }
            drop(places.connection);
        });
    }
}

/// What a handshake has agreed on: who serves the connection.
enum Agreed {
    /// Links and exchanges, a stream each.
    Ours(quinn::Connection),
    /// A browser.
    #[cfg(feature = "webtransport")]
    Http3(quinn::Connection),
}

/// Finishes a handshake.
async fn shake_hands(incoming: Incoming) -> Result<Agreed, ConnectionError> {
    let connection = incoming.await?;
    let protocol = connection
        .handshake_data()
        .and_then(|data| data.downcast::<HandshakeData>().ok())
        .and_then(|data| data.protocol);
    match protocol.as_deref() {
        Some(ALPN) => Ok(Agreed::Ours(connection)),
        #[cfg(feature = "webtransport")]
        Some(webtransport::ALPN) => Ok(Agreed::Http3(connection)),
        // The handshake agrees on nothing but what is offered.
        _ => {
            connection.close(Code::Protocol.into(), b"no protocol was agreed on");
            Err(ConnectionError::LocallyClosed)
        }
    }
}
