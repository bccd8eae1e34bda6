//! Test snapshots.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use serde_json::{Value as Json, json};
use session_core::testing::Client;
use session_core::{App, Body, Interrupt, Session, StubSession, safe};

#[path = "support/session.rs"]
mod support;
use support::{always, get, idle, run};

async fn ask(client: &mut Client, query: &str) -> (u16, String) {
    let url = run(client, |s| s.test_snapshot_url()).await;
    let response = client.fetch(get(&format!("{url}{query}"))).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect_up_to(100_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn snapshot(client: &mut Client, query: &str) -> Json {
    let (status, body) = ask(client, query).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// An app with an output that shows `n`, nothing for 0, an error below, and stays as it is for 13.
fn app() -> App {
    App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output_with("out", always(), move |s| match n.get(s)? {
            0 => Err(Interrupt::Silent),
            13 => Err(Interrupt::Cancel),
            14 => Err(Interrupt::InProgress),
            n if n < 0 => Err(safe("below zero").into()),
            n => Ok(json!({ "z": n, "a": [n] })),
        })?;
        s.export_test_value("twice", move |s| Ok(n.get(s)? * 2))
    })
    .test_mode(true)
}

// spec: O2
#[tokio::test(start_paused = true)]
async fn there_are_no_snapshots_unless_the_app_says_so() {
    let log = support::Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        s.export_test_value("twice", seen.says("computed"))?;
        s.snapshot_input_with("n", |json| json)?;
        s.snapshot_output_with("out", |json| json)
    });
    let mut client = Client::connect(app).await;
    let (status, body) = ask(&mut client, "").await;
    assert_eq!((status, &*body), (404, r#"{"detail":"Not Found"}"#));
    assert_eq!(client.counts().exports, 0);
    assert!(log.take().is_empty());
}

// spec: O2
#[tokio::test(start_paused = true)]
async fn a_snapshot_is_inputs_outputs_and_exports_as_json_with_its_keys_in_order() {
    let mut client = Client::connect(app()).await;
    client.set("n", 4).set("b", [1, 2]).set("a:shiny.action", 3).show("out").flush().await;
    let (status, body) = ask(&mut client, "").await;
    let expected = concat!(
        r#"{"export":{"twice":8},"#,
        r#""input":{"a":3,"b":[1,2],"n":4},"#,
        r#""output":{"out":{"a":[4],"z":4}}}"#
    );
    assert_eq!((status, &*body), (200, expected));
}

// spec: O2
#[tokio::test(start_paused = true)]
async fn the_query_says_what_is_shown() {
    let mut client = Client::connect(app()).await;
    client.set("n", 4).set("b", 1).flush().await;
    for (query, expected) in [
        ("&input=1", json!({ "input": { "b": 1, "n": 4 } })),
        (
            "&output=1&export=1",
            json!({ "export": { "twice": 8 }, "output": { "out": { "a": [4], "z": 4 } } }),
        ),
        ("&input=b,nobody&format=json&sortC=1", json!({ "input": { "b": 1 } })),
        ("&input=%62%2Cn", json!({ "input": { "b": 1, "n": 4 } })),
        ("&export=nobody", json!({ "export": {} })),
    ] {
        assert_eq!(snapshot(&mut client, query).await, expected, "{query}");
    }
    for query in ["&format=rds", "&sortC=0"] {
        assert_eq!(ask(&mut client, query).await.0, 400, "{query}");
    }
    let url = run(&mut client, |s| s.test_snapshot_url()).await;
    let post = http::Request::post(format!("/{url}")).body(Body::empty()).unwrap();
    assert_eq!(client.fetch(post).await.unwrap().status(), 404);
    let other = url.replace("shinytest", "other");
    assert_eq!(client.fetch(get(&other)).await.unwrap().status(), 404);
}

// spec: O3
#[tokio::test(start_paused = true)]
async fn an_output_with_nothing_to_show_is_shown_as_it_last_was() {
    let mut client = Client::connect(app()).await;
    let value = json!({ "a": [4], "z": 4 });
    let error = json!({ "__shiny_output_error__": "below zero" });
    for (n, expected) in [
        (0, None),
        (4, Some(&value)),
        (0, Some(&value)),
        (13, Some(&value)),
        (14, Some(&value)),
        (-1, Some(&error)),
        (0, Some(&error)),
        (4, Some(&value)),
    ] {
        client.set("n", n).flush().await;
        let shown = snapshot(&mut client, "&output=1").await;
        assert_eq!(shown["output"].get("out"), expected, "{n}");
    }
    // The client was told that there is nothing.
    client.set("n", 0).flush().await;
    assert_eq!(client.output("out"), Ok(Json::Null));
}

#[tokio::test(start_paused = true)]
async fn passwords_and_what_the_page_says_of_itself_are_in_no_snapshot() {
    let mut client = Client::connect(app()).await;
    client.set("pw:shiny.password", "secret").set(".clientdata_pixelratio", 2).set("n", 1);
    client.flush().await;
    assert_eq!(snapshot(&mut client, "&input=1").await, json!({ "input": { "n": 1 } }));
    let named = snapshot(&mut client, "&input=pw,.clientdata_pixelratio").await;
    assert_eq!(named, json!({ "input": {} }));
}

// spec: O4
#[tokio::test(start_paused = true)]
async fn what_a_module_exports_is_under_its_namespace_and_goes_with_it() {
    let mut client = Client::connect(App::new(|_| Ok(())).test_mode(true)).await;
    let make = |s: &Session<'_>| {
        let m = s.module("m")?.module("inner")?;
        let n = m.value(1);
        m.output_with("out", always(), move |s| n.get(s))?;
        m.export_test_value("n", move |s| Ok((s.namespace().to_string(), n.get(s)?)))?;
        m.snapshot_input_with("n", |_| "filtered".into())?;
        m.snapshot_output_with("out", |json| json!([json]))?;
        s.export_test_value("m", |_| Ok("the root's"))
    };
    run(&mut client, make).await;
    client.set("m-inner-n", 5).flush().await;
    let expected = json!({
        "export": { "m": "the root's", "m-inner-n": ["m-inner", 1] },
        "input": { "m-inner-n": "filtered" },
        "output": { "m-inner-out": [1] },
    });
    assert_eq!(snapshot(&mut client, "").await, expected);
    assert_eq!(client.counts().exports, 4);
    run(&mut client, |s| s.destroy_module("m")).await;
    let left = json!({ "export": { "m": "the root's" }, "input": {}, "output": {} });
    assert_eq!(snapshot(&mut client, "").await, left);
    run(&mut client, |s| {
        s.destroy();
        Ok(())
    })
    .await;
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn what_fails_or_panics_is_an_entry_that_says_so_and_nothing_else_is_concerned() {
    let app = App::new(|s| {
        s.export_test_value("fails", |_| -> session_core::Result<()> { Err(safe("no").into()) })?;
        s.export_test_value("panics", |_| -> session_core::Result<()> { panic!("a bug") })?;
        s.export_test_value("silent", |_| -> session_core::Result<()> { Err(Interrupt::Silent) })?;
        s.snapshot_input_with("n", |_| panic!("a bug"))?;
        s.export_test_value("works", |_| Ok(1))
    });
    let mut client = Client::connect(app.sanitize_errors(false).test_mode(true)).await;
    client.set("n", 1).set("m", 2).flush().await;
    for _ in 0..2 {
        let shown = snapshot(&mut client, "").await;
        let export = &shown["export"];
        assert_eq!(export["fails"]["__shiny_serialization_error__"], "no");
        let text = export["panics"]["__shiny_serialization_error__"].as_str().unwrap();
        assert!(text.contains("a bug"), "{text}");
        assert!(export["silent"]["__shiny_serialization_error__"].is_string());
        assert_eq!((&export["works"], &shown["input"]["m"]), (&json!(1), &json!(2)));
        assert!(shown["input"]["n"]["__shiny_snapshot_preprocess_error__"].is_string());
    }
    assert_eq!(client.close_code(), None);
}

#[tokio::test(start_paused = true)]
async fn an_export_replaced_or_an_output_registered_anew_is_shown_as_the_new_one() {
    let mut client = Client::connect(app()).await;
    client.set("n", 4).flush().await;
    run(&mut client, |s| {
        s.export_test_value("twice", |_| Ok("anew"))?;
        s.output_with("out", always(), |_| -> session_core::Result<()> { Err(Interrupt::Silent) })
    })
    .await;
    let expected = json!({ "export": { "twice": "anew" }, "output": {} });
    assert_eq!(snapshot(&mut client, "&output=1&export=1").await, expected);
}

#[tokio::test]
async fn a_stub_exports_nothing_and_checks_names_as_usual() {
    let mut client = idle().await;
    let stub = StubSession::new();
    let s = stub.session();
    s.export_test_value("n", |_| Ok(1)).unwrap();
    assert!(s.export_test_value("no id", |_| Ok(1)).is_err());
    assert!(s.snapshot_input_with("no id", |json| json).is_err());
    assert_eq!(ask(&mut client, "").await.0, 404);
}
