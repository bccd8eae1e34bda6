//! The life of a session: how it begins, what ends it, and what follows from that (group G).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use session_core::testing::Client;
use session_core::{
    App, CloseCode, CloseReason, Interrupt, Limits, OnEffectError, Result, Session, SessionEnded,
    safe,
};
use tokio::time::Instant;

#[path = "support/session.rs"]
mod support;
use support::{Dropped, Log, always, idle, run};

/// The code with which a session ends that gets `messages`, and what it wrote down meanwhile.
async fn after(messages: &[&str]) -> (Option<u16>, Vec<String>) {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        s.on_ended(seen.says("ended"));
        Ok(())
    });
    let mut client = Client::open(app, Limits::default());
    for message in messages {
        assert_eq!(client.close_code(), None, "before {message}");
        client.send(message).await;
    }
    (client.close_code(), log.take())
}

const INIT: &str = r#"{"method":"init","data":{}}"#;

// spec: G1
#[tokio::test(start_paused = true)]
async fn config_with_the_id_of_the_session_comes_before_anything_is_said() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        seen.add(s.id());
        Ok(())
    });
    let mut client = Client::open(app, Limits::default());
    let frames = client.frames();
    assert_eq!(frames.len(), 1);
    assert!(frames[0]["config"].is_object());
    assert!(log.take().is_empty(), "the app waits for init");
    client.init().await;
    assert_eq!(log.take(), [client.model().session_id().unwrap()]);
}

// spec: G2
#[tokio::test(start_paused = true)]
async fn the_inputs_of_init_are_there_when_the_app_starts() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        seen.add(s.input::<u32>("n")?.get(s)?);
        seen.add(s.client_data().pixel_ratio().get(s)?);
        Ok(())
    });
    let mut client = Client::open(app, Limits::default());
    client.set("n:shiny.number", 5).set(".clientdata_pixelratio", 1.5).init().await;
    assert_eq!(log.take(), ["5", "1.5"]);
}

// spec: G3 (decision 29)
#[tokio::test(start_paused = true)]
async fn a_message_in_the_wrong_state_ends_the_session_with_1002() {
    let update = r#"{"method":"update","data":{}}"#;
    let request = r#"{"method":"ask","args":[],"tag":1}"#;
    assert_eq!(after(&[update]).await, (Some(1002), vec![]));
    assert_eq!(after(&[request]).await, (Some(1002), vec![]));
    assert_eq!(after(&[INIT, INIT]).await, (Some(1002), vec!["ended".to_owned()]));
    assert_eq!(after(&[INIT, update, request]).await, (None, vec![]));
}

// spec: G4 (decision 29)
#[tokio::test(start_paused = true)]
async fn an_unknown_method_ends_the_session_unless_it_asks_for_an_answer() {
    for message in [
        r#"{"method":"nothing"}"#,
        r#"{"method":"nothing","data":{}}"#,
        r#"{"method":"nothing","args":[]}"#,
        r#"{"method":"nothing","tag":1}"#,
    ] {
        assert_eq!(after(&[INIT, message]).await, (Some(1002), vec!["ended".to_owned()]));
    }
    let mut client = idle().await;
    assert_eq!(client.call("nothing", (1, 2)).await, Err("Unknown method: nothing".into()));
    assert_eq!(client.close_code(), None);
}

