//! Sliders of one value and of two, and one of dates.

use serde_json::json;
use session_core::{Action, Date, Result, Session};

use super::{Feature, Page};
use crate::browser::webdriver::Browser;
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("slider", PAGE, app, visit);

const PAGE: &str = r#"
<div class="form-group shiny-input-container"><label class="control-label" for="level">Level</label>
  <input id="level" class="js-range-slider" data-skin="shiny" data-min="0" data-max="100" data-from="20" data-step="10"
    data-keyboard="true" data-prettify-enabled="true" data-prettify-separator="," data-data-type="number"></div>
<div class="form-group shiny-input-container"><label class="control-label" for="range">Range</label>
  <input id="range" class="js-range-slider" data-skin="shiny" data-type="double" data-min="0" data-max="10" data-from="2"
    data-to="5" data-step="1" data-keyboard="true" data-drag-interval="true" data-data-type="number"></div>
<div class="form-group shiny-input-container"><label class="control-label" for="day">Day</label>
  <input id="day" class="js-range-slider" data-skin="shiny" data-min="1704067200000" data-max="1706659200000"
    data-from="1704153600000" data-step="86400000" data-keyboard="true" data-data-type="date" data-time-format="%F"></div>
<button id="change" class="btn btn-default action-button">Change</button>
<p id="shown_level" class="shiny-text-output"></p>
<p id="shown_range" class="shiny-text-output"></p>
<p id="shown_day" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let level = s.input::<f64>("level")?;
    s.output("shown_level", move |s| Ok(level.get(s)?.to_string()))?;
    let range = s.input::<(f64, f64)>("range")?;
    s.output("shown_range", move |s| {
        let (from, to) = range.get(s)?;
        Ok(format!("{from} to {to}, {} in all", to - from))
    })?;
    let day = s.input::<Date>("day")?;
    s.output("shown_day", move |s| Ok(day.get(s)?.to_string()))?;
    s.on_event(s.input::<Action>("change")?, |s, _| {
        s.send_input_message("level", &json!({ "value": 150, "max": 200, "label": "The level" }))?;
        s.send_input_message("range", &json!({ "value": [6, 7] }))?;
        s.send_input_message("day", &json!({ "value": 1_706_572_800_000_i64 }))
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("where the sliders stand at first is shown", |browser| {
        browser.until_text("#shown_level", "20")?;
        browser.until_text("#shown_range", "2 to 5, 3 in all")?;
        browser.until_text("#shown_day", "2024-01-02")
    })?;
    page.step("dragging a slider is shown", |browser| {
        drag(browser, "level", ".single", 0.5)?;
        browser.until_text("#shown_level", "70")?;
        drag(browser, "range", ".from", -0.1)?;
        browser.until_text("#shown_range", "1 to 5, 4 in all")?;
        drag(browser, "range", ".to", 0.3)?;
        browser.until_text("#shown_range", "1 to 8, 7 in all")?;
        drag(browser, "day", ".single", 1.0)?;
        browser.until_text("#shown_day", "2024-01-31")
    })?;
    page.step("the server moves the sliders", |browser| {
        browser.click("#change")?;
        browser.until_text("#shown_level", "150")?;
        browser.until_text("#shown_range", "6 to 7, 1 in all")?;
        browser.until_text("#shown_day", "2024-01-30")?;
        browser.until_text("label[for=level]", "The level")
    })
}

/// Drags a handle along a part of the slider's whole way.
fn drag(browser: &Browser, id: &str, handle: &str, part: f64) -> anyhow::Result<()> {
    // The input comes right after what is drawn for it.
    let slider = format!("span.irs:has(+ #{id})");
    let handle = format!("{slider} .irs-handle{handle}");
    let way: f64 = browser.eval(&format!(
        "document.querySelector('{slider} .irs-line').offsetWidth - document.querySelector('{handle}').offsetWidth"
    ))?;
    browser.drag(&handle, way * part)
}
