//! HTML that needs scripts and stylesheets, which are loaded before it is shown, and once.

use session_core::page::{Html, HtmlDependency, InsertUi};
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("dependency", PAGE, app, visit);

const PAGE: &str = r##"
<input id="n" type="number" value="0">
<button id="insert" class="btn btn-default action-button">Insert</button>
<button id="send" class="btn btn-default action-button">Send</button>
<div id="meter" class="shiny-html-output"></div>
<div id="more"></div>
<div id="sent"></div>
<script>
const loads = [];
Shiny.addCustomMessageHandler("html", (content) => Shiny.renderContentAsync(document.querySelector("#sent"), content));
</script>
"##;

/// Says of itself, when it is loaded, what of the page is there by then.
const SCRIPT: &str = "
loads.push(`${document.currentScript.src.split('/').at(-1)} before ${document.querySelectorAll('.meter').length} meters`);
customElements.define('x-meter', class extends HTMLElement {
  connectedCallback() { this.textContent = `at ${this.getAttribute('value')}`; }
});
";

fn app(s: &Session<'_>) -> Result<()> {
    let meter = HtmlDependency::new("meter", "1.0")
        .file("a meter.js", SCRIPT)
        .file("css/meter.css", ".meter { color: rgb(1, 2, 3) }")
        .script("a meter.js")
        .stylesheet("css/meter.css")
        .meta([("name", "meter"), ("content", "yes")]);
    let meter = move |value: f64| {
        Html::raw(format!(r#"<p class="meter"><x-meter value="{value}"></x-meter></p>"#))
            .with(meter.clone())
    };
    let n = s.input::<f64>("n")?;
    s.output("meter", {
        let meter = meter.clone();
        move |s| match n.get(s)? {
            0.0 => Ok(Html::text("no meter")),
            n => Ok(meter(n)),
        }
    })?;
    s.on_event(s.input::<Action>("insert")?, {
        let meter = meter.clone();
        move |s, _| s.insert_ui(InsertUi::new("#more", meter(7.0)))
    });
    s.on_event(s.input::<Action>("send")?, move |s, _| {
        s.send_custom_message("html", &s.html(meter(8.0))?)
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("what an output needs is loaded before it is shown", |browser| {
        browser.until_text("#meter", "no meter")?;
        browser.until::<bool>("loads.length === 0")?;
        browser.fill("#n", "3")?;
        browser.until_text("#meter", "at 3")?;
        browser.until::<bool>("loads.join() === 'a%20meter.js before 0 meters'")?;
        browser.until::<bool>(
            "getComputedStyle(document.querySelector('.meter')).color === 'rgb(1, 2, 3)'",
        )?;
        browser.until("document.querySelector('meta[name=meter]').content")
    })?;
    page.step("and once, whatever else needs it", |browser| {
        browser.fill("#n", "4")?;
        browser.until_text("#meter", "at 4")?;
        browser.click("#insert")?;
        browser.until_text("#more", "at 7")?;
        browser.click("#send")?;
        browser.until_text("#sent", "at 8")?;
        browser.until::<bool>("loads.length === 1")?;
        Ok(String::new())
    })
}
