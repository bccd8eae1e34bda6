//! Laws of effects (group C).

use reactive::{EffectOptions, Graph, Interrupt};

use crate::support::{Log, Runs, counted, named, outcomes, settle};

// spec: C1
#[test]
fn an_effect_runs_at_the_next_flush_and_not_when_it_is_made() {
    let graph = Graph::new(());
    let (runs, _) = counted(&graph.cx(), |_| Ok(()));
    assert_eq!(runs.count(), 0);
    assert!(graph.has_pending());
    settle(&graph);
    assert_eq!(runs.count(), 1);
    assert!(!graph.has_pending());
}

// spec: C2
#[test]
fn equal_priorities_run_in_the_order_of_making_and_higher_ones_first() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    for (name, priority) in [("a", 0), ("b", 1), ("c", 0), ("d", 2), ("e", -1), ("f", 1)] {
        let log = log.clone();
        cx.effect_with(EffectOptions { priority, suspended: false }, move |_| {
            log.push(name);
            Ok(())
        });
    }
    settle(&graph);
    assert_eq!(log.take(), "d b f a c e");
}

// spec: C3
#[test]
fn dependents_of_one_change_run_again_in_the_order_of_their_latest_runs() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    let (all, b_only) = (cx.value(0), cx.value(0));
    let calc = cx.calc(move |cx| all.get(cx));
    named(&cx, &log, "a", move |cx| calc.get(cx).map(|_| ()));
    named(&cx, &log, "b", move |cx| {
        b_only.get(cx)?;
        all.get(cx)?;
        Ok(())
    });
    named(&cx, &log, "c", move |cx| calc.get(cx).map(|_| ()));
    settle(&graph);
    b_only.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "a b c b");
    for n in 1..4 {
        all.set(&cx, n).unwrap();
        settle(&graph);
        assert_eq!(log.take(), "a c b");
    }
}

// spec: C3
#[test]
fn changes_queue_one_after_the_other() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    let (v, w) = (cx.value(0), cx.value(0));
    named(&cx, &log, "a", move |cx| v.get(cx).map(|_| ()));
    named(&cx, &log, "b", move |cx| w.get(cx).map(|_| ()));
    settle(&graph);
    log.take();
    w.set(&cx, 1).unwrap();
    v.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "b a");
}

// spec: C4
#[test]
fn what_an_effect_invalidates_runs_in_the_same_flush() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (v, w) = (cx.value(0), cx.value(0));
    let (runs, _) = counted(&cx, move |cx| w.get(cx).map(|_| ()));
    cx.effect(move |cx| {
        w.set(cx, v.get(cx)?)?;
        Ok(())
    });
    settle(&graph);
    v.set(&cx, 1).unwrap();
    assert_eq!(settle(&graph), 2);
    assert_eq!(runs.count(), 2);
}

// spec: C5
#[test]
fn an_effect_made_by_an_effect_runs_in_the_same_flush() {
    let graph = Graph::new(());
    let log = Log::default();
    let inner = log.clone();
    graph.cx().effect(move |cx| {
        let log = inner.clone();
        cx.effect(move |_| {
            log.push("inner");
            Ok(())
        });
        inner.push("outer");
        Ok(())
    });
    settle(&graph);
    assert_eq!(log.take(), "outer inner");
}

// spec: C6
#[test]
fn several_changes_before_a_flush_make_one_run() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (v, w) = (cx.value(0), cx.value(0));
    let (runs, effect) = counted(&cx, move |cx| {
        v.get(cx)?;
        w.get(cx)?;
        Ok(())
    });
    settle(&graph);
    v.set(&cx, 1).unwrap();
    w.set(&cx, 1).unwrap();
    effect.suspend(&cx);
    v.set(&cx, 2).unwrap();
    effect.resume(&cx);
    effect.resume(&cx);
    settle(&graph);
    assert_eq!(runs.count(), 2);
}

// spec: C7
#[test]
fn a_pending_effect_keeps_the_priority_it_was_queued_with() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    let v = cx.value(0);
    named(&cx, &log, "a", move |cx| v.get(cx).map(|_| ()));
    let b = named(&cx, &log, "b", move |cx| v.get(cx).map(|_| ()));
    b.set_priority(&cx, 5);
    settle(&graph);
    assert_eq!(log.take(), "a b");
    v.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "b a");
}

