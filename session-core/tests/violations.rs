//! Bad input and bad apps: the documented answer, for that session alone, and nothing left behind. What stands after
//! `fault` numbers a case of that kind, as what stands after `spec` numbers a statement of the behaviour specification.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use session_core::link::{
    CloseReason, Connect, Connector, Frame, Link, MemoryReceive, MemoryTransmit, Receive,
    ReceiveExt, TransmitExt, memory,
};
use session_core::testing::{Client, ClientModel};
use session_core::{App, Limits, Result, Server, Session};

/// What a client may send that is no message, before or after `init`, and the code that answers it (decision 29).
const NO_MESSAGES: &[(&str, u16)] = &[
    // Not JSON.
    ("", 1007),
    (" ", 1007),
    ("{nope", 1007),
    ("nope", 1007),
    ("\u{feff}{\"method\":\"update\",\"data\":{}}", 1007),
    ("{\"method\":\"update\",\"data\":{}} x", 1007),
    ("{\"method\":\"update\",\"data\":{\"x\":1}", 1007),
    ("{\"method\":\"update\",\"data\":{\"x\":NaN}}", 1007),
    ("{\"method\":\"update\",\"data\":{\"x\":01}}", 1007),
    ("{\"method\":\"update\",\"data\":{'x':1}}", 1007),
    ("{\"method\":\"update\",\"data\":{\"x\":1,}}", 1007),
    ("{\"method\":\"\\ud800\",\"args\":[],\"tag\":0}", 1007),
    ("{\"method\":\"up\u{1}date\",\"data\":{}}", 1007),
    // JSON, and no object.
    ("5", 1002),
    ("null", 1002),
    ("true", 1002),
    ("\"update\"", 1002),
    ("[1,2]", 1002),
    ("[\"update\",{}]", 1002),
    // An object, and no message.
    ("{}", 1002),
    ("{\"data\":{}}", 1002),
    ("{\"method\":null}", 1002),
    ("{\"method\":5,\"args\":[],\"tag\":1}", 1002),
    ("{\"method\":[1],\"args\":[],\"tag\":1}", 1002),
    ("{\"method\":\"init\"}", 1002),
    ("{\"method\":\"init\",\"data\":null}", 1002),
    ("{\"method\":\"update\"}", 1002),
    ("{\"method\":\"update\",\"data\":5}", 1002),
    ("{\"method\":\"update\",\"data\":[]}", 1002),
    ("{\"method\":\"update\",\"data\":{},\"data\":{}}", 1002),
    ("{\"method\":\"foo\"}", 1002),
    ("{\"method\":\"foo\",\"tag\":1}", 1002),
    ("{\"method\":\"foo\",\"args\":[]}", 1002),
    ("{\"method\":\"foo\",\"args\":[],\"tag\":[1]}", 1002),
    ("{\"method\":\"foo\",\"args\":[],\"tag\":{}}", 1002),
    // A key that is no text.
    ("{\"method\":\"update\",\"data\":{\"\\ud800\":1}}", 1002),
];

/// An app of everything: input `n`, output `out`, and handlers.
fn app() -> App {
    App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output("out", move |s| n.get(s))?;
        s.set_message_handler("echo", |_, args: Json| Ok(args))?;
        s.on_ended(|_| Ok(()));
        s.effect(move |s| s.invalidate_later(Duration::from_secs(1)));
        s.module("m")?.output_async("out", |_| Ok(std::future::pending::<Result<i64>>()))
    })
}

async fn running() -> Client {
    let mut client = Client::connect(app()).await;
    client.set("n", 1).show("out").show("m-out").flush().await;
    assert_eq!(client.output("out"), Ok(1));
    client
}

/// Panics unless the session ended with `code` and nothing of it is left.
#[track_caller]
fn assert_ended(client: &Client, code: u16, what: &str) {
    assert_eq!(client.close_code(), Some(code), "{what}");
    let counts = client.counts();
    let left = [
        counts.calcs,
        counts.effects,
        counts.inputs,
        counts.outputs,
        counts.handlers,
        counts.callbacks,
        counts.tasks,
        counts.timers,
        counts.modules,
    ];
    assert_eq!((left, counts.scopes), ([0; 9], 1), "{what}: {counts:?}");
}

// spec: G5 (decision 29)
// fault: J1 J5 J6
#[tokio::test(start_paused = true)]
async fn what_is_no_message_ends_the_session_with_the_code_that_says_why() {
    for (text, code) in NO_MESSAGES {
        let mut client = running().await;
        client.frames();
        client.send(text).await;
        assert_ended(&client, *code, text);
        assert!(!client.end_reason().unwrap().text().is_empty(), "{text}: no reason given");
        assert_eq!(client.frames(), [json!(null); 0], "{text}: something was said");
    }
}

