//! Recorded traffic of the reference server, replayed: the client's messages go in, and what comes out must
//! drive the client without an illegal step and end, after every message, in the same values, errors,
//! responses and messages.
//!
//! Each test re-creates the small app that the recorded server ran. Where we decided otherwise, the test says
//! so, message by message; a deviation that no longer is one fails it.
//!
//! Left out: recordings about uploads, downloads, extended tasks and the page vocabulary, which this crate does
//! not have yet, and those of a browser's reconnects.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};
use session_core::link::Frame;
use session_core::testing::{Client, ClientModel};
use session_core::{App, EventOptions, Interrupt, Limits, OutputOptions, Result, Session, safe};

/// What the client shows and has got.
#[derive(Debug, Clone, Default, PartialEq)]
struct Shown {
    values: BTreeMap<String, Json>,
    errors: BTreeMap<String, String>,
    responses: Vec<(Json, Result<Json, String>)>,
    custom: Vec<(String, Json)>,
    input_messages: Vec<(String, Json)>,
}

impl Shown {
    fn of(model: &ClientModel) -> Self {
        Self {
            values: model.values().clone(),
            errors: model.errors().clone(),
            responses: model.responses().to_vec(),
            custom: model.custom().to_vec(),
            input_messages: model.input_messages().to_vec(),
        }
    }

    /// Takes a recorded frame.
    fn take(&mut self, frame: &Json) {
        for (key, value) in frame["values"].as_object().into_iter().flatten() {
            self.errors.remove(key);
            self.values.insert(key.clone(), value.clone());
        }
        for (key, error) in frame["errors"].as_object().into_iter().flatten() {
            self.values.remove(key);
            self.errors.insert(key.clone(), error["message"].as_str().unwrap().to_owned());
        }
        for message in frame["inputMessages"].as_array().into_iter().flatten() {
            let id = message["id"].as_str().unwrap().to_owned();
            self.input_messages.push((id, message["message"].clone()));
        }
        for (kind, message) in frame["custom"].as_object().into_iter().flatten() {
            self.custom.push((kind.clone(), message.clone()));
        }
        if let Some(response) = frame["response"].as_object() {
            let answer = match response.get("value") {
                Some(value) => Ok(value.clone()),
                None => Err(response["error"].as_str().unwrap().to_owned()),
            };
            self.responses.push((response["tag"].clone(), answer));
        }
    }

    /// Which parts differ from what was recorded.
    fn differences(&self, recorded: &Self) -> Vec<&'static str> {
        let parts = [
            ("values", self.values == recorded.values),
            ("errors", self.errors == recorded.errors),
            ("responses", self.responses == recorded.responses),
            ("custom", self.custom == recorded.custom),
            ("input messages", self.input_messages == recorded.input_messages),
        ];
        parts.iter().filter(|(_, same)| !same).map(|(part, _)| *part).collect()
    }
}

/// One message of the client, and what the recorded server sent before the next.
struct Step {
    message: Frame,
    frames: Vec<Json>,
    close: Option<u64>,
}

/// The sessions of a recording.
fn recording(name: &str) -> Vec<Vec<Step>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let text = std::fs::read_to_string(path.join(format!("{name}.jsonl"))).unwrap();
    let mut sessions: Vec<Vec<Step>> = Vec::new();
    for line in text.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        match line["dir"].as_str().unwrap() {
            "open" => sessions.push(Vec::new()),
            "c2s" => {
                if let Some(message) = client_message(&line) {
                    let step = Step { message, frames: Vec::new(), close: None };
                    sessions.last_mut().unwrap().push(step);
                }
            }
            "s2c" => {
                let Some(step) = sessions.last_mut().unwrap().last_mut() else { continue };
                if let Some(code) = line["close"]["code"].as_u64() {
                    step.close = Some(code);
                } else if line["msg"].is_object() {
                    step.frames.push(line["msg"].clone());
                }
            }
            _ => {}
        }
    }
    sessions
}

fn client_message(line: &Json) -> Option<Frame> {
    if let Some(hex) = line["binary_hex"].as_str() {
        let digits: Vec<u8> =
            hex.chars().map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        return Some(Frame::Binary(bytes.into()));
    }
    let text = match line["raw"].as_str() {
        Some(raw) => raw.to_owned(),
        None => line.get("msg")?.to_string(),
    };
    Some(Frame::Text(text.into()))
}

