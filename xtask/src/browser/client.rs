//! The round of our scripts for browsers alone. Their checks are JavaScript, in `client_checks.js` and
//! `webtransport_checks.js` beside this file.

use std::path::Path;

use anyhow::bail;

use super::machine::Programs;
use super::webdriver::Browser;
use crate::report::{Failed, Report};
use crate::workspace;

pub(super) fn run(programs: &Programs, folder: &Path, report: &mut Report) -> Result<(), Failed> {
    let browser = Browser::start(programs, folder, report)?;
    let page = url("client.html");
    checks(&browser, &page, report)?;
    checks(&browser, &url("webtransport.html"), report)?;
    for (what, pose, file) in [
        ("the client's own looks", "checks.pose()", "client.png"),
        ("a dialog and what stands over it", "checks.poseDialog()", "client-dialog.png"),
    ] {
        report.step(&format!("a screenshot of {what}"), || {
            let file = folder.join(file);
            browser.goto(&page)?;
            browser.eval::<()>(pose)?;
            browser.screenshot(&file)?;
            Ok(super::shown(&file))
        })?;
    }
    Ok(())
}

/// A page beside this file.
fn url(page: &str) -> String {
    format!("file://{}", workspace::root().join("xtask/src/browser").join(page).display())
}

/// Runs the checks of a page.
fn checks(browser: &Browser, page: &str, report: &mut Report) -> Result<(), Failed> {
    let names = report.make("the page with the checks opens", || {
        browser.goto(page)?;
        let names: Vec<String> = browser.eval("checks.names()")?;
        let seen = format!("{} checks", names.len());
        Ok((names, seen))
    })?;
    for name in &names {
        // The checks do not build on one another: all of them are run, whatever fails.
        let _ = report.step(name, || {
            browser.goto(page)?;
            let name = serde_json::to_string(name)?;
            if let Some(failure) = browser.eval::<Option<String>>(&format!("checks.run({name})"))? {
                bail!("{failure}");
            }
            browser.expect_no_errors()?;
            Ok(String::new())
        });
    }
    Ok(())
}