// spec: G5 (decision 29)
#[tokio::test(start_paused = true)]
async fn what_is_no_message_ends_the_session_with_a_code_that_says_why() {
    for (message, code) in [
        ("", 1007),
        ("{", 1007),
        ("hello", 1007),
        (r#"{"method":"update","data":{}"#, 1007),
        ("1", 1002),
        ("null", 1002),
        ("[]", 1002),
        ("{}", 1002),
        (r#"{"data":{}}"#, 1002),
        (r#"{"method":1,"data":{}}"#, 1002),
        (r#"{"method":"update"}"#, 1002),
        (r#"{"method":"update","data":null}"#, 1002),
        (r#"{"method":"update","data":[]}"#, 1002),
    ] {
        let (ended_with, log) = after(&[INIT, message]).await;
        assert_eq!((ended_with, &*log), (Some(code), &["ended".to_owned()][..]), "{message:?}");
    }
}

// spec: G6 (decisions 15 and 29)
#[tokio::test(start_paused = true)]
async fn an_app_that_fails_or_panics_at_its_start_ends_the_session_with_1011() {
    for panics in [false, true] {
        let log = Log::default();
        let seen = log.clone();
        let app = App::new(move |s: &Session<'_>| {
            s.on_ended(seen.says("ended"));
            s.effect(seen.says("an effect"));
            assert!(!panics, "panics");
            Err(safe("fails").into())
        });
        let client = Client::connect(app).await;
        assert_eq!(client.close_code(), Some(1011));
        let text = client.end_reason().unwrap().text();
        assert!(!text.contains("fails") && !text.contains("panics"), "{text}");
        assert_eq!(log.take(), ["ended"]);
    }
}

// spec: G6
#[tokio::test(start_paused = true)]
async fn an_app_that_stops_silently_at_its_start_keeps_what_it_registered() {
    let app = App::new(|s: &Session<'_>| {
        s.output_with("out", always(), |_| Ok("here"))?;
        s.input::<u32>("never_sent")?.get(s)?;
        s.output_with("other", always(), |_| Ok("not here"))
    });
    let client = Client::connect(app).await;
    assert_eq!(client.close_code(), None);
    assert_eq!(client.output::<String>("out"), Ok("here".into()));
    assert_eq!(client.counts().outputs, 1);
}

// spec: G19 (decision 16)
#[tokio::test(start_paused = true)]
async fn the_end_runs_ended_callbacks_in_order_and_then_those_of_destroy() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        s.on_destroy(seen.says("destroy root"));
        let m = s.module("m")?;
        m.on_destroy(seen.says("destroy m"));
        s.on_ended(seen.says("ended 1"));
        m.on_ended(seen.says("ended 2"));
        s.on_ended(seen.says("ended 3"));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.disconnect().await;
    assert_eq!(log.take(), ["ended 1", "ended 2", "ended 3", "destroy m", "destroy root"]);
}

// spec: G20 (decision 16)
#[tokio::test(start_paused = true)]
async fn an_ended_callback_that_fails_or_panics_stops_nothing() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        s.on_ended(|_| Err(safe("fails").into()));
        s.on_ended(seen.says("after a failure"));
        s.on_ended(|_| panic!("panics"));
        s.on_ended_async(|_| -> Result<std::future::Ready<Result<()>>> { panic!("panics") });
        s.on_ended_async(|_| Ok(async { panic!("panics later") }));
        s.on_ended(seen.says("after a panic"));
        s.on_destroy(seen.says("destroyed"));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.disconnect().await;
    assert_eq!(log.take(), ["after a failure", "after a panic", "destroyed"]);
    assert_eq!(client.close_code(), Some(1000), "the reason is still the first");
}

// spec: G21 (decision 29)
#[tokio::test(start_paused = true)]
async fn a_session_that_is_closed_and_then_loses_its_link_ends_once() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        s.on_ended(seen.says("ended"));
        s.close();
        s.close();
        Ok(())
    })
    .await;
    client.disconnect().await;
    assert_eq!(log.take(), ["ended"]);
    assert_eq!(client.close_code(), Some(1001));
}

