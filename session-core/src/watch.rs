//! Files watched through the system, for all sessions of an app: systems give few watchers, so there is one.
//!
//! A thread of its own makes and ends watches, which may block. It begins with the first file, and ends with the app and
//! its sessions.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// The watcher of an app. A clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    thread: Arc<Thread>,
}

/// The thread, once there is one.
#[derive(Default)]
struct Thread {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    next: AtomicU64,
}

/// What the thread is to do. There is one for each file that begins or ends to be watched, so its channel needs no bound
/// beside theirs.
enum Order {
    Begin {
        key: u64,
        path: PathBuf,
        changed: Arc<Notify>,
    },
    End {
        key: u64,
    },
    #[cfg(test)]
    Tell(mpsc::Sender<usize>),
}

/// A file that is watched until this is dropped.
pub(crate) struct WatchedFile {
    key: u64,
    changed: Arc<Notify>,
    orders: Option<mpsc::Sender<Order>>,
}

impl Watch {
    /// Begins to watch a file, whether it is there or not.
    pub(crate) fn file(&self, path: PathBuf) -> WatchedFile {
        let key = self.thread.next.fetch_add(1, Ordering::Relaxed);
        let changed = Arc::new(Notify::new());
        let orders = self.thread.orders();
        if let Some(orders) = &orders {
            let begin = Order::Begin { key, path, changed: Arc::clone(&changed) };
            // A thread that ended could not watch; then nothing tells of changes.
            let _ = orders.send(begin);
        }
        WatchedFile { key, changed, orders }
    }
}

impl WatchedFile {
    /// Completes when the file may have changed since the last time, or since it began to be watched. Never, where the
    /// system cannot watch it.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: a change is kept for the next call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for WatchedFile {
    fn drop(&mut self) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(Order::End { key: self.key });
        }
    }
}

impl Thread {
    fn orders(&self) -> Option<mpsc::Sender<Order>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.is_none() {
            let (sender, receiver) = mpsc::channel();
            let thread = thread::Builder::new().name("file watcher".to_owned());
            match thread.spawn(move || follow(&receiver)) {
                Ok(_) => *orders = Some(sender),
                Err(error) => tracing::warn!(%error, "files are not watched, only looked at"),
            }
        }
        orders.clone()
    }
}

/// Follows orders until nobody can give one any more.
fn follow(orders: &mpsc::Receiver<Order>) {
    let table = Table::default();
    let told = table.clone();
    let watcher = notify::recommended_watcher(move |event| told.tell(event));
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "files are not watched, only looked at");
            return;
        }
    };
    while let Ok(order) = orders.recv() {
        match order {
            Order::Begin { key, path, changed } => table.begin(&mut watcher, key, &path, &changed),
            Order::End { key } => table.end(&mut watcher, key),
            #[cfg(test)]
            Order::Tell(sender) => drop(sender.send(table.lock().len())),
        }
    }
}

/// The files that are watched, by their directories: a file that is replaced is another one in the same place, so that
/// the place is what has to be watched.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<HashMap<PathBuf, Vec<File>>>>);

struct File {
    key: u64,
    name: OsString,
    changed: Arc<Notify>,
}

impl Table {
    /// Not to be held while the watcher is called: it may wait for [`Self::tell`].
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Vec<File>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(
        &self,
        watcher: &mut RecommendedWatcher,
        key: u64,
        path: &Path,
        changed: &Arc<Notify>,
    ) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        // As events name it.
        let directory = parent.unwrap_or_else(|| Path::new(".")).canonicalize();
        let (Ok(directory), Some(name)) = (directory, path.file_name()) else {
            tracing::debug!("a file is not watched, only looked at: its directory is not there");
            return;
        };
        let file = File { key, name: name.to_owned(), changed: Arc::clone(changed) };
        let is_new = {
            let mut table = self.lock();
            let files = table.entry(directory.clone()).or_default();
            files.push(file);
            files.len() == 1
        };
        if is_new && let Err(error) = watcher.watch(&directory, RecursiveMode::NonRecursive) {
            tracing::debug!(%error, "a file is not watched, only looked at");
            self.lock().remove(&directory);
            return;
        }
        // It may have changed just before.
        changed.notify_one();
    }

    fn end(&self, watcher: &mut RecommendedWatcher, key: u64) {
        let emptied = {
            let mut table = self.lock();
            for files in table.values_mut() {
                files.retain(|file| file.key != key);
            }
            let emptied: Vec<_> = table.extract_if(|_, files| files.is_empty()).collect();
            emptied
        };
        for (directory, _) in emptied {
            // A directory that is no more is not watched either.
            let _ = watcher.unwatch(&directory);
        }
    }

    /// What the system says: called from a thread of the watcher's.
    fn tell(&self, event: notify::Result<notify::Event>) {
        let table = self.lock();
        let tell = |files: &[File], name: Option<&OsStr>| {
            let named = files.iter().filter(|file| name.is_none_or(|name| file.name == name));
            named.for_each(|file| file.changed.notify_one());
        };
        match event {
            // To read a file is no change of it.
            Ok(event) if is_read(event.kind) => {}
            Ok(event) if !event.need_rescan() => {
                for path in &event.paths {
                    if let (Some(directory), Some(name)) = (path.parent(), path.file_name())
                        && let Some(files) = table.get(directory)
                    {
                        tell(files, Some(name));
                    }
                }
            }
            // It has lost some: any file may have changed.
            _ => table.values().for_each(|files| tell(files, None)),
        }
    }
}

fn is_read(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write))
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn directories(watch: &Watch) -> usize {
        let (sender, receiver) = mpsc::channel();
        watch.thread.orders().unwrap().send(Order::Tell(sender)).unwrap();
        receiver.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn a_directory_is_watched_as_long_as_a_file_in_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let watch = Watch::default();
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        let mut files = vec![watch.file(a.clone()), watch.file(a), watch.file(b)];
        assert_eq!(directories(&watch), 1);
        files.remove(0);
        assert_eq!(directories(&watch), 1);
        drop(files);
        assert_eq!(directories(&watch), 0);
        let nowhere = watch.file(directory.path().join("nowhere/file"));
        assert_eq!(directories(&watch), 0);
        drop(nowhere);
    }
}
