//! Laws of values (group A).

use std::sync::Arc;

use reactive::{Graph, InUse, Interrupt, Kind, Value};

use crate::support::{Runs, counted, settle};

// spec: A1
#[test]
fn a_read_gives_the_datum_and_makes_the_reader_a_dependent() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let seen = cx.value(0);
    let (runs, _) = counted(&cx, move |cx| {
        let now = v.get(cx)?;
        seen.set(cx, now)?;
        Ok(())
    });
    settle(&graph);
    assert_eq!(seen.get(&cx).unwrap(), 1);
    v.set(&cx, 2).unwrap();
    settle(&graph);
    assert_eq!((seen.get(&cx).unwrap(), runs.count()), (2, 2));
}

// spec: A4
#[test]
fn an_unset_value_stops_its_reader_silently_and_runs_it_again_when_set() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value_unset::<i32>();
    assert!(matches!(v.get(&cx), Err(Interrupt::Silent)));
    let (runs, _) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    let mut outcomes = Vec::new();
    graph.flush(9, |run| outcomes.push(run.outcome)).unwrap();
    assert!(matches!(outcomes[..], [Err(Interrupt::Silent)]));
    v.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(runs.count(), 2);
}

// spec: A5, A6
#[test]
fn setting_an_equal_datum_is_silent_and_says_so() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let n = cx.value(1);
    let list = cx.value(vec![1, 2]);
    let (runs, _) = counted(&cx, move |cx| {
        n.get(cx)?;
        list.with(cx, |_| ())
    });
    settle(&graph);
    assert!(!n.set(&cx, 1).unwrap());
    assert!(!list.set(&cx, vec![1, 2]).unwrap());
    settle(&graph);
    assert_eq!(runs.count(), 1);
    assert!(n.set(&cx, 2).unwrap());
    settle(&graph);
    assert!(list.set(&cx, vec![2]).unwrap());
    settle(&graph);
    assert_eq!(runs.count(), 3);
}

// spec: A7, A8
#[test]
fn who_asks_only_whether_it_is_set_runs_again_only_when_that_changes() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value_unset();
    let answers = cx.value(Vec::new());
    let (runs, _) = counted(&cx, move |cx| {
        let answer = v.is_set(cx);
        answers.update(&cx.isolate(), |answers| answers.push(answer))?;
        Ok(())
    });
    settle(&graph);
    for datum in [1, 2, 3] {
        v.set(&cx, datum).unwrap();
        settle(&graph);
    }
    assert_eq!(runs.count(), 2);
    v.unset(&cx).unwrap();
    settle(&graph);
    assert_eq!(answers.get(&cx).unwrap(), [false, true, false]);
}

// spec: A9
#[test]
fn unsetting_what_is_unset_is_silent_and_says_so() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let (runs, _) = counted(&cx, move |cx| {
        v.is_set(cx);
        v.get(cx).map(|_| ())
    });
    settle(&graph);
    assert!(v.unset(&cx).unwrap());
    settle(&graph);
    assert!(!v.unset(&cx).unwrap());
    settle(&graph);
    assert_eq!(runs.count(), 2);
}

// spec: A10
#[test]
fn replacing_by_an_equal_datum_tells_readers_but_not_those_who_ask_whether_it_is_set() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let (readers, _) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    let (askers, _) = counted(&cx, move |cx| {
        v.is_set(cx);
        Ok(())
    });
    let (both, _) = counted(&cx, move |cx| {
        v.is_set(cx);
        v.get(cx)?;
        v.is_set(cx);
        Ok(())
    });
    settle(&graph);
    v.replace(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!((readers.count(), askers.count(), both.count()), (2, 1, 2));
}

// spec: A12
#[test]
fn a_frozen_value_reads_as_unset_and_tells_nobody_until_it_is_set() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let (readers, _) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    let (askers, _) = counted(&cx, move |cx| {
        v.is_set(cx);
        Ok(())
    });
    settle(&graph);
    v.freeze(&cx).unwrap();
    assert!(!v.is_set(&cx));
    assert!(matches!(v.get(&cx), Err(Interrupt::Silent)));
    settle(&graph);
    assert_eq!((readers.count(), askers.count()), (1, 1));
    assert!(v.set(&cx, 1).unwrap());
    settle(&graph);
    assert_eq!((readers.count(), askers.count()), (2, 2));
}

// spec: A13
#[test]
fn every_use_of_a_destroyed_value_says_what_and_where() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let line = line!() + 1;
    let v = cx.value(1);
    v.destroy(&cx);
    let check = |result: Result<(), Interrupt>| match result {
        Err(Interrupt::Destroyed(destroyed)) => {
            assert_eq!(destroyed.kind(), Kind::Value);
            assert_eq!(destroyed.made_at().line(), line);
            assert!(destroyed.to_string().starts_with("value made at "), "{destroyed}");
            assert!(destroyed.to_string().ends_with(" was destroyed"), "{destroyed}");
        }
        other => panic!("{other:?}"),
    };
    check(v.get(&cx).map(|_| ()));
    check(v.with(&cx, |_| ()));
    check(v.set(&cx, 2).map(|_| ()));
    check(v.replace(&cx, 2));
    check(v.update(&cx, |_| ()).map(|_| ()));
    check(v.unset(&cx).map(|_| ()));
    check(v.freeze(&cx));
}

// spec: A14
#[test]
fn a_destroyed_value_is_not_set_and_asking_takes_no_dependency() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    v.destroy(&cx);
    assert!(!v.is_set(&cx));
    let (_, _) = counted(&cx, move |cx| {
        v.is_set(cx);
        Ok(())
    });
    settle(&graph);
    assert_eq!(graph.counts().edges, 0);
}

