//! Laws of calcs (group B).

use std::sync::Arc;

use reactive::{Calc, Cx, Graph, InUse, Interrupt, TooDeep, Value};

use crate::support::{Log, Runs, counted, outcomes, settle};

/// A calc of twice a value, with the number of its runs.
fn double(cx: &Cx<'_>, v: Value<i32>) -> (Runs, Calc<i32>) {
    let runs = Runs::default();
    let counter = runs.clone();
    let calc = cx.calc(move |cx| {
        counter.add();
        Ok(v.get(cx)? * 2)
    });
    (runs, calc)
}

// spec: B1
#[test]
fn a_calc_does_not_run_before_it_is_read() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (runs, calc) = double(&cx, cx.value(1));
    settle(&graph);
    assert_eq!(runs.count(), 0);
    assert_eq!(calc.get(&cx).unwrap(), 2);
    assert_eq!(runs.count(), 1);
}

// spec: B2
#[test]
fn a_valid_result_is_computed_once_for_all_readers() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (runs, calc) = double(&cx, cx.value(1));
    for _ in 0..5 {
        cx.effect(move |cx| calc.get(cx).map(|_| ()));
    }
    settle(&graph);
    calc.with(&cx, |_| ()).unwrap();
    assert_eq!(runs.count(), 1);
}

// spec: B3
#[test]
fn a_change_tells_the_readers_of_a_calc_at_once_but_does_not_run_it() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let (runs, calc) = double(&cx, v);
    let told = Runs::default();
    let effect = cx.effect(move |cx| calc.get(cx).map(|_| ()));
    let counter = told.clone();
    effect.on_invalidate(&cx, move |_| {
        counter.add();
        Ok(())
    });
    settle(&graph);
    v.set(&cx, 2).unwrap();
    assert_eq!((told.count(), runs.count()), (1, 1));
    effect.destroy(&cx);
    settle(&graph);
    assert_eq!(runs.count(), 1);
}

// spec: B4, B6
#[test]
fn an_error_is_kept_until_a_dependency_changes_and_then_forgotten() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let runs = Runs::default();
    let counter = runs.clone();
    let calc = cx.calc(move |cx| {
        counter.add();
        Ok(10_i32.checked_div(v.get(cx)?).ok_or_else(|| std::io::Error::other("by zero"))?)
    });
    for _ in 0..3 {
        assert_eq!(calc.get(&cx).unwrap_err().to_string(), "by zero");
    }
    assert_eq!(runs.count(), 1);
    v.set(&cx, 5).unwrap();
    assert_eq!(calc.get(&cx).unwrap(), 2);
    assert_eq!(runs.count(), 2);
}

// spec: B5
#[test]
fn a_silent_stop_is_kept_until_a_dependency_changes() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value_unset();
    let (runs, calc) = double(&cx, v);
    for _ in 0..3 {
        assert!(matches!(calc.get(&cx), Err(Interrupt::Silent)));
    }
    assert_eq!(runs.count(), 1);
    v.set(&cx, 1).unwrap();
    assert_eq!(calc.get(&cx).unwrap(), 2);
}

// spec: B7
#[test]
fn along_a_chain_each_closure_runs_once_per_change() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let (b_runs, b) = double(&cx, v);
    let a_runs = Runs::default();
    let counter = a_runs.clone();
    let a = cx.calc(move |cx| {
        counter.add();
        Ok(b.get(cx)? + b.get(cx)? + v.get(cx)?)
    });
    let (runs, _) = counted(&cx, move |cx| {
        assert_eq!(a.get(cx)?, 5 * v.get(cx)?);
        Ok(())
    });
    assert_eq!(outcomes(&graph), "ok");
    v.set(&cx, 2).unwrap();
    assert!(graph.has_pending(), "the reader at the end of the chain is told at once");
    assert_eq!((a_runs.count(), b_runs.count(), runs.count()), (1, 1, 1));
    assert_eq!(outcomes(&graph), "ok");
    assert_eq!((a_runs.count(), b_runs.count(), runs.count()), (2, 2, 2));
}

