//! What objects weigh: bytes asked of the allocator and not given back. Prints one number a line: a value of ours, a
//! calc of ours, what is left of each after its scope is destroyed, a value of alien-signals, a calc of alien-signals.
#![allow(clippy::print_stdout, reason = "its output is its result")]

use std::alloc::System;

use reactive::Graph;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MANY: usize = 100_000;

fn main() {
    let graph = Graph::new(());
    let root = graph.cx();

    let value_scope = root.child_scope();
    let cx = root.in_scope(value_scope).unwrap_or(root);
    let value = each(|| {
        for n in 0..MANY as u64 {
            cx.value(n);
        }
    });
    let other = Graph::new(());
    let root_of_calcs = other.cx();
    let calc_scope = root_of_calcs.child_scope();
    let cx = root_of_calcs.in_scope(calc_scope).unwrap_or(root_of_calcs);
    let source = root_of_calcs.value(1_u64);
    let make = || {
        for _ in 0..MANY {
            cx.calc(move |cx| Ok(source.get(cx)? + 1)).get(&cx).ok();
        }
    };
    let calc = each(make);

    // The arenas keep what they have, and use it again: a second round asks for boxes alone and gives all of them back.
    value_scope.destroy(&root);
    let round = || {
        let scope = root.child_scope();
        let cx = root.in_scope(scope).unwrap_or(root);
        for n in 0..(MANY / 4) as u64 {
            let value = cx.value(n);
            let calc = cx.calc(move |cx| value.get(cx));
            cx.effect(move |cx| calc.get(cx).map(|_| ()));
        }
        graph.flush(MANY, |_| ()).ok();
        scope.destroy(&root);
    };
    round();
    let left = each(round);

    let mut kept = Vec::with_capacity(MANY);
    let alien_value = each(|| kept.extend((0..MANY as u64).map(alien_signals::Signal::new)));
    let source = alien_signals::Signal::new(1_u64);
    let mut kept = Vec::with_capacity(MANY);
    let alien_calc = each(|| {
        kept.extend((0..MANY).map(|_| {
            let calc = alien_signals::Computed::new(move |_| source.get() + 1);
            calc.get();
            calc
        }));
    });

    for bytes in [value, calc, left, alien_value, alien_calc] {
        println!("{bytes}");
    }
}

/// Bytes kept by `call`, for each of many.
fn each(call: impl FnOnce()) -> f64 {
    let region = Region::new(ALLOCATOR);
    call();
    let change = region.change();
    (change.bytes_allocated as f64 - change.bytes_deallocated as f64) / MANY as f64
}