// spec: C8
#[test]
fn a_resumed_effect_is_queued_with_the_priority_it_has_then() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    let v = cx.value(0);
    named(&cx, &log, "a", move |cx| v.get(cx).map(|_| ()));
    let b = named(&cx, &log, "b", move |cx| v.get(cx).map(|_| ()));
    settle(&graph);
    log.take();
    b.suspend(&cx);
    v.set(&cx, 1).unwrap();
    b.set_priority(&cx, 5);
    b.resume(&cx);
    settle(&graph);
    assert_eq!(log.take(), "b a");
}

// spec: C9 (decided otherwise: a suspended effect never runs)
#[test]
fn an_effect_suspended_right_after_making_does_not_run_before_it_is_resumed() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (runs, effect) = counted(&cx, |_| Ok(()));
    effect.suspend(&cx);
    assert!(!graph.has_pending());
    settle(&graph);
    assert_eq!(runs.count(), 0);
    effect.resume(&cx);
    assert!(graph.has_pending());
    settle(&graph);
    assert_eq!(runs.count(), 1);
}

// spec: C10
#[test]
fn an_effect_made_suspended_runs_when_it_is_resumed_without_any_change() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let runs = Runs::default();
    let counter = runs.clone();
    let effect =
        cx.effect_with(EffectOptions { suspended: true, ..Default::default() }, move |_| {
            counter.add();
            Ok(())
        });
    assert_eq!(settle(&graph), 0);
    effect.resume(&cx);
    settle(&graph);
    assert_eq!(runs.count(), 1);
}

// spec: C11
#[test]
fn a_suspended_effect_is_told_of_a_change_but_queued_only_when_resumed() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let (runs, effect) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    let told = Runs::default();
    let counter = told.clone();
    effect.on_invalidate(&cx, move |_| {
        counter.add();
        Ok(())
    });
    settle(&graph);
    effect.suspend(&cx);
    v.set(&cx, 1).unwrap();
    v.set(&cx, 2).unwrap();
    assert_eq!(told.count(), 1);
    assert!(!graph.has_pending());
    settle(&graph);
    assert_eq!(runs.count(), 1);
    effect.resume(&cx);
    assert_eq!(settle(&graph), 1);
    assert_eq!(runs.count(), 2);
}

// spec: C12 (decided otherwise: a suspended effect never runs)
#[test]
fn an_effect_suspended_after_it_was_queued_does_not_run_before_it_is_resumed() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let (runs, effect) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    settle(&graph);
    effect.resume(&cx);
    v.set(&cx, 1).unwrap();
    effect.suspend(&cx);
    settle(&graph);
    assert_eq!(runs.count(), 1);
    effect.resume(&cx);
    settle(&graph);
    assert_eq!(runs.count(), 2);
}

// spec: C13
#[test]
fn resuming_an_effect_for_which_nothing_changed_does_not_run_it() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (runs, effect) = counted(&cx, |_| Ok(()));
    settle(&graph);
    effect.suspend(&cx);
    effect.resume(&cx);
    assert!(!graph.has_pending());
    settle(&graph);
    assert_eq!(runs.count(), 1);
}

// spec: C14, C15
#[test]
fn an_invalidation_callback_fires_at_every_invalidation_after_it_was_added() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let (_, effect) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    let told = Runs::default();
    let counter = told.clone();
    settle(&graph);
    v.set(&cx, 1).unwrap();
    effect.on_invalidate(&cx, move |_| {
        counter.add();
        Ok(())
    });
    settle(&graph);
    assert_eq!(told.count(), 0);
    for n in 2..5 {
        v.set(&cx, n).unwrap();
        settle(&graph);
    }
    assert_eq!(told.count(), 3);
}