// spec: B8, D2
#[test]
fn a_calc_can_be_read_from_outside_without_taking_dependencies() {
    let graph = Graph::new(());
    let cx = graph.cx();
    assert!(!cx.is_tracking());
    let v = cx.value(1);
    let (_, calc) = double(&cx, v);
    assert_eq!(calc.get(&cx).unwrap(), 2);
    assert_eq!((calc.get(&cx.isolate()).unwrap(), v.get(&cx.isolate()).unwrap()), (2, 1));
    assert_eq!(graph.counts().edges, 1);
}

// spec: B9
#[test]
fn a_calc_that_changes_its_dependency_and_reads_itself_comes_to_an_end() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(5);
    let runs = Runs::default();
    let counter = runs.clone();
    let own: Value<Calc<i32>> = cx.value_unset();
    let calc = cx.calc(move |cx| {
        counter.add();
        let left = v.get(cx)?;
        if left == 0 {
            return Ok(0);
        }
        v.set(cx, left - 1)?;
        Ok(own.with(&cx.isolate(), |own| *own)?.get(cx)? + 1)
    });
    own.replace(&cx, calc).unwrap();
    let (effect_runs, _) = counted(&cx, move |cx| {
        assert_eq!(calc.get(cx)?, 5);
        Ok(())
    });
    assert_eq!(outcomes(&graph), "ok, ok");
    assert_eq!((runs.count(), effect_runs.count(), v.get(&cx).unwrap()), (6, 2, 0));
}

// spec: B10
#[test]
fn a_calc_that_changes_what_it_has_read_gives_its_newest_result() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let plain = cx.calc(move |cx| {
        let now = v.get(cx)?;
        v.set(cx, now + 1)?;
        Ok(format!("{now}"))
    });
    assert_eq!(plain.get(&cx).unwrap(), "0");
    assert_eq!(plain.get(&cx).unwrap(), "1");
    assert_eq!(plain.get(&cx).unwrap(), "2");
}

// spec: B11, C27
#[test]
fn a_closure_sees_the_scope_it_was_made_in_whoever_reads_it() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let inner = cx.child_scope();
    let calc = cx.in_scope(inner).unwrap().calc(|cx| Ok(cx.scope()));
    let other = cx.child_scope();
    let seen = cx.value_unset();
    cx.in_scope(other).unwrap().effect(move |cx| {
        seen.replace(cx, (calc.get(cx)?, cx.scope()))?;
        Ok(())
    });
    settle(&graph);
    assert_eq!(seen.get(&cx).unwrap(), (inner, other));
}

// spec: B14, B17
#[test]
fn a_destroyed_calc_says_so_whether_or_not_it_ever_ran() {
    let graph = Graph::new(());
    let cx = graph.cx();
    for read_first in [false, true] {
        let (runs, calc) = double(&cx, cx.value(1));
        if read_first {
            calc.get(&cx).unwrap();
        }
        calc.destroy(&cx);
        calc.destroy(&cx);
        let error = calc.get(&cx).unwrap_err();
        assert!(matches!(error, Interrupt::Destroyed(_)));
        assert!(error.to_string().starts_with("calc made at"), "{error}");
        assert!(matches!(calc.with(&cx, |_| ()), Err(Interrupt::Destroyed(_))));
        assert_eq!(runs.count(), usize::from(read_first));
    }
    assert_eq!(graph.counts().calcs, 0);
}

// spec: B15
#[test]
fn readers_of_a_destroyed_calc_run_again_and_find_it_destroyed() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (_, calc) = double(&cx, cx.value(1));
    cx.effect(move |cx| calc.get(cx).map(|_| ()));
    assert_eq!(outcomes(&graph), "ok");
    calc.destroy(&cx);
    assert!(outcomes(&graph).contains("was destroyed"));
}

// spec: B16
#[test]
fn what_a_destroyed_calc_has_read_reaches_it_no_more() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let (runs, calc) = double(&cx, v);
    cx.effect(move |cx| calc.get(cx).map(|_| ()));
    settle(&graph);
    calc.destroy(&cx);
    settle(&graph);
    assert_eq!(graph.counts().edges, 0);
    v.set(&cx, 2).unwrap();
    assert_eq!((settle(&graph), runs.count()), (0, 1));
}

