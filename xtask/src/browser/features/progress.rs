//! Bars that fill.

use session_core::page::{Progress, ProgressUpdate};
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("progress", PAGE, app, visit);

const PAGE: &str = r#"
<button id="begin" class="btn btn-default action-button">Begin</button>
<button id="more" class="btn btn-default action-button">More</button>
<button id="end" class="btn btn-default action-button">End</button>
<button id="module" class="btn btn-default action-button">Module</button>
<button id="destroy" class="btn btn-default action-button">Destroy</button>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let bar = s.value(None::<Progress>);
    s.on_event(s.input::<Action>("begin")?, move |s, _| {
        let progress = s.progress_in(0.0..=20.0)?;
        progress.set(s, ProgressUpdate::new().value(5.0).message("Reading <rows>"))?;
        bar.set(s, Some(progress))?;
        Ok(())
    });
    s.on_event(s.input::<Action>("more")?, move |s, Action(times)| {
        let Some(progress) = bar.get(s)? else { return Ok(()) };
        progress.set(s, ProgressUpdate::new().plus(10.0).detail(format!("row {times}")))
    });
    s.on_event(s.input::<Action>("end")?, move |s, _| match bar.get(s)? {
        Some(progress) => progress.close(s),
        None => Ok(()),
    });
    s.on_event(s.input::<Action>("module")?, |s, _| s.module("m")?.progress()?.set(s, 0.5));
    s.on_event(s.input::<Action>("destroy")?, |s, _| s.destroy_module("m"));
    Ok(())
}

/// What all bars show: width, message and detail.
const BARS: &str = "[...document.querySelectorAll('.shiny-progress-notification')].map((it) => [
    it.querySelector('.progress-bar').style.width,
    it.querySelector('.progress-message').textContent,
    it.querySelector('.progress-detail').textContent,
].join()).join(' | ')";

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a bar fills", |browser| {
        browser.click("#begin")?;
        browser.until::<bool>(&format!("{BARS} === '25%,Reading <rows>,'"))?;
        browser.click("#more")?;
        browser.until::<bool>(&format!("{BARS} === '75%,Reading <rows>,row 1'"))?;
        browser.click("#more")?;
        browser.until::<bool>(&format!("{BARS} === '100%,Reading <rows>,row 2'"))?;
        Ok(String::new())
    })?;
    page.step("it goes when the work is done", |browser| {
        browser.click("#end")?;
        browser.until::<bool>(&format!("{BARS} === ''"))?;
        Ok(String::new())
    })?;
    page.step("that of a module goes with it", |browser| {
        browser.click("#module")?;
        browser.until::<bool>(&format!("{BARS} === '50%,message,'"))?;
        browser.click("#destroy")?;
        browser.until::<bool>(&format!("{BARS} === ''"))?;
        Ok(String::new())
    })
}
