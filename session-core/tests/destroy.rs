//! Destroying a scope: what goes, what stays, and in which order (group I).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use session_core::testing::{Client, OutputState};
use session_core::{AbsoluteId, App, Interrupt, Limits, Result, Session, Shared, safe};

#[path = "support/session.rs"]
mod support;
use support::{Dropped, Log, always, get, idle, run};

// spec: I1
#[tokio::test(start_paused = true)]
async fn callbacks_run_in_the_order_of_their_registration() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        for line in ["one", "two", "three"] {
            m.on_destroy(seen.says(line));
        }
        m.destroy();
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["one", "two", "three"]);
}

// spec: I2
#[tokio::test(start_paused = true)]
async fn destroying_twice_is_destroying_once() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        m.on_destroy(seen.says("destroyed"));
        m.destroy();
        m.destroy();
        s.destroy_module("m")
    })
    .await;
    assert_eq!(log.take(), ["destroyed"]);
}

// spec: I3
#[tokio::test(start_paused = true)]
async fn a_callback_registered_after_the_destroy_runs_at_the_next_one() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        m.destroy();
        m.on_destroy(seen.says("late"));
        assert!(seen.take().is_empty());
        m.destroy();
        assert_eq!(seen.take(), ["late"]);
        m.destroy();
        Ok(())
    })
    .await;
    assert!(log.take().is_empty());
    client.assert_no_leaks();
}

// spec: I3
#[tokio::test(start_paused = true)]
async fn a_callback_registered_after_the_destroy_runs_at_the_end_at_the_latest() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        m.destroy();
        m.on_destroy(seen.says("late"));
        Ok(())
    })
    .await;
    assert_eq!(client.counts().modules, 0, "a callback that waits needs no module");
    client.disconnect().await;
    assert_eq!(log.take(), ["late"]);
}

// spec: I4
#[tokio::test(start_paused = true)]
async fn a_callback_that_fails_or_panics_stops_neither_the_others_nor_the_cleanup() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let value = run(&mut client, move |s| {
        let m = s.module("m")?;
        let value = m.value(1);
        m.on_destroy(|_| Err(safe("fails").into()));
        m.on_destroy(seen.says("after a failure"));
        m.on_destroy(|_| panic!("panics"));
        m.on_destroy(seen.says("after a panic"));
        m.destroy();
        Ok(value)
    })
    .await;
    assert_eq!(log.take(), ["after a failure", "after a panic"]);
    let read = client.run(move |s| value.get(s)).await.unwrap();
    assert!(matches!(read, Err(Interrupt::Destroyed(_))), "{read:?}");
    assert_eq!(client.close_code(), None);
}

// spec: I5
#[tokio::test(start_paused = true)]
async fn the_callbacks_of_inner_scopes_run_before_those_of_outer_ones() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let p = s.module("p")?;
        let c = p.module("c")?;
        let g = c.module("g")?;
        p.on_destroy(seen.says("p"));
        c.on_destroy(seen.says("c"));
        g.on_destroy(seen.says("g"));
        p.destroy();
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["g", "c", "p"]);
}

// spec: I6
#[tokio::test(start_paused = true)]
async fn deeper_scopes_go_first_across_branches() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let p = s.module("p")?;
        p.on_destroy(seen.says("p"));
        let a = p.module("a")?;
        a.on_destroy(seen.says("p-a"));
        let b = p.module("b")?;
        b.on_destroy(seen.says("p-b"));
        b.module("x")?.on_destroy(seen.says("p-b-x"));
        a.module("y")?.module("z")?.on_destroy(seen.says("p-a-y-z"));
        p.destroy();
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["p-a-y-z", "p-b-x", "p-a", "p-b", "p"]);
}

// spec: I7 I36
#[tokio::test(start_paused = true)]
async fn at_the_end_of_the_session_the_root_goes_last() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        s.on_destroy(seen.says("root"));
        let m = s.module("m")?;
        m.on_destroy(seen.says("m"));
        m.module("n")?.on_destroy(seen.says("m-n"));
        s.on_ended(seen.says("ended"));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.disconnect().await;
    assert_eq!(log.take(), ["ended", "m-n", "m", "root"]);
}

// spec: I8 I9
#[tokio::test(start_paused = true)]
async fn parents_and_siblings_stay() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let (of_parent, of_sibling) = run(&mut client, move |s| {
        let p = s.module("p")?;
        p.on_destroy(seen.says("p"));
        let of_parent = p.value(1);
        let sibling = p.module("b")?.module("child")?;
        sibling.on_destroy(seen.says("p-b-child"));
        let of_sibling = sibling.value(2);
        p.module("a")?.on_destroy(seen.says("p-a"));
        p.destroy_module("a")?;
        Ok((of_parent, of_sibling))
    })
    .await;
    assert_eq!(log.take(), ["p-a"]);
    let read = move |s: &Session<'_>| Ok((of_parent.get(s)?, of_sibling.get(s)?));
    assert_eq!(run(&mut client, read).await, (1, 2));
}

