//! Where the workspace is, and how its commands start `cargo`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with the workspace's `Cargo.toml`, whatever folder the command was started in.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The same `cargo` that built this program, so that a toolchain chosen with `cargo +name` stays chosen.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    Command::new(cargo)
}