// spec: G3 G5 (decision 29)
// fault: J6
#[tokio::test(start_paused = true)]
async fn before_init_the_same_holds_and_only_init_is_taken() {
    let others = [
        ("{\"method\":\"update\",\"data\":{\"a\":1}}", 1002),
        ("{\"method\":\"echo\",\"args\":[],\"tag\":1}", 1002),
        ("{\"method\":\"nosuch\",\"args\":[],\"tag\":1}", 1002),
    ];
    for (text, code) in NO_MESSAGES.iter().chain(&others) {
        let mut client = Client::open(app(), Limits::default());
        client.send(text).await;
        assert_ended(&client, *code, text);
    }
}

// spec: G3 (decision 29)
#[tokio::test(start_paused = true)]
async fn a_second_init_ends_the_session_and_changes_nothing_before() {
    let mut client = running().await;
    client.send(r#"{"method":"init","data":{"n":2}}"#).await;
    assert_ended(&client, 1002, "a second init");
    assert_eq!(client.output("out"), Ok(1));
}

// fault: J6
#[tokio::test(start_paused = true)]
async fn keys_of_a_message_that_nobody_knows_are_ignored() {
    let mut client = running().await;
    client.send(r#"{"x":{"y":[1]},"method":"update","data":{"n":2},"tag":[],"args":5}"#).await;
    assert_eq!(client.output("out"), Ok(2));
    client.send(r#"{"method":"init","args":[],"tag":1}"#).await;
    assert_ended(&client, 1002, "init is no request");
}

// spec: G4 J2
// fault: J6
#[tokio::test(start_paused = true)]
async fn an_unknown_method_with_args_and_tag_is_an_error_response() {
    let mut client = running().await;
    client.send(r#"{"method":"foo","args":[],"tag":1}"#).await;
    client.send(r#"{"method":"","args":null,"tag":1}"#).await;
    let responses = client.model().responses();
    let unknown = |method: &str| (json!(1), Err(format!("Unknown method: {method}")));
    assert_eq!(responses, [unknown("foo"), unknown("")]);
    assert_eq!(client.close_code(), None);
}

// fault: J6
#[tokio::test(start_paused = true)]
async fn a_tag_used_twice_is_answered_twice() {
    let mut client = running().await;
    for _ in 0..2 {
        client.send(r#"{"method":"echo","args":[1],"tag":-7}"#).await;
    }
    let answer = (json!(-7), Ok(json!([1])));
    assert_eq!(client.model().responses(), [answer.clone(), answer]);
}

// fault: J6
#[tokio::test(start_paused = true)]
async fn a_tag_of_more_than_256_bytes_ends_the_session() {
    for (length, code) in [(254, None), (255, Some(1002))] {
        let mut client = running().await;
        let tag = "x".repeat(length);
        client.send(&format!(r#"{{"method":"echo","args":[],"tag":"{tag}"}}"#)).await;
        assert_eq!(client.close_code(), code, "{length}");
    }
}

// fault: J2
#[tokio::test(start_paused = true)]
async fn a_message_nested_ten_thousand_deep_harms_nobody() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let mut client = running().await;
    client.send(&format!(r#"{{"method":"update","data":{{"n":{deep},"w":1}}}}"#)).await;
    assert_eq!((client.output("out"), client.close_code()), (Ok(1), None), "dropped");
    client.send(&format!(r#"{{"method":"echo","args":{deep},"tag":1}}"#)).await;
    let answer = client.model().responses()[0].1.clone();
    assert!(answer.unwrap_err().starts_with("the arguments do not fit"));
    client.send(&format!(r#"{{"x":{deep},"method":"update","data":{{"n":2}}}}"#)).await;
    assert_eq!(client.output("out"), Ok(2));
    client.send(&deep).await;
    assert_ended(&client, 1002, "no object");
    let mut client = running().await;
    client.send(&"[".repeat(200_000)).await;
    assert_ended(&client, 1007, "no JSON");
    let mut client = running().await;
    client.send(&"{\"a\":".repeat(100_000)).await;
    assert_ended(&client, 1007, "no JSON");
}

// fault: J4
#[tokio::test(start_paused = true)]
async fn odd_keys_and_a_key_of_half_a_mebibyte_are_handled() {
    let mut client = running().await;
    let before = client.counts();
    let long = "k".repeat(512 * 1024);
    client.send(&format!(r#"{{"method":"update","data":{{"{long}":1}}}}"#)).await;
    assert_eq!(client.counts(), before, "dropped");
    client.send(r#"{"method":"update","data":{"":1,"__proto__":{"a":1},"n":1,"n":2}}"#).await;
    assert_eq!((client.output("out"), client.close_code()), (Ok(2), None));
    assert_eq!(client.counts().inputs, before.inputs + 2);
}

// fault: J5
#[tokio::test(start_paused = true)]
async fn a_value_with_a_lone_surrogate_cannot_be_read_as_text() {
    let app = App::new(|s| {
        let text = s.input::<String>("text")?;
        s.output("out", move |s| text.get(s))?;
        s.set_message_handler("echo", |_, (text,): (String,)| Ok(text))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.show("out").flush().await;
    client.send(r#"{"method":"update","data":{"text":"\ud800"}}"#).await;
    assert!(client.output::<String>("out").is_err());
    client.send(r#"{"method":"echo","args":["\udfff"],"tag":1}"#).await;
    assert!(client.model().responses()[0].1.is_err());
    client.send(r#"{"method":"update","data":{"text":"\ud83d\ude00"}}"#).await;
    assert_eq!(client.output("out"), Ok("😀".to_owned()));
}

// spec: decision 29
// fault: J4
#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_ends_the_session_with_1009() {
    let mut limits = Limits::default();
    limits.message_bytes = 1000;
    let update = |n: usize| {
        let head = r#"{"method":"update","data":{"x":""#;
        format!("{head}{}\"}}}}", "x".repeat(n - head.len() - 3))
    };
    let mut client = Client::connect_with(app(), limits).await;
    client.send(&update(1000)).await;
    assert_eq!(client.close_code(), None);
    client.send(&update(1001)).await;
    assert_ended(&client, 1009, "one byte more");
    let mut client = Client::connect(app()).await;
    client.send_frame(Frame::Binary(vec![0; 1024 * 1024 + 1].into())).await;
    assert_ended(&client, 1009, "binary");
}

// fault: J8
#[tokio::test(start_paused = true)]
async fn a_flood_of_input_names_ends_with_1008() {
    let mut client = running().await;
    let mut sent = 0;
    while client.close_code().is_none() {
        assert!(sent < 1_000_000, "there is no end to it");
        for _ in 0..1000 {
            client.set(&format!("x{sent}"), 0);
            sent += 1;
        }
        client.flush().await;
    }
    assert_ended(&client, 1008, "ten thousand inputs");
    assert!(sent <= 10_000, "{sent}");
}

// fault: J7
#[tokio::test(start_paused = true)]
async fn keys_with_a_reserved_prefix_are_just_keys() {
    let mut client = running().await;
    client
        .set(".clientdata_output__hidden", true)
        .set(".clientdata_output_nosuch_hidden", true)
        .set(".clientdata_output_m-out_hidden:shiny.action", true)
        .set("..root", 1)
        .set(".clientdata_output_out_hidden:shiny.number", true)
        .flush()
        .await;
    client.set("n", 2).flush().await;
    assert_eq!((client.output("out"), client.close_code()), (Ok(1), None), "hidden");
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_end_is_ignored() {
    let mut client = running().await;
    client.send("").await;
    client.frames();
    client.send(r#"{"method":"echo","args":[],"tag":1}"#).await;
    client.send("[").await;
    assert_ended(&client, 1007, "the first reason stands");
    assert_eq!(client.frames(), [json!(null); 0]);
}

// ---------------------------------------------------------------- one server, several sessions

/// A client of a server, over a link in memory.
struct Linked {
    receive: MemoryReceive,
    transmit: MemoryTransmit,
    model: ClientModel,
}

impl Linked {
    async fn open(connector: &Connector) -> Self {
        let (receive, transmit) = connector.link().await.unwrap().split();
        Self { receive, transmit, model: ClientModel::default() }
    }

    async fn send(&mut self, text: &str) {
        self.transmit.send(Frame::Text(text.to_owned().into())).await.unwrap();
    }

    /// Takes what comes until the output shows `n`.
    async fn shows(&mut self, n: i64) {
        while self.model.shows("out") != Some(Ok(&json!(n))) {
            let Ok(Some(Frame::Text(text))) = self.receive.receive().await else {
                panic!("the session ended: {:?}", self.receive.close_reason());
            };
            self.model.take(text.as_str()).unwrap();
        }
    }

    async fn ends(&mut self) -> CloseReason {
        while let Some(frame) = self.receive.receive().await.unwrap() {
            let Frame::Text(text) = frame else { continue };
            self.model.take(text.as_str()).unwrap();
        }
        self.receive.close_reason().unwrap().clone()
    }
}

fn serve(app: App) -> Connector {
    let (connector, listener) = memory(1 << 20);
    tokio::spawn(Server::new(app).serve(listener, std::future::pending()));
    connector
}

const INIT: &str = r#"{"method":"init","data":{"n":0,".clientdata_output_out_hidden":false}}"#;

// spec: E3 (decisions 23, 29)
#[tokio::test(start_paused = true)]
async fn a_client_that_breaks_the_protocol_is_told_so_and_nobody_else_notices() {
    let connector = serve(app());
    let mut other = Linked::open(&connector).await;
    other.send(INIT).await;
    other.shows(0).await;
    for (at, (text, code)) in (1..).zip(NO_MESSAGES) {
        let mut bad = Linked::open(&connector).await;
        bad.send(INIT).await;
        bad.send(text).await;
        let reason = bad.ends().await;
        assert_eq!(reason.code().get(), *code, "{text}");
        assert!(!reason.text().is_empty(), "{text}");
        other.send(&format!(r#"{{"method":"update","data":{{"n":{at}}}}}"#)).await;
        other.shows(at).await;
    }
}

/// An app whose sessions go wrong as the input `how` says, and show the input `n`.
fn goes_wrong() -> App {
    App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output("out", move |s| n.get(s))?;
        let how = s.input::<String>("how")?;
        let (a, b) = (s.value(0_u64), s.value(0_u64));
        s.on_event(how, move |s, how| {
            match &*how {
                "loop" => {
                    for (from, to) in [(a, b), (b, a)] {
                        s.effect(move |s| {
                            let next = from.get(s)?.wrapping_add(1);
                            to.set(s, next).map(drop)
                        });
                    }
                }
                "fail" => Err(std::fmt::Error)?,
                "panic" => panic!("secret"),
                "flush" => drop(s.on_flush(|_| Err(std::fmt::Error.into()))),
                _ => {}
            }
            Ok(())
        });
        Ok(())
    })
}

// spec: C22 G17 (decisions 11, 13, 15, 23)
// fault: R2
#[tokio::test(start_paused = true)]
async fn an_app_that_goes_wrong_ends_that_session_alone_with_1011() {
    let connector = serve(goes_wrong());
    let mut other = Linked::open(&connector).await;
    other.send(INIT).await;
    other.shows(0).await;
    for (at, how) in (1..).zip(["loop", "fail", "panic", "flush"]) {
        let mut bad = Linked::open(&connector).await;
        bad.send(INIT).await;
        bad.shows(0).await;
        bad.send(&format!(r#"{{"method":"update","data":{{"how":"{how}"}}}}"#)).await;
        let reason = bad.ends().await;
        assert_eq!((reason.code().get(), reason.text()), (1011, "the app failed"), "{how}");
        other.send(&format!(r#"{{"method":"update","data":{{"n":{at}}}}}"#)).await;
        other.shows(at).await;
    }
}

// spec: decision 29
#[tokio::test(start_paused = true)]
async fn a_client_that_never_says_init_is_closed_with_1008() {
    let connector = serve(app());
    let mut silent = Linked::open(&connector).await;
    let began = tokio::time::Instant::now();
    let reason = silent.ends().await;
    assert_eq!(reason.code().get(), 1008);
    assert_eq!(began.elapsed(), Limits::default().init_timeout);
}

// ---------------------------------------------------------------- the life of a session

// spec: G20 (decision 16)
// fault: R8
#[tokio::test(start_paused = true)]
async fn callbacks_of_the_end_that_fail_panic_or_take_for_ever_hold_nobody_up() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = log.clone();
    let app = App::new(move |s| {
        let say = {
            let seen = seen.clone();
            move |line: &'static str| seen.lock().unwrap().push(line)
        };
        let [a, b, c, d] = [say.clone(), say.clone(), say.clone(), say];
        s.on_ended(|_| Err(std::fmt::Error.into()));
        s.on_ended(|_| panic!("secret"));
        s.on_ended_async(|_| Ok(std::future::pending::<Result<()>>()));
        s.on_ended(move |s| {
            a("ended");
            s.on_ended(move |_| {
                b("registered too late");
                Ok(())
            });
            s.close();
            Ok(())
        });
        s.on_destroy(move |_| {
            c("destroyed");
            panic!("secret");
        });
        s.module("m")?.on_destroy(move |_| {
            d("module destroyed");
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.disconnect().await;
    assert_eq!(*log.lock().unwrap(), ["ended", "module destroyed", "destroyed"]);
    assert_ended(&client, 1000, "the client left");
}

// spec: E10
// fault: R11
#[tokio::test(start_paused = true)]
async fn timers_and_futures_of_a_session_that_ended_are_gone() {
    let mut client = running().await;
    assert_eq!((client.counts().timers, client.counts().tasks), (1, 1));
    client.disconnect().await;
    assert_ended(&client, 1000, "the client left");
}

/// Makes the module `m` with one of everything in it.
fn fill(s: &Session<'_>) -> Result<()> {
    let m = s.module("m")?;
    let inner = m.module("inner")?;
    let (x, value) = (m.input::<i64>("x")?, inner.value(1));
    let calc = m.calc(move |s| Ok(value.get(s)? + x.get(s).unwrap_or(0)));
    m.effect(move |s| {
        calc.get(s)?;
        s.invalidate_later(Duration::from_secs(1))
    });
    m.output("out", move |s| calc.get(s))?;
    inner.output_async("out", |_| Ok(std::future::pending::<Result<i64>>()))?;
    m.set_message_handler("f", |_, ()| Ok(1))?;
    m.dynamic_route("r", |_, _| Ok("here"))?;
    m.on_every_flush(|_| Ok(()));
    m.on_ended(|_| Ok(()));
    m.on_destroy(|_| Ok(()));
    Ok(())
}

// spec: H12 I41
// fault: R10
#[tokio::test(start_paused = true)]
async fn ten_thousand_modules_come_and_go_and_nothing_stays() {
    let app = App::new(|s| {
        s.set_message_handler("churn", |s, (n,): (u32,)| {
            for _ in 0..n {
                fill(s)?;
                s.destroy_module("m")?;
            }
            Ok(())
        })?;
        s.set_message_handler("open", |s, ()| fill(s))?;
        s.set_message_handler("shut", |s, ()| s.destroy_module("m"))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.call("churn", (10_000,)).await.unwrap();
    client.assert_no_leaks();
    // And with flushes, runs and a client between.
    for _ in 0..100 {
        client.call("open", ()).await.unwrap();
        client.show("m-out").show("m-inner-out").set("m-x", 1).flush().await;
        assert_eq!(client.output("m-out"), Ok(2));
        assert_eq!(client.counts().tasks, 1);
        client.call("shut", ()).await.unwrap();
    }
    client.hide("m-out").hide("m-inner-out").flush().await;
    client.assert_no_leaks();
    assert_eq!((client.counts().inputs, client.counts().tasks), (0, 0));
}

// spec: C19 (decision 21)
// fault: R4
#[tokio::test(start_paused = true)]
async fn a_scope_may_be_destroyed_from_wherever_its_code_runs() {
    for from in ["effect", "on_flush", "on_flushed", "output", "calc", "timer"] {
        let app = App::new(move |s| {
            fill(s)?;
            let m = s.module("m")?;
            let go = s.input::<bool>("go")?;
            let destroy = move |s: &Session<'_>| {
                if go.get(s)? {
                    s.destroy();
                }
                Ok(())
            };
            match from {
                "effect" => drop(m.effect(destroy)),
                "on_flush" => drop(m.on_every_flush(destroy)),
                "on_flushed" => drop(m.on_every_flushed(destroy)),
                "output" => m.output("dies", destroy)?,
                "calc" => {
                    let calc = m.calc(destroy);
                    m.effect(move |s| calc.get(s));
                }
                _ => drop(m.effect(move |s| {
                    s.invalidate_later(Duration::from_millis(10))?;
                    destroy(&s.isolate())
                })),
            }
            Ok(())
        });
        let mut client = Client::open(app, Limits::default());
        client.set("go", false).show("m-out").show("m-dies").init().await;
        assert_eq!(client.counts().modules, 2, "{from}");
        client.set("go", true).flush().await;
        client.advance(Duration::from_millis(10)).await;
        client.settle().await;
        assert_eq!(client.close_code(), None, "{from}");
        let counts = client.counts();
        assert_eq!(
            (counts.modules, counts.scopes, counts.tasks, counts.timers),
            (0, 1, 0, 0),
            "{from}"
        );
        assert_eq!((counts.outputs, counts.effects, counts.handlers), (0, 0, 0), "{from}");
        client.set("go", false).flush().await;
        assert_eq!(client.close_code(), None, "{from}");
    }
}
