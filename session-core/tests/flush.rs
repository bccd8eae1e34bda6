//! One flush: what runs in which order, when callbacks run, and what the client hears of it (groups E and G).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use session_core::testing::Client;
use session_core::{App, EffectOptions, Interrupt, Limits, Registration, Result, Session, safe};

#[path = "support/session.rs"]
mod support;
use support::{Log, always, get, idle, run};

/// A callback that writes `line`, and says it to the client.
fn tells(
    log: &Log,
    line: &'static str,
) -> impl Fn(&Session<'_>) -> Result<()> + Send + Sync + use<> {
    let log = log.clone();
    move |s| {
        log.add(line);
        s.send_custom_message("said", line)
    }
}

/// What the frames since the last call are about, in order; busy and idle apart.
fn heard(client: &mut Client) -> Vec<String> {
    let about = |frame: &Json| {
        if let Some(line) = frame["custom"]["said"].as_str() {
            return Some(line.to_owned());
        }
        ["values", "response"].into_iter().find(|key| frame.get(key).is_some()).map(str::to_owned)
    };
    client.frames().iter().filter_map(about).collect()
}

/// What the client was told of its busy state since the last call.
fn busy(client: &mut Client) -> Vec<Json> {
    client.frames().iter().filter_map(|frame| frame.get("busy").cloned()).collect()
}

/// A flush that something from outside causes, and nothing else.
async fn flush(client: &mut Client) {
    run(client, |_| Ok(())).await;
}

// spec: E4 (decision 24)
#[tokio::test(start_paused = true)]
async fn init_is_one_flush() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        s.on_every_flush(seen.says("flush"));
        s.on_every_flushed(seen.says("flushed"));
        s.output_with("out", always(), |_| Ok(1))
    });
    let mut client = Client::connect(app).await;
    assert_eq!(log.take(), ["flush", "flushed"]);
    assert_eq!(heard(&mut client), ["values"]);
}

// spec: E5 (decision 24)
#[tokio::test(start_paused = true)]
async fn a_message_that_changes_nothing_sends_nothing_and_callbacks_run_all_the_same() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        s.on_every_flush(seen.says("flush"));
        s.on_every_flushed(seen.says("flushed"));
        Ok(())
    })
    .await;
    log.take();
    client.frames();
    client.flush().await;
    assert_eq!(log.take(), ["flush", "flushed"]);
    assert_eq!(client.frames(), [json!(null); 0]);
}

// spec: G8 (decision 25)
#[tokio::test(start_paused = true)]
async fn the_response_to_a_request_precedes_the_results_of_what_it_set() {
    let app = App::new(|s: &Session<'_>| {
        let value = s.value(0);
        s.set_message_handler("set", move |s, (n,): (u32,)| value.set(s, n))?;
        s.output_with("out", always(), move |s| value.get(s))
    });
    let mut client = Client::connect(app).await;
    client.frames();
    assert_eq!(client.call("set", (7,)).await, Ok(json!(true)));
    assert_eq!(heard(&mut client), ["response", "values"]);
    assert_eq!(client.output("out"), Ok(7));
}

// spec: G9
#[tokio::test(start_paused = true)]
async fn callbacks_run_around_the_sending_of_the_results_in_the_order_of_registration() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<u32>("n")?;
        // Registered the other way round than they run.
        s.on_every_flushed(tells(&seen, "flushed 1"));
        s.on_every_flush(tells(&seen, "flush 1"));
        s.on_every_flushed(tells(&seen, "flushed 2"));
        s.module("m")?.on_every_flush(tells(&seen, "flush 2"));
        s.on_every_flush(tells(&seen, "flush 3"));
        let (effect, low) = (tells(&seen, "effect"), tells(&seen, "last effect"));
        s.effect(move |s| n.get(s).and_then(|_| effect(s)));
        let last = EffectOptions { priority: i32::MIN, ..EffectOptions::default() };
        s.effect_with(last, move |s| n.get(s).and_then(|_| low(s)));
        s.output_with("out", always(), move |s| n.get(s))
    });
    let mut client = Client::connect(app).await;
    log.take();
    client.frames();
    client.set("n", 1).flush().await;
    let before = ["effect", "last effect", "flush 1", "flush 2", "flush 3"];
    let after = ["flushed 1", "flushed 2"];
    assert_eq!(log.take(), [&before[..], &after].concat());
    assert_eq!(heard(&mut client), [&before[..], &["values"], &after].concat());
}

