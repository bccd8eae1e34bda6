use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::upgrade::OnUpgrade;
use session_core::config::InvalidValue;
use session_core::exchange::{Body, BoxError, Exchange, ExchangeError, plain, unavailable};
use session_core::link::{CloseReason, Gate, Incoming, PeerInfo, turn_away};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tower_http::services::ServeDir;
use tower_service::Service;

use crate::config::Config;
use crate::guard::Guard;
use crate::handshake;
use crate::link::{Hold, Rules, Socket, WsLink};

mod answer;
mod document;
mod rest;

use answer::{redirect, refuse, refuse_handshake};
use document::{Document, Page};
use rest::Rest;

/// Links and exchanges that may wait for `accept`; a client behind them waits with its connection open.
const BACKLOG: usize = 128;

/// Everything a listener serves, as a service for a server of your own.
///
/// A [`tower_service::Service`] that never fails: nest it in a router, or make it the fallback. The peer's
/// address is what the server put into the request's extensions as [`PeerAddress`].
#[derive(Clone)]
pub struct WsService {
    inner: Arc<Inner>,
}

/// For servers around a [`WsService`]: the address of the client, put into the extensions of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// What the listener knows of the connection a request came on.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) permit: Arc<OwnedSemaphorePermit>,
}

struct Inner {
    mount: String,
    pages: BTreeMap<String, Page>,
    assets: BTreeMap<String, Document>,
    folders: Vec<(String, ServeDir)>,
    guard: Guard,
    /// Whom the server lets in, once it has said so.
    gate: Arc<OnceLock<Gate>>,
    rules: Rules,
    handshake_timeout: Duration,
    incoming: mpsc::Sender<Incoming<WsLink>>,
    room: Arc<Semaphore>,
    tracker: TaskTracker,
}

/// Where a request goes.
enum Place<'a> {
    Link,
    /// The path of the exchange, from `session/` on.
    Exchange(&'a str),
    Page(&'a Page),
    Document(&'a Document),
    /// The path within the folder.
    File(&'a ServeDir, &'a str),
    Health,
    /// The mount without its last slash.
    Mount,
    Nowhere,
}

impl WsService {
    /// A service and the place its links and exchanges come out.
    pub(crate) fn new(
        config: &Config,
        local: Option<SocketAddr>,
    ) -> Result<(Self, mpsc::Receiver<Incoming<WsLink>>), InvalidValue> {
        config.check()?;
        let (incoming, receiver) = mpsc::channel(BACKLOG);
        let pages = config.content.pages.iter().map(|(path, page)| (path.clone(), Page::new(page)));
        let assets = config.content.assets.iter().map(|(path, asset)| {
            let media_type = HeaderValue::from_static(asset.media_type);
            (path.clone(), Document::new(Bytes::from_static(asset.bytes), media_type))
        });
        let folders = config.folder_paths().into_iter().map(|(path, folder)| {
            (path, ServeDir::new(folder).append_index_html_on_directories(false))
        });
        let inner = Inner {
            mount: config.mount_path(),
            pages: pages.collect(),
            assets: assets.collect(),
            folders: folders.collect(),
            guard: Guard::new(config, local),
            gate: Arc::default(),
            rules: config.rules(),
            handshake_timeout: config.handshake_timeout,
            incoming,
            room: Arc::new(Semaphore::new(config.max_connections)),
            tracker: TaskTracker::new(),
        };
        Ok((Self { inner: Arc::new(inner) }, receiver))
    }

    pub(crate) fn mount(&self) -> &str {
        &self.inner.mount
    }

    pub(crate) fn room(&self) -> &Arc<Semaphore> {
        &self.inner.room
    }

    pub(crate) fn gate(&self) -> &Arc<OnceLock<Gate>> {
        &self.inner.gate
    }

    pub(crate) fn tracker(&self) -> &TaskTracker {
        &self.inner.tracker
    }
}

impl<B> Service<Request<B>> for WsService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { Ok(inner.respond(request.map(Body::new)).await) })
    }
}

impl fmt::Debug for WsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsService").field("mount", &self.inner.mount).finish_non_exhaustive()
    }
}

impl Inner {
    async fn respond(self: &Arc<Self>, request: Request<Body>) -> Response<Body> {
        let uri = request.uri().clone();
        if let Err(refusal) = self.guard.check_host(&uri, request.headers()) {
            return refuse(refusal, &request);
        }
        match self.place(uri.path()) {
            Place::Link if handshake::is_wanted(request.headers()) => self.open_link(request).await,
            Place::Exchange(path) => self.exchange(path, request).await,
            Place::Page(page) if is_read(request.method()) => page.respond(request.headers()),
            Place::Document(document) if is_read(request.method()) => {
                document.respond(request.headers())
            }
            Place::File(folder, path) if is_read(request.method()) => {
                file(folder.clone(), path, request).await
            }
            Place::Health if is_read(request.method()) => plain(StatusCode::OK, "ok"),
            Place::Mount if is_read(request.method()) => redirect(&self.mount, uri.query()),
            _ => plain(StatusCode::NOT_FOUND, "Not Found"),
        }
    }