/// Replays a recording; the deviations found, as `message: what`, counted from 0 over all its sessions.
async fn replay(name: &str, app: impl Fn() -> App) -> Vec<String> {
    let mut deviations = Vec::new();
    let mut number = 0;
    for session in recording(name) {
        let mut client = Client::open(app().sanitize_errors(false), Limits::default());
        let mut recorded = Shown::default();
        let mut known = Vec::new();
        for step in session {
            if client.close_code().is_some() {
                break;
            }
            client.send_frame(step.message).await;
            step.frames.iter().for_each(|frame| recorded.take(frame));
            // Timers fire and futures end: the clock is paused, and runs when nothing else does.
            let mut patience = 20;
            while patience > 0
                && client.close_code().is_none()
                && Shown::of(client.model()).differences(&recorded) != known
                && client.counts().tasks + client.counts().timers > 0
            {
                client.wait().await;
                patience -= 1;
            }
            let differences = Shown::of(client.model()).differences(&recorded);
            for part in &differences {
                if !known.contains(part) {
                    deviations.push(format!("{number}: {part}"));
                }
            }
            known = differences;
            let close = client.close_code().map(u64::from);
            if close != step.close {
                let text = |code: Option<u64>| {
                    code.map_or_else(|| "-".to_owned(), |code| code.to_string())
                };
                deviations.push(format!("{number}: close {} -> {}", text(step.close), text(close)));
            }
            number += 1;
        }
        client.disconnect().await;
    }
    assert!(number > 0, "{name} has no message");
    deviations
}

/// Replays a recording from which nothing is decided otherwise.
async fn replays(name: &str, app: impl Fn() -> App) {
    let deviations = replay(name, app).await;
    assert!(deviations.is_empty(), "{name}: {deviations:#?}");
}

fn basic(s: &Session<'_>) -> Result<()> {
    let n = s.input::<i64>("n")?;
    let txt = s.input::<String>("txt")?;
    s.output("double", move |s| Ok((n.get(s)? * 2).to_string()))?;
    s.output("other", move |s| Ok(format!("o={}", txt.get(s)?)))?;
    s.set_message_handler("echo", |_, args: Vec<Json>| Ok(json!({ "args": args })))?;
    Ok(())
}

// spec: M1 M2 M3 M4 N3 N4 E5
#[tokio::test(start_paused = true)]
async fn inputs_and_outputs_visible_and_hidden() {
    replays("connect_init_update", || App::new(basic)).await;
    replays("hidden_outputs", || App::new(basic)).await;
}

// spec: H10 J9 G14 G28 J2
#[tokio::test(start_paused = true)]
async fn a_module() {
    replays("module_namespace", || {
        App::new(|s| {
            let m = s.module("mod1")?;
            let x = m.input::<i64>("x")?;
            m.output("y", move |s| Ok(format!("y={}", x.get(s)?)))?;
            let options = EventOptions { ignore_init: true, ..EventOptions::default() };
            m.on_event_with(x, options, |s, _| {
                s.send_custom_message("hello", &json!({ "from": s.namespace().as_str() }))?;
                s.send_input_message("x", &json!({ "value": 99 }))
            });
            m.set_message_handler("echo", |s, args: Vec<Json>| {
                Ok(json!({ "ns": s.namespace().as_str(), "args": args }))
            })?;
            Ok(())
        })
    })
    .await;
}

fn by_mode(s: &Session<'_>) -> Result<()> {
    let mode = s.input::<String>("mode")?;
    s.output("out", move |s| match &*mode.get(s)? {
        "error" => Err(std::io::Error::other("boom").into()),
        "safe" => Err(safe("shown to user").into()),
        "silent" => Err(Interrupt::Silent),
        "cancel" => Err(Interrupt::Cancel),
        "none" => Ok(None),
        mode => Ok(Some(format!("ok:{mode}"))),
    })
}

// spec: M9 M11 N1
#[tokio::test(start_paused = true)]
async fn every_way_an_output_can_end() {
    replays("output_errors", || App::new(by_mode)).await;
    replays("output_initial_states", || App::new(by_mode)).await;
}

// spec: M12
#[tokio::test(start_paused = true)]
async fn errors_are_sanitised() {
    // `replay` turns it off for the other recordings; this one was made with it on.
    for session in recording("output_errors_sanitized") {
        let mut client = Client::open(App::new(by_mode), Limits::default());
        let mut recorded = Shown::default();
        for step in session {
            client.send_frame(step.message).await;
            step.frames.iter().for_each(|frame| recorded.take(frame));
            assert_eq!(Shown::of(client.model()), recorded);
        }
    }
}

