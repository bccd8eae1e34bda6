//! One headless Chromium, driven over the WebDriver protocol through a chromedriver of our own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use base64::Engine;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::machine::Programs;
use crate::report::{Failed, Report};

/// How long a page may take to become what is waited for. Far above what any step needs on a slow machine: reaching
/// it means that it will not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a page is looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(40);

/// The field under which WebDriver wraps the id of an element, fixed by its specification.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // A page that is left is gone, and does not keep its links for when one comes back.
    "--disable-features=BackForwardCache",
    "--window-size=1280,1000",
];

/// A browser window. Dropping it ends the browser and its driver.
#[derive(Debug)]
pub(super) struct Browser {
    agent: ureq::Agent,
    /// `http://127.0.0.1:<port>/session/<id>`
    session: String,
    driver: Child,
    /// Kept open: the driver may say more, and would fail if nobody could hear it.
    output: Option<BufReader<ChildStdout>>,
    /// Removed after the browser has ended.
    profile: TempDir,
}

/// One line of the browser's console.
#[derive(Debug, serde::Deserialize)]
struct ConsoleLine {
    level: String,
    message: String,
}

impl Browser {
    /// Starts a browser with an empty profile, as the first step of a round. Its driver's log goes to `folder`.
    pub(super) fn start(
        programs: &Programs,
        folder: &Path,
        report: &mut Report,
    ) -> Result<Self, Failed> {
        let log = folder.join("chromedriver.log");
        report.make("the browser starts", || Self::new(programs, &log))
    }

    /// The browser and what it says of itself.
    fn new(programs: &Programs, log: &Path) -> anyhow::Result<(Self, String)> {
        let profile = tempfile::tempdir().context("cannot make a folder for the profile")?;
        let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let driver = Command::new(&programs.chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", programs.chromedriver.display()))?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(2 * PATIENCE))
            .build()
            .into();
        // From here on, whatever fails ends the driver as well.
        let mut browser = Self { agent, session: String::new(), driver, output: None, profile };
        let port = browser.port().context("chromedriver did not tell its port")?;

        let mut args: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        args.push(format!("--user-data-dir={}", browser.profile.path().display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": programs.chromium, "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let driver = format!("http://127.0.0.1:{port}/session");
        let made = browser.post(&driver, &wanted).context("cannot start Chromium")?;
        let id = made["sessionId"].as_str().context("chromedriver gave no session id")?;
        browser.session = format!("{driver}/{id}");
        let downloads = json!({ "behavior": "allow", "downloadPath": browser.downloads() });
        browser.devtools("Browser.setDownloadBehavior", &downloads)?;
        let version =
            made["capabilities"]["browserVersion"].as_str().unwrap_or("of unknown version");
        Ok((browser, format!("Chromium {version}")))
    }

    /// Runs a script in every page that is opened from now on, before the page's own.
    pub(super) fn before_pages(&self, script: &str) -> anyhow::Result<()> {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }))?;
        Ok(())
    }

