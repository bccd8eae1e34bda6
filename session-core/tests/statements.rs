//! Laws that no one area has to itself: what waiting does to dependencies, and what lives how long.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;
use session_core::testing::{Client, OutputState};
use session_core::{Action, App, Body, EventOptions, Interrupt, Response, Session};

#[path = "support/session.rs"]
mod support;
use support::{Log, always, get, idle, run};

const SECOND: Duration = Duration::from_secs(1);

// spec: C28 (decision 5)
#[tokio::test(start_paused = true)]
async fn async_effects_of_one_flush_work_beside_each_other_and_hold_up_no_message() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        for (name, seconds) in [("slow", 2), ("quick", 1)] {
            let log = seen.clone();
            s.effect_async(move |_| {
                let log = log.clone();
                log.add(format!("{name} begins"));
                Ok(async move {
                    tokio::time::sleep(SECOND * seconds).await;
                    log.add(format!("{name} ends"));
                    Ok(())
                })
            });
        }
        s.set_message_handler("ask", |_, ()| Ok("answered"))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert_eq!(log.take(), ["slow begins", "quick begins"]);
    assert_eq!(client.call("ask", ()).await, Ok("answered".into()));
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["quick ends"]);
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["slow ends"]);
}

// spec: D3 (decision 5)
#[tokio::test(start_paused = true)]
async fn what_a_future_reads_after_it_has_waited_is_no_dependency_and_others_keep_theirs() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let (first, later) = run(&mut client, move |s| {
        let (first, later) = (s.value(1), s.value(10));
        let log = seen.clone();
        s.effect_async(move |s| {
            let (n, handle, log) = (first.get(s)?, s.handle(), log.clone());
            Ok(async move {
                tokio::time::sleep(SECOND).await;
                let read = move |s: &Session<'_>| {
                    assert!(!s.is_tracking());
                    later.get(s)
                };
                log.add(format!("future {}", n + handle.run(read).await??));
                Ok(())
            })
        });
        s.effect(move |s| {
            seen.add(format!("effect {}", later.get(s)?));
            Ok(())
        });
        Ok((first, later))
    })
    .await;
    client.advance(SECOND).await;
    client.settle().await;
    assert_eq!(log.take(), ["effect 10", "future 11"]);
    run(&mut client, move |s| later.set(s, 20)).await;
    client.advance(SECOND * 2).await;
    client.settle().await;
    assert_eq!(log.take(), ["effect 20"]);
    run(&mut client, move |s| first.set(s, 2)).await;
    client.advance(SECOND * 2).await;
    client.settle().await;
    assert_eq!(log.take(), ["future 22"]);
}

// spec: D12, D13
#[tokio::test(start_paused = true)]
async fn an_output_below_an_event_is_empty_until_it_comes_and_then_shows_what_it_found() {
    let app = App::new(|s: &Session<'_>| {
        let m = s.module("m")?;
        let (go, text) = (m.input::<Action>("go")?, m.input::<String>("text")?);
        let sent = m.calc_on_event(go, move |s, clicks| {
            Ok(format!("{}{} {}", s.namespace(), clicks.0, text.get(s)?))
        });
        m.output_with("sent", always(), move |s| sent.get(s))?;
        let options =
            EventOptions { ignore_none: false, ignore_init: true, ..EventOptions::default() };
        let second = m.calc_on_event_with(go, options, |_, clicks| Ok(clicks.0));
        m.output_with("second", always(), move |s| second.get(s))
    });
    let mut client = Client::connect(app.sanitize_errors(false)).await;
    client.set("m-go:shiny.action", 0).set("m-text", "a").flush().await;
    assert_eq!(client.model().shows("m-sent"), Some(Ok(&json!(null))));
    assert_eq!(client.model().shows("m-second"), Some(Ok(&json!(null))));
    client.set("m-go:shiny.action", 1).flush().await;
    assert_eq!(client.output("m-second"), Ok(1));
    client.set("m-text", "b").flush().await;
    assert_eq!(client.output("m-sent"), Ok("m1 a".to_owned()), "the text alone is no event");
    client.set("m-go:shiny.action", 0).flush().await;
    assert_eq!(client.model().shows("m-sent"), Some(Ok(&json!(null))));
    assert_eq!(client.output("m-second"), Ok(0));
}

// spec: I15
#[tokio::test(start_paused = true)]
async fn an_output_goes_after_the_callbacks_of_its_scope_and_of_those_around_it() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let m = s.module("m")?;
        m.module("c")?.output_with("out", always(), |_| Ok(1))?;
        m.on_destroy(|s| s.send_custom_message("said", "while it is there"));
        Ok(())
    })
    .await;
    client.frames();
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(
        client.frames(),
        [
            json!({ "custom": { "said": "while it is there" } }),
            json!({ "progress": { "type": "binding", "message": { "id": "m-c-out" } } }),
        ]
    );
    assert_eq!(client.model().state("m-c-out"), OutputState::Invalidated);
}

