//! Both ends of the wire, over pipes of this process and with real children.
//!
//! | module | what |
//! |---|---|
//! | `conformance` | the public suite, in both formats |
//! | `lines` | lines in, what becomes of them |
//! | `ending` | how the wire and its threads end, orderly or not |
//! | `pressure` | peers that do not read |
//! | `exchanges` | what the suite cannot reach of requests and responses |
//! | `file` | a listener chosen by a configuration file |
//! | `children` | programs that are started, what they print, how they end |
//! | `python` | a peer that nobody here wrote |

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says what it expects by panicking, and so do its helpers"
)]

mod children;
mod conformance;
mod ending;
mod exchanges;
mod file;
mod lines;
mod pressure;
mod python;
mod support;
