//! `cargo xtask conformance`: the laws of links, exchanges and sessions, tried on every transport.

mod ws;

use anyhow::{anyhow, ensure};
use session_core::conformance::{Memory, Suite};

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let suite = Suite::new().with(Memory).with(ws::Ws);
    let kept = suite.command(args).map_err(|problem| anyhow!(problem))?;
    ensure!(kept, "a transport does not keep every law");
    Ok(())
}
