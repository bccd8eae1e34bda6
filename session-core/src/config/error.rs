use std::fmt;
use std::path::{Path, PathBuf};

/// A configuration that cannot work: the start fails, and says where to look.
///
/// As text: `app.toml: session.inputs = 0: must be more than zero`.
#[derive(Debug)]
pub struct ConfigError {
    pub(super) file: Option<PathBuf>,
    pub(super) key: String,
    pub(super) value: Option<String>,
    pub(super) problem: String,
}

impl ConfigError {
    /// The file, if it is from one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The key at fault, such as `transport[0].listen`; empty when it is the whole.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its value, as TOML; `None` for a key that is missing, and for a table.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// What is wrong, and what to do.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
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

/// An error and its causes, in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