// spec: C16
#[test]
fn destroying_an_idle_effect_fires_its_invalidation_callbacks_once() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    for (pending, expected) in [(false, 1), (true, 1)] {
        let (_, effect) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
        let told = Runs::default();
        let counter = told.clone();
        effect.on_invalidate(&cx, move |_| {
            counter.add();
            Ok(())
        });
        settle(&graph);
        if pending {
            v.set(&cx, 1).unwrap();
        }
        effect.destroy(&cx);
        effect.destroy(&cx);
        assert_eq!(told.count(), expected, "pending: {pending}");
        assert!(!effect.is_alive(&cx));
    }
    assert_eq!(graph.counts().callbacks, 0);
}

#[test]
fn the_failure_of_an_invalidation_callback_is_reported_by_the_next_run() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let (_, effect) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    let told = Runs::default();
    effect.on_invalidate(&cx, |_| panic!("first"));
    let counter = told.clone();
    effect.on_invalidate(&cx, move |_| {
        counter.add();
        Ok(())
    });
    settle(&graph);
    effect.suspend(&cx);
    v.set(&cx, 1).unwrap();
    assert!(graph.has_pending());
    let run = graph.run_next().unwrap();
    assert_eq!(run.effect, effect);
    assert!(run.outcome.unwrap_err().failure().unwrap().is_panic());
    assert_eq!(told.count(), 1);
    assert!(graph.run_next().is_none());
}

// spec: C17
#[test]
fn a_queued_effect_destroyed_before_its_turn_does_not_run_not_even_the_first_time() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let (never, unborn) = counted(&cx, |_| Ok(()));
    let (runs, effect) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    unborn.destroy(&cx);
    settle(&graph);
    v.set(&cx, 1).unwrap();
    effect.destroy(&cx);
    assert!(!graph.has_pending());
    settle(&graph);
    assert_eq!((never.count(), runs.count()), (0, 1));
}

// spec: C18
#[test]
fn a_destroyed_effect_cannot_be_resumed() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let (runs, effect) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    settle(&graph);
    effect.suspend(&cx);
    v.set(&cx, 1).unwrap();
    effect.destroy(&cx);
    effect.resume(&cx);
    settle(&graph);
    assert_eq!(runs.count(), 1);
}

// spec: C19
#[test]
fn an_effect_that_destroys_its_own_scope_runs_to_its_end_and_never_again() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let log = Log::default();
    let scope = cx.child_scope();
    named(&cx.in_scope(scope).unwrap(), &log, "begin", {
        let log = log.clone();
        move |cx| {
            cx.scope().destroy(cx);
            // What takes the freed place must not inherit the reads of the rest of this run.
            let tenant = cx.graph().cx().effect(|_| Ok(()));
            v.get(cx)?;
            assert!(cx.value(1).get(cx).is_err(), "made in a scope that is no more");
            tenant.destroy(cx);
            log.push("end");
            Ok(())
        }
    });
    assert_eq!(outcomes(&graph), "ok");
    v.set(&cx, 1).unwrap();
    assert_eq!(settle(&graph), 0);
    assert_eq!(log.take(), "begin end");
    assert_eq!(graph.counts().edges, 0);
}

// spec: C20, D18
#[test]
fn a_silent_stop_ends_the_run_and_keeps_its_dependencies() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (v, w) = (cx.value(0), cx.value_unset::<i32>());
    let calc = cx.calc(move |cx| w.get(cx));
    let log = Log::default();
    let inner = log.clone();
    named(&cx, &log, "run", move |cx| {
        v.get(cx)?;
        calc.get(cx)?;
        inner.push("through");
        Ok(())
    });
    settle(&graph);
    v.set(&cx, 1).unwrap();
    settle(&graph);
    w.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "run run run through");
}

// spec: C21
#[test]
fn an_error_or_a_panic_in_one_effect_does_not_keep_the_others_from_running() {
    let graph = Graph::new(());
    let cx = graph.cx();
    cx.effect(|_| Err(std::io::Error::other("disk").into()));
    cx.effect(|_| panic!("oh"));
    cx.effect(|_| Err(Interrupt::Cancel));
    cx.effect(|_| Ok(()));
    assert_eq!(outcomes(&graph), "disk, oh, cancelled, ok");
}

