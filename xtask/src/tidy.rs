//! `cargo xtask tidy`: the workspace's own rules, those that neither the compiler nor clippy knows.
//!
//! Every finding says where, what, and what to do about it: whoever meets a rule for the first time learns it here.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::workspace;

/// The crates, with what each may name of the others. Only `xtask` may name more than one transport.
const CRATES: &[(&str, &[&str])] = &[
    ("reactive", &[]),
    ("session-core", &["reactive", "session-core"]),
    ("transport-ws", &["session-core"]),
    ("transport-quic", &["session-core"]),
    ("transport-stdio", &["session-core"]),
    ("xtask", &["reactive", "session-core", "transport-ws", "transport-quic", "transport-stdio"]),
];

/// What else stands at the top of the repository.
const TOP_FILES: &[&str] = &["Cargo.toml", "Cargo.lock", "README.md"];

/// What may stand there by the start of its name.
const TOP_PREFIXES: &[&str] = &[".", "LICENSE-", "CHANGELOG"];

/// A `lib.rs` is read as one screen: a table of contents below the crate's docs, which are not counted.
const LIB_LINES: usize = 60;

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    if let Some(arg) = args.first() {
        if matches!(arg.as_str(), "--help" | "-h") {
            println!(
                "usage: cargo xtask tidy\n\nChecks the workspace's own rules; each finding tells how to mend it."
            );
            return Ok(());
        }
        bail!("`tidy` takes nothing, so not `{arg}` either");
    }
    let findings = check(workspace::root())?;
    for finding in &findings {
        println!("{finding}\n");
    }
    match findings.len() {
        0 => println!("tidy"),
        1 => bail!("1 thing is not tidy"),
        count => bail!("{count} things are not tidy"),
    }
    Ok(())
}

/// One thing that breaks a rule, and the way out.
#[derive(Debug)]
struct Finding {
    file: PathBuf,
    line: Option<usize>,
    what: String,
    fix: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}\n    {}", self.what, self.fix)
    }
}

fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    top_level(root, &mut findings)?;
    for (name, allowed) in CRATES {
        let folder = root.join(name);
        if !folder.is_dir() {
            continue; // `top_level` has told
        }
        manifest(&folder, name, allowed, &mut findings)?;
        let mut sources = Vec::new();
        rust_files(&folder, &mut sources)?;
        for path in sources {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            source(&path, &text, &mut findings);
        }
    }
    for finding in &mut findings {
        if let Ok(short) = finding.file.strip_prefix(root) {
            finding.file = short.to_owned();
        }
    }
    Ok(findings)
}

/// The top of the repository is the first thing a newcomer sees: it holds the rooms of the house and nothing else.
fn top_level(root: &Path, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        found.push(entry?.file_name().to_string_lossy().into_owned());
    }
    found.sort();
    let expected = || TOP_FILES.iter().copied().chain(CRATES.iter().map(|(name, _)| *name));
    for name in &found {
        let known = name == "target"
            || expected().any(|expected| expected == name)
            || TOP_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if !known {
            findings.push(Finding {
                file: root.join(name),
                line: None,
                what: "does not belong at the top of the repository".to_owned(),
                fix: "move it into the crate it serves; what serves the workspace as a whole lives in `xtask`",
            });
        }
    }
    for name in expected().filter(|expected| !found.iter().any(|name| name == expected)) {
        findings.push(Finding {
            file: root.join(name),
            line: None,
            what: "is missing".to_owned(),
            fix: "the top of the repository is fixed: bring it back, or change the list in xtask/src/tidy.rs with the README",
        });
    }
    Ok(())
}