// spec: I10 I16
#[tokio::test(start_paused = true)]
async fn a_sibling_with_a_longer_name_keeps_everything() {
    let (mut client, log) = (idle().await, Log::default());
    client.set("ab-x", 1).set("a_b-x", 1).set("a1-x", 1).set("a-x", 1).flush().await;
    let seen = log.clone();
    let urls = run(&mut client, move |s| {
        let mut urls = Vec::new();
        for id in ["a", "ab", "a_b", "a1"] {
            let m = s.module(id)?;
            m.on_destroy(seen.says("destroyed"));
            let x = m.input::<u32>("x")?;
            m.output_with("out", always(), move |s| x.get(s))?;
            m.set_message_handler("ask", |_, ()| Ok("here"))?;
            urls.push(m.dynamic_route("route", |_, _| Ok("here"))?);
        }
        s.destroy_module("a")?;
        Ok(urls)
    })
    .await;
    assert_eq!(log.take(), ["destroyed"]);
    for (id, url) in ["ab", "a_b", "a1"].into_iter().zip(&urls[1..]) {
        assert_eq!(client.call(&format!("{id}-ask"), ()).await, Ok("here".into()));
        assert_eq!(client.fetch(get(url)).await.unwrap().status(), 200);
        client.set(&format!("{id}-x"), 2).flush().await;
        assert_eq!(client.output::<u32>(&format!("{id}-out")), Ok(2));
    }
    assert_eq!(client.call("a-ask", ()).await, Err("Unknown method: a-ask".into()));
    assert_eq!(client.fetch(get(&urls[0])).await.unwrap().status(), 404);
}

// spec: I11 I13 I14
#[tokio::test(start_paused = true)]
async fn inputs_and_outputs_of_the_namespace_go_and_others_stay() {
    let mut client = idle().await;
    client.set("a-x", 1).set("a-c-x", 2).set("a", 3).set("b-x", 4).flush().await;
    let log = Log::default();
    let seen = log.clone();
    run(&mut client, move |s| {
        let a = s.module("a")?;
        let held = [a.input::<u32>("x")?, a.module("c")?.input("x")?];
        for m in [a.module("c")?, s.module("a")?, s.module("b")?] {
            let (x, seen) = (m.input::<u32>("x")?, seen.clone());
            let name = m.namespace().to_string();
            m.output_with("out", always(), move |s| {
                seen.add(&name);
                x.get(s)
            })?;
        }
        a.destroy();
        for input in held {
            assert!(matches!(input.get(s), Err(Interrupt::Destroyed(_))));
        }
        // Whoever asks again gets a new one, of which the client has said nothing.
        assert!(matches!(a.input::<u32>("x")?.get(s), Err(Interrupt::Silent)));
        assert!(!a.input::<u32>("x")?.is_set(s));
        assert_eq!(s.input::<u32>("a")?.get(s)?, 3);
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["b"]);
    client.set("a-x", 5).set("a-c-x", 5).set("b-x", 5).flush().await;
    assert_eq!(log.take(), ["b"]);
    assert_eq!(client.output::<u32>("b-out"), Ok(5));
    assert_eq!(client.counts().outputs, 1);
}

// spec: I12
#[tokio::test(start_paused = true)]
async fn what_the_client_said_of_the_outputs_goes_and_what_it_said_of_the_page_stays() {
    let mut client = idle().await;
    client.show("a-out").show("a").show("ab-out").set(".clientdata_pixelratio", 2).flush().await;
    run(&mut client, |s| {
        s.module("a")?.destroy();
        let page = s.client_data();
        let knows =
            |id| -> Result<bool> { Ok(page.output(AbsoluteId::new(id)?)?.hidden().is_set(s)) };
        assert_eq!(
            [knows("a-out"), knows("a"), knows("ab-out")].map(Result::ok),
            [false, true, true].map(Some)
        );
        assert_eq!(page.pixel_ratio().get(s)?.to_string(), "2");
        Ok(())
    })
    .await;
}

// spec: I15
#[tokio::test(start_paused = true)]
async fn while_callbacks_run_everything_is_still_there() {
    let (mut client, log) = (idle().await, Log::default());
    client.set("m-x", 7).set("m-c-x", 8).show("m-out").flush().await;
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        let (x, of_child) = (m.input::<u32>("x")?, m.module("c")?.input::<u32>("x")?);
        m.output("out", move |s| x.get(s))?;
        m.set_message_handler("ask", |_, ()| Ok(()))?;
        let value = m.value(9);
        m.on_destroy(move |s| {
            // The child's own callbacks are through, and nothing of it is gone.
            seen.add(format!("{} {} {}", x.get(s)?, of_child.get(s)?, value.get(s)?));
            Ok(())
        });
        Ok(())
    })
    .await;
    run(&mut client, |s| {
        let m = s.module("m")?;
        m.module("c")?.on_destroy(|_| Ok(()));
        m.destroy();
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["7 8 9"]);
    assert_eq!((client.counts().outputs, client.counts().handlers), (0, 0));
}

// spec: I16
#[tokio::test(start_paused = true)]
async fn handlers_and_routes_of_inner_scopes_go_too() {
    let mut client = idle().await;
    let urls = run(&mut client, |s| {
        let c = s.module("a")?.module("c")?;
        c.set_message_handler("ask", |_, ()| Ok(()))?;
        s.set_message_handler("ask", |_, ()| Ok("root"))?;
        let inner = c.dynamic_route("route", |_, _| Ok("inner"))?;
        let outer = s.dynamic_route("route", |_, _| Ok("outer"))?;
        s.destroy_module("a")?;
        Ok([inner, outer])
    })
    .await;
    assert_eq!(client.call("a-c-ask", ()).await, Err("Unknown method: a-c-ask".into()));
    assert_eq!(client.call("ask", ()).await, Ok("root".into()));
    assert_eq!(client.fetch(get(&urls[0])).await.unwrap().status(), 404);
    assert_eq!(client.fetch(get(&urls[1])).await.unwrap().status(), 200);
}

