//! Fields to type into: text, number, password and a text area.

use anyhow::ensure;
use serde_json::json;
use session_core::{Action, Password, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("text", PAGE, app, visit);

const PAGE: &str = r#"
<div><label for="words">Words</label> <input id="words" type="text" class="form-control" value="hello"></div>
<div><label for="count">Count</label> <input id="count" type="number" class="form-control" value="3"></div>
<div><label for="secret">Secret</label> <input id="secret" type="password" class="form-control" value="sesame"></div>
<div><label for="story">Story</label> <textarea id="story" class="form-control">Once</textarea></div>
<button id="fill" class="btn btn-default action-button">Fill</button>
<p id="shown_words" class="shiny-text-output"></p>
<p id="shown_count" class="shiny-text-output"></p>
<p id="shown_secret" class="shiny-text-output"></p>
<p id="shown_story" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let words = s.input::<String>("words")?;
    s.output("shown_words", move |s| Ok(words.get(s)?.to_uppercase()))?;
    let count = s.input::<Option<f64>>("count")?;
    s.output("shown_count", move |s| {
        Ok(count.get(s)?.map_or_else(|| "no number".to_owned(), |count| (count * 2.0).to_string()))
    })?;
    let secret = s.input::<Password>("secret")?;
    s.output("shown_secret", move |s| {
        Ok(format!("{} letters", secret.get(s)?.reveal().chars().count()))
    })?;
    let story = s.input::<String>("story")?;
    s.output("shown_story", move |s| Ok(format!("{} lines", story.get(s)?.lines().count())))?;
    s.on_event(s.input::<Action>("fill")?, |s, _| {
        s.send_input_message(
            "words",
            &json!({ "value": "from the server", "label": "Your words" }),
        )?;
        s.send_input_message("count", &json!({ "value": 42, "min": 0, "max": 50, "step": 2 }))?;
        s.send_input_message("secret", &json!({ "value": "" }))?;
        s.send_input_message("story", &json!({ "value": "a\nb\nc", "placeholder": "Tell" }))
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("what the fields hold at first is shown", |browser| {
        browser.until_text("#shown_words", "HELLO")?;
        browser.until_text("#shown_count", "6")?;
        browser.until_text("#shown_secret", "6 letters")?;
        browser.until_text("#shown_story", "1 lines")
    })?;
    page.step("what is typed is shown", |browser| {
        browser.fill("#words", "žluťoučký <b>kůň</b> 🐎")?;
        browser.until_text("#shown_words", "ŽLUŤOUČKÝ <B>KŮŇ</B> 🐎")?;
        browser.fill("#count", "-1.5")?;
        browser.until_text("#shown_count", "-3")?;
        browser.fill("#secret", "open it")?;
        browser.until_text("#shown_secret", "7 letters")?;
        browser.fill("#story", "one\ntwo")?;
        browser.until_text("#shown_story", "2 lines")
    })?;
    page.step("a change is one message, and three that answer it", |browser| {
        browser.eval::<()>("void (wire.sent.length = wire.received.length = 0)")?;
        browser.fill("#count", "8")?;
        browser.until_text("#shown_count", "16")?;
        let sent: serde_json::Value = browser.eval("wire.sent.map((text) => JSON.parse(text))")?;
        ensure!(
            sent == json!([{ "method": "update", "data": { "count:shiny.number": 8 } }]),
            "the page sent {sent}"
        );
        let received: serde_json::Value = browser.eval("wire.received.map((text) => JSON.parse(text))")?;
        let running = |status: &str| json!({ "name": "shown_count", "status": status });
        let expected = json!([
            { "busy": "busy", "progress": { "type": "binding", "message": { "id": "shown_count" } } },
            { "recalculating": running("recalculating") },
            {
                "recalculating": running("recalculated"),
                "busy": "idle",
                "values": { "shown_count": "16" },
                "errors": {},
                "inputMessages": [],
            },
        ]);
        ensure!(received == expected, "the session answered {received}");
        Ok(String::new())
    })?;
    page.step("emptied fields are nothing", |browser| {
        browser.fill("#words", "")?;
        browser.until_text("#shown_words", "")?;
        browser.fill("#count", "")?;
        browser.until_text("#shown_count", "no number")
    })?;
    page.step("the server fills the fields", |browser| {
        browser.click("#fill")?;
        browser.until_text("#shown_words", "FROM THE SERVER")?;
        browser.until_text("#shown_count", "84")?;
        browser.until_text("#shown_secret", "0 letters")?;
        browser.until_text("#shown_story", "3 lines")?;
        browser.until_text("label[for=words]", "Your words")?;
        browser.until::<bool>("document.querySelector('#count').step === '2' && document.querySelector('#count').max === '50'")?;
        browser.until("document.querySelector('#story').placeholder")
    })
}
