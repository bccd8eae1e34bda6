//! Browsers: WebTransport sessions over HTTP/3, on the same UDP port.
//!
//! | file | what |
//! |---|---|
//! | `connection` | an HTTP/3 connection: its control streams, and whose each other stream is |
//! | `session` | one session: opened by a `CONNECT`, ended by either side, whose streams are links and exchanges |
//! | `membership` | what a stream has of its session: the session's end, and its codes |
//! | `guard` | which pages may open a session |
//! | `script` | what a page loads to have its link over one |
//!
//! Of HTTP/3 there is no more than that takes: whatever else is asked for is not found here. The codec of its frames
//! is the crate `web-transport-proto`. The sessions are kept here, because those of the crates at hand own their
//! connection: a second session cannot be on it, and a session that ends takes it along.
//!
//! Streams that come before their session is open are refused: no client that waits for the answer sends one.

mod connection;
mod guard;
#[cfg(test)]
mod laws;
mod membership;
mod script;
mod session;

pub(crate) use connection::{DATAGRAMS, MAX_UNI_STREAMS, serve};
pub(crate) use guard::{Guard, is_origin};
pub(crate) use membership::Membership;
pub(crate) use script::tag;
pub use script::webtransport_js;
pub(crate) use session::Session;

/// The application protocol that browsers offer.
pub(crate) const ALPN: &[u8] = b"h3";

/// The codes of HTTP/3 and of WebTransport that are used here, as their specifications name them.
#[derive(Debug, Clone, Copy)]
enum H3Code {
    NoError = 0x100,
    StreamCreationError = 0x103,
    ExcessiveLoad = 0x107,
    RequestIncomplete = 0x10d,
    SessionGone = 0x170d_7b68,
    BufferedStreamRejected = 0x3994_bd84,
}

impl From<H3Code> for quinn::VarInt {
    fn from(code: H3Code) -> Self {
        Self::from_u32(code as u32)
    }
}
