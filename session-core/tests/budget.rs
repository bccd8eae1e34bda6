//! The outbound budget: what waits for a client counts, what has gone or is not wanted any more does not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use session_core::testing::Client;
use session_core::{App, Interrupt, Limits, Result, Session};

#[path = "support/session.rs"]
mod support;
use support::{always, idle, run};

fn limits(outbound_bytes: usize) -> Limits {
    let mut limits = Limits::default();
    limits.outbound_bytes = outbound_bytes;
    limits
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_what_it_is_sent_never_uses_the_budget_up() {
    let app = App::new(|s: &Session<'_>| {
        let n = s.input::<usize>("n")?;
        s.output_with("text", always(), move |s| Ok("x".repeat(300 + n.get(s)? % 7)))?;
        s.output_with("turns", always(), move |s| match n.get(s)? % 3 {
            0 => Err(Interrupt::InProgress),
            1 => Err(Interrupt::Cancel),
            n => Ok(n),
        })?;
        s.output_async_with("later", always(), move |s| {
            let n = n.get(s)?;
            Ok(async move {
                tokio::task::yield_now().await;
                Ok("y".repeat(100 + n % 5))
            })
        })?;
        s.set_message_handler("say", |s, ()| {
            s.send_custom_message("kind", &"x".repeat(300))?;
            s.send_binary_message("kind", &[0; 300])?;
            s.send_input_message("n", &"x".repeat(300))?;
            Ok("x".repeat(300))
        })?;
        s.set_message_handler("again", |s, ()| {
            s.module("m")?.output_with("out", always(), |_| Ok("z".repeat(300)))?;
            Ok(())
        })?;
        s.set_message_handler("shut", |s, ()| s.destroy_module("m"))?;
        Ok(())
    });
    let mut client = Client::connect_with(app, limits(4000)).await;
    for n in 0..200 {
        client.set("n", n).flush().await;
        client.settle().await;
        for method in ["say", "again", "shut"] {
            client.call(method, ()).await.unwrap();
        }
        assert_eq!(client.close_code(), None, "in round {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn results_of_outputs_that_went_or_were_replaced_while_they_waited_count_no_more() {
    let app = App::new(|s: &Session<'_>| {
        let n = s.input::<usize>("n")?;
        let long = move |s: &Session<'_>| Ok("x".repeat(6000 + n.get(s)?));
        s.output_with("text", always(), move |s| match n.get(s)? % 2 {
            0 => long(s),
            _ => Err(Interrupt::InProgress),
        })?;
        s.set_message_handler("open", move |s, ()| {
            s.module("m")?.output_with("out", always(), long)
        })?;
        s.set_message_handler("shut", |s, ()| s.destroy_module("m"))?;
        Ok(())
    });
    let mut client = Client::connect_with(app, limits(40_000)).await;
    client.stall();
    for n in 0..20 {
        client.set("n", n).flush().await;
        client.ask("open", ()).await;
        client.ask("open", ()).await;
        client.ask("shut", ()).await;
        assert_eq!(client.close_code(), None, "in round {n}");
    }
    client.unstall();
    client.set("n", 20).flush().await;
    assert_eq!(client.output("text"), Ok("x".repeat(6020)));
    assert_eq!(client.close_code(), None);
}

#[tokio::test(start_paused = true)]
async fn results_of_many_outputs_that_wait_add_up() {
    for (outputs, code) in [(3, None), (4, Some(1008))] {
        let app = App::new(move |s: &Session<'_>| {
            let n = s.input::<usize>("n")?;
            (0..outputs).try_for_each(|output| {
                let render = move |s: &Session<'_>| Ok("x".repeat(3000 + n.get(s)?));
                s.output_with(format!("out{output}"), always(), render)
            })
        });
        let mut client = Client::connect_with(app, limits(12_000)).await;
        client.stall();
        client.set("n", 0).flush().await;
        assert_eq!(client.close_code(), code, "{outputs} outputs");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_output_or_effect_waits_for_is_no_request_at_work() {
    let mut only_one = Limits::default();
    only_one.requests = 1;
    let app = App::new(|s: &Session<'_>| {
        s.output_async_with("out", always(), |_| Ok(std::future::pending::<Result<()>>()))?;
        s.effect_async(|_| Ok(std::future::pending()));
        for scope in [s.root(), s.module("m")?] {
            scope.set_message_handler_async("wait", |_, ()| {
                Ok(std::future::pending::<Result<()>>())
            })?;
        }
        Ok(())
    });
    let mut client = Client::connect_with(app, only_one).await;
    client.ask("m-wait", ()).await;
    assert_eq!(client.counts().tasks, 3);
    let refused = Err("too many requests are still at work".into());
    assert_eq!(client.call("m-wait", ()).await, refused);
    run(&mut client, |s| s.destroy_module("m")).await;
    // One that is dropped has made room.
    client.ask("wait", ()).await;
    assert_eq!(client.counts().tasks, 3);
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_the_budget_is_an_error_of_that_call_and_a_smaller_one_arrives() {
    let mut client = idle().await;
    let limit = Limits::default().outbound_bytes;
    run(&mut client, move |s| {
        assert!(s.send_custom_message("kind", &"x".repeat(limit)).is_err());
        s.send_custom_message("kind", &"x".repeat(limit / 2))
    })
    .await;
    assert_eq!((client.close_code(), client.model().custom().len()), (None, 1));
}
