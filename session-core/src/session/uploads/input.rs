use std::fmt;
use std::sync::Arc;

use reactive::{Cx, Event, EventSource, Interrupt, Value};

use super::file::UploadedFile;
use crate::name::Id;
use crate::session::state::State;
use crate::{Result, Session};

/// The files that the client uploaded last to one input; `None` once the client has said that there are none.
pub(crate) type Files = Option<Arc<[UploadedFile]>>;

/// A file input of the client: the files of its last upload.
///
/// Nothing that a client says of itself gets in here, only what came as an upload: unlike the value of an
/// [`Input`](crate::Input), the path of an [`UploadedFile`] is the server's word.
///
/// ```
/// use session_core::{App, Session, testing::Client};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = App::new(|s: &Session<'_>| {
///     let files = s.file_input("data")?;
///     s.output_async("size", move |s| {
///         let files = files.get(s)?;
///         Ok(async move { Ok(files[0].read().await?.len()) })
///     })
/// });
/// let mut client = Client::connect(app).await;
/// client.show("size").flush().await;
/// client.upload("data", &[("a.csv", "text/csv", b"1,2,3")]).await.unwrap();
/// while client.output::<usize>("size") != Ok(5) {
///     client.wait().await;
/// }
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct FileInput {
    value: Value<Files>,
}

impl FileInput {
    /// The files of the last upload, in the order in which the client announced them; takes a dependency.
    ///
    /// # Errors
    ///
    /// *Silent* while there are none, *destroyed* with its module.
    pub fn get(self, s: &Session<'_>) -> Result<Arc<[UploadedFile]>> {
        self.value.get(s)?.ok_or(Interrupt::Silent)
    }

    /// Whether the client has uploaded something, or has said that there is nothing (N2); takes a dependency on that
    /// alone.
    pub fn is_set(self, s: &Session<'_>) -> bool {
        self.value.is_set(s)
    }
}

impl fmt::Debug for FileInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileInput")
    }
}

/// An upload is an event once all of its files are there.
impl EventSource<State> for FileInput {
    type Item = Arc<[UploadedFile]>;

    fn read(&self, cx: &Cx<'_, State>) -> Result<Event<Self::Item>> {
        let item = self.value.get(cx)?.ok_or(Interrupt::Silent)?;
        Ok(Event { item, is_none: false })
    }
}

impl Session<'_> {
    /// The file input `id` of this scope. The handle is `Copy`; the input need not exist, and is unset until the client
    /// uploads something.
    ///
    /// An [`input`](Self::input) of the same id knows nothing of uploads: it has what the client says, which is `null`.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn file_input(&self, id: impl Id) -> Result<FileInput> {
        let key = id.resolve(self.namespace())?;
        Ok(FileInput { value: self.files_named(&key) })
    }

    /// As with inputs, the root's scope holds it, and the destruction of the namespace in its key takes it (I20).
    fn files_named(&self, key: &str) -> Value<Files> {
        let known = self.state().uploads.borrow().files.get(key).copied();
        known.unwrap_or_else(|| {
            let value = self.root_cx().value_unset();
            self.state().uploads.borrow_mut().files.insert(key, value);
            value
        })
    }

    /// Puts what was uploaded in its place; what was there before goes.
    pub(super) fn set_files(&self, key: &str, files: Files) {
        // The value is alive, and nobody reads it now.
        let _ = self.files_named(key).replace(&self.root_cx(), files);
    }

    /// The client says that the input has no files: it was put into the page anew.
    pub(crate) fn clear_files(&self, key: &str) {
        if self.state().uploads.borrow().files.get(key).is_some() {
            self.set_files(key, None);
        }
    }
}