// spec: I17
#[tokio::test(start_paused = true)]
async fn what_the_root_has_under_the_name_of_a_module_stays() {
    let mut client = idle().await;
    let url = run(&mut client, |s| {
        s.set_message_handler("a", |_, ()| Ok("handler"))?;
        s.output_with("a", always(), |_| Ok("output"))?;
        let url = s.dynamic_route("a", |_, _| Ok("route"))?;
        s.module("a")?.destroy();
        Ok(url)
    })
    .await;
    assert_eq!(client.call("a", ()).await, Ok("handler".into()));
    assert_eq!(client.output::<String>("a"), Ok("output".into()));
    assert_eq!(client.fetch(get(&url)).await.unwrap().status(), 200);
}

// spec: I18 I19
#[tokio::test(start_paused = true)]
async fn a_value_belongs_to_the_scope_that_made_it_whoever_writes_it() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let (callers, m) = (s.value(0), s.module("m")?);
        let own = m.value(1);
        callers.set(&m, 5)?;
        m.destroy();
        assert_eq!(callers.get(s)?, 5);
        assert!(callers.set(s, 6)?);
        assert!(!own.is_set(s));
        assert!(matches!(own.get(s), Err(Interrupt::Destroyed(_))));
        assert!(matches!(own.set(s, 2), Err(Interrupt::Destroyed(_))));
        Ok(())
    })
    .await;
}

// spec: I20
#[tokio::test(start_paused = true)]
async fn an_input_of_the_parent_that_a_module_asked_for_first_survives_the_module() {
    let mut client = idle().await;
    let input = run(&mut client, |s| {
        let m = s.module("m")?;
        let input = m.root().input::<u32>("x")?;
        let absolute = m.input::<u32>(AbsoluteId::new("other-x")?)?;
        m.destroy();
        assert!(matches!(absolute.get(s), Err(Interrupt::Silent)));
        Ok(input)
    })
    .await;
    client.set("x", 3).flush().await;
    assert_eq!(run(&mut client, move |s| input.get(s)).await, 3);
}

// spec: I21
#[tokio::test(start_paused = true)]
async fn destroying_by_id_is_making_the_scope_and_destroying_it() {
    let (mut client, log) = (idle().await, Log::default());
    client.set("a-b-x", 1).flush().await;
    let seen = log.clone();
    run(&mut client, move |s| {
        let a = s.module("a")?;
        a.on_destroy(seen.says("a"));
        a.module("b")?.on_destroy(seen.says("a-b"));
        a.destroy_module("b")?;
        assert_eq!(seen.take(), ["a-b"]);
        // The client had sent it, without the app's making a scope of the name again.
        assert!(!a.module("b")?.input::<u32>("x")?.is_set(s));
        s.destroy_module("a")?;
        assert_eq!(seen.take(), ["a"]);
        Ok(())
    })
    .await;
    client.assert_no_leaks();
}

// spec: I22
#[tokio::test(start_paused = true)]
async fn destroying_an_unknown_id_does_nothing() {
    let mut client = idle().await;
    let before = client.counts();
    run(&mut client, |s| s.destroy_module("nobody")).await;
    assert_eq!(client.counts(), before);
}

// spec: I23 I24
#[tokio::test(start_paused = true)]
async fn destroying_what_is_no_id_is_an_error_and_destroys_nothing() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let (a, b) = (s.module("a")?, s.module("a")?.module("b")?);
        let value = b.value(1);
        for id in ["", "a-b", ".a", "a b", "a\n"] {
            assert!(s.destroy_module(id).is_err(), "{id:?}");
            assert!(a.destroy_module(id).is_err(), "{id:?}");
        }
        value.get(s)
    })
    .await;
}

// spec: I25
#[tokio::test(start_paused = true)]
async fn an_absolute_id_destroys_that_scope_from_everywhere() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let a = s.module("a")?;
        a.module("b")?.on_destroy(seen.says("a-b"));
        s.module("b")?.on_destroy(seen.says("b"));
        a.destroy_module(AbsoluteId::new("b")?)?;
        assert_eq!(seen.take(), ["b"]);
        s.module("b")?.destroy_module(AbsoluteId::new("a-b")?)
    })
    .await;
    assert_eq!(log.take(), ["a-b"]);
}

// spec: I26
#[tokio::test(start_paused = true)]
async fn what_is_queued_of_a_destroyed_scope_does_not_run_and_what_is_queued_of_its_parent_does() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        s.effect(|s| s.destroy_module("m"));
        let m = s.module("m")?;
        m.effect(seen.says("effect of m"));
        let of_m = seen.clone();
        m.output_with("out", always(), move |_| {
            of_m.add("output of m");
            Ok(())
        })?;
        s.effect(seen.says("effect of the parent"));
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["effect of the parent"]);
    assert_eq!(client.close_code(), None);
}

// spec: I27
#[tokio::test(start_paused = true)]
async fn an_effect_that_reads_what_is_no_more_runs_once_more_and_stops() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        let (of_module, own) = (m.value(1), s.value(1));
        s.effect(move |s| {
            own.get(s)?;
            seen.add("runs");
            of_module.get(s)?;
            seen.add("reads");
            Ok(())
        });
        s.set_message_handler("destroy", |s, ()| s.destroy_module("m"))?;
        s.set_message_handler("set", move |s, (n,): (i32,)| own.set(s, n))?;
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["runs", "reads"]);
    client.call("destroy", ()).await.unwrap();
    assert_eq!(log.take(), ["runs"]);
    client.call("set", (2,)).await.unwrap();
    assert!(log.take().is_empty());
    assert_eq!(client.close_code(), None);
    assert_eq!(client.counts().effects, 0);
}

