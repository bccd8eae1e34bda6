//! `cargo xtask test`: everything that has to hold before a change is handed in.
//!
//! One line a step with the time it took. The output of a step is shown in full when it fails; of the test steps
//! the lines that say what ran are shown as they come, so that one that hangs can be told by its name.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::workspace;

const USAGE: &str = "\
usage: cargo xtask test [--keep-going]

Tidy, the statements that tests hold, format, clippy, tests, doc tests, docs, the laws of transports, clients that others
wrote and a real browser, with warnings as errors.

  --keep-going   run the other steps after one has failed; the default when CI is set";

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let mut keep_going = std::env::var_os("CI").is_some();
    for arg in args {
        match arg.as_str() {
            "--keep-going" => keep_going = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(());
            }
            other => bail!("`test` does not take `{other}`\n\n{USAGE}"),
        }
    }

    let started = Instant::now();
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for step in steps()? {
        let name = step.name;
        if !step.run(&mut tally)? {
            failed.push(name);
            if !keep_going {
                break;
            }
        }
    }

    println!("\n{}", if failed.is_empty() { "all steps passed" } else { "not yet" });
    println!("took {}", seconds(started.elapsed()));
    println!("tests: {} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    let Laws { kept, failed: broken, excepted, not_applicable } = tally.laws;
    println!(
        "laws: {kept} kept, {broken} failed, {excepted} excepted, {not_applicable} not applicable"
    );
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// The steps in the order that tells about a mistake soonest.
fn steps() -> anyhow::Result<Vec<Step>> {
    let this_program = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(vec![
        Step::new("tidy", Command::new(&this_program)).args("tidy"),
        // Before the tests themselves: a statement that lost its test is no failure of theirs.
        Step::new("spec", Command::new(&this_program)).args("spec"),
        Step::cargo("format", "fmt --all --check"),
        Step::cargo("clippy", "clippy --workspace --all-targets --all-features -- -D warnings"),
        // All that cargo tests by itself: some tests start examples, which are built only so.
        Step::cargo("tests", "test --workspace --no-fail-fast").shows(what_ran),
        Step::cargo("docs", "doc --workspace --no-deps --all-features")
            .env("RUSTDOCFLAGS", "-D warnings"),
        Step::new("conformance", Command::new(&this_program)).args("conformance").shows(|_| true),
        // These skip what this machine cannot do, and say so; where CI is set, that is a failure.
        Step::new("interop", Command::new(&this_program)).args("interop").shows(|_| true),
        Step::new("browser", Command::new(this_program)).args("browser").shows(|_| true),
    ])
}

/// One command that has to succeed.
struct Step {
    name: &'static str,
    shown: String,
    command: Command,
    /// Which lines of its output to show as they come.
    shows: Option<fn(&str) -> bool>,
}

impl Step {
    fn cargo(name: &'static str, args: &str) -> Self {
        let mut step = Self::new(name, workspace::cargo());
        step.shown = "cargo ".to_owned();
        step.args(args)
    }

    fn new(name: &'static str, mut command: Command) -> Self {
        command.current_dir(workspace::root()).stdin(Stdio::null());
        Self { name, shown: "cargo xtask ".to_owned(), command, shows: None }
    }

    fn args(mut self, args: &str) -> Self {
        self.shown.push_str(args);
        self.command.args(args.split_whitespace());
        self
    }

    fn env(mut self, key: &str, value: &str) -> Self {
        self.command.env(key, value);
        self
    }

    fn shows(mut self, shows: fn(&str) -> bool) -> Self {
        self.shows = Some(shows);
        self
    }

    /// Runs it and tells whether it succeeded; an error means that it could not be run at all.
    fn run(self, tally: &mut Tally) -> anyhow::Result<bool> {
        let Self { name, shown, mut command, shows } = self;
        print!("{name:<11} {shown} … ");
        if shows.is_some() {
            println!();
        }
        std::io::stdout().flush()?;

        // One pipe for both streams keeps their lines in the order in which they were written.
        let started = Instant::now();
        let (reader, writer) = std::io::pipe()?;
        command.stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
        // The command holds our copies of the pipe's writing end; while they live, the reader sees no end.
        drop(command);

        let mut output = Vec::new();
        let mut hidden = false;
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            if shows.is_some_and(|shows| shows(&line)) {
                println!("  {}", line.trim());
            } else {
                hidden = true;
            }
            tally.add(&line);
            output.push(line);
        }
        let ok = child.wait()?.success();
        if !ok && hidden {
            println!("\n{}", output.join("\n"));
        }
        let lead = if shows.is_some() || !ok { format!("{name:<11} ") } else { String::new() };
        println!("{lead}{} {}", if ok { "ok" } else { "FAILED" }, seconds(started.elapsed()));
        Ok(ok)
    }
}

/// What cargo's test runs and the suite of laws came to, added up over all of them.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    laws: Laws,
}

/// Each law counts once for each transport, and each way round.
#[derive(Debug, Default, PartialEq)]
struct Laws {
    kept: u64,
    failed: u64,
    excepted: u64,
    not_applicable: u64,
}

impl Tally {
    /// Takes a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or the suite's `laws: 118 kept, 0
    /// failed, …`; any other changes nothing.
    fn add(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            for (number, what) in counts.split(['.', ';']).filter_map(count) {
                match what {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.skipped += number,
                    _ => {}
                }
            }
        } else if let Some(counts) = line.strip_prefix("laws: ") {
            for (number, what) in counts.split(',').filter_map(count) {
                match what {
                    "kept" => self.laws.kept += number,
                    "failed" => self.laws.failed += number,
                    "excepted" => self.laws.excepted += number,
                    "not" => self.laws.not_applicable += number,
                    _ => {}
                }
            }
        }
    }
}

/// A number, and the word after it.
fn count(text: &str) -> Option<(u64, &str)> {
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?))
}

/// Whether a line of cargo's says which tests run, how they went, or that one takes long.
fn what_ran(line: &str) -> bool {
    let line = line.trim_start();
    ["Running ", "Doc-tests ", "test result: "].iter().any(|start| line.starts_with(start))
        || line.contains("has been running for over")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_several_runs_add_up() {
        let mut tally = Tally::default();
        tally.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.add("test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.07s");
        tally.add("test a_test ... ok");
        tally.add("laws: 118 kept, 1 failed, 0 excepted, 2 not applicable, in 4.4 s");
        let laws = Laws { kept: 118, failed: 1, excepted: 0, not_applicable: 2 };
        assert_eq!(tally, Tally { passed: 7, failed: 2, skipped: 1, laws });
    }
}
