//! The laws of outputs: when they run, what the client is told, and in how few frames.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use session_core::link::{
    CloseCode, Connect, Frame, Link, MemoryReceive, MemoryTransmit, Receive, ReceiveError,
    ReceiveExt, TransmitExt, memory,
};
use session_core::testing::{Client, ClientModel, OutputState};
use session_core::{
    App, EffectOptions, Interrupt, Limits, OutputOptions, Result, Server, Session, SessionEnded,
    SessionHandle, Shared, Value, req, req_cancel, req_in_progress, safe,
};
use tokio::sync::{mpsc, oneshot};

const GENERIC: &str =
    "An error has occurred. Check your logs or contact the app author for clarification.";

#[derive(Debug, thiserror::Error)]
#[error("boom")]
struct Boom;

/// Counts runs.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn count(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// An app with one output `out`, which shows the input `n` and counts its runs.
fn shows_n(options: OutputOptions) -> (App, Runs) {
    let runs = Runs::default();
    let counted = runs.clone();
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        let runs = counted.clone();
        s.output_with("out", options, move |s| {
            runs.count();
            n.get(s)
        })
    });
    (app, runs)
}

/// What the frames since the last call say, as text without spaces.
fn told(client: &mut Client) -> Vec<String> {
    client.frames().iter().map(ToString::to_string).collect()
}

fn progress(output: &str) -> Json {
    json!({ "type": "binding", "message": { "id": output } })
}

fn recalculating(output: &str) -> Json {
    json!({ "name": output, "status": "recalculating" })
}

fn recalculated(output: &str) -> Json {
    json!({ "name": output, "status": "recalculated" })
}

// spec: M1
#[tokio::test(start_paused = true)]
async fn an_output_whose_visibility_was_never_told_does_not_run() {
    let (app, runs) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 1).flush().await;
    client.set("n", 2).set(".clientdata_output_other_hidden", false).flush().await;
    assert_eq!(runs.get(), 0);
    assert_eq!(client.model().shows("out"), None);
}

// spec: M1
#[tokio::test(start_paused = true)]
async fn anything_but_false_counts_as_hidden() {
    let (app, runs) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    for hidden in [json!(true), json!(null), json!(0), json!("false"), json!([false])] {
        client.set("n", 1).set(".clientdata_output_out_hidden", hidden).flush().await;
        assert_eq!(runs.get(), 0);
    }
}

// spec: M2
#[tokio::test(start_paused = true)]
async fn an_output_runs_in_the_flush_of_the_message_that_shows_it() {
    let (app, runs) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 7).flush().await;
    client.show("out").flush().await;
    assert_eq!((runs.get(), client.output("out")), (1, Ok(7)));
}

// spec: M3
#[tokio::test(start_paused = true)]
async fn a_hidden_output_rests_and_shown_again_runs_once_with_the_newest_data() {
    let (app, runs) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").flush().await;
    client.hide("out").flush().await;
    for n in 2..5 {
        client.set("n", n).flush().await;
    }
    assert_eq!((runs.get(), client.output("out")), (1, Ok(1)));
    client.show("out").flush().await;
    assert_eq!((runs.get(), client.output("out")), (2, Ok(4)));
}

// spec: M4
#[tokio::test(start_paused = true)]
async fn an_output_hidden_and_shown_with_nothing_changed_does_not_run_again() {
    let (app, runs) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").flush().await;
    client.frames();
    client.hide("out").flush().await;
    client.show("out").flush().await;
    assert_eq!(runs.get(), 1);
    assert_eq!(told(&mut client), [""; 0], "nothing changed, so nothing is said (E5)");
}

// spec: M5
#[tokio::test(start_paused = true)]
async fn an_output_that_is_not_suspended_when_hidden_runs_unseen() {
    let (app, runs) = shows_n(OutputOptions::default().suspend_when_hidden(false));
    let mut client = Client::connect(app).await;
    client.set("n", 1).flush().await;
    assert_eq!(client.output("out"), Ok(1));
    client.set("n", 2).hide("out").flush().await;
    assert_eq!(client.output("out"), Ok(2));
    client.set("n", 3).flush().await;
    assert_eq!((runs.get(), client.output("out")), (4, Ok(3)), "once unset, then three times");
}

