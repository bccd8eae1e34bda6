use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::folder::TempFile;
use super::job::Announced;

/// A file that the client uploaded, on the disk of the server.
///
/// Cheap to clone. The file is there as long as a clone is, at most until the session ends: whoever wants to have it
/// longer [persists](Self::persist) it. It is readable in `on_ended` and `on_destroy` callbacks.
#[derive(Clone)]
pub struct UploadedFile(Arc<Stored>);

struct Stored {
    name: String,
    media_type: String,
    size: u64,
    file: TempFile,
}

impl UploadedFile {
    pub(super) fn new(announced: &Announced, file: TempFile) -> Self {
        Self(Arc::new(Stored {
            name: announced.name().to_owned(),
            media_type: announced.media_type(),
            size: announced.size() as u64,
            file,
        }))
    }

    /// What the client calls it. It may be anything, `../../etc/passwd` too: for the eyes of people, and for nothing
    /// that takes a path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// In bytes: those that came, which are as many as were announced.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// What the client says it is, such as `text/csv`; where it does not say, what its name looks like, and
    /// `application/octet-stream` where that looks like nothing. The client's word: the bytes may be something else.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.0.media_type
    }

    /// Where it lies: a file that only this user of the machine can read, named by the server, with the ending of the
    /// client's name if that is short and plain.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.file.path()
    }

    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// Those of the file system; *not found* once the session has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: nothing is changed.
    pub async fn read(&self) -> io::Result<Vec<u8>> {
        self.blocking(|path| fs::read(path)).await
    }

    /// Opens it, to read it bit by bit.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn open(&self) -> io::Result<tokio::fs::File> {
        self.blocking(|path| File::open(path)).await.map(tokio::fs::File::from_std)
    }

    /// Puts it at `to`, where it stays; this one is readable as before. Within one file system nothing is copied: the
    /// two are then the same file, and neither is to be written to while the other is in use.
    ///
    /// # Errors
    ///
    /// *Already exists* when there is something at `to`, which is never written over; others of the file system.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, it may still happen.
    pub async fn persist(&self, to: impl AsRef<Path>) -> io::Result<()> {
        let to = to.as_ref().to_owned();
        self.blocking(move |from| match fs::hard_link(from, &to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Another file system, or one without links.
            Err(_) => copy(from, &to),
        })
        .await
    }

    /// Runs what may block where it does not matter. The file stays meanwhile, the end of the session waits for it.
    async fn blocking<T, F>(&self, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Path) -> io::Result<T> + Send + 'static,
    {
        let file = self.clone();
        let tracker = self.0.file.folder().tracker();
        tracker.spawn_blocking(move || work(file.path())).await.map_err(io::Error::other)?
    }
}

/// Copies to where nothing is. What cannot be copied whole is not left behind.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = File::create_new(to)?;
    let copied = File::open(from).and_then(|mut source| io::copy(&mut source, &mut target));
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied.map(drop)
}

impl fmt::Debug for UploadedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadedFile")
            .field("name", &self.name())
            .field("size", &self.size())
            .field("media_type", &self.media_type())
            .field("path", &self.path())
            .finish()
    }
}
