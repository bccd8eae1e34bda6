//! What a command of many steps prints: a line per step, and a summary.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::bail;

/// What a command that tries things on this machine says of them.
#[derive(Debug)]
pub(crate) struct Report {
    /// The command.
    name: &'static str,
    /// The folder with what is left to look at.
    folder: &'static str,
    /// Nothing may be skipped.
    strict: bool,
    round: &'static str,
    started: Instant,
    passed: usize,
    skipped: usize,
    failed: usize,
}

/// A step failed, and the report knows.
#[derive(Debug)]
pub(crate) struct Failed;

impl Report {
    /// With CI=true in the environment, what is skipped has failed.
    pub(crate) fn new(name: &'static str, folder: &'static str) -> Self {
        let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
        let started = Instant::now();
        Self { name, folder, strict, round: "", started, passed: 0, skipped: 0, failed: 0 }
    }

    /// What follows belongs to this round.
    pub(crate) fn begin(&mut self, round: &'static str) {
        self.round = round;
    }

    /// Does one step of the round and tells how it went: what it saw if it passed, why if it failed.
    ///
    /// # Errors
    /// The step failed; a round whose later steps build on this one stops here.
    pub(crate) fn step(
        &mut self,
        what: &str,
        step: impl FnOnce() -> anyhow::Result<String>,
    ) -> Result<(), Failed> {
        self.make(what, || Ok(((), step()?)))
    }

    /// A step that makes something for later ones.
    pub(crate) fn make<T>(
        &mut self,
        what: &str,
        step: impl FnOnce() -> anyhow::Result<(T, String)>,
    ) -> Result<T, Failed> {
        let started = Instant::now();
        let round = self.round;
        match step() {
            Ok((made, seen)) => {
                self.passed += 1;
                let gap = if seen.is_empty() { "" } else { ": " };
                println!("ok    {round:18} {what}{gap}{seen} ({})", seconds(started.elapsed()));
                Ok(made)
            }
            Err(error) => {
                self.failed += 1;
                println!("FAIL  {round:18} {what}: {error:#}");
                Err(Failed)
            }
        }
    }

    /// The round cannot be done on this machine.
    pub(crate) fn skip(&mut self, missing: &Missing) {
        let round = self.round;
        if self.strict {
            self.failed += 1;
            println!("FAIL  {round:18} {missing}");
        } else {
            self.skipped += 1;
            println!("skip  {round:18} {missing}");
        }
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// Something failed.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        let Self { name, folder, passed, skipped, failed, .. } = self;
        let took = seconds(self.started.elapsed());
        println!("\n{name}: {passed} passed, {failed} failed, {skipped} skipped ({took})");
        if failed > 0 {
            bail!("{failed} steps of `{name}` failed; what was left to look at is in {folder}");
        }
        Ok(())
    }
}

/// Something is not on this machine.
#[derive(Debug)]
pub(crate) struct Missing(String);

impl Missing {
    /// Says what is missing, and how to get it.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
