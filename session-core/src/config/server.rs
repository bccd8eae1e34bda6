use std::time::Duration;

use serde::Deserialize;

use super::duration;

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
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { max_sessions: 100_000, drain: Duration::from_secs(10) }
    }
}

impl ServerConfig {
    /// The first key whose value cannot work, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        match self.max_sessions {
            0 => return Err(("max_sessions", "must be more than zero")),
            // More than one machine has ports and memory for.
            16_777_217.. => return Err(("max_sessions", "is larger than any sensible limit")),
            _ => {}
        }
        if self.drain.is_zero() || self.drain > Duration::from_secs(24 * 3600) {
            return Err(("drain", "must be more than zero and at most a day"));
        }
        Ok(())
    }
}
