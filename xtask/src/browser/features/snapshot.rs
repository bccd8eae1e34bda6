//! What a test sees of a session: a snapshot, fetched from the URL that the client knows.

use serde_json::json;
use session_core::{Password, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature =
    Feature::new("snapshot", PAGE, app, visit).settings(|app| app.test_mode(true));

const PAGE: &str = r#"
<input id="n" type="number" value="4">
<input id="secret" type="password" value="sesame">
<p id="root" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let n = s.input::<f64>("n")?;
    s.input::<Password>("secret")?;
    s.output("root", move |s| Ok(n.get(s)?.sqrt()))?;
    s.export_test_value("half", move |s| Ok(n.get(s)? / 2.0))
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a snapshot has inputs, outputs and exported values", |browser| {
        browser.until_text("#root", "2")?;
        browser.fill("#n", "9")?;
        browser.until_text("#root", "3")?;
        let snapshot: serde_json::Value = browser.eval(
            "fetch(Shiny.shinyapp.getTestSnapshotBaseUrl() + '&format=json&input=1&output=1&export=1')\
             .then((response) => response.json())",
        )?;
        let expected = json!({ "input": { "n": 9 }, "output": { "root": 3 }, "export": { "half": 4.5 } });
        anyhow::ensure!(snapshot == expected, "it is {snapshot}");
        Ok(String::new())
    })
}
