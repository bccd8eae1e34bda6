//! The workspace's own commands: `cargo xtask <command>`.
//!
//! Each command is a module with one entry, `run(&[String]) -> anyhow::Result<()>`, and parses what is its own;
//! this file only finds the module.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to people on its terminal"
)]

#[cfg(feature = "bench")]
mod bench;
mod browser;
mod conformance;
mod connect;
mod demo;
mod interop;
mod report;
mod spec;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo         a data explorer to look at, and the example to start an app from
  connect      a client for the terminal, and the example of a native client
  conformance  the laws of links, exchanges and sessions, tried on every transport
  bench        what everything costs, beside the best that is known
  browser      a real browser on the pages that we serve, with our client and with the Shiny client
  interop      clients that others wrote, in Python, on every transport
  spec         which statements of the specification have a test, and which are open
  test         everything that has to hold before a change is handed in
  tidy         the workspace's own rules alone, such as who may depend on whom

`cargo xtask <command> --help` tells what a command takes.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.first() {
        Some(first) if first == "--play" => conformance::play(),
        _ => run(&args).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
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
        #[cfg(feature = "bench")]
        "bench" => bench::run(rest),
        #[cfg(not(feature = "bench"))]
        "bench" => with_the_benches(args),
        "browser" => browser::run(rest),
        "connect" => connect::run(rest),
        "conformance" => conformance::run(rest),
        "demo" => demo::run(rest),
        "interop" => interop::run(rest),
        "spec" => spec::run(rest),
        "test" => test::run(rest),
        "tidy" => tidy::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => anyhow::bail!("there is no command `{other}`\n\n{USAGE}"),
    }
}

/// Runs this program again, built for speed and with what the benches compare with.
#[cfg(not(feature = "bench"))]
fn with_the_benches(args: &[String]) -> anyhow::Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "xtask", "--features", "bench", "--"]);
    let status = cargo.args(args).status()?;
    anyhow::ensure!(status.success(), "the bench failed");
    Ok(())
}
