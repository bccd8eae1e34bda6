//! The parts of the bench as processes of their own, and what the system knows of them.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

/// Where a part runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) enum Core {
    Server = 0,
    Client = 1,
}

/// Whether each part can have a core of its own.
pub(in crate::bench) fn can_pin() -> Result<(), &'static str> {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        return Err("there is one core only");
    }
    let taskset = Command::new("taskset").arg("--version").stdout(Stdio::null()).status();
    match taskset {
        Ok(status) if status.success() => Ok(()),
        _ => Err("there is no `taskset` (it comes with util-linux)"),
    }
}

/// A part that runs; it ends when this is dropped.
#[derive(Debug)]
pub(in crate::bench) struct Part {
    child: Child,
    /// A server runs until this is closed.
    _stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// The line it said when it was ready.
    pub(in crate::bench) said: String,
}

impl Part {
    /// Starts this program again with the arguments of a hidden command of `bench`.
    pub(in crate::bench) fn start(core: Core, args: &[&str]) -> anyhow::Result<Self> {
        let mut command = pinned(core)?;
        command.arg("bench").args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {args:?}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("a part without a voice")?;
        Ok(Self { child, _stdin: stdin, stdout: BufReader::new(stdout), said: String::new() })
    }

    /// Waits until it says that it is ready.
    pub(in crate::bench) fn ready(mut self) -> anyhow::Result<Self> {
        self.stdout.read_line(&mut self.said)?;
        self.said.truncate(self.said.trim_end().len());
        ensure!(!self.said.is_empty(), "a part of the bench ended before it was ready");
        Ok(self)
    }

    /// Waits for what it found out.
    pub(in crate::bench) fn result<T: serde::de::DeserializeOwned>(mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "a part of the bench failed: {status}");
        serde_json::from_str(&line).with_context(|| format!("a part of the bench said {line:?}"))
    }

    pub(in crate::bench) fn id(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program, to be started on a core of its own where that can be.
pub(in crate::bench) fn pinned(core: Core) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    if can_pin().is_err() {
        return Ok(Command::new(program));
    }
    // It becomes the program: the process id is the part's.
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &(core as u8).to_string()]).arg(program);
    Ok(command)
}

/// The time that the threads a process has now have been on a core.
pub(in crate::bench) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    let threads = format!("/proc/{process}/task");
    for thread in std::fs::read_dir(&threads).with_context(|| format!("cannot read {threads}"))? {
        let thread = thread?.file_name();
        let text = read(process, &format!("task/{}/schedstat", thread.display()))?;
        nanos += text.split(' ').next().context("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Bytes of a process that are in memory.
pub(in crate::bench) fn resident(process: u32) -> anyhow::Result<f64> {
    status(process, "VmRSS:")
}

/// Bytes of a process that were in memory at most since [`forget_peak`].
pub(in crate::bench) fn peak(process: u32) -> anyhow::Result<f64> {
    status(process, "VmHWM:")
}

/// What is in memory now counts as the most that was.
pub(in crate::bench) fn forget_peak(process: u32) -> anyhow::Result<()> {
    let path = format!("/proc/{process}/clear_refs");
    std::fs::write(&path, "5").with_context(|| format!("cannot write {path}"))
}

/// A line of a process's status that counts kilobytes, in bytes.
fn status(process: u32, name: &str) -> anyhow::Result<f64> {
    let status = read(process, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes = kilobytes.with_context(|| format!("no {name} in the status"))?;
    Ok(kilobytes.parse::<f64>()? * 1024.0)
}

fn read(process: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{process}/{file}");
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
}
