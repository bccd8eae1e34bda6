//! `cargo xtask demo`: a data explorer, and the example to start an app from.
//!
//! Read `demo/app.rs` first, the session; then `demo/panel.rs`, a module that comes and goes. The others know nothing
//! of sessions: `data` the table, `chart` and `html` what is drawn, `page` the page that it is drawn into. Which transports
//! carry it stands in a file, of which `config/` holds examples; `settings` and `overlay` read it.

mod app;
mod chart;
mod data;
mod html;
mod overlay;
mod page;
mod panel;
mod settings;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, bail};

use session_core::config::{Config, Transports};
use session_core::{Server, shutdown_on_signals};
use transport_quic::Quic;
use transport_stdio::Stdio;
use transport_ws::WebSocket;

use data::Table;
use page::{Client, FILES, page};
use settings::Settings;

const USAGE: &str = "\
usage: cargo xtask demo [--transport KIND | --config FILE] [--set KEY=VALUE]… [--listen ADDRESS]
                        [--data FILE [--text COLUMN]…] [--shiny-assets DIR]

Serves a data explorer.

  --transport KIND     ws, for browsers and programs, if not said; quic; stdio, for a program that starts this one; or
                       all of them at once: what each is told stands in xtask/src/demo/config/
  --config FILE        a configuration of your own; begin with a copy of one of those
  --set KEY=VALUE      goes over the file: --set session.init_timeout=5s --set transport.0.listen=127.0.0.1:0
  --listen ADDRESS     where the first transport listens, --set transport.0.listen for short; port 0 takes any free one
  --data FILE          a CSV file with a line of column names; without it, the chemical elements
  --text COLUMN        a column of that file that is text, though its cells look like numbers
  --shiny-assets DIR   the folder `www/shared` of the PyPI package `shiny`: serves the same page below /shiny/
                       with the Shiny client, unmodified

The environment goes over the file, and under the command line: DEMO_SESSION__INIT_TIMEOUT=5s is session.init_timeout,
DEMO_TRANSPORT__0__LISTEN=127.0.0.1:0 is transport.0.listen. An error names where the value came from.";

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let Some(options) = Options::parse(args, environment())? else {
        println!("{USAGE}");
        return Ok(());
    };
    let table = match &options.data {
        Some(file) => Table::open(file, &options.text)?,
        None => Table::elements()?,
    };
    let config = options.settings.config(options.shiny_assets.as_deref())?;
    // What an app does not tell its clients, such as the text of an error, it tells here.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    // For as long as the program runs.
    let table: &'static Table = Box::leak(Box::new(table));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start tokio")?;
    runtime.block_on(serve(table, &config, &options))
}

async fn serve(table: &'static Table, config: &Config, options: &Options) -> anyhow::Result<()> {
    let transports = transports(table, options.shiny_assets.is_some());
    // Once it is the wire it is no terminal any more.
    let typed = std::io::stdin().is_terminal();
    let bound = transports.bind(config).await;
    let listener = bound.map_err(|error| options.settings.explain(error))?;
    let over_stdio = config.kinds().any(|kind| kind == "stdio");
    for line in words(table.name(), &listener.addresses(), options.shiny_assets.is_some()) {
        if over_stdio {
            eprintln!("{line}"); // stdout is the wire
        } else {
            println!("{line}");
        }
    }
    if over_stdio && typed {
        eprintln!(
            "what is typed here goes over the wire; a client that starts this program is\n\
             cargo xtask connect 'stdio:cargo xtask demo --transport stdio'"
        );
    }
    Server::new(app::app(table)).config(config).serve(listener, shutdown_on_signals()).await;
    Ok(())
}

