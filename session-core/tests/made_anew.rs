//! A scope that is destroyed and made anew under the same name, with a client that does not say the same thing twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use serde_json::{Value as Json, json};
use session_core::testing::Client;
use session_core::{App, Result, Session};

#[path = "support/session.rs"]
mod support;
use support::run;

/// The module `m`, whose output `shown` shows its input `text`.
fn module(s: &Session<'_>) -> Result<()> {
    let m = s.module("m")?;
    let text = m.input::<String>("text")?;
    m.input::<String>("never_said")?;
    m.output("shown", move |s| text.get(s))
}

async fn page() -> Client {
    let mut client = Client::open(App::new(module), session_core::Limits::default());
    client.set("m-text", "a").set("mine", 1).set("m", 2).show("m-shown").show("other").init().await;
    assert_eq!(client.output::<String>("m-shown"), Ok("a".into()));
    client.frames();
    client
}

/// The names that the client is told to forget, message by message, in order.
fn forgotten(client: &mut Client) -> Vec<Json> {
    let frames = client.frames();
    frames.iter().filter_map(|frame| Some(frame.get("frozen")?["ids"].clone())).collect()
}

// spec: I11 I12 I13
#[tokio::test(start_paused = true)]
async fn the_client_is_told_to_forget_what_it_said_of_a_destroyed_scope_and_of_no_other() {
    let mut client = page().await;
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(forgotten(&mut client), [json!(["m-text", ".clientdata_output_m-shown_hidden"])]);
    // There is nothing more to forget.
    run(&mut client, |s| s.destroy_module("m")).await;
    assert!(forgotten(&mut client).is_empty());
}

// spec: I13 H2
#[tokio::test(start_paused = true)]
async fn a_scope_made_anew_lives_once_the_client_has_said_the_same_again() {
    let mut client = page().await;
    run(&mut client, |s| {
        s.destroy_module("m")?;
        module(s)
    })
    .await;
    for name in forgotten(&mut client).remove(0).as_array().unwrap() {
        let value = if *name == "m-text" { json!("a") } else { json!(false) };
        client.set(name.as_str().unwrap(), value);
    }
    client.flush().await;
    let frames = client.frames();
    assert!(frames.iter().any(|frame| frame["values"]["m-shown"] == "a"), "{frames:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_tells_the_client_to_forget_nothing() {
    let mut client = page().await;
    run(&mut client, |s| {
        s.close();
        Ok(())
    })
    .await;
    assert!(client.close_code().is_some());
    assert!(forgotten(&mut client).is_empty());
}
