//! Module scopes: what ids mean in them, and what belongs to whom (group H).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::time::Duration;

use serde_json::json;
use session_core::testing::Client;
use session_core::{AbsoluteId, App, Result, Session};

#[path = "support/session.rs"]
mod support;
use support::{Log, always, get, idle, run};

// spec: H1
#[tokio::test(start_paused = true)]
async fn ids_nest_below_the_modules_they_are_in() {
    let app = App::new(|s: &Session<'_>| {
        let a = s.module("a")?;
        let b = a.module("b")?;
        let names = [s.ns("x")?, a.ns("x")?, b.ns("x")?];
        assert_eq!(names, ["x", "a-x", "a-b-x"]);
        assert_eq!(b.namespace().as_str(), "a-b");
        let x = b.input::<u32>("x")?;
        b.output_with("out", always(), move |s| x.get(s))
    });
    let mut client = Client::connect(app).await;
    client.set("x", 1).set("a-x", 2).set("a-b-x", 3).flush().await;
    assert_eq!(client.output("a-b-out"), Ok(3));
}

// spec: H2
#[tokio::test(start_paused = true)]
async fn the_same_id_twice_is_the_same_scope() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let (one, two) = (s.module("m")?, s.module("m")?);
        assert_eq!(one.namespace(), two.namespace());
        one.set_message_handler("ask", |_, ()| Ok("one"))?;
        two.set_message_handler("ask", |_, ()| Ok("two"))?;
        one.output_with("out", always(), |_| Ok("one"))?;
        two.output_with("out", always(), |_| Ok("two"))
    })
    .await;
    assert_eq!(client.call("m-ask", ()).await, Ok("two".into()));
    assert_eq!(client.output("m-out"), Ok("two".to_owned()));
    assert_eq!((client.counts().modules, client.counts().outputs), (1, 1));
    run(&mut client, |s| {
        let (one, two) = (s.module("m")?, s.module("m")?);
        let value = one.value(1);
        two.destroy();
        assert!(value.get(s).is_err());
        Ok(())
    })
    .await;
    client.assert_no_leaks();
}

// spec: H3
#[tokio::test(start_paused = true)]
async fn the_root_of_a_nested_scope_is_that_of_the_session() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let deep = s.module("a")?.module("b")?.module("c")?;
        let root = deep.root();
        assert!(root.namespace().is_root());
        root.output_with("out", always(), |_| Ok(1))?;
        let value = root.value(2);
        s.destroy_module("a")?;
        assert_eq!(value.get(s)?, 2, "it belongs to the root");
        Ok(())
    })
    .await;
    assert_eq!(client.output("out"), Ok(1));
}

// spec: H4 H7 (decision 20)
#[tokio::test(start_paused = true)]
async fn an_absolute_id_means_the_same_in_every_scope() {
    let mut client = idle().await;
    client.set("a-x", 4).flush().await;
    run(&mut client, |s| {
        let absolute = AbsoluteId::new("a-x")?;
        let deep = s.module("p")?.module("q")?;
        for s in [s, &s.module("a")?, &deep] {
            assert_eq!(s.ns(&absolute)?, "a-x");
            assert_eq!(s.input::<u32>(&absolute)?.get(s)?, 4);
            assert_eq!(s.module(&absolute)?.namespace().as_str(), "a-x");
            assert_eq!(s.module(&absolute)?.ns("y")?, "a-x-y");
        }
        deep.output_with(AbsoluteId::new("a-out")?, always(), |_| Ok("from p-q"))
    })
    .await;
    assert_eq!(client.output("a-out"), Ok("from p-q".to_owned()));
}

