//! Tabs that come and go.

use serde_json::json;
use session_core::page::{Html, Tab};
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("tabs", PAGE, app, visit);

const PAGE: &str = r##"
<input id="n" type="number" value="1">
<button id="insert" class="btn btn-default action-button">Insert</button>
<button id="hide" class="btn btn-default action-button">Hide</button>
<button id="show" class="btn btn-default action-button">Show</button>
<button id="remove" class="btn btn-default action-button">Remove</button>
<button id="select" class="btn btn-default action-button">Select</button>
<ul class="nav nav-tabs shiny-tab-input" id="tabs" data-tabsetid="1000">
  <li class="nav-item"><a class="nav-link active" href="#tab-1000-0" data-bs-toggle="tab" data-toggle="tab" data-value="first">First</a></li>
  <li class="nav-item"><a class="nav-link" href="#tab-1000-1" data-bs-toggle="tab" data-toggle="tab" data-value="second">Second</a></li>
</ul>
<div class="tab-content" data-tabsetid="1000">
  <div class="tab-pane active" id="tab-1000-0" data-value="first">One</div>
  <div class="tab-pane" id="tab-1000-1" data-value="second">Two</div>
</div>
<p id="chosen" class="shiny-text-output"></p>
<p id="runs" class="shiny-text-output"></p>
"##;

fn app(s: &Session<'_>) -> Result<()> {
    let n = s.input::<f64>("n")?;
    let runs = s.value(0);
    s.output("extra", move |s| {
        runs.update(s, |runs| *runs += 1)?;
        Ok(format!("extra {}", n.get(s)?))
    })?;
    s.output("runs", move |s| Ok(format!("{} runs", runs.get(s)?)))?;
    let tabs = s.input::<String>("tabs")?;
    s.output("chosen", move |s| tabs.get(s))?;

    s.on_event(s.input::<Action>("insert")?, |s, Action(times)| {
        let content = Html::raw(r#"<p id="extra" class="shiny-text-output"></p>"#);
        let tab = Tab::new("Ex & tra", "extra", content).before("second");
        s.insert_tab("tabs", if times > 1 { tab.select() } else { tab })
    });
    s.on_event(s.input::<Action>("hide")?, |s, _| s.hide_tab("tabs", "extra"));
    s.on_event(s.input::<Action>("show")?, |s, _| s.show_tab("tabs", "extra"));
    s.on_event(s.input::<Action>("remove")?, |s, _| s.remove_tab("tabs", "extra"));
    s.on_event(s.input::<Action>("select")?, |s, _| {
        s.send_input_message("tabs", &json!({ "value": "second" }))
    });
    Ok(())
}

/// The tabs that a person sees, in order.
const SEEN: &str = "[...document.querySelectorAll('#tabs a')].filter((it) => it.getClientRects().length).map((it) => it.textContent).join()";

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a tab is inserted, and its output rests until it is seen", |browser| {
        browser.until_text("#chosen", "first")?;
        browser.click("#insert")?;
        browser.until::<bool>(&format!("{SEEN} === 'First,Ex & tra,Second'"))?;
        browser.until_text("#chosen", "first")?;
        browser.until_text("#runs", "0 runs")?;
        browser.click("#tabs [data-value=extra]")?;
        browser.until_text("#extra", "extra 1")?;
        browser.until_text("#chosen", "extra")?;
        browser.until_text("#runs", "1 runs")
    })?;
    page.step("hidden, nobody finds it, and its output rests", |browser| {
        // The client itself has no other tab take over from one that is hidden while it shows.
        browser.click("#tabs [data-value=first]")?;
        browser.until_text("#chosen", "first")?;
        browser.click("#hide")?;
        browser.until::<bool>(&format!("{SEEN} === 'First,Second'"))?;
        browser.fill("#n", "2")?;
        browser.until::<bool>("Shiny.shinyapp.$inputValues['n:shiny.number'] === 2")?;
        browser.until_text("#runs", "1 runs")
    })?;
    page.step("shown again, it is up to date", |browser| {
        browser.click("#show")?;
        browser.until::<bool>(&format!("{SEEN} === 'First,Ex & tra,Second'"))?;
        browser.until_text("#runs", "1 runs")?;
        browser.click("#tabs [data-value=extra]")?;
        browser.until_text("#extra", "extra 2")?;
        browser.until_text("#runs", "2 runs")
    })?;
    page.step("removed, it is gone, and another tab is chosen", |browser| {
        browser.click("#remove")?;
        browser.until::<bool>(&format!("{SEEN} === 'First,Second'"))?;
        browser.until_text("#chosen", "first")?;
        browser.until::<bool>("document.querySelector('#extra') === null")?;
        browser.until_text("#runs", "2 runs")
    })?;
    page.step("inserted once more, it is the one that shows", |browser| {
        browser.click("#insert")?;
        browser.until_text("#chosen", "extra")?;
        browser.until_text("#extra", "extra 2")?;
        browser.click("#select")?;
        browser.until_text("#chosen", "second")?;
        browser
            .until::<bool>("document.querySelector('.tab-pane.active').textContent === 'Two'")?;
        Ok(String::new())
    })
}
