//! Length costs no stack.

use reactive::{Calc, Cx, Graph};

use crate::support::{counted, outcomes};

const LENGTH: usize = 100_000;

/// Runs on a stack of 2 MiB, as threads of a runtime have.
fn on_a_small_stack(test: fn()) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
}

fn chain(make: fn(&Cx<'_>, Calc<u64>) -> Calc<u64>) {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0_u64);
    let mut end = cx.calc(move |cx| v.get(cx));
    for _ in 1..LENGTH {
        end = make(&cx, end);
    }
    let (runs, _) = counted(&cx, move |cx| {
        assert_eq!(end.get(cx)?, v.get(cx)? + LENGTH as u64 - 1);
        Ok(())
    });
    for n in 1..4 {
        assert_eq!(outcomes(&graph), "ok");
        v.set(&cx, n).unwrap();
    }
    assert_eq!(outcomes(&graph), "ok");
    assert_eq!(runs.count(), 4);
    cx.scope().destroy(&cx);
    assert_eq!(graph.counts().calcs, 0);
}

#[test]
fn a_chain_of_a_hundred_thousand_plain_calcs_is_computed_and_updated() {
    on_a_small_stack(|| chain(|cx, before| cx.calc(move |cx| Ok(before.get(cx)? + 1))));
}

#[test]
fn a_chain_of_a_hundred_thousand_distinct_calcs_is_computed_and_updated() {
    on_a_small_stack(|| chain(|cx, before| cx.calc_distinct(move |cx| Ok(before.get(cx)? + 1))));
}

#[test]
fn a_chain_that_was_computed_piece_by_piece_is_updated_within_the_depth_of_a_piece() {
    let mut graph = Graph::new(());
    graph.set_max_depth(100);
    let cx = graph.cx();
    let v = cx.value(0_u64);
    let mut end = cx.calc(move |cx| v.get(cx));
    for _ in 1..10_000 {
        end.get(&cx).unwrap();
        let before = end;
        end = cx.calc(move |cx| Ok(before.get(cx)? + 1));
    }
    for n in 0..3 {
        v.set(&cx, n).unwrap();
        assert_eq!(end.get(&cx).unwrap(), n + 9_999);
    }
}

#[test]
fn ten_thousand_scopes_inside_one_another_are_destroyed() {
    on_a_small_stack(|| {
        let graph = Graph::new(());
        let root = graph.cx();
        let top = root.child_scope();
        let mut cx = root.in_scope(top).unwrap();
        for _ in 0..10_000 {
            cx.value(1);
            cx = cx.in_scope(cx.child_scope()).unwrap();
        }
        assert!(top.destroy(&root).is_empty());
        assert_eq!((graph.counts().scopes, graph.counts().values), (1, 0));
    });
}
