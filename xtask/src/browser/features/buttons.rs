//! An action button and an action link.

use serde_json::json;
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("buttons", PAGE, app, visit);

const PAGE: &str = r##"
<button id="go" class="btn btn-default action-button"><span class="action-label">Go</span></button>
<a id="more" href="#" class="action-button action-link"><span class="action-label">More</span></a>
<button id="lock" class="btn btn-default action-button">Lock</button>
<p id="clicks" class="shiny-text-output"></p>
<p id="events" class="shiny-text-output"></p>
"##;

fn app(s: &Session<'_>) -> Result<()> {
    let (go, more) = (s.input::<Action>("go")?, s.input::<Action>("more")?);
    s.output("clicks", move |s| Ok(format!("{} and {}", go.get(s)?.0, more.get(s)?.0)))?;

    // A button that nobody has clicked is no event, at the start either.
    let events = s.value(Vec::new());
    for (button, name) in [(go, "go"), (more, "more")] {
        s.on_event(button, move |s, _| {
            events.update(s, |events| events.push(name))?;
            Ok(())
        });
    }
    s.output("events", move |s| Ok(format!("{}.", events.get(s)?.join(", "))))?;

    s.on_event(s.input::<Action>("lock")?, |s, _| {
        s.send_input_message("go", &json!({ "label": "Gone", "disabled": true }))
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("buttons that nobody clicked are no event", |browser| {
        browser.until_text("#clicks", "0 and 0")?;
        browser.until_text("#events", ".")
    })?;
    page.step("each click counts", |browser| {
        browser.click("#go")?;
        browser.until_text("#clicks", "1 and 0")?;
        browser.click("#more")?;
        browser.click("#go")?;
        browser.until_text("#clicks", "2 and 1")?;
        browser.until_text("#events", "go, more, go.")
    })?;
    page.step("the server renames and locks a button", |browser| {
        browser.click("#lock")?;
        browser.until_text("#go", "Gone")?;
        browser.until::<bool>("document.querySelector('#go').disabled")?;
        browser.click("#more")?;
        browser.until_text("#clicks", "2 and 2")
    })
}