// spec: B18
#[test]
fn an_invalidated_result_is_released_at_once() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let data = Arc::new(());
    let held = Arc::downgrade(&data);
    let lent = cx.value(data);
    let calc = cx.calc(move |cx| {
        v.get(cx)?;
        lent.get(cx)
    });
    let next = cx.calc(move |cx| calc.get(cx));
    next.get(&cx).unwrap();
    assert_eq!(held.strong_count(), 3);
    v.set(&cx, 2).unwrap();
    assert_eq!(held.strong_count(), 1);
    next.with(&cx, |_| {
        v.set(&cx, 3).unwrap();
        assert_eq!(held.strong_count(), 2, "the one in use stays until its closure ends");
    })
    .unwrap();
    assert_eq!(held.strong_count(), 1);
}

// spec: B18
#[test]
fn a_released_error_is_released_at_once_too() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    #[derive(Debug)]
    struct Held(#[allow(dead_code, reason = "it is held, not read")] Arc<()>);
    impl std::fmt::Display for Held {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("held")
        }
    }
    impl std::error::Error for Held {}
    let data = Arc::new(());
    let held = Arc::clone(&data);
    let calc = cx.calc(move |cx| {
        v.get(cx)?;
        Err::<i32, _>(Held(Arc::clone(&held)).into())
    });
    calc.get(&cx).unwrap_err();
    assert_eq!(Arc::strong_count(&data), 3);
    v.set(&cx, 2).unwrap();
    assert_eq!(Arc::strong_count(&data), 2);
}

#[test]
fn a_panic_is_a_failure_with_its_text_and_the_calc_works_again_after_a_change() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let calc = cx.calc(move |cx| {
        let v = v.get(cx)?;
        assert!(v != 0, "zero is {}", "bad");
        Ok(v)
    });
    let error = calc.get(&cx).unwrap_err();
    let failure = error.failure().unwrap();
    assert!(failure.is_panic());
    assert_eq!(failure.panic_text(), Some("zero is bad"));
    v.set(&cx, 3).unwrap();
    assert_eq!(calc.get(&cx).unwrap(), 3);
}

#[test]
fn a_calc_that_reads_itself_without_end_fails_as_too_deep() {
    let mut graph = Graph::new(());
    graph.set_max_depth(1000);
    let cx = graph.cx();
    let own: Value<Calc<i32>> = cx.value_unset();
    let runs = Runs::default();
    let counter = runs.clone();
    let calc = cx.calc(move |cx| {
        counter.add();
        let own = own.with(cx, |own| *own)?;
        // Twice, so that an endless recursion is not exponential on its way out either.
        let (a, b) = (own.get(cx), own.get(cx));
        Ok(a? + b?)
    });
    own.replace(&cx, calc).unwrap();
    let error = calc.get(&cx).unwrap_err();
    let too_deep = error.failure().unwrap().downcast_ref::<TooDeep>().unwrap();
    assert_eq!(too_deep.limit, 1000);
    assert_eq!(runs.count(), 1000);
    let sound = cx.calc(|_| Ok(1));
    assert_eq!(sound.get(&cx).unwrap(), 1);
}

#[test]
fn two_calcs_that_read_each_other_fail_as_too_deep() {
    let mut graph = Graph::new(());
    graph.set_max_depth(1000);
    let cx = graph.cx();
    let other: Value<Calc<i32>> = cx.value_unset();
    let a = cx.calc(move |cx| other.with(cx, |other| *other)?.get(cx));
    let b = cx.calc_distinct(move |cx| a.get(cx));
    other.replace(&cx, b).unwrap();
    for calc in [a, b] {
        let error = calc.get(&cx).unwrap_err();
        assert!(error.failure().unwrap().downcast_ref::<TooDeep>().is_some(), "{error}");
    }
}

