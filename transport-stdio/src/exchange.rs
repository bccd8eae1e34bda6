//! Requests and responses that go beside the link, interleaved on the same pipe.
//!
//! | file | what |
//! |---|---|
//! | `stream` | one exchange: what arrived of its body, and what may be sent |
//! | `streams` | those under way, by number |
//! | `body` | the body that comes from the peer |
//! | `send` | a body on its way to the peer |
//! | `answer` | the server's side: a request, and its response |
//! | `ask` | the client's side |

mod answer;
mod ask;
mod body;
mod send;
mod stream;
mod streams;

pub(crate) use answer::{answer, refuse};
pub(crate) use ask::ask;
pub use stream::Cut;
pub(crate) use stream::{OverWindow, Stream};
pub(crate) use streams::Streams;
