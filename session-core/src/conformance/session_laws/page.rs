//! What a page is told beside its outputs: whole, and in its order.

use serde_json::{Map, Value as Json, json};

use super::app::page::SCRIPT;
use super::interface::shown;
use super::peer::{Peer, fetch};
use super::stage::{finish, serve};
use crate::conformance::law::{Client, Failure, Law, Playing, Verdict, ensure, server_law};
use crate::link::CloseCode;

pub(super) const LAWS: &[Law] = &[
    // spec: G29, G30, G33
    server_law!(
        "all that a page can be told arrives unchanged: at once, with the results, or after them",
        everything,
        serve
    ),
    server_law!("a file that the page is to load is there when it is told", file, serve),
];

async fn everything(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, shown(["told"])).await?;
    for told in 1..3 {
        let known = peer.frames.len();
        peer.expect("tell the page", json!([]), Json::Null).await?;
        peer.settle().await?;
        let frames = peer.frames[known..].iter();
        let came: Vec<_> =
            frames.filter_map(|frame| of_page(frame).transpose()).collect::<Result<_, _>>()?;
        let expected = expected(told, peer.model.session_id().unwrap_or_default(), &came)?;
        for (at, (came, expected)) in came.iter().zip(&expected).enumerate() {
            ensure!(came == expected, "message {at} is\n{came}\ninstead of\n{expected}");
        }
        ensure!(
            came.len() == expected.len(),
            "{} messages instead of {}; the last is {:?}",
            came.len(),
            expected.len(),
            came.last()
        );
    }
    let page = &peer.model;
    ensure!(
        page.notifications().keys().eq(["note"])
            && page.modal().is_none()
            && page.progress().is_empty(),
        "something else than the note shows: {page:?}"
    );
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

/// What a frame says of the page: neither answers, nor how the session is at work, which may share a frame with results.
/// Flushes that have no message are no matter either.
fn of_page(frame: &str) -> Result<Option<Json>, Failure> {
    let mut frame: Map<String, Json> = serde_json::from_str(frame)?;
    frame.retain(|key, message| match &**key {
        "response" | "busy" | "recalculating" => false,
        "progress" => message["type"] != "binding",
        _ => true,
    });
    let is_idle_flush = frame.get("inputMessages") == Some(&json!([]));
    Ok((!frame.is_empty() && !is_idle_flush).then_some(Json::Object(frame)))
}

/// What the app tells, word for word; what is new each time is as it came.
fn expected(told: u64, session: &str, came: &[Json]) -> Result<Vec<Json>, Failure> {
    let find = |found: &dyn Fn(&Json) -> bool| came.iter().find(|frame| found(frame));
    let panel = find(&|frame| frame["progress"]["type"] == "open")
        .and_then(|frame| frame["progress"]["message"]["id"].as_str())
        .ok_or_else(|| Failure::new("no progress panel was opened"))?;
    // The page's own script and markup are not the transport's business, but for their being whole.
    let dialog = find(&|frame| frame["modal"]["type"] == "show")
        .and_then(|frame| frame["modal"]["message"]["html"].as_str())
        .filter(|html| html.starts_with("<div id=\"shiny-modal\"") && html.ends_with("</div>"))
        .filter(|html| html.contains("<div class=\"modal-body\">é √</div>"))
        .ok_or_else(|| Failure::new("no dialog was shown, or not the one that the app shows"))?;
    Ok([over_the_page(session, panel, dialog), tabs(), of_the_page(), with_results(told)]
        .into_iter()
        .flatten()
        .chain(after_flush())
        .collect())
}

fn over_the_page(session: &str, panel: &str, dialog: &str) -> Vec<Json> {
    let script = format!("session/{session}/lib/law-1.0/a.js");
    let law = json!({
        "name": "law", "version": "1.0", "script": [{ "src": script }], "stylesheet": [], "meta": [], "head": null,
    });
    let progress = |kind: &str, mut others: Json| {
        others["id"] = panel.into();
        others["style"] = "notification".into();
        json!({ "progress": { "type": kind, "message": others } })
    };
    vec![
        json!({ "notification": { "type": "show", "message": {
            "html": "<b>é</b>", "action": "&lt;", "deps": [law], "closeButton": true,
            "id": "note", "type": "warning", "duration": 3000,
        } } }),
        json!({ "notification": { "type": "show", "message": {
            "html": "x", "action": "", "deps": [], "closeButton": false,
            "id": "other", "type": "default", "duration": null,
        } } }),
        json!({ "notification": { "type": "remove", "message": "other" } }),
        json!({ "modal": { "type": "show", "message": { "html": dialog, "deps": [] } } }),
        json!({ "modal": { "type": "remove", "message": null } }),
        progress("open", json!({})),
        progress("update", json!({ "value": 0.25, "message": "é", "detail": "√" })),
        progress("update", json!({ "value": 1 })),
        progress("close", json!({})),
    ]
}

