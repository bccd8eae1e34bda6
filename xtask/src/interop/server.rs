//! The app on a transport, for one peer.

use std::env;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use session_core::link::Listener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::app::app;

/// More than the server takes to tell everybody goodbye.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy)]
pub(super) enum Transport {
    WebSocket,
    Quic,
    Stdio,
}

#[derive(Debug)]
pub(super) struct Server {
    /// Where a peer finds it; of a child to be, the program.
    pub(super) address: String,
    /// `None` for what the peer starts itself.
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Serves the app on stdin and stdout until whoever started this process has hung up.
pub(super) async fn serve_stdio() -> anyhow::Result<()> {
    let listener = transport_stdio::bind()?;
    session_core::Server::new(app()).serve(listener, std::future::pending()).await;
    Ok(())
}

impl Server {
    /// Starts it on a free port of loopback; call it within the runtime, but not from a task of it.
    pub(super) fn start(transport: Transport) -> anyhow::Result<Self> {
        const ADDRESS: &str = "127.0.0.1:0";
        let runtime = Handle::current();
        match transport {
            Transport::WebSocket => Ok(Self::serve(runtime.block_on(transport_ws::bind(ADDRESS))?)),
            Transport::Quic => Ok(Self::serve(runtime.block_on(transport_quic::bind(ADDRESS))?)),
            Transport::Stdio => {
                let program = env::current_exe().context("cannot find this program's own file")?;
                let address = program.into_os_string().into_string();
                let address = address.map_err(|name| anyhow!("the path {name:?} is no text"))?;
                Ok(Self { address, running: None })
            }
        }
    }

    fn serve(listener: impl Listener) -> Self {
        let address = listener.address();
        let (stop, stopped) = oneshot::channel();
        let server = session_core::Server::new(app());
        // Told to stop, or forgotten.
        let shutdown = async { drop(stopped.await) };
        let serving = tokio::spawn(server.serve(listener, shutdown));
        Self { address, running: Some(Running { stop, serving }) }
    }

    /// Stops it as a signal would, and waits until it has ended.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        let Some(Running { stop, serving }) = self.running else { return Ok(()) };
        if stop.send(()).is_err() {
            bail!("the server ended before it was told to");
        }
        let ended = Handle::current().block_on(async { timeout(PATIENCE, serving).await });
        ended.context("the server does not end")?.context("the server failed")
    }
}