// spec: H5 H6 (decision 20)
#[tokio::test(start_paused = true)]
async fn what_is_no_id_is_refused_wherever_an_id_is_asked_for() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let m = s.module("m")?;
        for id in ["", " ", "a b", "a-b", "-", "..a", "a.b", "a\n", "a\u{0}", "a:b"] {
            assert!(m.module(id).is_err(), "{id:?}");
            assert!(m.ns(id).is_err(), "{id:?}");
            assert!(m.input::<u32>(id).is_err(), "{id:?}");
            assert!(m.output(id, |_| Ok(1)).is_err(), "{id:?}");
            assert!(m.set_message_handler(id, |_, ()| Ok(())).is_err(), "{id:?}");
            assert!(m.dynamic_route(id, |_, _| Ok("")).is_err(), "{id:?}");
            assert!(m.send_input_message(id, &1).is_err(), "{id:?}");
            if id != "-" && id != "a-b" {
                assert!(AbsoluteId::new(id).is_err(), "{id:?}");
            }
        }
        for id in ["a", "_", "0", "a1_b", "über", "名前"] {
            assert_eq!(m.ns(id)?, format!("m-{id}"));
            assert_eq!(m.module(id)?.namespace().as_str(), format!("m-{id}"));
        }
        assert_eq!(m.ns(".a")?, "m-.a");
        assert!(m.module(".a").is_err());
        s.destroy_module("m")
    })
    .await;
    client.assert_no_leaks();
}

// spec: C27 H8 (decision 2)
#[tokio::test(start_paused = true)]
async fn every_closure_sees_the_scope_that_registered_it() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let url = run(&mut client, move |s| {
        let m = s.module("a")?.module("m")?;
        let names = |what: &'static str| {
            let log = seen.clone();
            move |s: &Session<'_>| -> Result<()> {
                log.add(format!("{what} {}", s.ns("x")?));
                Ok(())
            }
        };
        m.effect(names("effect"));
        let calc = m.calc(names("calc"));
        // Read by an effect of the root, it is the calc of the module all the same.
        s.effect(move |s| calc.get(s));
        let (event, name) = (m.value(1), names("event"));
        m.on_event(event, move |s, _| name(s));
        m.output_with("out", always(), names("output"))?;
        m.on_flush(names("flush"));
        m.on_flushed(names("flushed"));
        m.on_ended(names("ended"));
        m.on_destroy(names("destroy"));
        let name = names("handler");
        m.set_message_handler("ask", move |s, ()| name(s))?;
        let name = names("route");
        m.dynamic_route("route", move |s, _| name(s).map(|()| "done"))
    })
    .await;
    let mut lines = log.take();
    lines.sort();
    let expected = ["calc", "effect", "event", "flush", "flushed", "output"];
    assert_eq!(lines, expected.map(|what| format!("{what} a-m-x")));
    client.call("a-m-ask", ()).await.unwrap();
    client.fetch(get(&url)).await.unwrap();
    assert_eq!(log.take(), ["handler a-m-x", "route a-m-x"]);
    client.disconnect().await;
    assert_eq!(log.take(), ["ended a-m-x", "destroy a-m-x"]);
}

// spec: C27 (decision 4)
#[tokio::test(start_paused = true)]
async fn a_handle_runs_work_in_the_scope_that_made_it() {
    let mut client = idle().await;
    let handle = run(&mut client, |s| Ok(s.module("m")?.handle())).await;
    let (name, ()) =
        tokio::join!(handle.run(|s| s.namespace().to_string()), async { client.settle().await });
    assert_eq!(name.unwrap(), "m");
}

// spec: H9
#[tokio::test(start_paused = true)]
async fn a_custom_message_of_a_module_has_no_prefix() {
    let mut client = idle().await;
    run(&mut client, |s| s.module("m")?.send_custom_message("kind", &1)).await;
    assert_eq!(client.model().custom(), [("kind".to_owned(), json!(1))]);
}

// spec: H9
#[tokio::test(start_paused = true)]
async fn closing_a_module_closes_the_session() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        s.on_ended(seen.says("ended"));
        s.module("m")?.close();
        Ok(())
    })
    .await;
    assert_eq!((client.close_code(), log.take()), (Some(1001), vec!["ended".to_owned()]));
}