// spec: M6
#[tokio::test(start_paused = true)]
async fn an_output_registered_after_its_visibility_was_told_runs_at_once() {
    let app = App::new(|s| {
        s.set_message_handler("add", |s, (id,): (String,)| s.output(&id, |_| Ok("late")))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.show("seen").hide("unseen").flush().await;
    client.call("add", ("seen",)).await.unwrap();
    client.call("add", ("unseen",)).await.unwrap();
    assert_eq!(client.output("seen"), Ok("late".to_owned()));
    assert_eq!(client.model().shows("unseen"), None);
}

// spec: M7 (decision 27)
#[tokio::test(start_paused = true)]
async fn an_output_does_not_run_for_the_message_that_hides_it() {
    let (app, runs) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").flush().await;
    client.set("n", 2).hide("out").flush().await;
    assert_eq!((runs.get(), client.output("out")), (1, Ok(1)));
    // Whichever key comes first.
    client.send(r#"{"method":"update","data":{".clientdata_output_out_hidden":true,"n":3}}"#).await;
    assert_eq!(runs.get(), 1);
    client.show("out").flush().await;
    assert_eq!((runs.get(), client.output("out")), (2, Ok(3)));
}

// spec: M8
#[tokio::test(start_paused = true)]
async fn a_client_is_told_once_that_an_output_is_out_of_date_even_a_hidden_one() {
    let (app, _) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").flush().await;
    client.hide("out").flush().await;
    client.frames();
    client.set("n", 2).flush().await;
    assert_eq!(client.frames(), [json!({ "progress": progress("out") })]);
    client.set("n", 3).flush().await;
    assert_eq!(client.frames(), [json!(null); 0], "it is out of date already");
    client.show("out").flush().await;
    assert_eq!(client.model().state("out"), OutputState::Value);
}

/// An app whose output does what the input `mode` says.
fn modes(sanitize: bool) -> App {
    App::new(|s| {
        let mode = s.input::<String>("mode")?;
        s.output("out", move |s| -> Result<Option<String>> {
            let mode = mode.get(s)?;
            match &*mode {
                "null" => Ok(None),
                "silent" => req(false).map(|_| None),
                "cancel" => req_cancel(false).map(|_| None),
                "progress" => req_in_progress(false).map(|_| None),
                "error" => Err(Boom.into()),
                "safe" => Err(safe("told to all").into()),
                #[allow(clippy::panic, reason = "that is what is tested")]
                "panic" => panic!("secret"),
                _ => Ok(Some(mode)),
            }
        })?;
        s.output("other", move |s| mode.get(s))
    })
    .sanitize_errors(sanitize)
}

async fn shown(sanitize: bool) -> Client {
    let mut client = Client::connect(modes(sanitize)).await;
    client.set("mode", "first").show("out").show("other").flush().await;
    assert_eq!(client.output("out"), Ok("first".to_owned()));
    client
}

// spec: M9
#[tokio::test(start_paused = true)]
async fn null_and_silent_empty_an_output_and_cancel_leaves_it_as_it_is() {
    let mut client = shown(true).await;
    for (mode, shows, state) in [
        ("a", Ok(&json!("a")), OutputState::Value),
        ("cancel", Ok(&json!("a")), OutputState::Cancel),
        ("null", Ok(&json!(null)), OutputState::Value),
        ("cancel", Ok(&json!(null)), OutputState::Cancel),
        ("b", Ok(&json!("b")), OutputState::Value),
        ("silent", Ok(&json!(null)), OutputState::Value),
        ("safe", Err("told to all"), OutputState::Error),
        ("cancel", Err("told to all"), OutputState::Cancel),
    ] {
        client.set("mode", mode).flush().await;
        assert_eq!(
            (client.model().shows("out"), client.model().state("out")),
            (Some(shows), state)
        );
    }
}

// spec: M9
#[tokio::test(start_paused = true)]
async fn an_output_whose_input_is_missing_is_empty() {
    let mut client = Client::connect(modes(true)).await;
    client.show("out").flush().await;
    assert_eq!(client.model().shows("out"), Some(Ok(&json!(null))));
}

// spec: M10
#[tokio::test(start_paused = true)]
async fn an_output_in_progress_keeps_what_it_shows_and_is_not_recalculated() {
    let mut client = shown(true).await;
    client.frames();
    client.set("mode", "progress").flush().await;
    let frames = told(&mut client);
    let said = frames.concat();
    assert!(said.contains(r#""id":"out","persistent":true"#), "{frames:#?}");
    assert!(!said.contains(r#""name":"out","status":"recalculated""#), "{frames:#?}");
    assert_eq!(client.output("out"), Ok("first".to_owned()));
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    client.set("mode", "done").flush().await;
    assert_eq!(client.output("out"), Ok("done".to_owned()));
}

// spec: M11
#[tokio::test(start_paused = true)]
async fn an_error_is_an_entry_of_its_output_and_the_others_update() {
    let mut client = shown(false).await;
    client.frames();
    client.set("mode", "error").flush().await;
    assert_eq!(client.output::<String>("out"), Err("boom".into()));
    assert_eq!(client.output("other"), Ok("error".to_owned()));
    let frames = client.frames();
    let entry = json!({ "message": "boom", "call": null, "type": null });
    assert_eq!(frames.last().unwrap()["errors"], json!({ "out": entry }));
    assert_eq!(client.close_code(), None);
    client.set("mode", "fine").flush().await;
    assert_eq!(client.output("out"), Ok("fine".to_owned()));
}

// spec: M11 (decision 15)
// fault: R1
#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_of_its_output_alone() {
    let mut client = shown(true).await;
    client.set("mode", "panic").flush().await;
    assert_eq!(client.output::<String>("out"), Err(GENERIC.into()));
    assert_eq!(client.output("other"), Ok("panic".to_owned()));
    client.set("mode", "fine").flush().await;
    assert_eq!(client.output("out"), Ok("fine".to_owned()));
}

// spec: M12 (decision 31)
#[tokio::test(start_paused = true)]
async fn the_text_of_an_error_is_generic_unless_it_is_safe() {
    let mut client = shown(true).await;
    client.set("mode", "error").flush().await;
    assert_eq!(client.output::<String>("out"), Err(GENERIC.into()));
    client.set("mode", "safe").flush().await;
    assert_eq!(client.output::<String>("out"), Err("told to all".into()));
}

// spec: G31 (decision 26)
#[tokio::test(start_paused = true)]
async fn what_cannot_be_serialised_is_an_error_of_its_output() {
    let app = App::new(|s| {
        s.output("bad", |_| Ok(BTreeMap::from([(vec![1], 1)])))?;
        s.output("nan", |_| Ok([f64::NAN, f64::INFINITY, 1.5]))?;
        s.output("good", |_| Ok(1))
    });
    let mut client = Client::connect(app).await;
    client.show("bad").show("nan").show("good").flush().await;
    assert_eq!(client.output::<Json>("bad"), Err(GENERIC.into()));
    assert_eq!(client.output("nan"), Ok(json!([null, null, 1.5])));
    assert_eq!(client.output("good"), Ok(1));
}

/// The output `out` shows what is in a value that a later effect changes from `n` to its target.
fn runs_twice(of: fn(i64) -> Result<i64>) -> App {
    App::new(move |s| {
        let n = s.input::<i64>("n")?;
        let value = s.value(0);
        s.output("out", move |s| of(value.get(s)?))?;
        s.effect_with(EffectOptions { priority: -1, ..EffectOptions::default() }, move |s| {
            value.set(s, n.get(s)?)?;
            Ok(())
        });
        Ok(())
    })
    .sanitize_errors(false)
}

// spec: M13
#[tokio::test(start_paused = true)]
async fn of_two_outcomes_in_one_flush_only_the_last_is_sent() {
    let app = runs_twice(|n| if n == 0 { Ok(0) } else { Err(Boom.into()) });
    let mut client = Client::open(app, Limits::default());
    client.set("n", 1).show("out").init().await;
    assert_eq!(client.output::<i64>("out"), Err("boom".into()));
    let flushes = client.frames().iter().filter(|frame| frame.get("values").is_some()).count();
    assert_eq!(flushes, 1);

    let app = runs_twice(|n| if n == 0 { Err(Boom.into()) } else { Ok(n) });
    let mut client = Client::open(app, Limits::default());
    client.set("n", 5).show("out").init().await;
    assert_eq!((client.output("out"), client.model().errors().len()), (Ok(5), 0));
}

// spec: M10 M13
#[tokio::test(start_paused = true)]
async fn an_output_that_ran_and_then_is_in_progress_in_one_flush_shows_as_in_progress() {
    let app = runs_twice(|n| if n == 0 { Ok(0) } else { Err(Interrupt::InProgress) });
    let mut client = Client::open(app, Limits::default());
    client.set("n", 1).show("out").init().await;
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    assert_eq!(client.model().shows("out"), None);
}

// spec: M9 M13
#[tokio::test(start_paused = true)]
async fn an_output_that_ran_and_then_cancels_in_one_flush_shows_what_it_gave() {
    let app = runs_twice(|n| if n == 0 { Ok(0) } else { Err(Interrupt::Cancel) });
    let mut client = Client::open(app, Limits::default());
    client.set("n", 1).show("out").init().await;
    assert_eq!(client.output("out"), Ok(0));
}

// spec: G15
#[tokio::test(start_paused = true)]
async fn what_an_on_flush_callback_sets_is_shown_by_an_output_that_had_run() {
    let app = App::new(|s| {
        let value = s.value(0);
        s.output("out", move |s| value.get(s))?;
        s.on_flush(move |s| value.set(s, 1).map(drop));
        Ok(())
    });
    let mut client = Client::open(app, Limits::default());
    client.show("out").init().await;
    assert_eq!(client.output("out"), Ok(1));
}

// spec: M14
#[tokio::test(start_paused = true)]
async fn an_output_registered_again_replaces_the_former_one() {
    let (old, new) = (Runs::default(), Runs::default());
    let (old_runs, new_runs) = (old.clone(), new.clone());
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        let (old, new) = (old_runs.clone(), new_runs.clone());
        s.output("out", move |s| {
            old.count();
            n.get(s)
        })?;
        s.set_message_handler("again", move |s, ()| {
            let new = new.clone();
            s.output("out", move |s| {
                new.count();
                Ok(-n.get(s)?)
            })
        })?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").flush().await;
    client.call("again", ()).await.unwrap();
    assert_eq!((old.get(), new.get(), client.output("out")), (1, 1, Ok(-1)));
    client.set("n", 2).flush().await;
    assert_eq!((old.get(), new.get(), client.output("out")), (1, 2, Ok(-2)));
    assert_eq!(client.counts().outputs, 1);
    client.assert_no_leaks();
}

// spec: M14
#[tokio::test(start_paused = true)]
async fn an_output_registered_twice_before_it_ran_runs_once() {
    let app = App::new(|s| {
        s.output("out", |_| Ok("first"))?;
        s.output("out", |_| Ok("second"))
    });
    let mut client = Client::open(app, Limits::default());
    client.show("out").init().await;
    assert_eq!(client.output("out"), Ok("second".to_owned()));
    let runs = told(&mut client).concat().matches(r#""recalculating""#).count();
    assert_eq!(runs, 3, "the key twice, the status once: one run");
}

// spec: M14
#[tokio::test(start_paused = true)]
async fn an_output_may_replace_itself_while_it_runs() {
    let app = App::new(|s| {
        s.output("out", |s| {
            s.output("out", |_| Ok("second"))?;
            Ok("first")
        })
    });
    let mut client = Client::open(app, Limits::default());
    client.show("out").init().await;
    assert_eq!(client.output("out"), Ok("second".to_owned()));
    assert_eq!(client.model().state("out"), OutputState::Value);
    assert_eq!(client.counts().outputs, 1);
}

// spec: M14 (decision 25)
#[tokio::test(start_paused = true)]
async fn what_replaces_an_output_does_not_overtake_what_the_client_is_told_of_the_former() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output("a", move |s| {
            if n.get(s)? == 2 {
                let first = OutputOptions::default().priority(1);
                s.output_with("a", first, |_| Ok("new"))?;
            }
            Ok("old")
        })?;
        // Out of date together with it, so that the news of that waits for room in later frames.
        ["b", "c", "d"].into_iter().try_for_each(|id| s.output(id, move |s| n.get(s)))
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("a").show("b").show("c").show("d").flush().await;
    client.set("n", 2).flush().await;
    assert_eq!(client.output("a"), Ok("new".to_owned()));
    assert_eq!(client.output("d"), Ok(2));
}

// spec: M17 I29
#[tokio::test(start_paused = true)]
async fn a_destroyed_output_is_told_out_of_date_and_is_not_cleared() {
    let app = App::new(|s| {
        s.module("m")?.output("out", |_| Ok("shown"))?;
        s.set_message_handler("shut", |s, ()| s.destroy_module("m"))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.show("m-out").flush().await;
    client.frames();
    client.call("shut", ()).await.unwrap();
    let frames = client.frames();
    let said: Vec<_> = frames.iter().filter(|frame| frame.get("response").is_none()).collect();
    // And to forget that it said that the output is seen.
    let forget = json!({ "frozen": { "ids": [".clientdata_output_m-out_hidden"] } });
    assert_eq!(said, [&forget, &json!({ "progress": progress("m-out") })]);
    assert_eq!(client.output("m-out"), Ok("shown".to_owned()));
    assert_eq!(client.model().state("m-out"), OutputState::Invalidated);
}

// spec: C19 (decision 21)
#[tokio::test(start_paused = true)]
async fn an_output_that_destroys_itself_leaves_no_client_waiting() {
    for go in [0, 1] {
        let app = App::new(move |s| {
            let m = s.module("m")?;
            let n = s.input::<i64>("n")?;
            m.output("out", move |s| {
                let n = n.get(s)?;
                if n == go {
                    s.destroy();
                }
                Ok(n)
            })
        });
        let mut client = Client::connect(app).await;
        client.set("n", 0).show("m-out").flush().await;
        client.set("n", 1).flush().await;
        assert_eq!(client.model().state("m-out"), OutputState::Invalidated);
        assert_eq!((client.counts().outputs, client.counts().scopes), (0, 1));
        client.set("n", 2).flush().await;
        assert_eq!(client.model().state("m-out"), OutputState::Invalidated);
        assert!(!client.model().is_busy());
    }
}

// spec: E1 C2
#[tokio::test(start_paused = true)]
async fn outputs_run_by_priority_and_then_in_the_order_of_their_last_run() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        for (id, priority) in [("low", -1), ("first", 0), ("second", 0), ("high", 7)] {
            s.output_with(id, OutputOptions::default().priority(priority), move |s| n.get(s))?;
        }
        Ok(())
    });
    let mut client = Client::connect(app).await;
    for n in 0..3 {
        client.frames();
        client.set("n", n);
        if n == 0 {
            client.show("second").show("low").show("first").show("high");
        }
        client.flush().await;
        let order: Vec<String> = client
            .frames()
            .iter()
            .filter(|frame| frame["recalculating"]["status"] == "recalculated")
            .map(|frame| frame["recalculating"]["name"].as_str().unwrap().to_owned())
            .collect();
        // The keys of the message that shows them are in the order of their names.
        assert_eq!(order, ["high", "first", "second", "low"]);
    }
}

// spec: G7 (decision 25)
#[tokio::test(start_paused = true)]
async fn one_output_s_update_is_three_frames() {
    let (app, _) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").flush().await;
    client.frames();
    client.set("n", 2).flush().await;
    assert_eq!(
        client.frames(),
        [
            json!({ "progress": progress("out"), "busy": "busy" }),
            json!({ "recalculating": recalculating("out") }),
            json!({
                "recalculating": recalculated("out"),
                "busy": "idle",
                "values": { "out": 2 },
                "errors": {},
                "inputMessages": [],
            }),
        ]
    );
}

// spec: G7 (decision 25)
#[tokio::test(start_paused = true)]
async fn the_update_of_k_outputs_is_2k_plus_1_frames_and_their_first_run_is_2k() {
    for k in [1, 2, 3, 10] {
        let app = App::new(move |s| {
            let n = s.input::<i64>("n")?;
            (0..k).try_for_each(|i| s.output(format!("out{i}"), move |s| n.get(s)))
        });
        let mut client = Client::connect(app).await;
        for i in 0..k {
            client.show(&format!("out{i}"));
        }
        client.frames();
        client.set("n", 1).flush().await;
        assert_eq!(client.frames().len(), 2 * k, "first run of {k}");
        client.set("n", 2).flush().await;
        assert_eq!(client.frames().len(), 2 * k + 1, "update of {k}");
    }
}

// spec: G28 G29 (decision 25)
#[tokio::test(start_paused = true)]
async fn a_custom_message_of_a_flush_stays_ahead_of_its_input_messages_and_results() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output("out", move |s| {
            s.send_input_message("n", &json!({ "value": 0 }))?;
            s.send_custom_message("kind", &1)?;
            n.get(s)
        })
    });
    let mut client = Client::connect(app).await;
    client.frames();
    client.set("n", 1).show("out").flush().await;
    let frames = client.frames();
    let at = |key: &str| frames.iter().position(|frame| frame.get(key).is_some()).unwrap();
    assert_eq!(frames[at("custom")], json!({ "custom": { "kind": 1 } }));
    assert!(at("custom") < at("inputMessages"), "{frames:#?}");
    assert_eq!(frames[at("inputMessages")]["inputMessages"][0]["id"], "n");
}

// spec: E5
#[tokio::test(start_paused = true)]
async fn a_message_that_changes_nothing_sends_nothing() {
    let (app, _) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").flush().await;
    client.frames();
    client.flush().await;
    client.set("nobody_reads_this", 1).flush().await;
    assert_eq!(told(&mut client), [""; 0]);
}

// ---------------------------------------------------------------- a link that takes nothing

#[tokio::test(start_paused = true)]
async fn while_the_link_is_stalled_the_newest_value_wins() {
    let (app, runs) = shows_n(OutputOptions::default());
    let mut client = Client::connect(app).await;
    client.set("n", 0).show("out").flush().await;
    client.frames();
    client.stall();
    for n in 1..=100 {
        client.set("n", n).flush().await;
    }
    assert_eq!((runs.get(), client.output("out")), (101, Ok(0)));
    client.unstall();
    assert_eq!(client.output("out"), Ok(100));
    let frames = client.frames();
    assert_eq!(frames.len(), 3, "one update for a hundred: {frames:#?}");
    client.set("n", 101).flush().await;
    assert_eq!(client.output("out"), Ok(101));
}

#[tokio::test(start_paused = true)]
async fn while_the_link_is_stalled_errors_values_and_cancels_replace_one_another() {
    let mut client = shown(false).await;
    for (modes, shows) in [
        (vec!["a", "error"], Err("boom")),
        (vec!["error", "a"], Ok(json!("a"))),
        (vec!["b", "cancel"], Ok(json!("b"))),
        (vec!["cancel", "c"], Ok(json!("c"))),
        (vec!["d", "null"], Ok(json!(null))),
    ] {
        client.stall();
        for mode in &modes {
            client.set("mode", mode).flush().await;
        }
        client.unstall();
        let shows = shows.as_ref().map_err(|text| *text);
        assert_eq!(client.model().shows("out"), Some(shows), "{modes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_link_is_stalled_an_output_in_progress_ends_up_in_progress() {
    let mut client = shown(false).await;
    client.stall();
    for mode in ["a", "progress", "b", "progress"] {
        client.set("mode", mode).flush().await;
    }
    client.unstall();
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    client.set("mode", "done").flush().await;
    assert_eq!(client.output("out"), Ok("done".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn while_the_link_is_stalled_outputs_may_be_replaced_and_destroyed() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.set_message_handler("open", move |s, ()| {
            s.module("m")?.output("out", move |s| n.get(s))
        })?;
        s.set_message_handler("shut", |s, ()| s.destroy_module("m"))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).flush().await;
    client.stall();
    for _ in 0..3 {
        client.ask("open", ()).await;
        client.show("m-out").flush().await;
        client.ask("open", ()).await;
        client.ask("shut", ()).await;
    }
    client.unstall();
    assert_eq!(client.model().state("m-out"), OutputState::Invalidated);
    client.call("open", ()).await.unwrap();
    client.show("m-out").flush().await;
    assert_eq!(client.output("m-out"), Ok(1));
    client.call("shut", ()).await.unwrap();
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn a_stalled_link_that_is_sent_too_much_ends_with_1008() {
    let mut limits = Limits::default();
    limits.outbound_bytes = 10_000;
    let app = || {
        App::new(|s| {
            let n = s.input::<usize>("n")?;
            s.output("out", move |s| Ok("x".repeat(n.get(s)?)))?;
            s.set_message_handler("say", |s, (n,): (usize,)| {
                s.send_custom_message("kind", &"x".repeat(n))
            })?;
            Ok(())
        })
    };
    // Values replace one another and never add up.
    let mut client = Client::connect_with(app(), limits.clone()).await;
    client.show("out").flush().await;
    client.stall();
    for _ in 0..100 {
        client.set("n", 6000).flush().await;
    }
    assert_eq!(client.close_code(), None);
    client.unstall();
    // Messages do.
    client.stall();
    client.ask("say", (6000,)).await;
    assert_eq!(client.close_code(), None);
    client.ask("say", (6000,)).await;
    assert_eq!(client.close_code(), Some(1008));
    assert_eq!(client.counts().outputs, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_outputs_counts_against_the_budget_too() {
    let mut limits = Limits::default();
    limits.outbound_bytes = 100_000;
    let mut client = Client::connect_with(modes(false), limits).await;
    client.set("mode", "first").show("out").show("other").flush().await;
    client.stall();
    let mut rounds = 0;
    while client.close_code().is_none() && rounds < 10_000 {
        client.set("mode", "progress").flush().await;
        rounds += 1;
    }
    assert_eq!(client.close_code(), Some(1008));
}

// fault: J10
#[tokio::test(start_paused = true)]
async fn a_value_larger_than_the_whole_budget_is_an_error_of_its_output() {
    let mut limits = Limits::default();
    limits.outbound_bytes = 10_000;
    let app = App::new(|s| {
        s.output("huge", |_| Ok("x".repeat(10_001)))?;
        s.output("small", |_| Ok("x"))
    });
    let mut client = Client::connect_with(app, limits).await;
    client.show("huge").show("small").flush().await;
    assert_eq!(client.output::<String>("huge"), Err(GENERIC.into()));
    assert_eq!(client.output("small"), Ok("x".to_owned()));
    assert_eq!(client.close_code(), None);
}

// ---------------------------------------------------------------- asynchronous outputs

type Answer = Result<i64>;

/// Futures that the test completes: the last one that was started comes last.
#[derive(Clone, Default)]
struct Started(Arc<Mutex<Vec<Running>>>);

/// What it was started for, and where its answer goes.
type Running = (i64, oneshot::Sender<Answer>);

impl Started {
    fn future(&self, n: i64) -> impl Future<Output = Answer> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap().push((n, sender));
        async move { receiver.await.map_err(|_| Interrupt::Silent)? }
    }

    /// What the futures that run were started with.
    fn running(&self) -> Vec<i64> {
        let mut started = self.0.lock().unwrap();
        started.retain(|(_, sender)| !sender.is_closed());
        started.iter().map(|(n, _)| *n).collect()
    }

    fn finish(&self, n: i64, answer: Answer) {
        let mut started = self.0.lock().unwrap();
        let at = started.iter().position(|(known, _)| *known == n).unwrap();
        drop(started.remove(at).1.send(answer));
    }
}

/// An app whose output waits for a future per value of the input `n`, which is read before.
fn waits() -> (App, Started) {
    let started = Started::default();
    let futures = started.clone();
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        let futures = futures.clone();
        s.output_async("out", move |s| Ok(futures.future(n.get(s)?)))?;
        s.set_message_handler("again", |s, ()| s.output("out", |_| Ok("other")))?;
        s.set_message_handler("destroy", |s, ()| {
            s.destroy();
            Ok(())
        })?;
        Ok(())
    });
    (app, started)
}

async fn waiting(n: i64) -> (Client, Started) {
    let (app, started) = waits();
    let mut client = Client::connect(app).await;
    client.set("n", n).show("out").flush().await;
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    assert_eq!(started.running(), [n]);
    (client, started)
}

// spec: M10 (decision 5)
#[tokio::test(start_paused = true)]
async fn an_async_output_is_in_progress_until_its_future_is_done() {
    let (mut client, started) = waiting(1).await;
    let said = told(&mut client).concat();
    assert!(!said.contains("recalculated"), "{said}");
    assert!(!client.model().is_busy(), "the session itself has nothing to do");
    started.finish(1, Ok(10));
    client.settle().await;
    assert_eq!((client.output("out"), client.model().state("out")), (Ok(10), OutputState::Value));
    assert_eq!(
        client.frames(),
        [
            json!({ "progress": progress("out") }),
            json!({ "recalculating": recalculating("out") }),
            json!({
                "recalculating": recalculated("out"),
                "values": { "out": 10 },
                "errors": {},
                "inputMessages": [],
            }),
        ]
    );
    assert_eq!(client.counts().tasks, 0);
}

// spec: M10 (decision 5)
#[tokio::test(start_paused = true)]
async fn an_async_output_whose_value_is_at_hand_is_never_in_progress() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output_async("out", move |s| {
            let n = n.get(s)?;
            Ok(async move { Ok(n) })
        })
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").flush().await;
    client.frames();
    client.set("n", 2).flush().await;
    assert_eq!(client.output("out"), Ok(2));
    assert_eq!(client.frames().len(), 3);
}

// spec: decision 5
#[tokio::test(start_paused = true)]
async fn a_dependency_that_changes_drops_the_running_future_and_starts_anew() {
    let (mut client, started) = waiting(1).await;
    client.set("n", 2).flush().await;
    client.set("n", 3).flush().await;
    assert_eq!((started.running(), client.counts().tasks), (vec![3], 1));
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    started.finish(3, Ok(30));
    client.settle().await;
    assert_eq!((client.output("out"), client.counts().tasks), (Ok(30), 0));
}

// spec: decision 5
#[tokio::test(start_paused = true)]
async fn a_result_that_comes_together_with_a_change_is_not_shown_for_the_new_input() {
    let (mut client, started) = waiting(1).await;
    started.finish(1, Ok(10));
    // The session has not looked yet.
    client.set("n", 2).flush().await;
    assert_eq!(started.running(), [2]);
    assert_eq!(client.model().shows("out"), None);
    started.finish(2, Ok(20));
    client.settle().await;
    assert_eq!(client.output("out"), Ok(20));
}

// spec: decision 5
#[tokio::test(start_paused = true)]
async fn an_async_output_that_is_hidden_while_it_runs_still_ends() {
    let (mut client, started) = waiting(1).await;
    client.hide("out").flush().await;
    assert_eq!(started.running(), [1]);
    started.finish(1, Ok(10));
    client.settle().await;
    assert_eq!((client.output("out"), client.model().state("out")), (Ok(10), OutputState::Value));
    client.show("out").flush().await;
    assert_eq!(started.running(), [0_i64; 0], "nothing changed (M4)");
}

// spec: M3 M8 (decision 5)
#[tokio::test(start_paused = true)]
async fn an_async_output_whose_input_changes_while_it_is_hidden_rests_until_it_is_shown() {
    let (mut client, started) = waiting(1).await;
    client.hide("out").flush().await;
    client.set("n", 2).flush().await;
    assert_eq!(started.running(), [0_i64; 0], "what it worked on is of no use");
    assert_eq!(client.model().state("out"), OutputState::Invalidated);
    client.show("out").flush().await;
    assert_eq!(started.running(), [2]);
    started.finish(2, Ok(20));
    client.settle().await;
    assert_eq!(client.output("out"), Ok(20));
}

// spec: I14 I29
#[tokio::test(start_paused = true)]
async fn an_async_output_that_is_destroyed_while_it_runs_is_dropped_and_told_out_of_date() {
    let (mut client, started) = waiting(1).await;
    client.call("destroy", ()).await.unwrap();
    client.settle().await;
    assert_eq!((started.running(), client.counts().tasks), (vec![], 0));
    assert_eq!(client.model().state("out"), OutputState::Invalidated);
    assert_eq!(client.close_code(), None);
}

// spec: M14
#[tokio::test(start_paused = true)]
async fn an_async_output_that_is_replaced_while_it_runs_is_dropped() {
    let (mut client, started) = waiting(1).await;
    client.call("again", ()).await.unwrap();
    assert_eq!((started.running(), client.counts().tasks), (vec![], 0));
    assert_eq!(client.output("out"), Ok("other".to_owned()));
}

// spec: M10
#[tokio::test(start_paused = true)]
async fn two_async_outputs_end_in_any_order() {
    for order in [[1, 2], [2, 1]] {
        let started = Started::default();
        let futures = started.clone();
        let app = App::new(move |s| {
            for n in [1, 2] {
                let futures = futures.clone();
                s.output_async(format!("out{n}"), move |_| Ok(futures.future(n)))?;
            }
            Ok(())
        });
        let mut client = Client::connect(app).await;
        client.show("out1").show("out2").flush().await;
        for n in order {
            started.finish(n, Ok(n * 10));
            client.settle().await;
            assert_eq!(client.output(&format!("out{n}")), Ok(n * 10));
        }
        // And both at once.
        let (one, two) = (client.model().state("out1"), client.model().state("out2"));
        assert_eq!((one, two), (OutputState::Value, OutputState::Value));
    }
}

// spec: M10 (decision 5)
#[tokio::test(start_paused = true)]
async fn an_async_output_runs_twice_in_a_row() {
    let (mut client, started) = waiting(1).await;
    started.finish(1, Ok(10));
    client.settle().await;
    client.set("n", 2).flush().await;
    assert_eq!(client.output("out"), Ok(10), "it keeps what it shows meanwhile");
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    started.finish(2, Ok(20));
    client.settle().await;
    assert_eq!((client.output("out"), client.model().state("out")), (Ok(20), OutputState::Value));
}

// spec: M9 M11 (decision 5)
#[tokio::test(start_paused = true)]
async fn a_future_that_fails_stops_or_cancels_does_to_its_output_what_a_closure_would() {
    for (answer, shows) in [
        (Err(Boom.into()), Some(Err(GENERIC))),
        (Err(safe("why").into()), Some(Err("why"))),
        (Err(Interrupt::Silent), Some(Ok(&Json::Null))),
        (Err(Interrupt::Cancel), None),
    ] {
        let (mut client, started) = waiting(1).await;
        started.finish(1, answer);
        client.settle().await;
        assert_eq!(client.model().shows("out"), shows);
        assert_ne!(client.model().state("out"), OutputState::Persistent);
        client.set("n", 2).flush().await;
        started.finish(2, Ok(20));
        client.settle().await;
        assert_eq!(client.output("out"), Ok(20));
    }
}

// spec: decision 15
// fault: R1
#[tokio::test(start_paused = true)]
async fn a_future_that_panics_is_an_error_of_its_output_alone() {
    let app = App::new(|s| {
        s.output_async("at_once", |_| Ok(async { panics() }))?;
        s.output_async("later", |_| {
            Ok(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                panics()
            })
        })?;
        s.output_async("first_step", |_| {
            panics()?;
            Ok(async { Ok(1) })
        })?;
        s.output("fine", |_| Ok(1))
    });
    let mut client = Client::connect(app).await;
    client.show("at_once").show("later").show("first_step").show("fine").flush().await;
    client.advance(Duration::from_secs(1)).await;
    for output in ["at_once", "later", "first_step"] {
        assert_eq!(client.output::<i64>(output), Err(GENERIC.into()), "{output}");
    }
    assert_eq!((client.output("fine"), client.close_code()), (Ok(1), None));
}

#[allow(clippy::panic, reason = "that is what is tested")]
fn panics() -> Result<i64> {
    panic!("secret")
}

// spec: C19 (decision 21)
#[tokio::test(start_paused = true)]
async fn an_async_output_that_destroys_itself_in_its_first_step_leaves_nothing() {
    let started = Started::default();
    let futures = started.clone();
    let app = App::new(move |s| {
        let futures = futures.clone();
        s.module("m")?.output_async("out", move |s| {
            s.destroy();
            Ok(futures.future(1))
        })
    });
    let mut client = Client::connect(app).await;
    client.show("m-out").flush().await;
    client.settle().await;
    assert_eq!(client.model().state("m-out"), OutputState::Invalidated);
    assert_eq!((started.running(), client.counts().tasks), (vec![], 0));
    assert_eq!((client.counts().scopes, client.counts().modules), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_async_output_whose_future_ends_while_the_link_is_stalled_shows_the_newest() {
    let (mut client, started) = waiting(1).await;
    client.stall();
    started.finish(1, Ok(10));
    client.settle().await;
    client.set("n", 2).flush().await;
    started.finish(2, Ok(20));
    client.settle().await;
    client.set("n", 3).flush().await;
    client.unstall();
    assert_eq!(client.model().state("out"), OutputState::Persistent, "it waits for the third");
    started.finish(3, Ok(30));
    client.settle().await;
    assert_eq!(client.output("out"), Ok(30));
}

// spec: E7 M10
#[tokio::test(start_paused = true)]
async fn a_timer_starts_an_async_output_anew() {
    let app = App::new(|s| {
        let runs = s.value(0);
        s.output_async("out", move |s| {
            s.invalidate_later(Duration::from_secs(10))?;
            runs.update(&s.isolate(), |n| *n += 1)?;
            let n = runs.get(&s.isolate())?;
            Ok(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(n)
            })
        })
    });
    let mut client = Client::connect(app).await;
    client.show("out").flush().await;
    for n in 1..4 {
        client.advance(Duration::from_secs(1)).await;
        assert_eq!(client.output("out"), Ok(n));
        client.advance(Duration::from_secs(9)).await;
        assert_eq!(client.model().state("out"), OutputState::Persistent);
    }
    assert_eq!((client.counts().timers, client.counts().tasks), (1, 1));
}

// spec: G23
#[tokio::test(start_paused = true)]
async fn an_output_that_closes_the_session_sends_nothing_more() {
    let app = App::new(|s| {
        s.output("out", |s| {
            s.close();
            Ok(1)
        })
    });
    let mut client = Client::connect(app).await;
    client.show("out").flush().await;
    assert_eq!((client.close_code(), client.model().shows("out")), (Some(1001), None));
}

// spec: decision 11
#[tokio::test(start_paused = true)]
async fn what_outputs_gave_before_an_effect_failed_is_sent() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output("out", move |s| n.get(s))?;
        s.effect_with(EffectOptions { priority: -1, ..EffectOptions::default() }, move |s| {
            n.get(s)?;
            Err(Boom.into())
        });
        s.output_with("late", OutputOptions::default().priority(-2), move |s| n.get(s))
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("out").show("late").flush().await;
    assert_eq!((client.close_code(), client.output("out")), (Some(1011), Ok(1)));
    assert_eq!(client.model().shows("late"), None);
}

// spec: decision 22
#[tokio::test(start_paused = true)]
async fn a_shared_value_that_changes_while_the_link_is_stalled_is_shown_once_at_its_newest() {
    let shared = Shared::new(0);
    let seen = shared.clone();
    let app = App::new(move |s: &Session<'_>| {
        let seen = seen.clone();
        s.output("out", move |s| seen.get(s))
    });
    let mut client = Client::connect(app).await;
    client.show("out").flush().await;
    client.frames();
    client.stall();
    for n in 1..=10 {
        shared.set(n);
        client.settle().await;
    }
    client.unstall();
    assert_eq!((client.output("out"), client.frames().len()), (Ok(10), 3));
}

// spec: decision 8
#[tokio::test(start_paused = true)]
async fn an_output_below_a_distinct_calc_that_stays_the_same_is_not_told_out_of_date() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        let even = s.calc_distinct(move |s| Ok(n.get(s)? % 2 == 0));
        s.output("out", move |s| even.get(s))
    });
    let mut client = Client::connect(app).await;
    client.set("n", 2).show("out").flush().await;
    client.frames();
    client.set("n", 4).flush().await;
    assert_eq!(told(&mut client), [""; 0]);
    client.set("n", 5).flush().await;
    assert_eq!((client.output("out"), client.frames().len()), (Ok(false), 3));
}

