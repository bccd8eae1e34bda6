//! What the command prints: a line per step, and a summary.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::machine::Missing;

#[derive(Debug)]
pub(super) struct Report {
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
pub(super) struct Failed;

impl Report {
    pub(super) fn new(strict: bool) -> Self {
        Self { strict, round: "", started: Instant::now(), passed: 0, skipped: 0, failed: 0 }
    }

    /// What follows belongs to this round.
    pub(super) fn begin(&mut self, round: &'static str) {
        self.round = round;
    }

    /// Does one step of the round and tells how it went: what it saw if it passed, why if it failed.
    ///
    /// # Errors
    /// The step failed; a round whose later steps build on this one stops here.
    pub(super) fn step(
        &mut self,
        what: &str,
        step: impl FnOnce() -> anyhow::Result<String>,
    ) -> Result<(), Failed> {
        self.make(what, || Ok(((), step()?)))
    }

    /// A step that makes something for later ones.
    pub(super) fn make<T>(
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
                println!("ok    {round:6} {what}{gap}{seen} ({})", seconds(started.elapsed()));
                Ok(made)
            }
            Err(error) => {
                self.failed += 1;
                println!("FAIL  {round:6} {what}: {error:#}");
                Err(Failed)
            }
        }
    }

    /// The round cannot be done on this machine.
    pub(super) fn skip(&mut self, missing: &Missing) {
        let round = self.round;
        if self.strict {
            self.failed += 1;
            println!("FAIL  {round:6} {missing}");
        } else {
            self.skipped += 1;
            println!("skip  {round:6} {missing}");
        }
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// Something failed.
    pub(super) fn close(self) -> anyhow::Result<()> {
        let Self { passed, skipped, failed, .. } = self;
        let took = seconds(self.started.elapsed());
        println!("\nbrowser: {passed} passed, {failed} failed, {skipped} skipped ({took})");
        if failed > 0 {
            bail!(
                "{failed} of the browser's steps failed; what was left to look at is in target/browser/"
            );
        }
        Ok(())
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
