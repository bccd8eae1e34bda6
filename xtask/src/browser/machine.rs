//! What the machine has of the things that we neither build nor keep in the repository.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Missing;
use crate::workspace;

/// Where each thing is. Looked for when it is needed, so that a round asks only for its own.
#[derive(Debug)]
pub(super) struct Machine {
    shiny_assets: Option<PathBuf>,
}

/// What it takes to drive a browser.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) chromium: PathBuf,
    pub(super) chromedriver: PathBuf,
}

/// Prints where the package lies without running any of it: the package's own dependencies may be absent.
const FIND_SHINY: &str = "\
import importlib.util
found = importlib.util.find_spec('shiny')
print(found.submodule_search_locations[0] if found else '')";

impl Machine {
    pub(super) fn new(shiny_assets: Option<PathBuf>) -> Self {
        Self { shiny_assets }
    }

    pub(super) fn browser(&self) -> Result<Programs, Missing> {
        let chromium = on_path(&["chromium", "chromium-browser", "google-chrome"])
            .ok_or_else(|| Missing::new("no Chromium (Debian: apt install chromium)"))?;
        let chromedriver = on_path(&["chromedriver"])
            .ok_or_else(|| Missing::new("no chromedriver (Debian: apt install chromium-driver)"))?;
        Ok(Programs { chromium, chromedriver })
    }

    /// The folder that the Shiny client is served from.
    pub(super) fn shiny_assets(&self) -> Result<PathBuf, Missing> {
        let places = [self.shiny_assets.clone(), fetched_shiny(), installed_shiny()];
        let folder = places.into_iter().flatten().next().ok_or_else(|| {
            Missing::new("no Shiny client (.ci/run fetches it; or --shiny-assets DIR)")
        })?;
        if folder.join("shiny.js").is_file() {
            Ok(folder)
        } else {
            Err(Missing::new(format!("no shiny.js in {}", folder.display())))
        }
    }
}

/// What an earlier `.ci/run` has left.
fn fetched_shiny() -> Option<PathBuf> {
    let folder = workspace::root().join("target/shiny-1.8.0/shiny/www/shared");
    folder.is_dir().then_some(folder)
}

fn installed_shiny() -> Option<PathBuf> {
    let output = Command::new("python3").args(["-c", FIND_SHINY]).output().ok()?;
    let package = String::from_utf8(output.stdout).ok()?;
    let package = package.trim();
    (!package.is_empty()).then(|| Path::new(package).join("www/shared"))
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let candidates =
        names.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    candidates.into_iter().find(|file| file.is_file())
}
