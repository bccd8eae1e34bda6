//! Selects, plain and selectized, of one and of many.

use serde_json::json;
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("select", PAGE, app, visit);

const PAGE: &str = r#"
<button id="change" class="btn btn-default action-button">Change</button>
<div class="form-group shiny-input-container"><label for="one">One</label><div>
  <select id="one" class="shiny-input-select form-control"><option value="a" selected>A</option><option value="b">B</option></select>
</div></div>
<div class="form-group shiny-input-container"><label for="many">Many</label><div>
  <select id="many" class="shiny-input-select form-control" multiple><option value="a">A</option><option value="b">B</option><option value="c">C</option></select>
</div></div>
<div class="form-group shiny-input-container"><label for="rich-selectized">Rich</label><div>
  <select id="rich" class="shiny-input-select"><option value="x" selected>Ex</option><option value="y">Why</option></select>
  <script type="application/json" data-for="rich">{"plugins": ["selectize-plugin-a11y"]}</script>
</div></div>
<div class="form-group shiny-input-container"><label for="tags-selectized">Tags</label><div>
  <select id="tags" class="shiny-input-select" multiple><option value="x">Ex</option><option value="y">Why</option><option value="z">Zed</option></select>
  <script type="application/json" data-for="tags">{"plugins": ["selectize-plugin-a11y"], "shinyRemoveButton": "true"}</script>
</div></div>
<p id="shown_one" class="shiny-text-output"></p>
<p id="shown_many" class="shiny-text-output"></p>
<p id="shown_rich" class="shiny-text-output"></p>
<p id="shown_tags" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    for id in ["one", "rich"] {
        let one = s.input::<String>(id)?;
        s.output(format!("shown_{id}").as_str(), move |s| one.get(s))?;
    }
    for id in ["many", "tags"] {
        let many = s.input::<Vec<String>>(id)?;
        s.output(format!("shown_{id}").as_str(), move |s| {
            Ok(format!("[{}]", many.get(s)?.join(" ")))
        })?;
    }
    s.on_event(s.input::<Action>("change")?, |s, _| {
        let options = r#"<option value="d">D</option><option value="e" selected>E</option>"#;
        for id in ["one", "rich"] {
            s.send_input_message(id, &json!({ "options": options, "value": ["e"] }))?;
        }
        s.send_input_message("many", &json!({ "value": ["a", "b"] }))?;
        s.send_input_message("tags", &json!({ "value": ["z"], "label": "The tags" }))
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("what is selected at first is shown", |browser| {
        browser.until_text("#shown_one", "a")?;
        browser.until_text("#shown_many", "[]")?;
        browser.until_text("#shown_rich", "x")?;
        browser.until_text("#shown_tags", "[]")
    })?;
    page.step("what a person selects is shown", |browser| {
        browser.click("#one option[value=b]")?;
        browser.until_text("#shown_one", "b")?;
        browser.click("#many option[value=a]")?;
        browser.click("#many option[value=c]")?;
        browser.until_text("#shown_many", "[a c]")?;
        browser.click("#many option[value=a]")?;
        browser.click("#many option[value=c]")?;
        browser.until_text("#shown_many", "[]")
    })?;
    page.step("so is what is selected with selectize", |browser| {
        browser.click("#rich + .selectize-control .selectize-input")?;
        browser.click("#rich + .selectize-control [data-value=y].option")?;
        browser.until_text("#shown_rich", "y")?;
        browser.click("#tags + .selectize-control .selectize-input")?;
        browser.click("#tags + .selectize-control [data-value=z].option")?;
        // By its label, as one types it.
        browser.keys("#tags-selectized", "ex\u{e007}")?;
        browser.until_text("#shown_tags", "[z x]")?;
        browser.click("#tags + .selectize-control [data-value=z] .remove")?;
        browser.until_text("#shown_tags", "[x]")
    })?;
    page.step("the server selects otherwise, from other options", |browser| {
        browser.click("#change")?;
        browser.until_text("#shown_one", "e")?;
        browser.until_text("#shown_rich", "e")?;
        browser.until_text("#shown_many", "[a b]")?;
        browser.until_text("#shown_tags", "[z]")?;
        browser.until_text("label[for=tags-selectized]", "The tags")
    })
}
