//! The rounds of features: an app for each thing that Shiny's pages can do, driven through the unmodified Shiny client.
//!
//! Each app is a file of its own: what its page holds, the app as a user would write it, and what a person does there.
//! After every step the page must have come to rest with nothing amiss, in the client as in the server: see
//! [`Page::step`].

mod buttons;
mod choices;
mod client_data;
mod custom;
mod dates;
mod dependency;
mod downloads;
mod dynamic_ui;
mod errors;
mod frozen;
mod hidden;
mod location;
mod modal;
mod modules;
mod notifications;
mod page;
mod progress;
mod reconnect;
mod requests;
mod routes;
mod select;
mod server;
mod slider;
mod slow;
mod snapshot;
mod tabs;
mod task;
mod text;
mod uploads;

use std::path::Path;

use session_core::{App, Limits, Result as AppResult, Session};

use self::page::Page;
use self::server::Running;
use super::demo::Over;
use super::machine::Programs;
use super::webdriver::Browser;
use crate::report::{Failed, Report};

/// One thing that pages can do.
#[derive(Debug)]
pub(super) struct Feature {
    pub(super) name: &'static str,
    /// What the page holds; all that is loaded before it stands in `features/page.html`.
    page: &'static str,
    app: fn(&Session<'_>) -> AppResult<()>,
    /// What the app chooses for all its sessions.
    settings: fn(App) -> App,
    limits: fn() -> Limits,
    visit: fn(&mut Page<'_>) -> Result<(), Failed>,
}

impl Feature {
    const fn new(
        name: &'static str,
        page: &'static str,
        app: fn(&Session<'_>) -> AppResult<()>,
        visit: fn(&mut Page<'_>) -> Result<(), Failed>,
    ) -> Self {
        Self { name, page, app, settings: |app| app, limits: Limits::default, visit }
    }

    const fn settings(mut self, settings: fn(App) -> App) -> Self {
        self.settings = settings;
        self
    }

    const fn limits(mut self, limits: fn() -> Limits) -> Self {
        self.limits = limits;
        self
    }
}

pub(super) const ALL: &[Feature] = &[
    text::FEATURE,
    choices::FEATURE,
    select::FEATURE,
    dates::FEATURE,
    slider::FEATURE,
    buttons::FEATURE,
    dynamic_ui::FEATURE,
    modules::FEATURE,
    tabs::FEATURE,
    dependency::FEATURE,
    frozen::FEATURE,
    notifications::FEATURE,
    modal::FEATURE,
    progress::FEATURE,
    hidden::FEATURE,
    errors::FEATURE,
    slow::FEATURE,
    task::FEATURE,
    requests::FEATURE,
    routes::FEATURE,
    downloads::FEATURE,
    uploads::FEATURE,
    custom::FEATURE,
    client_data::FEATURE,
    location::FEATURE,
    snapshot::FEATURE,
    reconnect::FEATURE,
];

/// Visits the pages of all features one after another, or that of one. They do not build on one another: whatever fails
/// in one, the others are visited.
pub(super) fn run(
    round: &'static str,
    only: Option<&str>,
    over: Over,
    assets: &Path,
    programs: &Programs,
    folder: &Path,
    report: &mut Report,
) -> Result<(), Failed> {
    let browser = Browser::start(programs, folder, report)?;
    report.step("what the pages do is watched", || {
        browser.before_pages(include_str!("wire.js"))?;
        Ok(String::new())
    })?;
    for feature in ALL.iter().filter(|feature| only.is_none_or(|only| feature.name == only)) {
        // Whether it passed is in the report.
        let _ = visit(round, feature, over, assets, &browser, folder, report);
    }
    Ok(())
}

fn visit(
    round: &'static str,
    feature: &'static Feature,
    over: Over,
    assets: &Path,
    browser: &Browser,
    folder: &Path,
    report: &mut Report,
) -> Result<(), Failed> {
    let server = report.make(&format!("{}: its server starts", feature.name), || {
        let server = Running::start(feature, assets)?;
        let address = server.address().to_owned();
        Ok((server, address))
    })?;
    let mut page = Page { round, feature, over, browser, folder, report, server: &server };
    let visited = page.opens().and_then(|()| (feature.visit)(&mut page));
    let left = page.leaves();
    let stopped =
        report.step(&format!("{}: the session ends with its page", feature.name), || server.stop());
    visited.and(left).and(stopped)
}
