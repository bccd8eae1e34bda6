//! `cargo xtask bench session`: what a session costs on top of the socket it comes in through.
//!
//! One input, one calc, one output per session over WebSocket, one update in flight per session. The floor is a
//! server in Rust without graph and session core, with the same listener, links and buffers, that parses the same
//! messages and answers with the same frames in one write. What is compared is round trips per second of the
//! *server's* CPU time, so that neither the client nor the wake-ups of an idle machine count.
//!
//! | file | what |
//! |---|---|
//! | `server` | the two servers: ours, and the floor |
//! | `client` | the client of both |
//! | `modules` | modules that come and go in one session |
//! | `everything` | the module, shared with the tests, that uses every category of what a scope can own |

mod client;
#[path = "../../../session-core/tests/support/everything.rs"]
mod everything;
mod modules;
mod server;

use std::time::Duration;

use anyhow::{bail, ensure};

use super::load::Load;
use super::process::{self, Core, Part};
use super::{Row, at_least, at_most, median, report};
use client::Idle;
use modules::Cycles;
use server::Kind;

/// The hidden command under which this program starts the parts of the bench.
pub(super) const PART: &str = "session-part";

/// Sessions at a time.
const SIZES: [usize; 3] = [1, 50, 500];

/// Every server meets every size once per round, one after the other, so that what else the machine does falls on
/// both; the medians count.
const ROUNDS: usize = 5;

/// How long one load is measured.
const WINDOW: Duration = Duration::from_millis(1500);

/// Sessions that are opened to see what an idle one keeps.
const IDLE: usize = 2000;

/// Modules that are made and destroyed: so many that the system's clock of the processor, which ticks in
/// milliseconds, tells the time of one.
const CYCLES: usize = 100_000;

/// Calls of a handler per second, from so many sessions.
const CALLS: u32 = 10_000;
const CALLERS: usize = 50;

pub(super) fn rows() -> anyhow::Result<Vec<Row>> {
    if let Err(why) = process::can_pin() {
        println!("not pinned: {why}; the figures are worth less\n");
    }
    let mut rows = loads()?;
    rows.extend(calls()?);
    rows.extend(memory()?);
    rows.extend(cycles()?);
    Ok(rows)
}

/// Runs one part: what [`rows`] starts.
pub(super) fn part(args: &[String]) -> anyhow::Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server", kind] => server::run(Kind::parse(kind)?),
        ["load", address, server, sessions, window] => {
            let window = Duration::from_millis(window.parse()?);
            let load = client::load(address, server.parse()?, sessions.parse()?, window)?;
            report(&load)
        }
        ["calls", address, server, sessions, rate, window] => {
            let window = Duration::from_millis(window.parse()?);
            let (server, sessions, rate) = (server.parse()?, sessions.parse()?, rate.parse()?);
            report(&client::calls(address, server, sessions, rate, window)?)
        }
        ["idle", address, server, sessions] => {
            report(&client::idle(address, server.parse()?, sessions.parse()?)?)
        }
        ["modules", cycles] => report(&modules::run(cycles.parse()?)?),
        ["everything", cycles] => report(&modules::run_everything(cycles.parse()?)?),
        _ => bail!("no part of the bench: {args:?}"),
    }
}

/// Throughput at every size, ours beside the floor.
fn loads() -> anyhow::Result<Vec<Row>> {
    let servers = [Kind::Ours, Kind::Floor];
    let running = [start(servers[0])?, start(servers[1])?];
    let mut loads: [[Vec<Load>; 2]; SIZES.len()] = Default::default();
    for _ in 0..ROUNDS {
        for (size, loads) in SIZES.iter().zip(&mut loads) {
            for (server, loads) in running.iter().zip(loads) {
                let window = WINDOW.as_millis();
                let args = [
                    PART,
                    "load",
                    &server.said,
                    &server.id(),
                    &size.to_string(),
                    &window.to_string(),
                ];
                loads.push(Part::start(Core::Client, &args)?.result()?);
            }
        }
    }
    let median = |loads: &[Load], of: fn(&Load) -> f64| median(loads.iter().map(of));

    println!(
        "{:>8} {:>6} {:>18} {:>12} {:>9} {:>9}",
        "sessions", "", "rt/server CPU s", "rt/s", "p50 µs", "p99 µs"
    );
    for (size, loads) in SIZES.iter().zip(&loads) {
        for (kind, loads) in servers.iter().zip(loads) {
            println!(
                "{size:>8} {:>6} {:>18.0} {:>12.0} {:>9.0} {:>9.0}",
                kind.name(),
                median(loads, Load::per_cpu_second),
                median(loads, Load::per_second),
                median(loads, |load| load.p50_us),
                median(loads, |load| load.p99_us),
            );
        }
    }
    println!();

    let throughput = loads.map(|loads| loads.map(|loads| median(&loads, Load::per_cpu_second)));
    let unit = "rt/CPU s";
    let mut rows: Vec<Row> = SIZES
        .iter()
        .zip(throughput)
        .map(|(size, [ours, floor])| {
            let name = format!("session ×{size}: round trips, ours ÷ floor (higher is better)");
            at_least(name, [ours, floor], "floor", unit, 0.6)
        })
        .collect();
    let [_, [at_50, _], [at_500, _]] = throughput;
    let name = "session: round trips at 500 sessions ÷ at 50 (higher is better)";
    rows.push(at_least(name.to_owned(), [at_500, at_50], "ours ×50", unit, 0.8));
    Ok(rows)
}

