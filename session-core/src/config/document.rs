use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ConfigError, InvalidValue, ServerConfig};
use crate::limits::Limits;

/// A configuration: the limits of the server and of its sessions, and a table for each transport.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The limits of all sessions together.
    pub server: ServerConfig,
    /// The limits of each session.
    pub session: Limits,
    pub(super) file: Option<PathBuf>,
    pub(super) transports: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    server: toml::Table,
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
        let mut config = Self {
            server: ServerConfig::default(),
            session: Limits::default(),
            file,
            transports: Vec::new(),
        };
        if let Some(toml::Value::Table(_)) = table.get("transport") {
            let problem = "transports are a list, each of them begins with [[transport]]";
            return Err(config.error("transport".to_owned(), None, problem.to_owned()));
        }
        let document: Document = config.read("", table)?;
        config.transports = document.transport;
        config.server = config.read_limits("server", &document.server, ServerConfig::check)?;
        config.session = config.read_limits("session", &document.session, Limits::check)?;
        if config.transports.is_empty() {
            let problem = "without a [[transport]] there is nothing to serve".to_owned();
            return Err(config.error("transport".to_owned(), None, problem));
        }
        Ok(config)
    }

    /// The kind of each transport, in order; one that names none is left out.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.transports.iter().filter_map(|table| table.get("kind")?.as_str())
    }

    /// Reads a table whose values have bounds.
    fn read_limits<T: DeserializeOwned>(
        &self,
        name: &str,
        table: &toml::Table,
        check: impl Fn(&T) -> Result<(), InvalidValue>,
    ) -> Result<T, ConfigError> {
        let limits = self.read(name, table.clone())?;
        check(&limits).map_err(|InvalidValue { key, problem, .. }| {
            self.error(format!("{name}.{key}"), table.get(key), problem.to_owned())
        })?;
        Ok(limits)
    }

    pub(super) fn read<T: DeserializeOwned>(
        &self,
        key: &str,
        table: toml::Table,
    ) -> Result<T, ConfigError> {
        let values = toml::Value::Table(table);
        serde_path_to_error::deserialize(values.clone()).map_err(|error| {
            let path = error.path().to_string();
            let value = lookup(&values, error.path());
            let dot = if key.is_empty() || path == "." { "" } else { "." };
            let path = if path == "." { "" } else { &path };
            self.error(format!("{key}{dot}{path}"), value, error.inner().message().to_owned())
        })
    }

    pub(super) fn error(
        &self,
        key: String,
        value: Option<&toml::Value>,
        problem: String,
    ) -> ConfigError {
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
