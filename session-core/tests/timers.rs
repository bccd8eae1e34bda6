//! `invalidate_later`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::time::Duration;

use session_core::testing::Client;
use session_core::{App, Session, Value};

#[path = "support/session.rs"]
mod support;
use support::{Log, run};

const SECOND: Duration = Duration::from_secs(1);

/// A session with an effect that says how often it ran, and asks to run again in a second.
async fn ticking(log: &Log) -> Client {
    let log = log.clone();
    Client::connect(App::new(move |s| {
        let log = log.clone();
        let mut runs = 0;
        s.effect(move |s| {
            runs += 1;
            log.add(runs);
            s.invalidate_later(SECOND)
        });
        Ok(())
    }))
    .await
}

// spec: E7 E13
#[tokio::test(start_paused = true)]
async fn an_effect_runs_again_when_its_time_has_come_and_no_message_of_the_client_has() {
    let log = Log::default();
    let mut client = ticking(&log).await;
    assert_eq!(log.take(), ["1"]);
    client.advance(SECOND - Duration::from_millis(1)).await;
    assert!(log.take().is_empty());
    client.advance(Duration::from_millis(1)).await;
    assert_eq!(log.take(), ["2"]);
}

// spec: E8
#[tokio::test(start_paused = true)]
async fn a_timer_goes_when_its_effect_is_invalidated_for_another_reason() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        let log = seen.clone();
        s.effect(move |s| {
            if n.get(s)? == 1 {
                s.invalidate_later(SECOND)?;
            }
            log.add("runs");
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).flush().await;
    assert_eq!(client.counts().timers, 1);
    client.set("n", 2).flush().await;
    assert_eq!(client.counts().timers, 0);
    assert_eq!(log.take(), ["runs", "runs"]);
    client.advance(SECOND * 2).await;
    assert!(log.take().is_empty());
}

// spec: E9
#[tokio::test(start_paused = true)]
async fn a_timer_goes_with_its_effect_and_with_its_scope() {
    let mut client = Client::connect(App::new(|_| Ok(()))).await;
    let effect = run(&mut client, |s| Ok(s.effect(|s| s.invalidate_later(SECOND)))).await;
    assert_eq!(client.counts().timers, 1);
    run(&mut client, move |s| {
        effect.destroy(s);
        Ok(())
    })
    .await;
    assert_eq!(client.counts().timers, 0);
    run(&mut client, |s| Ok(s.module("m")?.effect(|s| s.invalidate_later(SECOND)))).await;
    assert_eq!(client.counts().timers, 1);
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(client.counts().timers, 0);
    client.assert_no_leaks();
}

// spec: E10
#[tokio::test(start_paused = true)]
async fn a_timer_goes_at_the_end_of_the_session() {
    let log = Log::default();
    let mut client = ticking(&log).await;
    client.disconnect().await;
    assert_eq!(client.counts().timers, 0);
    log.take();
    client.advance(SECOND * 2).await;
    assert!(log.take().is_empty());
}

// spec: E11
#[tokio::test(start_paused = true)]
async fn thousands_of_ticks_leave_nothing_behind() {
    let log = Log::default();
    let mut client = ticking(&log).await;
    let before = client.counts();
    for _ in 0..3000 {
        client.advance(SECOND).await;
    }
    assert_eq!(log.take().len(), 3001);
    assert_eq!(client.counts(), before);
}

// spec: E12
#[tokio::test(start_paused = true)]
async fn a_timer_asked_for_where_nothing_is_tracked_is_none() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        let log = seen.clone();
        s.effect(move |s| {
            log.add("runs");
            s.isolate().invalidate_later(SECOND)
        });
        s.set_message_handler("later", |s, ()| s.invalidate_later(SECOND))?;
        s.on_flush(|s| s.invalidate_later(SECOND));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.call("later", ()).await.unwrap();
    assert_eq!(client.counts().timers, 0);
    client.advance(SECOND * 2).await;
    assert_eq!(log.take(), ["runs"]);
}

// spec: E14
#[tokio::test(start_paused = true)]
async fn a_calc_that_asks_for_time_invalidates_its_readers_when_it_has_come() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let log = seen.clone();
        let count: Value<i64> = s.value(0);
        let calc = s.calc(move |s| {
            s.invalidate_later(SECOND)?;
            count.update(&s.isolate(), |n| *n += 1)?;
            count.get(&s.isolate())
        });
        s.effect(move |s| {
            log.add(calc.get(s)?);
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.advance(SECOND).await;
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["1", "2", "3"]);
    assert_eq!(client.counts().timers, 1);
}

#[tokio::test(start_paused = true)]
async fn timers_fire_in_the_order_of_their_deadlines() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        for seconds in [3, 1, 2] {
            let log = seen.clone();
            let mut first = true;
            s.effect(move |s| {
                if std::mem::take(&mut first) {
                    return s.invalidate_later(SECOND * seconds);
                }
                log.add(seconds);
                Ok(())
            });
        }
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.advance(SECOND * 5).await;
    assert_eq!(log.take().len(), 3);
    assert_eq!(client.counts().timers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_never_comes_is_no_failure() {
    let app = App::new(|s: &Session<'_>| {
        s.effect(|s| s.invalidate_later(Duration::MAX));
        Ok(())
    });
    let client = Client::connect(app).await;
    assert_eq!((client.close_code(), client.counts().timers), (None, 0));
}
