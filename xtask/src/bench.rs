//! `cargo xtask bench`: what everything costs, beside the best that is known.

mod reactive;
mod session;

use std::path::PathBuf;

use anyhow::{Context, bail};

const USAGE: &str = "\
usage: cargo xtask bench <what> [--json FILE]

  reactive  the graph, beside the best Rust libraries
  session   sessions over WebSocket, beside a server without graph and session

  --json FILE   also writes the rows there";

/// One line of the table.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) peer: f64,
    pub(crate) peer_name: String,
    pub(crate) unit: String,
    /// Oriented as the name says.
    pub(crate) ratio: f64,
    /// What the ratio is to be.
    pub(crate) reach: f64,
    pub(crate) met: bool,
}

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let (what, rest) = args.split_first().context(USAGE)?;
    if what == session::PART {
        return session::part(rest);
    }
    let json = match rest {
        [] => None,
        [flag, file] if flag == "--json" => Some(PathBuf::from(file)),
        _ => bail!("{USAGE}"),
    };
    let rows = match what.as_str() {
        "reactive" => reactive::rows()?,
        "session" => session::rows()?,
        _ => bail!("{USAGE}"),
    };
    print(&rows);
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&rows)?;
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn print(rows: &[Row]) {
    println!("{:<64} {:>10} {:>10}  {:<22} {:>6} {:>6}", "", "ours", "peer", "", "ratio", "reach");
    for row in rows {
        let Row { name, ours, peer, peer_name, unit, ratio, reach, met } = row;
        let peer_name = format!("{unit} ({peer_name})");
        let met = if *met { "met" } else { "NOT MET" };
        println!(
            "{name:<64} {ours:>10.1} {peer:>10.1}  {peer_name:<22} {ratio:>6.2} {reach:>6.2}  {met}"
        );
    }
}
