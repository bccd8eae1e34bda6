//! A page that loses its link and comes back; and one that is loaded again.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use serde::Deserialize;
use session_core::{Action, Reconnect, Result, Session};

use super::page::Signs;
use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("reconnect", PAGE, app, visit);

const PAGE: &str = r#"
<input id="words" type="text" value="hello">
<button id="go" class="btn btn-default action-button">Go</button>
<p id="shout" class="shiny-text-output"></p>
<p id="clicks" class="shiny-text-output"></p>
<p id="session" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    s.allow_reconnect(Reconnect::Force);
    let words = s.input::<String>("words")?;
    s.output("shout", move |s| Ok(words.get(s)?.to_uppercase()))?;
    let go = s.input::<Action>("go")?;
    s.output("clicks", move |s| Ok(format!("{} clicks", go.get(s)?.0)))?;
    s.output("session", |s| Ok(s.id().to_owned()))
}

/// What the page has said of itself, each time it had a link.
const INITS: &str =
    "wire.sent.map((text) => JSON.parse(text)).filter(({ method }) => method === 'init')";

#[derive(Debug, Deserialize)]
struct Message {
    data: BTreeMap<String, serde_json::Value>,
}

const SESSION: &str = "document.querySelector('#session').textContent";

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("the page is used", |browser| {
        browser.fill("#words", "kept")?;
        browser.until_text("#shout", "KEPT")?;
        browser.click("#go")?;
        browser.until_text("#clicks", "1 clicks")
    })?;
    let returned = Signs { links: 2, ..Signs::default() };
    page.step_with("its link is lost, and it comes back with what it held", returned, |browser| {
        let first: String = browser.until(SESSION)?;
        browser.eval::<()>("void Shiny.shinyapp.$socket.close()")?;
        browser.until::<bool>("document.querySelector('#shiny-disconnected-overlay') !== null")?;
        browser.click("#shiny-reconnect-now")?;
        browser.until::<bool>(&format!("{SESSION} !== '{first}'"))?;
        browser.until::<bool>("document.querySelector('#shiny-disconnected-overlay') === null")?;
        browser.until_text("#shout", "KEPT")?;
        browser.until_text("#clicks", "1 clicks")?;
        // As recorded: everything the page ever said, under its full names, and nothing of the session that was.
        let said: Vec<Message> = browser.eval(INITS)?;
        let [before, after] = &said[..] else {
            bail!("the page introduced itself {} times", said.len())
        };
        ensure!(before.data.keys().eq(after.data.keys()), "it speaks of {:?}", after.data.keys());
        ensure!(
            after.data["words"] == "kept" && after.data["go:shiny.action"] == 1,
            "it says {:?}",
            after.data
        );
        ensure!(!format!("{after:?}").contains(&first), "it names the session that was");
        Ok(format!("it says {} things again", after.data.len()))
    })?;
    page.step_with("it goes on from there", returned, |browser| {
        browser.fill("#words", "on")?;
        browser.until_text("#shout", "ON")?;
        browser.click("#go")?;
        browser.until_text("#clicks", "2 clicks")
    })?;
    page.step("loaded again, it begins anew", |browser| {
        let before: String = browser.eval(SESSION)?;
        browser.eval::<()>("void location.reload()")?;
        browser.until::<bool>(&format!("{SESSION} && {SESSION} !== '{before}'"))?;
        browser.until_text("#shout", "HELLO")?;
        browser.until_text("#clicks", "0 clicks")
    })
}
