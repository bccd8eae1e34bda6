//! The round of our client alone. Its checks are JavaScript, in `client_checks.js` beside this file.

use std::path::Path;

use anyhow::bail;

use super::machine::Programs;
use super::webdriver::Browser;
use crate::report::{Failed, Report};
use crate::workspace;

pub(super) fn run(programs: &Programs, folder: &Path, report: &mut Report) -> Result<(), Failed> {
    let browser = Browser::start(programs, folder, report)?;
    let page = workspace::root().join("xtask/src/browser/client.html");
    let page = format!("file://{}", page.display());
    let names = report.make("the page with the checks opens", || {
        browser.goto(&page)?;
        let names: Vec<String> = browser.eval("checks.names()")?;
        let seen = format!("{} checks", names.len());
        Ok((names, seen))
    })?;
    for name in &names {
        // The checks do not build on one another: all of them are run, whatever fails.
        let _ = report.step(name, || {
            browser.goto(&page)?;
            let name = serde_json::to_string(name)?;
            if let Some(failure) = browser.eval::<Option<String>>(&format!("checks.run({name})"))? {
                bail!("{failure}");
            }
            browser.expect_no_errors()?;
            Ok(String::new())
        });
    }
    report.step("a screenshot of the client's own looks", || {
        let file = folder.join("client.png");
        browser.goto(&page)?;
        browser.eval::<()>("checks.pose()")?;
        browser.screenshot(&file)?;
        Ok(super::shown(&file))
    })
}
