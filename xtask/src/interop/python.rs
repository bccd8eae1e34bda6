//! A Python that has what a peer needs.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::report::Missing;
use crate::workspace;

#[derive(Debug)]
pub(super) struct Python {
    pub(super) program: PathBuf,
}

impl Python {
    /// The first of the places to look that can import `package`.
    pub(super) fn with(package: Option<&str>) -> Result<Self, Missing> {
        let fetched = workspace::root().join("target/interop-python/bin/python");
        let places = [
            env::var_os("INTEROP_PYTHON").map(PathBuf::from),
            Some(fetched),
            Some("python3".into()),
        ];
        // `asyncio.Runner` came with Python 3.11.
        let import = format!("from asyncio import Runner; import {}", package.unwrap_or("sys"));
        let found = places.into_iter().flatten().find(|program| {
            let mut command = Command::new(program);
            command.args(["-c", &import]).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        });
        found.map(|program| Self { program }).ok_or_else(|| {
            Missing::new(match package {
                Some(package) => format!(
                    "no Python 3.11 that has `{package}` (.ci/run fetches it; or INTEROP_PYTHON=PROGRAM)"
                ),
                None => "no Python 3.11 (Debian: apt install python3)".to_owned(),
            })
        })
    }
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.program.strip_prefix(workspace::root()).unwrap_or(&self.program);
        write!(f, "{}", shown.display())
    }
}
