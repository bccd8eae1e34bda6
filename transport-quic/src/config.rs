use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use session_core::config::{InvalidValue, check, duration};

use crate::link::{Opener, Rules};

/// What a listener is told: an address, a certificate, and limits.
///
/// The data can stand in a configuration file; an unknown key is an error there, a missing one has its default.
/// Durations are texts such as `"10s"`, `"500ms"` or `"2m"`.
///
/// ```
/// let config = transport_quic::Config::new("127.0.0.1:0");
/// assert_eq!(config.max_message_bytes, 1024 * 1024);
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen (UDP), `127.0.0.1:4433` by default; port 0 lets the system choose.
    pub listen: String,
    /// A PEM file with the certificate of the server and those it is signed by. Goes with `key`; without either, a
    /// development certificate is made, which clients know by its hash alone.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the private key of `certificate`.
    pub key: Option<PathBuf>,
    /// A file to keep the development certificate and its key in, so that its hash stays over restarts. It is made
    /// at the first start, and again shortly before the certificate expires, within two weeks. Without it, each
    /// start has a certificate of its own.
    pub development_certificate: Option<PathBuf>,
    /// The largest message of a link, 1 MiB by default.
    pub max_message_bytes: usize,
    /// Connections at a time, 10 000 by default; beyond it a client is refused.
    pub max_connections: usize,
    /// Links and exchanges at a time on one connection, 100 by default; beyond it a client waits for one to end.
    pub max_streams_per_connection: u32,
    /// Bytes of one stream that the client may send before they are read, 128 KiB by default.
    pub stream_window: u32,
    /// Bytes of one connection that the client may send before they are read, 16 MiB by default. From
    /// `stream_window` times `max_streams_per_connection` on, a link that is not read holds up none of the others.
    pub connection_window: u32,
    /// Bytes of one connection that may be under way to the client, 4 MiB by default.
    pub send_window: u32,
    /// Handshakes under way at a time, 1024 by default. From a quarter of them on, a client has to show that it is
    /// where it says it is, which costs it a round trip; beyond all of them it is refused.
    pub max_incoming: usize,
    /// How long a client may take for its handshake, and then for the head of each stream; 10 s by default.
    #[serde(deserialize_with = "duration::deserialize")]
    pub handshake_timeout: Duration,
    /// How long a client may be silent before its connection counts as lost, and how long it may keep a connection
    /// without a stream; 30 s by default.
    #[serde(deserialize_with = "duration::deserialize")]
    pub idle_timeout: Duration,
    /// After what silence a client is asked for a sign of life, 10 s by default.
    #[serde(deserialize_with = "duration::deserialize")]
    pub keep_alive_interval: Duration,
    /// How long a link that was closed waits in the background for the client to have read the rest; 5 s by default.
    #[serde(deserialize_with = "duration::deserialize")]
    pub linger: Duration,
    /// Origins, such as `https://example.com`, whose pages may open WebTransport sessions; `*` allows every page of
    /// the web. A listener on a loopback address allows pages of this machine's own servers, too
    /// (`http://localhost:8000` and the like, on any port); on other addresses none but these. Whoever names no
    /// origin is no page, and gets in as any other program does.
    #[cfg(feature = "webtransport")]
    pub allowed_origins: Vec<String>,
    /// The path below which WebTransport sessions are opened; without it, any path.
    #[cfg(feature = "webtransport")]
    pub mount: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:4433".to_owned(),
            certificate: None,
            key: None,
            development_certificate: None,
            max_message_bytes: 1024 * 1024,
            max_connections: 10_000,
            max_streams_per_connection: 100,
            stream_window: 128 * 1024,
            connection_window: 16 * 1024 * 1024,
            send_window: 4 * 1024 * 1024,
            max_incoming: 1024,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            keep_alive_interval: Duration::from_secs(10),
            linger: Duration::from_secs(5),
            #[cfg(feature = "webtransport")]
            allowed_origins: Vec::new(),
            #[cfg(feature = "webtransport")]
            mount: None,
        }
    }
}

impl Config {
    /// The defaults, listening on `address`.
    pub fn new(address: impl Into<String>) -> Self {
        Self { listen: address.into(), ..Self::default() }
    }

