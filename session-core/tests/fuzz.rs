//! Anything at all, in any order: a session answers with a documented code or lives on, the client never sees an
//! illegal step, and at rest the page shows what a naive recomputation gives.
//!
//! The same cases each time; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` choose others.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value as Json, json};
use session_core::link::Frame;
use session_core::testing::{Client, Counts, OutputState};
use session_core::{
    Action, App, Body, EffectOptions, Interrupt, Limits, OutputOptions, Result, Session, Shared,
    Value, req_in_progress,
};
use tokio::sync::oneshot;

fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1962);
    }
    config
}

fn drive<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}

// ---------------------------------------------------------------- an app that uses everything

/// Futures that wait for the test.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<Vec<oneshot::Sender<bool>>>>);

impl Gate {
    /// Gives `n` once it is let through, or fails.
    fn pass(&self, n: i64) -> impl Future<Output = Result<i64>> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap().push(sender);
        async move {
            match receiver.await? {
                true => Ok(n),
                false => Err(std::fmt::Error.into()),
            }
        }
    }

    /// Lets one of those that wait through; whether there was one.
    fn open(&self, which: usize, succeeds: bool) -> bool {
        let mut waiting = self.0.lock().unwrap();
        waiting.retain(|sender| !sender.is_closed());
        if waiting.is_empty() {
            return false;
        }
        let at = which % waiting.len();
        waiting.remove(at).send(succeeds).is_ok()
    }
}

/// What the test reaches beside the session.
#[derive(Clone)]
struct World {
    gate: Gate,
    shared: Shared<i64>,
    /// A value of the session.
    value: Arc<Mutex<Option<Value<i64>>>>,
}

impl World {
    fn new() -> Self {
        Self { gate: Gate::default(), shared: Shared::new(0), value: Arc::default() }
    }

    fn app(&self) -> App {
        let world = self.clone();
        App::new(move |s| world.start(s)).sanitize_errors(false)
    }

    fn start(&self, s: &Session<'_>) -> Result<()> {
        let a = s.input::<i64>("a")?;
        let v = s.value(0);
        *self.value.lock().unwrap() = Some(v);
        register_sum(s, v)?;
        let even = s.calc_distinct(move |s| Ok(a.get(s)? % 2 == 0));
        s.output("even", move |s| even.get(s))?;
        s.output("mood", move |s| match a.get(s)?.rem_euclid(4) {
            0 => Err(Interrupt::Cancel),
            1 => Err(std::fmt::Error.into()),
            2 => Err(Interrupt::Silent),
            _ => Ok("fine"),
        })?;
        s.output("progress", move |s| {
            let v = v.get(s)?;
            req_in_progress(v % 2 == 0)?;
            Ok(v)
        })?;
        let (shared, gate) = (self.shared.clone(), self.gate.clone());
        s.output("shared", move |s| shared.get(s))?;
        s.output_async("slow", move |s| Ok(gate.pass(a.get(s)?)))?;
        s.output_async("quick", move |s| {
            let a = a.get(s)?;
            Ok(async move { Ok(a) })
        })?;
        let always = OutputOptions::default().suspend_when_hidden(false).priority(5);
        s.output_with("always", always, move |s| a.get(s))?;
        s.output("tick", |s| s.invalidate_later(Duration::from_millis(10)))?;

        // Set after the output ran, in the same flush; and before the flush is sent.
        let (later, flushed) = (s.value(0), s.value(0));
        s.output("later", move |s| later.get(s))?;
        s.output("flushed", move |s| flushed.get(s))?;
        s.effect_with(EffectOptions { priority: -1, ..EffectOptions::default() }, move |s| {
            later.set(s, or_zero(a.get(s))).map(drop)
        });
        s.on_every_flush(move |s| flushed.set(s, or_zero(a.get(s))).map(drop));
        s.on_every_flushed(|_| Ok(()));
        s.on_event(s.input::<Action>("go")?, |s, clicks| {
            s.send_custom_message("clicks", &clicks)?;
            s.send_input_message("go", &json!({ "clicks": clicks }))
        });

        let gate = self.gate.clone();
        s.set_message_handler_async("late", move |_, (n,): (i64,)| Ok(gate.pass(n)))?;
        s.set_message_handler("echo", |_, args: Json| Ok(args))?;
        let world = self.clone();
        s.set_message_handler("open", move |s, (id,): (String,)| world.module(&s.module(&id)?))?;
        s.set_message_handler("shut", |s, (id,): (String,)| s.destroy_module(&id))?;
        s.dynamic_route("route", move |s, _| {
            v.update(s, |v| *v += 2)?;
            Ok("done")
        })?;
        Ok(())
    }