    /// Opens a second window and turns to it; `close` comes back to the first.
    pub(super) fn open_window(&self) -> anyhow::Result<Window<'_>> {
        let first = self.get("window")?;
        let second = self.command("window/new", &json!({ "type": "tab" }))?;
        self.command("window", &json!({ "handle": second["handle"] }))?;
        Ok(Window { browser: self, first })
    }

    pub(super) fn goto(&self, url: &str) -> anyhow::Result<()> {
        self.command("url", &json!({ "url": url }))
            .with_context(|| format!("cannot open {url}"))?;
        Ok(())
    }

    /// What the JavaScript expression is in the page; a promise is awaited.
    pub(super) fn eval<T: DeserializeOwned>(&self, expression: &str) -> anyhow::Result<T> {
        let script = json!({ "script": format!("return ({expression});"), "args": [] });
        let value = self.command("execute/sync", &script).with_context(|| expression.to_owned())?;
        serde_json::from_value(value).with_context(|| format!("unexpected kind of {expression}"))
    }

    /// Waits until the JavaScript expression is truthy, and gives what it is then. Until then it may also fail: what
    /// it looks at need not be in the page yet.
    pub(super) fn until<T: DeserializeOwned>(&self, expression: &str) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let looked = self.eval(expression);
            if let Ok(value) = &looked
                && truthy(value)
            {
                return T::deserialize(value)
                    .with_context(|| format!("unexpected kind of {expression}"));
            }
            if Instant::now() > deadline {
                looked?;
                bail!("waited {} s in vain for: {expression}", PATIENCE.as_secs());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Clicks where a user would, as soon as it can be clicked there; an `<option>` is chosen by it.
    pub(super) fn click(&self, selector: &str) -> anyhow::Result<()> {
        patiently(|| {
            let element = self.find(selector)?;
            self.command(&format!("element/{element}/click"), &json!({}))
                .with_context(|| format!("cannot click {selector}"))?;
            Ok(())
        })
    }

    /// Replaces what a field holds by typing.
    pub(super) fn fill(&self, selector: &str, text: &str) -> anyhow::Result<()> {
        let element = self.element(selector)?;
        // Select all, then type over it: a user's way, unlike WebDriver's "clear", which also leaves the field.
        let keys =
            format!("\u{e009}a\u{e000}{}{text}", if text.is_empty() { "\u{e017}" } else { "" });
        self.command(&format!("element/{element}/value"), &json!({ "text": keys }))
            .with_context(|| format!("cannot type into {selector}"))?;
        Ok(())
    }

    /// Presses keys in an element, one after another, where its cursor is.
    pub(super) fn keys(&self, selector: &str, keys: &str) -> anyhow::Result<()> {
        let element = self.element(selector)?;
        self.command(&format!("element/{element}/value"), &json!({ "text": keys }))
            .with_context(|| format!("cannot press keys in {selector}"))?;
        Ok(())
    }

    /// Chooses files for a file input.
    pub(super) fn choose(&self, selector: &str, files: &[&Path]) -> anyhow::Result<()> {
        let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        self.keys(selector, &files.join("\n"))
    }

    /// Lets pages send only so many bytes per second of a request, or as many as they can.
    pub(super) fn upload_at_most(&self, bytes: Option<usize>) -> anyhow::Result<()> {
        let pace = bytes.map_or_else(|| json!(-1), |bytes| json!(bytes));
        let conditions = json!({ "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": pace });
        self.devtools("Network.enable", &json!({}))?;
        self.devtools("Network.emulateNetworkConditions", &conditions)?;
        Ok(())
    }

    /// Takes an element with the mouse and moves it to the side by so many pixels.
    pub(super) fn drag(&self, selector: &str, pixels: f64) -> anyhow::Result<()> {
        let origin = json!({ ELEMENT: self.element(selector)? });
        let mouse = json!({ "actions": [{
            "type": "pointer",
            "id": "mouse",
            "parameters": { "pointerType": "mouse" },
            "actions": [
                { "type": "pointerMove", "origin": origin, "x": 0, "y": 0 },
                { "type": "pointerDown", "button": 0 },
                { "type": "pointerMove", "origin": "pointer", "x": pixels.round(), "y": 0, "duration": 50 },
                { "type": "pointerUp", "button": 0 },
            ],
        }] });
        self.command("actions", &mouse).with_context(|| format!("cannot drag {selector}"))?;
        Ok(())
    }

    /// Waits until the page's download of this name is whole, and gives what is in it.
    pub(super) fn downloaded(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        // Until it is whole it has another name.
        let file = self.downloads().join(name);
        patiently(|| std::fs::read(&file).with_context(|| format!("no download {name}")))
    }

    fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// Waits until an element has this text and no other, and gives it.
    pub(super) fn until_text(&self, selector: &str, text: &str) -> anyhow::Result<String> {
        let (selector, wanted) = (json!(selector), json!(text));
        let text = format!("document.querySelector({selector}).textContent");
        let waited = self.until::<bool>(&format!("{text}.trim() === {wanted}"));
        if waited.is_err() {
            let shown: String = self.eval(&text)?;
            bail!("{selector} shows {shown:?}, not {wanted}");
        }
        Ok(wanted.to_string())
    }

    /// Saves a picture of the whole page, what is below the window's edge included.
    pub(super) fn screenshot(&self, file: &Path) -> anyhow::Result<()> {
        // What is fixed to the window stands at the top of the picture then.
        self.eval::<()>("void window.scrollTo(0, 0)")?;
        let clip: Value = self.eval(
            "{ x: 0, y: 0, scale: 1, width: window.innerWidth, height: document.documentElement.scrollHeight }",
        )?;
        let params = json!({ "clip": clip, "captureBeyondViewport": true });
        let shot = self.devtools("Page.captureScreenshot", &params)?;
        let png = shot["data"].as_str().context("the screenshot is not text")?;
        let png = base64::engine::general_purpose::STANDARD.decode(png)?;
        std::fs::write(file, png).with_context(|| format!("cannot write {}", file.display()))
    }

    /// The console told of no error since it was asked last.
    pub(super) fn expect_no_errors(&self) -> anyhow::Result<()> {
        let lines = self.command("se/log", &json!({ "type": "browser" }))?;
        let lines: Vec<ConsoleLine> = serde_json::from_value(lines)?;
        let errors: Vec<String> = lines
            .into_iter()
            .filter(|line| line.level == "SEVERE")
            .map(|line| line.message)
            .collect();
        ensure!(errors.is_empty(), "the console told of errors: {}", errors.join(" | "));
        Ok(())
    }

    /// The element, as soon as it is there.
    fn element(&self, selector: &str) -> anyhow::Result<String> {
        patiently(|| self.find(selector))
    }

    fn find(&self, selector: &str) -> anyhow::Result<String> {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self
            .command("element", &wanted)
            .with_context(|| format!("no {selector} in the page"))?;
        Ok(found[ELEMENT].as_str().context("an element without an id")?.to_owned())
    }

    /// A command of Chromium's own protocol, for what WebDriver does not have.
    fn devtools(&self, command: &str, params: &Value) -> anyhow::Result<Value> {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    fn command(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.post(&format!("{}/{path}", self.session), body)
    }

    fn post(&self, url: &str, body: &Value) -> anyhow::Result<Value> {
        answer(self.agent.post(url).content_type("application/json").send(body.to_string())?)
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        answer(self.agent.get(format!("{}/{path}", self.session)).call()?)
    }

    fn port(&mut self) -> anyhow::Result<u16> {
        let stdout = self.driver.stdout.take().context("its output was taken already")?;
        let output = self.output.insert(BufReader::new(stdout));
        let mut line = String::new();
        while output.read_line(&mut line)? > 0 {
            if let Some((_, port)) = line.trim_end().split_once("started successfully on port ") {
                return Ok(port.trim_end_matches('.').parse()?);
            }
            line.clear();
        }
        bail!("it ended")
    }
}

/// A second window, which is the one that is driven until it is closed.
#[derive(Debug)]
pub(super) struct Window<'a> {
    browser: &'a Browser,
    first: Value,
}

impl Window<'_> {
    pub(super) fn close(self) -> anyhow::Result<()> {
        answer(self.browser.agent.delete(format!("{}/window", self.browser.session)).call()?)?;
        self.browser.command("window", &json!({ "handle": self.first }))?;
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Ends Chromium itself, which is the driver's child and would outlive it.
            let _ = self.agent.delete(&self.session).call();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Tries until it works, or until there is no more patience.
fn patiently<T>(mut attempt: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let done = attempt();
        if done.is_ok() || Instant::now() > deadline {
            return done;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
    // A screenshot is the largest thing that comes.
    let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
    let mut answer: Value = serde_json::from_str(&text).context("this is not WebDriver")?;
    let value = answer["value"].take();
    if response.status().is_success() {
        return Ok(value);
    }
    let message = value["message"].as_str().unwrap_or("no message");
    // What follows the first line is chromedriver's own stack.
    bail!("{}", message.lines().next().unwrap_or(message))
}
