//! The address of the page, and loading it anew.

use session_core::page::QueryMode;
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("location", PAGE, app, visit);

const PAGE: &str = r#"
<button id="push" class="btn btn-default action-button">Push</button>
<button id="replace" class="btn btn-default action-button">Replace</button>
<button id="mark" class="btn btn-default action-button">Mark</button>
<button id="reload" class="btn btn-default action-button">Reload</button>
<p id="url" class="shiny-text-output"></p>
<p id="session" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let (search, hash) = (s.client_data().search(), s.client_data().hash());
    s.output("url", move |s| Ok(format!("{}{}", search.get(s)?, hash.get(s)?)))?;
    s.output("session", |s| Ok(s.id().to_owned()))?;
    // What there is stays: it may say how the page connects.
    let query = move |s: &Session<'_>, more: &str| -> Result<String> {
        let search = search.get(s)?;
        let search = search.split("page=").next().unwrap_or_default().trim_end_matches(['?', '&']);
        Ok(format!("{search}{}{more}", if search.is_empty() { "?" } else { "&" }))
    };
    s.on_event(s.input::<Action>("push")?, move |s, _| {
        s.update_query_string(&query(s, "page=2")?, QueryMode::Push)
    });
    s.on_event(s.input::<Action>("replace")?, move |s, _| {
        s.update_query_string(&query(s, "page=3")?, QueryMode::Replace)
    });
    s.on_event(s.input::<Action>("mark")?, |s, _| s.update_query_string("#there", QueryMode::Push));
    s.on_event(s.input::<Action>("reload")?, |s, _| s.reload());
    Ok(())
}

const SESSION: &str = "document.querySelector('#session').textContent";

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("the session changes the address, and one can go back", |browser| {
        browser.until::<String>(SESSION)?;
        let before: String = browser.eval("location.href")?;
        browser.click("#push")?;
        browser.until::<bool>("location.search.endsWith('page=2')")?;
        browser.until::<bool>("document.querySelector('#url').textContent.endsWith('page=2')")?;
        browser.click("#mark")?;
        browser.until::<bool>("location.hash === '#there'")?;
        browser
            .until::<bool>("document.querySelector('#url').textContent.endsWith('page=2#there')")?;
        browser.eval::<()>("void history.go(-2)")?;
        browser.until::<bool>(&format!("location.href === '{before}'"))?;
        browser.until::<bool>("!document.querySelector('#url').textContent.includes('page')")?;
        Ok(String::new())
    })?;
    page.step("what it replaces is not gone back to", |browser| {
        let entries: usize = browser.eval("history.length")?;
        browser.click("#replace")?;
        browser.until::<bool>("location.search.endsWith('page=3')")?;
        let now: usize = browser.eval("history.length")?;
        anyhow::ensure!(now == entries, "there were {entries} entries, now there are {now}");
        Ok(String::new())
    })?;
    page.step("the session has the page loaded anew", |browser| {
        let before: String = browser.eval(SESSION)?;
        browser.click("#reload")?;
        browser.until::<bool>(&format!("{SESSION} && {SESSION} !== '{before}'"))?;
        browser.until::<bool>("document.querySelector('#url').textContent.endsWith('page=3')")?;
        Ok(String::new())
    })
}
