//! What goes beside the link: the body of a response on its way into a file, and files on their way to an input.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use session_core::exchange::{Body, Request, Response};
use session_core::link::Connect;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::text::{bytes, plain};
use super::upload::Upload;

/// As much of an answer that says no as is shown.
const REFUSAL: usize = 4096;

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    name: String,
    /// Bytes that have come, or gone.
    moved: u64,
    /// What was announced.
    total: Option<u64>,
}

impl Progress {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), moved: 0, total: None }
    }

    /// Says how much there will be, if that is known.
    pub(super) const fn begin(&mut self, total: Option<u64>) {
        self.total = total;
    }

    /// Adds what has moved.
    pub(super) const fn go_on(&mut self, count: usize) {
        self.moved += count as u64;
    }

    /// `rows.csv [#####     ]  50 % of 2.4 MB`; without a total, only what has come.
    fn bar(&self) -> String {
        const WIDTH: u64 = 30;
        let name = plain(&self.name);
        match self.total {
            Some(total) if total > 0 => {
                let moved = self.moved.min(total);
                let part = |of: u64| u128::from(moved) * u128::from(of) / u128::from(total);
                let done = "#".repeat(usize::try_from(part(WIDTH)).unwrap_or_default());
                let width = usize::try_from(WIDTH).unwrap_or_default();
                format!("{name} [{done:<width$}] {:>3} % of {}", part(100), bytes(total))
            }
            _ => format!("{name} {}", bytes(self.moved)),
        }
    }
}

/// The transfers under way.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    tasks: JoinSet<Moved>,
    /// Of the latest.
    progress: Option<watch::Receiver<Progress>>,
}

/// What there is to tell of a transfer.
#[derive(Debug)]
pub(super) enum Moved {
    /// How far the latest is.
    On(String),
    /// A download has ended.
    Done { name: String, outcome: anyhow::Result<String> },
    /// Files were sent, or not all of them.
    Sent { upload: Upload, outcome: anyhow::Result<()> },
}

impl Transfers {
    /// Sends a request, and puts the answer into a file.
    pub(super) fn begin<C: Connect>(
        &mut self,
        remote: Arc<C>,
        request: Request,
        name: String,
        file: PathBuf,
    ) {
        let (sender, progress) = watch::channel(Progress::new(&name));
        self.progress = Some(progress);
        self.tasks.spawn(async move {
            let saved = match remote.exchange(request).await {
                Ok(response) => save(response, &file, &sender).await,
                Err(error) => Err(error.into()),
            };
            let outcome = saved.map(|count| format!("{count} bytes in {}", file.display()));
            Moved::Done { name, outcome }
        });
    }

