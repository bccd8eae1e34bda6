//! The demo's server, as a process of its own: it is stopped by its id, whatever becomes of the round.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How long the server may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Demo {
    child: Child,
    /// Kept open: the server may print more, and would fail if nobody could hear it.
    output: BufReader<ChildStdout>,
    address: String,
}

impl Demo {
    /// Starts `cargo xtask demo` over HTTP and QUIC, on free ports of loopback. What it logs goes to `log`.
    pub(super) fn start(shiny_assets: Option<&Path>, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(["demo", "--listen", "127.0.0.1:0"]);
        command.args(["--set", "transport.1.kind=quic", "--set", "transport.1.listen=127.0.0.1:0"]);
        if let Some(folder) = shiny_assets {
            command.arg("--shiny-assets").arg(folder);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().context("cannot start the demo")?;
        let stdout = child.stdout.take().context("the demo has no output")?;
        // From here on, whatever fails ends the server as well.
        let mut demo = Self { child, output: BufReader::new(stdout), address: String::new() };
        let mut line = String::new();
        while demo.output.read_line(&mut line)? > 0 {
            if let Some(start) = line.find("http://") {
                let address = line[start..].split_whitespace().next().unwrap_or_default();
                demo.address = address.trim_end_matches('/').to_owned();
                return Ok(demo);
            }
            line.clear();
        }
        let told = fs::read_to_string(log).unwrap_or_default();
        bail!("the demo ended without an address: {}", told.trim())
    }

    /// `http://127.0.0.1:<port>`
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Tells the server to end, as a service manager would, and waits until it has.
    pub(super) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .context("cannot run kill")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("the demo still runs {} s after it was told to end", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
