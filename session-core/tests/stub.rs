//! A session that is none (group L).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::Arc;

use session_core::{
    App, Interrupt, OutputOptions, Reconnect, Result, Session, Shared, StubSession, page,
};

#[path = "support/session.rs"]
mod support;
use support::{Log, idle, run};

// spec: L1
#[tokio::test(start_paused = true)]
async fn a_stub_and_its_scopes_are_stubs_and_real_ones_are_not() {
    let stub = StubSession::new();
    assert!(stub.session().is_stub_session());
    assert!(stub.session().module("m").unwrap().is_stub_session());
    assert!(stub.session().module("m").unwrap().root().is_stub_session());
    run(&mut idle().await, |s| {
        assert!(!s.is_stub_session());
        assert!(!s.module("m")?.is_stub_session());
        Ok(())
    })
    .await;
}

// spec: L2 L13
#[test]
fn whatever_reaches_for_the_client_does_nothing() -> Result<()> {
    let stub = StubSession::new();
    let log = Log::default();
    for s in [stub.session(), stub.session().module("m")?] {
        s.on_destroy(log.says("destroyed"));
        s.send_custom_message("kind", "text")?;
        s.send_binary_message("kind", b"bytes")?;
        s.send_input_message("x", "text")?;
        s.insert_ui(page::InsertUi::new("#x", "text"))?;
        s.remove_ui("#x")?;
        s.show_notification(page::Notification::new("text"))?;
        s.remove_notification("id")?;
        s.show_modal(page::Modal::new("text"))?;
        s.remove_modal()?;
        s.html("text")?;
        s.freeze_input("x")?;
        s.reset_brush("x")?;
        s.update_query_string("?a", page::QueryMode::Push)?;
        s.reload()?;
        s.update_input("x", page::TextUpdate::new().value("text"))?;
        s.insert_tab("x", page::Tab::new("text", "value", "text"))?;
        s.remove_tab("x", "value")?;
        s.show_tab("x", "value")?;
        s.hide_tab("x", "value")?;
        let progress = s.progress()?;
        progress.inc(&s, 0.5)?;
        progress.close(&s)?;
        s.allow_reconnect(Reconnect::Yes);
        s.destroy();
        s.close();
    }
    assert!(log.take().is_empty());
    Ok(())
}

// spec: L3
#[test]
fn callbacks_never_run_and_can_be_cancelled() -> Result<()> {
    let stub = StubSession::new();
    let log = Log::default();
    for s in [stub.session(), stub.session().module("m")?] {
        for registration in [
            s.on_ended(log.says("ended")),
            s.on_ended_async(|_| Ok(async { Ok(()) })),
            s.on_flush(log.says("flush")),
            s.on_every_flush(log.says("flush")),
            s.on_flushed(log.says("flushed")),
            s.on_every_flushed(log.says("flushed")),
        ] {
            registration.cancel(&s);
            registration.cancel(&s);
        }
        s.close();
        s.destroy();
    }
    let held = Arc::new(());
    let of_callback = Arc::clone(&held);
    stub.session().on_every_flush(move |_| {
        let _ = &of_callback;
        Ok(())
    });
    assert_eq!(Arc::strong_count(&held), 1, "what never runs is not kept");
    drop(stub);
    assert!(log.take().is_empty());
    Ok(())
}

// spec: L4
#[test]
fn handlers_and_routes_have_no_key_and_no_url() -> Result<()> {
    let stub = StubSession::new();
    for s in [stub.session(), stub.session().module("m")?] {
        assert_eq!(s.set_message_handler("ask", |_, ()| Ok(()))?, "");
        assert_eq!(s.set_message_handler_async("ask", |_, ()| Ok(async { Ok(()) }))?, "");
        assert_eq!(s.remove_message_handler("ask")?, "");
        assert_eq!(s.dynamic_route("route", |_, _| Ok(""))?, "");
        assert_eq!(s.dynamic_route_async("route", |_, _| Ok(async { Ok("") }))?, "");
    }
    Ok(())
}

