//! The laws of the graph, one file per family; each test names the statement of the behaviour specification it holds.
#![allow(
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests say what they expect by panicking, as the tests do, and read best with plain arguments"
)]

mod calc;
mod deep;
mod effect;
mod event;
mod flush;
mod interrupt;
mod scope;
mod support;
mod value;
