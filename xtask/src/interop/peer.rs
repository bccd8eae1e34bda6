//! A peer as a process that tells its steps as it goes.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, anyhow, bail, ensure};
use serde::Deserialize;

use super::python::Python;
use super::server::Transport;
use crate::workspace;

/// The peers, in the order in which they play: what the first one saw, the others are held to.
pub(super) const PEERS: &[Peer] = &[
    Peer {
        name: "ws",
        needs: Some("websockets"),
        script: "over_websocket.py",
        transport: Transport::WebSocket,
    },
    Peer { name: "stdio", needs: None, script: "over_stdio.py", transport: Transport::Stdio },
    Peer {
        name: "quic",
        needs: Some("aioquic"),
        script: "over_quic.py",
        transport: Transport::Quic,
    },
    Peer {
        name: "webtransport",
        needs: Some("aioquic"),
        script: "over_webtransport.py",
        transport: Transport::Quic,
    },
];

/// A client that others wrote, with our scenario.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// The package that is the client; `None` for what every Python has.
    pub(super) needs: Option<&'static str>,
    /// Beside this file.
    script: &'static str,
    pub(super) transport: Transport,
}

impl Peer {
    /// Starts it, and waits until it has said who it is. What it complains about goes to `log`.
    ///
    /// It ends by itself, within a minute: the scenario sees to that.
    pub(super) fn start(
        &self,
        python: &Python,
        address: &str,
        log: &Path,
    ) -> anyhow::Result<Process> {
        let scripts = workspace::root().join("xtask/src/interop");
        let errors =
            File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(&python.program);
        // Without -B, Python would leave compiled files among the sources.
        command.arg("-B").arg(scripts.join(self.script)).arg(address);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().with_context(|| format!("cannot start {python}"))?;
        let stdout = child.stdout.take().context("the peer has no output")?;
        let lines = BufReader::new(stdout).lines();
        let mut process = Process {
            child,
            lines,
            log: log.to_owned(),
            version: String::new(),
            steps: Vec::new().into_iter(),
        };
        let Hello { version, steps } = serde_json::from_str(&process.line()?)?;
        process.version = version;
        process.steps = steps.into_iter();
        Ok(process)
    }
}

/// The first line of a peer.
#[derive(Deserialize)]
struct Hello {
    /// Of the client.
    version: String,
    /// The steps it is going to take.
    steps: Vec<String>,
}

/// A line after that.
#[derive(Deserialize)]
struct Step {
    saw: Vec<String>,
}

/// A peer that plays. Dropped, it is ended.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
    pub(super) version: String,
    steps: std::vec::IntoIter<String>,
}

impl Process {
    /// The name of the step that it takes now.
    pub(super) fn next_step(&mut self) -> Option<String> {
        self.steps.next()
    }

    /// Waits for the end of a step; what the peer saw, as a line of JSON.
    pub(super) fn finish_step(&mut self) -> anyhow::Result<String> {
        self.line()
    }

    /// Waits for the end of the peer.
    pub(super) fn wait(&mut self) -> anyhow::Result<()> {
        if let Some(line) = self.lines.next() {
            bail!("said more than its steps: {}", line?);
        }
        let status = self.child.wait()?;
        ensure!(status.success(), "the peer failed ({status}): {}", self.complaint());
        Ok(())
    }

    fn line(&mut self) -> anyhow::Result<String> {
        match self.lines.next() {
            Some(line) => Ok(line?),
            None => Err(anyhow!("the peer gave up: {}", self.complaint())),
        }
    }

    /// The last thing it complained about.
    fn complaint(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("without a word").to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a step saw, for a person.
pub(super) fn summary(line: &str) -> anyhow::Result<String> {
    let Step { saw } = parse(line)?;
    let last = saw.last().context("a step that saw nothing proves nothing")?;
    let shown: String = last.chars().take(70).collect();
    let dots = if shown.len() < last.len() { "…" } else { "" };
    Ok(match saw.len() {
        1 => format!("{shown}{dots}"),
        count => format!("{count} things, at last {shown}{dots}"),
    })
}

/// Holds what a peer saw in a step to what another one did.
pub(super) fn compare(line: &str, other: &'static str, theirs: Option<&str>) -> anyhow::Result<()> {
    let theirs = theirs.with_context(|| format!("{other} took no such step"))?;
    if line == theirs {
        return Ok(());
    }
    let (ours, theirs) = (parse(line)?, parse(theirs)?);
    let both = ours.saw.iter().zip(&theirs.saw);
    match both.enumerate().find(|(_, (ours, theirs))| ours != theirs) {
        Some((index, (ours, theirs))) => {
            bail!("saw as number {} {ours}, where {other} saw {theirs}", index + 1)
        }
        None => bail!(
            "saw {} things, where {other} saw {}; or the step has another name",
            ours.saw.len(),
            theirs.saw.len()
        ),
    }
}

fn parse(line: &str) -> anyhow::Result<Step> {
    serde_json::from_str(line).with_context(|| format!("not a step: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_by_its_place() {
        let ours = r#"{"step":"init","saw":["one","two"]}"#;
        let told = |theirs| compare(ours, "ws", Some(theirs)).unwrap_err().to_string();
        assert!(compare(ours, "ws", Some(ours)).is_ok());
        assert!(compare(ours, "ws", None).is_err());
        let other = told(r#"{"step":"init","saw":["one","three"]}"#);
        assert_eq!(other, "saw as number 2 two, where ws saw three");
        let fewer = told(r#"{"step":"init","saw":["one"]}"#);
        assert!(fewer.starts_with("saw 2 things, where ws saw 1"), "{fewer}");
    }

    #[test]
    fn a_step_is_shown_in_a_line() {
        let long = format!(r#"{{"step":"init","saw":["one","{}"]}}"#, "ü".repeat(100));
        assert_eq!(summary(&long).unwrap(), format!("2 things, at last {}…", "ü".repeat(70)));
        assert!(summary(r#"{"step":"init","saw":[]}"#).is_err());
    }
}