// spec: G22
#[tokio::test(start_paused = true)]
async fn closing_a_session_while_it_ends_does_nothing() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let (one, two) = (seen.clone(), seen.clone());
        s.on_ended(move |s| {
            one.add("begins");
            s.close_with(CloseCode::POLICY);
            one.add("goes on");
            Ok(())
        });
        s.on_ended(seen.says("next"));
        s.on_destroy(move |s| {
            s.close();
            two.add("destroyed");
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.disconnect().await;
    assert_eq!(log.take(), ["begins", "goes on", "next", "destroyed"]);
    assert_eq!(client.close_code(), Some(1000));
}

// spec: G23 (decision 16)
#[tokio::test(start_paused = true)]
async fn an_effect_that_closes_the_session_runs_to_its_end_and_is_heard_no_more() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        s.on_ended(seen.says("ended"));
        let inner = seen.clone();
        s.effect(move |s| {
            s.send_custom_message("said", "before")?;
            s.close_with(CloseReason::new(CloseCode::POLICY, "enough"));
            s.close();
            s.send_custom_message("said", "after")?;
            s.on_flush(inner.says("on flush"));
            inner.add("the rest");
            Ok(())
        });
        s.effect(seen.says("the next effect"));
        s.output_with("out", always(), |_| Ok(1))
    });
    let client = Client::connect(app).await;
    assert_eq!(log.take(), ["the rest", "ended"]);
    assert_eq!(client.model().custom(), [("said".to_owned(), json!("before"))]);
    assert_eq!(client.model().shows("out"), None);
    let reason = client.end_reason().unwrap();
    assert_eq!((reason.code().get(), reason.text()), (1008, "enough"), "the first reason stands");
}

// spec: G24
#[tokio::test(start_paused = true)]
async fn an_ended_callback_that_comes_too_late_never_runs() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let (at_end, at_destroy) = (seen.clone(), seen.clone());
        let log = seen.clone();
        s.on_ended(move |s| {
            at_end.add("ended");
            s.on_ended(at_end.says("late"));
            s.on_ended_async(move |_| {
                log.add("late");
                Ok(async { Ok(()) })
            });
            Ok(())
        });
        s.on_destroy(move |s| {
            s.on_ended(at_destroy.says("too late"));
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.disconnect().await;
    assert_eq!(log.take(), ["ended"]);
    assert_eq!(client.counts().callbacks, 0);
}

// spec: G25
#[tokio::test(start_paused = true)]
async fn an_ended_callback_that_was_cancelled_does_not_run() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let registration = run(&mut client, move |s| {
        let first = s.on_ended(seen.says("cancelled"));
        s.on_ended(seen.says("kept"));
        Ok(first)
    })
    .await;
    run(&mut client, move |s| {
        registration.cancel(s);
        registration.cancel(s);
        Ok(())
    })
    .await;
    client.disconnect().await;
    assert_eq!(log.take(), ["kept"]);
}

// spec: G25 (decision 21)
#[tokio::test(start_paused = true)]
async fn an_ended_callback_may_cancel_a_later_one() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let slot = Arc::new(std::sync::Mutex::new(None));
        let later = slot.clone();
        s.on_ended(move |s| {
            let registration: Option<session_core::Registration> = later.lock().unwrap().take();
            registration.unwrap().cancel(s);
            Ok(())
        });
        *slot.lock().unwrap() = Some(s.on_ended(seen.says("cancelled")));
        s.on_ended(seen.says("kept"));
        Ok(())
    })
    .await;
    client.disconnect().await;
    assert_eq!(log.take(), ["kept"]);
}

// spec: G26
#[tokio::test(start_paused = true)]
async fn values_calcs_and_inputs_are_readable_in_ended_callbacks() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let (value, m) = (s.value(1), s.module("m")?);
        let input = m.input::<u32>("n")?;
        let calc = m.calc(move |s| Ok(value.get(s)? + input.get(s)?));
        let seen = seen.clone();
        s.on_ended(move |s| {
            value.set(s, 2)?;
            seen.add(format!("{} {} {}", value.get(s)?, input.get(s)?, calc.get(s)?));
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("m-n", 40).flush().await;
    client.disconnect().await;
    assert_eq!(log.take(), ["2 40 42"]);
}

// spec: G27 C25
#[tokio::test(start_paused = true)]
async fn no_effect_or_output_runs_any_more_once_the_session_ends() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let value = s.value(0);
        let (effect, output) = (seen.clone(), seen.clone());
        s.effect(move |s| {
            effect.add(format!("effect {}", value.get(s)?));
            Ok(())
        });
        s.output_with("out", always(), move |s| {
            output.add(format!("output {}", value.get(s)?));
            Ok(())
        })?;
        s.on_ended(move |s| {
            value.set(s, 1)?;
            s.send_custom_message("said", "too late")?;
            Ok(())
        });
        s.on_destroy(move |s| value.set(s, 2).map(drop));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert_eq!(log.take(), ["effect 0", "output 0"]);
    client.frames();
    client.disconnect().await;
    assert!(log.take().is_empty());
    assert_eq!(client.frames(), [json!(null); 0]);
}

