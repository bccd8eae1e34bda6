use async_trait::async_trait;
use http::HeaderMap;
use session_core::conformance::{Fixture, ServerRole};
use session_core::exchange::BoxError;
use session_core::link::Listener;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use transport_ws::{Client, Config, Endpoint, bind_with};

/// WebSocket and HTTP on a free port.
pub(super) struct Ws;

#[async_trait]
impl Fixture for Ws {
    type Client = Endpoint;

    fn name(&self) -> &'static str {
        "ws"
    }

    async fn start(&self, role: ServerRole) -> Result<Endpoint, BoxError> {
        self.start_with(role, HeaderMap::new()).await
    }

    async fn start_with(&self, role: ServerRole, headers: HeaderMap) -> Result<Endpoint, BoxError> {
        let mut config = Config::new("127.0.0.1:0");
        config.max_message_bytes = role.max_frame();
        let listener = bind_with(config).await?;
        let mut client = Client::new().max_message_bytes(role.max_frame());
        for (name, value) in &headers {
            client = client.header(name.as_str(), value.to_str()?)?;
        }
        let endpoint = client.endpoint(&listener.address())?;
        role.serve(listener);
        Ok(endpoint)
    }

    async fn disturb(&self, client: &Endpoint) -> Result<(), BoxError> {
        for garbage in [&b"\x16\x03\x01\x02\x00\x01"[..], b"GET /websocket/ HTT", b"\r\n\r\n\r\n"] {
            let mut stream = TcpStream::connect(client.authority()).await?;
            stream.write_all(garbage).await?;
        }
        Ok(())
    }
}
