//! `cargo xtask interop`: peers that nobody here wrote, one for each transport.
//!
//! Each peer is a program in Python that plays one short scenario with a session of a small app, over a client that
//! others maintain, and tells what it saw, a line of JSON a step. All of them must have seen the same, byte for byte.
//!
//! | file | what |
//! |---|---|
//! | `app` | the app |
//! | `scenario.py` | the scenario, over any link |
//! | `over_*.py` | a link each |
//! | `peer` | a peer as a process, and its steps |
//! | `python` | a Python that has what a peer needs |
//! | `server` | the app on a transport |

mod app;
mod peer;
mod python;
mod server;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::report::{Failed, Report};
use crate::workspace;
use peer::{PEERS, Peer};
use python::Python;
use server::Server;

const USAGE: &str = "\
usage: cargo xtask interop [--only PEER | --serve stdio]

Plays one scenario with a small app through clients that others wrote, one for each transport, and compares what they
saw, a line per step. What each saw, and what went wrong with it, goes to target/interop/.

  --only PEER     one of: ws, stdio, quic, webtransport
  --serve stdio   what the peer over stdio starts: the app on stdin and stdout

The peers are the PyPI packages `websockets` and `aioquic`, and over stdio Python's own `subprocess`. They take a Python
of 3.11 or later: the one that INTEROP_PYTHON in the environment names, the one that .ci/run has made, or the python3
found. What the machine lacks is skipped and said; with CI=true in the environment it is a failure.";

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start tokio")?;
    let only = match args {
        [] => None,
        [flag, transport] if (flag.as_str(), transport.as_str()) == ("--serve", "stdio") => {
            return runtime.block_on(server::serve_stdio());
        }
        [flag] if matches!(flag.as_str(), "--help" | "-h") => {
            println!("{USAGE}");
            return Ok(());
        }
        [flag, name] if flag == "--only" => Some(named(name)?),
        other => bail!("`interop` does not take `{}`\n\n{USAGE}", other.join(" ")),
    };
    let folder = workspace::root().join("target/interop");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _within = runtime.enter();

    let mut report = Report::new("interop", "target/interop/");
    let mut first = None;
    for peer in PEERS {
        if only.is_some_and(|only| only.name != peer.name) {
            continue;
        }
        report.begin(peer.name);
        match Python::with(peer.needs) {
            // Whether it passed is in the report.
            Ok(python) => drop(play(peer, &python, &folder, &mut first, &mut report)),
            Err(missing) => report.skip(&missing),
        }
    }
    report.close()
}

/// What one peer saw, a line of JSON a step.
type Transcript = Vec<String>;

/// Lets one peer play, and compares what it saw with what the first one did.
fn play(
    peer: &Peer,
    python: &Python,
    folder: &Path,
    first: &mut Option<(&'static str, Transcript)>,
    report: &mut Report,
) -> Result<(), Failed> {
    let log = folder.join(format!("{}.log", peer.name));
    let (mut process, server) = report.make("start", || {
        let server = Server::start(peer.transport)?;
        let process = peer.start(python, &server.address, &log)?;
        let seen = format!("{}, {python}", process.version);
        Ok(((process, server), seen))
    })?;
    let mut transcript = Transcript::new();
    while let Some(step) = process.next_step() {
        let row = transcript.len();
        let line = report.make(&step, || {
            let line = process.finish_step()?;
            let seen = peer::summary(&line)?;
            if let Some((name, lines)) = first {
                peer::compare(&line, name, lines.get(row).map(String::as_str))?;
            }
            Ok((line, seen))
        })?;
        transcript.push(line);
    }
    report.step("end", || {
        process.wait()?;
        server.stop()?;
        if let Some((name, lines)) = first
            && lines.len() != transcript.len()
        {
            bail!("{} steps, where {name} took {}", transcript.len(), lines.len());
        }
        let file = folder.join(format!("{}.json", peer.name));
        fs::write(&file, format!("[\n{}\n]\n", transcript.join(",\n")))?;
        Ok(match first {
            Some((name, _)) => format!("{} steps as {name} saw them", transcript.len()),
            None => format!("{} steps", transcript.len()),
        })
    })?;
    first.get_or_insert((peer.name, transcript));
    Ok(())
}

fn named(name: &str) -> anyhow::Result<&'static Peer> {
    PEERS
        .iter()
        .find(|peer| peer.name == name)
        .with_context(|| format!("there is no peer `{name}`\n\n{USAGE}"))
}
