//! A date and a range of dates.

use serde_json::json;
use session_core::{Action, Date, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("dates", PAGE, app, visit);

const PAGE: &str = r#"
<div id="day" class="shiny-date-input form-group shiny-input-container">
  <label class="control-label" for="day">Day</label>
  <input type="text" class="form-control" title="Date format: yyyy-mm-dd" data-date-language="en" data-date-week-start="0"
    data-date-format="yyyy-mm-dd" data-date-start-view="month" data-initial-date="2024-02-10" data-date-autoclose="true">
</div>
<div id="span" class="shiny-date-range-input form-group shiny-input-container">
  <label class="control-label" for="span">Span</label>
  <div class="input-daterange input-group input-group-sm">
    <input class="form-control" type="text" title="Date format: yyyy-mm-dd" data-date-language="en" data-date-week-start="0"
      data-date-format="yyyy-mm-dd" data-date-start-view="month" data-initial-date="2024-02-01" data-date-autoclose="true">
    <span class="input-group-addon input-group-prepend input-group-append"><span class="input-group-text">to</span></span>
    <input class="form-control" type="text" title="Date format: yyyy-mm-dd" data-date-language="en" data-date-week-start="0"
      data-date-format="yyyy-mm-dd" data-date-start-view="month" data-initial-date="2024-02-29" data-date-autoclose="true">
  </div>
</div>
<button id="change" class="btn btn-default action-button">Change</button>
<p id="shown_day" class="shiny-text-output"></p>
<p id="shown_span" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let day = s.input::<Option<Date>>("day")?;
    s.output("shown_day", move |s| {
        Ok(day.get(s)?.map_or_else(|| "no day".to_owned(), |day| day.to_string()))
    })?;
    let span = s.input::<(Option<Date>, Option<Date>)>("span")?;
    s.output("shown_span", move |s| {
        let (from, to) = span.get(s)?;
        let text =
            |day: Option<Date>| day.map_or_else(|| "any day".to_owned(), |day| day.to_string());
        Ok(format!("{} to {}", text(from), text(to)))
    })?;
    s.on_event(s.input::<Action>("change")?, |s, _| {
        s.send_input_message(
            "day",
            &json!({ "value": "2030-12-31", "label": "The day", "min": "2030-01-01" }),
        )?;
        s.send_input_message(
            "span",
            &json!({ "value": { "start": "2030-01-01", "end": "2030-06-30" } }),
        )
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("the dates at first are shown", |browser| {
        browser.until_text("#shown_day", "2024-02-10")?;
        browser.until_text("#shown_span", "2024-02-01 to 2024-02-29")
    })?;
    page.step("a day picked from the calendar is shown", |browser| {
        browser.click("#day input")?;
        browser.click(".datepicker-days [data-date='1708560000000']")?;
        browser.until_text("#shown_day", "2024-02-22")
    })?;
    page.step("typed dates are shown, and no date is none", |browser| {
        browser.fill("#day input", "2024-03-09\u{e007}")?;
        browser.until_text("#shown_day", "2024-03-09")?;
        browser.fill("#day input", "")?;
        browser.keys("#day input", "\u{e004}")?;
        browser.until_text("#shown_day", "no day")?;
        browser.fill("#span input:first-child", "2024-02-15\u{e007}")?;
        browser.until_text("#shown_span", "2024-02-15 to 2024-02-29")
    })?;
    page.step("the server sets other dates", |browser| {
        browser.click("#change")?;
        browser.until_text("#shown_day", "2030-12-31")?;
        browser.until_text("#shown_span", "2030-01-01 to 2030-06-30")?;
        browser.until_text("label[for=day]", "The day")
    })
}
