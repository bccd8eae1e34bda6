//! Recordings of Shiny for Python, replayed: the same messages of the client lead to the same page.
//!
//! A recording in `tests/transcripts` is a list of lines, one per message, in the order in which they went over the
//! wire; secrets stand as `<SESSION_ID>` and the like. For each there is a small app here that does what the recorded
//! server did. Its frames go through the client's state machine (the test client panics on an illegal step), and after
//! every message of the client the page must be where the recording has it: values, errors, the state of every output,
//! responses, messages, and how the link ended.
//!
//! Where we differ on purpose, [`DEVIATIONS`] says so; an entry that no longer deviates fails the test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use session_core::link::{Connect, Frame, Link, Receive, ReceiveExt, TransmitExt, memory};
use session_core::page::{
    Html, InsertUi, Modal, Notification, NotificationKind, NumberUpdate, ProgressUpdate, QueryMode,
    RemoveUi, SelectUpdate, Tab, TextUpdate,
};
use session_core::testing::{Client, ClientModel};
use session_core::{
    Action, App, Body, Download, EventOptions, Limits, OutputOptions, Reconnect, Request, Response,
    Result, Server, Session, UploadedFile, req, req_cancel, safe,
};

#[path = "replay/deviations.rs"]
mod deviations;
use deviations::DEVIATIONS;

// ---------------------------------------------------------------- recordings

#[derive(Deserialize)]
struct Line {
    dir: String,
    #[serde(default)]
    session: String,
    /// A message that is JSON, as it was on the wire but for spaces.
    #[serde(default, deserialize_with = "present")]
    msg: Option<Box<RawValue>>,
    /// One that is not.
    raw: Option<String>,
    binary_hex: Option<String>,
    close: Option<Close>,
    request: Option<HttpRequest>,
    response: Option<HttpResponse>,
}

/// `null` is a message too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Close {
    code: u16,
}

#[derive(Deserialize)]
struct HttpRequest {
    method: String,
    path: String,
    /// Of its body, in bytes; what they were is not recorded.
    body_len: Option<usize>,
}

#[derive(Deserialize)]
struct HttpResponse {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: String,
    /// The body broke off.
    transport_error: Option<String>,
}

impl HttpResponse {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn answer(&self) -> Json {
        answer(self.status, &self.body, self.transport_error.is_none(), |name| self.header(name))
    }
}

/// An answer as far as it is to be the same; of a download, also what the head says of it.
fn answer<'h>(
    status: u16,
    body: &str,
    is_whole: bool,
    header: impl Fn(&str) -> Option<&'h str>,
) -> Json {
    let mut answer = vec![json!(status), json!(veiled(body, &[]))];
    if !is_whole {
        answer.push("cut".into());
    }
    if header("content-disposition").is_some() {
        const TOLD: [&str; 6] = [
            "content-disposition",
            "cache-control",
            "content-type",
            "content-length",
            "content-range",
            "accept-ranges",
        ];
        let told = TOLD.into_iter().filter_map(|name| Some((name, header(name)?)));
        answer.push(json!(told.collect::<BTreeMap<_, _>>()));
    }
    answer.into()
}

fn lines(recording: &str) -> Vec<Line> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/transcripts")
        .join(recording)
        .with_extension("jsonl");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Line {
    fn text(&self) -> Option<String> {
        self.msg.as_ref().map(|msg| msg.get().to_owned()).or_else(|| self.raw.clone())
    }

    /// With the ids of the uploads that were begun.
    fn frame(&self, jobs: &[String]) -> Frame {
        match &self.binary_hex {
            None => Frame::Text(unveiled(&self.text().unwrap(), jobs).into()),
            Some(hex) => {
                let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                Frame::Binary((0..hex.len()).step_by(2).map(byte).collect())
            }
        }
    }
}

/// What the client says at once, and what it hears then.
#[derive(Default)]
struct Step {
    /// The client connects anew before.
    opens: bool,
    says: Vec<Line>,
    hears: Vec<Line>,
}

fn steps(recordings: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut opens = true;
    let mut config = None;
    for line in recordings.iter().flat_map(|recording| lines(recording)) {
        match &*line.dir {
            "open" => opens = true,
            "s2c" if opens => config = Some(line),
            "s2c" => steps.last_mut().unwrap().hears.push(line),
            "c2s" | "http" => {
                let goes_on = steps.last().is_some_and(|last| last.hears.is_empty());
                if !goes_on || opens || line.dir == "http" {
                    let hears = config.take().into_iter().collect();
                    steps.push(Step { opens, hears, ..Step::default() });
                    opens = false;
                }
                steps.last_mut().unwrap().says.push(line);
            }
            _ => {}
        }
    }
    steps
}

