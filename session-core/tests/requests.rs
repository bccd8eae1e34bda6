//! The laws of message handlers (group J): one answer per request, whatever the handler does.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};
use session_core::link::Frame;
use session_core::testing::Client;
use session_core::{App, Interrupt, Limits, Result, Session, safe};
use tokio::sync::oneshot;

const GENERIC: &str =
    "An error has occurred. Check your logs or contact the app author for clarification.";

#[derive(Debug, thiserror::Error)]
#[error("boom")]
struct Boom;

async fn connect(start: impl Fn(&Session<'_>) -> Result<()> + Send + Sync + 'static) -> Client {
    Client::connect(App::new(start)).await
}

/// A client of an app with one handler, `f`.
async fn with_handler<T, F>(handler: F) -> Client
where
    T: serde::Serialize,
    F: Fn(&Session<'_>, Json) -> Result<T> + Send + Sync + Clone + 'static,
{
    connect(move |s| s.set_message_handler("f", handler.clone()).map(drop)).await
}

#[allow(clippy::panic, reason = "that is what is tested")]
fn panics<T>() -> Result<T> {
    panic!("secret")
}

// spec: J1
#[tokio::test(start_paused = true)]
async fn a_request_gets_one_response_with_its_tag_and_the_value() {
    let mut client = with_handler(|_, args| Ok(json!({ "args": args }))).await;
    client.frames();
    client.send(r#"{"method":"f","args":[1,"a",{"k":[1,2]}],"tag":17}"#).await;
    let value = json!({ "args": [1, "a", { "k": [1, 2] }] });
    assert_eq!(client.frames(), [json!({ "response": { "tag": 17, "value": value } })]);
}

// spec: J1
#[tokio::test(start_paused = true)]
async fn arguments_are_passed_by_position() {
    let mut client = connect(|s| {
        s.set_message_handler("none", |_, ()| Ok("none"))?;
        s.set_message_handler("one", |_, (a,): (i64,)| Ok(a))?;
        s.set_message_handler("two", |_, (a, b): (i64, String)| Ok(format!("{a}{b}")))?;
        s.set_message_handler("any", |_, args: Vec<Json>| Ok(args.len()))?;
        Ok(())
    })
    .await;
    assert_eq!(client.call("none", ()).await, Ok(json!("none")));
    assert_eq!(client.call("one", (1,)).await, Ok(json!(1)));
    assert_eq!(client.call("two", (1, "x")).await, Ok(json!("1x")));
    assert_eq!(client.call("any", (1, "x", [()])).await, Ok(json!(3)));
    assert_eq!(client.call("any", ()).await, Ok(json!(0)));
}

#[tokio::test(start_paused = true)]
async fn a_tag_comes_back_as_it_was_sent() {
    let mut client = with_handler(|_, _| Ok(1)).await;
    for tag in ["0", "-1", "1.50", "1e3", "null", "true", "\"x\"", "\"\\u00e9\"", "\"\""] {
        client.frames();
        client.send(&format!(r#"{{"method":"f","args":[],"tag":{tag}}}"#)).await;
        let tag: Json = serde_json::from_str(tag).unwrap();
        assert_eq!(client.frames(), [json!({ "response": { "tag": tag, "value": 1 } })]);
    }
}

// spec: J2
#[tokio::test(start_paused = true)]
async fn an_unknown_method_is_named_in_the_error_and_the_session_lives() {
    let mut client = with_handler(|_, _| Ok(1)).await;
    assert_eq!(client.call("no\"such", ()).await, Err("Unknown method: no\"such".into()));
    assert_eq!(client.call("f", ()).await, Ok(json!(1)));
}

// spec: J3
#[tokio::test(start_paused = true)]
async fn an_error_of_a_handler_is_an_error_response_and_the_next_request_works() {
    let app = App::new(|s| {
        s.set_message_handler(
            "f",
            |_, (fails,): (bool,)| {
                if fails { Err(Boom.into()) } else { Ok(1) }
            },
        )?;
        Ok(())
    });
    let mut client = Client::connect(app.sanitize_errors(false)).await;
    assert_eq!(client.call("f", (true,)).await, Err("boom".into()));
    assert_eq!(client.call("f", (false,)).await, Ok(json!(1)));
}

// spec: J4 (decision 31)
#[tokio::test(start_paused = true)]
async fn the_text_of_an_error_is_generic_unless_it_is_safe() {
    let mut client = with_handler(|_, args| -> Result<()> {
        Err(if args == json!(["safe"]) { safe("told to all").into() } else { Boom.into() })
    })
    .await;
    assert_eq!(client.call("f", ()).await, Err(GENERIC.into()));
    assert_eq!(client.call("f", ("safe",)).await, Err("told to all".into()));
}

// spec: J5 (decision 31)
#[tokio::test(start_paused = true)]
async fn a_quiet_stop_is_an_error_without_a_text() {
    for stop in [Interrupt::Silent, Interrupt::Cancel, Interrupt::InProgress] {
        let mut client = with_handler(move |_, _| Err::<(), _>(stop.clone())).await;
        client.frames();
        client.send(r#"{"method":"f","args":[],"tag":1}"#).await;
        assert_eq!(client.frames(), [json!({ "response": { "tag": 1, "error": "" } })]);
    }
}

// spec: J6
#[tokio::test(start_paused = true)]
async fn arguments_that_do_not_fit_are_an_error_response() {
    let mut client =
        connect(|s| s.set_message_handler("f", |_, (n,): (i64,)| Ok(n)).map(drop)).await;
    for args in [json!([]), json!([1, 2]), json!(["x"]), json!([null]), json!([1.5])] {
        let error = client.call("f", &args).await.unwrap_err();
        assert!(error.starts_with("the arguments do not fit"), "{args}: {error}");
    }
    for args in [json!({ "n": 1 }), json!("x"), json!(1), json!(true)] {
        let error = client.call("f", &args).await.unwrap_err();
        assert_eq!(error, "the arguments of a request are a list", "{args}");
    }
    assert_eq!(client.call("f", (1,)).await, Ok(json!(1)));
}

// spec: J7
#[tokio::test(start_paused = true)]
async fn a_handler_may_read_and_depends_on_nothing() {
    let mut client = connect(|s| {
        let n = s.input::<i64>("n")?;
        let runs = s.value(0);
        let double = s.calc(move |s| Ok(n.get(s)? * 2));
        s.set_message_handler("f", move |s, ()| {
            assert!(!s.is_tracking());
            runs.update(s, |runs| *runs += 1)?;
            Ok((n.get(s)?, double.get(s)?, runs.get(s)?))
        })?;
        Ok(())
    })
    .await;
    client.set("n", 4).flush().await;
    assert_eq!(client.call("f", ()).await, Ok(json!([4, 8, 1])));
    client.set("n", 5).flush().await;
    assert_eq!(client.call("f", ()).await, Ok(json!([5, 10, 2])), "it ran for requests alone");
}

// spec: G8
#[tokio::test(start_paused = true)]
async fn what_a_handler_sets_is_flushed_after_its_response() {
    let mut client = connect(|s| {
        let value = s.value(0);
        s.output("out", move |s| value.get(s))?;
        s.set_message_handler("set", move |s, (n,): (i64,)| value.set(s, n))?;
        Ok(())
    })
    .await;
    client.show("out").flush().await;
    client.frames();
    client.ask("set", (7,)).await;
    assert_eq!(client.output("out"), Ok(7));
    let frames = client.frames();
    let at = |key: &str| frames.iter().position(|frame| frame.get(key).is_some()).unwrap();
    assert!(at("response") < at("values"), "{frames:#?}");
}

// spec: J8
#[tokio::test(start_paused = true)]
async fn a_handler_runs_in_the_scope_that_registered_it() {
    let mut client = connect(|s| {
        s.module("a")?
            .module("b")?
            .set_message_handler("f", |s, ()| Ok((s.namespace().to_string(), s.ns("x")?)))?;
        Ok(())
    })
    .await;
    assert_eq!(client.call("a-b-f", ()).await, Ok(json!(["a-b", "a-b-x"])));
}

// spec: J9
#[tokio::test(start_paused = true)]
async fn a_handler_of_a_module_is_asked_for_by_its_whole_name() {
    let mut client = connect(|s| {
        let m = s.module("m")?;
        assert_eq!(m.set_message_handler("f", |_, ()| Ok("m"))?, "m-f");
        assert_eq!(
            s.set_message_handler("any name at all", |_, ()| Ok("root"))?,
            "any name at all"
        );
        assert!(m.set_message_handler("no id", |_, ()| Ok(())).is_err());
        Ok(())
    })
    .await;
    assert_eq!(client.call("m-f", ()).await, Ok(json!("m")));
    assert_eq!(client.call("f", ()).await, Err("Unknown method: f".into()));
    assert_eq!(client.call("any name at all", ()).await, Ok(json!("root")));
    assert_eq!(client.close_code(), None);
}

// spec: J10
#[tokio::test(start_paused = true)]
async fn a_removed_handler_is_unknown_and_removing_gives_the_key_in_any_case() {
    let mut client = connect(|s| {
        let m = s.module("m")?;
        m.set_message_handler("f", |_, ()| Ok(1))?;
        s.set_message_handler("remove", move |s, ()| {
            let m = s.module("m")?;
            Ok((m.remove_message_handler("f")?, m.remove_message_handler("never")?))
        })?;
        Ok(())
    })
    .await;
    assert_eq!(client.call("m-f", ()).await, Ok(json!(1)));
    assert_eq!(client.call("remove", ()).await, Ok(json!(["m-f", "m-never"])));
    assert_eq!(client.call("m-f", ()).await, Err("Unknown method: m-f".into()));
    assert_eq!(client.call("remove", ()).await, Ok(json!(["m-f", "m-never"])));
}

// spec: J11
#[tokio::test(start_paused = true)]
async fn of_two_handlers_of_one_name_the_last_answers() {
    let mut client = connect(|s| {
        s.set_message_handler("f", |_, ()| Ok("first"))?;
        s.set_message_handler("f", |_, ()| Ok("second"))?;
        Ok(())
    })
    .await;
    assert_eq!(client.call("f", ()).await, Ok(json!("second")));
    assert_eq!(client.counts().handlers, 1);
}

// fault: J11
#[tokio::test(start_paused = true)]
async fn a_handler_may_replace_or_remove_itself() {
    let mut client = connect(|s| {
        s.set_message_handler("replace", |s, ()| {
            s.set_message_handler("replace", |_, ()| Ok("new"))?;
            Ok("old")
        })?;
        s.set_message_handler("remove", |s, ()| s.remove_message_handler("remove"))?;
        Ok(())
    })
    .await;
    assert_eq!(client.call("replace", ()).await, Ok(json!("old")));
    assert_eq!(client.call("replace", ()).await, Ok(json!("new")));
    assert_eq!(client.call("remove", ()).await, Ok(json!("remove")));
    assert_eq!(client.call("remove", ()).await, Err("Unknown method: remove".into()));
}

// spec: J12
#[tokio::test(start_paused = true)]
async fn a_null_result_is_an_explicit_null() {
    let mut client = with_handler(|_, _| Ok(())).await;
    client.frames();
    client.send(r#"{"method":"f","args":[],"tag":3}"#).await;
    assert_eq!(client.frames(), [json!({ "response": { "tag": 3, "value": null } })]);
}

// spec: J13 (decision 26)
#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_serialised_is_an_error_response() {
    let mut client = with_handler(|_, _| Ok(BTreeMap::from([(vec![1], 1)]))).await;
    assert_eq!(client.call("f", ()).await, Err(GENERIC.into()));
    let mut client = with_handler(|_, _| Ok([f64::NAN, 1.0])).await;
    assert_eq!(client.call("f", ()).await, Ok(json!([null, 1.0])));
}

// spec: decision 15
// fault: J10
#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_is_an_error_response_and_works_again() {
    let mut client = connect(|s| {
        s.set_message_handler("f", |_, (fails,): (bool,)| if fails { panics() } else { Ok(1) })?;
        s.set_message_handler_async("g", |_, (step,): (i64,)| {
            if step == 1 {
                panics::<()>()?;
            }
            Ok(async move { if step == 2 { panics() } else { Ok(step) } })
        })?;
        Ok(())
    })
    .await;
    assert_eq!(client.call("f", (true,)).await, Err(GENERIC.into()));
    assert_eq!(client.call("f", (false,)).await, Ok(json!(1)));
    assert_eq!(client.call("g", (1,)).await, Err(GENERIC.into()));
    assert_eq!(client.call("g", (2,)).await, Err(GENERIC.into()));
    assert_eq!(client.call("g", (3,)).await, Ok(json!(3)));
}

// fault: J10
#[tokio::test(start_paused = true)]
async fn a_result_larger_than_the_whole_budget_is_an_error_response() {
    let mut limits = Limits::default();
    limits.outbound_bytes = 10_000;
    let app = App::new(|s| {
        s.set_message_handler("f", |s, (n,): (usize,)| {
            let huge = "x".repeat(n);
            assert!(s.send_custom_message("kind", &huge).is_err());
            assert!(s.send_binary_message("kind", huge.as_bytes()).is_err());
            Ok(huge)
        })?;
        Ok(())
    });
    let mut client = Client::connect_with(app, limits).await;
    assert_eq!(client.call("f", (10_001,)).await, Err(GENERIC.into()));
    assert_eq!((client.close_code(), client.model().custom().len()), (None, 0));
}

// spec: G23
// fault: J11
#[tokio::test(start_paused = true)]
async fn a_handler_that_closes_the_session_is_not_answered() {
    let mut client = with_handler(|s, _| {
        s.close();
        Ok(1)
    })
    .await;
    assert_eq!(client.call("f", ()).await, Err("the session ended".into()));
    assert_eq!(client.close_code(), Some(1001));
}

// spec: decision 21
// fault: J11
#[tokio::test(start_paused = true)]
async fn a_handler_that_destroys_its_own_scope_answers_and_is_gone() {
    let mut client = connect(|s| {
        let m = s.module("m")?;
        let value = m.value(1);
        m.set_message_handler("f", move |s, ()| {
            let before = value.get(s)?;
            s.destroy();
            Ok((before, value.get(s).is_ok()))
        })?;
        Ok(())
    })
    .await;
    assert_eq!(client.call("m-f", ()).await, Ok(json!([1, false])));
    assert_eq!(client.call("m-f", ()).await, Err("Unknown method: m-f".into()));
    assert_eq!((client.counts().scopes, client.counts().handlers), (1, 0));
}

// spec: I38 (decision 17)
#[tokio::test(start_paused = true)]
async fn after_the_root_was_destroyed_requests_get_an_error_and_the_link_stays() {
    let mut client = with_handler(|s, _| {
        s.destroy();
        Ok(1)
    })
    .await;
    assert_eq!(client.call("f", ()).await, Ok(json!(1)));
    assert_eq!(client.call("f", ()).await, Err("Unknown method: f".into()));
    client.set("n", 1).flush().await;
    assert_eq!(client.close_code(), None);
}

// ---------------------------------------------------------------- asynchronous handlers

type Waiting = Arc<Mutex<Vec<oneshot::Sender<i64>>>>;

/// A client of an app whose handler `slow`, and `m-slow` of a module, wait until the test sends a number.
async fn slow(limits: Limits) -> (Client, Waiting) {
    let waiting = Waiting::default();
    let senders = waiting.clone();
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        s.output("out", move |s| n.get(s))?;
        for scope in [s.root(), s.module("m")?] {
            let senders = senders.clone();
            scope.set_message_handler_async("slow", move |_, ()| {
                let (sender, receiver) = oneshot::channel();
                senders.lock().unwrap().push(sender);
                Ok(async move { Ok(receiver.await?) })
            })?;
        }
        s.set_message_handler("quick", |_, ()| Ok("quick"))?;
        s.set_message_handler("remove", |s, ()| s.remove_message_handler("slow"))?;
        s.set_message_handler("shut", |s, ()| s.destroy_module("m"))?;
        Ok(())
    });
    (Client::connect_with(app, limits).await, waiting)
}

fn answer(waiting: &Waiting, at: usize, n: i64) {
    let sender = waiting.lock().unwrap().remove(at);
    sender.send(n).unwrap();
}

// spec: J14 (decision 5)
#[tokio::test(start_paused = true)]
async fn nothing_waits_for_an_asynchronous_handler() {
    let (mut client, waiting) = slow(Limits::default()).await;
    let tag = client.ask("slow", ()).await;
    assert_eq!(client.call("quick", ()).await, Ok(json!("quick")));
    client.set("n", 5).show("out").flush().await;
    assert_eq!(client.output("out"), Ok(5));
    assert!(client.model().responses().iter().all(|(known, _)| *known != tag));
    answer(&waiting, 0, 1);
    client.settle().await;
    assert_eq!(client.model().responses().last(), Some(&(tag, Ok(json!(1)))));
    assert_eq!(client.counts().tasks, 0);
}

// spec: J14 (decision 5)
#[tokio::test(start_paused = true)]
async fn asynchronous_handlers_answer_in_the_order_in_which_they_are_done() {
    let (mut client, waiting) = slow(Limits::default()).await;
    let first = client.ask("slow", ()).await;
    let second = client.ask("slow", ()).await;
    answer(&waiting, 1, 2);
    client.settle().await;
    answer(&waiting, 0, 1);
    client.settle().await;
    assert_eq!(client.model().responses(), [(second, Ok(json!(2))), (first, Ok(json!(1)))]);
}

// spec: decision 25
#[tokio::test(start_paused = true)]
async fn a_response_comes_after_what_earlier_messages_caused() {
    let (mut client, _waiting) = slow(Limits::default()).await;
    client.frames();
    client.stall();
    client.set("n", 5).show("out").flush().await;
    client.ask("quick", ()).await;
    client.unstall();
    let frames = client.frames();
    assert!(frames.last().unwrap().get("response").is_some(), "{frames:#?}");
}

// fault: J10
#[tokio::test(start_paused = true)]
async fn handlers_that_never_return_are_limited_in_number_and_others_live() {
    let mut limits = Limits::default();
    limits.requests = 2;
    let (mut client, waiting) = slow(limits).await;
    client.ask("slow", ()).await;
    client.ask("slow", ()).await;
    let refused = Err("too many requests are still at work".into());
    assert_eq!(client.call("slow", ()).await, refused);
    assert_eq!(waiting.lock().unwrap().len(), 2, "the third was not called");
    answer(&waiting, 0, 1);
    client.settle().await;
    assert_eq!(client.call("quick", ()).await, Ok(json!("quick")));
    client.ask("slow", ()).await;
    assert_eq!(client.counts().tasks, 2);
}

// fault: J11
#[tokio::test(start_paused = true)]
async fn a_handler_removed_while_its_future_runs_still_answers_that_request() {
    let (mut client, waiting) = slow(Limits::default()).await;
    let tag = client.ask("slow", ()).await;
    client.call("remove", ()).await.unwrap();
    assert_eq!(client.call("slow", ()).await, Err("Unknown method: slow".into()));
    answer(&waiting, 0, 1);
    client.settle().await;
    assert_eq!(client.model().responses().last(), Some(&(tag, Ok(json!(1)))));
}

// spec: I16
// fault: J11
#[tokio::test(start_paused = true)]
async fn a_handler_whose_scope_is_destroyed_while_its_future_runs_answers_with_an_error() {
    let (mut client, waiting) = slow(Limits::default()).await;
    let tag = client.ask("m-slow", ()).await;
    client.call("shut", ()).await.unwrap();
    client.settle().await;
    assert!(waiting.lock().unwrap()[0].is_closed(), "the future is dropped");
    let gone = (tag, Err("the handler was destroyed".to_owned()));
    assert!(client.model().responses().contains(&gone));
    assert_eq!((client.counts().tasks, client.counts().scopes), (0, 1));
}

// spec: decision 21
// fault: J11
#[tokio::test(start_paused = true)]
async fn an_asynchronous_handler_that_destroys_its_own_scope_leaves_nothing() {
    let mut client = connect(|s| {
        s.module("m")?.set_message_handler_async("f", |s, ()| {
            s.destroy();
            Ok(std::future::pending::<Result<()>>())
        })?;
        Ok(())
    })
    .await;
    let tag = client.ask("m-f", ()).await;
    let gone = (tag, Err("the handler was destroyed".to_owned()));
    assert_eq!(client.model().responses(), [gone]);
    let counts = client.counts();
    assert_eq!((counts.tasks, counts.scopes, counts.modules, counts.handlers), (0, 1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_future_sends_through_a_handle_is_flushed() {
    let mut client = connect(|s| {
        let value = s.value(0);
        s.output("out", move |s| value.get(s))?;
        s.set_message_handler_async("f", move |s, (n,): (i64,)| {
            let handle = s.handle();
            Ok(async move { Ok(handle.run(move |s| value.set(s, n).is_ok()).await?) })
        })?;
        Ok(())
    })
    .await;
    client.show("out").flush().await;
    assert_eq!(client.call("f", (3,)).await, Ok(json!(true)));
    assert_eq!(client.output("out"), Ok(3));
}

// ---------------------------------------------------------------- binary frames

/// A request with blobs as the Shiny client sends it.
fn with_blobs(json: &[u8], blobs: &[&[u8]]) -> Frame {
    let mut frame = 0x0102_0202_u32.to_le_bytes().to_vec();
    for block in std::iter::once(&json).chain(blobs) {
        frame.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
        frame.extend_from_slice(block);
    }
    Frame::Binary(frame.into())
}

// spec: decision 30
#[tokio::test(start_paused = true)]
async fn a_request_with_blobs_is_answered() {
    let mut client = with_handler(|_, _| Ok(1)).await;
    client.frames();
    client.send_frame(with_blobs(br#"{"method":"f","args":[],"tag":4}"#, &[b"abc"])).await;
    let error = "this method takes no blobs";
    assert_eq!(client.frames(), [json!({ "response": { "tag": 4, "error": error } })]);
    assert_eq!(client.call("f", ()).await, Ok(json!(1)));
}

// spec: G3 (decision 29)
#[tokio::test(start_paused = true)]
async fn a_request_with_blobs_before_init_ends_the_session() {
    let app = App::new(|s| s.set_message_handler("f", |_, _: Json| Ok(1)).map(drop));
    let mut client = Client::open(app, Limits::default());
    client.frames();
    client.send_frame(with_blobs(br#"{"method":"f","args":[],"tag":4}"#, &[b"abc"])).await;
    assert_eq!(client.close_code(), Some(1002));
    assert_eq!(client.frames(), [json!(null); 0]);
}

// spec: decision 29
// fault: W9
#[tokio::test(start_paused = true)]
async fn a_binary_frame_that_is_no_request_ends_the_session() {
    let update = br#"{"method":"update","data":{}}"#;
    for (frame, code) in [
        (Frame::Binary(b"".as_slice().into()), 1002),
        (Frame::Binary(b"abcdefgh".as_slice().into()), 1002),
        (with_blobs(b"", &[]), 1007),
        (with_blobs(b"\xff", &[]), 1007),
        (with_blobs(b"{nope", &[b"x"]), 1007),
        (with_blobs(update, &[b"x"]), 1002),
    ] {
        let mut client = with_handler(|_, _| Ok(1)).await;
        let debug = format!("{:?}", frame.as_bytes());
        client.send_frame(frame).await;
        assert_eq!(client.close_code(), Some(code), "{debug}");
    }
}
