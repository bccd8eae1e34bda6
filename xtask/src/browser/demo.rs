//! The rounds of the demo: what a person does there, once with either client over either transport.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde::Deserialize;

use super::machine::Programs;
use super::server::Demo;
use super::webdriver::Browser;
use crate::report::{Failed, Report};

/// Whose client the page loads.
#[derive(Debug, Clone)]
pub(super) enum Client {
    Ours,
    Shiny { assets: PathBuf },
}

/// What carries the page's session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Over {
    WebSocket,
    WebTransport,
}

impl Over {
    pub(super) fn query(self) -> &'static str {
        match self {
            Self::WebSocket => "",
            Self::WebTransport => "?transport=webtransport",
        }
    }

    /// The sockets that the page opens, as `wire.js` names them.
    pub(super) fn socket(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::WebTransport => "WebTransport",
        }
    }
}

impl Client {
    fn assets(&self) -> Option<&Path> {
        match self {
            Self::Ours => None,
            Self::Shiny { assets } => Some(assets),
        }
    }

    /// Where the demo serves its page with this client.
    fn path(&self) -> &'static str {
        match self {
            Self::Ours => "/",
            Self::Shiny { .. } => "/shiny/",
        }
    }

    /// The name that the client gives itself, once it is connected.
    fn connected(&self) -> &'static str {
        match self {
            Self::Ours => "window.session?.connected && `session ${session.id.slice(0, 8)}…`",
            Self::Shiny { .. } => {
                "window.Shiny?.shinyapp?.isConnected() && Shiny.version && `Shiny ${Shiny.version}`"
            }
        }
    }

    /// What it shows when the server is gone.
    fn disconnected(&self) -> &'static str {
        match self {
            Self::Ours => {
                "document.querySelector('.session-banner-disconnected > span')?.textContent"
            }
            Self::Shiny { .. } => {
                "document.querySelector('#shiny-disconnected-overlay') && 'the grey overlay'"
            }
        }
    }
}

/// What is left to look at is named after the round.
pub(super) fn run(
    round: &str,
    client: &Client,
    over: Over,
    programs: &Programs,
    folder: &Path,
    report: &mut Report,
) -> Result<(), Failed> {
    let browser = Browser::start(programs, folder, report)?;
    let mut demo = report.make("the demo starts", || {
        let demo = Demo::start(client.assets(), &folder.join(format!("{round}-demo.log")))?;
        let address = demo.address().to_owned();
        Ok((demo, address))
    })?;
    let address = format!("{}{}{}", demo.address(), client.path(), over.query());
    let mut visit = Visit { round, client, over, address, browser: &browser, folder, report };
    visit.opens()?;
    visit.filters()?;
    visit.draws()?;
    visit.asks()?;
    visit.compares()?;
    visit.shares()?;
    visit.rests()?;
    visit.leaves(&mut demo)
}

/// One person on the page.
struct Visit<'a> {
    round: &'a str,
    client: &'a Client,
    over: Over,
    address: String,
    browser: &'a Browser,
    folder: &'a Path,
    report: &'a mut Report,
}

/// What the page says of the rows that pass the filter, in three places.
#[derive(Debug, Deserialize)]
struct Rows {
    shown: usize,
    all: usize,
    points: usize,
}

impl Rows {
    /// Waits until the count, the table and the chart agree with one another and with the condition on them.
    fn when(browser: &Browser, condition: &str) -> anyhow::Result<Self> {
        browser.until(&format!(
            r##"(() => {{
                const [shown, all] = document.querySelector("#count").textContent.split(" of ").map(Number);
                const rows = [...document.querySelectorAll("#table tbody tr")].map((row) => row.textContent);
                const points = document.querySelectorAll("#chart svg circle").length;
                return rows.length === shown && points <= shown && ({condition}) && {{ shown, all, points }};
            }})()"##
        ))
    }

    fn told(&self) -> String {
        format!("{} of {} rows, {} points in the chart", self.shown, self.all, self.points)
    }
}

