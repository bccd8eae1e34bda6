//! `cargo xtask bench`: what everything costs, beside the best that is known.

mod load;
mod process;
mod quinn;
mod reactive;
mod session;
mod transfer;
mod transport;

use std::path::PathBuf;

use anyhow::{Context, bail};

const USAGE: &str = "\
usage: cargo xtask bench <what> [--json FILE]

  reactive  the graph, beside the best Rust libraries
  session   sessions over WebSocket, beside a server without graph and session
  transport an echo through each transport, beside the same without it
  transfer  a gigabyte down and up through each transport, beside axum and a bare stream

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
    match what.as_str() {
        session::PART => return session::part(rest),
        transfer::PART => return transfer::part(rest),
        transport::PART => return transport::part(rest),
        _ => {}
    }
    let json = match rest {
        [] => None,
        [flag, file] if flag == "--json" => Some(PathBuf::from(file)),
        _ => bail!("{USAGE}"),
    };
    let rows = match what.as_str() {
        "reactive" => reactive::rows()?,
        "session" => session::rows()?,
        "transfer" => transfer::rows()?,
        "transport" => transport::rows()?,
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

/// What a part of a bench found out, for the program that started it.
pub(crate) fn report(result: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(result)?);
    Ok(())
}

pub(crate) fn at_least(
    name: String,
    [ours, peer]: [f64; 2],
    peer_name: &str,
    unit: &str,
    reach: f64,
) -> Row {
    let ratio = ours / peer;
    let (peer_name, unit) = (peer_name.to_owned(), unit.to_owned());
    Row { name, ours, peer, peer_name, unit, ratio, reach, met: ratio >= reach }
}

pub(crate) fn at_most(name: &str, [ours, budget]: [f64; 2], unit: &str) -> Row {
    Row {
        name: name.to_owned(),
        ours,
        peer: budget,
        peer_name: "budget".to_owned(),
        unit: unit.to_owned(),
        ratio: ours / budget,
        reach: 1.0,
        met: ours <= budget,
    }
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
