//! Anything at all comes in: a session answers with a documented code or lives on, and what the client sees is
//! always legal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use session_core::link::Frame;
use session_core::testing::{Client, OutputState};
use session_core::{App, Interrupt, Limits, Result, Session};

fn everything(s: &Session<'_>) -> Result<()> {
    let a = s.input::<i64>("a")?;
    let double = s.calc_distinct(move |s| Ok(a.get(s)? * 2));
    s.output("double", move |s| double.get(s))?;
    s.output("odd", move |s| match a.get(s)? % 3 {
        0 => Err(Interrupt::Cancel),
        1 => Err(std::io::Error::other("odd").into()),
        _ => a.get(s),
    })?;
    s.output_async("slow", move |s| {
        let a = a.get(s)?;
        Ok(async move {
            if a % 2 == 0 {
                tokio::time::sleep(Duration::from_millis(a.unsigned_abs() % 7)).await;
            }
            Ok(a + 1)
        })
    })?;
    s.output("tick", move |s| {
        s.invalidate_later(Duration::from_millis(10))?;
        Ok(1)
    })?;
    s.set_message_handler("open", |s, (id,): (String,)| module(&s.module(&id)?))?;
    s.set_message_handler("shut", |s, (id,): (String,)| s.destroy_module(&id))?;
    s.set_message_handler_async("late", |_, (ms,): (u64,)| {
        Ok(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(ms)
        })
    })?;
    Ok(())
}

fn module(m: &Session<'_>) -> Result<()> {
    let a = m.root().input::<i64>("a")?;
    let x = m.input::<i64>("x")?;
    m.output("sum", move |s| Ok(a.get(s)? + x.get(s)?))?;
    m.output_async("slow", move |s| {
        let x = x.get(s)?;
        Ok(async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            Ok(x)
        })
    })?;
    m.effect(move |s| {
        s.invalidate_later(Duration::from_millis(5))?;
        s.send_custom_message("beat", &x.get(s)?)
    });
    m.set_message_handler("gone", |s, ()| {
        s.destroy();
        Ok(())
    })?;
    m.dynamic_route("r", |_, _| Ok("r"))?;
    m.on_every_flush(|_| Ok(()));
    m.on_destroy(|s| s.send_custom_message("destroyed", s.namespace().as_str()));
    Ok(())
}

const OUTPUTS: [&str; 10] = [
    "double", "odd", "slow", "tick", "m0-sum", "m1-sum", "m0-slow", "m1-slow", "m2-sum", "m2-slow",
];

#[derive(Debug, Clone)]
enum Act {
    Set(i64),
    SetIn(u8, i64),
    Show(usize, bool),
    Flush,
    Open(u8),
    Shut(u8),
    Gone(u8),
    Late(u64),
    Pass(u64),
    Oddity(usize),
}

/// Keys and values that a session has to drop or to put up with.
const ODDITIES: [(&str, &str); 8] = [
    ("a:no.such.type", "1"),
    ("a:shiny.number:x", "1"),
    ("a:shiny.action", "null"),
    ("", "1"),
    ("..root", "[[[]]]"),
    ("__proto__", "{}"),
    ("d:shiny.date", "\"nonsense\""),
    ("b:bslib.taskbutton", "{\"value\":1,\"autoReset\":true}"),
];

fn act() -> impl Strategy<Value = Act> {
    let module = 0_u8..3;
    prop_oneof![
        (-20_i64..20).prop_map(Act::Set),
        (module.clone(), -5_i64..5).prop_map(|(m, x)| Act::SetIn(m, x)),
        (0..OUTPUTS.len(), any::<bool>()).prop_map(|(output, shown)| Act::Show(output, shown)),
        (0..OUTPUTS.len()).prop_map(|output| Act::Show(output, true)),
        Just(Act::Flush),
        module.clone().prop_map(Act::Open),
        module.clone().prop_map(Act::Shut),
        module.prop_map(Act::Gone),
        (0_u64..20).prop_map(Act::Late),
        (0_u64..30).prop_map(Act::Pass),
        (0..ODDITIES.len()).prop_map(Act::Oddity),
    ]
}