    fn module(&self, m: &Session<'_>) -> Result<()> {
        let a = m.root().input::<i64>("a")?;
        let x = m.input::<i64>("x")?;
        let sum = m.calc(move |s| Ok(a.get(s)? + x.get(s)?));
        m.output("sum", move |s| sum.get(s))?;
        let gate = self.gate.clone();
        m.output_async("slow", move |s| Ok(gate.pass(x.get(s)?)))?;
        m.effect(move |s| {
            s.invalidate_later(Duration::from_millis(7))?;
            s.send_custom_message("beat", &or_zero(x.get(s)))
        });
        m.effect(move |s| {
            if or_zero(x.get(s)) == UNLUCKY {
                s.destroy();
            }
            Ok(())
        });
        let inner = m.module("inner")?;
        inner.output("sum", move |s| sum.get(s))?;
        inner.on_destroy(|s| s.send_custom_message("destroyed", s.namespace().as_str()));
        let gate = self.gate.clone();
        inner.set_message_handler_async("late", move |_, (n,): (i64,)| Ok(gate.pass(n)))?;
        m.set_message_handler("gone", |s, ()| {
            s.destroy();
            Ok(())
        })?;
        m.dynamic_route("route", |_, _| Ok("here"))?;
        m.on_every_flush(|_| Ok(()));
        m.on_ended(|_| Ok(()));
        Ok(())
    }
}

/// Where a failure would end the session: the client may send what is no number.
fn or_zero(n: Result<i64>) -> i64 {
    n.unwrap_or_default()
}

fn register_sum(s: &Session<'_>, v: Value<i64>) -> Result<()> {
    let a = s.input::<i64>("a")?;
    s.output("sum", move |s| Ok(a.get(s)? + v.get(s)?))
}

/// A module destroys itself over it.
const UNLUCKY: i64 = 13;
const MODULES: [&str; 3] = ["m0", "m1", "m2"];
const ROOT: [&str; 11] = [
    "sum", "even", "mood", "progress", "shared", "slow", "quick", "always", "tick", "later",
    "flushed",
];

fn outputs() -> Vec<String> {
    let of_modules = MODULES
        .iter()
        .flat_map(|m| ["sum", "slow", "inner-sum"].map(|output| format!("{m}-{output}")));
    ROOT.iter().map(ToString::to_string).chain(of_modules).collect()
}

// ---------------------------------------------------------------- what happens