// spec: G31
#[tokio::test(start_paused = true)]
async fn a_value_without_a_json_form() {
    let app = || {
        App::new(|s| {
            let mode = s.input::<String>("mode")?;
            s.output("out", move |s| {
                let mode = mode.get(s)?;
                Ok(match &*mode {
                    "nan" => Output::Number(f64::NAN),
                    "inf" => Output::Number(f64::INFINITY),
                    "set" => Output::Map([(vec![1], 1)].into()),
                    _ => Output::Text(mode),
                })
            })
        })
    };
    // Decision 26: NaN and the infinities are null; the reference sent what no JSON parser takes.
    assert_eq!(replay("output_unserializable_nan", app).await, ["1: values"]);
    assert_eq!(replay("output_unserializable_inf", app).await, ["1: values"]);
    // Decision 26: an error of that output; the session lives.
    assert_eq!(
        replay("output_unserializable_set", app).await,
        ["1: values", "1: errors", "1: close 1001 -> -"]
    );
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Output {
    Text(String),
    Number(f64),
    Map(BTreeMap<Vec<u8>, u8>),
}

// spec: J1 J2 J3 J6 J12 J13
#[tokio::test(start_paused = true)]
async fn requests() {
    let deviations = replay("requests", || {
        App::new(|s| {
            basic(s)?;
            s.set_message_handler_async("slow", |_, (x,): (i64,)| {
                Ok(async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok(x)
                })
            })?;
            s.set_message_handler("fail", |_, ()| {
                Err::<(), _>(std::io::Error::other("handler failed").into())
            })?;
            s.set_message_handler("none", |_, ()| Ok(()))?;
            s.set_message_handler("bad", |_, ()| Ok(BTreeMap::from([(vec![1], 1)])))?;
            Ok(())
        })
    })
    .await;
    assert_eq!(
        deviations,
        [
            // The text of the error is ours; from here on the list of responses differs in it.
            "6: responses",
            // Decision 26: a result without a JSON form is an error response.
            "12: close 1001 -> -",
        ]
    );
}

// spec: M16
#[tokio::test(start_paused = true)]
async fn client_data() {
    replays("clientdata", || {
        App::new(|s| {
            let width = s.client_data::<f64>("output_w_width");
            let host = s.client_data::<String>("url_hostname");
            let ratio = s.client_data::<f64>("pixelratio");
            s.output("w", move |s| {
                Ok(format!("{} {} {}", width.get(s)?, host.get(s)?, ratio.get(s)?))
            })
        })
    })
    .await;
}

fn show(s: &Session<'_>) -> Result<()> {
    let v = s.input::<Option<Json>>("v")?;
    let options = OutputOptions::default().suspend_when_hidden(false);
    s.output_with("show", options, move |s| Ok(v.get(s)?.unwrap_or(Json::Null).to_string()))
}

// spec: N5 N7
#[tokio::test(start_paused = true)]
async fn every_type_of_input() {
    // The recording shows the values as its language writes them; these are the same as JSON. A text that is
    // no date is null in both.
    let expected = [
        "1",
        "[1,[2]]",
        "{\"a\":[1]}",
        "null",
        "1.5",
        "\"2024-01-02\"",
        "null",
        "null",
        "[\"2024-01-02\",null]",
        "1704067200",
        "[0,1.5]",
        "3",
        "\"s\"",
        "null",
        "1",
    ];
    let mut sessions = recording("input_types");
    let session = sessions.remove(0);
    assert_eq!(session.len(), expected.len());
    let mut client = Client::open(App::new(show), Limits::default());
    for (step, expected) in session.into_iter().zip(expected) {
        client.send_frame(step.message).await;
        assert_eq!(client.output::<String>("show"), Ok(expected.to_owned()));
    }
}

// spec: N5
#[tokio::test(start_paused = true)]
async fn an_input_key_that_is_no_good_is_dropped_alone() {
    replays("input_key_empty_accepted", || App::new(show)).await;
    replays("input_key_odd_accepted", || App::new(show)).await;
    for number in 0..7 {
        // Decision 28: that key is dropped, the session lives.
        let deviations = replay(&format!("input_types_fatal_{number}"), || App::new(show)).await;
        assert_eq!(deviations, ["1: close 1001 -> -"], "{number}");
    }
}

// spec: E7
#[tokio::test(start_paused = true)]
async fn a_timer() {
    replays("timer", || {
        App::new(|s| {
            let count = s.value(0);
            s.output("t", move |s| {
                let s = &s;
                count.update(&s.isolate(), |n| *n += 1)?;
                let count = count.get(&s.isolate())?;
                if count < 2 {
                    s.invalidate_later(Duration::from_millis(200))?;
                }
                Ok(count.to_string())
            })
        })
    })
    .await;
}