// spec: H10
#[tokio::test(start_paused = true)]
async fn what_a_module_registers_has_its_namespace_on_the_wire() {
    let mut client = idle().await;
    client.set("m-n", 5).flush().await;
    let (key, removed, url) = run(&mut client, |s| {
        let m = s.module("m")?;
        m.send_input_message("n", &"to the input")?;
        let key = m.set_message_handler("ask", |_, ()| Ok("answered"))?;
        let removed = m.remove_message_handler("other")?;
        let n = m.input::<u32>("n")?;
        m.output_with("out", always(), move |s| n.get(s))?;
        Ok((key, removed, m.dynamic_route("route", |_, _| Ok("served"))?))
    })
    .await;
    assert_eq!((&*key, &*removed), ("m-ask", "m-other"));
    assert!(url.contains("/dynamic_route/m-route?"), "{url}");
    assert_eq!(client.fetch(get(&url)).await.unwrap().status(), 200);
    assert_eq!(client.model().input_messages(), [("m-n".to_owned(), json!("to the input"))]);
    assert_eq!(client.output("m-out"), Ok(5));
    assert_eq!(client.call("m-ask", ()).await, Ok("answered".into()));
    assert!(client.call("ask", ()).await.is_err());
}

// spec: H11 (decision 19)
#[tokio::test(start_paused = true)]
async fn an_ended_callback_of_a_module_runs_at_the_end_of_the_session_alone() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        s.module("kept")?.on_ended(seen.says("kept"));
        s.module("gone")?.on_ended(seen.says("gone"));
        s.module("gone")?.module("inner")?.on_ended(seen.says("gone too"));
        s.destroy_module("gone")
    })
    .await;
    assert!(log.take().is_empty(), "a destroy is no end");
    client.disconnect().await;
    assert_eq!(log.take(), ["kept"]);
}

// spec: H12 (decision 19)
#[tokio::test(start_paused = true)]
async fn a_module_made_and_destroyed_a_hundred_times_leaves_nothing() {
    let mut client = idle().await;
    let before = client.counts();
    for _ in 0..100 {
        client.set("m-n", 1).show("m-out").flush().await;
        run(&mut client, |s| {
            let m = s.module("m")?;
            let (n, inner) = (m.input::<u32>("n")?, m.module("inner")?);
            let value = inner.value(2);
            let calc = inner.calc(move |s| Ok(value.get(s)? + 1));
            inner.effect(move |s| {
                calc.get(s)?;
                s.invalidate_later(Duration::from_secs(1))
            });
            inner.effect_async(|_| Ok(std::future::pending()));
            inner.on_event(n, |_, _| Ok(()));
            m.output("out", move |s| n.get(s))?;
            m.set_message_handler_async("ask", |_, ()| Ok(std::future::pending::<Result<()>>()))?;
            m.dynamic_route("route", |_, _| Ok(""))?;
            inner.on_every_flush(|_| Ok(()));
            inner.on_every_flushed(|_| Ok(()));
            inner.on_ended(|_| Ok(()));
            inner.on_destroy(|_| Ok(()));
            Ok(())
        })
        .await;
        client.ask("m-ask", ()).await;
        assert_eq!((client.counts().timers, client.counts().tasks), (1, 2));
        run(&mut client, |s| s.destroy_module("m")).await;
    }
    assert_eq!(client.counts(), before);
}

// spec: C26
#[tokio::test(start_paused = true)]
async fn an_effect_goes_with_the_scope_it_was_made_in() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    let value = run(&mut client, move |s| {
        let value = s.value(0);
        for (scope, line) in [(s.module("m")?, "of m"), (s.module("n")?, "of n")] {
            let log = seen.clone();
            scope.effect(move |s| {
                value.get(s)?;
                log.add(line);
                Ok(())
            });
        }
        Ok(value)
    })
    .await;
    assert_eq!(log.take(), ["of m", "of n"]);
    run(&mut client, move |s| {
        // It waits already.
        value.set(s, 1)?;
        s.destroy_module("m")
    })
    .await;
    assert_eq!(log.take(), ["of n"]);
    run(&mut client, move |s| value.set(s, 2)).await;
    assert_eq!(log.take(), ["of n"]);
}