// spec: I27
#[tokio::test(start_paused = true)]
async fn an_effect_may_take_what_is_no_more_in_its_stride() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let of_module = s.module("m")?.value(1);
        s.effect(move |s| {
            seen.add(match of_module.get(s) {
                Err(Interrupt::Destroyed(_)) => "destroyed",
                _ => "reads",
            });
            Ok(())
        });
        Ok(())
    })
    .await;
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(log.take(), ["reads", "destroyed"]);
    assert_eq!(client.counts().effects, 1);
}

// spec: I28
#[tokio::test(start_paused = true)]
async fn an_output_that_reads_what_is_no_more_shows_an_error() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let m = s.module("m")?;
        let calc = m.calc(|_| Ok(1));
        s.output_with("out", always(), move |s| calc.get(s))
    })
    .await;
    assert_eq!(client.output::<u32>("out"), Ok(1));
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(client.model().state("out"), OutputState::Error);
    assert_eq!(client.close_code(), None);
}

// spec: I29
#[tokio::test(start_paused = true)]
async fn a_destroyed_output_that_has_run_is_out_of_date_and_stays_so() {
    let mut client = idle().await;
    run(&mut client, |s| s.module("m")?.output_with("out", always(), |_| Ok(1))).await;
    client.frames();
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(
        client.frames(),
        [json!({ "progress": { "type": "binding", "message": { "id": "m-out" } } })]
    );
    assert_eq!(client.model().state("m-out"), OutputState::Invalidated);
}

// spec: I29
#[tokio::test(start_paused = true)]
async fn of_a_destroyed_output_that_never_ran_nothing_is_said() {
    let mut client = idle().await;
    run(&mut client, |s| s.module("m")?.output("out", |_| Ok(1))).await;
    client.frames();
    run(&mut client, |s| s.destroy_module("m")).await;
    assert!(client.frames().is_empty());
}

// spec: I30
#[tokio::test(start_paused = true)]
async fn the_same_id_at_once_is_a_new_scope() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let old = s.module("m")?;
        let value = old.value(1);
        old.on_destroy(seen.says("old"));
        old.output_with("out", always(), |_| Ok("old"))?;
        old.set_message_handler("ask", |_, ()| Ok("old"))?;
        s.destroy_module("m")?;
        let new = s.module("m")?;
        let fresh = new.value(2);
        new.on_destroy(seen.says("new"));
        new.output_with("out", always(), |_| Ok("new"))?;
        new.set_message_handler("ask", |_, ()| Ok("new"))?;
        assert!(value.get(s).is_err());
        assert_eq!(fresh.get(s)?, 2);
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["old"]);
    assert_eq!(client.output::<String>("m-out"), Ok("new".into()));
    assert_eq!(client.call("m-ask", ()).await, Ok("new".into()));
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(log.take(), ["new"]);
}

// spec: I30
#[tokio::test(start_paused = true)]
async fn an_output_may_be_made_anew_at_any_moment_of_a_flush() {
    // Where the client stands with the output is checked frame by frame.
    for moment in ["effect before", "output", "effect after", "flush", "flushed", "handler"] {
        let log = Log::default();
        let seen = log.clone();
        let app = App::new(move |s: &Session<'_>| {
            let x = s.input::<u32>("x")?;
            let make = {
                let seen = seen.clone();
                move |s: &Session<'_>| {
                    let seen = seen.clone();
                    s.root().module("m")?.output_with("out", always(), move |s| {
                        let x = x.get(s)?;
                        if moment == "output" && x == 2 && seen.take().is_empty() {
                            seen.add("again");
                            s.destroy();
                            let m = s.root().module("m")?;
                            m.output_with("out", always(), move |_| Ok(20))?;
                        }
                        Ok(x * 10)
                    })
                }
            };
            let again = {
                let make = make.clone();
                move |s: &Session<'_>| {
                    s.root().destroy_module("m")?;
                    make(s)
                }
            };
            let early = again.clone();
            s.on_event(
                x,
                move |s, x| if moment == "effect before" && x == 2 { early(s) } else { Ok(()) },
            );
            make(s)?;
            let late = again.clone();
            s.on_event(
                x,
                move |s, x| if moment == "effect after" && x == 2 { late(s) } else { Ok(()) },
            );
            s.on_event(x, move |s, x| {
                if x != 2 {
                    return Ok(());
                }
                let again = again.clone();
                match moment {
                    "flush" => drop(s.on_flush(again)),
                    "flushed" => drop(s.on_flushed(again)),
                    _ => {}
                }
                Ok(())
            });
            let again = move |s: &Session<'_>| {
                s.root().destroy_module("m")?;
                make(s)
            };
            s.set_message_handler("again", move |s, ()| again(s))?;
            Ok(())
        });
        let mut client = Client::connect(app).await;
        client.set("x", 1).flush().await;
        assert_eq!(client.output::<u32>("m-out"), Ok(10), "{moment}");
        client.set("x", 2).flush().await;
        if moment == "handler" {
            client.call("again", ()).await.unwrap();
        }
        assert_eq!(client.output::<u32>("m-out"), Ok(20), "{moment}");
        assert_eq!(client.model().state("m-out"), OutputState::Value, "{moment}");
        assert_eq!(client.close_code(), None, "{moment}");
    }
}