impl Visit<'_> {
    /// One step: it fails with the first error in the console, too, and leaves a picture when it fails.
    fn step(
        &mut self,
        what: &str,
        step: impl FnOnce(&Browser) -> anyhow::Result<String>,
    ) -> Result<(), Failed> {
        let browser = self.browser;
        let done = self.report.step(what, || {
            let seen = step(browser)?;
            browser.expect_no_errors()?;
            Ok(seen)
        });
        if done.is_err() {
            // The step's own failure is what counts.
            let _ = browser.screenshot(&self.folder.join(format!("{}-failed.png", self.round)));
        }
        done
    }

    fn picture(&mut self, of: &str) -> Result<(), Failed> {
        let file = self.folder.join(format!("{}-{of}.png", self.round));
        self.step(&format!("a picture of {of}"), |browser| {
            browser.screenshot(&file)?;
            Ok(super::shown(&file))
        })
    }

    fn opens(&mut self) -> Result<(), Failed> {
        let (client, over, address) = (self.client, self.over, self.address.clone());
        self.step("the page connects", |browser| {
            browser.before_pages(include_str!("wire.js"))?;
            browser.goto(&address)?;
            browser.until(client.connected())
        })?;
        self.step("the session came over what was asked for", |browser| {
            let sockets: Vec<String> = browser.eval("wire.sockets")?;
            ensure!(sockets == [over.socket()], "the page opened {sockets:?}");
            let frames: usize = browser.until("wire.received.length")?;
            Ok(format!("{frames} frames over {}", sockets[0]))
        })?;
        self.step("count, table and chart show every row", |browser| {
            Ok(Rows::when(browser, "shown > 0 && shown === all && points > 0")?.told())
        })?;
        self.step("no output is left empty", |browser| {
            browser.until(
                "(outputs => outputs.every((output) => output.textContent) && `${outputs.length} outputs`)\
                 ([...document.querySelectorAll('.shiny-bound-output')])",
            )
        })?;
        self.step("the clock ticks", |browser| {
            let clock = "document.querySelector('#clock').textContent";
            let first: String = browser.eval(clock)?;
            let second: String = browser.until(&format!("{clock} !== '{first}' && {clock}"))?;
            let third: String = browser.until(&format!("{clock} !== '{second}' && {clock}"))?;
            Ok(format!("{first}, {second}, {third}"))
        })?;
        self.picture("page")
    }

    fn filters(&mut self) -> Result<(), Failed> {
        self.step("typing filters count, table and chart", |browser| {
            browser.fill("#text", "noble")?;
            let rows =
                Rows::when(browser, "shown < all && rows.every((row) => row.includes('noble'))")?;
            ensure!(rows.shown > 0, "no row is left");
            Ok(rows.told())
        })?;
        self.step("a text that no row has leaves none", |browser| {
            browser.fill("#text", "no such row")?;
            Ok(Rows::when(browser, "shown === 0")?.told())
        })?;
        self.step("an emptied field lets every row pass", |browser| {
            browser.fill("#text", "")?;
            Ok(Rows::when(browser, "shown === all")?.told())
        })?;
        self.step("a number filters, in the column that is chosen", |browser| {
            browser.fill("#minimum", "100")?;
            browser.click("#minimum_column option[value='mass']")?;
            let heavy = Rows::when(
                browser,
                "rows.length < all && rows.some((row) => row.startsWith('Gold'))",
            )?;
            browser.fill("#minimum", "200")?;
            let heavier = Rows::when(browser, &format!("shown < {}", heavy.shown))?;
            ensure!(heavier.shown > 0, "no row is left");
            Ok(format!("{} from 100 on, {} from 200 on", heavy.shown, heavier.shown))
        })?;
        self.step("a button has the server set inputs of the page", |browser| {
            browser.fill("#text", "r")?;
            browser.click("#reset")?;
            let rows = Rows::when(browser, "shown === all")?;
            let left: String = browser.eval(
                "document.querySelector('#text').value + document.querySelector('#minimum').value",
            )?;
            ensure!(left.is_empty(), "{left:?} is left in the fields");
            Ok(rows.told())
        })
    }

    fn draws(&mut self) -> Result<(), Failed> {
        self.step("the chart follows its axes", |browser| {
            browser.click("#x option[value='number']")?;
            browser.click("#y option[value='mass']")?;
            browser.until(
                "(label => label === 'mass by number' && label)\
                 (document.querySelector('#chart svg').getAttribute('aria-label'))",
            )
        })?;
        self.step("the chart follows its colours", |browser| {
            let legend = "document.querySelectorAll('#chart .legend li').length";
            browser.click("#colour option[value='category']")?;
            let groups: usize = browser.until(legend)?;
            browser.click("#colour option[value='']")?;
            browser.until::<bool>(&format!("{legend} === 0"))?;
            Ok(format!("a legend of {groups}, then none"))
        })
    }

    fn asks(&mut self) -> Result<(), Failed> {
        self.step("a request is answered", |browser| {
            browser.click("[data-describe] option[value='mass']")?;
            browser.click("[data-describe-now]")?;
            browser.until(
                "[...document.querySelectorAll('[data-description] > div')]\
                 .map((fact) => [...fact.children].map((part) => part.textContent).join(' ')).join(', ')",
            )
        })?;
        self.step("the session's own route serves the rows that pass the filter", |browser| {
            browser.fill("#text", "gas")?;
            let rows = Rows::when(browser, "shown > 0 && shown < all")?;
            let fetched: Fetched = browser.eval(
                "fetch(document.querySelector('#download a').href).then(async (response) => \
                 ({ status: response.status, kind: response.headers.get('content-type'), body: await response.text() }))",
            )?;
            let lines = fetched.body.lines().count();
            ensure!(fetched.status == 200, "the status is {}", fetched.status);
            ensure!(lines == rows.shown + 1, "{lines} lines for {} rows and their heading", rows.shown);
            browser.click("#reset")?;
            Rows::when(browser, "shown === all")?;
            Ok(format!("{} lines of {}", lines, fetched.kind))
        })
    }

    fn compares(&mut self) -> Result<(), Failed> {
        self.step("panels are added and come alive", |browser| {
            for number in 1..=3 {
                browser.click("#add")?;
                browser.until::<bool>(&format!(
                    "document.querySelector('#live_panels').textContent === '{number}' \
                     && document.querySelector('#panel{number}-bars svg') !== null \
                     && document.querySelector('#panel{number}-summary').textContent !== ''"
                ))?;
            }
            let ticks: usize = browser.until(&ticks_above(3, 1))?;
            Ok(format!("3 panels, the last at tick {ticks}"))
        })?;
        self.step("a panel follows its own input", |browser| {
            let summary = "document.querySelector('#panel1-summary').innerText";
            browser.click("#panel1-column option[value='mass']")?;
            let mass: String =
                browser.until(&format!("{summary}.includes('median') && {summary}"))?;
            browser.click("#panel1-column option[value='category']")?;
            let category: String =
                browser.until(&format!("{summary}.includes('distinct') && {summary}"))?;
            Ok(format!("{}; {}", one_line(&mass), one_line(&category)))
        })?;
        self.step("panels follow the filter of the page", |browser| {
            let filled = "document.querySelector('#panel1-summary dd').textContent";
            let before: String = browser.eval(filled)?;
            browser.fill("#text", "metal")?;
            let after: String = browser.until(&format!("{filled} !== '{before}' && {filled}"))?;
            Rows::when(browser, &format!("shown === {after}"))?;
            browser.click("#reset")?;
            Rows::when(browser, "shown === all")?;
            Ok(format!("{before} rows, then {after}"))
        })?;
        self.picture("panels")?;
        self.step("of a removed panel nothing runs any more", |browser| {
            let removed = "Number(document.querySelector('#removed_ticks').textContent)";
            browser.until::<usize>(&ticks_above(1, 2))?;
            browser.click("#panel1-remove")?;
            browser.until::<bool>(
                "document.querySelector('#panel1-card') === null \
                 && document.querySelector('#live_panels').textContent === '2'",
            )?;
            // A frame that names it may still be on its way when the panel goes; none may come while others live on.
            let sum: usize = browser.until(removed)?;
            let from: usize = browser.until(&ticks_above(2, 0))?;
            browser.eval::<()>("void (wire.received.length = 0)")?;
            let to: usize = browser.until(&ticks_above(2, from + 4))?;
            let still: usize = browser.eval(removed)?;
            ensure!(still == sum, "its ticks went from {sum} to {still}");
            let frames: Vec<String> = browser.eval("wire.received.filter((frame) => frame.includes('panel1-'))")?;
            ensure!(frames.is_empty(), "the server still speaks of it: {}", frames.join(" "));
            Ok(format!("its {sum} ticks stay {still} while another goes from tick {from} to {to}, and no frame names it"))
        })?;
        self.step("the server's custom message of it is shown", |browser| {
            browser.until(
                "(text => text.startsWith('Panel 1 ') && text)\
                 (document.querySelector('[data-announcement]').textContent)",
            )
        })?;
        self.step("all panels are removed at once, and one comes anew", |browser| {
            browser.click("#remove_all")?;
            browser.until::<bool>(
                "document.querySelectorAll('.panel').length === 0 \
                 && document.querySelector('#live_panels').textContent === '0'",
            )?;
            browser.click("#add")?;
            let ticks: usize = browser.until(&ticks_above(4, 0))?;
            browser.click("#panel4-remove")?;
            browser.until::<bool>("document.querySelector('#live_panels').textContent === '0'")?;
            Ok(format!("panel 4 was at tick {ticks}, now none is left"))
        })
    }

    fn shares(&mut self) -> Result<(), Failed> {
        let address = self.address.clone();
        self.step("another visitor is counted, and missed when gone", |browser| {
            let visitors = "Number(document.querySelector('#visitors').textContent)";
            let alone: usize = browser.until(visitors)?;
            let other = browser.open_window()?;
            browser.goto(&address)?;
            let met: usize = browser.until(&format!("{visitors} > {alone} && {visitors}"))?;
            other.close()?;
            let left: usize = browser.until(&format!("{visitors} < {met} && {visitors}"))?;
            Ok(format!("{alone}, then {met}, then {left}"))
        })
    }

    fn rests(&mut self) -> Result<(), Failed> {
        self.step("nothing is left with a busy look", |browser| {
            browser.until::<bool>(
                "document.querySelectorAll('.recalculating, .shiny-busy, .shiny-output-error').length === 0",
            )?;
            let amiss: Vec<String> = browser.eval("[...wire.errors, ...wire.illegal]")?;
            ensure!(amiss.is_empty(), "the page noted: {}", amiss.join(" | "));
            browser.until(
                "`${wire.sent.length} frames sent in all, outputs made ${wire.transitions} transitions`",
            )
        })
    }

    fn leaves(&mut self, demo: &mut Demo) -> Result<(), Failed> {
        let (round, client, browser, folder) = (self.round, self.client, self.browser, self.folder);
        // Not a `step`: that the connection breaks is an error in the console, and rightly so.
        self.report.step("the page tells when the server is gone", || {
            let status = demo.stop()?;
            let shown: String = browser.until(client.disconnected())?;
            browser.screenshot(&folder.join(format!("{round}-gone.png")))?;
            Ok(format!("{shown} (the server ended with {status})"))
        })
    }
}

#[derive(Debug, Deserialize)]
struct Fetched {
    status: u16,
    kind: String,
    body: String,
}

/// The panel's tick, once it is above `least`.
fn ticks_above(panel: usize, least: usize) -> String {
    format!(
        "(tick => tick > {least} && tick)(Number(document.querySelector('#panel{panel}-ticks').textContent))"
    )
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
