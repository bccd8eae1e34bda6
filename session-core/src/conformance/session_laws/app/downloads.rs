use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tower_service::Service;

use super::Notes;
use crate::{Download, Request, Response, Result, Session, random, safe};

/// Offers downloads, and mounts a service.
pub(super) fn requests(s: &Session<'_>, notes: &Notes) -> Result<()> {
    let notes = notes.clone();
    s.set_message_handler("offer", move |s, (kind,): (String,)| {
        s.download(&*kind, download(&kind, &notes)?)
    })?;
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    s.set_message_handler("offer in a module", move |s, ()| {
        let released = Arc::clone(&released);
        let two = Download::text_stream(move |_| {
            let released = Arc::clone(&released);
            let last = stream::once(async move {
                released.notified().await;
                Ok("and ended")
            });
            Ok(stream::iter([Ok("begun ")]).chain(last))
        });
        s.module("shop")?.download("two", two.filename("two.txt"))
    })?;
    s.set_message_handler("release download", move |_, ()| {
        release.notify_one();
        Ok(())
    })?;
    s.set_message_handler("mount", |s, (name,): (String,)| s.dynamic_route_service(&name, Tells))?;
    Ok(())
}

/// What [`download`] gives where it gives a pattern, in bytes.
pub(in super::super) const PATTERN: usize = 3 << 20;
const PIECE: usize = 40_000;

/// Bytes of which each piece is another.
pub(in super::super) fn pattern() -> impl Iterator<Item = Bytes> + Send {
    (0..PATTERN).step_by(PIECE).map(|at| {
        let end = PATTERN.min(at + PIECE);
        (at..end).map(|at| (at % 251) as u8).collect()
    })
}

/// The content of the file that is offered.
pub(in super::super) const FILE: &str = "0123456789";
/// A name that no head may have as it is.
pub(in super::super) const NAME: &str = "é \"√\"\r\nx-evil: 1.csv";

fn download(kind: &str, notes: &Notes) -> Result<Download> {
    Ok(match kind {
        "bytes" => {
            let bytes = || pattern().fold(Vec::new(), |all, piece| [&all[..], &piece].concat());
            Download::bytes(move |_| Ok(bytes())).filename("bytes.bin")
        }
        "pieces" => Download::stream(|_| Ok(stream::iter(pattern()).map(Ok))).filename("a.bin"),
        "named" => Download::text(|_| Ok("a,b\n")).filename(NAME),
        "file" => Download::file(|_| Temporary::with(FILE)).filename("digits.txt"),
        "broken" => breaks("").filename("broken.txt"),
        "breaking" => breaks("part").filename("breaking.txt"),
        "endless" => {
            let notes = notes.clone();
            let endless = Download::stream(move |_| {
                let guard = notes.when_dropped("stream dropped");
                Ok(stream::repeat(Bytes::from_static(&[0; 1024])).map(move |piece| {
                    let _ = &guard;
                    Ok(piece)
                }))
            });
            endless.filename("endless.bin")
        }
        _ => return Err(safe("there is no such kind of download").into()),
    })
}

/// A stream that gives this, and fails.
fn breaks(begin: &'static str) -> Download {
    Download::stream(move |_| {
        let failure = std::io::Error::other("a secret").into();
        Ok(stream::iter([Ok(begin), Err(failure)]))
    })
}

/// A file that is there as long as this.
struct Temporary(PathBuf);

impl Temporary {
    fn with(content: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("conformance-{}", random::hex::<8>()?));
        std::fs::write(&path, content)?;
        Ok(Self(path))
    }
}

impl AsRef<Path> for Temporary {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A service that tells what it was asked for.
#[derive(Debug, Clone)]
struct Tells;

impl Service<Request> for Tells {
    type Response = Response;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let told = format!("{} {}", request.method(), request.uri());
        std::future::ready(Ok(Response::new(told.into())))
    }
}