fn tabs() -> Vec<Json> {
    let entry = "<li class=\"nav-item\"><a data-bs-toggle=\"tab\" data-toggle=\"tab\" data-value=\"t2\" role=\"tab\" \
                 class=\"nav-link\" href=\"#tab-tsid-id\">T</a></li>";
    let pane =
        "<div class=\"tab-pane\" role=\"tabpanel\" data-value=\"t2\" id=\"tab-tsid-id\">é</div>";
    let visibility = |kind: &str| json!({ "inputId": "tabs", "target": "t1", "type": kind });
    vec![
        json!({ "shiny-insert-tab": {
            "inputId": "tabs", "liTag": { "html": entry, "deps": [] }, "divTag": { "html": pane, "deps": [] },
            "menuName": null, "target": "t1", "position": "after", "select": true,
        } }),
        json!({ "shiny-change-tab-visibility": visibility("hide") }),
        json!({ "shiny-change-tab-visibility": visibility("show") }),
        json!({ "shiny-remove-tab": { "inputId": "tabs", "target": "t2" } }),
    ]
}

fn of_the_page() -> Vec<Json> {
    vec![
        insert("#soon", false, "afterBegin", "é"),
        json!({ "shiny-remove-ui": { "selector": "#soon", "multiple": false } }),
        json!({ "frozen": { "ids": ["text"] } }),
        json!({ "resetBrush": { "brushId": "brush" } }),
        json!({ "updateQueryString": { "queryString": "?é=√", "mode": "push" } }),
        json!({ "updateQueryString": { "queryString": "#end", "mode": "replace" } }),
        json!({ "allowReconnect": false }),
        json!({ "allowReconnect": true }),
        json!({ "allowReconnect": "force" }),
        json!({ "reload": true }),
    ]
}

fn with_results(told: u64) -> Vec<Json> {
    let to = |id: &str, message: Json| json!({ "id": id, "message": message });
    let messages = [
        to("text", json!({ "value": "é √ \u{1f600}\u{2028}", "placeholder": "" })),
        to("number", json!({ "value": 1.5, "max": null })),
        to("check", json!({ "value": false })),
        to("tabs", json!({ "value": "t1" })),
        to("go", json!({ "state": "busy" })),
        to("text", json!({ "value": null })),
    ];
    vec![json!({ "values": { "told": told }, "errors": {}, "inputMessages": messages })]
}

fn after_flush() -> [Json; 4] {
    [
        insert("#place", true, "beforeEnd", "<p id=\"new\">é √</p>"),
        json!({ "shiny-remove-ui": { "selector": "#new", "multiple": false } }),
        insert(".row", false, "replace", "&lt;"),
        json!({ "shiny-remove-ui": { "selector": ".row", "multiple": true } }),
    ]
}

fn insert(selector: &str, multiple: bool, place: &str, html: &str) -> Json {
    let content = json!({ "html": html, "deps": [] });
    json!({ "shiny-insert-ui": { "selector": selector, "multiple": multiple, "where": place, "content": content } })
}

async fn file(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let tag = peer.ask("tell the page", json!([])).await?;
    let source = loop {
        peer.read().await?;
        let frame: Json = serde_json::from_str(peer.frames.last().map_or("", String::as_str))?;
        let dependency = &frame["notification"]["message"]["deps"][0];
        if let Some(source) = dependency["script"][0]["src"].as_str() {
            break source.to_owned();
        }
    };
    let fetched = fetch(&*client.connect, &source).await?;
    ensure!((fetched.status, &*fetched.body) == (200, SCRIPT), "the file {source} is {fetched:?}");
    let answer = peer.answer(tag).await?;
    ensure!(answer == Ok(Json::Null), "telling the page gave {answer:?}");
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}