#[test]
fn a_result_in_use_by_its_own_closure_fails_to_be_read_and_is_whole_afterwards() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let calc = cx.calc(|_| Ok("text".to_owned()));
    let error = calc.with(&cx, |_| calc.with(&cx, |_| ())).unwrap().unwrap_err();
    assert!(error.failure().unwrap().downcast_ref::<InUse>().is_some());
    assert_eq!(calc.get(&cx).unwrap(), "text");
}

#[test]
fn a_calc_invalidated_and_read_within_its_own_closure_recovers() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let (_, calc) = double(&cx, v);
    calc.with(&cx, |_| {
        v.set(&cx, 2).unwrap();
        assert!(calc.get(&cx).is_err());
    })
    .unwrap();
    assert_eq!(calc.get(&cx).unwrap(), 4);
}

#[test]
fn a_distinct_calc_keeps_its_readers_quiet_while_its_result_is_the_same() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let parity = cx.calc_distinct(move |cx| Ok(v.get(cx)? % 2));
    let below = Runs::default();
    let counter = below.clone();
    let text = cx.calc(move |cx| {
        counter.add();
        Ok(parity.get(cx)?.to_string())
    });
    let told = Runs::default();
    let (runs, effect) = counted(&cx, move |cx| text.with(cx, |_| ()));
    let counter = told.clone();
    effect.on_invalidate(&cx, move |_| {
        counter.add();
        Ok(())
    });
    settle(&graph);
    for odd in [3, 5, 7] {
        v.set(&cx, odd).unwrap();
        settle(&graph);
    }
    assert_eq!((below.count(), runs.count(), told.count()), (1, 1, 0));
    v.set(&cx, 8).unwrap();
    settle(&graph);
    assert_eq!((below.count(), runs.count(), told.count()), (2, 2, 1));
}

#[test]
fn a_distinct_calc_tells_of_a_silent_stop_and_of_its_end_but_not_of_another_one() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let positive = cx.calc_distinct(move |cx| {
        let v = v.get(cx)?;
        if v > 0 { Ok(v) } else { Err(Interrupt::Silent) }
    });
    let (runs, _) = counted(&cx, move |cx| positive.get(cx).map(|_| ()));
    settle(&graph);
    for (datum, expected) in [(0, 2), (-1, 2), (-2, 2), (5, 3), (5, 3)] {
        v.replace(&cx, datum).unwrap();
        settle(&graph);
        assert_eq!(runs.count(), expected, "after {datum}");
    }
}

#[test]
fn a_comparison_that_panics_is_a_failure_of_the_calc() {
    #[derive(Clone, Debug)]
    struct Odd(i32);
    impl PartialEq for Odd {
        fn eq(&self, other: &Self) -> bool {
            assert!(self.0 != 2, "incomparable");
            self.0 == other.0
        }
    }
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let calc = cx.calc_distinct(move |cx| Ok(Odd(v.get(cx)?)));
    cx.effect(move |cx| calc.get(cx).map(|_| ()));
    assert_eq!(outcomes(&graph), "ok");
    v.set(&cx, 2).unwrap();
    assert_eq!(outcomes(&graph), "ok");
    v.set(&cx, 3).unwrap();
    assert_eq!(outcomes(&graph), "incomparable");
    v.set(&cx, 4).unwrap();
    assert_eq!(outcomes(&graph), "ok");
}

#[test]
fn a_check_evaluates_no_calc_that_an_earlier_change_made_unneeded() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let which = cx.value(true);
    let v = cx.value(1);
    let choose = cx.calc_distinct(move |cx| which.get(cx));
    let costly_runs = Runs::default();
    let counter = costly_runs.clone();
    let costly = cx.calc_distinct(move |cx| {
        counter.add();
        v.get(cx)
    });
    let (runs, _) = counted(&cx, move |cx| {
        if choose.get(cx)? {
            costly.get(cx)?;
        }
        Ok(())
    });
    settle(&graph);
    v.set(&cx, 2).unwrap();
    which.set(&cx, false).unwrap();
    settle(&graph);
    assert_eq!((costly_runs.count(), runs.count()), (1, 2));
}