// spec: G10
#[tokio::test(start_paused = true)]
async fn a_callback_runs_once_or_in_every_flush_even_if_it_stops_silently() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let says = |line: &'static str| {
            let log = seen.clone();
            move |_: &Session<'_>| -> Result<()> {
                log.add(line);
                Err(Interrupt::Silent)
            }
        };
        s.on_flush(says("flush"));
        s.on_flushed(says("flushed"));
        s.on_every_flush(says("every flush"));
        s.on_every_flushed(says("every flushed"));
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["flush", "every flush", "flushed", "every flushed"]);
    for _ in 0..3 {
        flush(&mut client).await;
        assert_eq!(log.take(), ["every flush", "every flushed"]);
    }
    assert_eq!(client.counts().callbacks, 2);
    assert_eq!(client.close_code(), None, "a quiet stop is no failure");
}

// spec: G11
#[tokio::test(start_paused = true)]
async fn a_callback_registered_by_one_of_its_kind_waits_for_the_next_round() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let flush = seen.clone();
        s.on_flush(move |s| {
            flush.add("flush");
            s.on_flush(flush.says("flush later"));
            s.on_flushed(flush.says("flushed at once"));
            Ok(())
        });
        s.on_flushed(move |s| {
            seen.add("flushed");
            s.on_flushed(seen.says("flushed later"));
            s.on_flush(seen.says("flush in the next"));
            Ok(())
        });
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["flush", "flushed", "flushed at once"]);
    flush(&mut client).await;
    assert_eq!(log.take(), ["flush later", "flush in the next", "flushed later"]);
    flush(&mut client).await;
    assert!(log.take().is_empty());
}

// spec: G12 (decision 21)
#[tokio::test(start_paused = true)]
async fn a_callback_that_an_earlier_one_of_the_round_cancels_does_not_run() {
    type Register =
        fn(&Session<'_>, Box<dyn FnMut(&Session<'_>) -> Result<()> + Send>) -> Registration;
    let kinds: [Register; 4] = [
        |s, f| s.on_flush(f),
        |s, f| s.on_every_flush(f),
        |s, f| s.on_flushed(f),
        |s, f| s.on_every_flushed(f),
    ];
    for register in kinds {
        let (mut client, log) = (idle().await, Log::default());
        let seen = log.clone();
        run(&mut client, move |s| {
            let slot = Arc::new(Mutex::new(None::<Registration>));
            let (second, first) = (slot.clone(), seen.clone());
            register(
                s,
                Box::new(move |s| {
                    first.add("first");
                    if let Some(second) = second.lock().unwrap().take() {
                        second.cancel(s);
                    }
                    Ok(())
                }),
            );
            *slot.lock().unwrap() = Some(register(s, Box::new(seen.says("second"))));
            register(s, Box::new(seen.says("third")));
            Ok(())
        })
        .await;
        assert_eq!(log.take(), ["first", "third"]);
    }
}

// spec: E25, G13
#[tokio::test(start_paused = true)]
async fn a_cancelled_callback_does_not_run_and_cancelling_twice_is_harmless() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let kept = run(&mut client, move |s| {
        let cancelled = [
            s.on_flush(seen.says("cancelled")),
            s.on_flushed(seen.says("cancelled")),
            s.on_every_flush(seen.says("cancelled")),
            s.on_every_flushed(seen.says("cancelled")),
        ];
        let kept = s.on_flush(seen.says("kept"));
        s.on_every_flushed(seen.says("kept too"));
        for registration in cancelled.into_iter().chain(cancelled) {
            registration.cancel(s);
        }
        Ok(kept)
    })
    .await;
    assert_eq!(log.take(), ["kept", "kept too"]);
    // It has run: there is nothing to cancel, and nobody else's is.
    run(&mut client, move |s| {
        kept.cancel(s);
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["kept too"]);
}

// spec: G13
#[tokio::test(start_paused = true)]
async fn a_callback_of_every_flush_may_cancel_itself() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let slot = Arc::new(Mutex::new(None::<Registration>));
        let own = slot.clone();
        *slot.lock().unwrap() = Some(s.on_every_flush(move |s| {
            seen.add("flush");
            own.lock().unwrap().unwrap().cancel(s);
            Ok(())
        }));
        Ok(())
    })
    .await;
    flush(&mut client).await;
    assert_eq!(log.take(), ["flush"]);
    assert_eq!(client.counts().callbacks, 0);
}

// spec: G13 (decision 6)
#[tokio::test(start_paused = true)]
async fn a_callback_stays_registered_when_its_registration_is_dropped() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let _ = s.on_every_flush(seen.says("flush"));
        Ok(())
    })
    .await;
    flush(&mut client).await;
    assert_eq!(log.take(), ["flush", "flush"]);
}

