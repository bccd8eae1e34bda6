use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use session_core::exchange::{self, Body, head};
use session_core::link::{Connect, PeerInfo};
use tokio::net::TcpStream;

use crate::frame::Role;
use crate::handshake;
use crate::link::{Heartbeat, Hold, Rules, Socket, WsLink};

/// Opens a link, with the defaults of [`Client`].
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use session_core::link::{Link, ReceiveExt, TransmitExt};
///
/// let link = transport_ws::connect("ws://127.0.0.1:8000/websocket/").await?;
/// let (mut receive, mut transmit) = link.split();
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
/// Dropped before it is ready, the connection is closed.
pub async fn connect(url: &str) -> Result<WsLink, ConnectError> {
    Client::new().connect(url).await
}

/// Sends one request to a server and gives its response, whose body streams.
///
/// The request's path and query count from `base`, an `http://` URL such as a listener's address. Each
/// request has a connection of its own.
///
/// # Errors
///
/// [`ConnectError`] when there is no response.
///
/// # Cancel safety
///
/// Dropped before it is ready, the request is cancelled; so is the response when its body is dropped.
pub async fn exchange(
    base: &str,
    request: exchange::Request,
) -> Result<exchange::Response, ConnectError> {
    let (authority, path) = parse(base, "http")?;
    let (mut parts, body) = request.into_parts();
    let relative = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    parts.uri = target(&format!("{}{relative}", path.trim_end_matches('/')))?;
    if !parts.headers.contains_key(HOST) {
        parts.headers.insert(HOST, host(&authority)?);
    }
    let stream = open(&authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(Request::from_parts(parts, body)).await?;
    Ok(response.map(Body::new))
}

/// How links are opened.
#[derive(Debug, Clone)]
pub struct Client {
    max_message_bytes: usize,
    ping_interval: Option<Duration>,
    headers: HeaderMap,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// Messages of up to 16 MiB are received; pings are answered, not sent.
    #[must_use]
    pub fn new() -> Self {
        Self { max_message_bytes: 16 << 20, ping_interval: None, headers: HeaderMap::new() }
    }

    /// The largest message to receive, in bytes.
    #[must_use]
    pub const fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Pings the server at this interval; after two pings without a byte from it the link counts as lost.
    #[must_use]
    pub const fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = Some(interval);
        self
    }

    /// Sends a header with the handshake, for instance `origin`, `cookie` or `authorization`.
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

    /// A server to open links and exchanges to: an `http://` URL, such as a listener's address, or the `ws://` URL of
    /// its links.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`]. Nothing is connected yet.
    pub fn endpoint(self, url: &str) -> Result<Endpoint, ConnectError> {
        let (authority, path) = parse(url, "http").or_else(|_| parse(url, "ws"))?;
        let path = path.split('?').next().unwrap_or_default();
        let mount = path.strip_suffix("websocket/").unwrap_or(path).trim_end_matches('/');
        Ok(Endpoint {
            links: format!("ws://{authority}{mount}/websocket/"),
            exchanges: format!("http://{authority}{mount}/"),
            authority: authority.to_string(),
            client: self,
        })
    }

    /// Opens a link to a `ws://` URL.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the connection is closed.
    pub async fn connect(&self, url: &str) -> Result<WsLink, ConnectError> {
        let (authority, path) = parse(url, "ws")?;
        let stream = open(&authority).await?;
        let address = stream.peer_addr().ok();
        let (mut sender, connection) =
            http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());

        let key = handshake::key().map_err(io::Error::other)?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = target(&path)?;
        let headers = request.headers_mut();
        headers.insert(HOST, host(&authority)?);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::try_from(&key).map_err(io::Error::other)?);
        headers.extend(self.headers.clone());

        let mut response = sender.send_request(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ConnectError::Refused { status: response.status().as_u16() });
        }
        let expected = handshake::accept(key.as_bytes());
        if !handshake::is_wanted(response.headers())
            || response.headers().get(SEC_WEBSOCKET_ACCEPT) != expected.as_ref()
        {
            return Err(ConnectError::NotWebSocket);
        }
        let upgraded = hyper::upgrade::on(&mut response).await?;
        let (socket, early) = Socket::from_upgraded(upgraded);
        let rules = Rules {
            role: Role::Client,
            max_message: self.max_message_bytes,
            heartbeat: self.ping_interval.map(|interval| Heartbeat { interval, missed: 2 }),
            max_control_rate: 1000,
            linger: Duration::from_secs(5),
        };
        Ok(WsLink::new(socket, early, PeerInfo::new(address, None), rules, Hold::default()))
    }
}

/// A server, as programs see it that can change their transport.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use session_core::link::Connect;
///
/// let server = transport_ws::Client::new().endpoint("http://127.0.0.1:8000/")?;
/// let link = server.link().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Endpoint {
    client: Client,
    authority: String,
    links: String,
    exchanges: String,
}

impl Endpoint {
    /// Host and port of the server, as the URL says them.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

#[async_trait]
impl Connect for Endpoint {
    type Link = WsLink;
    type Error = ConnectError;

    async fn link(&self) -> Result<WsLink, ConnectError> {
        self.client.connect(&self.links).await
    }

    async fn exchange(
        &self,
        request: exchange::Request,
    ) -> Result<exchange::Response, ConnectError> {
        exchange(&self.exchanges, request).await
    }
}

/// Why there is no link, or no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be used.
    #[error("{url} is not a URL that begins with {scheme}://")]
    Url {
        /// The URL.
        url: String,
        /// The scheme it must have.
        scheme: &'static str,
    },
    /// A header cannot be sent.
    #[error("{name} is not a header that can be sent")]
    Header {
        /// Its name.
        name: String,
    },
    /// The server cannot be reached, or went away during the handshake.
    #[error("the server cannot be reached")]
    Io(#[from] io::Error),
    /// The server answered, but not with a link.
    #[error("the server refused the link with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// The server agreed to something that is not WebSocket.
    #[error("the server does not speak WebSocket")]
    NotWebSocket,
}

impl From<hyper::Error> for ConnectError {
    fn from(error: hyper::Error) -> Self {
        Self::Io(io::Error::other(error))
    }
}

/// The authority of a URL, and its path with the query.
fn parse(url: &str, scheme: &'static str) -> Result<(Authority, String), ConnectError> {
    let invalid = || ConnectError::Url { url: url.to_owned(), scheme };
    let parts = url.parse::<Uri>().map_err(|_| invalid())?.into_parts();
    match (parts.scheme, parts.authority) {
        (Some(given), Some(authority)) if given.as_str() == scheme => {
            let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
            Ok((authority, path.to_owned()))
        }
        _ => Err(invalid()),
    }
}

fn target(path: &str) -> Result<Uri, ConnectError> {
    let invalid = |_| ConnectError::Url { url: path.to_owned(), scheme: "http" };
    path.parse::<PathAndQuery>().map(Uri::from).map_err(invalid)
}

fn host(authority: &Authority) -> Result<HeaderValue, ConnectError> {
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    HeaderValue::try_from(host).map_err(|error| io::Error::other(error).into())
}

async fn open(authority: &Authority) -> io::Result<TcpStream> {
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((name, authority.port_u16().unwrap_or(80))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