    /// Sends the files of an upload that has begun.
    pub(super) fn send<C: Connect>(&mut self, remote: Arc<C>, upload: Upload) {
        let (sender, progress) = watch::channel(Progress::new(upload.input()));
        self.progress = Some(progress);
        self.tasks.spawn(async move {
            let outcome = upload.send(&*remote, &sender).await;
            Moved::Sent { upload, outcome }
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits until there is something to tell; call it while there are some.
    ///
    /// Cancel-safe.
    pub(super) async fn moved(&mut self) -> Moved {
        loop {
            tokio::select! {
                biased;
                moved = changed(&mut self.progress) => match moved {
                    Some(bar) => return Moved::On(bar),
                    None => self.progress = None,
                },
                Some(done) = self.tasks.join_next() => {
                    let failed = |error: JoinError| Moved::Done { name: "a transfer".into(), outcome: Err(error.into()) };
                    return done.unwrap_or_else(failed);
                }
            }
        }
    }

    /// Drops what is under way, and waits until it is gone.
    pub(super) async fn shut_down(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// The bar once it has moved; `None` once it will not any more, and never without one.
async fn changed(progress: &mut Option<watch::Receiver<Progress>>) -> Option<String> {
    let Some(progress) = progress else { return std::future::pending().await };
    progress.changed().await.ok()?;
    Some(progress.borrow_and_update().bar())
}

/// Writes the body of a response into a file, which is there when all of it has come, and is not touched before.
///
/// Gives the number of bytes. Dropped early, it leaves a file whose name ends in `.part`.
async fn save(
    response: Response,
    file: &Path,
    progress: &watch::Sender<Progress>,
) -> anyhow::Result<u64> {
    let (head, mut body) = response.into_parts();
    if !head.status.is_success() {
        bail!("{}{}", head.status, refusal(body).await);
    }
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let exact = http_body::Body::size_hint(&body).exact();
    let total = exact.or_else(|| announced.and_then(|length| length.parse().ok()));
    progress.send_modify(|progress| progress.begin(total));

    let part = part(file);
    let cannot = || format!("cannot write {}", part.display());
    let mut written = tokio::fs::File::create(&part).await.with_context(cannot)?;
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            anyhow::anyhow!(
                "broke off after {}, kept in {}: {error}",
                bytes(received),
                part.display()
            )
        })?;
        let Ok(data) = frame.into_data() else { continue };
        written.write_all(&data).await.with_context(cannot)?;
        received += data.len() as u64;
        progress.send_modify(|progress| progress.go_on(data.len()));
    }
    written.flush().await.with_context(cannot)?;
    tokio::fs::rename(&part, file)
        .await
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(received)
}

/// What an answer says that says no.
pub(super) async fn refusal(body: Body) -> String {
    match body.collect_up_to(REFUSAL).await {
        Ok(text) if !text.is_empty() => format!(": {}", plain(&String::from_utf8_lossy(&text))),
        _ => String::new(),
    }
}

fn part(file: &Path) -> PathBuf {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

#[cfg(test)]
mod tests {
    use session_core::exchange::BoxError;

    use super::*;

    fn progress(moved: u64, total: Option<u64>) -> String {
        Progress { name: "a".to_owned(), moved, total }.bar()
    }

    #[test]
    fn a_bar_fills_as_bytes_come() {
        assert_eq!(progress(0, Some(2000)), format!("a [{}]   0 % of 2.0 kB", " ".repeat(30)));
        assert_eq!(
            progress(1000, Some(2000)),
            format!("a [{:<30}]  50 % of 2.0 kB", "#".repeat(15))
        );
        assert_eq!(progress(2000, Some(2000)), format!("a [{}] 100 % of 2.0 kB", "#".repeat(30)));
        assert_eq!(progress(9, Some(1)), format!("a [{}] 100 % of 1 bytes", "#".repeat(30)));
        assert_eq!(progress(u64::MAX, Some(u64::MAX)).matches('#').count(), 30);
    }

    #[test]
    fn without_a_total_there_is_only_what_has_come() {
        assert_eq!(progress(1500, None), "a 1.5 kB");
        assert_eq!(progress(0, Some(0)), "a 0 bytes");
    }

    async fn saved(response: Response, file: &Path) -> (Result<u64, String>, Progress) {
        let (sender, receiver) = watch::channel(Progress::new("a"));
        let saved = save(response, file, &sender).await.map_err(|error| format!("{error:#}"));
        let last = receiver.borrow().clone();
        (saved, last)
    }

    #[tokio::test]
    async fn a_file_is_there_when_all_of_it_has_come() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let (count, last) = saved(Response::new("hello".into()), &file).await;
        assert_eq!((count, last.moved, last.total), (Ok(5), 5, Some(5)));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "hello");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[tokio::test]
    async fn what_breaks_off_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "before").unwrap();
        let pieces: [Result<_, BoxError>; 2] =
            [Ok(http_body::Frame::data("hel".into())), Err("gone".into())];
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(pieces));
        let (said, _) = saved(Response::new(Body::new(body)), &file).await;
        assert!(
            said.as_ref().is_err_and(|it| it.starts_with("broke off after 3 bytes")),
            "{said:?}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "before");
    }

    #[tokio::test]
    async fn an_answer_that_says_no_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let mut response = Response::new("{\"detail\":\"Not Found\"}".into());
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        let (said, _) = saved(response, &file).await;
        assert_eq!(said, Err("404 Not Found: {\"detail\":\"Not Found\"}".to_owned()));
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_named() {
        let (said, _) = saved(Response::new("x".into()), Path::new("/no/such/folder/a")).await;
        assert!(said.is_err_and(|it| it.contains("/no/such/folder/a.part")));
    }
}