// ---------------------------------------------------------------- over a link that a client does not read

/// A server in the background, a link to it, and a handle of its session: the output `out` shows a value.
struct Linked {
    receive: MemoryReceive,
    /// Dropped, it would end the session.
    _transmit: MemoryTransmit,
    handle: SessionHandle,
    value: Value<usize>,
}

impl Linked {
    async fn new(limits: Limits) -> Self {
        let (sender, mut sessions) = mpsc::unbounded_channel();
        let app = App::new(move |s| {
            let value = s.value(0);
            s.output("out", move |s| value.get(s))?;
            drop(sender.send((s.handle(), value)));
            Ok(())
        });
        let (connector, listener) = memory(1 << 20);
        let server = Server::new(app).limits(limits);
        tokio::spawn(server.serve(listener, std::future::pending()));
        let link = connector.link().await.unwrap();
        // The listener goes on for as long as there is a connector.
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(connector);
        });
        let (receive, mut transmit) = link.split();
        let init = r#"{"method":"init","data":{".clientdata_output_out_hidden":false}}"#;
        transmit.send(Frame::Text(init.into())).await.unwrap();
        let (handle, value) = sessions.recv().await.unwrap();
        Self { receive, _transmit: transmit, handle, value }
    }

    async fn set(&self, n: usize) -> Result<(), SessionEnded> {
        let value = self.value;
        self.handle.run(move |s| drop(value.replace(s, n))).await
    }

    /// Sends a message that nothing replaces.
    async fn say(&self, length: usize) -> Result<(), SessionEnded> {
        self.handle.run(move |s| drop(s.send_custom_message("kind", &"x".repeat(length)))).await
    }

    /// Takes the next frame into the client's model.
    async fn read(&mut self, model: &mut ClientModel) -> Result<bool, ReceiveError> {
        match self.receive.receive().await? {
            Some(Frame::Text(text)) => model
                .take(text.as_str())
                .map(|()| true)
                .map_err(|step| ReceiveError::Protocol(step.to_string())),
            Some(Frame::Binary(_)) => Ok(true),
            None => Ok(false),
        }
    }
}

