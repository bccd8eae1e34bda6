use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use session_core::config::{InvalidValue, check, duration};

use crate::content::{Content, relative};
use crate::frame::Role;
use crate::link::{Heartbeat, Rules};

/// What a listener is told: an address, what to serve beside the links, and limits.
///
/// The data can stand in a configuration file; an unknown key is an error there, a missing one has its
/// default. Durations are texts such as `"10s"`, `"500ms"` or `"2m"`.
///
/// ```
/// let config = transport_ws::Config::new("127.0.0.1:0")
///     .page("/", "<!doctype html><title>app</title>")
///     .asset("app.css", "text/css", b"body { margin: 0 }");
/// assert_eq!(config.max_message_bytes, 1024 * 1024);
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen, `127.0.0.1:8000` by default; port 0 lets the system choose.
    pub listen: String,
    /// The path everything is below, `/` by default.
    pub mount: String,
    /// Folders whose files are served: path below the mount → folder.
    pub folders: BTreeMap<String, PathBuf>,
    /// Origins, such as `https://example.com`, whose pages may open links besides the server's own; `*`
    /// allows every page of the web.
    pub allowed_origins: Vec<String>,
    /// Who may open a link without naming an origin; a browser always names one.
    pub missing_origin: MissingOrigin,
    /// Host names, without a port, that requests may be for.
    ///
    /// A listener on a loopback address answers only requests for `localhost`, `127.0.0.1`, `[::1]` and
    /// these (a page of another site could otherwise reach it under a name of its own); behind a reverse
    /// proxy on the same machine, name the public host here. On other addresses an empty list allows every
    /// host.
    pub allowed_hosts: Vec<String>,
    /// The largest message of a link, 1 MiB by default.
    pub max_message_bytes: usize,
    /// The largest head of a request, 16 KiB by default.
    pub max_header_bytes: usize,
    /// Connections at a time, links included, 10 000 by default; beyond it a client gets 503.
    pub max_connections: usize,
    /// Pings, pongs and empty pieces of messages a client may send per second, 100 by default.
    pub max_control_frames_per_second: u32,
    /// How long a client may take to send the head of a request, and may keep a connection without one;
    /// 10 s by default.
    #[serde(deserialize_with = "duration::deserialize")]
    pub handshake_timeout: Duration,
    /// How often the client of a link is pinged, 20 s by default.
    #[serde(deserialize_with = "duration::deserialize")]
    pub ping_interval: Duration,
    /// Pings in a row without a byte from the client before its link counts as lost, 2 by default.
    pub missed_pings: u32,
    /// How long a link that was closed waits in the background for the client to read the rest and hang up;
    /// 5 s by default.
    #[serde(deserialize_with = "duration::deserialize")]
    pub linger: Duration,
    #[serde(skip)]
    pub(crate) content: Content,
}

/// Who may open a link without naming an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MissingOrigin {
    /// Programs on this machine: peers with a loopback address. The default.
    #[default]
    Loopback,
    /// Any program.
    Allow,
    /// Nobody.
    Refuse,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            mount: "/".to_owned(),
            folders: BTreeMap::new(),
            allowed_origins: Vec::new(),
            missing_origin: MissingOrigin::default(),
            allowed_hosts: Vec::new(),
            max_message_bytes: 1024 * 1024,
            max_header_bytes: 16 * 1024,
            max_connections: 10_000,
            max_control_frames_per_second: 100,
            handshake_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(20),
            missed_pings: 2,
            linger: Duration::from_secs(5),
            content: Content::default(),
        }
    }
}

impl Config {
    /// The defaults, listening on `address`.
    pub fn new(address: impl Into<String>) -> Self {
        Self { listen: address.into(), ..Self::default() }
    }

