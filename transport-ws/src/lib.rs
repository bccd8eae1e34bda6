//! Sessions over WebSocket and HTTP, on one port.
//!
//! | path below the mount | what |
//! |---|---|
//! | `websocket/`, also below any page's path | a link, for a request that asks for the upgrade |
//! | `session/…` | an exchange, any method, streamed both ways |
//! | `` and other pages | HTML, for `GET` and `HEAD` |
//! | `client.js`, `client.css`, assets, folders | files |
//! | `healthz` | `ok` |
//!
//! ```
//! use session_core::link::{CloseCode, Frame, Incoming, Link, Listener, ReceiveExt, TransmitExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = transport_ws::Config::new("127.0.0.1:0").page("/", "<!doctype html><p>Hello");
//! let mut listener = transport_ws::bind_with(config).await?;
//!
//! let url = format!("ws://{}/websocket/", listener.local_addr().ok_or("no address")?);
//! let (mut from_server, mut to_server) = transport_ws::connect(&url).await?.split();
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
//!
//! Not here: TLS (put a reverse proxy in front, or nest [`service`] in a server that has it), HTTP/2, and
//! compression, which is declined: it costs memory for every link, and a page that mixes secrets with what
//! an attacker chose leaks them through the size.

mod client;
mod config;
mod content;
mod door;
mod frame;
mod guard;
mod handshake;
mod link;
mod listener;
mod service;
mod transport;

pub use client::{Client, ConnectError, Endpoint, connect, exchange};
pub use config::{Config, MissingOrigin};
pub use content::{client_css, client_js};
pub use link::{WsLink, WsReceive, WsTransmit};
pub use listener::{BindError, WsListener, bind, bind_with, service};
pub use service::{PeerAddress, WsService};
pub use transport::WebSocket;

/// The examples of the workspace's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
