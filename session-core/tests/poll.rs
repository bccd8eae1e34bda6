//! Polling.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_core::testing::Client;
use session_core::{App, Interrupt, PollOptions, Result, StubSession, safe};
use tokio::sync::Notify;

#[path = "support/session.rs"]
mod support;
use support::{Log, run};

const SECOND: Duration = Duration::from_secs(1);

/// Something outside, to be looked at: a version, or why there is none.
#[derive(Clone)]
struct Source {
    log: Log,
    version: Arc<Mutex<Result<i64, &'static str>>>,
}

impl Source {
    fn new(log: &Log) -> Self {
        Self { log: log.clone(), version: Arc::new(Mutex::new(Ok(1))) }
    }

    fn set(&self, version: Result<i64, &'static str>) {
        *self.version.lock().unwrap() = version;
    }

    fn check(&self) -> Result<i64> {
        self.log.add("checks");
        self.version.lock().unwrap().map_err(|text| safe(text).into())
    }

    fn read(&self) -> Result<String> {
        self.log.add("reads");
        let version = *self.version.lock().unwrap();
        Ok(format!("rows {}", version.unwrap_or(0)))
    }
}

/// A session that polls the source each second, and an effect that writes down what it reads.
async fn polling(source: &Source) -> Client {
    let source = source.clone();
    let app = App::new(move |s| {
        let (check, read, log) = (source.clone(), source.clone(), source.log.clone());
        let rows = s.poll(SECOND, move |_| check.check(), move |_| read.read())?;
        log.add("made");
        s.effect(move |s| {
            log.add(match rows.get(s) {
                Ok(rows) => rows,
                Err(interrupt) => interrupt.to_string(),
            });
            Ok(())
        });
        Ok(())
    });
    Client::connect(app).await
}

// spec: E15
#[tokio::test(start_paused = true)]
async fn the_check_runs_at_once_and_at_the_first_flush_and_the_reader_when_it_is_read() {
    let log = Log::default();
    let client = polling(&Source::new(&log)).await;
    assert_eq!(log.take(), ["checks", "made", "checks", "reads", "rows 1"]);
    assert_eq!(client.counts().timers, 1);
}

// spec: E16
#[tokio::test(start_paused = true)]
async fn readers_run_again_only_when_the_check_gives_something_else() {
    let log = Log::default();
    let source = Source::new(&log);
    let mut client = polling(&source).await;
    log.take();
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["checks"]);
    source.set(Ok(2));
    client.advance(SECOND - Duration::from_millis(1)).await;
    assert!(log.take().is_empty());
    client.advance(Duration::from_millis(1)).await;
    assert_eq!(log.take(), ["checks", "reads", "rows 2"]);
}

// spec: E17
#[tokio::test(start_paused = true)]
async fn what_check_or_reader_read_counts_without_waiting() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        let (a, b) = (s.input::<i64>("a")?, s.input::<i64>("b")?);
        let (log, reads) = (seen.clone(), seen.clone());
        let poll = s.poll(
            SECOND,
            move |s| Ok(a.get(s).unwrap_or(0)),
            move |s| {
                reads.add("reads");
                b.get(s)
            },
        )?;
        s.effect(move |s| {
            log.add(poll.get(s)?);
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("b", 1).flush().await;
    assert_eq!(log.take(), ["reads", "reads", "1"]);
    client.set("a", 1).flush().await;
    assert_eq!(log.take(), ["reads", "1"]);
    client.set("b", 2).flush().await;
    assert_eq!(log.take(), ["reads", "2"]);
    assert_eq!(client.counts().timers, 1);
}

// spec: E18, E21
#[tokio::test(start_paused = true)]
async fn an_error_of_the_check_is_given_to_readers_and_the_looks_go_on() {
    let log = Log::default();
    let source = Source::new(&log);
    let mut client = polling(&source).await;
    log.take();
    source.set(Err("no rows"));
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["checks", "no rows"]);
    // The same error again is no news.
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["checks"]);
    source.set(Err("no table"));
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["checks", "no table"]);
    // It is over, although the version is what it was before.
    source.set(Ok(1));
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["checks", "reads", "rows 1"]);
    assert_eq!(client.close_code(), None);
}