fn manifest(
    folder: &Path,
    name: &str,
    allowed: &[&str],
    findings: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    let path = folder.join("Cargo.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let table: toml::Table =
        text.parse().with_context(|| format!("cannot parse {}", path.display()))?;

    let inherits =
        table.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if inherits != Some(true) {
        findings.push(Finding {
            file: path.clone(),
            line: None,
            what: "does not use the workspace's lints".to_owned(),
            fix: "add `[lints]` with `workspace = true`; an exception is an `#[allow(…, reason = \"…\")]` beside the code",
        });
    }

    let mut dependencies = Vec::new();
    dependencies_of(&table, &mut dependencies);
    let ours = |dependency: &String| CRATES.iter().any(|(ours, _)| ours == dependency);
    for dependency in dependencies.into_iter().filter(ours) {
        if !allowed.contains(&dependency.as_str()) {
            let line =
                text.lines().position(|line| line.contains(&dependency)).map(|index| index + 1);
            findings.push(Finding {
                file: path.clone(),
                line,
                what: format!("`{name}` must not depend on `{dependency}`"),
                fix: why_not(name),
            });
        }
    }
    Ok(())
}

fn why_not(name: &str) -> &'static str {
    match name {
        "reactive" => {
            "the graph knows nothing of sessions or bytes: give it what it needs through a type parameter"
        }
        "session-core" => {
            "the session never names a transport: put what it needs into the contract in `session_core::link`; \
             its tests run on `link::memory`"
        }
        _ => {
            "transports do not know each other, and reach the graph only through the session: what two of them share \
             belongs into `session-core`; a test over several lives in `xtask`"
        }
    }
}

