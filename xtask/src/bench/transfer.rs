//! `cargo xtask bench transfer`: what a large download or upload costs, and what it keeps in memory meanwhile.
//!
//! One at a time: a gigabyte out of a stream to the client, and a gigabyte from the client into a temporary file. Ours
//! are a download and an upload of a session, in which everything else of a session is at work too; the floors are a
//! plain axum handler, a bare quinn stream, and a loop that blocks on a pipe. What is compared is bytes per second of
//! the *server's* CPU time.
//!
//! | file | what |
//! |---|---|
//! | `server` | the servers: ours, and the floors |
//! | `client` | their clients |

mod client;
mod server;

use anyhow::bail;

use super::process::{self, Core, Part};
use super::{Row, at_least, at_most, median, report};
use client::Transfer;
use server::Kind;

/// The hidden command under which this program starts the parts of the bench.
pub(super) const PART: &str = "transfer-part";

/// Every server has every transfer once per round, one after the other, so that what else the machine does falls on
/// both; the medians count.
const ROUNDS: usize = 3;

/// What is transferred, in bytes.
const SIZE: u64 = 1 << 30;

/// What a server writes and reads at a time.
const CHUNK: usize = 64 * 1024;

/// What a server's memory may grow by while a gigabyte goes through it, in MB.
const MEMORY: f64 = 16.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Download,
    Upload,
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

/// A transport beside its floor, and what the ratio is to be.
const PAIRS: [([Kind; 2], f64); 3] = [
    ([Kind::Ws, Kind::Axum], 0.9),
    ([Kind::Quic, Kind::Quinn], 0.9),
    ([Kind::Stdio, Kind::Pipe], 0.5),
];

pub(super) fn rows() -> anyhow::Result<Vec<Row>> {
    if let Err(why) = process::can_pin() {
        println!("not pinned: {why}; the figures are worth less\n");
    }
    println!("{:>9} {:>6} {:>18} {:>10} {:>14}", "", "", "MB/server CPU s", "MB/s", "memory, MB");
    let mut rows = Vec::new();
    for (servers, reach) in PAIRS {
        for direction in [Direction::Download, Direction::Upload] {
            rows.extend(compare(servers, direction, reach)?);
        }
    }
    println!();
    Ok(rows)
}

/// Runs one part: what [`rows`] starts.
pub(super) fn part(args: &[String]) -> anyhow::Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server", kind] => server::run(Kind::parse(kind)?),
        ["download", kind, address, server] => {
            report(&client::run(Kind::parse(kind)?, Direction::Download, address, server.parse()?)?)
        }
        ["upload", kind, address, server] => {
            report(&client::run(Kind::parse(kind)?, Direction::Upload, address, server.parse()?)?)
        }
        _ => bail!("no part of the bench: {args:?}"),
    }
}

fn compare(servers: [Kind; 2], direction: Direction, reach: f64) -> anyhow::Result<[Row; 2]> {
    let mut transfers: [Vec<Transfer>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (kind, transfers) in servers.iter().zip(&mut transfers) {
            // A server of its own for each, so that its memory is that of one transfer; one on pipes is a child of its
            // client.
            let server = match kind {
                Kind::Stdio | Kind::Pipe => None,
                _ => {
                    let args = [PART, "server", kind.name()];
                    Some(Part::start(Core::Server, &args)?.ready()?)
                }
            };
            let (address, id) = match &server {
                Some(server) => (server.said.as_str(), server.id()),
                None => ("", "0".to_owned()),
            };
            let args = [PART, direction.name(), kind.name(), address, &id];
            transfers.push(Part::start(Core::Client, &args)?.result()?);
        }
    }
    let median =
        |transfers: &[Transfer], of: fn(&Transfer) -> f64| median(transfers.iter().map(of));
    for (kind, transfers) in servers.iter().zip(&transfers) {
        println!(
            "{:>9} {:>6} {:>18.0} {:>10.0} {:>14.1}",
            direction.name(),
            kind.name(),
            median(transfers, Transfer::per_cpu_second),
            median(transfers, Transfer::per_second),
            median(transfers, |transfer| transfer.memory),
        );
    }
    let throughput = [0, 1].map(|i| median(&transfers[i], Transfer::per_cpu_second));
    let [ours, floor] = servers.map(Kind::name);
    let name = format!("{ours}, {} of 1 GB (higher is better)", direction.name());
    let memory = format!("{ours}, {} of 1 GB: memory ÷ budget (lower is better)", direction.name());
    Ok([
        at_least(name, throughput, floor, "MB/CPU s", reach),
        at_most(&memory, [median(&transfers[0], |transfer| transfer.memory), MEMORY], "MB"),
    ])
}
