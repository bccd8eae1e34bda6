//! `cargo xtask connect` and `cargo xtask demo` as the processes that people start: over every transport the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// What a newcomer might type.
const SCRIPT: &str = "\
text=noble
minimum=80
call describe mass
get rows.csv > FILE
reset=1
add=1
quit
";

/// What that says, but for the clock, which says what it wants when it wants.
const SAID: &[&str] = &[
    "chart = ",
    "count = 94 of 94",
    "download = Download as CSV (get rows.csv)",
    "live_panels = 0",
    "removed_ticks = 0",
    "table = name symbol category ",
    "visitors = 1",
    "chart = ",
    "count = 6 of 94",
    "table = name symbol category ",
    "chart = ",
    "count = 4 of 94",
    "table = name symbol category ",
    "describe(\"mass\") = {",
    "rows.csv = ",
    "chart = ",
    "count = 94 of 94",
    "table = name symbol category ",
    "live_panels = 1",
];

/// A process that ends with the test.
struct Demo {
    child: Child,
    /// Kept open: the demo may say more.
    _output: BufReader<ChildStdout>,
    address: String,
}

impl Demo {
    /// Starts the demo and reads where it is.
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(XTASK);
        command.arg("demo").args(args).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, _output: output, address }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(args: &[&str], script: &str) -> Output {
    let mut command = Command::new(XTASK);
    command.arg("connect").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Shorter than a pipe, so that nobody waits; a client that ended before has said why.
    let _ = child.stdin.take().unwrap().write_all(script.as_bytes());
    child.wait_with_output().unwrap()
}

/// Plays the script against a server; what came to stdout, and into the file.
fn converse(address: &str, folder: &Path) -> (Vec<String>, String) {
    let file = folder.join("rows.csv");
    let output = connect(&[address], &SCRIPT.replace("FILE", &file.display().to_string()));
    let (said, aside) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{address}: {said}\n{aside}");
    assert!(aside.ends_with("the session is over\n"), "{aside}");
    let said = said.lines().filter(|line| !line.starts_with("clock = "));
    (said.map(ToOwned::to_owned).collect(), std::fs::read_to_string(file).unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The example file, with another word in the one line that names the transport.
fn swapped(kind: &str, folder: &Path) -> String {
    let text = include_str!("../src/demo/config/ws.toml");
    let line = "\nkind = \"ws\"\n";
    assert_eq!(text.matches(line).count(), 1);
    let file = folder.join(format!("{kind}.toml"));
    let text = text.replace(line, &format!("\nkind = \"{kind}\"\n"));
    File::create(&file).unwrap().write_all(text.as_bytes()).unwrap();
    file.display().to_string()
}

#[test]
fn another_word_in_one_line_and_the_conversation_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let free = ["--listen", "127.0.0.1:0"];
    let mut seen = Vec::new();
    for kind in ["ws", "quic"] {
        let file = swapped(kind, folder.path());
        let demo = Demo::start(&[&["--config", &file], &free[..]].concat());
        seen.push(converse(&demo.address, folder.path()));
    }
    let file = swapped("stdio", folder.path());
    let command = format!("stdio:{XTASK} demo --config '{file}'");
    seen.push(converse(&command, folder.path()));

    let (said, rows) = &seen[0];
    assert_eq!(said.len(), SAID.len(), "{said:#?}");
    for (line, expected) in said.iter().zip(SAID) {
        assert!(line.starts_with(expected), "{line}\nnot {expected}");
    }
    assert_eq!(rows.lines().count(), 1 + 4, "{rows}");
    for (transport, other) in ["quic", "stdio"].iter().zip(&seen[1..]) {
        assert_eq!(other, &seen[0], "{transport}");
    }
}

#[test]
fn every_transport_of_a_file_serves_at_once() {
    let set =
        ["--set", "transport.0.listen=127.0.0.1:0", "--set", "transport.1.listen=127.0.0.1:0"];
    let command = format!("stdio:{XTASK} demo --transport all {}", set.join(" "));
    let output = connect(&[&command, "--show", "visitors"], "");
    let (said, aside) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{aside}");
    assert_eq!(said, "visitors = 1\n");
    for scheme in ["http://127.0.0.1:", "quic://127.0.0.1:", "stdio"] {
        assert!(aside.contains(&format!(" at {scheme}")), "{aside}");
    }
}

#[test]
fn a_server_that_is_not_there_and_a_program_that_is_none_are_failures() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/", taken.local_addr().unwrap());
    drop(taken);
    for (address, expected) in [
        (address.as_str(), "there is no link: the server cannot be reached"),
        ("stdio:/no/such/program", "cannot connect to stdio:/no/such/program"),
        ("stdio:true", "the link is lost"),
        ("nonsense", "`nonsense` is no address"),
    ] {
        let output = connect(&[address], "");
        let aside = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{address}: {aside}");
        assert!(aside.contains(expected), "{address}: {aside}");
    }
}

#[test]
fn a_demo_that_cannot_start_says_which_value_of_whom_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = swapped("pigeon", folder.path());
    let output = Command::new(XTASK).args(["demo", "--config", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "error: {file}: transport[0].kind = \"pigeon\": this program has no such transport, only quic, stdio, ws\n"
    );
    assert_eq!(text(&output.stderr), expected);
    let mut command = Command::new(XTASK);
    let output = command.arg("demo").env("DEMO_SERVER__DRAIN", "soon").output().unwrap();
    let said = text(&output.stderr);
    assert!(
        said.starts_with("error: environment DEMO_SERVER__DRAIN=soon: server.drain: "),
        "{said}"
    );
}
