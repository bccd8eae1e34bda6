//! The server of one feature's app, in this process on a thread of its own, with a page for the Shiny client.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use session_core::config::toml::{Table, Value};
use session_core::config::{Config, Transports};
use session_core::{App, Server, Session};
use tempfile::TempDir;
use tokio::sync::oneshot;
use transport_quic::Quic;
use transport_ws::WebSocket;

use super::Feature;

const PAGE: &str = include_str!("page.html");

/// How long the server may take to start, and to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(15);

/// Dropping it ends the server and waits for it.
#[derive(Debug)]
pub(super) struct Running {
    address: String,
    sessions: Arc<Sessions>,
    log: Log,
    shutdown: Option<oneshot::Sender<()>>,
    /// Hears nothing, until the server has ended.
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    /// Where uploads lie, as long as they do.
    uploads: TempDir,
}

/// How many sessions have begun and ended.
#[derive(Debug, Default)]
struct Sessions {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Running {
    /// Serves the feature's page at `/NAME/`, over HTTP and QUIC on free ports of loopback.
    pub(super) fn start(feature: &'static Feature, assets: &Path) -> anyhow::Result<Self> {
        let sessions = Arc::new(Sessions::default());
        let log = Log::default();
        let (shutdown, told) = oneshot::channel();
        let (tell_address, address) = mpsc::channel();
        let (tell_end, ended) = mpsc::channel();
        let app = app(feature, &sessions);
        let config = config(feature, assets)?;
        let uploads = tempfile::tempdir().context("cannot make a folder for uploads")?;
        // One thread, so that whatever the server logs is heard by its own subscriber and goes into its own log.
        let thread = std::thread::Builder::new().name(feature.name.to_owned()).spawn({
            let lines = log.clone();
            let server = Server::new(app).limits((feature.limits)()).upload_dir(uploads.path());
            move || {
                let subscriber = tracing_subscriber::fmt()
                    .with_max_level(tracing::Level::WARN)
                    .with_ansi(false)
                    .without_time()
                    .with_writer(move || lines.clone())
                    .finish();
                let _end = tell_end;
                let serve = serve(feature, server, &config, &tell_address, told);
                let served = tracing::subscriber::with_default(subscriber, || {
                    tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .context("cannot start tokio")?
                        .block_on(serve)
                });
                if let Err(error) = served {
                    let _ = tell_address.send(Err(error));
                }
            }
        })?;
        // From here on, whatever fails ends the server as well.
        let shutdown = Some(shutdown);
        let thread = Some(thread);
        let mut server =
            Self { address: String::new(), sessions, log, shutdown, ended, thread, uploads };
        server.address = address.recv_timeout(PATIENCE).context("it does not start")??;
        Ok(server)
    }

    /// `http://127.0.0.1:<port>/NAME/`
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// What the server has logged of warnings and errors since it was asked last, a line each.
    pub(super) fn logged(&self) -> Vec<String> {
        self.log.take()
    }

    /// Sessions that have begun and not ended.
    pub(super) fn live(&self) -> usize {
        let ended = self.sessions.ended.load(Ordering::SeqCst);
        self.sessions.begun.load(Ordering::SeqCst) - ended
    }

    /// Waits until the pages that are gone have no session any more, then ends the server, which must go in peace.
    pub(super) fn stop(mut self) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        while self.live() > 0 {
            ensure!(Instant::now() < deadline, "{} sessions outlive their pages", self.live());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.shutdown.take();
        match self.ended.recv_timeout(PATIENCE) {
            Err(mpsc::RecvTimeoutError::Disconnected) => {}
            _ => bail!("the server still runs {} s after it was told to end", PATIENCE.as_secs()),
        }
        let logged = self.logged();
        ensure!(logged.is_empty(), "at its end the server logged: {}", logged.join(" | "));
        let left = fs::read_dir(self.uploads.path())?.count();
        ensure!(left == 0, "{left} files or folders are left where uploads lie");
        Ok(format!("{} sessions began and ended", self.sessions.begun.load(Ordering::SeqCst)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.take();
        let ended = self.ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Disconnected);
        // One that does not end is left behind: the round goes on and tells of it.
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            let _ = thread.join();
        }
    }
}

/// The feature's app, its sessions counted; and with a request that does nothing, whose answer comes after everything
/// else that the server had to say.
fn app(feature: &'static Feature, sessions: &Arc<Sessions>) -> App {
    let sessions = Arc::clone(sessions);
    let app = App::new(move |s: &Session<'_>| {
        sessions.begun.fetch_add(1, Ordering::SeqCst);
        let of_end = Arc::clone(&sessions);
        s.on_ended(move |_| {
            of_end.ended.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        s.set_message_handler("rest", |_, ()| Ok(()))?;
        (feature.app)(s)
    });
    (feature.settings)(app)
}

fn config(feature: &Feature, assets: &Path) -> anyhow::Result<Config> {
    let mut transports = Vec::new();
    for kind in ["ws", "quic"] {
        let mut table = Table::new();
        table.insert("kind".to_owned(), kind.into());
        table.insert("listen".to_owned(), "127.0.0.1:0".into());
        if kind == "ws" {
            let mut folders = Table::new();
            folders.insert(
                format!("{}/lib/shared", feature.name),
                assets.display().to_string().into(),
            );
            table.insert("folders".to_owned(), folders.into());
        }
        transports.push(Value::Table(table));
    }
    let mut table = Table::new();
    table.insert("transport".to_owned(), transports.into());
    Ok(Config::from_table(table, None)?)
}

/// Tells its address once it is there.
async fn serve(
    feature: &'static Feature,
    server: Server,
    config: &Config,
    tell_address: &mpsc::Sender<anyhow::Result<String>>,
    told: oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    // Known once it is bound, and the page is asked for later.
    let script = Arc::new(OnceLock::new());
    let bound = Arc::clone(&script);
    let quic = Quic::new().on_bound(move |listener| {
        bound.get_or_init(|| listener.webtransport_script("webtransport.js"));
    });
    let name = feature.name;
    let web = WebSocket::new()
        .page_with(&format!("/{name}/"), move || {
            page(feature, script.get().map_or("", String::as_str))
        })
        .asset(
            &format!("{name}/webtransport.js"),
            "text/javascript; charset=utf-8",
            transport_quic::webtransport_js().as_bytes(),
        );
    let listener = Transports::new().with(web).with(quic).bind(config).await?;
    let addresses = listener.addresses();
    let address = addresses.iter().find(|address| address.starts_with("http://"));
    let address = address.context("no address of a page")?;
    tell_address.send(Ok(format!("{address}{name}/"))).context("nobody waits for the address")?;
    let shutdown = async {
        // Told by the sender's end.
        let _ = told.await;
    };
    server.serve(listener, shutdown).await;
    Ok(())
}

fn page(feature: &Feature, script: &str) -> String {
    PAGE.replace("{{name}}", feature.name)
        .replace("{{webtransport}}", script)
        .replace("{{body}}", feature.page)
}

/// What a server logs, kept until it is looked at.
#[derive(Debug, Clone, Default)]
struct Log {
    written: Arc<Mutex<Vec<u8>>>,
}

impl Log {
    fn take(&self) -> Vec<String> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&std::mem::take(&mut *written)).into_owned();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