#[test]
fn an_effect_that_panicked_runs_again_after_a_change() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    cx.effect(move |cx| {
        assert!(v.get(cx)? != 0, "zero");
        Ok(())
    });
    assert_eq!(outcomes(&graph), "zero");
    v.set(&cx, 1).unwrap();
    assert_eq!(outcomes(&graph), "ok");
}

// spec: C26
#[test]
fn an_effect_goes_with_its_scope() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let scope = cx.child_scope();
    let (runs, effect) = counted(&cx.in_scope(scope).unwrap(), move |cx| v.get(cx).map(|_| ()));
    settle(&graph);
    scope.destroy(&cx);
    assert!(!effect.is_alive(&cx));
    v.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(runs.count(), 1);
}

// spec: C29
#[test]
fn dependents_may_change_while_they_are_being_invalidated() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (r, v) = (cx.value(0), cx.value(0));
    let (runs, _) = counted(&cx, move |cx| v.get(cx).map(|_| ()));
    cx.effect(move |cx| {
        let now = r.get(cx)?;
        let cx = cx.isolate();
        let before = v.get(&cx)?;
        v.set(&cx, before + now)?;
        Ok(())
    });
    settle(&graph);
    r.set(&cx, 1).unwrap();
    assert_eq!(outcomes(&graph), "ok, ok");
    assert_eq!(runs.count(), 2);
}

// spec: C30
#[test]
fn an_effect_that_sets_what_it_has_read_runs_until_that_is_stable() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(5);
    let (runs, _) = counted(&cx, move |cx| {
        let left = v.get(cx)?;
        if left > 0 {
            v.set(cx, left - 1)?;
        }
        Ok(())
    });
    settle(&graph);
    assert_eq!((runs.count(), v.get(&cx).unwrap()), (6, 0));
}

// spec: C30
#[test]
fn setting_what_this_run_has_yet_to_read_does_not_run_it_again() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (go, v) = (cx.value(0), cx.value(0));
    let (runs, _) = counted(&cx, move |cx| {
        go.get(cx)?;
        v.update(cx, |v| *v += 1)?;
        v.get(cx)?;
        Ok(())
    });
    settle(&graph);
    go.set(&cx, 1).unwrap();
    assert_eq!(settle(&graph), 1);
    assert_eq!(runs.count(), 2);
}

// spec: E8, E9 (what a timer needs of the graph)
#[test]
fn a_callback_of_one_run_fires_once_when_that_run_is_invalidated_or_destroyed() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let log = Log::default();
    let told = log.clone();
    let calc = cx.calc(move |cx| {
        let n = v.get(cx)?;
        let told = told.clone();
        cx.on_invalidate(move |cx| {
            assert!(!cx.is_tracking());
            told.push(format!("calc{n}"));
            Ok(())
        });
        Ok(n)
    });
    let told = log.clone();
    let effect = cx.effect(move |cx| {
        let n = calc.get(cx)?;
        let told = told.clone();
        cx.on_invalidate(move |_| {
            told.push(format!("effect{n}"));
            Ok(())
        });
        Ok(())
    });
    settle(&graph);
    assert_eq!(graph.counts().callbacks, 2);
    v.set(&cx, 1).unwrap();
    v.set(&cx, 2).unwrap();
    assert_eq!(log.take(), "calc0 effect0");
    settle(&graph);
    effect.destroy(&cx);
    calc.destroy(&cx);
    assert_eq!(log.take(), "effect2 calc2");
    assert_eq!(graph.counts().callbacks, 0);
}

// spec: E12
#[test]
fn a_callback_for_the_end_of_a_run_is_dropped_where_no_dependencies_are_taken() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    cx.on_invalidate(|_| panic!("there is no run"));
    cx.effect(move |cx| {
        cx.isolate().on_invalidate(|_| panic!("isolated"));
        v.get(cx).map(|_| ())
    });
    assert_eq!(outcomes(&graph), "ok");
    v.set(&cx, 1).unwrap();
    assert_eq!(outcomes(&graph), "ok");
    assert_eq!(graph.counts().callbacks, 0);
}

