//! `cargo xtask browser`: a real browser on the pages that we serve.
//!
//! Seven rounds, each in a browser with an empty profile: the promises of our own scripts, told to them by what the page
//! itself plays; then the demo, with our client and with the unmodified Shiny client, over WebSocket and over QUIC; and an
//! app for each thing that pages can do, with the Shiny client, over both.

mod client;
mod demo;
mod features;
mod machine;
mod server;
mod webdriver;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::report::{Missing, Report};
use crate::workspace;
use demo::{Client, Over};
use machine::Machine;

const USAGE: &str = "\
usage: cargo xtask browser [--only ROUND] [--app NAME] [--shiny-assets DIR]

Drives headless Chromium through the pages that we serve and prints what it saw, a line per step.
Screenshots and logs go to target/browser/.

  --only ROUND         one of: client, ours, shiny, ours-webtransport, shiny-webtransport, features,
                       features-webtransport
  --app NAME           of the rounds of features, one app only: a file of xtask/src/browser/features
  --shiny-assets DIR   the folder `www/shared` of the PyPI package `shiny`; without it, what
                       SHINY_ASSETS in the environment says, what .ci/run has fetched, or the
                       package that python3 finds

What the machine lacks is skipped and said; with CI=true in the environment it is a failure.";

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let Some(options) = Options::parse(args)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let folder = workspace::root().join("target/browser");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let shiny_assets = options
        .shiny_assets
        .clone()
        .or_else(|| std::env::var_os("SHINY_ASSETS").map(PathBuf::from));
    let machine = Machine::new(shiny_assets);
    let mut report = Report::new("browser", "target/browser/");
    for round in Round::ALL {
        if !options.takes(round) {
            continue;
        }
        let app = options.app.as_deref();
        if let Err(missing) = round.run(app, &machine, &folder, &mut report) {
            report.skip(&missing);
        }
    }
    report.close()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Our scripts alone.
    Client,
    /// The demo with our client.
    Ours,
    /// The demo with the Shiny client.
    Shiny,
    /// The demo with our client over WebTransport.
    OursWebTransport,
    /// The demo with the Shiny client over WebTransport.
    ShinyWebTransport,
    /// An app for each feature with the Shiny client.
    Features,
    /// The same over WebTransport.
    FeaturesWebTransport,
}

impl Round {
    const ALL: [Self; 7] = [
        Self::Client,
        Self::Ours,
        Self::Shiny,
        Self::OursWebTransport,
        Self::ShinyWebTransport,
        Self::Features,
        Self::FeaturesWebTransport,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Ours => "ours",
            Self::Shiny => "shiny",
            Self::OursWebTransport => "ours-webtransport",
            Self::ShinyWebTransport => "shiny-webtransport",
            Self::Features => "features",
            Self::FeaturesWebTransport => "features-webtransport",
        }
    }

    fn run(
        self,
        app: Option<&str>,
        machine: &Machine,
        folder: &Path,
        report: &mut Report,
    ) -> Result<(), Missing> {
        report.begin(self.name());
        let programs = machine.browser()?;
        let (client, over) = match self {
            Self::Client => {
                // Whether it passed is in the report.
                let _ = client::run(&programs, folder, report);
                return Ok(());
            }
            Self::Ours => (Client::Ours, Over::WebSocket),
            Self::OursWebTransport => (Client::Ours, Over::WebTransport),
            Self::Shiny => (Client::Shiny { assets: machine.shiny_assets()? }, Over::WebSocket),
            Self::ShinyWebTransport => {
                (Client::Shiny { assets: machine.shiny_assets()? }, Over::WebTransport)
            }
            Self::Features | Self::FeaturesWebTransport => {
                let assets = machine.shiny_assets()?;
                let webtransport = self == Self::FeaturesWebTransport;
                let over = if webtransport { Over::WebTransport } else { Over::WebSocket };
                let _ = features::run(self.name(), app, over, &assets, &programs, folder, report);
                return Ok(());
            }
        };
        // So here, too.
        let _ = demo::run(self.name(), &client, over, &programs, folder, report);
        Ok(())
    }
}

/// A file as one would name it from the workspace's own folder.
fn shown(file: &Path) -> String {
    file.strip_prefix(workspace::root()).unwrap_or(file).display().to_string()
}

#[derive(Debug, Default)]
struct Options {
    only: Option<Round>,
    app: Option<String>,
    shiny_assets: Option<PathBuf>,
}

impl Options {
    /// `None` asks for the usage.
    fn parse(args: &[String]) -> anyhow::Result<Option<Self>> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().with_context(|| format!("`{arg}` needs a value\n\n{USAGE}"));
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "--only" => {
                    let name = value()?;
                    let round = Round::ALL.into_iter().find(|round| round.name() == name);
                    options.only = Some(
                        round.with_context(|| format!("there is no round `{name}`\n\n{USAGE}"))?,
                    );
                }
                "--app" => {
                    let name = value()?;
                    let known = features::ALL.iter().any(|feature| feature.name == name);
                    ensure!(known, "there is no app `{name}`\n\n{USAGE}");
                    options.app = Some(name.clone());
                }
                "--shiny-assets" => options.shiny_assets = Some(value()?.into()),
                other => bail!("`browser` does not take `{other}`\n\n{USAGE}"),
            }
        }
        Ok(Some(options))
    }

    fn takes(&self, round: Round) -> bool {
        let of_features = matches!(round, Round::Features | Round::FeaturesWebTransport);
        self.only.is_none_or(|only| only == round) && (self.app.is_none() || of_features)
    }
}
