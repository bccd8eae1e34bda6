//! A dialog before the page, with inputs and an output in it.

use session_core::page::{Html, Modal, ModalSize};
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("modal", PAGE, app, visit);

const PAGE: &str = r#"
<button id="ask" class="btn btn-default action-button">Ask</button>
<button id="tell" class="btn btn-default action-button">Tell</button>
<p id="answer" class="shiny-text-output"></p>
<script>
// A dialog takes its time to come, and hears no button meanwhile.
let shown = 0;
addEventListener("shown.bs.modal", () => (shown += 1));
</script>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let name = s.input::<String>("name")?;
    s.output("greeting", move |s| Ok(format!("Hello, {}", name.get(s)?)))?;
    s.on_event(s.input::<Action>("ask")?, |s, _| {
        let body = Html::raw(
            r#"<label for="name">Name</label> <input id="name" type="text" value="you"><p id="greeting" class="shiny-text-output"></p>"#,
        );
        let footer = Modal::dismiss_button("Not now")
            + Html::raw(r#"<button id="done" type="button" class="btn btn-primary action-button">Done</button>"#);
        s.show_modal(Modal::new(body).title("Who are you?").footer(footer).size(ModalSize::Large))
    });
    let answer = s.value(String::from("nobody"));
    s.on_event(s.input::<Action>("done")?, move |s, _| {
        answer.set(s, name.get(s)?)?;
        s.remove_modal()
    });
    s.output("answer", move |s| answer.get(s))?;
    s.on_event(s.input::<Action>("tell")?, |s, _| {
        s.show_modal(Modal::new("Nothing to <see>").easy_close())
    });
    Ok(())
}

/// Nothing of it is left in the page.
const GONE: &str = "document.querySelector('#shiny-modal-wrapper, .modal-backdrop') === null";

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a dialog is shown, and what is in it lives", |browser| {
        browser.until_text("#answer", "nobody")?;
        browser.click("#ask")?;
        browser.until::<bool>("shown === 1")?;
        browser.until_text("#shiny-modal .modal-title", "Who are you?")?;
        browser.until_text("#greeting", "Hello, you")?;
        browser.fill("#name", "Ada")?;
        browser.until_text("#greeting", "Hello, Ada")
    })?;
    page.step("a button in it has the session take it away", |browser| {
        browser.click("#done")?;
        browser.until::<bool>(GONE)?;
        browser.until_text("#answer", "Ada")
    })?;
    page.step("it comes again, and the page closes it by itself", |browser| {
        browser.click("#ask")?;
        browser.until::<bool>("shown === 2")?;
        browser.until_text("#greeting", "Hello, you")?;
        browser.click("#shiny-modal [data-bs-dismiss]")?;
        browser.until::<bool>(GONE)?;
        browser.until_text("#answer", "Ada")
    })?;
    page.step("one that is easy to close goes with a key", |browser| {
        browser.click("#tell")?;
        browser.until::<bool>("shown === 3")?;
        browser.until_text("#shiny-modal .modal-body", "Nothing to <see>")?;
        browser.keys("#shiny-modal", "\u{e00c}")?;
        browser.until::<bool>(GONE)?;
        Ok(String::new())
    })
}
