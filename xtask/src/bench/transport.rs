//! `cargo xtask bench transport`: what a link costs on top of the socket, the connection or the pipe under it.
//!
//! An echo, one frame in flight for each peer. The floor is the least that echoes pieces of a known length over the
//! same thing: TCP with tokio, a bare quinn stream, a blocking read and write on pipes. What is compared is round trips
//! per second of the *server's* CPU time, so that neither the client nor the wake-ups of an idle machine count.
//!
//! | file | what |
//! |---|---|
//! | `server` | the echoes: ours, and the floors |
//! | `client` | their clients |

mod client;
mod server;

use std::time::Duration;

use anyhow::bail;

use super::load::Load;
use super::process::{self, Core, Part};
use super::{Row, at_least, at_most, median, report};
use server::Kind;

/// The hidden command under which this program starts the parts of the bench.
pub(super) const PART: &str = "transport-part";

/// Every server meets every load once per round, one after the other, so that what else the machine does falls on
/// both; the medians count.
const ROUNDS: usize = 5;

/// How long one load is measured.
const WINDOW: Duration = Duration::from_millis(1500);

/// Connections that are opened to see what an idle one keeps.
const IDLE: usize = 5000;

/// A transport beside its floor.
struct Pair {
    servers: [Kind; 2],
    /// Frame size in bytes, peers at a time, and what the ratio is to be.
    loads: &'static [(usize, usize, f64)],
}

const KB: usize = 1024;
const PAIRS: [Pair; 3] = [
    Pair {
        servers: [Kind::Ws, Kind::Tcp],
        loads: &[(100, 1, 0.95), (100, 32, 0.95), (100, 1000, 0.95), (KB * KB, 32, 0.95)],
    },
    Pair {
        servers: [Kind::Quic, Kind::Quinn],
        loads: &[(100, 1, 0.95), (100, 32, 0.95), (100, 1000, 0.95), (KB * KB, 32, 0.95)],
    },
    Pair { servers: [Kind::Stdio, Kind::Pipe], loads: &[(100, 1, 0.9), (KB * KB, 1, 0.9)] },
];

pub(super) fn rows() -> anyhow::Result<Vec<Row>> {
    if let Err(why) = process::can_pin() {
        println!("not pinned: {why}; the figures are worth less\n");
    }
    println!(
        "{:>6} {:>9} {:>6} {:>18} {:>12} {:>9} {:>9}",
        "", "bytes", "peers", "rt/server CPU s", "rt/s", "p50 µs", "p99 µs"
    );
    let mut rows = Vec::new();
    for pair in &PAIRS {
        for load in pair.loads {
            rows.push(compare(pair.servers, *load)?);
        }
    }
    println!();
    let [ws, tcp] = [Kind::Ws, Kind::Tcp].map(idle);
    let [quic, quinn] = [Kind::Quic, Kind::Quinn].map(idle);
    let (ws, tcp, quic, quinn) = (ws?, tcp?, quic?, quinn?);
    println!(
        "an idle connection keeps, in KB: ws {ws:.1}, tcp {tcp:.1}, quic {quic:.1}, quinn {quinn:.1}\n"
    );
    rows.push(at_most("ws, idle: resident memory ÷ budget (lower is better)", [ws, 8.0], "KB"));
    rows.push(Row {
        name: "quic, idle: resident memory ÷ bare quinn (lower is better)".to_owned(),
        ours: quic,
        peer: quinn,
        peer_name: "quinn".to_owned(),
        unit: "KB".to_owned(),
        ratio: quic / quinn,
        reach: 1.1,
        met: quic <= quinn * 1.1,
    });
    Ok(rows)
}

/// Runs one part: what [`rows`] starts.
pub(super) fn part(args: &[String]) -> anyhow::Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server", kind] => server::run(Kind::parse(kind)?),
        ["load", kind, address, server, bytes, peers, window] => {
            let window = Duration::from_millis(window.parse()?);
            let kind = Kind::parse(kind)?;
            let (bytes, peers) = (bytes.parse()?, peers.parse()?);
            report(&client::load(kind, address, server.parse()?, bytes, peers, window)?)
        }
        ["idle", kind, address, server, connections] => {
            let kind = Kind::parse(kind)?;
            report(&client::idle(kind, address, server.parse()?, connections.parse()?)?)
        }
        _ => bail!("no part of the bench: {args:?}"),
    }
}

fn compare(servers: [Kind; 2], (bytes, peers, reach): (usize, usize, f64)) -> anyhow::Result<Row> {
    let running = [start(servers[0])?, start(servers[1])?];
    let mut loads: [Vec<Load>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for ((kind, server), loads) in servers.iter().zip(&running).zip(&mut loads) {
            let [bytes, peers] = [bytes, peers].map(|number| number.to_string());
            let window = WINDOW.as_millis().to_string();
            // A server on pipes is a child of its client.
            let (address, id) = match server {
                Some(server) => (server.said.as_str(), server.id()),
                None => ("", "0".to_owned()),
            };
            let args = [PART, "load", kind.name(), address, &id, &bytes, &peers, &window];
            loads.push(Part::start(Core::Client, &args)?.result()?);
        }
    }
    for (kind, loads) in servers.iter().zip(&loads) {
        let median = |of: fn(&Load) -> f64| median(loads.iter().map(of));
        println!(
            "{:>6} {bytes:>9} {peers:>6} {:>18.0} {:>12.0} {:>9.0} {:>9.0}",
            kind.name(),
            median(Load::per_cpu_second),
            median(Load::per_second),
            median(|load| load.p50_us),
            median(|load| load.p99_us),
        );
    }
    let throughput = loads.map(|loads| median(loads.iter().map(Load::per_cpu_second)));
    let [ours, floor] = servers.map(Kind::name);
    let size = if bytes < KB { format!("{bytes} B") } else { format!("{} KB", bytes / KB) };
    let name = format!("{ours}, {size} ×{peers}: round trips (higher is better)");
    Ok(at_least(name, throughput, floor, "rt/CPU s", reach))
}

/// What an idle connection keeps, in KB.
fn idle(kind: Kind) -> anyhow::Result<f64> {
    let Some(server) = start(kind)? else { bail!("a pipe has no idle connections") };
    let args = [PART, "idle", kind.name(), &server.said, &server.id(), &IDLE.to_string()];
    let bytes: f64 = Part::start(Core::Client, &args)?.result()?;
    Ok(bytes / 1024.0)
}

/// `None` for a server that is a child of its client.
fn start(kind: Kind) -> anyhow::Result<Option<Part>> {
    match kind {
        Kind::Stdio | Kind::Pipe => Ok(None),
        _ => Ok(Some(Part::start(Core::Server, &[PART, "server", kind.name()])?.ready()?)),
    }
}
