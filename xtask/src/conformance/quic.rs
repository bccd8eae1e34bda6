use std::net::SocketAddr;

use async_trait::async_trait;
use http::HeaderMap;
use session_core::conformance::{Fixture, ServerRole};
use session_core::exchange::{BoxError, Request, Response};
use session_core::link::{Connect, Listener};
use tokio::net::UdpSocket;
use transport_quic::{Client, Config, ConnectError, Connection, QuicLink, bind_with};

/// QUIC over UDP on a free port, with a development certificate that the client knows by its hash.
pub(super) struct Quic;

/// A connection, and where strangers find its server.
pub(super) struct Reached {
    connection: Connection,
    server: SocketAddr,
}

#[async_trait]
impl Fixture for Quic {
    type Client = Reached;

    fn name(&self) -> &'static str {
        "quic"
    }

    async fn start(&self, role: ServerRole) -> Result<Reached, BoxError> {
        self.start_with(role, HeaderMap::new()).await
    }

    async fn start_with(&self, role: ServerRole, headers: HeaderMap) -> Result<Reached, BoxError> {
        let mut config = Config::new("127.0.0.1:0");
        config.max_message_bytes = role.max_frame();
        let listener = bind_with(config).await?;
        let (server, address) = (listener.local_addr(), listener.address());
        let mut client = Client::new().max_message_bytes(role.max_frame());
        for (name, value) in &headers {
            client = client.header(name.as_str(), value.to_str()?)?;
        }
        role.serve(listener);
        Ok(Reached { connection: client.connect(&address).await?, server })
    }

    async fn disturb(&self, client: &Reached) -> Result<(), BoxError> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        // Noise; the first packet of a handshake and nothing in it; a version that nobody speaks.
        let initial =
            [&b"\xc0\x00\x00\x00\x01\x08nonsense\x00\x00\x44\x9e"[..], &[0; 1182]].concat();
        let version = [&b"\xc0\x0a\x1a\x2a\x3a\x08nonsense\x00"[..], &[0; 1200]].concat();
        for garbage in [&b"hello?"[..], &[0xff; 1200], &initial, &version] {
            socket.send_to(garbage, client.server).await?;
        }
        // Two handshakes that are never finished: given up by the client, refused by it.
        let url = format!("quic://{}/", client.server);
        let stranger = Client::new().certificate_hash([7; 32]);
        tokio::select! {
            biased;
            _ = stranger.connect(&url) => {}
            () = std::future::ready(()) => {}
        }
        match stranger.connect(&url).await {
            Err(ConnectError::Untrusted(_)) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err("a certificate with another hash was trusted".into()),
        }
    }
}

#[async_trait]
impl Connect for Reached {
    type Link = QuicLink;
    type Error = ConnectError;

    async fn link(&self) -> Result<QuicLink, ConnectError> {
        self.connection.link().await
    }

    async fn exchange(&self, request: Request) -> Result<Response, ConnectError> {
        self.connection.exchange(request).await
    }
}
