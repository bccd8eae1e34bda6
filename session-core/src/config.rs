//! Transports chosen by a file: the same program and the same app, another line in the configuration.
//!
//! ```toml
//! [server]                       # limits of all sessions together; every key has a default
//! max_sessions = 100_000
//! trusted_peers = ["127.0.0.1"]  # proxies that say who the user is, in a header
//!
//! [session]                      # limits of each session; every key has a default
//! init_timeout = "30s"
//!
//! [[transport]]                  # one table for each; several serve the same app at once
//! kind = "ws"                    # the line to change
//! listen = "127.0.0.1:8000"
//! ```
//!
//! Whatever cannot work (an unknown key, a wrong type, a limit of nothing, an address that is taken) is a
//! [`ConfigError`] that names file, key and value, before anything is served.
//!
//! A registry holds exactly the transports that the program depends on; one that needs no choice needs
//! neither registry nor file: it passes its transport's listener to [`Server::serve`](crate::Server::serve).
//!
//! Where values come from besides the file is the program's affair: it puts a [`toml::Table`] together and
//! passes it to [`Config::from_table`]; [`ConfigError::key`] then tells which of its sources is to blame.

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use crate::exchange::BoxError;
use crate::link::Listener;

pub mod check;
mod document;
pub mod duration;
mod error;
mod nearest;
mod network;
mod server;
mod transports;

/// The crate whose tables [`Config::from_table`] takes.
pub use toml;

pub use check::InvalidValue;
pub use document::Config;
pub use error::ConfigError;
pub use network::{InvalidNetwork, Network};
pub use server::ServerConfig;
pub use transports::Transports;

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
