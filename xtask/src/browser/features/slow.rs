//! Outputs that take their time.

use std::sync::Arc;

use session_core::{Result, Session};
use tokio::sync::Semaphore;

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("slow", PAGE, app, visit);

const PAGE: &str = r#"
<input id="n" type="number">
<p id="slow" class="shiny-text-output"></p>
<p id="twice" class="shiny-text-output"></p>
<p id="quick" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let n = s.input::<f64>("n")?;
    // The page says when the work is done.
    let gate = Arc::new(Semaphore::new(0));
    s.set_message_handler("finish", {
        let gate = Arc::clone(&gate);
        move |_, (runs,): (usize,)| {
            gate.add_permits(runs);
            Ok(())
        }
    })?;
    let work = move |n: f64| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await?.forget();
            Ok(n * 10.0)
        }
    };
    let worked = s.calc_async({
        let work = work.clone();
        move |s| Ok(work(n.get(s)?))
    });
    s.output_async("slow", move |s| {
        let worked = work(n.get(s)?);
        Ok(async move { Ok(format!("slow {}", worked.await?)) })
    })?;
    s.output("twice", move |s| Ok(format!("twice {}", 2.0 * worked.get(s)?)))?;
    s.output("quick", move |s| Ok(format!("quick {}", n.get(s)?)))
}

/// What looks as if it were worked on.
const BUSY: &str = "[...document.querySelectorAll('.recalculating')].map(({ id }) => id).join()";

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("an output at work looks so, and the others do not wait", |browser| {
        browser.fill("#n", "1")?;
        browser.until_text("#quick", "quick 1")?;
        browser.until::<bool>(&format!("{BUSY} === 'slow,twice'"))?;
        browser.eval::<()>("ask('finish', [2]).then(() => {})")?;
        browser.until_text("#slow", "slow 10")?;
        browser.until_text("#twice", "twice 20")
    })?;
    page.step("what it works on is dropped when its input changes", |browser| {
        browser.fill("#n", "2")?;
        browser.until_text("#quick", "quick 2")?;
        browser.until::<bool>(&format!("{BUSY} === 'slow,twice'"))?;
        let shown: String = browser.eval("document.querySelector('#slow').textContent")?;
        anyhow::ensure!(shown == "slow 10", "what was there does not stay: {shown}");
        browser.fill("#n", "3")?;
        browser.until_text("#quick", "quick 3")?;
        browser.eval::<()>("ask('finish', [2]).then(() => {})")?;
        browser.until_text("#slow", "slow 30")?;
        browser.until_text("#twice", "twice 60")
    })
}
