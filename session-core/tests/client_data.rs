//! What the client says of its page and of the outputs on it (M16), read by app code.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use serde_json::{Value as Json, json};
use session_core::testing::Client;
use session_core::{App, Interrupt, NoCurrentOutput, Result, Session};

#[path = "support/session.rs"]
mod support;
use support::{Log, always, idle, run};

// spec: M16
#[tokio::test(start_paused = true)]
async fn the_page_is_the_same_in_every_scope_and_a_dependency() {
    let app = App::new(|s| {
        let url = s.client_data().url();
        s.output_with("url", always(), move |s| url.get(s))?;
        s.module("m")?.output_with("page", always(), |s| {
            let page = s.client_data();
            Ok((page.hostname().get(s)?, page.pixel_ratio().get(s)?, page.initial_hash().get(s)?))
        })
    });
    let mut client = Client::connect(app).await;
    assert_eq!(client.output("url"), Ok(Json::Null), "nothing is known yet");
    for (part, text) in [
        ("protocol", "https:"),
        ("hostname", "example.com"),
        ("port", ""),
        ("pathname", "/a/"),
        ("search", "?b=c"),
        ("hash", "#d"),
        ("hash_initial", "#e"),
    ] {
        client.set(&format!(".clientdata_url_{part}"), text);
    }
    client.set(".clientdata_pixelratio", 1.5).flush().await;
    assert_eq!(client.output("url"), Ok("https://example.com/a/?b=c#d".to_owned()));
    assert_eq!(client.output("m-page"), Ok(("example.com".to_owned(), 1.5, "#e".to_owned())));
    client.set(".clientdata_url_port", "8000").set(".clientdata_url_hash", "").flush().await;
    assert_eq!(client.output("url"), Ok("https://example.com:8000/a/?b=c".to_owned()));
}

// spec: M16
#[tokio::test(start_paused = true)]
async fn the_current_output_is_that_of_the_closure_in_its_module() {
    fn sized(s: &Session<'_>) -> Result<()> {
        s.output_with("out", always(), |s| {
            let this = s.current_output()?;
            let width = this.width().get_if_set(s)?;
            Ok((this.id().to_owned(), width, this.height().get_if_set(s)?))
        })
    }
    let app = App::new(|s| {
        sized(s)?;
        sized(&s.module("a")?.module("b")?)
    });
    let mut client = Client::connect(app).await;
    let shown =
        |client: &Client, output| client.output::<(String, Option<f64>, Option<f64>)>(output);
    assert_eq!(shown(&client, "a-b-out"), Ok(("a-b-out".to_owned(), None, None)));
    client.set(".clientdata_output_a-b-out_width", 300).flush().await;
    assert_eq!(shown(&client, "a-b-out"), Ok(("a-b-out".to_owned(), Some(300.0), None)));
    assert_eq!(shown(&client, "out"), Ok(("out".to_owned(), None, None)));
    client.set(".clientdata_output_out_height", 20.5).flush().await;
    assert_eq!(shown(&client, "out"), Ok(("out".to_owned(), None, Some(20.5))));
}

// spec: M16
#[tokio::test(start_paused = true)]
async fn size_colours_and_font_are_read_as_what_they_are() {
    let app = App::new(|s| {
        s.output_with("out", always(), |s| {
            let this = s.current_output()?;
            let font = this.font().get(s)?;
            let colours = (this.background().get_if_set(s)?, this.foreground().get(s)?);
            Ok((colours, this.accent().get(s)?, font.families, font.size, this.hidden().get(s)?))
        })
    });
    let mut client = Client::connect(app).await;
    assert_eq!(client.output("out"), Ok(Json::Null), "a silent stop");
    for (key, value) in [
        ("bg", Json::Null),
        ("fg", json!("rgb(1, 2, 3)")),
        ("accent", json!("#fff")),
        ("font", json!({ "families": ["Inter", "serif"], "size": "16px" })),
        ("hidden", json!(false)),
    ] {
        client.set(&format!(".clientdata_output_out_{key}"), value);
    }
    client.flush().await;
    let expected = json!([[null, "rgb(1, 2, 3)"], "#fff", ["Inter", "serif"], "16px", false]);
    assert_eq!(client.output("out"), Ok(expected));
}

// spec: M16
#[tokio::test(start_paused = true)]
async fn where_nothing_is_rendered_there_is_no_current_output() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let note = |place: &'static str| {
            let seen = seen.clone();
            move |s: &Session<'_>| {
                seen.add(format!(
                    "{place}: {:?}",
                    s.current_output().map(|this| this.id().to_owned()).ok()
                ));
            }
        };
        note("start")(s);
        let (in_effect, in_calc, in_handler) = (note("effect"), note("calc"), note("handler"));
        s.effect(move |s| {
            in_effect(s);
            Ok(())
        });
        let calc = s.calc(move |s| {
            in_calc(s);
            Ok(1)
        });
        s.set_message_handler("ask", move |s, ()| {
            in_handler(s);
            Ok(())
        })?;
        let (plain, isolated, module) = (note("output"), note("isolated"), note("module"));
        s.output_with("out", always(), move |s| {
            plain(s);
            isolated(&s.isolate());
            module(&s.module("m")?);
            calc.get(s)
        })?;
        let first_step = note("first step");
        s.output_async_with("later", always(), move |s| {
            first_step(s);
            Ok(async { Ok(()) })
        })
    });
    let mut client = Client::connect(app).await;
    client.call("ask", ()).await.unwrap();
    let mut lines = log.take();
    lines.sort();
    assert_eq!(
        lines,
        [
            "calc: None",
            "effect: None",
            r#"first step: Some("later")"#,
            "handler: None",
            r#"isolated: Some("out")"#,
            r#"module: Some("out")"#,
            r#"output: Some("out")"#,
            "start: None",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn asking_for_a_current_output_that_is_none_fails_with_an_error_that_tells_what_to_do() {
    let mut client = idle().await;
    let text = run(&mut client, |s| {
        let interrupt = s.current_output().map_err(Interrupt::from).unwrap_err();
        let error =
            interrupt.failure().and_then(|failure| failure.downcast_ref::<NoCurrentOutput>());
        Ok(error.map(ToString::to_string))
    })
    .await;
    assert!(text.unwrap().contains("client_data().output(id)"));
}

// spec: I12 I13
#[tokio::test(start_paused = true)]
async fn what_is_known_of_an_output_goes_with_its_module() {
    let mut client = idle().await;
    client.set(".clientdata_output_m-plot_width", 100).flush().await;
    run(&mut client, |s| {
        let m = s.module("m")?;
        let width = m.client_data().output("plot")?.width();
        assert_eq!(width.get(s).ok(), Some(100.0));
        m.destroy();
        assert!(matches!(width.get(s), Err(Interrupt::Destroyed(_))));
        assert!(!s.module("m")?.client_data().output("plot")?.width().is_set(s));
        Ok(())
    })
    .await;
}
