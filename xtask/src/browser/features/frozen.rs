//! An input that is about to change because of another.

use serde_json::json;
use session_core::{Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("frozen", PAGE, app, visit);

const PAGE: &str = r#"
<select id="country"><option>Italy</option><option>France</option><option>Malta</option></select>
<select id="city"></select>
<p id="place" class="shiny-text-output"></p>
<p id="seen" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let (country, city) = (s.input::<String>("country")?, s.input::<String>("city")?);
    s.effect(move |s| {
        let cities = match country.get(s)?.as_str() {
            "Italy" => ["Rome", "Valletta"],
            "France" => ["Paris", "Lyon"],
            _ => ["Valletta", "Mdina"],
        };
        let options: String =
            cities.iter().map(|city| format!("<option>{city}</option>")).collect();
        s.freeze_input("city")?;
        s.send_input_message("city", &json!({ "options": options, "value": cities[0] }))
    });
    // What was seen together.
    let seen = s.value(Vec::new());
    s.output("place", move |s| {
        let place = format!("{} in {}", city.get(s)?, country.get(s)?);
        seen.update(s, |seen| seen.push(place.clone()))?;
        Ok(place)
    })?;
    s.output("seen", move |s| Ok(seen.get(s)?.join(", ")))
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("nobody sees the one beside what the other was before", |browser| {
        browser.until_text("#place", "Rome in Italy")?;
        browser.click("#city option:nth-child(2)")?;
        browser.until_text("#place", "Valletta in Italy")?;
        browser.click("#country option:nth-child(2)")?;
        browser.until_text("#place", "Paris in France")?;
        browser.until_text("#seen", "Rome in Italy, Valletta in Italy, Paris in France")
    })?;
    page.step("what is the same again is said again", |browser| {
        browser.click("#country option:nth-child(1)")?;
        browser.until_text("#place", "Rome in Italy")?;
        browser.click("#city option:nth-child(2)")?;
        browser.until_text("#place", "Valletta in Italy")?;
        // Here the first city is what the other one was.
        browser.click("#country option:nth-child(3)")?;
        browser.until_text("#place", "Valletta in Malta")
    })
}
