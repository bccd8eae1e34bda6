//! Calcs in two steps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::{Arc, Mutex};

use session_core::testing::{Client, OutputState};
use session_core::{App, Calc, Interrupt, StubSession, Value, safe};
use tokio::sync::Notify;

#[path = "support/session.rs"]
mod support;
use support::{Log, always, run};

/// Says that a future was dropped before its end.
struct AtWork {
    log: Log,
    is_done: bool,
}

impl AtWork {
    fn end(mut self) {
        self.is_done = true;
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if !self.is_done {
            self.log.add("dropped");
        }
    }
}

/// What a test holds of the app below.
#[derive(Clone, Copy)]
struct Made {
    n: Value<i64>,
    beside: Value<i64>,
    calc: Calc<String>,
}

/// A session with a calc that reads `n`, and `beside` under `isolate`, and waits to be let go on.
async fn with_calc(log: &Log, go_on: &Arc<Notify>) -> (Client, Made) {
    let made = Arc::new(Mutex::new(None));
    let (keep, log, go_on) = (Arc::clone(&made), log.clone(), Arc::clone(go_on));
    let app = App::new(move |s| {
        let (n, beside) = (s.value(1), s.value(10));
        let (log, go_on) = (log.clone(), Arc::clone(&go_on));
        let calc = s.module("m")?.calc_async(move |s| {
            let (n, beside) = (n.get(s)?, beside.get(&s.isolate())?);
            log.add(format!("begins {n}"));
            if n == 0 {
                return Err(Interrupt::Silent);
            }
            let (log, go_on) = (log.clone(), Arc::clone(&go_on));
            let at_work = AtWork { log: log.clone(), is_done: false };
            Ok(async move {
                go_on.notified().await;
                at_work.end();
                log.add(format!("ends {n}"));
                if n < 0 { Err(safe("below zero").into()) } else { Ok(format!("{n} {beside}")) }
            })
        });
        *keep.lock().unwrap() = Some(Made { n, beside, calc });
        Ok(())
    });
    let client = Client::connect(app).await;
    let made = made.lock().unwrap().unwrap();
    (client, made)
}

/// An effect that writes down what it reads.
async fn watch(client: &mut Client, log: &Log, calc: Calc<String>) {
    let log = log.clone();
    run(client, move |s| {
        Ok(s.effect(move |s| {
            match calc.get(s) {
                Ok(text) => log.add(text),
                Err(interrupt) => log.add(interrupt),
            }
            Ok(())
        }))
    })
    .await;
}

async fn let_go(client: &mut Client, go_on: &Notify) {
    go_on.notify_one();
    client.settle().await;
}

async fn set(client: &mut Client, value: Value<i64>, datum: i64) {
    run(client, move |s| value.set(s, datum)).await;
}