async fn perform(client: &mut Client, act: &Act) {
    match act {
        Act::Set(a) => drop(client.set("a:shiny.number", a)),
        Act::SetIn(m, x) => drop(client.set(&format!("m{m}-x"), x)),
        Act::Show(output, true) => drop(client.show(OUTPUTS[*output])),
        Act::Show(output, false) => drop(client.hide(OUTPUTS[*output])),
        Act::Flush => client.flush().await,
        Act::Open(m) => drop(client.ask("open", (format!("m{m}"),)).await),
        Act::Shut(m) => drop(client.ask("shut", (format!("m{m}"),)).await),
        Act::Gone(m) => drop(client.ask(&format!("m{m}-gone"), ()).await),
        Act::Late(ms) => drop(client.ask("late", (ms,)).await),
        Act::Pass(ms) => client.advance(Duration::from_millis(*ms)).await,
        Act::Oddity(at) => {
            let (key, value) = ODDITIES[*at];
            client
                .send(&format!("{{\"method\":\"update\",\"data\":{{{}:{value}}}}}", json!(key)))
                .await;
        }
    }
}

fn drive<F: Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// The client model panics at the first illegal step.
    #[test]
    fn whatever_happens_the_client_sees_legal_steps_and_ends_up_right(acts in prop::collection::vec(act(), 1..60)) {
        drive(async {
            let mut client = Client::connect(App::new(everything)).await;
            let (mut a, mut next) = (None, None);
            for act in &acts {
                perform(&mut client, act).await;
                match act {
                    Act::Set(value) => next = Some(*value),
                    Act::Flush => a = next.or(a),
                    _ => {}
                }
                prop_assert_eq!(client.close_code(), None, "{:?}", client.end_reason());
            }
            // Everything visible, modules gone, and time for whatever is still at work.
            for output in OUTPUTS {
                client.show(output);
            }
            client.hide("tick");
            client.flush().await;
            a = next.or(a);
            for m in 0..3 {
                client.call("shut", (format!("m{m}"),)).await.unwrap();
            }
            client.advance(Duration::from_secs(1)).await;
            client.advance(Duration::from_secs(1)).await;

            let expected_slow = a.map_or(json!(null), |a| json!(a + 1));
            prop_assert_eq!(client.output::<serde_json::Value>("slow"), Ok(expected_slow));
            let expected = a.map_or(json!(null), |a| json!(a * 2));
            prop_assert_eq!(client.output::<serde_json::Value>("double"), Ok(expected));
            if let Some(a) = a.filter(|a| a % 3 == 2) {
                prop_assert_eq!(client.output::<i64>("odd"), Ok(a));
            }
            for output in ["double", "odd", "slow"] {
                let state = client.model().state(output);
                prop_assert!(matches!(state, OutputState::Value | OutputState::Error | OutputState::Cancel), "{output} is {state:?}");
            }
            prop_assert!(!client.model().is_busy());
            client.assert_no_leaks();
            // Every request was answered, once.
            let tags: BTreeSet<String> = client.model().responses().iter().map(|(tag, _)| tag.to_string()).collect();
            prop_assert_eq!(tags.len(), client.model().responses().len());
            client.disconnect().await;
            prop_assert_eq!(client.counts().effects + client.counts().values + client.counts().calcs, 0);
            Ok(())
        })?;
    }

    #[test]
    fn any_text_is_answered_with_a_documented_code_or_leaves_the_session_alive(texts in prop::collection::vec(jsonish(), 1..8), init in any::<bool>()) {
        drive(async {
            let mut client = if init {
                Client::connect(App::new(everything)).await
            } else {
                Client::open(App::new(everything), Limits::default())
            };
            for text in &texts {
                client.send(text).await;
            }
            if let Some(code) = client.close_code() {
                prop_assert!([1002, 1007, 1008].contains(&code), "{}", code);
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_bytes_are_answered_with_a_documented_code_or_leave_the_session_alive(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        drive(async {
            let mut client = Client::connect(App::new(everything)).await;
            let mut frame = if magic { vec![2, 2, 2, 1] } else { Vec::new() };
            frame.extend(bytes);
            client.send_frame(Frame::Binary(frame.into())).await;
            prop_assert!([None, Some(1002), Some(1007)].contains(&client.close_code()));
            Ok(())
        })?;
    }
}

/// Text that is JSON, or nearly so.
fn jsonish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{\"method\":\"update\",\"data\":{"),
        Just("{\"method\":\"init\",\"data\":{}}"),
        Just("{\"method\":\"late\",\"args\":[1],\"tag\":"),
        Just("\"a:shiny.number\":"),
        Just("\".clientdata_output_double_hidden\":false"),
        Just("1e999"),
        Just("-0"),
        Just("NaN"),
        Just("null"),
        Just("9007199254740993"),
        Just("\"\\ud800\""),
        Just("\"x\""),
        Just("[["),
        Just("]]"),
        Just("{"),
        Just("}"),
        Just("}}"),
        Just(","),
        Just(":"),
    ];
    prop_oneof![prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()), ".{0,40}",]
}
