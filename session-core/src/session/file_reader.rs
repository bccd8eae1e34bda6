//! Files that are read again when they change.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use reactive::Calc;

use crate::session::poll::{Looks, PollOptions};
use crate::{Result, Session};

/// How a file is looked at unless something else is said: each second, ahead of other effects.
const OPTIONS: PollOptions = PollOptions::every(Duration::from_secs(1)).priority(1);

/// Where a file is: a path, or a closure that reads what it depends on and returns one.
pub trait FilePath: Send + 'static {
    /// The path; what it reads is a dependency.
    ///
    /// # Errors
    ///
    /// Given to whoever reads the file.
    fn path(&self, s: &Session<'_>) -> Result<PathBuf>;
}

impl FilePath for PathBuf {
    fn path(&self, _: &Session<'_>) -> Result<PathBuf> {
        Ok(self.clone())
    }
}

impl FilePath for String {
    fn path(&self, _: &Session<'_>) -> Result<PathBuf> {
        Ok(self.into())
    }
}

impl FilePath for &'static str {
    fn path(&self, _: &Session<'_>) -> Result<PathBuf> {
        Ok(self.into())
    }
}

impl<F> FilePath for F
where
    F: Fn(&Session<'_>) -> Result<PathBuf> + Send + 'static,
{
    fn path(&self, s: &Session<'_>) -> Result<PathBuf> {
        self(s)
    }
}

/// What a look at a file finds: whether it is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    length: u64,
    /// Not every file system keeps it.
    modified: Option<SystemTime>,
}

impl Stamp {
    /// Blocks for as long as the file system takes.
    fn of(path: PathBuf) -> Result<Self, NoFile> {
        match std::fs::metadata(&path) {
            Ok(metadata) => {
                Ok(Self { path, length: metadata.len(), modified: metadata.modified().ok() })
            }
            Err(source) => Err(NoFile { path, source }),
        }
    }
}

/// A file that is followed cannot be looked at. The file system's own error is its source.
#[derive(Debug, thiserror::Error)]
#[error("the file {} cannot be looked at", path.display())]
struct NoFile {
    path: PathBuf,
    source: io::Error,
}

impl Session<'_> {
    /// A calc that gives what `read` makes of a file, and is out of date whenever the file's size or time of change is
    /// another, or `path` is (E22). The file is looked at each second, ahead of other effects.
    ///
    /// Looking does not hold up the session; `read` does, so for a large file there is
    /// [`file_reader_async`](Self::file_reader_async). Until the first look is done, whoever reads the calc gets *in
    /// progress*; while the file is not there, the error of the file system, as the failure's source (E23). What `path`
    /// or `read` reads is a dependency.
    ///
    /// With the crate's feature `watch`, the system tells of changes, and they are seen at once. The looks go on beside
    /// it: not every file system tells, nor of every change.
    ///
    /// ```
    /// use session_core::{App, testing::Client};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let file = tempfile::NamedTempFile::new().unwrap();
    /// # let path = file.path().to_owned();
    /// std::fs::write(&path, "1\n2\n").unwrap();
    /// # let followed = path.clone();
    /// let app = App::new(move |s| {
    /// #   let path = followed.clone();
    ///     let rows = s.file_reader(path, |_, path| Ok(std::fs::read_to_string(path)?.lines().count()));
    ///     s.output("rows", move |s| rows.get(s))
    /// });
    /// let mut client = Client::connect(app).await;
    /// client.show("rows").flush().await;
    /// while client.output("rows") != Ok(2) {
    ///     client.wait().await;
    /// }
    /// std::fs::write(&path, "1\n2\n3\n").unwrap();
    /// while client.output("rows") != Ok(3) {
    ///     client.wait().await;
    /// }
    /// # }
    /// ```
    #[track_caller]
    pub fn file_reader<T, Read>(&self, path: impl FilePath, read: Read) -> Calc<T>
    where
        T: Send + 'static,
        Read: Fn(&Session<'_>, &Path) -> Result<T> + Send + 'static,
    {
        self.file_reader_with(OPTIONS, path, read)
    }

    /// As [`file_reader`](Self::file_reader), with another interval or priority.
    #[track_caller]
    pub fn file_reader_with<T, Read>(
        &self,
        options: impl Into<PollOptions>,
        path: impl FilePath,
        read: Read,
    ) -> Calc<T>
    where
        T: Send + 'static,
        Read: Fn(&Session<'_>, &Path) -> Result<T> + Send + 'static,
    {
        let looks = self.follow_file(options.into(), path);
        self.calc(move |s| {
            let path = looks.with(s, |stamp| stamp.path.clone())?;
            read(s, &path)
        })
    }

    /// As [`file_reader`](Self::file_reader), in two steps (decision 5): `read` returns a future that reads the file, as
    /// [`calc_async`](Self::calc_async) has it. `tokio::task::spawn_blocking` is at hand for what blocks.
    #[track_caller]
    pub fn file_reader_async<T, Read, Fut>(&self, path: impl FilePath, read: Read) -> Calc<T>
    where
        T: Send + 'static,
        Read: Fn(&Session<'_>, PathBuf) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.file_reader_async_with(OPTIONS, path, read)
    }

    /// As [`file_reader_async`](Self::file_reader_async), with another interval or priority.
    #[track_caller]
    pub fn file_reader_async_with<T, Read, Fut>(
        &self,
        options: impl Into<PollOptions>,
        path: impl FilePath,
        read: Read,
    ) -> Calc<T>
    where
        T: Send + 'static,
        Read: Fn(&Session<'_>, PathBuf) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let looks = self.follow_file(options.into(), path);
        self.calc_async(move |s| {
            let path = looks.with(s, |stamp| stamp.path.clone())?;
            read(s, path)
        })
    }

    fn follow_file(&self, options: PollOptions, path: impl FilePath) -> Looks<Stamp> {
        let place = self.value_unset();
        let looks = self.look_again_and_again(options, move |s| {
            let path = path.path(s)?;
            place.set(s, path.clone())?;
            // The file system takes as long as it takes: not in the session's task.
            Ok(async { Ok(tokio::task::spawn_blocking(|| Stamp::of(path)).await??) })
        });
        self.look_when_told(place, looks);
        looks
    }

    /// Looks at once when the system tells of a change.
    #[cfg(feature = "watch")]
    fn look_when_told(&self, place: reactive::Value<PathBuf>, looks: Looks<Stamp>) {
        let watch = self.state().settings.watch.clone();
        let mut watched = None;
        self.effect(move |s| {
            let path = place.get(s)?;
            // Anew after each look, and not while one is being taken: a file that is written to all the time is looked
            // at in turn.
            looks.done.get(s)?;
            if watched.as_ref().is_none_or(|(former, _)| *former != path) {
                watched = Some((path.clone(), std::sync::Arc::new(watch.file(path))));
            }
            if let Some((_, file)) = &watched {
                let file = std::sync::Arc::clone(file);
                let told = async move {
                    file.changed().await;
                    Ok(())
                };
                // It may be gone with its scope, and then nobody wants it.
                s.await_while_valid(told, move |s, _| drop(looks.want(s)));
            }
            Ok(())
        });
    }

    #[cfg(not(feature = "watch"))]
    fn look_when_told(&self, _: reactive::Value<PathBuf>, _: Looks<Stamp>) {}
}