/// The packages that a manifest names, whatever the table: for tests, for the build, for one platform only.
fn dependencies_of(table: &toml::Table, names: &mut Vec<String>) {
    for key in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(dependencies) = table.get(key).and_then(toml::Value::as_table) else { continue };
        for (name, detail) in dependencies {
            // `package` gives the real name of a dependency that the crate calls by another one.
            let package = detail.get("package").and_then(toml::Value::as_str).unwrap_or(name);
            names.push(package.to_owned());
        }
    }
    if let Some(targets) = table.get("target").and_then(toml::Value::as_table) {
        for target in targets.values().filter_map(toml::Value::as_table) {
            dependencies_of(target, names);
        }
    }
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if !path.ends_with("target") {
                rust_files(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn source(path: &Path, text: &str, findings: &mut Vec<Finding>) {
    if path.ends_with("mod.rs") {
        findings.push(Finding {
            file: path.to_owned(),
            line: None,
            what: "is a `mod.rs`".to_owned(),
            fix: "name it after its module, beside the folder: `graph.rs` next to `graph/`",
        });
    }
    if path.ends_with("src/lib.rs") {
        lib(path, text, findings);
    }
    tests(path, text, findings);
}

fn lib(path: &Path, text: &str, findings: &mut Vec<Finding>) {
    const ITEMS: &[&str] =
        &["fn ", "struct ", "enum ", "trait ", "impl", "const ", "static ", "type ", "union "];
    let code = || {
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with("//"))
    };
    if code().count() > LIB_LINES {
        findings.push(Finding {
            file: path.to_owned(),
            line: None,
            what: format!("has more than {LIB_LINES} lines of code"),
            fix: "`lib.rs` is a table of contents: docs of the crate, private modules, one grouped re-export",
        });
    }
    for (index, line) in code() {
        let item = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        if ITEMS.iter().any(|start| item.starts_with(start)) {
            findings.push(Finding {
                file: path.to_owned(),
                line: Some(index + 1),
                what: "defines something in `lib.rs`".to_owned(),
                fix: "give it a module named after the noun, and re-export it here",
            });
        }
    }
}

/// Rules for the code of tests: a file below `tests/`, or what follows `#[cfg(test)]`.
fn tests(path: &Path, text: &str, findings: &mut Vec<Finding>) {
    let all =
        path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    let start =
        if all { Some(0) } else { text.lines().position(|line| line.trim() == "#[cfg(test)]") };
    let Some(start) = start else { return };
    // Under tokio's paused clock a sleep waits for nothing: it moves the clock.
    let paused = text.contains("start_paused") || text.contains("time::pause(");
    let mut above = "";
    for (index, line) in text.lines().enumerate().skip(start) {
        let code = line.trim();
        let reason = std::mem::replace(&mut above, code);
        if code.starts_with("//") {
            continue;
        }
        let sleeps = code.contains("thread::sleep(") || (calls_sleep(code) && !paused);
        if sleeps && !reason.starts_with("// Sleeps: ") {
            findings.push(Finding {
                file: path.to_owned(),
                line: Some(index + 1),
                what: "a test sleeps".to_owned(),
                fix: "await the event itself, drive the state machine by hand, or pause tokio's clock \
                      (`#[tokio::test(start_paused = true)]`): sleeping is slow on a fast machine and wrong on a slow \
                      one. Where the passing of real time is itself the test, say so above: `// Sleeps: …`",
            });
        }
        if code.starts_with("#[ignore]") {
            findings.push(Finding {
                file: path.to_owned(),
                line: Some(index + 1),
                what: "a test is skipped without a reason".to_owned(),
                fix: "write `#[ignore = \"the reason\"]`, which the test run prints, or take the test out",
            });
        }
    }
}

fn calls_sleep(code: &str) -> bool {
    code.match_indices("sleep(").any(|(at, _)| {
        // Not the end of a longer name.
        !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

#[cfg(test)]
mod rules {
    use super::*;

    fn of_source(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        source(Path::new(path), text, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    fn of_manifest(name: &str, text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), text).unwrap();
        let allowed = CRATES.iter().find(|(crate_name, _)| *crate_name == name).unwrap().1;
        let mut findings = Vec::new();
        manifest(folder.path(), name, allowed, &mut findings).unwrap();
        findings.iter().map(|finding| finding.what.clone()).collect()
    }

    #[test]
    fn a_session_that_names_a_transport_is_found_in_any_table() {
        let lints = "[lints]\nworkspace = true\n";
        for table in [
            "dependencies",
            "dev-dependencies",
            "build-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            let found = of_manifest(
                "session-core",
                &format!("{lints}[{table}]\ntransport-ws.workspace = true\n"),
            );
            assert_eq!(found, ["`session-core` must not depend on `transport-ws`"], "{table}");
        }
        let renamed = format!(
            "{lints}[dependencies]\nlink = {{ package = \"transport-quic\", path = \"x\" }}\n"
        );
        assert_eq!(
            of_manifest("transport-ws", &renamed),
            ["`transport-ws` must not depend on `transport-quic`"]
        );
        let honest = format!("{lints}[dependencies]\nsession-core.workspace = true\n");
        assert!(of_manifest("transport-ws", &honest).is_empty());
    }

    #[test]
    fn a_crate_without_the_workspace_lints_is_found() {
        assert_eq!(
            of_manifest("reactive", "[package]\nname = \"reactive\"\n"),
            ["does not use the workspace's lints"]
        );
    }

    #[test]
    fn a_mod_rs_and_an_item_in_lib_rs_are_found() {
        assert!(
            of_source("reactive/src/graph/mod.rs", "")[0].contains("`graph.rs` next to `graph/`")
        );
        assert!(
            of_source("reactive/src/lib.rs", "//! Docs.\nmod graph;\npub use graph::Graph;\n")
                .is_empty()
        );
        assert!(
            of_source("reactive/src/lib.rs", "mod graph;\npub fn help() {}\n")[0]
                .starts_with("reactive/src/lib.rs:2")
        );
    }

    #[test]
    fn a_sleeping_test_is_found_but_not_a_moved_clock() {
        let sleeps = "async fn waits() { tokio::time::sleep(ms(5)).await }\n";
        assert_eq!(of_source("session-core/tests/timers.rs", sleeps).len(), 1);
        assert!(of_source("session-core/src/timers.rs", sleeps).is_empty());
        let reason = "    // Sleeps: the server counts real time.\n    sleep(ms(5)).await;\n";
        assert!(of_source("session-core/tests/timers.rs", reason).is_empty());
        assert_eq!(of_source("session-core/tests/timers.rs", "    sleep(ms(5)).await;\n").len(), 1);
        assert!(
            of_source("session-core/tests/timers.rs", "    let no_sleep = oversleep(1);\n")
                .is_empty()
        );
        let paused = format!("#[tokio::test(start_paused = true)]\n{sleeps}");
        assert!(of_source("session-core/tests/timers.rs", &paused).is_empty());
    }

    #[test]
    fn a_test_skipped_without_a_reason_is_found() {
        assert_eq!(of_source("reactive/tests/laws.rs", "#[ignore]\nfn a() {}\n").len(), 1);
        assert!(
            of_source("reactive/tests/laws.rs", "#[ignore = \"slow\"]\nfn a() {}\n").is_empty()
        );
    }
}