// spec: C22 G6 G17
#[tokio::test(start_paused = true)]
async fn ends_of_a_session() {
    let app = || {
        App::new(|s| {
            let cmd = s.input::<String>("cmd")?;
            s.effect(move |s| match &*cmd.get(s)? {
                "close" => {
                    s.close();
                    Ok(())
                }
                "effect_error" => Err(std::io::Error::other("effect").into()),
                "custom_unserializable" => {
                    s.send_custom_message("bad", &BTreeMap::from([(vec![1], 1)]))
                }
                "on_flush_error" => {
                    s.on_flush(|_| Err(std::io::Error::other("on_flush").into()));
                    Ok(())
                }
                _ => Ok(()),
            });
            Ok(())
        })
    };
    replays("session_end_close", app).await;
    // Decision 29: 1011 says that the app failed.
    for name in ["effect_error", "custom_unserializable", "on_flush_error"] {
        let deviations = replay(&format!("session_end_{name}"), app).await;
        assert_eq!(deviations, ["1: close 1001 -> 1011"], "{name}");
    }
    let fails = || App::new(|_| Err(std::io::Error::other("server").into()));
    assert_eq!(replay("server_function_error", fails).await, ["0: close 1001 -> 1011"]);
}

// spec: M6
#[tokio::test(start_paused = true)]
async fn an_output_inside_the_html_of_another() {
    // The HTML is whatever the recorded app rendered for `n`.
    let html: Vec<Json> = recording("dynamic_ui")
        .iter()
        .flatten()
        .flat_map(|step| &step.frames)
        .filter_map(|frame| frame["values"].get("dyn").cloned())
        .collect();
    replays("dynamic_ui", move || {
        let html = html.clone();
        App::new(move |s| {
            let (n, k) = (s.input::<usize>("n")?, s.input::<i64>("k")?);
            let html = html.clone();
            s.output("dyn", move |s| Ok(html[n.get(s)? - 3].clone()))?;
            s.output("inner", move |s| Ok(format!("k={}", k.get(s)?)))
        })
    })
    .await;
}

// spec: E1 M5
#[tokio::test(start_paused = true)]
async fn a_calc_that_outputs_share_and_one_of_them_is_slow() {
    replays("shared_calc_priority", || {
        App::new(|s| {
            let n = s.input::<i64>("n")?;
            let shared = s.calc(move |s| Ok(n.get(s)? + 1));
            s.output("a", move |s| Ok(format!("a{}", shared.get(s)?)))?;
            s.output_async("b", move |s| {
                let b = shared.get(s)?;
                Ok(async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok(format!("b{b}"))
                })
            })?;
            let always = OutputOptions::default().suspend_when_hidden(false);
            s.output_with("always", always, move |s| Ok(format!("always{}", n.get(s)?)))?;
            let first = OutputOptions::default().priority(10);
            s.output_with("prio", first, move |s| Ok(format!("prio{}", n.get(s)?)))
        })
    })
    .await;
}

// spec: G3 G4 G5
#[tokio::test(start_paused = true)]
async fn violations_close_with_a_code_that_says_which() {
    // Decision 29. The reference has 1001, 1008 or no close frame at all; `-` lives on with an error response.
    for (name, code) in [
        ("binary_frame", "1002"),
        ("empty_text", "1007"),
        ("init_without_data", "1002"),
        ("invalid_json", "1007"),
        ("no_method", "1002"),
        ("not_object", "1002"),
        ("not_object_number", "1002"),
        ("null_json", "1002"),
        ("request_before_init", "1002"),
        ("running_blob_request", "-"),
        ("running_init_twice", "1002"),
        ("running_invalid_json_running", "1007"),
        ("running_method_list", "1002"),
        ("running_method_not_string", "1002"),
        ("running_unknown_method_no_tag", "1002"),
        ("running_unknown_method_tag_args", "-"),
        ("running_unknown_method_tag_only", "1002"),
        ("running_update_data_not_object", "1002"),
        ("running_update_no_data", "1002"),
        ("unknown_method_no_tag_before_init", "1002"),
        ("update_before_init", "1002"),
    ] {
        let mut sessions = recording(&format!("violation_{name}"));
        let mut client = Client::open(App::new(basic), Limits::default());
        for step in sessions.remove(0) {
            assert_eq!(client.close_code(), None, "{name}");
            client.send_frame(step.message).await;
        }
        let closed = client.close_code().map_or_else(|| "-".to_owned(), |code| code.to_string());
        assert_eq!(closed, code, "{name}");
        if code == "-" {
            assert!(matches!(client.model().responses(), [(_, Err(_))]), "{name}");
        }
    }
}