// ---------------------------------------------------------------- what the page has come to

/// One page, whoever is behind it.
#[derive(Default)]
struct Page {
    outputs: BTreeSet<String>,
    /// Counts of what earlier steps brought.
    before: (usize, usize, usize),
    others: Vec<Json>,
    answers: Vec<Json>,
    close: Option<u16>,
    /// The ids of uploads, in the order in which they began.
    jobs: Vec<String>,
}

impl Page {
    fn hear(&mut self, frame: Json) {
        let Json::Object(frame) = frame else { return };
        if let Some(output) = frame.get("recalculating").and_then(|r| r["name"].as_str()) {
            self.outputs.insert(output.to_owned());
        }
        const KNOWN: [&str; 8] = [
            "config",
            "busy",
            "recalculating",
            "values",
            "errors",
            "inputMessages",
            "response",
            "custom",
        ];
        let is_binding = frame.get("progress").is_some_and(|p| p["type"] == "binding");
        if !is_binding && !frame.keys().any(|key| KNOWN.contains(&&**key)) {
            let mut frame = Json::Object(frame);
            if let Some(id) = frame.pointer_mut("/progress/message/id") {
                *id = "<RANDOM_ID>".into();
            }
            self.others.push(frame);
        }
    }

    /// Where the page stands: lists tell what is new since the last call.
    fn stand(&mut self, model: &ClientModel) -> BTreeMap<&'static str, Json> {
        let states: BTreeMap<_, _> =
            self.outputs.iter().map(|id| (id, format!("{:?}", model.state(id)))).collect();
        let responses: Vec<_> = model.responses()[self.before.0..]
            .iter()
            .map(|(tag, answer)| match answer {
                Ok(value) => json!({ "tag": tag, "value": value }),
                Err(error) => json!({ "tag": tag, "error": error }),
            })
            .collect();
        let stand = BTreeMap::from([
            ("values", json!(model.values())),
            ("errors", json!(model.errors())),
            ("states", json!(states)),
            ("responses", json!(responses)),
            ("custom", json!(model.custom()[self.before.1..])),
            ("inputMessages", json!(model.input_messages()[self.before.2..])),
            ("others", json!(std::mem::take(&mut self.others))),
            ("answers", json!(std::mem::take(&mut self.answers))),
            ("close", json!(self.close)),
        ]);
        for (_, answer) in &model.responses()[self.before.0..] {
            let job = answer.as_ref().ok().and_then(|value| value["jobId"].as_str());
            self.jobs.extend(job.map(ToOwned::to_owned));
        }
        self.before = (model.responses().len(), model.custom().len(), model.input_messages().len());
        stand.into_iter().map(|(aspect, json)| (aspect, veiled_json(json, &self.jobs))).collect()
    }
}

const SESSION_ID: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const NONCE: &str = "0123456789abcdef";

/// The recording's words for what is secret.
fn veiled(text: &str, jobs: &[String]) -> String {
    let mut veiled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("nonce=") {
        veiled.push_str(before);
        veiled.push_str("nonce=<NONCE>");
        let is_secret = |c: char| c.is_ascii_hexdigit();
        rest = after.strip_prefix("<NONCE>").unwrap_or_else(|| after.trim_start_matches(is_secret));
    }
    veiled.push_str(rest);
    let veiled = veiled.replace(NONCE, "<NONCE>").replace(SESSION_ID, "<SESSION_ID>");
    jobs.iter().zip(JOBS).fold(veiled, |text, (job, word)| text.replace(job, word))
}

/// The recordings' words for the ids of uploads.
const JOBS: [&str; 2] = ["<JOB_ID>", "<JOB_ID_2>"];

/// A text of the client with our secrets for the recording's words.
fn unveiled(text: &str, jobs: &[String]) -> String {
    let text = text.replace("<SESSION_ID>", SESSION_ID).replace("<NONCE>", NONCE);
    jobs.iter().zip(JOBS).fold(text, |text, (job, word)| text.replace(word, job))
}

