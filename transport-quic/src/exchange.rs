//! Exchanges over a stream each: a head, then the bytes of the body, both ways.
//!
//! | file | what |
//! |---|---|
//! | `body` | a body out of a stream, a body into a stream |
//! | `answer` | the server's side |
//! | `ask` | the client's side |

mod answer;
mod ask;
mod body;

pub(crate) use answer::{answer, refuse};
pub(crate) use ask::ask;