// spec: G14 G29
#[tokio::test(start_paused = true)]
async fn an_input_message_goes_with_the_results_of_the_flush_and_causes_none() {
    let mut client = idle().await;
    client.frames();
    run(&mut client, |s| {
        s.on_flush(|s| s.send_input_message("x", "of the flush"));
        s.on_flushed(|s| s.send_input_message("x", "behind it"));
        Ok(())
    })
    .await;
    let first = ("x".to_owned(), json!("of the flush"));
    let second = ("x".to_owned(), json!("behind it"));
    assert_eq!(client.model().input_messages(), std::slice::from_ref(&first));
    client.advance(Duration::from_secs(60)).await;
    assert_eq!(
        client.model().input_messages(),
        std::slice::from_ref(&first),
        "it waits for the next flush"
    );
    flush(&mut client).await;
    assert_eq!(client.model().input_messages(), [first, second]);
    assert_eq!(heard(&mut client), ["values", "values"]);
}

// spec: G15
#[tokio::test(start_paused = true)]
async fn what_a_callback_sets_is_flushed_behind_the_flush_at_hand() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let value = s.value(0);
        s.on_flush(move |s| value.set(s, 1).map(drop));
        s.on_flushed(move |s| value.set(s, 2).map(drop));
        s.on_every_flushed(seen.says("sent"));
        let seen = seen.clone();
        s.output_with("out", always(), move |s| {
            let n = value.get(s)?;
            seen.add(n);
            Ok(n)
        })
    });
    let client = Client::connect(app).await;
    // Both set it before the second flush, which finds the later one.
    assert_eq!(log.take(), ["0", "sent", "2", "sent"]);
    assert_eq!(client.output("out"), Ok(2));
}

// spec: G16 (decision 2)
#[tokio::test(start_paused = true)]
async fn callbacks_read_without_depending() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let value = run(&mut client, move |s| {
        let value = s.value(1);
        for moment in ["flush", "flushed", "ended", "destroy"] {
            let seen = seen.clone();
            let reads = move |s: &Session<'_>| {
                assert!(!s.is_tracking(), "{moment}");
                seen.add(format!("{moment} {}", value.get(s)?));
                Ok(())
            };
            match moment {
                "flush" => drop(s.on_every_flush(reads)),
                "flushed" => drop(s.on_every_flushed(reads)),
                "ended" => drop(s.on_ended(reads)),
                _ => s.on_destroy(reads),
            }
        }
        Ok(value)
    })
    .await;
    assert_eq!(log.take(), ["flush 1", "flushed 1"]);
    run(&mut client, move |s| value.set(s, 2)).await;
    assert_eq!(log.take(), ["flush 2", "flushed 2"]);
    client.disconnect().await;
    assert_eq!(log.take(), ["ended 2", "destroy 2"]);
}

// spec: G17 (decision 23)
#[tokio::test(start_paused = true)]
async fn a_callback_that_fails_or_panics_ends_the_session_once_the_flush_is_sent() {
    for panics in [false, true] {
        let log = Log::default();
        let seen = log.clone();
        let app = App::new(move |s: &Session<'_>| {
            let n = s.input::<u32>("n")?;
            s.output_with("out", always(), move |s| n.get(s))?;
            s.on_every_flush(move |s| {
                assert!(!panics || !n.is_set(s), "panics");
                if n.is_set(s) { Err(safe("fails").into()) } else { Ok(()) }
            });
            s.on_every_flush(seen.says("flush"));
            s.on_every_flushed(seen.says("flushed"));
            s.on_ended(seen.says("ended"));
            Ok(())
        });
        let mut client = Client::connect(app).await;
        log.take();
        client.set("n", 3).flush().await;
        assert_eq!(log.take(), ["flush", "flushed", "ended"]);
        assert_eq!(client.output("out"), Ok(3));
        assert_eq!(client.close_code(), Some(1011));
    }
}

// spec: G17 (decision 23)
#[tokio::test(start_paused = true)]
async fn a_callback_after_the_flush_that_fails_or_panics_ends_the_session_too() {
    for panics in [false, true] {
        let (mut client, log) = (idle().await, Log::default());
        let seen = log.clone();
        run(&mut client, move |s| {
            s.on_flushed(move |_| {
                assert!(!panics, "panics");
                Err(safe("fails").into())
            });
            s.on_flushed(seen.says("flushed"));
            s.on_ended(seen.says("ended"));
            Ok(())
        })
        .await;
        assert_eq!(log.take(), ["flushed", "ended"]);
        assert_eq!(client.close_code(), Some(1011));
    }
}

