//! What the graph costs, beside the best Rust libraries of its kind.
//!
//! All libraries build the same shapes from the same closures and are timed in turns within one run, several rounds,
//! of which the median counts. One thread; `u64` data; calcs compare their results, as the peers' do. Ours runs with
//! what the peers do without: results that carry errors, panics caught, a graph that is `Send`, scopes that free.

mod libraries;
mod shapes;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use self::libraries::{Alien, Leptos, Library, Ours, OursPlain, Sycamore};
use self::shapes::{SHAPES, Shape};
use super::Row;
use crate::workspace;

/// Odd, so that there is a middle one.
const ROUNDS: usize = 9;
/// Long enough for a clock of some 10 ns to tell 1 %, short enough for all rounds to take a minute.
const SLICE: Duration = Duration::from_millis(12);
/// How many objects are made or disposed of at once.
const MANY: usize = 100_000;

pub(crate) fn rows() -> anyhow::Result<Vec<Row>> {
    Leptos::start()?;
    let mut rows = Vec::new();
    for shape in SHAPES {
        let [ours, plain, alien, sycamore, leptos] = in_turns([
            &mut || update::<Ours>(shape),
            &mut || update::<OursPlain>(shape),
            &mut || update::<Alien>(shape),
            &mut || update::<Sycamore>(shape),
            &mut || update::<Leptos>(shape),
        ]);
        let peers = [(alien, "alien-signals"), (sycamore, "sycamore"), (leptos, "reactive_graph")];
        let name =
            format!("update {}, ns per calc (ours / best peer, lower is better)", shape.name);
        rows.push(row(name, "ns", ours, &peers, 1.0));
        let name = format!("same with calcs that do not compare: {}", shape.name);
        rows.push(row(name, "ns", plain, &peers, 1.0));
    }

    let [ours, alien, sycamore, leptos] = in_turns([
        &mut create_values::<Ours>,
        &mut create_values::<Alien>,
        &mut create_values::<Sycamore>,
        &mut create_values::<Leptos>,
    ]);
    let peers = [(alien, "alien-signals"), (sycamore, "sycamore"), (leptos, "reactive_graph")];
    rows.push(row("create 100k values, ns each (lower is better)", "ns", ours, &peers, 1.0));

    let [ours, alien, sycamore, leptos] = in_turns([
        &mut create_calcs::<Ours>,
        &mut create_calcs::<Alien>,
        &mut create_calcs::<Sycamore>,
        &mut create_calcs::<Leptos>,
    ]);
    let peers = [(alien, "alien-signals"), (sycamore, "sycamore"), (leptos, "reactive_graph")];
    let name = "create 100k calcs and compute each once, ns each (lower is better)";
    rows.push(row(name, "ns", ours, &peers, 1.2));

    // alien-signals is not among the peers here: its scopes unlink, but never free.
    let [ours, sycamore, leptos] =
        in_turns([&mut dispose::<Ours>, &mut dispose::<Sycamore>, &mut dispose::<Leptos>]);
    let peers = [(sycamore, "sycamore"), (leptos, "reactive_graph")];
    let name = "dispose of 100k values, calcs and effects, ns each (lower is better)";
    rows.push(row(name, "ns", ours, &peers, 0.9));

    rows.extend(weigh()?);
    Ok(rows)
}

fn row(name: impl Into<String>, unit: &str, ours: f64, peers: &[(f64, &str)], reach: f64) -> Row {
    let best = peers.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0));
    let (peer, peer_name) = best.unwrap_or((f64::NAN, "none"));
    let ratio = ours / peer;
    Row {
        name: name.into(),
        ours,
        peer,
        peer_name: peer_name.to_owned(),
        unit: unit.to_owned(),
        ratio,
        reach,
        met: ratio <= reach,
    }
}

