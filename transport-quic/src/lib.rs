//! Sessions over QUIC: every link and every exchange is a stream of its own.
//!
//! Nothing one stream does holds up another, many sessions may share a connection, and a client that changes networks
//! keeps them. The handshake agrees on the application protocol `sdrs/1`. A client opens bidirectional streams; all
//! that comes in pieces are records: a kind (one byte), a length (four, big endian), a payload.
//!
//! | on a stream | client | server |
//! |---|---|---|
//! | link | `OPEN` (16), then `TEXT` (0) and `BINARY` (1), at the end `CLOSE` (2) and the end of the stream | the same without `OPEN` |
//! | exchange | `REQUEST` (17), then the bytes of the body and the end of the stream | `RESPONSE` (18), then the same |
//!
//! `OPEN` and `REQUEST` carry `{"method":"GET","path":"/…","headers":[["name","value"]]}`, `RESPONSE` carries
//! `{"status":200,"headers":[…]}`, each in 16 KiB at most. `CLOSE` carries a code (two bytes, big endian) and a text.
//!
//! - A link without `OPEN` would be invisible: the server speaks first, and a stream is seen with its first byte.
//! - An end of the stream without `CLOSE`, a reset, or a lost connection abort a link. A body that ends in a reset has failed;
//!   whoever wants no more of one asks the other side to stop.
//! - Whoever closes a link keeps its stream until the other side has ended its own: a connection that is closed takes
//!   along what the peer has not read.
//! - Early data (0-RTT) is refused and never sent: it could be played back. Datagrams and one-way streams are of no use here.
//!
//! With the feature `webtransport`, pages get in on the same port: on each WebTransport session a page opens, a stream
//! is a link or an exchange as above. What the browser says of the session (path, origin, host) goes before what an
//! `OPEN` says; pages whose origin is not allowed get 403, paths that are not below `mount` 404. A session that ends
//! takes its streams along, and no others. `QuicListener::webtransport_script` gives the element that has a page do
//! all of that, with our client for browsers and with Shiny's.
//!
//! ```
//! use session_core::link::{CloseCode, Connect, Frame, Incoming, Link, Listener, ReceiveExt, TransmitExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut listener = transport_quic::bind("127.0.0.1:0").await?;
//!
//! // Without a certificate of its own a listener makes one, and its address ends with the hash to know it by.
//! let connection = transport_quic::connect(&listener.address()).await?;
//! let (mut from_server, mut to_server) = connection.link().await?.split();
//! to_server.send(Frame::Text("hello".into())).await?;
//!
//! let Some(Incoming::Link(link)) = listener.accept().await else { return Ok(()) };
//! let (mut from_client, mut to_client) = link.split();
//! if let Some(frame) = from_client.receive().await? {
//!     to_client.send(frame).await?;
//! }
//! to_client.close(CloseCode::GOING_AWAY.into()).await?;
//!
//! assert_eq!(from_server.receive().await?, Some(Frame::Text("hello".into())));
//! assert_eq!(from_server.receive().await?, None);
//! # Ok(())
//! # }
//! ```

mod carrier;
mod client;
mod config;
mod connection;
mod door;
mod error;
mod exchange;
mod head;
mod link;
mod listener;
mod serve;
mod socket;
mod stream;
mod tls;
mod transport;
mod tuning;
mod url;
#[cfg(feature = "webtransport")]
mod webtransport;
mod wire;

pub use client::{Client, connect};
pub use config::Config;
pub use connection::Connection;
pub use error::ConnectError;
pub use link::{QuicLink, QuicReceive, QuicTransmit};
pub use listener::{BindError, QuicListener, bind, bind_with};
pub use tls::CertificateError;
pub use transport::Quic;
#[cfg(feature = "webtransport")]
pub use webtransport::webtransport_js;
