//! Errors of effects that the user of the page is told of.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use serde_json::{Value as Json, json};
use session_core::testing::Client;
use session_core::{App, notify};

#[path = "support/session.rs"]
mod support;
use support::always;

fn notifications(client: &mut Client) -> Vec<Json> {
    let frames = client.frames().into_iter();
    frames.filter_map(|mut frame| Some(frame.get_mut("notification")?.take())).collect()
}

fn app(closes: bool) -> App {
    App::new(move |s| {
        let n = s.input::<i64>("n")?;
        s.output_with("double", always(), move |s| Ok(n.get(s)? * 2))?;
        s.effect(move |s| {
            let n = n.get(s)?;
            let error = notify(format!("<{n}> & \"more\""));
            Err(if closes { error.and_close() } else { error }.into())
        });
        Ok(())
    })
}

// spec: C24
#[tokio::test(start_paused = true)]
async fn the_error_of_an_effect_is_shown_as_a_note_and_the_session_stays_open() {
    let mut client = Client::connect(app(false)).await;
    let mut ids = Vec::new();
    for n in [1, 2] {
        client.set("n", n).flush().await;
        let [shown] = &notifications(&mut client)[..] else { panic!("one note") };
        let message = &shown["message"];
        assert_eq!((&shown["type"], &message["type"]), (&json!("show"), &json!("error")));
        assert_eq!(message["html"], format!("&lt;{n}&gt; &amp; &quot;more&quot;"));
        assert_eq!((&message["duration"], &message["closeButton"]), (&Json::Null, &json!(true)));
        assert_eq!(client.output("double"), Ok(2 * n));
        ids.push(message["id"].as_str().unwrap().to_owned());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(client.close_code(), None);
}

// spec: C24
#[tokio::test(start_paused = true)]
async fn one_that_asks_for_it_ends_the_session_after_it_is_shown() {
    let mut client = Client::connect(app(true)).await;
    client.set("n", 1).flush().await;
    assert_eq!(notifications(&mut client).len(), 1);
    assert_eq!(client.close_code(), Some(1011));
}

#[tokio::test(start_paused = true)]
async fn the_second_step_of_an_effect_may_say_so_too() {
    let app = App::new(|s| {
        s.effect_async(|_| Ok(async { Err(notify("later").into()) }));
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert_eq!(notifications(&mut client).len(), 1);
    assert_eq!(client.close_code(), None);
}

#[tokio::test(start_paused = true)]
async fn in_an_output_it_is_an_error_like_any_other() {
    let app = App::new(|s| {
        s.output_with("out", always(), |_| -> session_core::Result<()> {
            Err(notify("a detail").into())
        })
    });
    let mut client = Client::connect(app).await;
    assert!(notifications(&mut client).is_empty());
    assert!(!client.output::<()>("out").unwrap_err().contains("a detail"));
}