// spec: E19
#[tokio::test(start_paused = true)]
async fn an_error_of_the_first_check_goes_to_whoever_makes_the_poll() {
    let mut client = support::idle().await;
    let refused = run(&mut client, |s| {
        let poll = s.poll(SECOND, |_| Err::<i64, _>(safe("nothing there").into()), |_| Ok(()));
        Ok(poll.unwrap_err().to_string())
    });
    assert_eq!(refused.await, "nothing there");
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn a_poll_goes_with_its_scope() {
    let log = Log::default();
    let mut client = support::idle().await;
    let source = Source::new(&log);
    run(&mut client, move |s| {
        let m = s.module("m")?;
        let (check, read) = (source.clone(), source);
        m.poll(SECOND, move |_| check.check(), move |_| read.read())?;
        m.poll_async(SECOND, |_| Ok(std::future::pending::<Result<()>>()), |_| Ok(()));
        Ok(())
    })
    .await;
    assert_eq!((client.counts().timers, client.counts().tasks), (1, 1));
    run(&mut client, |s| s.destroy_module("m")).await;
    client.assert_no_leaks();
    log.take();
    client.advance(SECOND * 5).await;
    assert!(log.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_priority_says_when_the_check_runs() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        s.effect(seen.says("effect"));
        let log = seen.clone();
        let check = move |_: &session_core::Session<'_>| {
            log.add("checks");
            Ok(())
        };
        s.poll(PollOptions::every(SECOND).priority(1), check, |_| Ok(()))?;
        Ok(())
    });
    let _client = Client::connect(app).await;
    assert_eq!(log.take(), ["checks", "checks", "effect"]);
}

// spec: E24
#[tokio::test(start_paused = true)]
async fn a_check_that_takes_its_time_is_neither_cut_short_nor_waited_for() {
    let (log, go_on) = (Log::default(), Arc::new(Notify::new()));
    let source = Source::new(&log);
    let (polled, goes_on) = (source.clone(), Arc::clone(&go_on));
    let app = App::new(move |s| {
        let (check, read, log) = (polled.clone(), polled.clone(), polled.log.clone());
        let go_on = Arc::clone(&goes_on);
        let rows = s.poll_async(
            SECOND,
            move |_| {
                let (source, go_on) = (check.clone(), Arc::clone(&go_on));
                source.log.add("begins");
                Ok(async move {
                    go_on.notified().await;
                    source.check()
                })
            },
            move |_| read.read(),
        );
        s.effect(move |s| {
            log.add(match rows.get(s) {
                Ok(rows) => rows,
                Err(interrupt) => interrupt.to_string(),
            });
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert_eq!(log.take(), ["begins", "in progress"]);
    client.advance(SECOND * 10).await;
    assert!(log.take().is_empty());
    go_on.notify_one();
    client.settle().await;
    assert_eq!(log.take(), ["checks", "reads", "rows 1"]);
    // The interval counts from there.
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["begins"]);
    go_on.notify_one();
    client.settle().await;
    // A look that finds the same is no news.
    assert_eq!(log.take(), ["checks"]);
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["begins"]);
    client.advance(SECOND * 10).await;
    source.set(Err("gone"));
    go_on.notify_one();
    client.settle().await;
    assert_eq!(log.take(), ["checks", "gone"]);
    client.advance(SECOND).await;
    source.set(Ok(1));
    go_on.notify_one();
    client.settle().await;
    assert_eq!(log.take(), ["begins", "checks", "reads", "rows 1"]);
    assert_eq!((client.counts().timers, client.counts().tasks), (1, 0));
}

#[tokio::test]
async fn the_poll_of_a_stub_reads_and_looks_no_more_than_once() {
    let stub = StubSession::new();
    let s = stub.session();
    let log = Log::default();
    let (check, read) = (Source::new(&log), Source::new(&log));
    let poll = s.poll(SECOND, move |_| check.check(), move |_| read.read()).unwrap();
    assert_eq!(poll.get(&s).ok().as_deref(), Some("rows 1"));
    assert_eq!(log.take(), ["checks", "reads"]);
    let poll = s.poll_async(SECOND, |_| Ok(std::future::ready(Ok(1))), |_| Ok(()));
    assert!(matches!(poll.get(&s), Err(Interrupt::InProgress)));
}