    /// Links and exchanges come before pages, pages before files: whatever a page is called, they are found
    /// below it.
    fn place<'a>(&'a self, path: &'a str) -> Place<'a> {
        let Some(path) = path.strip_prefix(&self.mount) else {
            let mount = path.strip_suffix('/').unwrap_or(path);
            return if self.mount.strip_suffix('/') == Some(mount) {
                Place::Mount
            } else {
                Place::Nowhere
            };
        };
        if path == "websocket/" || path.ends_with("/websocket/") {
            return Place::Link;
        }
        if let Some(exchange) = self.exchange_path(path) {
            return Place::Exchange(exchange);
        }
        if path == "healthz" {
            return Place::Health;
        }
        if let Some(page) = self.pages.get(path) {
            return Place::Page(page);
        }
        if let Some(document) = self.assets.get(path) {
            return Place::Document(document);
        }
        for (prefix, folder) in &self.folders {
            if let Some(path) = path.strip_prefix(prefix.as_str()) {
                return Place::File(folder, path);
            }
        }
        Place::Nowhere
    }

    /// The path from `session/` on, if that is where a page's relative URL leads.
    fn exchange_path<'a>(&self, path: &'a str) -> Option<&'a str> {
        const PREFIX: &str = "session/";
        if path.starts_with(PREFIX) {
            return Some(path);
        }
        self.pages.keys().find_map(|page| {
            let directory = &page[..=page.rfind('/')?];
            path.strip_prefix(directory).filter(|path| path.starts_with(PREFIX))
        })
    }

    async fn open_link(self: &Arc<Self>, mut request: Request<Body>) -> Response<Body> {
        let accept = match handshake::answer(&request) {
            Ok(accept) => accept,
            Err(invalid) => return refuse_handshake(invalid),
        };
        let connection = request.extensions_mut().remove::<Connection>();
        let peer = connection
            .as_ref()
            .map(|connection| connection.peer)
            .or_else(|| request.extensions().get::<PeerAddress>().map(|peer| peer.0));
        if let Err(refusal) = self.guard.check_origin(request.headers(), peer) {
            return refuse(refusal, &request);
        }
        if self.incoming.is_closed() || request.extensions().get::<OnUpgrade>().is_none() {
            return unavailable("no new sessions");
        }
        let permit = match connection {
            Some(connection) => connection.permit,
            None => match Arc::clone(&self.room).try_acquire_owned() {
                Ok(permit) => Arc::new(permit),
                Err(_) => return unavailable("too many connections"),
            },
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let mut peer = PeerInfo::new(peer, Some(own(parts)));
        if let Some(gate) = self.gate.get() {
            tokio::select! {
                answer = gate.ask(&mut peer) => {
                    if let Err(refusal) = answer {
                        return refusal.to_response();
                    }
                }
                () = self.incoming.closed() => return unavailable("no new sessions"),
            }
        }
        let hold = Hold { _permit: Some(permit), _token: Some(self.tracker.token()) };
        let inner = Arc::clone(self);
        self.tracker.spawn(async move {
            match tokio::time::timeout(inner.handshake_timeout, upgrade).await {
                Ok(Ok(upgraded)) => {
                    let (socket, early) = Socket::from_upgraded(upgraded);
                    let link = WsLink::new(socket, early, peer, inner.rules, hold);
                    let sent = inner.incoming.send(Incoming::Link(link)).await;
                    if let Err(SendError(Incoming::Link(link))) = sent {
                        turn_away(link, CloseReason::draining(), inner.rules.linger).await;
                    }
                }
                Ok(Err(error)) => tracing::debug!(%error, "a client left during its handshake"),
                Err(_) => tracing::debug!("a client did not finish its handshake"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        response
    }

    async fn exchange(&self, path: &str, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let address = match parts.extensions.remove::<Connection>() {
            Some(connection) => Some(connection.peer),
            None => parts.extensions.get::<PeerAddress>().map(|peer| peer.0),
        };
        let target = match parts.uri.query() {
            Some(query) => format!("/{path}?{query}"),
            None => format!("/{path}"),
        };
        let Ok(target) = PathAndQuery::try_from(target) else {
            return plain(StatusCode::BAD_REQUEST, "Bad Request");
        };
        parts.uri = Uri::from(target);
        parts.extensions.insert(PeerInfo::new(address, None));
        let body = Rest::after(body, self.rules.linger);
        let (exchange, answer) = Exchange::new(Request::from_parts(parts, body));
        // One that nobody takes is dropped, and answered so.
        let _ = self.incoming.send(Incoming::Exchange(exchange)).await;
        answer.await.unwrap_or_else(ExchangeError::into_response)
    }
}

async fn file(mut folder: ServeDir, path: &str, request: Request<Body>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let Ok(target) = PathAndQuery::try_from(format!("/{path}")) else {
        return plain(StatusCode::NOT_FOUND, "Not Found");
    };
    parts.uri = Uri::from(target);
    match folder.try_call(Request::from_parts(parts, body)).await {
        Ok(response) if response.status() == StatusCode::NOT_FOUND => {
            plain(StatusCode::NOT_FOUND, "Not Found")
        }
        Ok(response) => {
            let mut response = response.map(Body::new);
            response
                .headers_mut()
                .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            response
        }
        // A name that no file system takes, such as one with a zero in it.
        Err(error) => {
            tracing::debug!(%error, "a file cannot be read");
            plain(StatusCode::NOT_FOUND, "Not Found")
        }
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The head of a request in memory of its own, without what only the handshake needed.
///
/// A head that was parsed holds on to the whole buffer it was read into, for as long as the session lives.
fn own(mut parts: Parts) -> Parts {
    const HANDSHAKE: [HeaderName; 5] =
        [CONNECTION, UPGRADE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, SEC_WEBSOCKET_EXTENSIONS];
    let mut headers = HeaderMap::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        if HANDSHAKE.contains(name) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_str().as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            headers.append(name, value);
        }
    }
    parts.headers = headers;
    if let Ok(uri) = parts.uri.to_string().parse() {
        parts.uri = uri;
    }
    parts
}
