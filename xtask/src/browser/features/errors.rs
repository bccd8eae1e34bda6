//! What a page shows when something goes wrong, or when there is nothing to show.

use session_core::{Action, Result, Session, notify, req, req_cancel, safe};

use super::page::Signs;
use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("errors", PAGE, app, visit);

const PAGE: &str = r#"
<input id="n" type="number" value="1">
<button id="warn" class="btn btn-default action-button">Warn</button>
<p id="told" class="shiny-text-output"></p>
<p id="kept" class="shiny-text-output"></p>
<p id="blank" class="shiny-text-output"></p>
<p id="still" class="shiny-text-output"></p>
"#;

/// What fails in app code is logged whole.
const FAILED: Signs = Signs { logs: &["app code failed"], links: 1 };

fn app(s: &Session<'_>) -> Result<()> {
    let n = s.input::<f64>("n")?;
    s.output("told", move |s| match n.get(s)? {
        n if n < 0.0 => Err(safe("only <positive> numbers").into()),
        n => Ok(format!("root {}", n.sqrt())),
    })?;
    s.output("kept", move |s| match n.get(s)? {
        n if n < 0.0 => Err(std::io::Error::other("a secret of the server").into()),
        n => Ok(format!("kept {n}")),
    })?;
    s.output("blank", move |s| {
        req(n.get(s)? > 0.0)?;
        Ok(format!("blank {}", n.get(s)?))
    })?;
    s.output("still", move |s| {
        req_cancel(n.get(s)? > 0.0)?;
        Ok(format!("still {}", n.get(s)?))
    })?;
    s.on_event(s.input::<Action>("warn")?, |_, _| Err(notify("<b>mind</b> the step").into()));
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("at first nothing is wrong", |browser| {
        browser.until_text("#told", "root 1")?;
        browser.until_text("#still", "still 1")
    })?;
    page.step_with("an error stands in its output, and no other", FAILED, |browser| {
        browser.fill("#n", "-4")?;
        browser.until_text("#told", "only <positive> numbers")?;
        browser.until_text(
            "#kept",
            "An error has occurred. Check your logs or contact the app author for clarification.",
        )?;
        browser.until_text("#blank", "")?;
        browser.until_text("#still", "still 1")?;
        browser.until(
            "[...document.querySelectorAll('.shiny-output-error')].map(({ id }) => id).join()",
        )
    })?;
    page.step("it goes with the next value", |browser| {
        browser.fill("#n", "4")?;
        browser.until_text("#told", "root 2")?;
        browser.until_text("#kept", "kept 4")?;
        browser.until_text("#blank", "blank 4")?;
        browser.until_text("#still", "still 4")?;
        browser.until::<bool>("document.querySelector('.shiny-output-error') === null")?;
        Ok(String::new())
    })?;
    let failed = Signs { logs: &["an effect failed"], ..Signs::default() };
    page.step_with("an error of an effect is shown as a notification", failed, |browser| {
        browser.click("#warn")?;
        browser.until_text(
            ".shiny-notification-error .shiny-notification-content-text",
            "<b>mind</b> the step",
        )?;
        browser.click(".shiny-notification-close")?;
        browser.until::<bool>("document.querySelector('.shiny-notification') === null")?;
        Ok(String::new())
    })
}
