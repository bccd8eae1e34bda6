//! Where the demo's configuration comes from: a file, and what the environment and the command line put over it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use session_core::config::toml::{Table, Value};
use session_core::config::{Config, ConfigError};

use super::overlay::Overlay;

/// The files that come with the demo, by the word for `--transport`. Their paths are as seen from the workspace.
pub(super) const SHIPPED: [(&str, &str, &str); 4] = [
    ("ws", "xtask/src/demo/config/ws.toml", include_str!("config/ws.toml")),
    ("quic", "xtask/src/demo/config/quic.toml", include_str!("config/quic.toml")),
    ("stdio", "xtask/src/demo/config/stdio.toml", include_str!("config/stdio.toml")),
    ("all", "xtask/src/demo/config/all.toml", include_str!("config/all.toml")),
];

/// Below which path the files of the Shiny client are served.
const SHINY_FILES: &str = "shiny/lib/shared";

/// A file, not yet looked into, and the values that go over it.
#[derive(Debug)]
pub(super) struct Settings {
    file: PathBuf,
    text: String,
    pub(super) overlay: Overlay,
}

impl Settings {
    /// Those of a file that comes with the demo.
    pub(super) fn shipped(name: &str) -> anyhow::Result<Self> {
        let Some((_, file, text)) = SHIPPED.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<_> = SHIPPED.iter().map(|(known, ..)| *known).collect();
            bail!("there is no transport `{name}`, only {}", known.join(", "));
        };
        Ok(Self::of(PathBuf::from(file), (*text).to_owned()))
    }

    /// Those of a user's file.
    pub(super) fn read(file: PathBuf) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok(Self::of(file, text))
    }

    pub(super) fn of(file: PathBuf, text: String) -> Self {
        Self { file, text, overlay: Overlay::default() }
    }

    /// All of it together, with the files of the Shiny client where they are wanted.
    pub(super) fn config(&self, shiny_assets: Option<&Path>) -> anyhow::Result<Config> {
        let table: Table = self.text.parse().with_context(|| self.file.display().to_string())?;
        let mut table = self.overlay.apply(table)?;
        if let Some(folder) = shiny_assets {
            serve_folder(&mut table, folder)?;
        }
        Config::from_table(table, Some(self.file.clone())).map_err(|error| self.explain(error))
    }

    /// An error, told to whoever wrote the value at fault.
    pub(super) fn explain(&self, error: ConfigError) -> anyhow::Error {
        // Nobody wrote it: it is the default that is taken.
        let default = error.key() == "transport[0].listen" && error.value().is_none();
        let file = self.text.parse().unwrap_or_default();
        let error = self.overlay.explain(error, &file);
        if default {
            return anyhow::anyhow!("{error}; `--listen 127.0.0.1:0` takes any free port");
        }
        error
    }
}

/// Has every WebSocket transport serve the files of the Shiny client.
fn serve_folder(table: &mut Table, folder: &Path) -> anyhow::Result<()> {
    let transports = table.get_mut("transport").and_then(Value::as_array_mut);
    let mut served = false;
    for transport in transports.into_iter().flatten().filter_map(Value::as_table_mut) {
        if transport.get("kind").and_then(Value::as_str) != Some("ws") {
            continue;
        }
        served = true;
        let folders = transport.entry("folders").or_insert_with(|| Table::new().into());
        // Anything else than a table is refused when the transport reads it.
        if let Value::Table(folders) = folders {
            folders.insert(SHINY_FILES.to_owned(), folder.display().to_string().into());
        }
    }
    if !served {
        bail!("`--shiny-assets` is for browsers: it needs a transport of kind `ws`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str, shiny_assets: Option<&Path>) -> Result<Config, String> {
        let settings = Settings::of("app.toml".into(), text.to_owned());
        settings.config(shiny_assets).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_transport_that_is_not_there_is_told_with_those_that_are() {
        let error = Settings::shipped("pigeon").unwrap_err().to_string();
        assert!(error.starts_with("there is no transport `pigeon`, only ws, quic"), "{error}");
    }

    #[test]
    fn what_is_no_file_and_what_is_no_toml_is_told_with_the_file() {
        let error = Settings::read("no/such.toml".into()).unwrap_err().to_string();
        assert!(error.starts_with("no/such.toml"), "{error}");
        let error = config("[[transport]\nkind = \"ws\"", None).unwrap_err();
        assert!(error.starts_with("app.toml: TOML parse error at line 1"), "{error}");
    }

    #[test]
    fn the_shiny_client_is_served_by_websocket_alone() {
        let folder = Some(Path::new("/some/where"));
        let both = "[[transport]]\nkind = \"quic\"\n[[transport]]\nkind = \"ws\"\n";
        let config_of_both = format!("{:?}", config(both, folder).unwrap());
        assert_eq!(config_of_both.matches("/some/where").count(), 1, "{config_of_both}");
        let error = config("[[transport]]\nkind = \"quic\"\n", folder).unwrap_err();
        assert!(error.contains("needs a transport of kind `ws`"), "{error}");
    }
}
