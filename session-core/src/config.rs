//! Transports chosen by a file: the same program and the same app, another line in the configuration.
//!
//! ```toml
//! [session]                      # limits of each session; every key has a default
//! init_timeout = "30s"
//!
//! [[transport]]                  # one table for each; several serve the same app at once
//! kind = "ws"                    # the line to change
//! listen = "127.0.0.1:8000"
//! ```
//!
//! A registry holds exactly the transports that the program depends on; one that needs no choice needs
//! neither registry nor file: it passes its transport's listener to [`Server::serve`](crate::Server::serve).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::exchange::BoxError;
use crate::limits::Limits;
use crate::link::{AnyListener, Listener};

pub mod duration;

/// A kind of transport that a configuration can name.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// The word in `kind = "…"`.
    const KIND: &'static str;
    /// The rest of its table. Unknown keys are to be refused (`deny_unknown_fields`).
    type Config: DeserializeOwned + Send;
    /// What it gives.
    type Listener: Listener;

    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// [`BindFailure`], which names the key at fault where there is one.
    async fn bind(&self, config: Self::Config) -> Result<Self::Listener, BindFailure>;
}

/// Why a transport could not start.
#[derive(Debug)]
pub struct BindFailure {
    key: Option<&'static str>,
    source: BoxError,
}

impl BindFailure {
    /// A failure that has to do with one key of the transport's table.
    pub fn of_key(key: &'static str, source: impl Into<BoxError>) -> Self {
        Self { key: Some(key), source: source.into() }
    }
}

impl<E: Into<BoxError>> From<E> for BindFailure {
    fn from(source: E) -> Self {
        Self { key: None, source: source.into() }
    }
}

/// The transports a program can be told to use.
#[derive(Default)]
pub struct Transports {
    kinds: BTreeMap<&'static str, Box<dyn AnyTransport>>,
}

impl Transports {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// And this one.
    #[must_use]
    pub fn with<T: Transport>(mut self, transport: T) -> Self {
        self.kinds.insert(T::KIND, Box::new(transport));
        self
    }

    /// Starts every transport of a configuration, in order; all or none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first that does not start.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, nothing listens.
    pub async fn bind(&self, config: &Config) -> Result<AnyListener, ConfigError> {
        let mut listener = AnyListener::new();
        for (at, table) in config.transports.iter().enumerate() {
            let key = format!("transport[{at}]");
            let Some(kind) = table.get("kind").and_then(toml::Value::as_str) else {
                let problem = "a transport needs a kind".to_owned();
                return Err(config.error(format!("{key}.kind"), table.get("kind"), problem));
            };
            let Some(transport) = self.kinds.get(kind) else {
                let known: Vec<_> = self.kinds.keys().copied().collect();
                let problem =
                    format!("this program has no such transport, only {}", known.join(", "));
                return Err(config.error(format!("{key}.kind"), table.get("kind"), problem));
            };
            let mut table = table.clone();
            table.remove("kind");
            transport.bind(Source { config, key: &key, table }, &mut listener).await?;
        }
        Ok(listener)
    }
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.keys()).finish()
    }
}

/// A configuration: the limits of sessions, and a table for each transport.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The limits of each session.
    pub session: Limits,
    file: Option<PathBuf>,
    transports: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    session: toml::Table,
    #[serde(default)]
    transport: Vec<toml::Table>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names file, key and value.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let in_file = |problem: String| ConfigError {
            file: Some(path.to_owned()),
            key: String::new(),
            value: None,
            problem,
        };
        let text = std::fs::read_to_string(path).map_err(|error| in_file(error.to_string()))?;
        let table = parse(&text).map_err(in_file)?;
        Self::from_table(table, Some(path.to_owned()))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names key and value.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let table = parse(text).map_err(|problem| ConfigError {
            file: None,
            key: String::new(),
            value: None,
            problem,
        })?;
        Self::from_table(table, None)
    }

    /// Takes a table that the program has put together, from the environment or its arguments, say. `file` is
    /// what errors name.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names file, key and value.
    pub fn from_table(table: toml::Table, file: Option<PathBuf>) -> Result<Self, ConfigError> {
        let mut config = Self { session: Limits::default(), file, transports: Vec::new() };
        let document: Document = config.read("", table)?;
        config.transports = document.transport;
        let limits: Limits = config.read("session", document.session.clone())?;
        if let Err((key, problem)) = limits.check() {
            let value = document.session.get(key);
            return Err(config.error(format!("session.{key}"), value, problem.to_owned()));
        }
        if config.transports.is_empty() {
            let problem = "without a [[transport]] there is nothing to serve".to_owned();
            return Err(config.error("transport".to_owned(), None, problem));
        }
        config.session = limits;
        Ok(config)
    }

    fn read<T: DeserializeOwned>(&self, key: &str, table: toml::Table) -> Result<T, ConfigError> {
        let values = toml::Value::Table(table);
        serde_path_to_error::deserialize(values.clone()).map_err(|error| {
            let path = error.path().to_string();
            let value = lookup(&values, error.path());
            let dot = if key.is_empty() || path == "." { "" } else { "." };
            let path = if path == "." { "" } else { &path };
            self.error(format!("{key}{dot}{path}"), value, error.inner().message().to_owned())
        })
    }

    fn error(&self, key: String, value: Option<&toml::Value>, problem: String) -> ConfigError {
        let value = value.map(ToString::to_string);
        ConfigError { file: self.file.clone(), key, value, problem }
    }
}

fn parse(text: &str) -> Result<toml::Table, String> {
    text.parse().map_err(|error: toml::de::Error| error.to_string().trim_end().to_owned())
}

fn lookup<'a>(
    mut value: &'a toml::Value,
    path: &serde_path_to_error::Path,
) -> Option<&'a toml::Value> {
    use serde_path_to_error::Segment;
    for segment in path {
        value = match segment {
            Segment::Seq { index } => value.get(index)?,
            Segment::Map { key } => value.get(key)?,
            _ => return None,
        };
    }
    (!value.is_table()).then_some(value)
}

/// A configuration that cannot work: the start fails, and says where to look.
#[derive(Debug)]
pub struct ConfigError {
    file: Option<PathBuf>,
    key: String,
    value: Option<String>,
    problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        match (&*self.key, &self.value) {
            ("", _) => {}
            (key, None) => write!(f, "{key}: ")?,
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// One transport's table, and where it is from.
struct Source<'a> {
    config: &'a Config,
    key: &'a str,
    table: toml::Table,
}

#[async_trait]
trait AnyTransport: Send + Sync {
    async fn bind(&self, source: Source<'_>, into: &mut AnyListener) -> Result<(), ConfigError>;
}

#[async_trait]
impl<T: Transport> AnyTransport for T {
    async fn bind(&self, source: Source<'_>, into: &mut AnyListener) -> Result<(), ConfigError> {
        let Source { config, key, table } = source;
        let listener = Transport::bind(self, config.read(key, table.clone())?).await;
        into.push(listener.map_err(|failure| {
            let (path, value) = match failure.key {
                Some(name) => (format!("{key}.{name}"), table.get(name)),
                None => (key.to_owned(), None),
            };
            config.error(path, value, chain(&*failure.source))
        })?);
        Ok(())
    }
}

/// An error and its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
