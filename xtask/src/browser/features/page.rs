//! A feature's page as a person has it open, and what must hold of it after whatever that person does.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::Feature;
use super::server::Running;
use crate::browser::demo::Over;
use crate::browser::webdriver::Browser;
use crate::report::{Failed, Report};

/// What is amiss in the page, in words: nothing is, once it rests.
///
/// An output that nobody sees may look busy, as it does from the start: the client keeps that look until the output has
/// run.
const BUSY: &str = r#"(() => {
    const seen = (element) => element.getClientRects().length > 0;
    const busy = [...document.querySelectorAll(".recalculating")].filter(seen).map((element) => `#${element.id}`);
    if (document.documentElement.classList.contains("shiny-busy")) busy.push("the page");
    return busy.join(", ");
})()"#;

/// Everything that the server had to say has been taken by the page: the answer to this request comes last.
const SETTLED: &str = r#"new Promise((done, failed) =>
    Shiny.shinyapp.isConnected()
        ? Shiny.shinyapp.makeRequest("rest", [], () => done(true), (error) => failed(new Error(error)))
        : done(false)
)"#;

pub(super) struct Page<'a> {
    pub(super) round: &'static str,
    pub(super) feature: &'static Feature,
    pub(super) over: Over,
    pub(super) browser: &'a Browser,
    pub(super) folder: &'a Path,
    pub(super) report: &'a mut Report,
    pub(super) server: &'a Running,
}

/// What `wire.js` has noted of the page.
#[derive(Debug, Deserialize)]
struct Wire {
    sockets: Vec<String>,
    closes: Vec<serde_json::Value>,
    errors: Vec<String>,
    illegal: Vec<String>,
    transitions: usize,
    frames: usize,
}

/// What a step leaves behind that would be amiss after any other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signs {
    /// What the server has to log: each of these at least once, and nothing that has none of them in it.
    pub(super) logs: &'static [&'static str],
    /// How many links the page has opened by then; all but the last are closed.
    pub(super) links: usize,
}

impl Default for Signs {
    fn default() -> Self {
        Self { logs: &[], links: 1 }
    }
}

impl Page<'_> {
    /// What a person does, and then sees. The page must come to rest after it: no busy look, no error in the console nor
    /// thrown anywhere, no transition of an output that the client's state machine does not know, no link closed, no
    /// warning of the server. It leaves a picture when it fails.
    pub(super) fn step(
        &mut self,
        what: &str,
        step: impl FnOnce(&Browser) -> anyhow::Result<String>,
    ) -> Result<(), Failed> {
        self.step_with(what, Signs::default(), step)
    }

    /// As [`step`](Self::step), with these signs.
    pub(super) fn step_with(
        &mut self,
        what: &str,
        signs: Signs,
        step: impl FnOnce(&Browser) -> anyhow::Result<String>,
    ) -> Result<(), Failed> {
        let (browser, server, over) = (self.browser, self.server, self.over);
        let done = self.report.step(&format!("{}: {what}", self.feature.name), || {
            let seen = step(browser);
            let amiss = [rests(browser, over, signs.links), judge(&server.logged(), signs.logs)];
            let amiss = amiss.into_iter().filter_map(Result::err);
            match (seen, amiss.map(|error| format!("{error:#}")).collect::<Vec<_>>().join("; ")) {
                (Ok(seen), amiss) if amiss.is_empty() => Ok(seen),
                (Ok(_), amiss) => bail!("{amiss}"),
                (Err(error), amiss) if amiss.is_empty() => Err(error),
                // It may tell why.
                (Err(error), amiss) => Err(error.context(amiss)),
            }
        });
        if done.is_err() {
            // The step's own failure is what counts.
            let file = format!("{}-{}-failed.png", self.round, self.feature.name);
            let _ = browser.screenshot(&self.folder.join(file));
        }
        done
    }

    pub(super) fn opens(&mut self) -> Result<(), Failed> {
        let address = format!("{}{}", self.server.address(), self.over.query());
        self.step("the page connects", |browser| {
            browser.goto(&address)?;
            browser.until::<bool>("window.Shiny?.shinyapp?.isConnected()")?;
            browser.until("Shiny.shinyapp.config && wire.sockets.join()")
        })
    }

    /// Goes elsewhere; says what went over the wire meanwhile.
    pub(super) fn leaves(&mut self) -> Result<(), Failed> {
        let browser = self.browser;
        self.report.step(&format!("{}: the page is left", self.feature.name), || {
            let wire = Wire::of(browser)?;
            browser.goto("about:blank")?;
            Ok(format!(
                "{} frames came, outputs made {} transitions",
                wire.frames, wire.transitions
            ))
        })
    }
}

impl Wire {
    fn of(browser: &Browser) -> anyhow::Result<Self> {
        browser.eval(
            "({ ...wire, sent: undefined, received: undefined, frames: wire.received.length })",
        )
    }
}

fn rests(browser: &Browser, over: Over, links: usize) -> anyhow::Result<()> {
    let settled: bool = browser.eval(SETTLED).context("the page does not come to rest")?;
    let still = browser.until::<bool>(&format!("{BUSY} === ''"));
    if still.is_err() {
        let busy: String = browser.eval(BUSY)?;
        ensure!(busy.is_empty(), "a busy look is left on {busy}");
    }
    browser.expect_no_errors()?;
    let wire = Wire::of(browser)?;
    ensure!(wire.errors.is_empty(), "the page threw: {}", wire.errors.join(" | "));
    ensure!(wire.illegal.is_empty(), "outputs went astray: {}", wire.illegal.join(" | "));
    ensure!(wire.closes.len() < links, "the link was closed: {:?}", wire.closes);
    ensure!(settled, "the page is not connected");
    ensure!(wire.sockets == vec![over.socket(); links], "the page opened {:?}", wire.sockets);
    Ok(())
}

/// The server logged what was to be logged, and nothing else.
fn judge(logged: &[String], expected: &[&str]) -> anyhow::Result<()> {
    let unexpected: Vec<_> = logged
        .iter()
        .filter(|line| !expected.iter().any(|expected| line.contains(expected)))
        .map(String::as_str)
        .collect();
    ensure!(unexpected.is_empty(), "the server logged: {}", unexpected.join(" | "));
    for expected in expected {
        let logged = logged.iter().any(|line| line.contains(expected));
        ensure!(logged, "the server did not log {expected:?}");
    }
    Ok(())
}