#[derive(Debug, Clone)]
enum Act {
    /// The client sets inputs for its next message, or sends it.
    SetA(i64),
    SetX(usize, i64),
    Show(usize, bool),
    Click(u64),
    TaskButton(bool),
    Flush,
    /// It sends one more message that has nothing in it, or something odd.
    Odd(usize),
    /// It asks.
    Late(i64),
    LateInside(usize),
    Echo,
    Gone(usize),
    Ask(bool, usize),
    Fetch,
    /// The app acts, from outside.
    SetV(i64),
    SetShared(i64),
    Module(bool, usize),
    Again,
    Finish(usize, bool),
    Pass(u64),
    /// The link stops to take frames, or goes on.
    Stall(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let module = || 0..MODULES.len();
    prop_oneof![
        4 => (-8_i64..8).prop_map(Act::SetA),
        4 => (module(), prop_oneof![-5_i64..5, Just(UNLUCKY)]).prop_map(|(m, x)| Act::SetX(m, x)),
        8 => (0..outputs().len(), prop::bool::weighted(0.7)).prop_map(|(o, on)| Act::Show(o, on)),
        1 => (0_u64..3).prop_map(Act::Click),
        1 => any::<bool>().prop_map(Act::TaskButton),
        8 => Just(Act::Flush),
        1 => (0..ODDITIES.len()).prop_map(Act::Odd),
        1 => (0_i64..9).prop_map(Act::Late),
        1 => module().prop_map(Act::LateInside),
        1 => Just(Act::Echo),
        1 => module().prop_map(Act::Gone),
        2 => (any::<bool>(), module()).prop_map(|(open, m)| Act::Ask(open, m)),
        1 => Just(Act::Fetch),
        3 => (0_i64..6).prop_map(Act::SetV),
        2 => (0_i64..4).prop_map(Act::SetShared),
        3 => (any::<bool>(), module()).prop_map(|(open, m)| Act::Module(open, m)),
        1 => Just(Act::Again),
        6 => (0_usize..8, prop::bool::weighted(0.8)).prop_map(|(n, ok)| Act::Finish(n, ok)),
        2 => (0_u64..25).prop_map(Act::Pass),
        3 => any::<bool>().prop_map(Act::Stall),
    ]
}

/// Keys and values that a session has to drop or to put up with.
const ODDITIES: [(&str, &str); 9] = [
    ("a:no.such.type", "1"),
    ("a:shiny.number:x", "1"),
    ("a:shiny.action", "null"),
    ("", "1"),
    ("..root", "[[[]]]"),
    ("__proto__", "{}"),
    ("d:shiny.date", "\"nonsense\""),
    ("t:shiny.datetime", "[0,null]"),
    ("m0-", "\"\\ud800\""),
];

/// What the page must come to, as far as it can be told without a graph.
#[derive(Debug, Default)]
struct Expected {
    next_a: Option<i64>,
    a: Option<i64>,
    v: i64,
    shared: i64,
    next_x: BTreeMap<usize, i64>,
    x: BTreeMap<usize, i64>,
    open: BTreeSet<usize>,
}

impl Expected {
    fn flush(&mut self) {
        self.a = self.next_a.take().or(self.a);
        self.x.append(&mut self.next_x);
        self.destroy_the_unlucky();
    }

    fn open(&mut self, m: usize) {
        self.open.insert(m);
        self.destroy_the_unlucky();
    }

    fn shut(&mut self, m: usize) {
        self.open.remove(&m);
        self.x.remove(&m);
    }

    fn destroy_the_unlucky(&mut self) {
        for m in self.open.clone() {
            if self.x.get(&m) == Some(&UNLUCKY) {
                self.shut(m);
            }
        }
    }

