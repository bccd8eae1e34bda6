//! The workspace's own commands: `cargo xtask <command>`.
//!
//! Each command is a module with one entry, `run(&[String]) -> anyhow::Result<()>`, and parses what is its own;
//! this file only finds the module.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to people on its terminal"
)]

mod browser;
mod demo;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo     a data explorer to look at, and the example to start an app from
  browser  a real browser on the pages that we serve, with our client and with the Shiny client
  test     everything that has to hold before a change is handed in
  tidy     the workspace's own rules alone, such as who may depend on whom

`cargo xtask <command> --help` tells what a command takes.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> anyhow::Result<()> {
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", args),
    };
    match command {
        "browser" => browser::run(rest),
        "demo" => demo::run(rest),
        "test" => test::run(rest),
        "tidy" => tidy::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => anyhow::bail!("there is no command `{other}`\n\n{USAGE}"),
    }
}
