//! `cargo xtask demo`: a data explorer, and the example to start an app from.
//!
//! Read `demo/app.rs` first, the session; then `demo/panel.rs`, a module that comes and goes. The others know nothing
//! of sessions: `data` the table, `chart` and `html` what is drawn, `page` the page that it is drawn into.

mod app;
mod chart;
mod data;
mod html;
mod page;
mod panel;

use std::path::PathBuf;

use anyhow::{Context, bail};

use session_core::link::Listener;
use session_core::{Server, shutdown_on_signals};
use transport_ws::{BindError, Config};

use data::Table;
use page::{Client, FILES, page};

const USAGE: &str = "\
usage: cargo xtask demo [--data FILE [--text COLUMN]…] [--listen ADDRESS] [--shiny-assets DIR]

Serves a data explorer.

  --data FILE          a CSV file with a line of column names; without it, the chemical elements
  --text COLUMN        a column of that file that is text, though its cells look like numbers
  --listen ADDRESS     where to serve it, 127.0.0.1:8000 if not said; port 0 takes any free one
  --shiny-assets DIR   the folder `www/shared` of the PyPI package `shiny`: serves the same page below /shiny/
                       with the Shiny client, unmodified";

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let Some(options) = Options::parse(args)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let table = match &options.data {
        Some(file) => Table::open(file, &options.text)?,
        None => Table::elements()?,
    };
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
    runtime.block_on(serve(table, &options))
}

async fn serve(table: &'static Table, options: &Options) -> anyhow::Result<()> {
    let mut config = Config::new(&options.listen).page("/", page(table, Client::Ours));
    if let Some(folder) = &options.shiny_assets {
        config =
            config.page("/shiny/", page(table, Client::Shiny)).folder("shiny/lib/shared", folder);
    }
    for (name, media_type, bytes) in FILES {
        config = config.asset(name, media_type, bytes).asset(
            &format!("shiny/{name}"),
            media_type,
            bytes,
        );
    }
    let listener = match transport_ws::bind_with(config).await {
        Err(BindError::InUse { address }) => bail!(
            "{address} is taken by another program: stop that one, or serve elsewhere with \
             `--listen 127.0.0.1:8001` (port 0 takes any free one)"
        ),
        bound => bound?,
    };
    let address = listener.address();
    println!("serving {} at {address}", table.name());
    if options.shiny_assets.is_some() {
        println!("and with the Shiny client at {address}shiny/");
    }
    println!("Ctrl+C ends it");
    Server::new(app::app(table)).serve(listener, shutdown_on_signals()).await;
    Ok(())
}

#[derive(Debug)]
struct Options {
    data: Option<PathBuf>,
    text: Vec<String>,
    listen: String,
    shiny_assets: Option<PathBuf>,
}

impl Options {
    /// `None` asks for the usage.
    fn parse(args: &[String]) -> anyhow::Result<Option<Self>> {
        let mut options = Self {
            data: None,
            text: Vec::new(),
            listen: "127.0.0.1:8000".to_owned(),
            shiny_assets: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().with_context(|| format!("`{arg}` needs a value\n\n{USAGE}"));
            match arg.as_str() {
                "--data" => options.data = Some(value()?.into()),
                "--text" => options.text.push(value()?.clone()),
                "--listen" => options.listen = value()?.clone(),
                "--shiny-assets" => options.shiny_assets = Some(shiny_assets(value()?.into())?),
                "--help" | "-h" => return Ok(None),
                other => bail!("`demo` does not take `{other}`\n\n{USAGE}"),
            }
        }
        if options.data.is_none() && !options.text.is_empty() {
            bail!(
                "`--text` says something about the file of `--data`, which is not there\n\n{USAGE}"
            );
        }
        Ok(Some(options))
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