// spec: B12 (decision 5)
#[tokio::test(start_paused = true)]
async fn readers_get_in_progress_and_run_again_once_the_result_is_there() {
    let (log, go_on) = (Log::default(), Arc::default());
    let (mut client, made) = with_calc(&log, &go_on).await;
    // Nobody has read it yet.
    set(&mut client, made.n, 2).await;
    assert!(log.take().is_empty());
    watch(&mut client, &log, made.calc).await;
    assert_eq!(log.take(), ["begins 2", "in progress"]);
    let_go(&mut client, &go_on).await;
    assert_eq!(log.take(), ["ends 2", "2 10"]);
    // One run serves all readers.
    watch(&mut client, &log, made.calc).await;
    assert_eq!(log.take(), ["2 10"]);
    assert_eq!(client.counts().tasks, 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_the_first_step_read_drops_the_future_and_starts_anew() {
    let (log, go_on) = (Log::default(), Arc::default());
    let (mut client, made) = with_calc(&log, &go_on).await;
    watch(&mut client, &log, made.calc).await;
    log.take();
    set(&mut client, made.n, 2).await;
    assert_eq!(log.take(), ["begins 2", "in progress", "dropped"]);
    assert_eq!(client.counts().tasks, 1);
    let_go(&mut client, &go_on).await;
    assert_eq!(log.take(), ["ends 2", "2 10"]);
    // After the result came, what the first step read counts as it did before.
    set(&mut client, made.n, 3).await;
    assert_eq!(log.take(), ["begins 3", "in progress"]);
}

// spec: D3
#[tokio::test(start_paused = true)]
async fn what_the_first_step_read_isolated_is_no_dependency_before_or_after_the_wait() {
    let (log, go_on) = (Log::default(), Arc::default());
    let (mut client, made) = with_calc(&log, &go_on).await;
    watch(&mut client, &log, made.calc).await;
    log.take();
    set(&mut client, made.beside, 11).await;
    assert!(log.take().is_empty());
    let_go(&mut client, &go_on).await;
    assert_eq!(log.take(), ["ends 1", "1 10"]);
    set(&mut client, made.beside, 12).await;
    assert!(log.take().is_empty());
    // Nor does it leak into what runs beside: the effect depends on the calc alone.
    set(&mut client, made.n, 2).await;
    let_go(&mut client, &go_on).await;
    assert_eq!(log.take(), ["begins 2", "in progress", "ends 2", "2 12"]);
}

// spec: B12 (decision 5)
#[tokio::test(start_paused = true)]
async fn an_error_of_either_step_is_kept_and_given_to_every_reader() {
    let (log, go_on) = (Log::default(), Arc::default());
    let (mut client, made) = with_calc(&log, &go_on).await;
    set(&mut client, made.n, -1).await;
    watch(&mut client, &log, made.calc).await;
    let_go(&mut client, &go_on).await;
    assert_eq!(log.take(), ["begins -1", "in progress", "ends -1", "below zero"]);
    watch(&mut client, &log, made.calc).await;
    assert_eq!(log.take(), ["below zero"]);
    set(&mut client, made.n, 0).await;
    assert_eq!(log.take(), ["begins 0", "nothing to show yet", "nothing to show yet"]);
    assert_eq!(client.close_code(), None);
}

// spec: B12 (decision 5)
#[tokio::test(start_paused = true)]
async fn the_future_goes_with_the_calc_with_its_scope_and_with_the_session() {
    for end in ["calc", "scope", "session"] {
        let (log, go_on) = (Log::default(), Arc::default());
        let (mut client, made) = with_calc(&log, &go_on).await;
        watch(&mut client, &log, made.calc).await;
        log.take();
        match end {
            "calc" => {
                run(&mut client, move |s| {
                    made.calc.destroy(s);
                    Ok(())
                })
                .await;
            }
            "scope" => run(&mut client, |s| s.destroy_module("m")).await,
            _ => client.disconnect().await,
        }
        let log = log.take();
        assert!(log.contains(&"dropped".to_owned()), "{end}: {log:?}");
        let is_told = log.iter().any(|line| line.ends_with(" was destroyed"));
        assert_eq!(is_told, end != "session", "its reader runs again and finds it gone: {log:?}");
        assert_eq!((client.counts().tasks, client.counts().calcs), (0, 0), "{end}");
    }
}

// spec: M10
#[tokio::test(start_paused = true)]
async fn an_output_that_reads_one_shows_in_progress_and_keeps_its_content() {
    let (log, go_on) = (Log::default(), Arc::default());
    let (mut client, made) = with_calc(&log, &go_on).await;
    run(&mut client, move |s| s.output_with("out", always(), move |s| made.calc.get(s))).await;
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    let_go(&mut client, &go_on).await;
    assert_eq!(client.output("out"), Ok("1 10".to_owned()));
    set(&mut client, made.n, 2).await;
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    assert_eq!(client.output("out"), Ok("1 10".to_owned()));
    let_go(&mut client, &go_on).await;
    assert_eq!(client.model().state("out"), OutputState::Value);
    assert_eq!(client.output("out"), Ok("2 10".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_result_at_hand_is_not_waited_for() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        let calc = s.calc_async(move |s| {
            let n = n.get(s)?;
            Ok(async move { Ok(n * 2) })
        });
        s.output_with("out", always(), move |s| calc.get(s))
    });
    let mut client = Client::connect(app).await;
    client.frames();
    client.set("n", 2).flush().await;
    assert_eq!(client.output("out"), Ok(4));
    let frames = client.frames();
    assert!(!frames.iter().any(|frame| frame["progress"]["message"]["persistent"] == true));
}

// spec: D15
#[tokio::test(start_paused = true)]
async fn what_takes_its_time_may_be_an_event_of_any_body() {
    let (log, go_on) = (Log::default(), Arc::default());
    let (mut client, made) = with_calc(&log, &go_on).await;
    let seen = log.clone();
    run(&mut client, move |s| {
        Ok(s.on_event(made.calc, move |_, text| {
            seen.add(format!("event {text}"));
            Ok(())
        }))
    })
    .await;
    assert_eq!(log.take(), ["begins 1"]);
    let_go(&mut client, &go_on).await;
    assert_eq!(log.take(), ["ends 1", "event 1 10"]);
}

// spec: C28
#[tokio::test(start_paused = true)]
async fn async_effects_of_one_flush_begin_in_order_and_run_beside_each_other() {
    let log = Log::default();
    let go_on = Arc::new([Notify::new(), Notify::new()]);
    let (seen, goes_on) = (log.clone(), Arc::clone(&go_on));
    let app = App::new(move |s| {
        for at in 0..2 {
            let (log, go_on) = (seen.clone(), Arc::clone(&goes_on));
            s.effect_async(move |_| {
                log.add(format!("begins {at}"));
                let (log, go_on) = (log.clone(), Arc::clone(&go_on));
                Ok(async move {
                    go_on[at].notified().await;
                    log.add(format!("ends {at}"));
                    Ok(())
                })
            });
        }
        Ok(())
    });
    let mut client = Client::connect(app).await;
    // The first does not hold up the second (decision 5).
    let_go(&mut client, &go_on[1]).await;
    let_go(&mut client, &go_on[0]).await;
    assert_eq!(log.take(), ["begins 0", "begins 1", "ends 1", "ends 0"]);
}

#[tokio::test]
async fn one_of_a_stub_is_in_progress_unless_its_result_is_at_hand() {
    let stub = StubSession::new();
    let s = stub.session();
    let waits = s.calc_async(|_| Ok(std::future::pending::<session_core::Result<()>>()));
    assert!(matches!(waits.get(&s), Err(Interrupt::InProgress)));
    let at_hand = s.calc_async(|_| Ok(std::future::ready(Ok(1))));
    assert_eq!(at_hand.get(&s).ok(), Some(1));
}
