//! A listener and its links over real UDP on the loopback interface.
//!
//! | module | what |
//! |---|---|
//! | `laws` | how a link of streams keeps the laws, both ways round |
//! | `sharing` | several links and exchanges on one connection |
//! | `exchanges` | requests, bodies, who cancels what |
//! | `streams` | streams that are not what they should be |
//! | `handshakes` | who gets in, and whom a client trusts |
//! | `network` | loss, reordering, addresses that change |
//! | `finish` | a listener's last words |
//! | `file` | a listener chosen by a configuration file |
//! | `versions` | what must not be older |
//! | `webtransport` | browsers: their sessions, and what ends them |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by panicking, and so do its helpers"
)]

mod exchanges;
mod file;
mod finish;
mod handshakes;
mod laws;
mod network;
mod proxy;
mod raw;
mod sharing;
mod streams;
mod support;
mod versions;
#[cfg(feature = "webtransport")]
mod webtransport;