#[test]
fn a_run_that_has_undone_itself_calls_back_at_once_and_tells_nobody_twice() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let log = Log::default();
    let told = log.clone();
    let effect = cx.effect(move |cx| {
        if v.get(cx)? == 1 {
            v.set(cx, 2)?;
            let late = told.clone();
            cx.on_invalidate(move |_| {
                late.push("run");
                Ok(())
            });
            told.push("after");
        }
        Ok(())
    });
    settle(&graph);
    let told = log.clone();
    effect.on_invalidate(&cx, move |_| {
        told.push("effect");
        Ok(())
    });
    v.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "effect effect run after");
}

#[test]
fn an_effect_is_alive_until_it_is_destroyed_whether_or_not_it_runs() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let effect = cx.effect(|_| Ok(()));
    assert!(effect.is_alive(&cx));
    settle(&graph);
    effect.suspend(&cx);
    assert!(effect.is_alive(&cx));
    effect.destroy(&cx);
    assert!(!effect.is_alive(&cx));
}

// spec: C7
#[test]
fn a_queued_effect_that_is_suspended_and_resumed_at_once_keeps_its_place() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    let v = cx.value(0);
    named(&cx, &log, "a", move |cx| v.get(cx).map(|_| ()));
    let b = named(&cx, &log, "b", move |cx| v.get(cx).map(|_| ()));
    settle(&graph);
    log.take();
    v.set(&cx, 1).unwrap();
    b.suspend(&cx);
    b.set_priority(&cx, 5);
    b.resume(&cx);
    assert_eq!(settle(&graph), 2);
    assert_eq!(log.take(), "a b");
}

#[test]
fn callbacks_of_scopes_and_of_effects_are_counted_together() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let effect = cx.effect(|_| Ok(()));
    let scope = cx.child_scope();
    for expected in [2, 4] {
        effect.on_invalidate(&cx, |_| Ok(()));
        scope.on_destroy(&cx, |_| Ok(()));
        assert_eq!(graph.counts().callbacks, expected);
    }
    scope.destroy(&cx);
    assert_eq!(graph.counts().callbacks, 2);
    effect.destroy(&cx);
    assert_eq!(graph.counts().callbacks, 0);
}

// spec: C3
#[test]
fn the_latest_run_decides_and_not_who_read_the_source_first() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    let (all, first_only) = (cx.value(0), cx.value(0));
    let calc = cx.calc(move |cx| all.get(cx));
    named(&cx, &log, "first", move |cx| {
        all.get(cx)?;
        first_only.get(cx).map(|_| ())
    });
    named(&cx, &log, "second", move |cx| calc.get(cx).map(|_| ()));
    named(&cx, &log, "third", move |cx| all.get(cx).map(|_| ()));
    settle(&graph);
    first_only.set(&cx, 1).unwrap();
    settle(&graph);
    log.take();
    all.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "second third first");
}

// spec: C30
#[test]
fn an_effect_that_sets_any_of_the_things_it_has_read_runs_again() {
    let graph = Graph::new(());
    let cx = graph.cx();
    for nth in 0..4 {
        let read = [0; 4].map(|n| cx.value(n));
        let (runs, effect) = counted(&cx, move |cx| {
            for value in read {
                value.get(cx)?;
            }
            read[nth].set(cx, 1).map(|_| ())
        });
        settle(&graph);
        assert_eq!(runs.count(), 2, "the one at {nth}");
        effect.destroy(&cx);
    }
}

#[test]
fn an_effect_below_a_distinct_calc_is_told_of_its_invalidation_once_the_result_differs() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let parity = cx.calc_distinct(move |cx| Ok(v.get(cx)? % 2));
    let between = cx.calc(move |cx| parity.get(cx));
    let log = Log::default();
    for (name, calc) in [("direct", parity), ("through", between)] {
        let told = log.clone();
        cx.effect(move |cx| calc.get(cx).map(|_| ())).on_invalidate(&cx, move |_| {
            told.push(name);
            Ok(())
        });
    }
    settle(&graph);
    v.set(&cx, 3).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "");
    v.set(&cx, 4).unwrap();
    settle(&graph);
    let told = log.take();
    assert!(told == "direct through" || told == "through direct", "{told}");
}
