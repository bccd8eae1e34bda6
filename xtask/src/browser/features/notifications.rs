//! Notes in the corner of the page.

use std::time::Duration;

use session_core::page::{Html, Notification, NotificationKind};
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("notifications", PAGE, app, visit);

const PAGE: &str = r#"
<button id="save" class="btn btn-default action-button">Save</button>
<button id="work" class="btn btn-default action-button">Work</button>
<button id="finish" class="btn btn-default action-button">Finish</button>
<p id="undone" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    s.on_event(s.input::<Action>("save")?, |s, Action(times)| {
        let undo = Html::raw(r##"<a id="undo" href="#" class="action-button">Undo</a>"##);
        let saved = Html::raw("<em>Saved</em> ") + format!("<{times}>");
        s.show_notification(Notification::new(saved).sticky().action(undo).id("saved"))?;
        let brief =
            Notification::new("In a moment it is gone").duration(Duration::from_millis(400));
        s.show_notification(brief.kind(NotificationKind::Warning).no_close_button())?;
        Ok(())
    });
    let undo = s.input::<Action>("undo")?;
    s.output("undone", move |s| Ok(format!("undone {} times", undo.get(s)?.0)))?;
    let shown = s.value(String::new());
    s.on_event(s.input::<Action>("work")?, move |s, _| {
        let working = Notification::new("Working").sticky().kind(NotificationKind::Message);
        shown.set(s, s.show_notification(working)?)?;
        Ok(())
    });
    s.on_event(s.input::<Action>("finish")?, move |s, _| s.remove_notification(&shown.get(s)?));
    Ok(())
}

const TEXTS: &str = "[...document.querySelectorAll('.shiny-notification-content-text')].map((it) => it.textContent).join()";

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a note is shown, and what can be done about it is an input", |browser| {
        browser.click("#save")?;
        browser.until_text(
            "#shiny-notification-saved .shiny-notification-content-text",
            "Saved <1>",
        )?;
        browser.until::<bool>("document.querySelector('#shiny-notification-saved em') !== null")?;
        browser.click("#undo")?;
        browser.until_text("#undone", "undone 1 times")
    })?;
    page.step("one goes by itself, and one of the same id takes the place of the other", |browser| {
        browser.until::<bool>(&format!("{TEXTS} === 'Saved <1>'"))?;
        browser.click("#save")?;
        browser.until_text("#shiny-notification-saved .shiny-notification-content-text", "Saved <2>")?;
        browser.until::<bool>("document.querySelector('.shiny-notification-warning:not(:has(.shiny-notification-close))') !== null")?;
        browser.until::<bool>(&format!("{TEXTS} === 'Saved <2>'"))?;
        browser.click("#shiny-notification-saved .shiny-notification-close")?;
        browser.until::<bool>("document.querySelector('.shiny-notification') === null")?;
        Ok(String::new())
    })?;
    page.step("the session takes one away", |browser| {
        browser.click("#work")?;
        browser.until_text(
            ".shiny-notification-message .shiny-notification-content-text",
            "Working",
        )?;
        browser.click("#finish")?;
        browser.until::<bool>("document.querySelector('.shiny-notification') === null")?;
        Ok(String::new())
    })
}