#[test]
fn calcs_that_disturb_each_others_check_for_ever_do_not_hang_it() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (a, b) = (cx.value(0), cx.value(0));
    let sets_b = cx.calc_distinct(move |cx| {
        a.get(cx)?;
        b.update(cx, |b| *b += 1)?;
        Ok(())
    });
    let sets_a = cx.calc_distinct(move |cx| {
        b.get(cx)?;
        a.update(cx, |a| *a += 1)?;
        Ok(())
    });
    cx.effect(move |cx| {
        sets_b.get(cx)?;
        sets_a.get(cx)
    });
    assert!(graph.flush(50, |_| ()).is_err(), "they never settle, and that is said");
}

#[test]
fn dependencies_follow_what_the_latest_run_has_read() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let first = cx.value(true);
    let (a, b) = (cx.value("a"), cx.value("b"));
    let log = Log::default();
    let calc = cx.calc(move |cx| if first.get(cx)? { a.get(cx) } else { b.get(cx) });
    let told = log.clone();
    cx.effect(move |cx| {
        told.push(calc.get(cx)?);
        Ok(())
    });
    settle(&graph);
    b.set(&cx, "b2").unwrap();
    settle(&graph);
    first.set(&cx, false).unwrap();
    settle(&graph);
    a.set(&cx, "a2").unwrap();
    settle(&graph);
    b.set(&cx, "b3").unwrap();
    settle(&graph);
    assert_eq!(log.take(), "a b2 b3");
    assert_eq!(graph.counts().edges, 3);
}

#[test]
fn reading_the_same_thing_many_times_is_one_dependency() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (a, b) = (cx.value(1), cx.value(1));
    let (_, c) = double(&cx, a);
    let (runs, _) = counted(&cx, move |cx| {
        for _ in 0..100 {
            a.get(cx)?;
            a.is_set(cx);
            b.get(cx)?;
            c.get(cx)?;
            b.is_set(cx);
        }
        Ok(())
    });
    for n in 2..5 {
        settle(&graph);
        assert_eq!(graph.counts().edges, 6);
        a.set(&cx, n).unwrap();
    }
    settle(&graph);
    assert_eq!(runs.count(), 4);
}

#[test]
fn a_result_made_outside_takes_the_place_of_what_the_closure_returned_and_dependencies_stay() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let n = cx.value(1);
    let runs = Runs::default();
    let counted = runs.clone();
    let calc = cx.calc(move |cx| -> Result<String, Interrupt> {
        counted.add();
        n.get(cx)?;
        Err(Interrupt::InProgress)
    });
    let log = Log::default();
    let seen = log.clone();
    cx.effect(move |cx| {
        match calc.get(cx) {
            Ok(text) => seen.push(text),
            Err(Interrupt::InProgress) => seen.push("…"),
            Err(other) => seen.push(other),
        }
        Ok(())
    });
    // Nobody has read it: there is no run whose result this could be.
    assert_eq!(calc.resolve(&cx, Ok("early".to_owned())).ok(), Some(false));
    settle(&graph);
    assert_eq!(calc.resolve(&cx, Ok("one".to_owned())).ok(), Some(true));
    settle(&graph);
    assert_eq!(calc.get(&cx).ok().as_deref(), Some("one"));
    n.set(&cx, 2).unwrap();
    // It is of the run before.
    assert_eq!(calc.resolve(&cx, Ok("late".to_owned())).ok(), Some(false));
    settle(&graph);
    let failed = std::io::Error::other("failed");
    assert_eq!(calc.resolve(&cx, Err(failed.into())).ok(), Some(true));
    settle(&graph);
    n.set(&cx, 3).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "… one … failed …");
    assert_eq!(runs.count(), 3);
    calc.destroy(&cx);
    assert!(matches!(calc.resolve(&cx, Ok(String::new())), Err(Interrupt::Destroyed(_))));
}

