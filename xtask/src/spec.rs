//! `cargo xtask spec`: which statements of the specification are held by a test.
//!
//! The statements stand in `spec/statements.toml`. A test says which of them it proves in a comment above it,
//! `// spec: A6, I10`; this command reads both, and fails while a statement is open or a comment is wrong.
//!
//! | file | what |
//! |---|---|
//! | `statements` | the list: groups, statements, decisions |
//! | `marks` | the comments, and the tests they stand above |
//! | `rust` | where a test is in Rust: a function, a law of the public suite, an example of the docs |
//! | `coverage` | both together: what is tested, decided differently, open |

mod coverage;
mod marks;
mod rust;
mod statements;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::workspace;
use coverage::{Coverage, State};
use marks::{Fault, Language, Mark};
use statements::Statements;

const USAGE: &str = "\
usage: cargo xtask spec [--list] [--json FILE]

Tells which statements of the specification have a test, which are decided differently (and tested as decided), and
which are open. It fails while one is open, or a comment names what is not there.

  --list        names each statement with its tests
  --json FILE   writes [{id, title, state, tests}], with a state of tested, decided or open

A test says what it proves in a comment above its attributes: `// spec: A6, I10`. An example of the docs says it in a
hidden line, `# // spec: A11`; a browser's or Python's check in a comment above it. The statements are listed in
xtask/src/spec/statements.toml.";

/// The folders below the root that hold code of ours.
const CRATES: &[&str] =
    &["reactive", "session-core", "transport-ws", "transport-quic", "transport-stdio", "xtask"];

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let Some(options) = Options::parse(args)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let root = workspace::root();
    let statements = Statements::read(&root.join("xtask/src/spec/statements.toml"))?;
    let (marks, mut faults) = marks_below(root)?;
    let coverage = Coverage::new(&statements, &marks, &mut faults);
    if options.list {
        println!("{}", coverage.list());
    }
    println!("{}", coverage.table());
    if let Some(file) = &options.json {
        let json = serde_json::to_string_pretty(&coverage.entries())?;
        fs::write(file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    for fault in &faults {
        println!("{fault}");
    }
    let open = coverage.count(State::Open);
    match (open, faults.len()) {
        (0, 0) => Ok(()),
        (open, 0) => bail!("{open} of {} statements are open", coverage.len()),
        (_, 1) => bail!("1 comment is wrong"),
        (_, faults) => bail!("{faults} comments are wrong"),
    }
}

#[derive(Debug, Default)]
struct Options {
    list: bool,
    json: Option<PathBuf>,
}

impl Options {
    /// `None` asks for the usage.
    fn parse(args: &[String]) -> anyhow::Result<Option<Self>> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "--list" => options.list = true,
                "--json" => {
                    let file =
                        args.next().with_context(|| format!("`--json` needs a file\n\n{USAGE}"))?;
                    options.json = Some(file.into());
                }
                other => bail!("`spec` does not take `{other}`\n\n{USAGE}"),
            }
        }
        Ok(Some(options))
    }
}

/// What the comments of all crates say, and what is wrong with them.
fn marks_below(root: &Path) -> anyhow::Result<(Vec<Mark>, Vec<Fault>)> {
    let (mut marks, mut faults) = (Vec::new(), Vec::new());
    for name in CRATES {
        files(&root.join(name), &mut |path, language| {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let short = path.strip_prefix(root).unwrap_or(path);
            marks::read(short, language, &text, &mut marks, &mut faults);
            Ok(())
        })?;
    }
    Ok((marks, faults))
}

/// Shows every file that may carry a comment, in the order of its name.
fn files(
    folder: &Path,
    show: &mut dyn FnMut(&Path, Language) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if !path.ends_with("target") {
                files(&path, show)?;
            }
        } else if let Some(language) = Language::of(&path) {
            show(&path, language)?;
        }
    }
    Ok(())
}
