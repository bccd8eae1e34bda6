//! A listener on a free port, links, and a peer that writes bytes by hand.

use std::net::SocketAddr;
use std::time::Duration;

use session_core::exchange::Exchange;
use session_core::link::{Frame, Incoming, Link, Listener, ReceiveExt, TransmitExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use transport_ws::{Client, Config, WsLink, WsListener, bind_with};

/// Long enough that only a test that hangs reaches it.
const HANGS: Duration = Duration::from_secs(20);

/// Fails instead of hanging.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(HANGS, future).await.expect("nothing happened for a long time")
}

pub(crate) fn config() -> Config {
    let mut config = Config::new("127.0.0.1:0").page("/", "<!doctype html><title>test</title>");
    // A heartbeat would put frames among those that a test counts.
    config.ping_interval = Duration::from_secs(3600);
    config
}

pub(crate) async fn listen(config: Config) -> (WsListener, SocketAddr) {
    let listener = bind_with(config).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(crate) fn socket_url(address: SocketAddr) -> String {
    format!("ws://{address}/websocket/")
}

pub(crate) async fn next_link(listener: &mut WsListener) -> WsLink {
    match within(listener.accept()).await {
        Some(Incoming::Link(link)) => link,
        other => panic!("not a link: {other:?}"),
    }
}

pub(crate) async fn next_exchange(listener: &mut WsListener) -> Exchange {
    match within(listener.accept()).await {
        Some(Incoming::Exchange(exchange)) => exchange,
        other => panic!("not an exchange: {other:?}"),
    }
}

/// Two ends of one link: the client's, the server's.
pub(crate) async fn pair(limit: usize) -> (WsLink, WsLink) {
    let mut config = config();
    config.max_message_bytes = limit;
    let (mut listener, address) = listen(config).await;
    let client = Client::new().max_message_bytes(limit);
    let client = within(client.connect(&socket_url(address))).await.unwrap();
    let server = next_link(&mut listener).await;
    (client, server)
}

/// Echoes one link until it ends, and closes it as the contract asks.
pub(crate) async fn echo(link: WsLink) {
    let (mut receive, mut transmit) = link.split();
    loop {
        match receive.receive().await {
            Ok(Some(frame)) => {
                if transmit.send(frame).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                if let Some(reason) = error.close_reason() {
                    let _ = transmit.close(reason).await;
                }
                return;
            }
        }
    }
}

/// Echoes every link of a listener.
pub(crate) fn echo_all(mut listener: WsListener) {
    tokio::spawn(async move {
        while let Some(incoming) = listener.accept().await {
            if let Incoming::Link(link) = incoming {
                tokio::spawn(echo(link));
            }
        }
    });
}

pub(crate) async fn echo_server(limit: usize) -> SocketAddr {
    let mut config = config();
    config.max_message_bytes = limit;
    let (listener, address) = listen(config).await;
    echo_all(listener);
    address
}

/// Sends one frame and wants it back.
pub(crate) async fn assert_echoes(link: WsLink) {
    let (mut receive, mut transmit) = link.split();
    let frame = Frame::Text("still here".into());
    within(transmit.send(frame.clone())).await.unwrap();
    assert_eq!(within(receive.receive()).await.unwrap(), Some(frame));
}

/// A client that writes its bytes by hand.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    /// Connected, no byte sent.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// Connected and upgraded.
    pub(crate) async fn upgrade(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address).await;
        raw.write(handshake(address, "").as_bytes()).await;
        let head = raw.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        within(self.stream.write_all(bytes)).await.unwrap();
    }

    /// The head of a response.
    pub(crate) async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match within(self.stream.read_u8()).await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// Everything until the server hangs up, orderly or not.
    pub(crate) async fn read_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = within(self.stream.read_to_end(&mut rest)).await;
        rest
    }

    /// The next frame: its first byte and its payload.
    pub(crate) async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = within(self.stream.read_u8()).await.ok()?;
        let length = match self.stream.read_u8().await.ok()? {
            126 => usize::from(self.stream.read_u16().await.ok()?),
            127 => usize::try_from(self.stream.read_u64().await.ok()?).unwrap(),
            short @ 0..=125 => usize::from(short),
            masked => panic!("a server masked a frame: {masked:#x}"),
        };
        let mut payload = vec![0; length];
        within(self.stream.read_exact(&mut payload)).await.ok()?;
        Some((first, payload))
    }

    /// Skips frames until the close frame; its code, and what was skipped.
    pub(crate) async fn read_close(&mut self) -> (Option<u16>, Vec<(u8, Vec<u8>)>) {
        let mut before = Vec::new();
        loop {
            match self.read_frame().await.expect("no close frame") {
                (CLOSE, body) => {
                    let code = body.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return (code, before);
                }
                frame => before.push(frame),
            }
        }
    }
}

/// A final frame of each kind, by its first byte.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
/// Kinds without the final bit.
pub(crate) const TEXT_PART: u8 = 0x01;
pub(crate) const BINARY_PART: u8 = 0x02;
pub(crate) const PART: u8 = 0x00;
pub(crate) const LAST_PART: u8 = 0x80;

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A request for a link, with more header lines.
pub(crate) fn handshake(address: SocketAddr, more: &str) -> String {
    format!(
        "GET /websocket/ HTTP/1.1\r\nHost: {address}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}