// spec: I31
#[tokio::test(start_paused = true)]
async fn an_input_for_a_destroyed_module_waits_for_the_next_of_that_name() {
    let mut client = idle().await;
    run(&mut client, |s| {
        s.module("m")?.input::<u32>("x")?;
        s.destroy_module("m")
    })
    .await;
    client.set("m-x", 5).flush().await;
    assert_eq!(client.close_code(), None);
    assert_eq!(run(&mut client, |s| s.module("m")?.input::<u32>("x")?.get(s)).await, 5);
}

// spec: I32
#[tokio::test(start_paused = true)]
async fn an_output_made_anew_counts_as_hidden_until_the_client_shows_it() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let make = move |s: &Session<'_>| {
        let seen = seen.clone();
        s.module("m")?.output("out", move |_| {
            seen.add("runs");
            Ok(1)
        })
    };
    let again = make.clone();
    client.show("m-out").flush().await;
    run(&mut client, make).await;
    assert_eq!(log.take(), ["runs"]);
    run(&mut client, move |s| {
        s.destroy_module("m")?;
        again(s)
    })
    .await;
    assert!(log.take().is_empty());
    client.show("m-out").flush().await;
    assert_eq!(log.take(), ["runs"]);
}

// spec: I33
#[tokio::test(start_paused = true)]
async fn a_callback_that_destroys_its_own_scope_changes_nothing_for_the_callbacks_after_it() {
    let (mut client, log) = (idle().await, Log::default());
    client.set("m-x", 7).flush().await;
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        let (x, value) = (m.input::<u32>("x")?, m.value(8));
        let first = seen.clone();
        m.on_destroy(move |s| {
            first.add("first");
            s.destroy();
            s.root().destroy_module("m")?;
            first.add("first goes on");
            Ok(())
        });
        m.on_destroy(move |s| {
            seen.add(format!("second reads {} {}", x.get(s)?, value.get(s)?));
            Ok(())
        });
        m.destroy();
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["first", "first goes on", "second reads 7 8"]);
    client.assert_no_leaks();
}

// spec: I33
#[tokio::test(start_paused = true)]
async fn a_callback_that_destroys_the_scope_around_its_own_is_the_beginning_of_that_destroy() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let p = s.module("p")?;
        p.on_destroy(seen.says("p"));
        let c = p.module("c")?;
        let first = seen.clone();
        c.on_destroy(move |s| {
            first.add("c");
            s.root().destroy_module("p")?;
            // Both anew, which the destroy that is under way must leave alone.
            let again = s.root().module("p")?.module("c")?;
            again.on_destroy(first.says("c again"));
            again.output_with("out", always(), |_| Ok("again"))
        });
        c.on_destroy(seen.says("c too"));
        c.destroy();
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["c", "c too", "p"]);
    assert_eq!(client.output::<String>("p-c-out"), Ok("again".into()));
    assert_eq!(client.counts().modules, 2);
    run(&mut client, |s| s.destroy_module("p")).await;
    assert_eq!(log.take(), ["c again"]);
    client.assert_no_leaks();
}

// spec: I34
#[tokio::test(start_paused = true)]
async fn a_callback_that_a_childs_callback_registers_on_the_parent_runs_in_the_same_destroy() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let p = s.module("p")?;
        p.on_destroy(seen.says("p"));
        let late = seen;
        // A scope on the way that has no callback yet has its turn before the outer one.
        p.module("c")?.module("g")?.on_destroy(move |s| {
            let p = s.root().module("p")?;
            p.on_destroy(late.says("p, late"));
            p.module("c")?.on_destroy(late.says("c, late"));
            Ok(())
        });
        p.destroy();
        Ok(())
    })
    .await;
    assert_eq!(log.take(), ["c, late", "p", "p, late"]);
    client.assert_no_leaks();
}

// spec: I34
#[tokio::test(start_paused = true)]
async fn a_callback_that_comes_after_its_scopes_turn_waits_for_the_next_destroy() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let p = s.module("p")?;
        let late = seen.clone();
        p.on_destroy(move |s| {
            s.on_destroy(late.says("p, next time"));
            Ok(())
        });
        let late = seen;
        p.on_destroy(move |s| {
            let c = s.module("c")?;
            late.add("p");
            c.on_destroy(late.says("c, of what p made"));
            Ok(())
        });
        p.destroy();
        Ok(())
    })
    .await;
    // The child is made by the destroy, and goes with it.
    assert_eq!(log.take(), ["p", "c, of what p made"]);
    run(&mut client, |s| s.destroy_module("p")).await;
    assert_eq!(log.take(), ["p, next time"]);
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_goes_on_making_others_while_it_is_destroyed_is_cut_off() {
    fn on_and_on(s: &Session<'_>) -> Result<()> {
        s.module("m")?.on_destroy(on_and_on);
        Ok(())
    }
    let mut limits = Limits::default();
    limits.runs_per_flush = 20;
    let mut client = Client::connect_with(App::new(|_| Ok(())), limits).await;
    run(&mut client, |s| {
        on_and_on(s)?;
        s.destroy_module("m")
    })
    .await;
    assert_eq!(client.close_code(), None);
    assert_eq!(client.counts().scopes, 1);
}

// spec: I35
#[tokio::test(start_paused = true)]
async fn after_the_end_there_is_nothing_left_to_read() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let value = s.module("m")?.value(1);
        let calc = s.calc(move |s| value.get(s));
        s.on_ended(move |s| {
            seen.add(calc.get(s)?);
            value.set(s, 2)?;
            seen.add(calc.get(s)?);
            Ok(())
        });
        Ok(())
    })
    .await;
    let handle = client.handle();
    client.disconnect().await;
    assert_eq!(log.take(), ["1", "2"]);
    assert!(handle.run(|_| ()).await.is_err());
    let counts = client.counts();
    assert_eq!((counts.values, counts.calcs, counts.scopes), (0, 0, 1));
}

