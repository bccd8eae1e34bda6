//! What a request for a download finds.

use std::fmt;
use std::path::Path;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use crate::Result;

/// Chunks, made as the client takes them.
pub(super) type Chunks<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

/// What a download is made of.
pub(super) enum Content {
    /// A place on disk. What names it is kept until the response is through, and may remove the file then.
    File(Box<dyn AsRef<Path> + Send>),
    Bytes(Bytes),
    Text(String),
    Stream(Chunks<Bytes>),
    TextStream(Chunks<String>),
}

/// The content of one request: at hand, or to be waited for.
pub(super) enum Made {
    Ready(Result<Content>),
    Later(Pin<Box<dyn Future<Output = Result<Content>> + Send>>),
}

impl Made {
    pub(super) async fn content(self) -> Result<Content> {
        match self {
            Self::Ready(content) => content,
            Self::Later(content) => content.await,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Bytes(_) => "Bytes",
            Self::Text(_) => "Text",
            Self::Stream(_) => "Stream",
            Self::TextStream(_) => "TextStream",
        })
    }
}
