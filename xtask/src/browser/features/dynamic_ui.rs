//! An output whose HTML holds inputs and outputs.

use session_core::{Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("dynamic_ui", PAGE, app, visit);

const PAGE: &str = r#"
<label for="fields">Fields</label> <input id="fields" type="number" class="form-control" value="2" min="0">
<div id="form" class="shiny-html-output"></div>
<p id="sum" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let fields = s.input::<Option<u32>>("fields")?;
    s.output("form", move |s| {
        let field = |number| {
            format!(
                r#"<input id="field{number}" type="number" value="{number}">
<span id="square{number}" class="shiny-text-output"></span>"#
            )
        };
        Ok((1..=fields.get(s)?.unwrap_or(0)).map(field).collect::<String>())
    })?;
    // Outputs of an element that is not there yet run once it is.
    for number in 1..=3 {
        let field = s.input::<Option<f64>>(format!("field{number}").as_str())?;
        s.output(format!("square{number}").as_str(), move |s| {
            Ok(field.get(s)?.map_or(String::new(), |value| (value * value).to_string()))
        })?;
    }
    s.output("sum", move |s| {
        let mut sum = 0.0;
        for number in 1..=fields.get(s)?.unwrap_or(0) {
            sum +=
                s.input::<Option<f64>>(format!("field{number}").as_str())?.get(s)?.unwrap_or(0.0);
        }
        Ok(sum.to_string())
    })
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("inputs and outputs within an output come to life", |browser| {
        browser.until_text("#square1", "1")?;
        browser.until_text("#square2", "4")?;
        browser.until_text("#sum", "3")?;
        browser.fill("#field2", "5")?;
        browser.until_text("#square2", "25")?;
        browser.until_text("#sum", "6")
    })?;
    page.step("made anew, they are new", |browser| {
        browser.fill("#fields", "3")?;
        browser.until_text("#square3", "9")?;
        browser.until_text("#square2", "4")?;
        browser.until_text("#sum", "6")
    })?;
    page.step("those that are gone are not missed, and come again", |browser| {
        browser.fill("#fields", "0")?;
        browser.until::<bool>("document.querySelector('#form').children.length === 0")?;
        browser.until_text("#sum", "0")?;
        browser.fill("#fields", "1")?;
        browser.until_text("#square1", "1")?;
        browser.until_text("#sum", "1")
    })
}