// spec: G18
#[tokio::test(start_paused = true)]
async fn callbacks_after_a_flush_run_even_if_it_cannot_be_sent() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<usize>("n")?;
        s.on_every_flushed(seen.says("flushed"));
        s.on_ended(seen.says("ended"));
        s.effect(move |s| {
            for _ in 0..n.get(s)? {
                s.send_custom_message("said", &"x".repeat(600))?;
            }
            Ok(())
        });
        Ok(())
    });
    let mut limits = Limits::default();
    limits.outbound_bytes = 1000;
    let mut client = Client::connect_with(app, limits).await;
    log.take();
    client.stall();
    client.set("n", 2).flush().await;
    assert_eq!(log.take(), ["flushed", "ended"]);
    assert_eq!(client.close_code(), Some(1008));
}

// spec: G28
#[tokio::test(start_paused = true)]
async fn a_custom_message_is_sent_at_once_and_before_the_results_of_the_flush() {
    let log = Log::default();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<u32>("n")?;
        s.output_with("out", always(), move |s| n.get(s))?;
        let said = tells(&log, "from an effect");
        s.effect(move |s| n.get(s).and_then(|_| said(s)));
        s.set_message_handler("ask", |s, ()| s.send_custom_message("said", "from a handler"))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.frames();
    client.set("n", 1).flush().await;
    assert_eq!(heard(&mut client), ["from an effect", "values"]);
    client.call("ask", ()).await.unwrap();
    assert_eq!(heard(&mut client), ["from a handler", "response"]);
}

// spec: G30
#[tokio::test(start_paused = true)]
async fn input_messages_keep_their_order_and_go_once() {
    let mut client = idle().await;
    run(&mut client, |s| {
        for n in 0..20 {
            s.send_input_message(if n % 2 == 0 { "even" } else { "odd" }, &n)?;
        }
        Ok(())
    })
    .await;
    flush(&mut client).await;
    let sent: Vec<_> = client.model().input_messages().iter().map(|(_, n)| n.clone()).collect();
    assert_eq!(sent, (0..20).map(Json::from).collect::<Vec<_>>());
}

// spec: G31 (decision 26)
#[tokio::test(start_paused = true)]
async fn a_message_that_has_no_json_form_is_an_error_of_that_call() {
    let no_json = || std::collections::BTreeMap::from([((1, 2), 3)]);
    let mut client = idle().await;
    client.frames();
    run(&mut client, move |s| {
        assert!(matches!(s.send_custom_message("said", &no_json()), Err(Interrupt::Failed(_))));
        assert!(matches!(s.send_input_message("x", &no_json()), Err(Interrupt::Failed(_))));
        s.set_message_handler("ask", move |_, ()| Ok(no_json()))?;
        Ok(())
    })
    .await;
    assert_eq!(client.frames(), [json!(null); 0]);
    assert!(client.call("ask", ()).await.is_err());
    assert_eq!(client.close_code(), None);
}

// spec: G34
#[tokio::test(start_paused = true)]
async fn the_client_is_told_of_the_first_work_and_of_the_last() {
    let app = App::new(|s: &Session<'_>| {
        s.output_with("tick", always(), |s| {
            s.invalidate_later(Duration::from_secs(1))?;
            Ok(tokio::time::Instant::now().elapsed().as_secs())
        })
    });
    let mut client = Client::connect(app).await;
    let url = run(&mut client, |s| {
        s.dynamic_route_async("slow", |_, _| {
            Ok(async {
                tokio::time::sleep(Duration::from_millis(3500)).await;
                Ok("done")
            })
        })
    })
    .await;
    assert_eq!(busy(&mut client), ["busy", "idle"], "effects alone, at init");
    client.wait().await;
    assert_eq!(busy(&mut client), ["busy", "idle"], "effects alone");
    client.fetch(get(&url)).await.unwrap();
    let frames = client.frames();
    let told = |key: &str| frames.iter().filter(|frame| frame.get(key).is_some()).count();
    assert_eq!((told("busy"), told("values")), (2, 3), "three ticks within one request");
    assert_eq!(frames.first().unwrap()["busy"], "busy");
    assert_eq!(frames.last().unwrap()["busy"], "idle");
    assert!(!client.model().is_busy());
}

