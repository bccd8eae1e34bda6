//! Laws of isolation, events and requirements (group D).

use reactive::{Cx, EventDatum, EventOptions, Graph, Interrupt, req, req_cancel, req_in_progress};

use crate::support::{Log, counted, outcomes, settle};

/// A click count, of which zero means never.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Clicks(u32);

impl EventDatum for Clicks {
    fn is_none(&self) -> bool {
        self.0 == 0
    }
}

// spec: D1
#[test]
fn what_is_read_in_isolation_does_not_run_the_reader_again() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (v, w) = (cx.value(0), cx.value(0));
    let calc = cx.calc(move |cx| w.get(cx));
    let (runs, _) = counted(&cx, move |cx| {
        assert!(cx.is_tracking());
        v.get(cx)?;
        calc.get(&cx.isolate())?;
        w.is_set(&cx.isolate());
        Ok(())
    });
    assert_eq!(outcomes(&graph), "ok");
    w.set(&cx, 1).unwrap();
    w.unset(&cx).unwrap();
    assert_eq!(settle(&graph), 0);
    v.set(&cx, 1).unwrap();
    settle(&graph);
    assert_eq!(runs.count(), 2);
}

// spec: D4
#[test]
fn a_handler_runs_for_its_event_and_for_nothing_else_it_reads() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (event, other) = (cx.value(1), cx.value(10));
    let log = Log::default();
    let told = log.clone();
    cx.on_event(event, move |cx, item| {
        told.push(item + other.get(cx)?);
        Ok(())
    });
    settle(&graph);
    other.set(&cx, 20).unwrap();
    settle(&graph);
    event.set(&cx, 2).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "11 22");
}

/// What a handler with these options says to a series of data of a button and an optional.
fn said(options: EventOptions, series: &[(u32, Option<i32>)]) -> String {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (button, text) = (cx.value(Clicks(series[0].0)), cx.value(series[0].1));
    let log = Log::default();
    let told = log.clone();
    cx.on_event_with(options, (button, text), move |_, (clicks, text)| {
        told.push(format!(
            "{}{}",
            clicks.0,
            text.map_or_else(|| "-".to_owned(), |text| text.to_string())
        ));
        Ok(())
    });
    for (clicks, datum) in series {
        button.set(&cx, Clicks(*clicks)).unwrap();
        text.set(&cx, *datum).unwrap();
        settle(&graph);
    }
    log.take()
}

// spec: D5, D6
#[test]
fn a_handler_is_skipped_while_all_of_its_events_are_none() {
    let series = [(0, None), (1, None), (0, Some(5)), (0, None), (2, Some(6))];
    assert_eq!(said(EventOptions::default(), &series), "1- 05 26");
}

// spec: D7
#[test]
fn a_plain_zero_is_an_event() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let log = Log::default();
    let told = log.clone();
    cx.on_event((cx.value(0),), move |_, (zero,)| {
        told.push(zero);
        Ok(())
    });
    settle(&graph);
    assert_eq!(log.take(), "0");
}

// spec: D8
#[test]
fn a_handler_that_does_not_ignore_none_runs_for_it() {
    let options = EventOptions { ignore_none: false, ..Default::default() };
    assert_eq!(said(options, &[(0, None), (1, None), (0, None)]), "0- 1- 0-");
}

// spec: D9
#[test]
fn a_handler_that_ignores_the_first_event_runs_for_the_next() {
    let options = EventOptions { ignore_init: true, ..Default::default() };
    assert_eq!(said(options, &[(1, None), (2, None), (3, None)]), "2- 3-");
}

// spec: D10
#[test]
fn a_source_not_yet_set_does_not_use_up_the_first_event() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value_unset();
    let log = Log::default();
    let told = log.clone();
    let options = EventOptions { ignore_init: true, ..Default::default() };
    cx.on_event_with(options, v, move |_, item: i32| {
        told.push(item);
        Ok(())
    });
    settle(&graph);
    for item in [1, 2, 3] {
        v.set(&cx, item).unwrap();
        settle(&graph);
    }
    assert_eq!(log.take(), "2 3");
}

// spec: D11
#[test]
fn a_source_that_stops_silently_skips_the_handler_and_a_later_event_runs_it() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value_unset();
    let calc = cx.calc(move |cx| v.get(cx));
    let log = Log::default();
    let told = log.clone();
    cx.on_event(calc, move |_, item: i32| {
        told.push(item);
        Ok(())
    });
    assert_eq!(outcomes(&graph), "nothing to show yet");
    v.set(&cx, 7).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "7");
}