fn destroyed_twice(v: Value<i32>, graph: &Graph) -> (usize, usize) {
    let cx = graph.cx();
    let (readers, _) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    let (askers, _) = counted(&cx, move |cx| {
        v.is_set(cx);
        Ok(())
    });
    settle(graph);
    v.destroy(&cx);
    settle(graph);
    v.destroy(&cx);
    settle(graph);
    (readers.count(), askers.count())
}

// spec: A15, A17
#[test]
fn destroying_a_value_tells_readers_and_askers_once() {
    let graph = Graph::new(());
    assert_eq!(destroyed_twice(graph.cx().value(1), &graph), (2, 2));
}

// spec: A16
#[test]
fn destroying_an_unset_value_tells_readers_and_askers_too() {
    let graph = Graph::new(());
    assert_eq!(destroyed_twice(graph.cx().value_unset(), &graph), (2, 2));
}

// spec: A18
#[test]
fn a_read_only_value_reads_the_same_and_can_be_destroyed() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let read_only = v.read_only();
    assert!(read_only.is_set(&cx));
    assert_eq!(read_only.get(&cx).unwrap(), 1);
    read_only.destroy(&cx);
    assert!(matches!(v.set(&cx, 2), Err(Interrupt::Destroyed(_))));
}

// spec: A20
#[test]
fn a_null_datum_is_a_datum() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(None::<i32>);
    assert!(v.is_set(&cx));
    assert_eq!(v.get(&cx).unwrap(), None);
}

#[test]
fn an_update_tells_the_readers_unless_it_says_that_nothing_changed() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(vec![1]);
    let (runs, _) = counted(&cx, move |cx| v.with(cx, |_| ()));
    settle(&graph);
    assert!(v.update(&cx, |list| list.push(2)).unwrap());
    settle(&graph);
    assert!(!v.update(&cx, |_| false).unwrap());
    settle(&graph);
    assert!(v.update(&cx, |_| true).unwrap());
    settle(&graph);
    assert_eq!(runs.count(), 3);
    assert_eq!(v.get(&cx).unwrap(), [1, 2]);
    let unset = cx.value_unset::<i32>();
    assert!(matches!(unset.update(&cx, |_| ()), Err(Interrupt::Silent)));
}

#[test]
fn a_value_in_use_by_its_own_closure_fails_to_be_read_and_is_whole_afterwards() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let is_in_use = |result: Result<(), Interrupt>| {
        result.unwrap_err().failure().unwrap().downcast_ref::<InUse>().is_some()
    };
    let v = cx.value(1);
    assert!(v.with(&cx, |_| is_in_use(v.get(&cx).map(|_| ()))).unwrap());
    assert!(v.with(&cx, |_| is_in_use(v.set(&cx, 5).map(|_| ()))).unwrap());
    assert!(v.with(&cx, |_| is_in_use(v.with(&cx, |_| ()))).unwrap());
    assert!(v.with(&cx, |_| v.is_set(&cx)).unwrap());
    let mut nested = false;
    v.update(&cx, |_| nested = is_in_use(v.update(&cx, |_| ()).map(|_| ()))).unwrap();
    assert!(nested);
    assert_eq!(v.get(&cx).unwrap(), 1);
}

#[test]
fn a_value_destroyed_within_its_own_closure_is_gone_when_that_ends() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let dropped = Arc::new(());
    let v = cx.value(Arc::clone(&dropped));
    v.with(&cx, |_| v.destroy(&cx)).unwrap();
    assert!(matches!(v.get(&cx), Err(Interrupt::Destroyed(_))));
    assert_eq!(Arc::strong_count(&dropped), 1);
    assert_eq!(graph.counts().values, 0);
}

#[test]
fn a_closure_that_panics_leaves_the_value_whole_and_its_readers_told() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(vec![1]);
    let (runs, _) = counted(&cx, move |cx| v.with(cx, |_| ()));
    settle(&graph);
    let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        v.update(&cx, |list| {
            list.push(2);
            if list.len() == 2 {
                panic!("half way");
            }
        })
    }));
    assert!(attempt.is_err());
    settle(&graph);
    assert_eq!((v.get(&cx).unwrap(), runs.count()), (vec![1, 2], 2));
}

/// Comparing it with its like reaches for the graph, as a datum with its own ideas may do.
struct Nosy {
    n: i32,
    compared: Runs,
}

impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        self.compared.add();
        assert!(self.n >= 0, "incomparable");
        self.n == other.n
    }
}

#[test]
fn a_comparison_that_panics_leaves_the_old_datum_in_place() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let compared = Runs::default();
    let v = cx.value(Nosy { n: -1, compared: compared.clone() });
    let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        v.set(&cx, Nosy { n: 2, compared: compared.clone() })
    }));
    assert!(attempt.is_err());
    assert_eq!(compared.count(), 1);
    assert_eq!(v.with(&cx, |nosy| nosy.n).unwrap(), -1);
}

#[test]
fn a_value_is_alive_until_it_is_destroyed_whether_or_not_it_is_set() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value_unset::<i32>();
    assert!(v.is_alive(&cx));
    assert!(!v.read_only().is_set(&cx));
    v.set(&cx, 1).unwrap();
    assert!(v.is_alive(&cx));
    assert!(v.read_only().is_set(&cx));
    v.destroy(&cx);
    assert!(!v.is_alive(&cx));
}