// spec: G34
#[tokio::test(start_paused = true)]
async fn a_request_whose_route_is_destroyed_under_it_is_no_work_any_more() {
    let mut client = idle().await;
    let url = run(&mut client, |s| {
        let m = s.module("m")?;
        m.dynamic_route_async("slow", |s, _| {
            let handle = s.handle();
            Ok(async move {
                // Destroys what it is part of.
                let _ = handle.run(|s| s.destroy()).await;
                std::future::pending::<Result<&str>>().await
            })
        })
    })
    .await;
    client.frames();
    assert!(client.fetch(get(&url)).await.is_err(), "nobody answers");
    assert_eq!(busy(&mut client), ["busy", "idle"]);
    assert!(!client.model().is_busy());
}

// spec: G35
#[tokio::test(start_paused = true)]
async fn the_session_is_idle_again_when_a_queued_effect_is_destroyed() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<u32>("n")?;
        let (says, victim) = (tells(&seen, "first"), seen.clone());
        let victim = s.effect(move |s| {
            n.get(s)?;
            victim.add("second");
            Ok(())
        });
        let first = EffectOptions { priority: 1, ..EffectOptions::default() };
        s.effect_with(first, move |s| {
            n.get(s)?;
            victim.destroy(s);
            says(s)
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.frames();
    client.set("n", 1).flush().await;
    assert_eq!(log.take(), ["first"]);
    assert_eq!(busy(&mut client), ["busy", "idle"]);
}

// spec: decision 13
#[tokio::test(start_paused = true)]
async fn a_flush_that_does_not_end_ends_the_session_with_1011() {
    let effects = App::new(|s: &Session<'_>| {
        let (a, b) = (s.value(0_u64), s.value(0_u64));
        s.effect(move |s| b.set(s, a.get(s)? + 1).map(drop));
        s.effect(move |s| a.set(s, b.get(s)? + 1).map(drop));
        Ok(())
    });
    let callbacks = App::new(|s: &Session<'_>| {
        let a = s.value(0_u64);
        s.effect(move |s| a.get(s).map(drop));
        s.on_every_flush(move |s| a.update(s, |a| *a += 1).map(drop));
        Ok(())
    });
    // Nothing runs in these flushes: the one who looks is in doubt each time, and finds nothing changed.
    let in_doubt = App::new(|s: &Session<'_>| {
        let a = s.value(0_u64);
        let some = s.calc_distinct(move |s| Ok(a.get(s)? < u64::MAX));
        s.effect(move |s| some.get(s).map(drop));
        s.on_every_flush(move |s| a.update(s, |a| *a += 1).map(drop));
        Ok(())
    });
    for app in [effects, callbacks, in_doubt] {
        let mut limits = Limits::default();
        limits.runs_per_flush = 100;
        let client = Client::connect_with(app, limits).await;
        assert_eq!(client.close_code(), Some(1011));
    }
}

// spec: E1 C4 C5
#[tokio::test(start_paused = true)]
async fn what_effects_set_and_make_runs_in_the_same_flush() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<u32>("n")?;
        let value = s.value(0);
        let (first, second) = (seen.clone(), seen.clone());
        s.effect(move |s| {
            second.add(format!("reads {}", value.get(s)?));
            Ok(())
        });
        s.effect(move |s| {
            value.set(s, n.get(s)?)?;
            s.effect(first.says("made"));
            Ok(())
        });
        s.on_every_flushed(seen.says("sent"));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert_eq!(log.take(), ["reads 0", "sent"]);
    client.set("n", 5).flush().await;
    assert_eq!(log.take(), ["reads 5", "made", "sent"]);
}

// spec: G9
#[tokio::test(start_paused = true)]
async fn async_callbacks_of_a_flush_take_their_turn_and_hold_nothing_up() {
    let log = Log::default();
    let app_log = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let log = app_log.clone();
        let wait = move |log: &Log, name: &'static str| {
            let log = log.clone();
            log.add(name);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                log.add(format!("{name}, later"));
                Ok(())
            }
        };
        let (before, after) = (log.clone(), log.clone());
        s.on_flush_async(move |_| Ok(wait(&before, "before")));
        s.on_flush(log.says("before, too"));
        s.on_flushed_async(move |_| Ok(wait(&after, "after")));
        s.on_flushed(log.says("after, too"));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert_eq!(log.take(), ["before", "before, too", "after", "after, too"]);
    client.wait().await;
    assert_eq!(log.take(), ["before, later", "after, later"]);
    client
        .run(|s| s.on_flushed_async(|_| Ok(async { Err(std::io::Error::other("x").into()) })))
        .await
        .unwrap();
    client.settle().await;
    assert_eq!(client.close_code(), Some(1011));
}