#[test]
fn a_result_made_outside_is_released_with_the_run_it_belongs_to() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let n = cx.value(1);
    let calc = cx.calc(move |cx| -> Result<Arc<()>, Interrupt> {
        n.get(cx)?;
        Err(Interrupt::InProgress)
    });
    assert!(matches!(calc.get(&cx), Err(Interrupt::InProgress)));
    let kept = Arc::new(());
    calc.resolve(&cx, Ok(Arc::clone(&kept))).unwrap();
    assert_eq!(Arc::strong_count(&kept), 2);
    let inside = calc.with(&cx, |_| calc.resolve(&cx, Ok(Arc::default()))).unwrap();
    assert!(inside.unwrap_err().failure().unwrap().downcast_ref::<InUse>().is_some());
    n.set(&cx, 2).unwrap();
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn a_calc_read_from_outside_is_not_computed_while_what_it_has_read_gives_the_same() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let parity = cx.calc_distinct(move |cx| Ok(v.get(cx)? % 2));
    let (runs, text_runs) = (Runs::default(), Runs::default());
    let (counter, text_counter) = (runs.clone(), text_runs.clone());
    let plain = cx.calc(move |cx| {
        counter.add();
        parity.get(cx)
    });
    let text = cx.calc(move |cx| {
        text_counter.add();
        Ok(parity.get(cx)?.to_string())
    });
    for (datum, computed) in [(1, 1), (3, 1), (5, 1), (6, 2), (8, 2)] {
        v.set(&cx, datum).unwrap();
        assert_eq!(plain.get(&cx).unwrap(), datum % 2);
        assert_eq!(text.get(&cx).unwrap(), (datum % 2).to_string());
        assert_eq!((runs.count(), text_runs.count()), (computed, computed), "after {datum}");
    }
}

#[test]
fn whoever_reads_a_hundred_distinct_calcs_does_not_run_while_none_of_them_gives_something_else() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let calcs: Vec<Calc<bool>> =
        (0..100).map(|_| cx.calc_distinct(move |cx| Ok(v.get(cx)? > 1000))).collect();
    let (runs, _) =
        counted(&cx, move |cx| calcs.iter().try_for_each(|calc| calc.get(cx).map(|_| ())));
    settle(&graph);
    for n in 1..4 {
        v.set(&cx, n).unwrap();
        assert_eq!(settle(&graph), 0);
    }
    v.set(&cx, 1001).unwrap();
    settle(&graph);
    assert_eq!(runs.count(), 2);
}

#[test]
fn a_distinct_calc_that_meets_the_same_destroyed_object_again_is_no_news() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (go, gone, other) = (cx.value(0), cx.value(1), cx.value(2));
    let calc =
        cx.calc_distinct(move |cx| if go.get(cx)? < 3 { gone.get(cx) } else { other.get(cx) });
    gone.destroy(&cx);
    let (runs, _) = counted(&cx, move |cx| calc.get(cx).map(|_| ()));
    settle(&graph);
    for n in 1..3 {
        go.set(&cx, n).unwrap();
        settle(&graph);
    }
    assert_eq!(runs.count(), 1);
    other.destroy(&cx);
    go.set(&cx, 3).unwrap();
    settle(&graph);
    assert_eq!(runs.count(), 2, "another object that is gone is news");
}

#[test]
fn a_result_that_panics_when_it_is_dropped_leaves_the_calc_whole() {
    struct Bomb(i32);
    impl PartialEq for Bomb {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(self.0 != 1, "dropped");
        }
    }
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let plain = cx.calc(move |cx| Ok(Bomb(v.get(cx)?)));
    let distinct = cx.calc_distinct(move |cx| Ok(Bomb(v.get(cx)?)));
    for calc in [plain, distinct] {
        v.set(&cx, 1).unwrap();
        assert_eq!(calc.with(&cx, |bomb| bomb.0).unwrap(), 1);
        v.set(&cx, 2).unwrap();
        assert_eq!(calc.with(&cx, |bomb| bomb.0).unwrap(), 2);
        v.set(&cx, 3).unwrap();
        assert_eq!(calc.with(&cx, |bomb| bomb.0).unwrap(), 3);
    }
}