// spec: G33
#[tokio::test(start_paused = true)]
async fn the_client_is_told_once_whether_to_come_back() {
    use session_core::Reconnect::{Force, No, Yes};
    let mut client = idle().await;
    client.frames();
    for (reconnect, word) in [(No, json!(false)), (Yes, json!(true)), (Force, json!("force"))] {
        run(&mut client, move |s| {
            s.allow_reconnect(reconnect);
            Ok(())
        })
        .await;
        assert_eq!(client.frames(), [json!({ "allowReconnect": word })]);
    }
}

// spec: C22 (decision 11)
#[tokio::test(start_paused = true)]
async fn an_effect_that_fails_ends_the_session_after_what_outputs_gave_is_sent() {
    for panics in [false, true] {
        let log = Log::default();
        let seen = log.clone();
        let app = App::new(move |s: &Session<'_>| {
            let n = s.input::<u32>("n")?;
            s.on_ended(seen.says("ended"));
            s.output_with("before", always(), move |s| n.get(s))?;
            s.effect(move |s| {
                let n = n.get(s)?;
                assert!(!(panics && n == 2), "secret");
                if n == 2 { Err(safe("secret").into()) } else { Ok(()) }
            });
            let seen = seen.clone();
            s.effect(move |s| {
                seen.add(format!("effect {}", n.get(s)?));
                Ok(())
            });
            s.output_with("behind", always(), move |s| n.get(s))
        });
        let mut client = Client::connect(app).await;
        client.set("n", 1).flush().await;
        assert_eq!(log.take(), ["effect 1"]);
        client.set("n", 2).flush().await;
        assert_eq!(log.take(), ["ended"]);
        assert_eq!(client.output("before"), Ok(2));
        assert_eq!(client.output("behind"), Ok(1));
        let reason = client.end_reason().unwrap();
        assert_eq!(reason.code(), CloseCode::APP_FAILED);
        assert!(!reason.text().contains("secret"), "{}", reason.text());
    }
}

// spec: C21 C22 (decision 11)
#[tokio::test(start_paused = true)]
async fn an_app_may_have_failures_of_effects_logged_instead() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<u32>("n")?;
        s.effect(move |s| match n.get(s)? {
            1 => Err(safe("fails").into()),
            2 => panic!("panics"),
            _ => Ok(()),
        });
        let seen = seen.clone();
        s.effect(move |s| {
            seen.add(format!("effect {}", n.get(s)?));
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app.on_effect_error(OnEffectError::Log)).await;
    client.set("n", 1).flush().await;
    client.set("n", 1).flush().await;
    assert_eq!((log.take(), client.close_code()), (vec!["effect 1".to_owned(); 2], None));
    client.set("n", 2).flush().await;
    assert!(log.take().is_empty(), "a panic ends the session all the same");
    assert_eq!(client.close_code(), Some(1011));
}

// spec: C22 (decisions 5 and 11)
#[tokio::test(start_paused = true)]
async fn a_failure_of_the_second_step_of_an_effect_ends_the_session_too() {
    for panics in [false, true] {
        let app = App::new(move |s: &Session<'_>| {
            s.effect_async(move |_| {
                Ok(async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    assert!(!panics, "panics");
                    Err(safe("fails").into())
                })
            });
            Ok(())
        });
        let mut client = Client::connect(app).await;
        assert_eq!(client.close_code(), None);
        client.wait().await;
        assert_eq!(client.close_code(), Some(1011));
    }
}