// spec: I37
#[tokio::test(start_paused = true)]
async fn a_module_may_be_destroyed_while_the_session_ends() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        m.on_destroy(seen.says("m destroyed"));
        s.on_ended(|s| s.destroy_module("m"));
        s.on_ended(seen.says("ended"));
        s.on_destroy(|s| s.destroy_module("m"));
        Ok(())
    })
    .await;
    client.disconnect().await;
    assert_eq!(log.take(), ["m destroyed", "ended"]);
}

// spec: I38
#[tokio::test(start_paused = true)]
async fn destroying_the_root_of_a_live_session_empties_it_and_keeps_the_link() {
    let (mut client, log) = (idle().await, Log::default());
    client.set("x", 1).set("m-x", 1).show("out").flush().await;
    let seen = log.clone();
    let (url, inputs) = run(&mut client, move |s| {
        s.on_destroy(seen.says("root"));
        s.on_ended(seen.says("ended"));
        let m = s.module("m")?;
        m.on_destroy(seen.says("m"));
        m.on_ended(seen.says("ended, of m"));
        let inputs = [s.input::<u32>("x")?, m.input("x")?];
        s.on_every_flush(seen.says("flush"));
        s.output("out", |_| Ok(1))?;
        s.effect(|s| s.invalidate_later(Duration::from_secs(1)));
        s.set_message_handler("ask", |_, ()| Ok(()))?;
        s.set_message_handler("destroy", |s, ()| {
            s.destroy();
            Ok("done")
        })?;
        Ok((s.dynamic_route("route", |_, _| Ok(()).map(|()| "here"))?, inputs))
    })
    .await;
    log.take();
    assert_eq!(client.call("destroy", ()).await, Ok("done".into()));
    assert_eq!(log.take(), ["m", "root"]);
    assert_eq!(client.close_code(), None);
    assert_eq!(client.call("ask", ()).await, Err("Unknown method: ask".into()));
    assert_eq!(client.fetch(get(&url)).await.unwrap().status(), 404);
    for input in inputs {
        let read = client.run(move |s| input.get(s)).await.unwrap();
        assert!(matches!(read, Err(Interrupt::Destroyed(_))), "{read:?}");
    }
    let counts = client.counts();
    assert_eq!((counts.values, counts.effects, counts.outputs, counts.timers), (0, 0, 0, 0));
    assert_eq!((counts.modules, counts.inputs, counts.callbacks), (0, 0, 1));
    // It can be filled anew.
    client.set("x", 4).show("out").flush().await;
    run(&mut client, |s| {
        let x = s.input::<u32>("x")?;
        s.output("out", move |s| x.get(s))
    })
    .await;
    assert_eq!(client.output::<u32>("out"), Ok(4));
    assert!(log.take().is_empty());
    client.disconnect().await;
    assert_eq!(log.take(), ["ended"]);
}

// spec: I40
#[tokio::test(start_paused = true)]
async fn the_end_frees_what_closures_and_values_held() {
    let mut client = idle().await;
    let held = Arc::new(());
    let (a, b, c, d, e) = (held.clone(), held.clone(), held.clone(), held.clone(), held.clone());
    run(&mut client, move |s| {
        s.value(a);
        s.module("m")?.effect(move |_| {
            let _ = &b;
            Ok(())
        });
        s.set_message_handler("ask", move |_, ()| {
            let _ = &c;
            Ok(())
        })?;
        s.on_every_flush(move |_| {
            let _ = &d;
            Ok(())
        });
        // Waits for a destroy that will not come.
        s.on_destroy(move |s| {
            s.on_destroy(move |_| {
                let _ = &e;
                Ok(())
            });
            Ok(())
        });
        Ok(())
    })
    .await;
    assert_eq!(Arc::strong_count(&held), 6);
    client.disconnect().await;
    assert_eq!(Arc::strong_count(&held), 1);
}

