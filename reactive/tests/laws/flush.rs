//! Laws of the queue and of the graph as a whole (group E, as far as it is synchronous).

use reactive::{EffectOptions, Graph};

use crate::support::{Log, counted, settle};

// spec: E1
#[test]
fn a_higher_priority_invalidated_during_a_flush_overtakes_what_waits() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let log = Log::default();
    for (name, priority) in [("high", 1), ("a", 0), ("b", 0)] {
        let log = log.clone();
        cx.effect_with(EffectOptions { priority, suspended: false }, move |cx| {
            log.push(name);
            match name {
                "high" => v.get(cx).map(|_| ()),
                "a" => v.set(cx, 1).map(|_| ()),
                _ => Ok(()),
            }
        });
    }
    settle(&graph);
    assert_eq!(log.take(), "high a high b");
}

// spec: E1
#[test]
fn any_number_of_priorities_runs_in_falling_order() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    let v = cx.value(0);
    for n in 0..40 {
        let priority = (n * 7) % 40 - 20;
        let log = log.clone();
        cx.effect_with(EffectOptions { priority, suspended: false }, move |cx| {
            log.push(priority);
            v.get(cx).map(|_| ())
        });
    }
    let falling = (-20..20).rev().map(|p| p.to_string()).collect::<Vec<_>>().join(" ");
    settle(&graph);
    assert_eq!(log.take(), falling);
    v.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(log.take(), falling);
}

// spec: C2
#[test]
fn any_number_of_priorities_loses_none_of_those_that_share_one() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    for n in 0..60 {
        let log = log.clone();
        cx.effect_with(EffectOptions { priority: n % 20, suspended: false }, move |_| {
            log.push(n);
            Ok(())
        });
    }
    assert_eq!(settle(&graph), 60);
    let in_turn = (0..20).rev().flat_map(|priority| [priority, priority + 20, priority + 40]);
    let in_turn: Vec<String> = in_turn.map(|n| n.to_string()).collect();
    assert_eq!(log.take(), in_turn.join(" "));
}

#[test]
fn effects_that_invalidate_each_other_for_ever_are_cut_off_and_named() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (a, b) = (cx.value(0), cx.value(0));
    let first = cx.effect(move |cx| {
        let n = a.get(cx)?;
        b.set(cx, n + 1)?;
        Ok(())
    });
    let second = cx.effect(move |cx| {
        let n = b.get(cx)?;
        a.set(cx, n + 1)?;
        Ok(())
    });
    let runaway = graph.flush(100, |_| ()).unwrap_err();
    assert_eq!(runaway.runs, 100);
    assert_eq!(runaway.pending, [first]);
    assert!(runaway.to_string().contains("flush.rs"), "{runaway}");
    second.destroy(&cx);
    assert_eq!(settle(&graph), 1);
}

#[test]
fn a_flush_of_just_as_many_runs_as_allowed_is_no_runaway() {
    let graph = Graph::new(());
    let cx = graph.cx();
    for _ in 0..3 {
        cx.effect(|_| Ok(()));
    }
    assert_eq!(graph.flush(3, |_| ()).unwrap(), 3);
}

#[test]
fn inside_a_running_closure_nothing_else_is_given_its_turn() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (runs, _) = counted(&cx, |cx| {
        assert!(cx.graph().run_next().is_none());
        Ok(())
    });
    let (others, _) = counted(&cx, |_| Ok(()));
    let run = graph.run_next().unwrap();
    assert!(run.outcome.is_ok());
    assert_eq!((runs.count(), others.count()), (1, 0));
}

#[test]
fn a_graph_moves_to_another_thread_with_all_it_holds() {
    fn assert_send<T: Send>(_: &T) {}
    let graph = Graph::new(5);
    assert_send(&graph);
    let cx = graph.cx();
    let v = cx.value(1);
    let calc = cx.calc(move |cx| Ok(v.get(cx)? + *cx.env()));
    assert_eq!(calc.get(&cx).unwrap(), 6);
    let graph = std::thread::spawn(move || {
        v.set(&graph.cx(), 2).unwrap();
        graph
    })
    .join()
    .unwrap();
    assert_eq!(calc.get(&graph.cx()).unwrap(), 7);
}

#[test]
fn a_key_taken_to_another_graph_finds_nothing_there() {
    let (one, other) = (Graph::new(()), Graph::new(()));
    let v = one.cx().value("secret");
    other.cx().value("mine");
    assert!(v.get(&other.cx()).is_err());
}
