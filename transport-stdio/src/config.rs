use std::time::Duration;

use serde::Deserialize;
use session_core::config::{InvalidValue, check, duration};

use crate::wire::BODY_WINDOW;

/// What a listener is told: the format of the wire, and limits.
///
/// It can stand in a configuration file; an unknown key is an error there, a missing one has its default. Durations
/// are texts such as `"10s"` or `"500ms"`.
///
/// ```
/// let config = transport_stdio::Config::default().framing(transport_stdio::Framing::Length);
/// assert_eq!(config.max_message_bytes, 1024 * 1024);
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// The format of the wire, `"lines"` by default.
    pub framing: Framing,
    /// The largest message of the link, 1 MiB by default.
    pub max_message_bytes: usize,
    /// Exchanges at a time, 64 by default; beyond it a request gets 503.
    pub max_exchanges: usize,
    /// How much of the body of a request may arrive before the app has taken it, 256 KiB by default, which is also the
    /// least.
    pub exchange_window_bytes: usize,
    /// How long the client may take to hang up once its link has ended, and to read the rest once the app has let go of
    /// everything; 5 s by default.
    #[serde(deserialize_with = "duration::deserialize")]
    pub linger: Duration,
}

/// The format of the wire: the same for both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Framing {
    /// A line for everything, which a shell script can write. The default.
    #[default]
    Lines,
    /// A record with a length for everything, without base64 for what is binary.
    Length,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            framing: Framing::Lines,
            max_message_bytes: 1024 * 1024,
            max_exchanges: 64,
            exchange_window_bytes: BODY_WINDOW,
            linger: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// With another format of the wire.
    #[must_use]
    pub const fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// With another limit for the messages of the link, in bytes.
    #[must_use]
    pub const fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Refuses values that cannot work.
    pub(crate) fn check(&self) -> Result<(), InvalidValue> {
        check::number("max_message_bytes", self.max_message_bytes, 1..=1 << 30)?;
        check::number("max_exchanges", self.max_exchanges, 1..=1 << 16)?;
        check::number("exchange_window_bytes", self.exchange_window_bytes, BODY_WINDOW..=1 << 30)?;
        check::time("linger", self.linger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_names_what_it_changes() {
        let config: Config =
            serde_json::from_str(r#"{"framing": "length", "linger": "1500ms"}"#).unwrap();
        assert_eq!(config.framing, Framing::Length);
        assert_eq!(config.linger, Duration::from_millis(1500));
        assert_eq!(config.max_exchanges, 64);
    }

    #[test]
    fn an_unknown_key_and_an_unknown_framing_are_refused() {
        for (json, named) in
            [(r#"{"frames": "length"}"#, "frames"), (r#"{"framing": "xml"}"#, "xml")]
        {
            let error = serde_json::from_str::<Config>(json).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_value_that_cannot_work_is_refused_by_name_and_value() {
        let refused = |config: Config| config.check().unwrap_err().to_string();
        for value in [0, usize::MAX] {
            let error = refused(Config { max_message_bytes: value, ..Config::default() });
            assert!(error.contains(&format!("max_message_bytes = {value}")), "{error}");
            let error = refused(Config { max_exchanges: value, ..Config::default() });
            assert!(error.contains(&format!("max_exchanges = {value}")), "{error}");
            let error = refused(Config { exchange_window_bytes: value, ..Config::default() });
            assert!(error.contains(&format!("exchange_window_bytes = {value}")), "{error}");
        }
        let error = refused(Config { linger: Duration::ZERO, ..Config::default() });
        assert!(error.contains("linger"), "{error}");
        assert!(Config::default().check().is_ok());
    }
}