// spec: L6 L10
#[test]
fn effects_and_outputs_never_run() -> Result<()> {
    let stub = StubSession::new();
    let log = Log::default();
    for s in [stub.session(), stub.session().module("m")?] {
        let effect = s.effect(log.says("effect"));
        let trigger = s.value(1);
        let of_output = log.clone();
        let options = OutputOptions::default().suspend_when_hidden(false);
        s.output_with("out", options, move |s| {
            of_output.add(trigger.get(s)?);
            Ok(())
        })?;
        s.on_event(trigger, |_, _| panic!("an event"));
        trigger.set(&s, 2)?;
        effect.destroy(&s);
        effect.destroy(&s);
    }
    assert!(log.take().is_empty());
    Ok(())
}

// spec: L7
#[test]
fn values_and_calcs_work_and_destroy_leaves_them() -> Result<()> {
    let stub = StubSession::new();
    let (s, m) = (stub.session(), stub.session().module("m")?);
    let value = m.value(1);
    let calc = s.calc(move |s| Ok(value.get(s)? * 10));
    assert_eq!(calc.get(&s)?, 10);
    m.destroy();
    s.destroy_module("m")?;
    s.destroy();
    value.set(&m, 2)?;
    assert_eq!(calc.get(&s)?, 20);
    let shared = Shared::new(3);
    let of_shared = { s.calc(move |s| shared.get(s)) };
    assert_eq!(of_shared.get(&s)?, 3);
    Ok(())
}

// spec: L8
#[test]
fn destroying_by_an_empty_id_is_an_error_in_a_scope_alone() -> Result<()> {
    let stub = StubSession::new();
    stub.session().destroy_module("")?;
    assert!(stub.session().module("m")?.destroy_module("").is_err());
    Ok(())
}

// spec: L9
#[test]
fn ids_are_checked_as_usual() -> Result<()> {
    let stub = StubSession::new();
    let m = stub.session().module("m")?;
    assert_eq!(m.ns("x")?, "m-x");
    for id in ["", "a-b", "a b"] {
        assert!(stub.session().module(id).is_err(), "{id:?}");
        assert!(m.input::<u32>(id).is_err(), "{id:?}");
        assert!(m.output(id, |_| Ok(())).is_err(), "{id:?}");
        assert!(m.set_message_handler(id, |_, ()| Ok(())).is_err(), "{id:?}");
        assert!(m.dynamic_route(id, |_, _| Ok("")).is_err(), "{id:?}");
    }
    Ok(())
}

// spec: L11 L12
#[test]
fn there_is_no_client_to_ask() -> Result<()> {
    let stub = StubSession::new();
    let s = stub.session();
    assert_eq!(s.id(), "stub");
    assert!(matches!(s.input::<u32>("x")?.get(&s), Err(Interrupt::Silent)));
    let page = s.client_data();
    assert!(matches!(page.pixel_ratio().get(&s), Err(Interrupt::Silent)));
    assert!(matches!(page.url().get(&s), Err(Interrupt::Silent)));
    assert!(matches!(page.output("x")?.width().get(&s), Err(Interrupt::Silent)));
    assert!(s.module("m")?.client_data().output("no id").is_err());
    assert!(s.current_output().is_err());
    assert!(s.peer().address.is_none() && s.peer().request.is_none());
    assert_eq!((s.user(), s.groups().len()), (None, 0));
    assert_eq!((s.module("m")?.user(), s.module("m")?.groups().len()), (None, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handle_of_a_stub_says_that_the_session_has_ended() {
    let stub = StubSession::new();
    let handle = stub.session().handle();
    assert!(handle.has_ended());
    assert!(handle.run(|_| ()).await.is_err());
    handle.ended().await;
}

#[test]
fn a_whole_app_runs_in_a_stub() -> Result<()> {
    fn app(s: &Session<'_>) -> Result<()> {
        let n = s.input::<f64>("n")?;
        s.output("double", move |s| Ok(n.get(s)? * 2.0))?;
        s.set_message_handler("add", |_, (a, b): (f64, f64)| Ok(a + b))?;
        s.module("m")?.effect(|s| s.invalidate_later(std::time::Duration::ZERO));
        s.on_ended(|_| Ok(()));
        Ok(())
    }
    let _ = App::new(app);
    app(&StubSession::new().session())
}
