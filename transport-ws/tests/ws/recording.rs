//! A recording of Shiny for Python, replayed: the page, its files, and where links are.

use std::fs;

use serde_json::{Value as Json, json};
use session_core::exchange::{Body, Response};

use crate::support::{Raw, config, handshake, listen, within};

/// Where we differ: what is asked for, what we have, and why.
const DEVIATIONS: &[(&str, u16, &str)] = &[
    ("ws websocket", 404, "decision 32: what is not there is a 404, whatever asks for it"),
    ("ws nosuch/", 404, "decision 32: what is not there is a 404, whatever asks for it"),
];

fn recording(name: &str) -> Vec<Json> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../session-core/tests/transcripts");
    let text = fs::read_to_string(format!("{folder}/{name}.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is to be the same of an answer: its status, its media type where there is something, and whether there is.
fn answer(status: u16, media_type: &str, is_empty: bool) -> Json {
    let media_type = if status == 200 { media_type } else { "" };
    json!([status, media_type, is_empty && status == 200])
}

async fn ours(response: Response) -> Json {
    let status = response.status().as_u16();
    let media_type = response.headers().get("content-type").cloned();
    let media_type = media_type.as_ref().map_or("", |value| value.to_str().unwrap());
    let body = within(response.into_body().collect_up_to(1 << 20)).await.unwrap();
    answer(status, media_type, body.is_empty())
}

fn theirs(response: &Json) -> Json {
    let headers = response["headers"].as_array().unwrap();
    let media_type = headers.iter().find(|header| header[0] == "content-type").unwrap();
    let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
    answer(status, media_type[1].as_str().unwrap(), response["body"] == "")
}

#[tokio::test]
async fn pages_files_and_the_doors_of_links_are_where_the_client_looks_for_them() {
    let script = "lib/shiny-<VERSION>/shiny.js";
    let config = config().asset(
        &script.replace("<VERSION>", "1.8.0"),
        "text/javascript; charset=utf-8",
        b"/* the client */",
    );
    let (_listener, address) = listen(config).await;
    let mut different = Vec::new();
    for line in recording("http_misc") {
        let (asked, ours, theirs) = if line["dir"] == "http" {
            let (method, path) = (&line["request"]["method"], &line["request"]["path"]);
            let asked = format!("{} {}", method.as_str().unwrap(), path.as_str().unwrap());
            let path = format!("/{}", path.as_str().unwrap().replace("<VERSION>", "1.8.0"));
            let request = http::Request::builder().method(method.as_str().unwrap()).uri(path);
            let request = request.body(Body::empty()).unwrap();
            let server = format!("http://{address}/");
            let response = within(transport_ws::exchange(&server, request)).await.unwrap();
            (asked, ours(response).await, theirs(&line["response"]))
        } else if let Some(asked) = line["text"].as_str().filter(|text| text.starts_with("ws ")) {
            let (path, outcome) = asked.trim_start_matches("ws ").split_once(": ").unwrap();
            let mut raw = Raw::connect(address).await;
            let hello = handshake(address, "").replace("/websocket/", &format!("/{path}"));
            raw.write(hello.as_bytes()).await;
            let status = raw.read_head().await[9..12].parse::<u16>().unwrap();
            let theirs = match outcome {
                "accepted" => 101,
                refused => refused.trim_start_matches("InvalidStatus ").parse().unwrap(),
            };
            (format!("ws {path}"), json!(status), json!(theirs))
        } else {
            continue;
        };
        let known = DEVIATIONS.iter().find(|(path, ..)| *path == asked);
        let expected = known.map_or_else(|| theirs.clone(), |(_, ours, _)| json!(ours));
        assert!(known.is_none() || theirs != expected, "{asked}: no deviation any more");
        if ours != expected {
            different.push(format!("{asked}: we have {ours}, and they {theirs}"));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
    assert!(DEVIATIONS.iter().all(|(.., why)| !why.is_empty()));
}

#[tokio::test]
async fn a_client_that_offers_a_subprotocol_gets_a_link_without_one() {
    let notes = recording("violation_subprotocol");
    assert!(notes.iter().any(|line| line["text"] == "accepted subprotocol: None"));
    let (_listener, address) = listen(config()).await;
    let mut raw = Raw::connect(address).await;
    raw.write(handshake(address, "Sec-WebSocket-Protocol: shiny, other\r\n").as_bytes()).await;
    let head = raw.read_head().await.to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
}