// spec: C22 (decision 15)
#[tokio::test(start_paused = true)]
async fn a_panic_of_the_second_step_of_an_effect_ends_the_session_even_if_failures_are_logged() {
    let app = App::new(|s: &Session<'_>| {
        s.effect_async(|_| Ok(async { Err(safe("fails").into()) }));
        s.set_message_handler("panic", |s, ()| {
            s.effect_async(|_| Ok(async { panic!("panics") }));
            Ok(())
        })?;
        Ok(())
    });
    let mut client = Client::connect(app.on_effect_error(OnEffectError::Log)).await;
    assert_eq!(client.close_code(), None);
    client.ask("panic", ()).await;
    assert_eq!(client.close_code(), Some(1011));
}

// spec: C20 C23 (decision 11)
#[tokio::test(start_paused = true)]
async fn the_quiet_stops_end_one_run_of_an_effect_and_nothing_else() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let n = s.input::<u32>("n")?;
        let (sync, second) = (seen.clone(), seen.clone());
        s.effect(move |s| {
            let n = n.get(s)?;
            sync.add(format!("first {n}"));
            match n {
                1 => Err(Interrupt::Silent),
                2 => Err(Interrupt::Cancel),
                3 => Err(Interrupt::InProgress),
                _ => Ok(()),
            }
        });
        s.effect_async(move |s| {
            let n = n.get(s)?;
            let log = second.clone();
            Ok(async move {
                log.add(format!("second {n}"));
                if n == 2 { Err(Interrupt::Cancel) } else { Err(Interrupt::Silent) }
            })
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    for n in 1..5 {
        client.set("n", n).flush().await;
        assert_eq!(log.take(), [format!("first {n}"), format!("second {n}")]);
    }
    assert_eq!(client.close_code(), None);
}

// spec: C25 G19 (decision 16)
#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_that_the_app_made_is_held_any_more() {
    let token = Arc::new(());
    let held = token.clone();
    let app = App::new(move |s: &Session<'_>| {
        let m = s.module("m")?;
        for s in [s, &m, &m.module("inner")?] {
            let value = s.value(held.clone());
            let t = held.clone();
            let calc = s.calc(move |s| {
                let _ = &t;
                value.get(s)
            });
            let t = held.clone();
            s.effect(move |s| {
                let _ = &t;
                calc.get(s)?;
                s.invalidate_later(Duration::from_secs(1))
            });
            let t = held.clone();
            s.effect_async(move |_| {
                let t = t.clone();
                Ok(async move {
                    let () = std::future::pending().await;
                    drop(t);
                    Ok(())
                })
            });
            let t = held.clone();
            let effect = s.effect(|_| Ok(()));
            effect.on_invalidate(s, move |_| {
                let _ = &t;
                Ok(())
            });
            let t = held.clone();
            s.output_with("out", always(), move |_| Ok(Arc::strong_count(&t) > 0))?;
            let t = held.clone();
            s.set_message_handler("ask", move |_, ()| Ok(Arc::strong_count(&t)))?;
            let t = held.clone();
            s.dynamic_route("route", move |_, _| Ok(Arc::strong_count(&t).to_string()))?;
            for register in [Session::on_every_flush, Session::on_every_flushed] {
                let t = held.clone();
                register(
                    s,
                    Box::new(move |_: &Session<'_>| {
                        let _ = &t;
                        Ok(())
                    }) as Box<dyn FnMut(&Session<'_>) -> Result<()> + Send>,
                );
            }
            let (t, late) = (held.clone(), held.clone());
            s.on_ended(move |s| {
                // What is made while the session ends goes with it.
                let (value, again) = (s.value(t), late.clone());
                s.effect(move |s| value.get(s).map(drop));
                s.on_destroy(move |_| {
                    drop(again);
                    Ok(())
                });
                s.on_ended(move |_| {
                    drop(late);
                    Ok(())
                });
                Ok(())
            });
        }
        Ok(())
    });
    let before = Arc::strong_count(&token);
    let mut client = Client::connect(app).await;
    assert!(Arc::strong_count(&token) >= before + 3 * 9);
    client.disconnect().await;
    assert_eq!(Arc::strong_count(&token), before);
    let counts = client.counts();
    assert_eq!((counts.values, counts.effects, counts.calcs, counts.tasks), (0, 0, 0, 0));
    assert_eq!(
        (counts.modules, counts.callbacks, counts.graph_callbacks, counts.timers),
        (0, 0, 0, 0)
    );
    assert_eq!((counts.inputs, counts.outputs, counts.handlers, counts.routes), (0, 0, 0, 0));
}