#[test]
fn a_distinct_calc_that_gives_the_same_shields_its_readers_however_it_was_reached() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let half = cx.calc_distinct(move |cx| Ok(v.get(cx)? / 2));
    let plain = cx.calc(move |cx| half.get(cx));
    let direct = cx.calc_distinct(move |cx| Ok(half.get(cx)? > 100));
    let through = cx.calc_distinct(move |cx| Ok(plain.get(cx)? > 100));
    let told = Runs::default();
    let mut runs = Vec::new();
    for calc in [direct, through] {
        let (counter, effect) = counted(&cx, move |cx| calc.get(cx).map(|_| ()));
        let told = told.clone();
        effect.on_invalidate(&cx, move |_| {
            told.add();
            Ok(())
        });
        runs.push(counter);
    }
    settle(&graph);
    for n in [2, 3, 4, 100] {
        v.set(&cx, n).unwrap();
        assert_eq!(settle(&graph), 0, "after {n}");
    }
    v.set(&cx, 300).unwrap();
    settle(&graph);
    assert_eq!((runs[0].count(), runs[1].count(), told.count()), (2, 2, 2));
}

// spec: B18
#[test]
fn a_result_below_a_distinct_calc_is_released_once_that_gives_something_else() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let parity = cx.calc_distinct(move |cx| Ok(v.get(cx)? % 2));
    let plain = cx.calc(move |cx| parity.get(cx));
    let data = Arc::new(());
    let lent = cx.value(Arc::clone(&data));
    let direct = cx.calc(move |cx| {
        parity.get(cx)?;
        lent.get(cx)
    });
    let through = cx.calc(move |cx| {
        plain.get(cx)?;
        lent.get(cx)
    });
    drop((direct.get(&cx).unwrap(), through.get(&cx).unwrap()));
    assert_eq!(Arc::strong_count(&data), 4);
    v.set(&cx, 3).unwrap();
    parity.get(&cx).unwrap();
    assert_eq!(Arc::strong_count(&data), 4, "it gives the same");
    v.set(&cx, 4).unwrap();
    parity.get(&cx).unwrap();
    assert_eq!(Arc::strong_count(&data), 2);
}

#[test]
fn whoever_reads_a_calc_that_is_in_use_is_not_left_with_what_it_gave_before() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let distinct = cx.calc_distinct(move |cx| v.get(cx));
    let reader = cx.calc(move |cx| Ok(distinct.get(cx)? * 10));
    assert_eq!(reader.get(&cx).unwrap(), 10);
    distinct
        .with(&cx, |_| {
            v.set(&cx, 2).unwrap();
            let error = reader.get(&cx).unwrap_err();
            assert!(error.failure().unwrap().downcast_ref::<InUse>().is_some(), "{error}");
        })
        .unwrap();
    assert_eq!(distinct.get(&cx).unwrap(), 2);
    v.set(&cx, 3).unwrap();
    assert_eq!((distinct.get(&cx).unwrap(), reader.get(&cx).unwrap()), (3, 30));
}

#[test]
fn a_calc_that_its_reader_does_not_want_any_more_is_not_computed_at_any_depth() {
    use std::sync::atomic::{AtomicBool, Ordering};

    for depth in 0..70 {
        let graph = Graph::new(());
        let cx = graph.cx();
        let v = cx.value(0);
        let (runs, unwanted) = double(&cx, v);
        let wanted = Arc::new(AtomicBool::new(true));
        let asks = Arc::clone(&wanted);
        let mut end = cx.calc(move |cx| {
            if asks.load(Ordering::Relaxed) {
                unwanted.get(cx)?;
            }
            v.get(cx)
        });
        for _ in 0..depth {
            let before = end;
            // Read first, so that the chain is known by its first dependencies.
            end = cx.calc(move |cx| before.get(cx));
        }
        end.get(&cx).unwrap();
        wanted.store(false, Ordering::Relaxed);
        v.set(&cx, 1).unwrap();
        assert_eq!(end.get(&cx).unwrap(), 1);
        assert!(depth >= 31 || runs.count() == 1, "at the depth of {depth}");
    }
}
