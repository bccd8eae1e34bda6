//! `cargo xtask conformance`: the laws of links, exchanges and sessions, tried on every transport.

mod quic;
mod stdio;
mod ws;

use std::process::ExitCode;

use anyhow::{anyhow, ensure};
use session_core::conformance::{Memory, Suite};

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let suite = Suite::new().with(Memory).with(ws::Ws).with(quic::Quic).with(stdio::Stdio);
    let kept = suite.command(args).map_err(|problem| anyhow!(problem))?;
    ensure!(kept, "a transport does not keep every law");
    Ok(())
}

/// Plays the server of one law, in a child process that the suite has started.
pub(crate) fn play() -> anyhow::Result<ExitCode> {
    stdio::play()?.ok_or_else(|| anyhow!("`--play` is for the suite's own child processes"))
}