// fault: W11
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_for_a_while_gets_the_newest_value_and_not_all_of_them() {
    let mut linked = Linked::new(Limits::default()).await;
    for n in 1..=1000 {
        linked.set(n).await.unwrap();
    }
    let mut model = ClientModel::default();
    let mut frames = 0;
    while model.shows("out") != Some(Ok(&json!(1000))) {
        assert!(linked.read(&mut model).await.unwrap());
        frames += 1;
    }
    assert!(frames < 100, "what the link holds, and one update: {frames} frames");
    linked.set(1001).await.unwrap();
    while model.shows("out") != Some(Ok(&json!(1001))) {
        assert!(linked.read(&mut model).await.unwrap());
    }
}

// fault: W11
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_closed_with_1008_once_the_budget_is_used_up() {
    let mut limits = Limits::default();
    limits.outbound_bytes = 10_000;
    let mut linked = Linked::new(limits).await;
    let mut said = 0;
    while linked.say(1000).await.is_ok() {
        said += 1;
        assert!(said < 1000, "there is no end to it");
    }
    let mut model = ClientModel::default();
    while linked.read(&mut model).await.unwrap() {}
    assert_eq!(linked.receive.close_reason().unwrap().code(), CloseCode::POLICY);
}

// fault: W11
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_for_the_stall_timeout_is_cut_off() {
    let mut linked = Linked::new(Limits::default()).await;
    for _ in 0..100 {
        linked.say(1).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(!linked.handle.has_ended());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(linked.handle.has_ended());
    let mut model = ClientModel::default();
    let end = loop {
        match linked.read(&mut model).await {
            Ok(true) => {}
            end => break end,
        }
    };
    assert!(matches!(end, Err(ReceiveError::Aborted(_))), "{end:?}");
}

// fault: W11
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not_cut_off() {
    let mut linked = Linked::new(Limits::default()).await;
    let mut model = ClientModel::default();
    for _ in 0..200 {
        linked.say(1).await.unwrap();
    }
    // There are always more messages than the link holds.
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(linked.read(&mut model).await.unwrap());
        linked.say(1).await.unwrap();
    }
}
