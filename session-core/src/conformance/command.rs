//! The suite as a program.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to people on its terminal"
)]

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use super::suite::{Outcome, Suite, Tried};

const USAGE: &str = "\
  --transport NAME   only this transport; may be given several times
  --filter TEXT      only laws whose name contains the text
  --list             name the laws and try none
  --json FILE        also write the results there: an array of {law, transport, outcome, reason}";

impl Suite {
    /// The suite as the `main` of a program, with the process's arguments.
    #[must_use]
    pub fn main(self) -> ExitCode {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        match self.command(&arguments) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// The suite as a command with arguments; whether every law is kept.
    ///
    /// # Errors
    ///
    /// A sentence for a person: an argument it does not take, a file that cannot be written, no runtime.
    pub fn command(mut self, arguments: &[String]) -> Result<bool, String> {
        let mut only = Vec::new();
        let (mut list, mut json) = (false, None);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .cloned()
                    .ok_or_else(|| format!("`{argument}` needs a value\n\n{USAGE}"))
            };
            match argument.as_str() {
                "--transport" => only.push(value()?),
                "--filter" => self = self.filter(value()?),
                "--json" => json = Some(value()?),
                "--list" => list = true,
                "--help" | "-h" => {
                    println!("{USAGE}");
                    return Ok(true);
                }
                other => return Err(format!("the suite does not take `{other}`\n\n{USAGE}")),
            }
        }
        let known: Vec<_> = self.fixtures.iter().map(|fixture| fixture.name()).collect();
        if let Some(name) = only.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("there is no transport `{name}`, only {}", known.join(", ")));
        }
        self.fixtures
            .retain(|fixture| only.is_empty() || only.iter().any(|name| name == fixture.name()));
        let laws = self.laws();
        if laws.is_empty() {
            return Err("no law has a name like that; `--list` names them".to_owned());
        }
        if list {
            laws.iter().for_each(|law| println!("{law}"));
            return Ok(true);
        }
        let started = Instant::now();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime: {error}"))?;
        let mut table = Table::new(self.fixtures.iter().map(|fixture| fixture.name()).collect());
        let results = runtime.block_on(self.run(|tried| table.add(tried)));
        table.summary(&results, started);
        if let Some(file) = json {
            let text = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())?;
            std::fs::write(&file, text).map_err(|error| format!("cannot write {file}: {error}"))?;
        }
        Ok(results.iter().all(|tried| tried.outcome.is_fine()))
    }
}

/// Laws by transports, a line as soon as a law has been tried on all.
struct Table {
    transports: Vec<&'static str>,
    row: Vec<Tried>,
    /// Reasons why laws do not apply, and the number that stands for each in the table.
    notes: BTreeMap<(&'static str, String), usize>,
}

impl Table {
    fn new(transports: Vec<&'static str>) -> Self {
        print!("{:<100}", "");
        for transport in &transports {
            print!(" {transport:>8}");
        }
        println!();
        Self { transports, row: Vec::new(), notes: BTreeMap::new() }
    }

    fn add(&mut self, tried: &Tried) {
        let terminal = std::io::stdout().is_terminal();
        if terminal && self.row.is_empty() {
            print!("{:<100}", tried.law);
        }
        self.row.push(tried.clone());
        if terminal {
            let mark = self.mark(tried);
            print!(" {mark:>8}");
            let _ = std::io::stdout().flush();
        }
        if self.row.len() < self.transports.len() {
            return;
        }
        if !terminal {
            print!("{:<100}", tried.law);
            for tried in self.row.clone() {
                let mark = self.mark(&tried);
                print!(" {mark:>8}");
            }
        }
        println!();
        for tried in self.row.drain(..).filter(|tried| tried.outcome == Outcome::Failed) {
            println!("    {}: {}", tried.transport, tried.reason);
        }
    }

    fn mark(&mut self, tried: &Tried) -> String {
        match tried.outcome {
            Outcome::Passed => "ok".to_owned(),
            Outcome::Failed => "FAILED".to_owned(),
            outcome => {
                let next = self.notes.len() + 1;
                let note =
                    *self.notes.entry((tried.transport, tried.reason.clone())).or_insert(next);
                let word = if outcome == Outcome::Excepted { "except" } else { "n/a" };
                format!("{word} {note}")
            }
        }
    }

    fn summary(&self, results: &[Tried], started: Instant) {
        let mut notes: Vec<_> = self.notes.iter().collect();
        notes.sort_by_key(|(_, number)| **number);
        for ((transport, reason), number) in notes {
            println!("{number}: {transport}: {reason}");
        }
        let count = |outcome| results.iter().filter(|tried| tried.outcome == outcome).count();
        println!(
            "laws: {} kept, {} failed, {} excepted, {} not applicable, in {:.1} s",
            count(Outcome::Passed),
            count(Outcome::Failed),
            count(Outcome::Excepted),
            count(Outcome::NotApplicable),
            started.elapsed().as_secs_f64()
        );
    }
}
