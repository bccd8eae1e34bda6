//! Things to choose from: radio buttons, a checkbox, a group of checkboxes.

use serde_json::json;
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("choices", PAGE, app, visit);

const PAGE: &str = r#"
<div id="size" class="form-group shiny-input-radiogroup shiny-input-container">
  <label class="control-label" for="size">Size</label>
  <div class="shiny-options-group">
    <div class="radio"><label><input type="radio" name="size" value="s" checked><span>Small</span></label></div>
    <div class="radio"><label><input type="radio" name="size" value="l"><span>Large</span></label></div>
  </div>
</div>
<div id="colour" class="form-group shiny-input-radiogroup shiny-input-container">
  <div class="shiny-options-group">
    <div class="radio"><label><input type="radio" name="colour" value="red"><span>Red</span></label></div>
    <div class="radio"><label><input type="radio" name="colour" value="blue"><span>Blue</span></label></div>
  </div>
</div>
<div class="checkbox"><label><input id="agreed" type="checkbox"><span>Agreed</span></label></div>
<div id="extras" class="form-group shiny-input-checkboxgroup shiny-input-container">
  <label class="control-label" for="extras">Extras</label>
  <div class="shiny-options-group">
    <div class="checkbox"><label><input type="checkbox" name="extras" value="salt"><span>Salt</span></label></div>
    <div class="checkbox"><label><input type="checkbox" name="extras" value="oil"><span>Oil</span></label></div>
    <div class="checkbox"><label><input type="checkbox" name="extras" value="lime"><span>Lime</span></label></div>
  </div>
</div>
<button id="change" class="btn btn-default action-button">Change</button>
<p id="shown_size" class="shiny-text-output"></p>
<p id="shown_colour" class="shiny-text-output"></p>
<p id="shown_agreed" class="shiny-text-output"></p>
<p id="shown_extras" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let size = s.input::<String>("size")?;
    s.output("shown_size", move |s| size.get(s))?;
    let colour = s.input::<Option<String>>("colour")?;
    s.output("shown_colour", move |s| Ok(colour.get(s)?.unwrap_or_else(|| "none".to_owned())))?;
    let agreed = s.input::<bool>("agreed")?;
    s.output("shown_agreed", move |s| Ok(if agreed.get(s)? { "yes" } else { "no" }))?;
    let extras = s.input::<Vec<String>>("extras")?;
    s.output("shown_extras", move |s| {
        Ok(format!("{} chosen: {}", extras.get(s)?.len(), extras.get(s)?.join(" ")))
    })?;

    s.on_event(s.input::<Action>("change")?, |s, _| {
        s.send_input_message("size", &json!({ "value": "s", "label": "Which size" }))?;
        s.send_input_message("agreed", &json!({ "value": false, "label": "Agreed at last" }))?;
        s.send_input_message("extras", &json!({ "value": ["lime", "salt"] }))?;
        let options = r#"<div class="shiny-options-group">
            <label class="radio"><input type="radio" name="colour" value="green" checked><span>Green</span></label></div>"#;
        s.send_input_message("colour", &json!({ "options": options, "value": "green" }))
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("what is chosen at first is shown", |browser| {
        browser.until_text("#shown_size", "s")?;
        browser.until_text("#shown_colour", "none")?;
        browser.until_text("#shown_agreed", "no")?;
        browser.until_text("#shown_extras", "0 chosen:")
    })?;
    page.step("what a person chooses is shown", |browser| {
        browser.click("#size [value=l]")?;
        browser.until_text("#shown_size", "l")?;
        browser.click("#colour [value=blue]")?;
        browser.until_text("#shown_colour", "blue")?;
        browser.click("#agreed")?;
        browser.until_text("#shown_agreed", "yes")?;
        browser.click("#extras [value=oil]")?;
        browser.click("#extras [value=lime]")?;
        browser.until_text("#shown_extras", "2 chosen: oil lime")?;
        browser.click("#extras [value=oil]")?;
        browser.click("#extras [value=lime]")?;
        browser.until_text("#shown_extras", "0 chosen:")
    })?;
    page.step("the server chooses otherwise, from other choices", |browser| {
        browser.click("#change")?;
        browser.until_text("#shown_size", "s")?;
        browser.until_text("#shown_agreed", "no")?;
        browser.until_text("#shown_extras", "2 chosen: salt lime")?;
        browser.until_text("#shown_colour", "green")?;
        browser.until_text("label[for=size]", "Which size")
    })
}
