//! A file on its way to the client.

use std::fs;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{BufMut, Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::task::spawn_blocking;
use tokio_util::io::poll_read_buf;

use super::conditions::FileState;
use crate::Result;
use crate::exchange::BoxError;

/// Bytes read at a time: few enough that many clients may wait with one each, enough that the way to the thread which
/// reads costs little.
const CHUNK: usize = 128 * 1024;

/// A file, open.
pub(super) struct Opened {
    file: fs::File,
    length: u64,
    state: FileState,
    name: String,
    /// What names the file, and may remove it when dropped.
    place: Box<dyn AsRef<Path> + Send>,
}

/// Why a file cannot be downloaded.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is no plain file")]
    NoFile { path: PathBuf },
    #[error("the file became shorter while it was sent: {missing} bytes are missing")]
    Shortened { missing: u64 },
}

impl Opened {
    pub(super) async fn open(place: Box<dyn AsRef<Path> + Send>) -> Result<Self> {
        Ok(spawn_blocking(move || Self::open_now(place)).await??)
    }

    fn open_now(place: Box<dyn AsRef<Path> + Send>) -> Result<Self, FileError> {
        let path = (*place).as_ref();
        let fails = |source| FileError::Io { path: path.to_owned(), source };
        // A pipe would keep whoever opens it waiting.
        if !fs::metadata(path).map_err(fails)?.is_file() {
            return Err(FileError::NoFile { path: path.to_owned() });
        }
        let file = fs::File::open(path).map_err(fails)?;
        let metadata = file.metadata().map_err(fails)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let length = metadata.len();
        let state = FileState::new(length, metadata.modified().ok(), SystemTime::now());
        Ok(Self { file, length, state, name, place })
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    pub(super) const fn state(&self) -> &FileState {
        &self.state
    }

    /// As on disk.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// `count` bytes from `start` on.
    pub(super) async fn read(self, start: u64, count: u64) -> Result<FileBody> {
        let Self { mut file, place, .. } = self;
        let (file, place) = if start == 0 {
            (file, place)
        } else {
            let sought = spawn_blocking(move || match file.seek(SeekFrom::Start(start)) {
                Ok(_) => Ok((file, place)),
                Err(source) => Err(FileError::Io { path: (*place).as_ref().to_owned(), source }),
            });
            sought.await??
        };
        let file = tokio::fs::File::from_std(file);
        Ok(FileBody { open: Some((file, place)), left: count, buffer: BytesMut::new() })
    }
}

/// Bytes of a file, read as they are taken.
pub(super) struct FileBody {
    /// `None` once it is through: the file may be removed then.
    open: Option<(tokio::fs::File, Box<dyn AsRef<Path> + Send>)>,
    left: u64,
    buffer: BytesMut,
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some((file, _)) = this.open.as_mut().filter(|_| this.left > 0) else {
            this.open = None;
            return Poll::Ready(None);
        };
        let most = usize::try_from(this.left).unwrap_or(CHUNK).min(CHUNK);
        this.buffer.reserve(most);
        let read = poll_read_buf(Pin::new(file), cx, &mut (&mut this.buffer).limit(most));
        let failure: BoxError = match ready!(read) {
            Ok(0) => FileError::Shortened { missing: this.left }.into(),
            Ok(count) => {
                this.left -= count as u64;
                return Poll::Ready(Some(Ok(Frame::data(this.buffer.split().freeze()))));
            }
            Err(error) => error.into(),
        };
        tracing::warn!(%failure, "a download broke off");
        (this.open, this.left) = (None, 0);
        Poll::Ready(Some(Err(failure)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn open(path: &Path) -> Opened {
        Opened::open(Box::new(path.to_owned())).await.unwrap()
    }

    #[tokio::test]
    async fn a_file_is_read_in_chunks_from_where_it_is_asked_to_where_it_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * CHUNK + 5).collect();
        fs::write(&path, &bytes).unwrap();
        let (start, count) = (7, bytes.len() - 9);
        let mut body = open(&path).await.read(start as u64, count as u64).await.unwrap();
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            let chunk = frame.unwrap().into_data().unwrap();
            assert!(chunk.len() <= CHUNK);
            read.extend(chunk);
        }
        assert_eq!(read, bytes[start..start + count]);
    }

    #[tokio::test]
    async fn a_file_that_is_shortened_breaks_off_and_one_that_grows_is_sent_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "12345678").unwrap();
        let shortened = open(&path).await.read(0, 8).await.unwrap();
        fs::write(&path, "123").unwrap();
        let error = shortened.collect().await.unwrap_err();
        assert!(error.to_string().contains("5 bytes are missing"), "{error}");
        let grown = open(&path).await.read(0, 3).await.unwrap();
        fs::write(&path, "123456").unwrap();
        assert_eq!(grown.collect().await.unwrap().to_bytes(), "123");
    }

    #[tokio::test]
    async fn what_is_no_plain_file_is_named() {
        for path in ["/no/such/file", "/dev"] {
            let error = Opened::open(Box::new(path)).await.err().unwrap().to_string();
            assert!(error.contains(path), "{error}");
        }
    }
}