/// Calls of a handler, ours beside the floor, at a rate that both can keep.
fn calls() -> anyhow::Result<[Row; 2]> {
    let servers = [Kind::Ours, Kind::Floor];
    let running = [start(servers[0])?, start(servers[1])?];
    let mut loads: [Vec<Load>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (server, loads) in running.iter().zip(&mut loads) {
            let [sessions, rate] = [CALLERS.to_string(), CALLS.to_string()];
            let window = WINDOW.as_millis().to_string();
            let args = [PART, "calls", &server.said, &server.id(), &sessions, &rate, &window];
            loads.push(Part::start(Core::Client, &args)?.result()?);
        }
    }
    let of = |loads: &[Load], of: fn(&Load) -> f64| median(loads.iter().map(of));
    println!(
        "{:>8} {:>6} {:>18} {:>12} {:>9} {:>9}",
        "calls", "", "calls/CPU s", "calls/s", "p50 µs", "p99 µs"
    );
    for (kind, loads) in servers.iter().zip(&loads) {
        println!(
            "{:>8} {:>6} {:>18.0} {:>12.0} {:>9.0} {:>9.0}",
            "",
            kind.name(),
            of(loads, Load::per_cpu_second),
            of(loads, Load::per_second),
            of(loads, |load| load.p50_us),
            of(loads, |load| load.p99_us),
        );
    }
    println!();
    let rate = of(&loads[0], Load::per_second);
    ensure!(rate > 0.98 * f64::from(CALLS), "{rate:.0} calls per second instead of {CALLS}");
    let throughput = [0, 1].map(|i| of(&loads[i], Load::per_cpu_second));
    Ok([
        at_least(
            format!("{CALLS} calls per second: calls, ours ÷ floor (higher is better)"),
            throughput,
            "floor",
            "calls/CPU s",
            0.6,
        ),
        at_most(
            &format!("{CALLS} calls per second: p99 ÷ budget (lower is better)"),
            [of(&loads[0], |load| load.p99_us) / 1000.0, 20.0],
            "ms",
        ),
    ])
}

/// What an idle session keeps: one with an output, and one that uses every feature once.
fn memory() -> anyhow::Result<[Row; 2]> {
    let idle = |kind| -> anyhow::Result<f64> {
        let server = start(kind)?;
        let args = [PART, "idle", &server.said, &server.id(), &IDLE.to_string()];
        let idle: Idle = Part::start(Core::Client, &args)?.result()?;
        Ok(idle.bytes_per_session / 1024.0)
    };
    let (ours, full, floor) = (idle(Kind::Ours)?, idle(Kind::Full)?, idle(Kind::Floor)?);
    println!(
        "an idle session keeps {ours:.1} KB with us, {full:.1} KB if it uses everything, {floor:.1} KB with the floor\n"
    );
    Ok([
        at_most("session, idle: resident memory ÷ budget (lower is better)", [ours, 16.0], "KB"),
        at_most(
            "session that uses everything, idle: resident memory ÷ budget (lower is better)",
            [full, 64.0],
            "KB",
        ),
    ])
}

/// Modules that come and go.
fn cycles() -> anyhow::Result<Vec<Row>> {
    let args = [PART, "modules", &CYCLES.to_string()];
    let cycles: Cycles = Part::start(Core::Server, &args)?.result()?;
    let args = [PART, "everything", &CYCLES.to_string()];
    let everything: Cycles = Part::start(Core::Server, &args)?.result()?;
    println!(
        "a module that uses everything, {} nodes and more, takes {:.1} µs to be made and destroyed\n",
        everything::NODES,
        everything.us
    );
    Ok(vec![
        at_most(
            "module, made and destroyed: time ÷ budget (lower is better)",
            [cycles.us, 5.0],
            "µs",
        ),
        at_most(
            "100,000 modules, made and destroyed: memory left ÷ budget (lower is better)",
            // What an allocator may take for its own order; a byte per module would be more.
            [cycles.growth_kb, 8.0],
            "KB",
        ),
        at_most(
            "100,000 modules that use everything: memory left ÷ budget (lower is better)",
            [everything.growth_kb, 8.0],
            "KB",
        ),
    ])
}

fn start(kind: Kind) -> anyhow::Result<Part> {
    Part::start(Core::Server, &[PART, "server", kind.name()])?.ready()
}
