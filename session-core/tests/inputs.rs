//! The laws of inputs (group N): what the client says, and what app code reads of it.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};
use session_core::testing::Client;
use session_core::{
    Action, App, Date, DateTime, Interrupt, Limits, Password, Result, Session, req, safe,
};

/// Counts runs.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many since the last call.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// A client of an app that runs `body` as an effect, and counts its runs.
async fn watched<F>(body: F) -> (Client, Runs)
where
    F: Fn(&Session<'_>) -> Result<()> + Send + Sync + Clone + 'static,
{
    let runs = Runs::default();
    let counted = runs.clone();
    let app = App::new(move |s| {
        let (runs, body) = (counted.clone(), body.clone());
        s.effect(move |s| {
            runs.count();
            body(s)
        });
        Ok(())
    });
    (Client::connect(app).await, runs)
}

/// A client of an app whose output `show` shows the input `v`, whatever it is.
async fn shows_v() -> Client {
    let app = App::new(|s| {
        let v = s.input::<Json>("v")?;
        s.output("show", move |s| v.get(s))?;
        s.set_message_handler("is_set", move |s, ()| Ok(v.is_set(s)))?;
        Ok(())
    });
    let mut client = Client::connect(app.sanitize_errors(false)).await;
    client.show("show").flush().await;
    client
}

// spec: N1
#[tokio::test(start_paused = true)]
async fn reading_an_unknown_input_stops_silently_and_takes_a_dependency() {
    let (mut client, runs) = watched(|s| {
        let x = s.input::<i64>("x")?;
        assert!(matches!(x.get(s), Err(Interrupt::Silent)) || x.get(s)? == 3);
        x.get(s).map(drop)
    })
    .await;
    assert_eq!((runs.take(), client.close_code()), (1, None));
    client.set("x", 3).flush().await;
    assert_eq!((runs.take(), client.close_code()), (1, None));
}

// spec: N1 N2
#[tokio::test(start_paused = true)]
async fn whether_an_input_is_there_changes_once() {
    let (mut client, runs) = watched(|s| {
        s.input::<i64>("x")?.is_set(s);
        Ok(())
    })
    .await;
    assert_eq!(runs.take(), 1);
    client.set("x", 1).flush().await;
    assert_eq!(runs.take(), 1);
    client.set("x", 2).flush().await;
    client.set("x", Json::Null).flush().await;
    assert_eq!(runs.take(), 0);
}

// spec: N3 (decision 7)
#[tokio::test(start_paused = true)]
async fn the_same_datum_again_counts_as_a_change() {
    let (mut client, runs) = watched(|s| s.input::<i64>("x")?.get(s).map(drop)).await;
    client.set("x", 1).flush().await;
    runs.take();
    for _ in 0..3 {
        client.set("x", 1).flush().await;
        assert_eq!(runs.take(), 1);
    }
}

// spec: N4
#[tokio::test(start_paused = true)]
async fn of_one_message_dependents_run_once_and_see_all_of_it() {
    let (mut client, runs) = watched(|s| {
        let [a, b, c] = ["a", "b", "c"].map(|id| s.input::<i64>(id).and_then(|x| x.get(s)));
        let (a, b, c) = (a?, b?, c?);
        assert!(a == b && b == c, "half of a message: {a} {b} {c}");
        Ok(())
    })
    .await;
    for n in 0..3 {
        runs.take();
        client.set("a", n).set("b", n).set("c", n).flush().await;
        assert_eq!((runs.take(), client.close_code()), (1, None));
    }
}

// spec: N4
// fault: J9
#[tokio::test(start_paused = true)]
async fn the_same_input_a_hundred_thousand_times_in_one_message_is_one_change_and_the_last_counts()
{
    let (mut client, runs) = watched(|s| s.input::<i64>("x")?.get(s).map(drop)).await;
    runs.take();
    let entries = vec![r#""x":1"#; 100_000].join(",");
    client.send(&format!(r#"{{"method":"update","data":{{{entries},"x":2}}}}"#)).await;
    assert_eq!((runs.take(), client.close_code()), (1, None));
    assert_eq!(client.counts().inputs, 1);
}

// spec: N5
#[tokio::test(start_paused = true)]
async fn the_type_after_a_colon_is_no_part_of_the_name() {
    let mut client = shows_v().await;
    for (kind, sent, read) in [
        ("shiny.number", json!(1.5), json!(1.5)),
        ("shiny.number", json!(null), json!(null)),
        ("shiny.number", json!("as typed"), json!("as typed")),
        ("shiny.password", json!("s"), json!("s")),
        ("shiny.date", json!("2024-01-02"), json!("2024-01-02")),
        ("shiny.date", json!("bogus"), json!(null)),
        ("shiny.date", json!(["2024-01-02", null]), json!(["2024-01-02", null])),
        ("shiny.datetime", json!(1_704_067_200), json!(1_704_067_200)),
        ("shiny.datetime", json!([0, 1.5]), json!([0, 1.5])),
        ("shiny.action", json!(3), json!(3)),
        ("bslib.toolbar.button", json!(1), json!(1)),
        ("bslib.taskbutton", json!({ "value": 4, "autoReset": false }), json!(4)),
        ("shiny.file", json!(null), json!(null)),
        ("shiny.symbol", json!("cyl"), json!("cyl")),
        ("shiny.symbolList", json!(["cyl", "mpg"]), json!(["cyl", "mpg"])),
        ("shiny.matrix", json!([[1, 2], [3, null]]), json!([[1, 2], [3, null]])),
        ("", json!({ "a": [1] }), json!({ "a": [1] })),
    ] {
        client.set(&format!("v:{kind}"), &sent).flush().await;
        assert_eq!(client.output("show"), Ok(read), "{kind} {sent}");
    }
    assert_eq!(client.counts().inputs, 2, "v, and the flag of the output");
}

// spec: N5 (decision 28)
#[tokio::test(start_paused = true)]
async fn a_bad_key_is_dropped_and_the_others_of_its_message_apply() {
    for (key, value) in [
        ("v:no.such.type", json!(1)),
        ("v:a:b", json!(1)),
        ("v::", json!(1)),
        ("v:shiny.symbolic", json!("a")),
        ("v:shiny.symbol", json!(["a"])),
        ("v:shiny.symbolList", json!([1])),
        ("v:shiny.matrix", json!([1, 2])),
        ("v:shiny.date", json!(5)),
        ("v:shiny.date", json!(["2024-01-02", "bogus"])),
        ("v:shiny.datetime", json!(null)),
        ("v:shiny.datetime", json!("now")),
        ("v:shiny.action", json!(null)),
        ("v:shiny.action", json!(-1)),
        ("v:shiny.action", json!(1.5)),
        ("v:bslib.taskbutton", json!(1)),
        ("v:bslib.taskbutton", json!({ "autoReset": true })),
        ("v:shiny.file", json!([{ "datapath": "/etc/passwd" }])),
    ] {
        let mut client = shows_v().await;
        client.set("v", "before").flush().await;
        client.set("a", 1).set(key, &value).set("w", 2).flush().await;
        assert_eq!(client.output("show"), Ok(json!("before")), "{key} {value}");
        assert_eq!((client.counts().inputs, client.close_code()), (4, None), "{key} {value}");
        client.set("v", "after").flush().await;
        assert_eq!(client.output("show"), Ok(json!("after")));
    }
}

// spec: N6
#[tokio::test(start_paused = true)]
async fn a_button_that_was_never_clicked_counts_as_nothing_and_a_number_zero_does_not() {
    let (clicks, numbers, presses) = (Runs::default(), Runs::default(), Runs::default());
    let (on_click, on_number, on_press) = (clicks.clone(), numbers.clone(), presses.clone());
    let app = App::new(move |s| {
        let (on_click, on_number, on_press) =
            (on_click.clone(), on_number.clone(), on_press.clone());
        let go = s.input::<Action>("go")?;
        s.on_event(go, move |_, _| {
            on_click.count();
            Ok(())
        });
        s.on_event(s.input::<i64>("n")?, move |_, _| {
            on_number.count();
            Ok(())
        });
        s.effect(move |s| {
            req(go.get(s)?)?;
            on_press.count();
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("go:shiny.action", 0).set("n:shiny.number", 0).flush().await;
    assert_eq!((clicks.take(), numbers.take(), presses.take()), (0, 1, 0));
    client.set("go:shiny.action", 1).flush().await;
    client.set("go:shiny.action", 2).flush().await;
    assert_eq!((clicks.take(), numbers.take(), presses.take()), (2, 0, 2));
    client.set("go:shiny.action", 0).set("n:shiny.number", Json::Null).flush().await;
    assert_eq!((clicks.take(), numbers.take(), presses.take()), (0, 0, 0));
}

// spec: N7
#[tokio::test(start_paused = true)]
async fn null_is_a_datum_and_reads_as_silent_where_there_is_no_word_for_it() {
    let app = App::new(|s| {
        s.set_message_handler("read", |s, ()| {
            let silent = matches!(s.input::<i64>("v")?.get(s), Err(Interrupt::Silent));
            let v = s.input::<Option<i64>>("v")?;
            Ok((v.is_set(s), silent, v.get(s).is_ok_and(|v| v.is_none())))
        })?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert_eq!(client.call("read", ()).await, Ok(json!([false, true, false])));
    client.set("v", Json::Null).flush().await;
    assert_eq!(client.call("read", ()).await, Ok(json!([true, true, true])));
}

// spec: N8
#[tokio::test(start_paused = true)]
async fn an_input_is_read_as_the_type_the_app_names() {
    let app = App::new(|s| {
        s.set_message_handler("read", |s, ()| {
            Ok((
                s.input::<Vec<Vec<i64>>>("v")?.get(s)?,
                s.input::<(i64, String)>("pair")?.get(s)?,
                s.input::<BTreeMap<String, bool>>("map")?.get(s)?,
            ))
        })?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client
        .set("v", json!([[1], [2, 3]]))
        .set("pair", json!([1, "x"]))
        .set("map", json!({"a":true}));
    client.flush().await;
    let read = json!([[[1], [2, 3]], [1, "x"], { "a": true }]);
    assert_eq!(client.call("read", ()).await, Ok(read));
}

// spec: N8
#[tokio::test(start_paused = true)]
async fn an_input_of_another_type_than_the_app_reads_is_a_failure_of_that_read() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output("out", move |s| n.get(s))?;
        s.output("other", move |s| Ok(n.get(s).is_err()))
    });
    let mut client = Client::connect(app.sanitize_errors(false)).await;
    client.set("n", "text").show("out").show("other").flush().await;
    let error = client.output::<i64>("out").unwrap_err();
    assert_eq!(error, "the client's value of the input is no i64");
    assert_eq!(client.output("other"), Ok(true));
    client.set("n", 1).flush().await;
    assert_eq!(client.output("out"), Ok(1));
}

// fault: J3
#[tokio::test(start_paused = true)]
async fn numbers_are_exact_or_refused_where_they_are_read() {
    let mut client = shows_v().await;
    for (sent, shows) in [
        ("1e308", Ok("1e308")),
        ("-0", Ok("-0.0")),
        ("9007199254740993", Ok("9007199254740993")),
        ("18446744073709551615", Ok("18446744073709551615")),
        ("1e999", Err(())),
        ("-1e999", Err(())),
    ] {
        client.send(&format!(r#"{{"method":"update","data":{{"v":{sent}}}}}"#)).await;
        let shown = client.output::<Json>("show").map_err(|_| ());
        assert_eq!(shown, shows.map(|text| serde_json::from_str(text).unwrap()), "{sent}");
    }
    assert_eq!(client.close_code(), None);
}

// spec: N9
#[tokio::test(start_paused = true)]
async fn in_a_module_an_id_is_below_its_namespace_and_a_wire_key_is_absolute() {
    let app = App::new(|s| {
        let m = s.module("a")?.module("b")?;
        let x = m.input::<i64>("x")?;
        m.output("out", move |s| x.get(s))?;
        assert!(m.input::<i64>("no-id").is_err());
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("x", 1).set("b-x", 2).set("a-b-x", 3).set("a-b-x-", 4).show("a-b-out").flush().await;
    assert_eq!(client.output("a-b-out"), Ok(3));
}

// spec: N9
// fault: J4
#[tokio::test(start_paused = true)]
async fn any_text_is_a_key() {
    let app = App::new(|_| Ok(()));
    let mut client = Client::connect(app).await;
    for key in ["", "a.b c", "__proto__", "é", "\u{0}", ".clientdata_", "..root", "-", "\n"] {
        client.set(key, 1);
    }
    client.flush().await;
    assert_eq!((client.counts().inputs, client.close_code()), (9, None));
}

// spec: H2 N1
#[tokio::test(start_paused = true)]
async fn an_input_asked_for_twice_is_one() {
    let (mut client, _) = watched(|s| {
        let (a, b) = (s.input::<i64>("x")?, s.input::<String>("x")?);
        a.is_set(s);
        b.is_set(s);
        Ok(())
    })
    .await;
    assert_eq!(client.counts().inputs, 1);
    client.set("x", 1).flush().await;
    assert_eq!(client.counts().inputs, 1);
}

// spec: G2
#[tokio::test(start_paused = true)]
async fn the_session_function_reads_the_inputs_of_init() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?.get(s)?;
        s.send_custom_message("n", &n)
    });
    let mut client = Client::open(app, Limits::default());
    client.set("n", 4).init().await;
    assert_eq!(client.model().custom(), [("n".to_owned(), json!(4))]);
}

/// What the session said to the task button `tb` since the last call.
fn said_to_button(client: &mut Client) -> Vec<Json> {
    let frames = client.frames();
    frames
        .iter()
        .filter_map(|frame| frame.get("inputMessages")?.as_array())
        .flatten()
        .cloned()
        .collect()
}

// spec: N5
#[tokio::test(start_paused = true)]
async fn a_task_button_is_ready_again_at_the_end_of_its_flush_if_it_asks_for_that() {
    let app = App::new(|s| {
        let tb = s.input::<Action>("tb")?;
        s.output("out", move |s| Ok(tb.get(s)?.0))
    });
    let mut client = Client::connect(app).await;
    client.set("tb:bslib.taskbutton", json!({ "value": 0, "autoReset": true }));
    client.show("out").flush().await;
    let ready = json!({ "id": "tb", "message": { "state": "ready" } });
    assert_eq!(said_to_button(&mut client), std::slice::from_ref(&ready));
    client.set("tb:bslib.taskbutton", json!({ "value": 1, "autoReset": true })).flush().await;
    assert_eq!((client.output("out"), said_to_button(&mut client)), (Ok(1), vec![ready]));
    client.set("tb:bslib.taskbutton", json!({ "value": 2, "autoReset": false })).flush().await;
    assert_eq!((client.output("out"), said_to_button(&mut client)), (Ok(2), vec![]));
    client.set("tb:bslib.taskbutton", json!({ "value": 3 })).flush().await;
    assert_eq!((client.output("out"), said_to_button(&mut client)), (Ok(3), vec![]));
}

// spec: N5
#[tokio::test(start_paused = true)]
async fn a_task_button_that_nobody_reads_is_ready_again_too() {
    let mut client = Client::connect(App::new(|_| Ok(()))).await;
    client.set("tb:bslib.taskbutton", json!({ "value": 1, "autoReset": true })).flush().await;
    assert_eq!(said_to_button(&mut client).len(), 1);
}

// spec: decision 28
// fault: J8
#[tokio::test(start_paused = true)]
async fn one_input_more_than_the_limit_ends_the_session_with_1008() {
    let mut limits = Limits::default();
    limits.inputs = 10;
    let mut client = Client::connect_with(App::new(|_| Ok(())), limits.clone()).await;
    for round in 0..3 {
        for n in 0..10 {
            client.set(&format!("x{n}"), round);
        }
        client.flush().await;
        assert_eq!((client.counts().inputs, client.close_code()), (10, None));
    }
    client.set("one more", 1).flush().await;
    assert_eq!((client.counts().inputs, client.close_code()), (0, Some(1008)));

    let mut client = Client::open(App::new(|_| Ok(())), limits);
    for n in 0..11 {
        client.set(&format!("x{n}"), 0);
    }
    client.init().await;
    assert_eq!(client.close_code(), Some(1008));
}

// spec: decision 28
// fault: J4 J7
#[tokio::test(start_paused = true)]
async fn a_name_that_is_too_long_and_a_value_that_is_too_deep_are_dropped() {
    let mut client = shows_v().await;
    let depth = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let long = "x".repeat(257);
    let data = format!(r#"{{"{long}":1,"v":{},"w":1}}"#, depth(64));
    client.send(&format!(r#"{{"method":"update","data":{data}}}"#)).await;
    assert!(client.output::<Json>("show").unwrap().is_array());
    assert_eq!(client.counts().inputs, 3, "v, w and the flag");
    client.set("v", "before").flush().await;
    for n in [65, 127, 128, 10_000] {
        client.send(&format!(r#"{{"method":"update","data":{{"v":{},"w":2}}}}"#, depth(n))).await;
        assert_eq!((client.output("show"), client.close_code()), (Ok(json!("before")), None));
    }
    client.set(&"x".repeat(256), 1).flush().await;
    assert_eq!(client.counts().inputs, 4);
}

// spec: N5
#[tokio::test(start_paused = true)]
async fn every_type_of_the_client_has_a_type_to_read_it_as() {
    let app = App::new(|s| {
        let day = s.input::<Date>("day")?;
        let stay = s.input::<(Option<Date>, Option<Date>)>("stay")?;
        let at = s.input::<DateTime>("at")?;
        let between = s.input::<(DateTime, DateTime)>("between")?;
        let password = s.input::<Password>("password")?;
        let table = s.input::<Vec<Vec<f64>>>("table")?;
        let names = s.input::<Vec<String>>("names")?;
        s.output("day", move |s| Ok(day.get(s)?.to_string()))?;
        s.output("stay", move |s| {
            let (from, to) = stay.get(s)?;
            Ok((from.map(Date::month), to.map(Date::day)))
        })?;
        s.output("at", move |s| Ok((at.get(s)?.seconds(), between.get(s)?.1.subsec_micros())))?;
        s.output("password", move |s| {
            let password = password.get(s)?;
            req(&password)?;
            Ok(password.reveal().len())
        })?;
        s.output("table", move |s| Ok(table.get(s)?[1][0]))?;
        s.output("names", move |s| Ok(names.get(s)?.concat()))
    });
    let mut client = Client::connect(app).await;
    for output in ["day", "stay", "at", "password", "table", "names"] {
        client.show(output);
    }
    client
        .set("day:shiny.date", "2024-02-29")
        .set("stay:shiny.date", json!([null, "2024-03-01"]))
        .set("at:shiny.datetime", 1_704_067_200)
        .set("between:shiny.datetime", json!([0, 1.5]))
        .set("password:shiny.password", "secret")
        .set("table:shiny.matrix", json!([[1, 2], [3, 4]]))
        .set("names:shiny.symbolList", json!(["a", "b"]));
    client.flush().await;
    assert_eq!(client.output("day"), Ok("2024-02-29".to_owned()));
    assert_eq!(client.output("stay"), Ok((None::<u8>, Some(1))));
    assert_eq!(client.output("at"), Ok((1_704_067_200, 500_000)));
    assert_eq!(client.output("password"), Ok(6));
    assert_eq!(client.output("table"), Ok(3.0));
    assert_eq!(client.output("names"), Ok("ab".to_owned()));
    client.set("day:shiny.date", "bogus").set("password:shiny.password", "").flush().await;
    assert_eq!(client.output("day"), Ok(Json::Null), "no day");
    assert_eq!(client.output("password"), Ok(Json::Null), "nothing typed");
}

#[tokio::test(start_paused = true)]
async fn no_error_quotes_a_password_whatever_it_is_read_as() {
    let app = App::new(|s| {
        let number = s.input::<u32>("x")?;
        s.output("out", move |s| {
            // As logs have it: with everything it is made of.
            let error = number.get(s).unwrap_err();
            Ok(format!("{error} {error:?}"))
        })
    });
    let mut client = Client::connect(app).await;
    client.set("x", "visible").show("out").flush().await;
    assert!(client.output::<String>("out").unwrap().contains("visible"));
    client.set("x:shiny.password", "hunter2").flush().await;
    let error = client.output::<String>("out").unwrap();
    assert!(error.contains("no u32") && !error.contains("hunter2"), "{error}");
}

// spec: N5
#[tokio::test(start_paused = true)]
async fn a_type_of_the_app_converts_what_the_client_sends() {
    let app = App::new(|s| {
        let heat = s.input::<f64>("heat")?;
        let pair = s.input::<(String, u32)>("pair")?;
        s.output("heat", move |s| heat.get(s))?;
        s.output("pair", move |s| pair.get(s))
    })
    .input_type("kitchen.fahrenheit", |degrees: f64| Ok((degrees - 32.0) / 1.8))
    .unwrap()
    .input_type("my.pair", |value: Json| Ok((value["name"].clone(), value["n"].clone())))
    .unwrap();
    let mut client = Client::connect(app).await;
    client.set("heat:kitchen.fahrenheit", 212).set("pair:my.pair", json!({ "name": "é", "n": 7 }));
    client.show("heat").show("pair").flush().await;
    assert_eq!(client.output("heat"), Ok(100.0));
    assert_eq!(client.output("pair"), Ok(("é".to_owned(), 7)));
}

// spec: N5 (decision 28)
#[tokio::test(start_paused = true)]
async fn a_conversion_that_fails_or_panics_drops_that_key_alone() {
    let app = App::new(|s| {
        let (v, w) = (s.input::<u32>("v")?, s.input::<u32>("w")?);
        s.output("v", move |s| v.get(s))?;
        s.output("w", move |s| w.get(s))
    })
    .input_type("my.odd", |n: u32| match n {
        13 => panic!("a panic of the app"),
        n if n % 2 == 0 => Err(safe("it is even").into()),
        n => Ok(n),
    })
    .unwrap();
    let mut client = Client::connect(app).await;
    client.set("v:my.odd", 1).show("v").show("w").flush().await;
    for (round, bad) in [json!(2), json!(13), json!("no number"), json!(null)].iter().enumerate() {
        client.set("v:my.odd", bad).set("w", round).flush().await;
        assert_eq!((client.output("v"), client.output("w")), (Ok(1), Ok(round)), "{bad}");
    }
    client.set("v:my.odd", 3).flush().await;
    assert_eq!((client.output("v"), client.close_code()), (Ok(3), None));
}

#[test]
fn a_type_has_a_name_that_no_other_has() {
    let app = || App::new(|_| Ok(()));
    for name in ["", "a:b", "shiny.number", "bslib.taskbutton", "shiny.file"] {
        assert!(app().input_type(name, |value: Json| Ok(value)).is_err(), "{name:?}");
    }
    let once = app().input_type("my.type", |value: Json| Ok(value)).unwrap();
    let error = once.input_type("my.type", |value: Json| Ok(value)).unwrap_err();
    assert!(error.to_string().contains("my.type"), "{error}");
}
