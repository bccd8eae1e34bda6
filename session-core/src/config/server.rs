use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{InvalidValue, Network, check, duration};

/// What all sessions together may use: the table `[server]`. Every field has a safe default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Sessions at a time, 100,000 by default; a link beyond that is closed with 1013.
    pub max_sessions: usize,
    /// How long the end of the server waits for sessions and for clients to have the last messages, 10 s by
    /// default.
    #[serde(with = "duration")]
    pub drain: Duration,
    /// Peers, by their address or network, whose header `Shiny-Server-Credentials` tells who the user is: proxies that
    /// authenticate users. None by default.
    pub trusted_peers: Vec<Network>,
    /// How long [`Server::authenticate`](crate::Server::authenticate) may take for one link, 10 s by default; over it the
    /// link is refused with 503.
    #[serde(with = "duration")]
    pub authentication_timeout: Duration,
    /// Where uploads are kept while their sessions last: in a private folder of the process within this one, which is
    /// made if it is not there. The system's folder for temporary files by default. What processes that ended without
    /// a chance to tidy up have left here is removed at the start.
    pub upload_dir: PathBuf,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_sessions: 100_000,
            drain: Duration::from_secs(10),
            trusted_peers: Vec::new(),
            authentication_timeout: Duration::from_secs(10),
            upload_dir: std::env::temp_dir(),
        }
    }
}

impl ServerConfig {
    /// Refuses values that cannot work.
    pub(crate) fn check(&self) -> Result<(), InvalidValue> {
        // More than one machine has ports and memory for.
        check::number("max_sessions", self.max_sessions, 1..=1 << 24)?;
        if self.upload_dir.as_os_str().is_empty() {
            return Err(InvalidValue::new("upload_dir", "\"\"", "must name a folder"));
        }
        check::time("drain", self.drain)?;
        check::time("authentication_timeout", self.authentication_timeout)
    }
}
