//! The laws of a link.
//!
//! | module | what |
//! |---|---|
//! | `frames` | what is sent is what arrives |
//! | `limits` | a frame over the limit |
//! | `close` | orderly ends |
//! | `abort` | all other ends |
//! | `flow` | peers that do not read, both directions at once |
//! | `listener` | many links, strangers, the end of a server |

use super::law::{Law, Playing, link_law, server_law};

mod abort;
mod close;
mod flow;
mod frames;
mod limits;
mod listener;

pub(super) const LAWS: &[&[Law]] =
    &[frames::LAWS, limits::LAWS, close::LAWS, abort::LAWS, flow::LAWS, listener::LAWS];