/// The median of each over several rounds in which they take turns.
fn in_turns<const N: usize>(mut measure: [&mut dyn FnMut() -> f64; N]) -> [f64; N] {
    let mut results = [[0.0; ROUNDS]; N];
    for round in 0..ROUNDS {
        for (measure, results) in measure.iter_mut().zip(&mut results) {
            results[round] = measure();
        }
    }
    results.map(|mut rounds| {
        rounds.sort_by(f64::total_cmp);
        rounds[ROUNDS / 2]
    })
}

/// Nanoseconds per calc of an update.
fn update<L: Library>(shape: &Shape) -> f64 {
    L::within(|library| {
        let built = shape.build(library);
        let mut datum = 0;
        let mut updates = |count: u64| {
            let started = Instant::now();
            for _ in 0..count {
                datum += 1;
                let source = &built.sources[datum as usize % built.sources.len()];
                library.set(source, datum);
            }
            started.elapsed()
        };
        let warm = updates(16);
        let count = (SLICE.as_nanos() / (warm.as_nanos() / 16).max(1)).clamp(2, 1_000_000) as u64;
        updates(count / 8);
        let took = updates(count);
        if let Some(expected) = shape.expected {
            assert_eq!(L::seen(&built.sink), expected(datum), "{} of {}", shape.name, L::NAME);
        }
        took.as_nanos() as f64 / count as f64 / shape.calcs as f64
    })
}

fn create_values<L: Library>() -> f64 {
    L::within(|library| {
        let started = Instant::now();
        for datum in 0..MANY {
            std::hint::black_box(library.source(datum as u64));
        }
        per_object(started.elapsed())
    })
}

fn create_calcs<L: Library>() -> f64 {
    L::within(|library| {
        let source = library.source(1);
        let started = Instant::now();
        for _ in 0..MANY {
            let calc = library.calc_of_source(&source);
            std::hint::black_box(library.read(&calc));
        }
        per_object(started.elapsed())
    })
}

fn dispose<L: Library>() -> f64 {
    let mut took = Duration::ZERO;
    L::within(|library| {
        let scope = library.scope(|library| {
            let sink = L::sink();
            for datum in 0..MANY / 3 {
                let source = library.source(datum as u64);
                let calc = library.calc_of_source(&source);
                library.effect_of(&calc, &sink);
            }
            library.settle();
        });
        let started = Instant::now();
        library.dispose(scope);
        took = started.elapsed();
    });
    per_object(took)
}

fn per_object(took: Duration) -> f64 {
    took.as_nanos() as f64 / MANY as f64
}

/// Bytes, from a program of its own whose allocator counts.
fn weigh() -> anyhow::Result<Vec<Row>> {
    let output = workspace::cargo()
        .args(["run", "--quiet", "--release", "--package", "xtask", "--features", "bench"])
        .args(["--bin", "bench-weigh"])
        .output()
        .context("cannot weigh")?;
    if !output.status.success() {
        bail!("cannot weigh: {}", String::from_utf8_lossy(&output.stderr));
    }
    let bytes: Vec<f64> =
        String::from_utf8(output.stdout)?.lines().map(str::parse).collect::<Result<_, _>>()?;
    let [value, calc, left, alien_value, alien_calc] = bytes[..] else {
        bail!("bytes of five things were expected, not {bytes:?}");
    };
    Ok(vec![
        row(
            "bytes per value (reach: 130 bytes)",
            "B",
            value,
            &[(alien_value, "alien-signals")],
            130.0 / alien_value,
        ),
        row(
            "bytes per calc of one dependency (reach: 200 bytes)",
            "B",
            calc,
            &[(alien_calc, "alien-signals")],
            200.0 / alien_calc,
        ),
        Row {
            name: "bytes left of each disposed object, beyond arenas that are used again"
                .to_owned(),
            ours: left,
            peer: 0.0,
            peer_name: "nothing".to_owned(),
            unit: "B".to_owned(),
            ratio: left,
            reach: 0.0,
            met: left <= 0.0,
        },
    ])
}