    /// What an output shows; `None` where that depends on what it showed before.
    fn shows(&self, output: &str) -> Option<Result<Json, ()>> {
        let or_empty = |n: Option<i64>| Some(Ok(n.map_or(Json::Null, Json::from)));
        let a = self.a;
        match output {
            "sum" => or_empty(a.map(|a| a + self.v)),
            "even" => Some(Ok(a.map_or(Json::Null, |a| (a % 2 == 0).into()))),
            "mood" => match a.map(|a| a.rem_euclid(4)) {
                Some(0) => None,
                Some(1) => Some(Err(())),
                None | Some(2) => Some(Ok(Json::Null)),
                Some(_) => Some(Ok("fine".into())),
            },
            "progress" => (self.v % 2 == 0).then(|| Ok(self.v.into())),
            "shared" => Some(Ok(self.shared.into())),
            "slow" | "quick" | "always" => or_empty(a),
            "tick" => Some(Ok(Json::Null)),
            "later" | "flushed" => Some(Ok(a.unwrap_or(0).into())),
            of_module => {
                let m = MODULES.iter().position(|m| of_module.starts_with(m))?;
                let x = self.x.get(&m).copied();
                if !self.open.contains(&m) {
                    None
                } else if of_module.ends_with("sum") {
                    or_empty(a.zip(x).map(|(a, x)| a + x))
                } else {
                    or_empty(x)
                }
            }
        }
    }
}

async fn module(client: &mut Client, world: &World, open: bool, m: usize) {
    let world = world.clone();
    let done = client.run(move |s| {
        if open { world.module(&s.module(MODULES[m])?) } else { s.destroy_module(MODULES[m]) }
    });
    done.await.unwrap().unwrap();
}

async fn perform(client: &mut Client, world: &World, expected: &mut Expected, act: &Act) {
    match *act {
        Act::SetA(a) => {
            expected.next_a = Some(a);
            client.set("a:shiny.number", a);
        }
        Act::SetX(m, x) => {
            expected.next_x.insert(m, x);
            client.set(&format!("{}-x", MODULES[m]), x);
        }
        Act::Show(output, true) => drop(client.show(&outputs()[output])),
        Act::Show(output, false) => drop(client.hide(&outputs()[output])),
        Act::Click(clicks) => drop(client.set("go:shiny.action", clicks)),
        Act::TaskButton(reset) => {
            client.set("tb:bslib.taskbutton", json!({ "value": 1, "autoReset": reset }));
        }
        Act::Flush => {
            expected.flush();
            client.flush().await;
        }
        Act::Odd(at) => {
            let (key, value) = ODDITIES[at];
            let data = format!("{{{}:{value}}}", json!(key));
            client.send(&format!("{{\"method\":\"update\",\"data\":{data}}}")).await;
        }
        Act::Late(n) => drop(client.ask("late", (n,)).await),
        Act::LateInside(m) => {
            client.ask(&format!("{}-inner-late", MODULES[m]), (1,)).await;
        }
        Act::Echo => drop(client.ask("echo", ("x",)).await),
        Act::Gone(m) => {
            if expected.open.contains(&m) {
                expected.shut(m);
            }
            client.ask(&format!("{}-gone", MODULES[m]), ()).await;
        }
        Act::Ask(true, m) => {
            expected.open(m);
            client.ask("open", (MODULES[m],)).await;
        }
        Act::Ask(false, m) => {
            expected.shut(m);
            client.ask("shut", (MODULES[m],)).await;
        }
        Act::Fetch => {
            expected.v += 2;
            let url = "/session/x/dynamic_route/route";
            let request = http::Request::get(url).body(Body::empty()).unwrap();
            assert_eq!(client.fetch(request).await.unwrap().status(), 200);
        }
        Act::SetV(v) => {
            expected.v = v;
            let value = world.value.lock().unwrap().unwrap();
            client.run(move |s| value.set(s, v).is_ok()).await.unwrap();
        }
        Act::SetShared(n) => {
            expected.shared = n;
            world.shared.set(n);
            client.settle().await;
        }
        Act::Module(open, m) => {
            if open {
                expected.open(m);
            } else {
                expected.shut(m);
            }
            module(client, world, open, m).await;
        }
        Act::Again => {
            let value = world.value.lock().unwrap().unwrap();
            client.run(move |s| register_sum(s, value)).await.unwrap().unwrap();
        }
        Act::Finish(which, succeeds) => {
            world.gate.open(which, succeeds);
            client.settle().await;
        }
        Act::Pass(ms) => client.advance(Duration::from_millis(ms)).await,
        Act::Stall(true) => client.stall(),
        Act::Stall(false) => client.unstall(),
    }
}

/// Comes to rest with everything visible, and checks the page; then without modules, and gives what is alive.
async fn come_to_rest(client: &mut Client, world: &World, expected: &mut Expected) -> Counts {
    for output in outputs() {
        client.show(&output);
    }
    let (a, x) = (expected.next_a.or(expected.a), expected.x.clone());
    client.unstall();
    // Inputs once more: the same datum is a change, so what has failed is tried again.
    a.map(|a| client.set("a:shiny.number", a));
    expected.next_a = a;
    for (m, x) in x {
        let x = *expected.next_x.entry(m).or_insert(x);
        client.set(&format!("{}-x", MODULES[m]), x);
    }
    perform(client, world, expected, &Act::Flush).await;
    perform(client, world, expected, &Act::SetV(4)).await;
    while world.gate.open(0, true) {
        client.settle().await;
    }
    for output in outputs() {
        let shown = client.model().shows(&output);
        let state = client.model().state(&output);
        if let Some(expected) = expected.shows(&output) {
            let shown = shown.unwrap_or_else(|| panic!("{output} shows nothing and is {state:?}"));
            assert_eq!(shown.cloned().map_err(drop), expected, "{output}");
        }
        let is_gone = MODULES
            .iter()
            .enumerate()
            .any(|(m, name)| output.starts_with(name) && !expected.open.contains(&m));
        if !is_gone {
            let settled = [OutputState::Value, OutputState::Error, OutputState::Cancel];
            assert!(settled.contains(&state), "{output} is left {state:?}");
        }
    }
    assert!(!client.model().is_busy());

    for m in 0..MODULES.len() {
        perform(client, world, expected, &Act::Module(false, m)).await;
    }
    client.hide("tick").flush().await;
    client.advance(Duration::from_millis(50)).await;
    let counts = client.counts();
    assert_eq!((counts.tasks, counts.timers, counts.modules, counts.scopes), (0, 0, 0, 1));
    counts
}

/// What is alive, apart from what the client alone made.
fn without_inputs(counts: Counts) -> [usize; 10] {
    [
        counts.values - counts.inputs,
        counts.calcs,
        counts.effects,
        counts.scopes,
        counts.outputs,
        counts.handlers,
        counts.routes,
        counts.callbacks,
        counts.graph_callbacks,
        counts.modules,
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_the_page_ends_up_right_and_nothing_is_left(
        acts in prop::collection::vec(act(), 1..80),
    ) {
        drive(async {
            let world = World::new();
            let mut client = Client::connect(world.app()).await;
            let mut expected = Expected::default();
            for act in &acts {
                perform(&mut client, &world, &mut expected, act).await;
                assert_eq!(client.close_code(), None, "{:?}", client.end_reason());
            }
            let left = come_to_rest(&mut client, &world, &mut expected).await;

            // As much as in a session in which nothing happened before.
            let fresh = World::new();
            let mut control = Client::connect(fresh.app()).await;
            let untouched = come_to_rest(&mut control, &fresh, &mut Expected::default()).await;
            assert_eq!(without_inputs(left), without_inputs(untouched));

            // Every request was answered, once.
            let responses = client.model().responses();
            let tags: BTreeSet<_> = responses.iter().map(|(tag, _)| tag.to_string()).collect();
            assert_eq!(tags.len(), responses.len());
            let asked = acts.iter().filter(|act| matches!(act,
                Act::Late(_) | Act::LateInside(_) | Act::Echo | Act::Gone(_) | Act::Ask(..)));
            assert_eq!(responses.len(), asked.count());

            client.disconnect().await;
            let counts = client.counts();
            assert_eq!((counts.values, counts.calcs, counts.effects), (0, 0, 0));
        });
    }

    #[test]
    fn any_text_is_answered_with_a_documented_code_or_leaves_the_session_alive(
        texts in prop::collection::vec(text(), 1..8),
        init in prop::bool::weighted(0.8),
    ) {
        drive(async {
            let world = World::new();
            let mut client = Client::open(world.app(), Limits::default());
            if init {
                client.init().await;
            }
            for text in &texts {
                client.send(text).await;
            }
            assert_alive_or_told(&mut client, init).await;
        });
    }

    #[test]
    fn any_bytes_are_answered_with_a_documented_code_or_leave_the_session_alive(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        blocks in prop::collection::vec((any::<bool>(), text()), 0..4),
        magic in any::<bool>(),
    ) {
        drive(async {
            let mut frame = Vec::new();
            if magic {
                frame.extend(0x0102_0202_u32.to_le_bytes());
                for (lies, block) in &blocks {
                    let length = block.len() + usize::from(*lies);
                    frame.extend(u32::try_from(length).unwrap().to_le_bytes());
                    frame.extend(block.as_bytes());
                }
            } else {
                frame = bytes;
            }
            let world = World::new();
            let mut client = Client::connect(world.app()).await;
            client.send_frame(Frame::Binary(frame.into())).await;
            assert_alive_or_told(&mut client, true).await;
        });
    }
}

async fn assert_alive_or_told(client: &mut Client, init: bool) {
    match client.close_code() {
        // 1008 is for the limits, which no case here comes near.
        Some(code) => assert!([1002, 1007].contains(&code), "{:?}", client.end_reason()),
        None if init => {
            // Whatever came in, tags of the texts included.
            let known = client.model().responses().len();
            client.send(r#"{"method":"echo","args":[7],"tag":"at last"}"#).await;
            let answer = (json!("at last"), Ok(json!([7])));
            assert_eq!(client.model().responses()[known..], [answer]);
        }
        None => {
            client.init().await;
            assert!([None, Some(1002)].contains(&client.close_code()));
        }
    }
}

/// Text that is a message, JSON, nearly JSON, or anything.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![message(), cut(message()), pieces(), ".{0,40}"]
}

/// A text with something cut out of it or put into it.
fn cut(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (text, any::<prop::sample::Index>(), 0_usize..4, ".{0,2}").prop_map(|(text, at, count, put)| {
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len() + 1);
        let rest = chars.iter().skip(at + count);
        chars[..at].iter().copied().chain(put.chars()).chain(rest.copied()).collect()
    })
}

fn message() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("a:shiny.number".to_owned()),
        Just("a:shiny.action".to_owned()),
        Just("b:shiny.date".to_owned()),
        Just("tb:bslib.taskbutton".to_owned()),
        Just(".clientdata_output_slow_hidden".to_owned()),
        Just(".clientdata_output_sum_hidden".to_owned()),
        ".{0,12}",
    ];
    let data = prop::collection::vec((key, value()), 0..4).prop_map(|entries| {
        let entries = entries.iter().map(|(key, value)| format!("{}:{value}", json!(key)));
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    });
    let method = prop_oneof![
        4 => Just("update".to_owned()),
        1 => Just("init".to_owned()),
        2 => Just("echo".to_owned()),
        1 => Just("open".to_owned()),
        1 => Just("late".to_owned()),
        1 => ".{0,6}",
    ];
    let member = |strategy: BoxedStrategy<String>| prop::option::weighted(0.8, strategy);
    let members = (
        method.prop_map(|method| json!(method).to_string()),
        member(prop_oneof![4 => data, 1 => value()].boxed()),
        member(value().boxed()),
        member(value().boxed()),
    );
    members.prop_map(|(method, data, args, tag)| {
        let member = |name: &str, value: Option<String>| {
            value.map_or(String::new(), |value| format!(",\"{name}\":{value}"))
        };
        let (data, args, tag) = (member("data", data), member("args", args), member("tag", tag));
        format!("{{\"method\":{method}{data}{args}{tag}}}")
    })
}

/// A value of JSON, as text: also what some readers of JSON cannot hold.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("false".to_owned()),
        Just("1e999".to_owned()),
        Just("-0".to_owned()),
        Just("9007199254740993".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        Just("{\"value\":1,\"autoReset\":true}".to_owned()),
        Just("\"m0\"".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| json!(n).to_string()),
        ".{0,8}".prop_map(|text| json!(text).to_string()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec((".{0,3}", inner), 0..3).prop_map(|entries| {
                let entries = entries.iter().map(|(key, value)| format!("{}:{value}", json!(key)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{\"method\":\"update\",\"data\":{",
        "{\"method\":\"init\",\"data\":{}}",
        "{\"method\":\"late\",\"args\":[1],\"tag\":",
        "\"a:shiny.number\":",
        "\".clientdata_output_slow_hidden\":false",
        "1e999",
        "NaN",
        "null",
        "\"\\ud800\"",
        "\"x\"",
        "[[",
        "]]",
        "{",
        "}",
        "}}",
        ",",
        ":",
        "\u{feff}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}