fn veiled_json(json: Json, jobs: &[String]) -> Json {
    let veil = |json| veiled_json(json, jobs);
    match json {
        Json::String(text) => Json::String(veiled(&text, jobs)),
        Json::Array(items) => items.into_iter().map(veil).collect(),
        Json::Object(map) => map
            .into_iter()
            .map(|(key, item)| match (&*key, veil(item)) {
                ("html" | "options", Json::String(html)) => (key, Json::String(bare(&html))),
                (_, item) => (key, item),
            })
            .collect(),
        json => json,
    }
}

/// HTML without what two servers may write as they like: spaces between tags, and how a dialog's script shows it.
fn bare(html: &str) -> String {
    const OPENS: &str = "<script>";
    let html = match (html.find(OPENS), html.find("</script>")) {
        (Some(start), Some(end)) if start < end => {
            [&html[..start + OPENS.len()], &html[end..]].concat()
        }
        _ => html.to_owned(),
    };
    let parts: Vec<_> = html
        .split('>')
        .map(|part| if part.trim_start().starts_with('<') { part.trim_start() } else { part })
        .collect();
    parts.join(">")
}

/// The bodies that were sent, by their length: what became of them shows.
fn body(length: Option<usize>) -> Body {
    match length {
        None => Body::empty(),
        Some(3) => "abc".into(),
        Some(5) => "1,2,3".into(),
        Some(25) => "longer than declared size".into(),
        Some(length) => "x".repeat(length).into(),
    }
}

async fn fetch(
    client: &mut Client,
    request: &HttpRequest,
    response: Option<&HttpResponse>,
    jobs: &[String],
) -> Json {
    let path = unveiled(&request.path, jobs);
    let body = body(request.body_len);
    let mut request = http::Request::builder().method(&*request.method).uri(format!("/{path}"));
    // A recording has no heads of requests; what part was asked for, the response tells.
    if let Some((part, _)) =
        response.and_then(|response| response.header("content-range")?.split_once('/'))
    {
        request = request.header("range", part.replace(' ', "="));
    }
    let response = client.fetch(request.body(body).unwrap()).await.unwrap();
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut is_whole) = (Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap()),
            Err(_) => is_whole = false,
        }
    }
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
    answer(head.status.as_u16(), std::str::from_utf8(&bytes).unwrap(), is_whole, header)
}

/// Replays a recording against `app`; what is different, by step and aspect: what we have.
async fn replay(recordings: &[&str], app: impl Fn() -> App) -> BTreeMap<(usize, String), Json> {
    let mut different = BTreeMap::new();
    let mut client = Client::open(app(), Limits::default());
    let (mut theirs, mut ours) = (Page::default(), Page::default());
    let mut model = ClientModel::default();
    let steps = steps(recordings);
    let has_no_exchanges = !steps.iter().flat_map(|step| &step.says).any(|line| line.dir == "http");
    for (at, step) in steps.into_iter().enumerate() {
        if step.opens && at > 0 {
            client.disconnect().await;
            client = Client::open(app(), Limits::default());
            (theirs, ours, model) = (Page::default(), Page::default(), ClientModel::default());
        }
        for line in &step.says {
            if let (Some(request), Some(response)) = (&line.request, &line.response) {
                theirs.answers.push(response.answer());
                ours.answers.push(fetch(&mut client, request, Some(response), &ours.jobs).await);
                continue;
            }
            // What a browser sends beside its socket is not in every recording.
            let ends = line.text().is_some_and(|text| text.contains("uploadEnd"));
            if ends && has_no_exchanges && !ours.jobs.is_empty() {
                let path = "session/<SESSION_ID>/upload/<JOB_ID>?w=".to_owned();
                let method = "POST".to_owned();
                let request = HttpRequest { method, path, body_len: Some(3) };
                fetch(&mut client, &request, None, &ours.jobs).await;
            }
            client.send_frame(line.frame(&ours.jobs)).await;
        }
        client.advance(Duration::from_millis(200)).await;
        for frame in client.frames() {
            ours.hear(frame);
        }
        ours.close = client.close_code();
        for line in &step.hears {
            theirs.close = line.close.as_ref().map(|close| close.code);
            if let Some(text) = line.text() {
                // Where the recorded server breaks the rules, the client throws the message away.
                let _ = model.take(&text);
                theirs.hear(serde_json::from_str(&text).unwrap_or_default());
            }
        }
        let ours = ours.stand(client.model());
        for (aspect, theirs) in theirs.stand(&model) {
            if ours[aspect] != theirs {
                different.insert((at, aspect.to_owned()), ours[aspect].clone());
            }
        }
        assert!(client.close_code().is_some() || !client.model().is_busy(), "step {at}: busy");
    }
    different
}

