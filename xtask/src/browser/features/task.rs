//! A task button that begins an extended task.

use std::sync::Arc;

use session_core::{Action, Result, Session, safe};
use tokio::sync::Semaphore;

use super::page::Signs;
use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("task", PAGE, app, visit);

const PAGE: &str = r#"
<input id="n" type="number" value="4">
<button id="run" class="bslib-task-button btn btn-primary" data-auto-reset>
  <bslib-switch-inline case="ready"><span slot="ready">Run</span><span slot="busy">Running</span></bslib-switch-inline>
</button>
<button id="quick" class="bslib-task-button btn btn-default" data-auto-reset>
  <bslib-switch-inline case="ready"><span slot="ready">Quick</span><span slot="busy">Running</span></bslib-switch-inline>
</button>
<button id="cancel" class="btn btn-default action-button">Cancel</button>
<p id="result" class="shiny-text-output"></p>
<p id="status" class="shiny-text-output"></p>
<p id="clicks" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    // The page says when the work is done.
    let gate = Arc::new(Semaphore::new(0));
    s.set_message_handler("finish", {
        let gate = Arc::clone(&gate);
        move |_, ()| {
            gate.add_permits(1);
            Ok(())
        }
    })?;
    let task = s.extended_task(move |n: f64| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await?.forget();
            if n < 0.0 { Err(safe("no such root").into()) } else { Ok(n.sqrt()) }
        }
    });
    s.bind_task_button("run", task)?;
    let n = s.input::<f64>("n")?;
    s.on_event(s.input::<Action>("run")?, move |s, _| task.invoke(s, n.get(s)?));
    s.on_event(s.input::<Action>("cancel")?, move |s, _| task.cancel(s));
    s.output("result", move |s| Ok(format!("root {}", task.result(s)?)))?;
    s.output("status", move |s| Ok(format!("{:?}", task.status(s)?)))?;

    // A task button whose work is done with the flush needs no task.
    let quick = s.input::<Action>("quick")?;
    s.output("clicks", move |s| Ok(format!("{} clicks", quick.get(s)?.0)))
}

const BUSY: &str = "document.querySelector('#run').disabled && document.querySelector('#run bslib-switch-inline').case === 'busy'";
const READY: &str = "!document.querySelector('#run').disabled && document.querySelector('#run bslib-switch-inline').case === 'ready'";

/// What fails in app code is logged whole.
const FAILED: Signs = Signs { logs: &["app code failed", "an extended task failed"], links: 1 };

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("nothing runs at first", |browser| {
        browser.until_text("#status", "Initial")?;
        browser.until_text("#result", "")?;
        browser.until_text("#clicks", "0 clicks")
    })?;
    page.step("a button whose work is done at once is ready again at once", |browser| {
        for clicks in 1..=2 {
            browser.click("#quick")?;
            browser.until_text("#clicks", &format!("{clicks} clicks"))?;
            browser.until::<bool>("!document.querySelector('#quick').disabled")?;
        }
        Ok(String::new())
    })?;
    page.step("the task runs, and its button says so", |browser| {
        browser.click("#run")?;
        browser.until_text("#status", "Running")?;
        browser.until::<bool>(BUSY)?;
        browser.until::<bool>(
            "document.querySelector('#result').classList.contains('recalculating')",
        )?;
        // The session does other things meanwhile.
        browser.click("#quick")?;
        browser.until_text("#clicks", "3 clicks")?;
        browser.until::<bool>(BUSY)?;
        browser.eval::<()>("ask('finish').then(() => {})")?;
        browser.until_text("#result", "root 2")?;
        browser.until_text("#status", "Success")?;
        browser.until::<bool>(READY)?;
        Ok(String::new())
    })?;
    page.step_with("a task that fails shows its error", FAILED, |browser| {
        browser.fill("#n", "-1")?;
        // The field tells of it after a moment of rest, or before the click that follows.
        browser.until::<bool>("Shiny.shinyapp.$inputValues['n:shiny.number'] === -1")?;
        browser.click("#run")?;
        browser.until_text("#status", "Running")?;
        browser.eval::<()>("ask('finish').then(() => {})")?;
        browser.until_text("#result", "no such root")?;
        browser.until_text("#status", "Error")?;
        browser.until::<bool>(READY)?;
        Ok(String::new())
    })?;
    page.step("a task is cancelled", |browser| {
        browser.click("#run")?;
        browser.until_text("#status", "Running")?;
        browser.until::<bool>(BUSY)?;
        browser.click("#cancel")?;
        browser.until_text("#status", "Cancelled")?;
        browser.until_text("#result", "")?;
        browser.until::<bool>(READY)?;
        Ok(String::new())
    })
}
