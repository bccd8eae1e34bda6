use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use quinn::Endpoint;
use session_core::exchange::{Request, Response, head};
use session_core::link::{Connect, PeerInfo};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::error::ConnectError;
use crate::exchange;
use crate::link::{QuicLink, Rules};
use crate::socket;
use crate::stream::{RecvStream, SendStream, StreamError};
use crate::url::Url;
use crate::wire::{self, Code, OPEN};

/// A connection to a server: any number of links and exchanges, a stream each.
///
/// Cheap to clone. It is closed in good order when the last clone, and the last link and exchange of it, is dropped:
/// once all of them have delivered what they promised. A program that ends at once takes that along, unless it waits
/// for [`Connection::close`].
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    connection: quinn::Connection,
    url: Url,
    headers: HeaderMap,
    rules: Rules,
    /// How long to wait for room for one more stream.
    patience: Duration,
    /// The streams in use.
    streams: TaskTracker,
    runtime: Handle,
}

impl Connection {
    pub(crate) fn new(
        endpoint: Endpoint,
        connection: quinn::Connection,
        url: Url,
        headers: HeaderMap,
        rules: Rules,
        patience: Duration,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                endpoint,
                connection,
                url,
                headers,
                rules,
                patience,
                streams: TaskTracker::new(),
                runtime: Handle::current(),
            }),
        }
    }

    /// The local address it sends from.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.endpoint.local_addr()
    }

    /// Goes on from another local address, as a phone does that changes networks: links and exchanges stay.
    ///
    /// # Errors
    ///
    /// When the address cannot be had; the connection then stays where it is.
    pub fn rebind(&self, address: SocketAddr) -> io::Result<()> {
        self.inner.endpoint.rebind(socket::bind(address)?)
    }

    /// Waits until every link and exchange of the connection is done with, then closes it and waits until the server
    /// knows. Who still holds a clone gets [`ConnectError::Lost`] from then on.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the connection is closed all the same, in the background.
    pub async fn close(self) {
        let endpoint = self.inner.endpoint.clone();
        self.inner.streams.close();
        self.inner.streams.wait().await;
        self.inner.connection.close(Code::Done.into(), b"");
        endpoint.wait_idle().await;
    }

    async fn open(&self) -> Result<(SendStream, RecvStream), ConnectError> {
        match timeout(self.inner.patience, self.inner.connection.open_bi()).await {
            Ok(opened) => {
                let (send, recv) = opened.map_err(StreamError::from)?;
                Ok((send.into(), recv.into()))
            }
            Err(_) => Err(ConnectError::Full),
        }
    }
}

#[async_trait]
impl Connect for Connection {
    type Link = QuicLink;
    type Error = ConnectError;

    /// Ready when the stream has taken the head; the server's answer is its first frame, or a close.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the link is aborted.
    async fn link(&self) -> Result<QuicLink, ConnectError> {
        let inner = &self.inner;
        let token = inner.streams.token();
        let (mut send, recv) = self.open().await?;
        let mut request = http::Request::new(());
        *request.uri_mut() = Uri::from(inner.url.path.clone());
        request.headers_mut().clone_from(&inner.headers);
        let head = head::encode_request(&request.into_parts().0)?;
        send.write_all(wire::head(OPEN, &head)?).await?;
        let peer = PeerInfo::new(Some(inner.connection.remote_address()), None);
        Ok(QuicLink::new((send, recv), Bytes::new(), peer, inner.rules, token))
    }

    /// The request's path and query count from the path of the URL. Ready with the head of the response.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the request is cancelled; so is the response when its body is dropped.
    async fn exchange(&self, mut request: Request) -> Result<Response, ConnectError> {
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        *request.uri_mut() = self.inner.url.below(path)?;
        let token = self.inner.streams.token();
        exchange::ask(self.open().await?, request, token).await
    }
}

impl fmt::Debug for Connection {
    /// Without the headers, which may carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.inner.connection.remote_address())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let (connection, streams) = (self.connection.clone(), self.streams.clone());
        self.runtime.spawn(async move {
            streams.close();
            streams.wait().await;
            connection.close(Code::Done.into(), b"");
        });
    }
}