/// Replays, and holds the differences against the table.
async fn agrees(recording: &str, app: impl Fn() -> App) {
    agrees_from(&[recording], app).await;
}

async fn agrees_from(recordings: &[&str], app: impl Fn() -> App) {
    let recording = *recordings.last().unwrap();
    let mut different = replay(recordings, app).await;
    let mut problems = Vec::new();
    for deviation in DEVIATIONS.iter().filter(|deviation| deviation.recording == recording) {
        let key = (deviation.step, deviation.aspect.to_owned());
        let expected: Json = serde_json::from_str(deviation.ours).unwrap();
        match different.remove(&key) {
            Some(ours) if ours == expected => {}
            Some(ours) => problems.push(format!("{key:?}: we have {ours}, not {expected}")),
            None => problems.push(format!("{key:?}: no deviation any more ({})", deviation.why)),
        }
    }
    problems.extend(different.iter().map(|(key, ours)| format!("{key:?}: we have {ours}")));
    assert!(problems.is_empty(), "{recording}:\n{}", problems.join("\n"));
}

// ---------------------------------------------------------------- the recorded apps

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(&'static str);

fn unsanitised(start: impl Fn(&Session<'_>) -> Result<()> + Send + Sync + 'static) -> App {
    App::new(start).sanitize_errors(false)
}

fn double_and_other() -> App {
    unsanitised(|s| {
        let n = s.input::<i64>("n")?;
        let txt = s.input::<String>("txt")?;
        s.output("double", move |s| Ok((n.get(s)? * 2).to_string()))?;
        s.output("other", move |s| Ok(format!("o={}", txt.get(s)?)))
    })
}

#[tokio::test(start_paused = true)]
async fn connect_init_update() {
    agrees("connect_init_update", double_and_other).await;
}

#[tokio::test(start_paused = true)]
async fn hidden_outputs() {
    agrees("hidden_outputs", double_and_other).await;
}

#[tokio::test(start_paused = true)]
async fn clientdata() {
    let app = || {
        unsanitised(|s| {
            s.output("w", |s| {
                let width = s.current_output()?.width().get(s)?;
                let host = s.client_data().hostname().get(s)?;
                let ratio = s.client_data().pixel_ratio().get(s)?;
                Ok(format!("{width} {host} {ratio}"))
            })
        })
    };
    agrees("clientdata", app).await;
}

#[tokio::test(start_paused = true)]
async fn dynamic_ui() {
    // The page it makes is the recorded one, with the input in it.
    let first = lines("dynamic_ui").into_iter().find_map(|line| {
        let frame: Json = serde_json::from_str(&line.text()?).ok()?;
        frame["values"].get("dyn").cloned()
    });
    let template = Arc::new(first.unwrap());
    let app = move || {
        let template = template.clone();
        unsanitised(move |s| {
            let template = template.clone();
            let n = s.input::<i64>("n")?;
            s.output("dyn", move |s| {
                let mut ui = (*template).clone();
                let html = ui["html"].as_str().unwrap_or_default();
                let from = format!("data-from=\"{}\"", n.get(s)?);
                ui["html"] = html.replace("data-from=\"3\"", &from).into();
                Ok(ui)
            })?;
            let k = s.input::<i64>("k")?;
            s.output("inner", move |s| Ok(format!("k={}", k.get(s)?)))
        })
    };
    agrees("dynamic_ui", app).await;
}

/// As Python shows a value that came as JSON.
fn repr(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(n) => n.to_string(),
        Json::String(text) => format!("'{text}'"),
        Json::Array(items) => match &*items.iter().map(repr).collect::<Vec<_>>() {
            [one] => format!("({one},)"),
            items => format!("({})", items.join(", ")),
        },
        Json::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("'{key}': {}", repr(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

fn shows_v() -> App {
    unsanitised(|s| {
        let v = s.input::<Json>("v")?;
        s.output_with("show", OutputOptions::default().suspend_when_hidden(false), move |s| {
            Ok(repr(&v.get(s)?))
        })
    })
}

#[tokio::test(start_paused = true)]
async fn input_keys_and_types() {
    for recording in [
        "input_key_empty_accepted",
        "input_key_odd_accepted",
        "input_types",
        "input_types_fatal_0",
        "input_types_fatal_1",
        "input_types_fatal_2",
        "input_types_fatal_3",
        "input_types_fatal_4",
        "input_types_fatal_5",
        "input_types_fatal_6",
    ] {
        agrees(recording, shows_v).await;
    }
}

#[tokio::test(start_paused = true)]
async fn module_namespace() {
    let app = || {
        unsanitised(|s| {
            let m = s.module("mod1")?;
            let x = m.input::<i64>("x")?;
            m.output("y", move |s| Ok(format!("y={}", x.get(s)?)))?;
            let options = EventOptions { ignore_init: true, ..EventOptions::default() };
            m.on_event_with(x, options, |s, _| {
                s.send_custom_message("hello", &json!({ "from": s.namespace().as_str() }))?;
                s.send_input_message("x", &json!({ "value": 99 }))
            });
            m.set_message_handler("echo", |s, args: Json| {
                Ok(json!({ "ns": s.namespace().as_str(), "args": args }))
            })?;
            Ok(())
        })
    };
    agrees("module_namespace", app).await;
}

fn fails_as_told(sanitize: bool) -> App {
    App::new(|s| {
        let mode = s.input::<String>("mode")?;
        s.output("out", move |s| -> Result<Option<String>> {
            let mode = mode.get(s)?;
            match &*mode {
                "error" => Err(Failed("boom").into()),
                "safe" => Err(safe("shown to user").into()),
                "silent" => req(false).map(|_| None),
                "cancel" => req_cancel(false).map(|_| None),
                "none" => Ok(None),
                mode => Ok(Some(format!("ok:{mode}"))),
            }
        })
    })
    .sanitize_errors(sanitize)
}

#[tokio::test(start_paused = true)]
async fn output_errors() {
    agrees("output_errors", || fails_as_told(false)).await;
    agrees("output_errors_sanitized", || fails_as_told(true)).await;
    agrees("output_initial_states", || fails_as_told(false)).await;
}

#[tokio::test(start_paused = true)]
async fn output_unserializable() {
    let app = || {
        unsanitised(|s| {
            let mode = s.input::<String>("mode")?;
            s.output("out", move |s| {
                let mode = mode.get(s)?;
                Ok(match &*mode {
                    "nan" => Odd::Float(f64::NAN),
                    "inf" => Odd::Float(f64::INFINITY),
                    "bignum" => Odd::Big(RawValue::from_string("1180591620717411303424".into())?),
                    "set" => Odd::Map(BTreeMap::from([(vec![1], 1)])),
                    _ => Odd::Text(mode),
                })
            })
        })
    };
    for kind in ["bignum", "inf", "nan", "set"] {
        agrees(&format!("output_unserializable_{kind}"), app).await;
    }
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Odd {
    Float(f64),
    Big(Box<RawValue>),
    /// A map whose keys are no text has no JSON form, as a set in Python has none.
    Map(BTreeMap<Vec<u8>, u8>),
    Text(String),
}

fn answers() -> App {
    unsanitised(|s| {
        s.set_message_handler("echo", |_, args: Json| Ok(json!({ "args": args })))?;
        s.set_message_handler_async("slow", |_, (x,): (Json,)| {
            Ok(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(x)
            })
        })?;
        s.set_message_handler("fail", |_, ()| Err::<(), _>(Failed("handler failed").into()))?;
        s.set_message_handler("none", |_, ()| Ok(()))?;
        s.set_message_handler("bad", |_, ()| Ok(BTreeMap::from([(vec![1], 1)])))?;
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn requests() {
    agrees("requests", answers).await;
}

#[tokio::test(start_paused = true)]
async fn shared_calc_priority() {
    let app = || {
        unsanitised(|s| {
            let n = s.input::<i64>("n")?;
            let next = s.calc(move |s| Ok(n.get(s)? + 1));
            s.output("a", move |s| Ok(format!("a{}", next.get(s)?)))?;
            s.output_async("b", move |s| {
                let next = next.get(s)?;
                Ok(async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok(format!("b{next}"))
                })
            })?;
            let always = OutputOptions::default().suspend_when_hidden(false);
            s.output_with("always", always, move |s| Ok(format!("always{}", n.get(s)?)))?;
            let prio = OutputOptions::default().priority(10);
            s.output_with("prio", prio, move |s| Ok(format!("prio{}", n.get(s)?)))
        })
    };
    agrees("shared_calc_priority", app).await;
}

#[tokio::test(start_paused = true)]
async fn timer() {
    let app = || {
        unsanitised(|s| {
            let ticks = s.value(0);
            s.output("t", move |s| {
                s.invalidate_later(Duration::from_millis(200))?;
                let s = s.isolate();
                ticks.update(&s, |ticks| *ticks += 1)?;
                Ok(ticks.get(&s)?.to_string())
            })
        })
    };
    agrees("timer", app).await;
}

#[tokio::test(start_paused = true)]
async fn in_progress_extended_task() {
    let app = || {
        unsanitised(|s| {
            let task = s.extended_task(|n: i64| async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok((n * 10).to_string())
            });
            s.on_event(s.input::<i64>("n")?, move |s, n| task.invoke(s, n));
            s.output("res", move |s| task.result(s))
        })
    };
    agrees("in_progress_extended_task", app).await;
}

fn inserted_html() -> String {
    let html = lines("server_messages").into_iter().find_map(|line| {
        let frame: Json = serde_json::from_str(&line.text()?).ok()?;
        Some(frame.get("shiny-insert-ui")?["content"]["html"].as_str()?.to_owned())
    });
    html.unwrap()
}

/// Does what the input `cmd` says, as far as there is such a thing.
fn commands() -> App {
    let html = Arc::new(inserted_html());
    unsanitised(move |s| {
        let html = html.clone();
        let cmd = s.input::<String>("cmd")?;
        s.effect(move |s| {
            match &*cmd.get(s)? {
                "custom" => s.send_custom_message("my_type", &json!({ "a": [1, "x", null] }))?,
                "custom_unserializable" => {
                    s.send_custom_message("my_type", &BTreeMap::from([(vec![1], 1)]))?;
                }
                "input_message" => {
                    s.update_input("txt", TextUpdate::new().label("L").value("new"))?;
                    s.update_input("n", NumberUpdate::new().value(5.0))?;
                    let choices = SelectUpdate::new().choices([("a", "A"), ("b", "B")]);
                    s.update_input("sel", choices.selected(["b"]))?;
                    s.send_input_message("raw", &json!({ "value": [1, 2] }))?;
                }
                "notification_show" => {
                    let note = Notification::new("hi <b>").kind(NotificationKind::Warning);
                    s.show_notification(note.id("note1").duration(Duration::from_secs(3)))?;
                }
                "notification_forever" => {
                    let note = Notification::new(Html::raw("<b>hi</b>")).id("note1");
                    s.show_notification(note.sticky().no_close_button())?;
                }
                "notification_remove" => s.remove_notification("note1")?,
                "modal_show" => s.show_modal(Modal::new("body").title("T"))?,
                "modal_remove" => s.remove_modal()?,
                "insert_nav" => {
                    s.insert_tab("tabs", Tab::new("T2", "t2", "body2").after("t1").select())?;
                }
                "remove_nav" => s.remove_tab("tabs", "t2")?,
                "hide_nav" => s.hide_tab("tabs", "t2")?,
                "progress" => {
                    let progress = s.progress()?;
                    let update = ProgressUpdate::new;
                    progress.set(s, update().value(0.0).message("m").detail("d"))?;
                    progress.set(s, 0.5)?;
                    progress.set(s, update().plus(0.2).detail("d2"))?;
                    progress.close(s)?;
                }
                "query" => s.update_query_string("?a=1", QueryMode::Push)?,
                "insert_ui" => s.insert_ui(InsertUi::new("#box", Html::raw(&*html)))?,
                "remove_ui" => s.remove_ui(RemoveUi::new("#dyn").multiple())?,
                "allow_reconnect" => {
                    s.allow_reconnect(Reconnect::Yes);
                    s.allow_reconnect(Reconnect::Force);
                }
                "close" => s.close(),
                "effect_error" => return Err(Failed("boom").into()),
                "on_flush_error" => drop(s.on_flush(|_| Err(Failed("boom").into()))),
                _ => {}
            }
            Ok(())
        });
        Ok(())
    })
}

#[tokio::test(start_paused = true)]
async fn server_messages() {
    agrees("server_messages", commands).await;
}

#[tokio::test(start_paused = true)]
async fn session_ends() {
    for how in ["close", "custom_unserializable", "effect_error", "on_flush_error"] {
        agrees(&format!("session_end_{how}"), commands).await;
    }
    agrees("server_function_error", || unsanitised(|_| Err(Failed("boom").into()))).await;
}

#[tokio::test(start_paused = true)]
async fn http_dynamic_route() {
    let app = || {
        unsanitised(|s| {
            let as_json = |_: &Session<'_>, request: Request| -> Result<Response> {
                let query = request.uri().query().unwrap_or_default();
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let body = pairs.map(|(key, value)| format!("\"{key}\":\"{value}\""));
                let body = body.collect::<Vec<_>>().join(",");
                Ok(Response::new(format!("{{\"q\":{{{body}}},\"path\":\"dyn\"}}").into()))
            };
            let dynamic = s.dynamic_route("dyn", as_json)?;
            let quoted = s.dynamic_route_async("a dyn/x", |_, _| {
                Ok(async {
                    Ok(http::Response::builder().status(201).body(Body::from("async ok"))?)
                })
            })?;
            s.dynamic_route("bad", |_, _| Err::<&str, _>(Failed("boom").into()))?;
            let unseen = OutputOptions::default().suspend_when_hidden(false);
            s.output_with("url", unseen, move |_| Ok(format!("{dynamic} | {quoted}")))?;
            s.output_with("up", unseen, |_| Ok(()))
        })
    };
    agrees("http_dynamic_route", app).await;
}

#[tokio::test(start_paused = true)]
async fn http_download() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.csv");
    fs::write(&file, "a,b\n1,2\n").unwrap();
    let app = || {
        let file = file.clone();
        unsanitised(move |s| {
            let rows = |_: &Session<'_>| Ok(stream::iter(["a,b\n", "1,2\n"]).map(Ok));
            s.download("dl_stream", Download::text_stream(rows).filename("data.csv"))?;
            let file = file.clone();
            s.download("dl_file", Download::file(move |_| Ok(file.clone())))?;
            let utf = Download::text_stream(|_| Ok(stream::iter([Ok("x")])));
            s.download("dl_utf", utf.filename("é ü.txt"))?;
            let fails = |chunks: &'static [&'static str]| {
                let failure = || stream::iter([Err(Failed("boom").into())]);
                let chunks = move || stream::iter(chunks.iter().copied().map(Ok));
                Download::text_stream(move |_| Ok(chunks().chain(failure())))
            };
            s.download("dl_err", fails(&["part"]).filename("e.txt"))?;
            s.download("dl_err0", fails(&[]).filename("e0.txt"))?;
            let dynamic = s.dynamic_route("dyn", |_, _| Ok(""))?;
            let quoted = s.dynamic_route("a dyn/x", |_, _| Ok(""))?;
            let unseen = OutputOptions::default().suspend_when_hidden(false);
            s.output_with("url", unseen, move |_| Ok(format!("{dynamic} | {quoted}")))?;
            s.output_with("up", unseen, |_| Ok(()))
        })
    };
    agrees("http_download", app).await;
}

#[tokio::test(start_paused = true)]
async fn http_upload() {
    let app = || {
        unsanitised(|s| {
            let (dynamic, quoted) = (
                s.dynamic_route("dyn", |_, _| Ok(""))?,
                s.dynamic_route("a dyn/x", |_, _| Ok(""))?,
            );
            let unseen = OutputOptions::default().suspend_when_hidden(false);
            s.output_with("url", unseen, move |_| Ok(format!("{dynamic} | {quoted}")))?;
            let files = s.file_input("file1")?;
            s.output_with("up", unseen, move |s| {
                if !files.is_set(s) || files.get(s).is_err() {
                    return Ok("none".to_owned());
                }
                let files = files.get(s)?;
                let lines: Vec<_> = files.iter().map(uploaded).collect();
                Ok(lines.join(";"))
            })
        })
    };
    agrees("http_upload", app).await;
}

fn uploaded(file: &UploadedFile) -> String {
    let on_disk = file.path().file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    format!("{}|{}|{}|{on_disk}|{text}", file.name(), file.size(), file.media_type())
}

#[tokio::test(start_paused = true)]
async fn a_page_in_a_browser() {
    let app = || {
        unsanitised(|s| {
            s.allow_reconnect(Reconnect::Force);
            let num = s.input::<Json>("num")?;
            s.output("vis", move |s| Ok(format!("n={}", repr(&num.get(s)?))))?;
            s.output("hiddentab", |_| Ok("hidden"))?;
            let clicks = s.input::<Action>("ab")?;
            s.effect(move |s| clicks.get(s).map(drop));
            s.set_message_handler("echo", |_, args: Json| Ok(args))?;
            Ok(())
        })
    };
    agrees("browser_init", app).await;
    // Back after a request with a blob, which had ended the recorded session.
    agrees("browser_blob_request", app).await;
    // Back after its link was lost.
    agrees("browser_reconnect", app).await;
    agrees_from(&["browser_init", "browser_updates"], app).await;
}

#[tokio::test(start_paused = true)]
async fn violations() {
    let mut count = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts")).unwrap() {
        let path = file.unwrap().path();
        let recording = path.file_stem().unwrap().to_str().unwrap();
        if recording.starts_with("violation_") {
            agrees(recording, answers).await;
            count += 1;
        }
    }
    assert_eq!(count, 22);
}

// ---------------------------------------------------------------- recordings of more than one session

/// Whether a frame is the flush of nothing.
fn is_empty_flush(frame: &Json) -> bool {
    let empty = json!({ "values": {}, "errors": {}, "inputMessages": [] });
    *frame == empty
}

// spec: E3 E4 E5 (decisions 23, 24)
#[tokio::test(start_paused = true)]
async fn two_sessions_flush() {
    let mut clients = BTreeMap::<String, Client>::new();
    let mut models = BTreeMap::<String, ClientModel>::new();
    let (mut their_empty, mut our_frames) = (0, BTreeMap::<String, usize>::new());
    let mut said = false;
    for line in lines("two_sessions_flush") {
        if line.dir == "note" {
            continue;
        }
        let session = line.session.clone();
        let client = clients.entry(session.clone()).or_insert_with(|| {
            // The third is a session of another app.
            let app = if session == "C" { App::new(|_| Ok(())) } else { double_and_other() };
            Client::open(app, Limits::default())
        });
        if line.dir == "c2s" {
            client.send_frame(line.frame(&[])).await;
            said = true;
        } else {
            let text = line.text().unwrap();
            models.entry(session).or_default().take(&text).unwrap();
            let frame: Json = serde_json::from_str(&text).unwrap();
            their_empty += usize::from(said && is_empty_flush(&frame));
        }
    }
    for (session, client) in &mut clients {
        assert_eq!(client.model().values(), models[session].values(), "{session}");
        let frames = client.frames();
        assert!(!frames.iter().any(is_empty_flush), "{session}: {frames:#?}");
        our_frames.insert(session.clone(), frames.len());
    }
    assert_eq!(their_empty, 12, "what there would be to skip");
    let told = [("A".to_owned(), 1 + 4 + 3), ("B".to_owned(), 1 + 4), ("C".to_owned(), 1)];
    assert_eq!(our_frames, BTreeMap::from(told));
}

// spec: G36
#[tokio::test(start_paused = true)]
async fn server_shutdown() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (connector, listener) = memory(1 << 20);
    let server = Server::new(App::new(|_| Ok(()))).serve(listener, async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server);
    let (mut receive, mut transmit) = connector.link().await.unwrap().split();
    let mut stop = Some(stop);
    for line in lines("server_shutdown") {
        match (&*line.dir, line.close.as_ref()) {
            ("c2s", _) => transmit.send(line.frame(&[])).await.unwrap(),
            ("s2c", None) if line.text().is_some_and(|text| text.contains("config")) => {
                assert!(receive.receive().await.unwrap().is_some());
            }
            ("s2c", Some(close)) => {
                drop(stop.take());
                while receive.receive().await.unwrap().is_some() {}
                assert_eq!(receive.close_reason().unwrap().code().get(), close.code);
            }
            _ => {}
        }
    }
    server.await.unwrap();
}

// spec: E4 E5 (decision 24)
#[tokio::test(start_paused = true)]
async fn a_flush_in_which_nothing_changed_sends_no_message() {
    let mut client = Client::open(double_and_other(), Limits::default());
    let mut theirs = 0;
    for step in steps(&["connect_init_update"]) {
        for line in &step.says {
            client.send_frame(line.frame(&[])).await;
        }
        let frames = step.hears.iter().filter_map(Line::text);
        theirs +=
            frames.filter(|text| is_empty_flush(&serde_json::from_str(text).unwrap())).count();
    }
    assert_eq!(theirs, 3, "the second of init, and of the messages that change nothing");
    assert_eq!(client.frames().iter().filter(|frame| is_empty_flush(frame)).count(), 0);
}

#[test]
fn every_deviation_is_of_a_recording() {
    for deviation in DEVIATIONS {
        assert!(!lines(deviation.recording).is_empty());
        assert!(!deviation.why.is_empty());
    }
}
