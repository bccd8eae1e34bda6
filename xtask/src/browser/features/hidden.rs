//! Outputs that nobody sees: they rest, unless told otherwise.

use session_core::{OutputOptions, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("hidden", PAGE, app, visit);

const PAGE: &str = r##"
<input id="n" type="number" value="1">
<ul class="nav nav-tabs shiny-tab-input" id="tabs" data-tabsetid="1000">
  <li class="nav-item"><a class="nav-link active" href="#tab-1000-0" data-bs-toggle="tab" data-toggle="tab" data-value="first">First</a></li>
  <li class="nav-item"><a class="nav-link" href="#tab-1000-1" data-bs-toggle="tab" data-toggle="tab" data-value="second">Second</a></li>
</ul>
<div class="tab-content" data-tabsetid="1000">
  <div class="tab-pane active" id="tab-1000-0"><p id="open" class="shiny-text-output"></p></div>
  <div class="tab-pane" id="tab-1000-1"><p id="closed" class="shiny-text-output"></p><p id="restless" class="shiny-text-output"></p></div>
</div>
<p id="chosen" class="shiny-text-output"></p>
<p id="runs" class="shiny-text-output"></p>
"##;

fn app(s: &Session<'_>) -> Result<()> {
    let n = s.input::<f64>("n")?;
    let runs = s.value((0, 0, 0));
    s.output("open", move |s| {
        runs.update(s, |(open, ..)| *open += 1)?;
        Ok(format!("open {}", n.get(s)?))
    })?;
    s.output("closed", move |s| {
        runs.update(s, |(_, closed, _)| *closed += 1)?;
        Ok(format!("closed {}", n.get(s)?))
    })?;
    s.output_with("restless", OutputOptions::default().suspend_when_hidden(false), move |s| {
        runs.update(s, |(.., restless)| *restless += 1)?;
        Ok(format!("restless {}", n.get(s)?))
    })?;
    let tabs = s.input::<String>("tabs")?;
    s.output("chosen", move |s| tabs.get(s))?;
    s.output("runs", move |s| Ok(format!("{:?}", runs.get(s)?)))
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("an output in a hidden tab does not run", |browser| {
        browser.until_text("#open", "open 1")?;
        browser.until_text("#chosen", "first")?;
        browser.until_text("#runs", "(1, 0, 1)")?;
        browser.fill("#n", "2")?;
        browser.until_text("#open", "open 2")?;
        browser.until_text("#restless", "restless 2")?;
        browser.until_text("#runs", "(2, 0, 2)")
    })?;
    page.step("it runs once its tab is shown, the other rests", |browser| {
        browser.click("[data-value=second]")?;
        browser.until_text("#closed", "closed 2")?;
        browser.until_text("#chosen", "second")?;
        browser.fill("#n", "3")?;
        browser.until_text("#closed", "closed 3")?;
        browser.until_text("#runs", "(2, 2, 3)")
    })?;
    page.step("back again, only what is out of date runs", |browser| {
        browser.click("[data-value=first]")?;
        browser.until_text("#open", "open 3")?;
        browser.until_text("#runs", "(3, 2, 3)")?;
        browser.click("[data-value=second]")?;
        browser.until_text("#chosen", "second")?;
        browser.until_text("#runs", "(3, 2, 3)")
    })
}