    /// With a certificate and its private key, a PEM file each.
    #[must_use]
    pub fn certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some(certificate.into());
        self.key = Some(key.into());
        self
    }

    /// With a development certificate that is kept in a file.
    #[must_use]
    pub fn development_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.development_certificate = Some(file.into());
        self
    }

    pub(crate) const fn rules(&self) -> Rules {
        Rules { opener: Opener::Peer, max_message: self.max_message_bytes, linger: self.linger }
    }

    /// Refuses values that cannot work.
    pub(crate) fn check(&self) -> Result<(), InvalidValue> {
        // Below a few packets a stream hardly moves.
        const WINDOW: RangeInclusive<usize> = 4 * 1024..=1 << 30;
        let streams = self.max_streams_per_connection as usize;
        check::number("max_message_bytes", self.max_message_bytes, 1..=1 << 30)?;
        check::number("max_connections", self.max_connections, 1..=1 << 24)?;
        check::number("max_streams_per_connection", streams, 1..=1 << 16)?;
        check::number("stream_window", self.stream_window as usize, WINDOW)?;
        check::number("connection_window", self.connection_window as usize, WINDOW)?;
        check::number("send_window", self.send_window as usize, WINDOW)?;
        check::number("max_incoming", self.max_incoming, 1..=1 << 20)?;
        check::time("handshake_timeout", self.handshake_timeout)?;
        check::time("idle_timeout", self.idle_timeout)?;
        check::time("keep_alive_interval", self.keep_alive_interval)?;
        check::time("linger", self.linger)?;
        if self.keep_alive_interval >= self.idle_timeout {
            let value = format!("{:?}", self.keep_alive_interval);
            let problem = "must be shorter than idle_timeout, or connections are lost in between";
            return Err(InvalidValue::new("keep_alive_interval", value, problem));
        }
        if self.connection_window < self.stream_window {
            let problem = "must be at least stream_window";
            return Err(InvalidValue::new("connection_window", self.connection_window, problem));
        }
        #[cfg(feature = "webtransport")]
        self.check_webtransport()?;
        self.check_certificates()
    }

    #[cfg(feature = "webtransport")]
    fn check_webtransport(&self) -> Result<(), InvalidValue> {
        if let Some(mount) = &self.mount
            && (!mount.starts_with('/')
                || mount.contains(['?', '#', '%', ' '])
                || mount.contains("//"))
        {
            let problem = "must be a plain path such as /app/";
            return Err(InvalidValue::new("mount", mount, problem));
        }
        for origin in &self.allowed_origins {
            if origin != "*" && !crate::webtransport::is_origin(origin) {
                let problem = "must be an origin such as https://example.com, or *";
                return Err(InvalidValue::new("allowed_origins", origin, problem));
            }
        }
        Ok(())
    }

    fn check_certificates(&self) -> Result<(), InvalidValue> {
        let (key, file, problem) =
            match (&self.certificate, &self.key, &self.development_certificate) {
                (Some(file), None, _) => ("certificate", file, "needs its private key: set `key`"),
                (None, Some(file), _) => {
                    ("key", file, "needs the certificate it belongs to: set `certificate`")
                }
                (Some(_), Some(_), Some(file)) => (
                    "development_certificate",
                    file,
                    "is not used beside `certificate`: remove one of them",
                ),
                _ => return Ok(()),
            };
        Err(InvalidValue::new(key, file.display(), problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_file_names_what_it_changes() {
        let config: Config = serde_json::from_str(
            r#"{"listen": "0.0.0.0:443", "linger": "1500ms", "certificate": "a.pem", "key": "b.pem"}"#,
        )
        .unwrap();
        assert_eq!(config.linger, Duration::from_millis(1500));
        assert_eq!(config.max_connections, 10_000);
        config.check().unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = serde_json::from_str::<Config>(r#"{"liste": "0.0.0.0:80"}"#).unwrap_err();
        assert!(error.to_string().contains("liste"), "{error}");
    }

    #[test]
    fn the_defaults_let_no_link_hold_up_another() {
        let config = Config::default();
        config.check().unwrap();
        assert!(
            config.connection_window >= config.stream_window * config.max_streams_per_connection
        );
    }

    #[test]
    fn a_value_that_cannot_work_is_refused_by_name_and_value() {
        type Change = fn(&mut Config);
        let cases: [(Change, &str); 11] = [
            (|c| c.max_message_bytes = 0, "max_message_bytes = 0"),
            (|c| c.max_connections = usize::MAX, "max_connections = 18446744073709551615"),
            (|c| c.max_streams_per_connection = 0, "max_streams_per_connection = 0"),
            (|c| c.stream_window = 1, "stream_window = 1"),
            (|c| c.send_window = u32::MAX, "send_window = 4294967295"),
            (|c| c.connection_window = 5000, "connection_window = 5000"),
            (|c| c.max_incoming = 0, "max_incoming = 0"),
            (|c| c.linger = Duration::ZERO, "linger = 0ns"),
            (|c| c.keep_alive_interval = Duration::from_secs(30), "keep_alive_interval = 30s"),
            (|c| c.key = Some("k.pem".into()), "key = k.pem"),
            (|c| c.certificate = Some("c.pem".into()), "certificate = c.pem"),
        ];
        for (change, expected) in cases {
            let mut config = Config::default();
            change(&mut config);
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let config = Config::default().certificate("c", "k").development_certificate("d");
        assert!(config.check().unwrap_err().to_string().contains("development_certificate = d"));
    }
}
