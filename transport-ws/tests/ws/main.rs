//! A listener and its links over real sockets on the loopback interface.
//!
//! | module | what |
//! |---|---|
//! | `laws` | the laws of a link, both ways round |
//! | `framing` | bytes in, close code out |
//! | `autobahn` | the core cases of a test suite that others wrote |
//! | `faults` | clients that are slow, hostile, or gone |
//! | `http` | pages, files, exchanges, who may open a link |
//! | `finish` | a listener's last words |
//! | `gate` | who is let in, and who is told a status |
//! | `file` | a listener chosen by a configuration file |
//! | `nested` | the service within an axum router |
//! | `recording` | what Shiny for Python serves beside its sessions, replayed |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by panicking, and so do its helpers"
)]

mod autobahn;
mod faults;
mod file;
mod finish;
mod framing;
mod gate;
mod http;
mod laws;
mod nested;
mod recording;
mod support;