// spec: I39
#[tokio::test(start_paused = true)]
async fn what_a_scope_made_lives_as_long_as_the_scope_whether_or_not_anybody_keeps_its_name() {
    let mut client = idle().await;
    let before = client.counts();
    let held = Arc::new(());
    let (of_value, of_calc) = (held.clone(), held.clone());
    run(&mut client, move |s| {
        let m = s.module("m")?;
        let _ = m.value(of_value);
        let _ = m.calc(move |_| Ok(Arc::strong_count(&of_calc)));
        Ok(())
    })
    .await;
    client.flush().await;
    let counts = client.counts();
    assert_eq!((counts.values, counts.calcs), (before.values + 1, before.calcs + 1));
    assert_eq!(Arc::strong_count(&held), 3);
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!((client.counts(), Arc::strong_count(&held)), (before, 1));
}

// spec: K8
#[tokio::test(start_paused = true)]
async fn a_session_is_not_busy_with_a_body_that_is_still_on_its_way() {
    let mut client = idle().await;
    let url = run(&mut client, |s| {
        s.dynamic_route_async("endless", |_, _| {
            Ok(async {
                tokio::time::sleep(SECOND).await;
                let chunk = Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"chunk")));
                let body = stream::iter([chunk]).chain(stream::pending());
                Ok(Response::new(Body::new(StreamBody::new(body))))
            })
        })
    })
    .await;
    client.frames();
    let response = client.fetch(get(&url)).await.unwrap();
    assert_eq!(response.status(), 200);
    client.settle().await;
    assert_eq!(client.frames(), [json!({ "busy": "busy" }), json!({ "busy": "idle" })]);
}

// spec: N8
#[tokio::test(start_paused = true)]
async fn what_app_code_does_to_the_array_it_has_read_changes_no_input() {
    let mut client = idle().await;
    client.set("v", json!([1, [2, 3]])).flush().await;
    run(&mut client, |s| {
        let v = s.input::<Vec<serde_json::Value>>("v")?;
        let mut own = v.get(s)?;
        own.clear();
        assert_eq!(v.get(s)?, [json!(1), json!([2, 3])]);
        Ok(())
    })
    .await;
}

// spec: I1, G9 (decision 5)
#[tokio::test(start_paused = true)]
async fn callbacks_run_to_their_end_one_after_another_and_what_they_start_goes_on_beside_them() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        for line in ["one", "two"] {
            for moment in ["flush", "flushed", "destroy"] {
                let log = seen.clone();
                let callback = move |s: &Session<'_>| {
                    log.add(format!("{moment} {line}"));
                    let later = log.clone();
                    s.root().effect_async(move |_| {
                        let later = later.clone();
                        Ok(async move {
                            tokio::time::sleep(SECOND).await;
                            later.add(format!("{moment} {line}, later"));
                            Ok(())
                        })
                    });
                    Ok(())
                };
                match moment {
                    "flush" => drop(m.on_flush(callback)),
                    "flushed" => drop(m.on_flushed(callback)),
                    _ => m.on_destroy(callback),
                }
            }
        }
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["flush one", "flush two", "flushed one", "flushed two"]);
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(log.take(), ["destroy one", "destroy two"]);
    client.advance(SECOND).await;
    client.settle().await;
    assert_eq!(log.take().len(), 6, "all that was begun, the module's own included");
    assert_eq!(client.close_code(), None);
}

// spec: D16
#[tokio::test(start_paused = true)]
async fn a_requirement_that_is_not_met_empties_an_output_and_stops_an_effect() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<i64>("n")?;
        let log = seen.clone();
        s.effect(move |s| {
            log.add(session_core::req(n.get(s)?)?);
            Ok(())
        });
        s.output_with("out", always(), move |s| session_core::req(n.get(s)?))?;
        s.output_with("kept", always(), move |s| session_core::req_cancel(n.get(s)?))?;
        s.output_with("works", always(), move |s| match n.get(s)? {
            0 => Err(Interrupt::InProgress),
            n => Ok(n),
        })
    });
    let mut client = Client::connect(app).await;
    for n in [5, 0, 6] {
        client.set("n", n).flush().await;
        match n {
            0 => {
                assert_eq!(client.model().shows("out"), Some(Ok(&json!(null))));
                assert_eq!(client.model().shows("kept"), Some(Ok(&json!(5))));
                assert_eq!(client.model().shows("works"), Some(Ok(&json!(5))));
                assert_eq!(client.model().state("works"), OutputState::Persistent);
            }
            n => {
                for id in ["out", "kept", "works"] {
                    assert_eq!(client.output(id), Ok(n));
                }
            }
        }
    }
    assert_eq!(log.take(), ["5", "6"]);
}