    /// Below which path everything is served.
    #[must_use]
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.mount = path.into();
        self
    }

    /// Serves an HTML document at a path below the mount; `/` is the mount itself.
    #[must_use]
    pub fn page(mut self, path: &str, html: impl Into<String>) -> Self {
        self.content.page(path, html.into());
        self
    }

    /// Serves an HTML document that is made when it is asked for: for what is known only then, such as where the
    /// program's other transports listen. `html` is called for each request, within the runtime: it must not block.
    #[must_use]
    pub fn page_with(
        mut self,
        path: &str,
        html: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        self.content.page_with(path, html);
        self
    }

    /// Serves bytes that are part of the program at a path below the mount.
    #[must_use]
    pub fn asset(mut self, path: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        self.content.asset(path, media_type, bytes);
        self
    }

    /// Serves the files of a folder below a path below the mount.
    #[must_use]
    pub fn folder(mut self, path: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        self.folders.insert(path.into(), folder.into());
        self
    }

    /// The mount with a slash at both ends.
    pub(crate) fn mount_path(&self) -> String {
        match relative(&self.mount).trim_end_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        }
    }

    /// Folders by their path below the mount, with a slash at the end; the longest path first, so that a
    /// folder within another one is found.
    pub(crate) fn folder_paths(&self) -> Vec<(String, PathBuf)> {
        let mut folders: Vec<_> = self
            .folders
            .iter()
            .map(|(path, folder)| match relative(path).trim_end_matches('/') {
                "" => (String::new(), folder.clone()),
                path => (format!("{path}/"), folder.clone()),
            })
            .collect();
        folders.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        folders
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules {
            role: Role::Server,
            max_message: self.max_message_bytes,
            heartbeat: Some(Heartbeat { interval: self.ping_interval, missed: self.missed_pings }),
            max_control_rate: self.max_control_frames_per_second,
            linger: self.linger,
        }
    }

    /// Refuses values that cannot work.
    pub(crate) fn check(&self) -> Result<(), InvalidValue> {
        let control_rate = self.max_control_frames_per_second as usize;
        check::number("max_message_bytes", self.max_message_bytes, 1..=1 << 30)?;
        check::number("max_header_bytes", self.max_header_bytes, 1024..=1 << 20)?;
        check::number("max_connections", self.max_connections, 1..=1 << 24)?;
        check::number("max_control_frames_per_second", control_rate, 1..=1 << 20)?;
        check::number("missed_pings", self.missed_pings as usize, 1..=1 << 10)?;
        check::time("handshake_timeout", self.handshake_timeout)?;
        check::time("ping_interval", self.ping_interval)?;
        check::time("linger", self.linger)?;
        if self.mount.contains(['?', '#', '%', ' ']) || self.mount.contains("//") {
            let problem = "must be a plain path such as /app/";
            return Err(InvalidValue::new("mount", &self.mount, problem));
        }
        match self.folders.values().find(|folder| !folder.is_dir()) {
            Some(file) => Err(InvalidValue::new("folders", file.display(), "is not a folder")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_file_names_what_it_changes() {
        let config: Config = serde_json::from_str(
            r#"{"listen": "0.0.0.0:80", "ping_interval": "1500ms", "missing_origin": "refuse"}"#,
        )
        .unwrap();
        assert_eq!(config.ping_interval, Duration::from_millis(1500));
        assert_eq!(config.missing_origin, MissingOrigin::Refuse);
        assert_eq!(config.missed_pings, 2);
        assert!(config.content.assets.contains_key("client.js"));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = serde_json::from_str::<Config>(r#"{"liste": "0.0.0.0:80"}"#).unwrap_err();
        assert!(error.to_string().contains("liste"), "{error}");
    }

    #[test]
    fn a_limit_of_nothing_or_of_everything_is_refused_by_name_and_value() {
        for value in [0, usize::MAX] {
            let config = Config { max_message_bytes: value, ..Config::default() };
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(&format!("max_message_bytes = {value}")), "{error}");
        }
        let config = Config { linger: Duration::ZERO, ..Config::default() };
        assert!(config.check().unwrap_err().to_string().contains("linger"));
    }

    #[test]
    fn a_mount_has_a_slash_at_both_ends() {
        for (given, path) in [("", "/"), ("/", "/"), ("app", "/app/"), ("/a/b/", "/a/b/")] {
            assert_eq!(Config::default().mount(given).mount_path(), path);
        }
    }
}