/// The transports that a configuration can name; this is all that the demo knows of them.
fn transports(table: &'static Table, shiny: bool) -> Transports {
    // A page may have its session over QUIC, too. Where that is, is known once it is bound, if it is.
    let script = Arc::new(OnceLock::new());
    let bound = Arc::clone(&script);
    let quic = Quic::new().on_bound(move |listener| {
        bound.get_or_init(|| listener.webtransport_script("webtransport.js"));
    });
    let page = |client| {
        let script = Arc::clone(&script);
        move || page(table, client, script.get().map_or("", String::as_str))
    };
    let mut web = WebSocket::new().page_with("/", page(Client::Ours));
    if shiny {
        web = web.page_with("/shiny/", page(Client::Shiny));
    }
    for (name, media_type, bytes) in FILES {
        web = web.asset(name, media_type, bytes);
        web = web.asset(&format!("shiny/{name}"), media_type, bytes);
    }
    Transports::new().with(web).with(quic).with(Stdio)
}

/// What a person is told at the start.
fn words(name: &str, addresses: &[String], shiny: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for address in addresses {
        let lead = if lines.is_empty() { format!("serving {name}") } else { "and".to_owned() };
        lines.push(format!("{lead} at {address}"));
        if shiny && address.starts_with("http") {
            lines.push(format!("and with the Shiny client at {address}shiny/"));
        }
    }
    let of = |scheme| addresses.iter().find(|address| address.starts_with(scheme));
    if let (Some(page), Some(_)) = (of("http://"), of("quic://")) {
        lines.push(format!("with its session over QUIC: {page}?transport=webtransport"));
    }
    if let Some(address) = addresses.iter().find(|address| address.contains("://")) {
        lines.push(format!("in a terminal: cargo xtask connect '{address}'"));
    }
    lines.push("Ctrl+C ends it".to_owned());
    lines
}

/// The environment, as far as it is text; what is not cannot be meant for the demo.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}

#[derive(Debug)]
struct Options {
    settings: Settings,
    data: Option<PathBuf>,
    text: Vec<String>,
    shiny_assets: Option<PathBuf>,
}

impl Options {
    /// `None` asks for the usage.
    fn parse(
        args: &[String],
        environment: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Option<Self>> {
        let (mut transport, mut config, mut listen, mut set) = (None, None, None, Vec::new());
        let (mut data, mut text, mut assets) = (None, Vec::new(), None);
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().with_context(|| format!("`{arg}` needs a value\n\n{USAGE}"));
            match arg.as_str() {
                "--transport" => transport = Some(value()?),
                "--config" => config = Some(value()?),
                "--listen" => listen = Some(value()?),
                "--set" => set.push(value()?),
                "--data" => data = Some(value()?.into()),
                "--text" => text.push(value()?.clone()),
                "--shiny-assets" => assets = Some(shiny_assets(value()?.into())?),
                "--help" | "-h" => return Ok(None),
                other => bail!("`demo` does not take `{other}`\n\n{USAGE}"),
            }
        }
        if data.is_none() && !text.is_empty() {
            bail!(
                "`--text` says something about the file of `--data`, which is not there\n\n{USAGE}"
            );
        }
        let mut settings = match (transport, config) {
            (Some(_), Some(_)) => {
                bail!(
                    "`--transport` is one of our files, `--config` one of yours: say one of them\n\n{USAGE}"
                )
            }
            (None, Some(file)) => Settings::read(file.into())?,
            (kind, None) => Settings::shipped(kind.map_or("ws", String::as_str))?,
        };
        settings.overlay.environment(environment)?;
        if let Some(address) = listen {
            let written = format!("--listen {address}");
            settings.overlay.option(written, &["transport", "0", "listen"], address);
        }
        for argument in set {
            settings.overlay.argument(argument)?;
        }
        Ok(Some(Self { settings, data, text, shiny_assets: assets }))
    }
}

/// The folder, if it is the one that is meant.
fn shiny_assets(folder: PathBuf) -> anyhow::Result<PathBuf> {
    for file in ["jquery/jquery-3.6.0.min.js", "shiny.js", "shiny.min.css"] {
        if !folder.join(file).is_file() {
            bail!(
                "{} has no {file}: `--shiny-assets` takes the folder `www/shared` of the PyPI package `shiny`, for example \
                 after `pip download --no-deps shiny==1.8.0` and unpacking the wheel",
                folder.display()
            );
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests;