// spec: I41 H12
#[tokio::test(start_paused = true)]
async fn a_thousand_modules_that_use_everything_leave_nothing() {
    let shared = Shared::new(0_u32);
    let held = Arc::new(());
    let (app_shared, app_held) = (shared.clone(), held.clone());
    let app = App::new(move |s: &Session<'_>| {
        let callers = s.value(0_u32);
        s.effect(move |s| callers.get(s).map(drop));
        let (shared, held) = (app_shared.clone(), app_held.clone());
        s.set_message_handler("open", move |s, (id,): (String,)| {
            let m = s.module(&id)?;
            let inner = m.module("inner")?;
            let own = Shared::new(1_u32);
            for m in [&m, &inner] {
                let (x, value, held) = (m.input::<u32>("x")?, m.value(1_u32), held.clone());
                let calc = m.calc(move |s| Ok(value.get(s)? + x.get(s).unwrap_or(0)));
                let distinct = m.calc_distinct(move |s| Ok(calc.get(s)? > 0));
                let (ours, theirs) = (own.clone(), shared.clone());
                m.effect(move |s| {
                    let _ = &held;
                    s.invalidate_later(Duration::from_secs(3600))?;
                    distinct.get(s)?;
                    callers.update(s, |n| *n += ours.get(s).unwrap_or(0))?;
                    theirs.get(s).map(drop)
                })
                .on_invalidate(m, |_| Ok(()));
                m.effect_async(|_| Ok(std::future::pending()));
                m.on_event(x, |_, _| Ok(()));
                m.output_with("out", always(), move |s| calc.get(s))?;
                m.output_async_with("slow", always(), |_| {
                    Ok(std::future::pending::<Result<u32>>())
                })?;
                m.set_message_handler("ask", move |s, ()| value.get(s))?;
                m.set_message_handler_async("wait", |_, ()| {
                    Ok(std::future::pending::<Result<()>>())
                })?;
                m.dynamic_route("route", |_, _| Ok("here"))?;
                m.on_flush(|_| Ok(()));
                m.on_every_flush(|_| Ok(()));
                m.on_flushed(|_| Ok(()));
                m.on_every_flushed(|_| Ok(()));
                m.on_ended(|_| Ok(()));
                m.on_destroy(|_| Ok(()));
            }
            Ok(())
        })?;
        s.set_message_handler("shut", |s, (id,): (String,)| s.destroy_module(&id))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    for n in 0..1000 {
        let id = format!("panel_{n}");
        client.call("open", (&id,)).await.unwrap();
        client.set(&format!("{id}-x"), n).show(&format!("{id}-out")).flush().await;
        client.ask(&format!("{id}-wait"), ()).await;
        shared.update(|n| *n += 1);
        client.settle().await;
        assert_eq!(client.call(&format!("{id}-inner-ask"), ()).await, Ok(1.into()));
        assert_eq!(client.counts().tasks, 5);
        client.call("shut", (&id,)).await.unwrap();
        client.assert_no_leaks();
    }
    assert_eq!(client.counts().inputs, 0);
    // The app's own and its handler's.
    assert_eq!(Arc::strong_count(&held), 3);
    assert_eq!(client.close_code(), None);
}

// spec: I42
#[tokio::test(start_paused = true)]
async fn a_destroyed_module_ticks_no_more_and_its_sibling_does() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        for id in ["a", "b"] {
            let seen = seen.clone();
            s.module(id)?.effect(move |s| {
                seen.add(id);
                s.invalidate_later(Duration::from_secs(1))
            });
        }
        Ok(())
    })
    .await;
    client.advance(Duration::from_secs(1)).await;
    assert_eq!(log.take(), ["a", "b", "a", "b"]);
    run(&mut client, |s| s.destroy_module("a")).await;
    client.advance(Duration::from_secs(1)).await;
    client.advance(Duration::from_secs(1)).await;
    assert_eq!(log.take(), ["b", "b"]);
    assert_eq!(client.counts().timers, 1);
}

// spec: I43
#[tokio::test(start_paused = true)]
async fn destroying_does_not_touch_the_page() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let m = s.module("m")?;
        m.set_message_handler("ask", |_, ()| Ok(()))?;
        m.effect(|_| Ok(()));
        Ok(())
    })
    .await;
    client.frames();
    run(&mut client, |s| s.destroy_module("m")).await;
    assert!(client.frames().is_empty());
}

// spec: C19
#[tokio::test(start_paused = true)]
async fn an_effect_that_destroys_its_own_scope_runs_to_its_end_and_never_again() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let value = run(&mut client, move |s| {
        let value = s.value(1);
        s.module("m")?.effect(move |s| {
            value.get(s)?;
            seen.add("begins");
            s.destroy();
            seen.add("ends");
            Ok(())
        });
        Ok(value)
    })
    .await;
    run(&mut client, move |s| value.set(s, 2)).await;
    assert_eq!(log.take(), ["begins", "ends"]);
    assert_eq!((client.counts().effects, client.counts().modules), (0, 0));
}

// spec: C19
#[tokio::test(start_paused = true)]
async fn an_output_that_destroys_its_own_scope_leaves_the_client_in_order() {
    let mut client = idle().await;
    for outcome in ["value", "silent", "in progress", "failure"] {
        run(&mut client, move |s| {
            s.module("m")?.output_with("out", always(), move |s| {
                s.destroy();
                match outcome {
                    "value" => Ok(1),
                    "silent" => Err(Interrupt::Silent),
                    "in progress" => Err(Interrupt::InProgress),
                    _ => Err(safe("fails").into()),
                }
            })
        })
        .await;
        // Every frame was checked on its way; the page shows nothing of it.
        assert_eq!(client.model().state("m-out"), OutputState::Invalidated, "{outcome}");
        assert_eq!(client.model().shows("m-out"), None, "{outcome}");
    }
    client.assert_no_leaks();
}

// spec: C19
#[tokio::test(start_paused = true)]
async fn an_async_output_that_destroys_its_own_scope_starts_no_future() {
    let mut client = idle().await;
    run(&mut client, |s| {
        s.module("m")?.output_async_with("out", always(), |s| {
            s.destroy();
            Ok(std::future::pending::<Result<u32>>())
        })?;
        s.module("n")?.effect_async(|s| {
            s.destroy();
            Ok(std::future::pending())
        });
        Ok(())
    })
    .await;
    assert_eq!(client.counts().tasks, 0);
    assert_eq!(client.model().state("m-out"), OutputState::Invalidated);
    client.assert_no_leaks();
}

// spec: C19
#[tokio::test(start_paused = true)]
async fn a_handler_that_destroys_its_own_scope_still_answers() {
    let mut client = idle().await;
    let url = run(&mut client, |s| {
        let m = s.module("m")?;
        let url = m.dynamic_route("shut", |s, _| {
            s.destroy();
            Ok("shut")
        })?;
        let n = s.module("n")?;
        n.set_message_handler("shut", |s, ()| {
            s.destroy();
            Ok("shut")
        })?;
        n.set_message_handler_async("shut_later", |s, ()| {
            s.destroy();
            Ok(async { Ok("shut later") })
        })?;
        Ok(url)
    })
    .await;
    assert_eq!(client.fetch(get(&url)).await.unwrap().status(), 200);
    assert_eq!(client.fetch(get(&url)).await.unwrap().status(), 404);
    assert_eq!(client.call("n-shut", ()).await, Ok("shut".into()));
    assert_eq!(client.call("n-shut", ()).await, Err("Unknown method: n-shut".into()));
    assert_eq!((client.counts().modules, client.counts().scopes), (0, 1));
}

