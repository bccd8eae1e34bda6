//! Where uploads lie: a folder of this process, in it one of each session that has had one, in it one of each file.
//!
//! The folder of a process is private (0700 on Unix) and has a random name. Beside it lies a file of the same name that
//! the process holds locked as long as it lives: whoever can lock it knows that nobody uses the folder any more, and may
//! remove both. It is locked before the folder is made and goes after it, so that no folder is ever without.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::task::TaskTracker;

use crate::random;

/// What our names begin with. 32 hexadecimal digits follow.
const PREFIX: &str = "session-uploads-";
const LOCK: &str = "lock";

/// The folder of this process for the uploads of one server; made by the first upload.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The folder of the machine or of the operator that it is made in.
    within: PathBuf,
    home: Mutex<Option<Home>>,
    sessions: AtomicU64,
}

#[derive(Debug)]
struct Home {
    path: PathBuf,
    lock: PathBuf,
    /// Locked.
    _held: File,
}

impl Folder {
    pub(crate) const fn new(within: PathBuf) -> Self {
        Self { within, home: Mutex::new(None), sessions: AtomicU64::new(0) }
    }

    /// The folder for the next session; it is not there yet. Blocks.
    fn next_session(&self) -> io::Result<PathBuf> {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        let home = match &mut *home {
            Some(home) => home,
            none => none.insert(Home::make(&self.within)?),
        };
        Ok(home.path.join(self.sessions.fetch_add(1, Ordering::Relaxed).to_string()))
    }

    /// Removes it with everything in it. Blocks.
    pub(crate) fn remove(&self) {
        let home = self.home.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(home) = home {
            remove_home(&home.path, &home.lock);
        }
    }

    /// Removes the folders of processes that are no more. Blocks.
    pub(crate) fn sweep(&self) {
        // Without the folder around them there are none.
        let Ok(entries) = fs::read_dir(&self.within) else { return };
        for entry in entries.flatten() {
            let lock = entry.path();
            let is_ours = lock.file_name().and_then(|name| name.to_str()).is_some_and(is_lock);
            // Nothing but a plain file is opened: a pipe would wait for its other end.
            if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                sweep_one(&lock);
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Home {
    fn make(within: &Path) -> io::Result<Self> {
        make_private(within)?;
        loop {
            let name = format!("{PREFIX}{}", random::hex::<16>().map_err(io::Error::other)?);
            let path = within.join(name);
            let lock = path.with_extension(LOCK);
            let held = File::create_new(&lock)?;
            held.lock()?;
            // One who sweeps may have come between the two, and found the file without an owner.
            if lock.try_exists()? {
                make_private(&path)?;
                return Ok(Self { path, lock, _held: held });
            }
        }
    }
}

fn is_lock(name: &str) -> bool {
    let secret = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(".lock"));
    secret.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Removes the folder that a lock stands for, unless a living process holds it.
fn sweep_one(lock: &Path) {
    let Ok(file) = File::options().read(true).write(true).open(lock) else { return };
    if file.try_lock().is_ok() {
        tracing::info!(folder = %lock.with_extension("").display(), "uploads of a process that is no more are removed");
        remove_home(&lock.with_extension(""), lock);
    }
}

/// The lock goes last, so that what cannot be removed now is found again.
fn remove_home(path: &Path, lock: &Path) {
    let removed = match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    if let Err(error) = removed.and_then(|()| fs::remove_file(lock)) {
        tracing::warn!(%error, folder = %path.display(), "uploads cannot be removed");
    }
}

/// Makes a folder, and those around it, that nobody else can look into.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The uploads of one session.
#[derive(Debug)]
pub(crate) struct SessionFolder {
    process: Arc<Folder>,
    path: OnceLock<PathBuf>,
    /// Everything that touches the folder, so that its end can be waited for.
    tracker: TaskTracker,
    /// Bytes that its files have, or were promised.
    reserved: AtomicUsize,
    made: AtomicU64,
    files: AtomicUsize,
}

impl SessionFolder {
    pub(crate) fn new(process: Arc<Folder>) -> Self {
        Self {
            process,
            path: OnceLock::new(),
            tracker: TaskTracker::new(),
            reserved: AtomicUsize::new(0),
            made: AtomicU64::new(0),
            files: AtomicUsize::new(0),
        }
    }

    pub(crate) const fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Files that are there.
    #[cfg(feature = "testing")]
    pub(crate) fn files(&self) -> usize {
        self.files.load(Ordering::Relaxed)
    }

    /// Promises room for so many bytes; `None` when there are not so many left of `most`.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize, most: usize) -> Option<Space> {
        let add = |reserved: usize| reserved.checked_add(bytes).filter(|sum| *sum <= most);
        self.reserved.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).ok()?;
        Some(Space { folder: Arc::clone(self), bytes })
    }

    /// A folder for the next file; it is not there yet. Blocks.
    fn next_file(&self) -> io::Result<PathBuf> {
        let path = match self.path.get() {
            Some(path) => path,
            None => {
                let made = self.process.next_session()?;
                self.path.get_or_init(|| made)
            }
        };
        Ok(path.join(self.made.fetch_add(1, Ordering::Relaxed).to_string()))
    }

    /// Removes what is left, once nothing is at work in it any more.
    ///
    /// Cancel-safe: dropped early, it is removed with the folder of the process.
    pub(crate) async fn remove(&self) {
        self.tracker.close();
        self.tracker.wait().await;
        let Some(path) = self.path.get().cloned() else { return };
        let removed = tokio::task::spawn_blocking(move || match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, folder = %path.display(), "uploads cannot be removed");
            }
            _ => {}
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "uploads were not removed");
        }
    }
}

/// Bytes on the disk that were promised, until it is dropped.
#[derive(Debug)]
pub(crate) struct Space {
    folder: Arc<SessionFolder>,
    bytes: usize,
}

impl Space {
    #[cfg(feature = "testing")]
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) const fn folder(&self) -> &Arc<SessionFolder> {
        &self.folder
    }

    /// A new file of this name, in a folder of its own. Blocks.
    pub(crate) fn create(self: Arc<Self>, name: &str) -> io::Result<(File, TempFile)> {
        let folder = Arc::clone(&self.folder);
        let within = folder.next_file()?;
        make_private(&within)?;
        folder.files.fetch_add(1, Ordering::Relaxed);
        // From here on it is removed, whatever happens.
        let temp = TempFile { path: within.join(name), folder, space: Some(self) };
        Ok((File::create_new(&temp.path)?, temp))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.folder.reserved.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct TempFile {
    path: PathBuf,
    folder: Arc<SessionFolder>,
    /// Given back once the file is gone.
    space: Option<Arc<Space>>,
}

impl TempFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn folder(&self) -> &Arc<SessionFolder> {
        &self.folder
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        self.folder.files.fetch_sub(1, Ordering::Relaxed);
        let (path, space) = (std::mem::take(&mut self.path), self.space.take());
        let remove = move || {
            remove_file(&path);
            drop(space);
        };
        // To remove a large file takes a while, and a session must not wait for it.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.folder.tracker.spawn_blocking(remove);
        } else {
            remove();
        }
    }
}

fn remove_file(path: &Path) {
    match path.parent().map_or(Ok(()), fs::remove_dir_all) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, file = %path.display(), "an upload cannot be removed");
        }
        _ => {}
    }
}