// spec: C19 (decision 21)
#[tokio::test(start_paused = true)]
async fn a_callback_of_every_flush_that_destroys_its_own_scope_runs_to_its_end_and_never_again() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        let own = seen.clone();
        m.on_every_flush(move |s| {
            own.add("begins");
            s.destroy();
            own.add("ends");
            Ok(())
        });
        m.on_every_flush(seen.says("of the same scope"));
        m.on_flushed(seen.says("of the same scope"));
        s.on_flush(seen.says("of the root"));
        Ok(())
    })
    .await;
    client.flush().await;
    assert_eq!(log.take(), ["begins", "ends", "of the root"]);
    client.assert_no_leaks();
}

// spec: C19
#[tokio::test(start_paused = true)]
async fn a_handler_of_an_event_that_destroys_its_own_scope_runs_to_its_end_and_never_again() {
    let (mut client, log) = (idle().await, Log::default());
    let seen = log.clone();
    run(&mut client, move |s| {
        let m = s.module("m")?;
        m.on_event(s.input::<u32>("remove")?, move |s, n| {
            s.destroy();
            seen.add(n);
            Ok(())
        });
        Ok(())
    })
    .await;
    client.set("remove", 1).flush().await;
    client.set("remove", 2).flush().await;
    assert_eq!(log.take(), ["1"]);
    client.assert_no_leaks();
}

// spec: N9
#[tokio::test(start_paused = true)]
async fn an_input_that_the_client_names_like_a_module_makes_no_scope() {
    let mut client = idle().await;
    client.set("m-x", 1).set("m", 2).set("m-n-x", 3).flush().await;
    assert_eq!((client.counts().modules, client.counts().scopes), (0, 1));
}

// spec: H12
#[tokio::test(start_paused = true)]
async fn looking_at_the_session_from_a_destroyed_module_makes_nothing() {
    let mut client = idle().await;
    let handle = run(&mut client, |s| {
        let m = s.module("m")?;
        s.destroy_module("m")?;
        m.on_every_flush(|_| Ok(()));
        m.set_message_handler("ask", |s, ()| Ok(s.ns("x")?))?;
        Ok(m.handle())
    })
    .await;
    client.flush().await;
    assert_eq!(client.call("m-ask", ()).await, Ok("m-x".into()));
    let (seen, ()) = tokio::join!(handle.run(|s| s.ns("x").ok()), client.settle());
    assert_eq!(seen, Ok(Some("m-x".to_owned())));
    assert_eq!((client.counts().modules, client.counts().scopes), (0, 1));
    run(&mut client, |s| s.destroy_module("m")).await;
    client.assert_no_leaks();
}

// spec: H12 I30
#[tokio::test(start_paused = true)]
async fn what_a_view_of_a_destroyed_module_makes_belongs_to_the_next_of_that_name() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let m = s.module("m")?;
        m.destroy();
        let value = m.value(1);
        assert_eq!(value.get(s)?, 1);
        s.destroy_module("m")?;
        assert!(value.get(s).is_err());
        Ok(())
    })
    .await;
    // Also where the view never stood on a scope: a handle's, whose module is gone when it runs.
    let handle = run(&mut client, |s| Ok(s.module("n")?.handle())).await;
    run(&mut client, |s| s.destroy_module("n")).await;
    let make = handle.run(|s| s.value(1));
    let (value, ()) = tokio::join!(make, client.settle());
    let value = value.unwrap();
    run(&mut client, move |s| {
        assert_eq!(value.get(s)?, 1);
        s.destroy_module("n")?;
        assert!(value.get(s).is_err(), "it went with the module and not with the root");
        Ok(())
    })
    .await;
    client.assert_no_leaks();
}