// spec: D12, D13
#[test]
fn a_calc_on_an_event_is_silent_until_the_event_and_keeps_its_result_until_the_next() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let (button, text) = (cx.value(Clicks(0)), cx.value("a"));
    let calc =
        cx.calc_on_event(button, move |cx, clicks| Ok(format!("{}{}", text.get(cx)?, clicks.0)));
    assert!(matches!(calc.get(&cx), Err(Interrupt::Silent)));
    let (runs, _) = counted(&cx, move |cx| calc.get(cx).map(|_| ()));
    assert_eq!(outcomes(&graph), "nothing to show yet");
    button.set(&cx, Clicks(1)).unwrap();
    assert_eq!(outcomes(&graph), "ok");
    text.set(&cx, "b").unwrap();
    settle(&graph);
    assert_eq!(calc.get(&cx).unwrap(), "a1");
    button.set(&cx, Clicks(2)).unwrap();
    settle(&graph);
    assert_eq!((calc.get(&cx).unwrap().as_str(), runs.count()), ("b2", 3));
}

// spec: D13
#[test]
fn a_calc_that_ignores_its_first_event_is_silent_after_it() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(1);
    let options = EventOptions { ignore_init: true, ..Default::default() };
    let calc = cx.calc_on_event_with(options, v.read_only(), |_, item| Ok(item));
    assert!(matches!(calc.get(&cx), Err(Interrupt::Silent)));
    v.set(&cx, 2).unwrap();
    assert_eq!(calc.get(&cx).unwrap(), 2);
}

// spec: D16
#[test]
fn a_requirement_gives_back_what_is_there_and_stops_silently_at_what_is_not() {
    assert_eq!(req(3).unwrap(), 3);
    assert_eq!(req("a").unwrap(), "a");
    assert_eq!(req(Some(true)).unwrap(), Some(true));
    assert_eq!(req((1, "a")).unwrap(), (1, "a"));
    fn is_silent<T>(result: Result<T, Interrupt>) -> bool {
        matches!(result, Err(Interrupt::Silent))
    }
    assert!(is_silent(req(false)));
    assert!(is_silent(req(0)));
    assert!(is_silent(req(0.0)));
    assert!(is_silent(req("")));
    assert!(is_silent(req(String::new())));
    assert!(is_silent(req(Vec::<i32>::new())));
    assert!(is_silent(req(None::<i32>)));
    assert!(is_silent(req(Some(0))));
    assert!(is_silent(req((1, ""))));
}

// spec: D17
#[test]
fn the_kinds_of_requirement_stop_in_their_own_ways() {
    let cancel = req_cancel(0).unwrap_err();
    let in_progress = req_in_progress(0).unwrap_err();
    assert!(matches!(cancel, Interrupt::Cancel) && !cancel.is_silent());
    assert!(matches!(in_progress, Interrupt::InProgress) && in_progress.is_silent());
    assert_eq!((req_cancel(1).unwrap(), req_in_progress(1).unwrap()), (1, 1));
}

// spec: D18
#[test]
fn a_silent_stop_in_a_calc_stops_the_effect_that_reads_it() {
    let graph = Graph::new(());
    let cx = graph.cx();
    let v = cx.value(0);
    let calc = cx.calc(move |cx| req(v.get(cx)?));
    let log = Log::default();
    let told = log.clone();
    cx.effect(move |cx: &Cx<'_>| {
        told.push(calc.get(cx)?);
        Ok(())
    });
    settle(&graph);
    v.set(&cx, 4).unwrap();
    settle(&graph);
    assert_eq!(log.take(), "4");
}

// spec: D16
#[test]
fn zero_false_and_whatever_is_empty_or_absent_is_nothing_to_work_with() {
    use std::collections::{BTreeMap, HashMap};
    use std::sync::Arc;

    use reactive::Truthy;

    let there: [&dyn Truthy; 14] = [
        &true,
        &-1_i8,
        &0.5_f64,
        &"a",
        &"a".to_owned(),
        &Some(1),
        &vec![0],
        &[0],
        &&[0][..],
        &Box::new(1),
        &Arc::new(1),
        &HashMap::from([(0, 0)]),
        &BTreeMap::from([(0, 0)]),
        &(1, true, "a", 1.0),
    ];
    for (at, datum) in there.iter().enumerate() {
        assert!(datum.is_truthy(), "the datum at {at}");
    }
    let nothing: [&dyn Truthy; 18] = [
        &(),
        &false,
        &0_i8,
        &-0.0_f64,
        &"",
        &String::new(),
        &None::<i32>,
        &Some(false),
        &Vec::<i32>::new(),
        &[0; 0],
        &&[0; 0][..],
        &Box::new(0),
        &Arc::new(0),
        &HashMap::<i32, i32>::new(),
        &BTreeMap::<i32, i32>::new(),
        &(1, true, "a", 0.0),
        &(0, 1),
        &(1, 0, 1),
    ];
    for (at, datum) in nothing.iter().enumerate() {
        assert!(!datum.is_truthy(), "the datum at {at}");
    }
}