// spec: C19
#[tokio::test(start_paused = true)]
async fn a_flush_callback_that_destroys_its_own_scope_is_not_called_again() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        for (id, flushed) in [("m", false), ("n", true)] {
            let (m, seen) = (s.module(id)?, seen.clone());
            let last = seen.clone();
            m.on_destroy(last.says("destroyed"));
            let callback = move |s: &Session<'_>| {
                s.destroy();
                seen.add("goes on");
                Ok(())
            };
            if flushed {
                m.on_every_flushed(callback);
            } else {
                m.on_every_flush(callback);
            }
        }
        Ok(())
    })
    .await;
    client.flush().await;
    assert_eq!(log.take(), ["destroyed", "goes on", "destroyed", "goes on"]);
    client.assert_no_leaks();
}

// spec: C26 C17
#[tokio::test(start_paused = true)]
async fn an_effect_goes_with_the_module_that_made_it() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let value = run(&mut client, move |s| {
        let (value, m) = (s.value(1), s.module("m")?);
        m.effect(move |s| {
            seen.add(value.get(s)?);
            Ok(())
        });
        Ok(value)
    })
    .await;
    run(&mut client, move |s| {
        value.set(s, 2)?;
        s.destroy_module("m")
    })
    .await;
    run(&mut client, move |s| value.set(s, 3)).await;
    assert_eq!(log.take(), ["1"]);
}

// spec: I14
#[tokio::test(start_paused = true)]
async fn a_future_of_a_destroyed_scope_is_dropped_where_it_waits() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        m.output_async_with("out", always(), {
            let seen = seen.clone();
            move |_| {
                let guard = Dropped(seen.clone());
                Ok(async move {
                    std::future::pending::<()>().await;
                    drop(guard);
                    Ok(())
                })
            }
        })?;
        m.set_message_handler_async("wait", move |_, ()| {
            let guard = Dropped(seen.clone());
            Ok(async move {
                std::future::pending::<()>().await;
                drop(guard);
                Ok(())
            })
        })?;
        Ok(())
    })
    .await;
    let tag = client.ask("m-wait", ()).await;
    assert!(log.take().is_empty());
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(log.take(), ["dropped", "dropped"]);
    let answers = client.model().responses();
    assert_eq!(answers, [(tag, Err("the handler was destroyed".to_owned()))]);
}

// spec: I13
#[tokio::test(start_paused = true)]
async fn destroying_tells_those_who_read_an_input_of_the_module() {
    let (mut client, log) = (idle().await, Log::default());
    client.set("m-x", 1).flush().await;
    let seen = log.clone();
    run(&mut client, move |s| {
        s.effect(move |s| {
            let x = s.module("m")?.input::<u32>("x")?;
            seen.add(match x.get(s) {
                Ok(x) => x.to_string(),
                Err(Interrupt::Silent) => "unset".to_owned(),
                Err(other) => other.to_string(),
            });
            Ok(())
        });
        Ok(())
    })
    .await;
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(log.take(), ["1", "unset"]);
    client.set("m-x", 2).flush().await;
    assert_eq!(log.take(), ["2"]);
    assert_eq!(client.end_reason(), None);
}

// spec: I1
#[tokio::test(start_paused = true)]
async fn async_callbacks_take_their_turn_and_their_futures_go_on_beside_the_destroy() {
    let log = Log::default();
    let app_log = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let m = s.module("m")?;
        let value = m.value(7);
        for name in ["first", "second"] {
            let log = app_log.clone();
            m.on_destroy_async(move |s| {
                let seen = value.get(s)?;
                log.add(format!("{name} sees {seen}"));
                Ok(async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    log.add(format!("{name} is done"));
                    Ok(())
                })
            });
        }
        m.on_destroy(app_log.says("third"));
        m.on_destroy_async(|_| Ok(async { panic!("in a future") }));
        s.on_destroy_async(|_| Ok(std::future::pending()));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(log.take(), ["first sees 7", "second sees 7", "third"]);
    assert_eq!((client.counts().modules, client.counts().tasks), (0, 0));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(log.take(), ["first is done", "second is done"]);
    assert_eq!(client.close_code(), None);
    client.disconnect().await;
}

// spec: I36
#[tokio::test(start_paused = true)]
async fn the_future_of_an_async_callback_outlasts_the_session_by_the_grace_and_no_more() {
    let held = Arc::new(());
    let (log, app_held) = (Log::default(), Arc::clone(&held));
    let app_log = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let (log, held) = (app_log.clone(), Arc::clone(&app_held));
        s.on_destroy_async(move |_| {
            Ok(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                log.add("saved");
                std::future::pending::<()>().await;
                drop(held);
                Ok(())
            })
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.disconnect().await;
    drop(client);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((log.take().as_slice(), Arc::strong_count(&held)), (&["saved".to_owned()][..], 2));
    tokio::time::sleep(Limits::default().end_grace).await;
    assert_eq!(
        Arc::strong_count(&held),
        1,
        "the app is gone with its client, the future with its grace"
    );
}