// spec: G19 (decision 16)
#[tokio::test(start_paused = true)]
async fn asynchronous_ended_callbacks_are_awaited_before_anything_is_destroyed() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        s.on_destroy(seen.says("destroyed"));
        for (line, seconds) in [("slow", 3), ("quick", 1)] {
            let seen = seen.clone();
            s.on_ended_async(move |_| {
                seen.add(format!("{line} begins"));
                Ok(async move {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    seen.add(format!("{line} is done"));
                    Ok(())
                })
            });
        }
        s.on_ended(seen.says("ended"));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.disconnect().await;
    let lines =
        ["slow begins", "quick begins", "ended", "quick is done", "slow is done", "destroyed"];
    assert_eq!(log.take(), lines);
}

// spec: G19 (decision 16)
#[tokio::test(start_paused = true)]
async fn an_asynchronous_ended_callback_is_dropped_when_its_grace_is_over() {
    let log = Log::default();
    let (seen, guard) = (log.clone(), Arc::new(()));
    let held = guard.clone();
    let app = App::new(move |s: &Session<'_>| {
        let held = held.clone();
        s.on_ended_async(move |_| {
            Ok(async move {
                let () = std::future::pending().await;
                drop(held);
                Ok(())
            })
        });
        s.on_destroy(seen.says("destroyed"));
        Ok(())
    });
    let mut limits = Limits::default();
    limits.end_grace = Duration::from_secs(7);
    let before = Arc::strong_count(&guard);
    let mut client = Client::connect_with(app, limits).await;
    let start = Instant::now();
    client.disconnect().await;
    assert_eq!(start.elapsed().as_secs(), 7);
    assert_eq!(log.take(), ["destroyed"]);
    assert_eq!(Arc::strong_count(&guard), before);
}

// spec: I35 (decision 18)
#[tokio::test(start_paused = true)]
async fn a_handle_says_that_the_session_ended() {
    let mut client = idle().await;
    let handle = client.handle();
    assert!(!handle.has_ended());
    client.disconnect().await;
    assert!(handle.has_ended());
    handle.ended().await;
    assert_eq!(handle.run(|_| ()).await, Err(SessionEnded));
    assert_eq!(handle.close(CloseCode::NORMAL).await, Err(SessionEnded));
}

// spec: G23 (decision 4)
#[tokio::test(start_paused = true)]
async fn work_that_was_handed_in_behind_a_close_is_not_done() {
    let (mut client, log) = (idle().await, Log::default());
    let handle = client.handle();
    let seen = log.clone();
    let (closed, refused, ()) = tokio::join!(
        handle.close(CloseReason::new(CloseCode::DRAIN, "moved")),
        handle.run(move |_| seen.add("ran")),
        async { client.settle().await },
    );
    assert_eq!((closed, refused), (Ok(()), Err(SessionEnded)));
    assert!(log.take().is_empty());
    assert_eq!(client.close_code(), Some(1012));
}

// spec: decision 15
#[tokio::test(start_paused = true)]
async fn work_from_outside_that_panics_ends_the_session_with_1011() {
    let mut client = idle().await;
    assert_eq!(client.run(|_| panic!("panics")).await, Err::<(), _>(SessionEnded));
    assert_eq!(client.close_code(), Some(1011));
}

// spec: G19 (decision 16)
#[tokio::test(start_paused = true)]
async fn futures_at_work_are_dropped_before_ended_callbacks_run() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        s.on_ended(seen.says("ended"));
        s.effect_async(move |_| {
            let guard = Dropped(seen.clone());
            Ok(async move {
                std::future::pending::<()>().await;
                drop(guard);
                Ok(())
            })
        });
        Ok(())
    })
    .await;
    client.disconnect().await;
    assert_eq!(log.take(), ["dropped", "ended"]);
}
