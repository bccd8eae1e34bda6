use std::fmt;
use std::path::Path;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use super::content::{Content, Made};
use super::encoding::{Charset, UnknownEncoding};
use super::media_type::{NoMediaType, parse};
use super::offer::{MakeContent, MediaType, Offer, Text};
use crate::catch::catch;
use crate::{Result, Session};

/// What [`Session::download`](crate::Session::download) offers: how its content is made, and what it is called.
///
/// | content | made by |
/// |---|---|
/// | a file on disk, in ranges and only if it changed | [`file`](Self::file) |
/// | bytes, text | [`bytes`](Self::bytes), [`text`](Self::text) |
/// | bytes or text as the client takes them | [`stream`](Self::stream), [`text_stream`](Self::text_stream) |
///
/// Each has an `_async` form, in two steps (decision 5): the closure reads what it needs and returns a future that
/// makes the content. Nothing of an app's is read while a stream is made, which happens outside the session: whatever
/// it needs of inputs, values and calcs, the closure reads before it returns the stream (K20).
///
/// ```
/// use futures_util::{StreamExt, stream};
/// use session_core::{Download, Result, Session};
///
/// fn downloads(s: &Session<'_>) -> Result<()> {
///     let rows = s.input::<u64>("rows")?;
///     let all = Download::text_stream(move |s| {
///         let rows = rows.get(s)?;
///         Ok(stream::iter(0..rows).map(|row| Ok(format!("{row};{}\r\n", row * row))))
///     });
///     s.download("all", all.filename_with(move |s| Ok(format!("{}.csv", rows.get(s)?))))?;
///     s.download("report", Download::file(|_| Ok("reports/latest.pdf")))?;
///     Ok(())
/// }
/// # let _ = downloads;
/// ```
pub struct Download {
    content: MakeContent,
    filename: Option<Text>,
    media_type: Option<Text>,
    encoding: Option<String>,
    /// Whether a name is found without the app's help.
    names_itself: bool,
}

impl Download {
    /// The file at the path that `make` returns.
    ///
    /// It is opened for each request and read as the client takes it, beside the session. Its length is told, and a
    /// client may ask for one range of it, or for whatever changed since. Without a file name it is called as on disk
    /// (K12, K16). What `make` returns is kept until the response is through: where dropping it removes the file, as
    /// the paths of temporary files do, the file is removed then.
    ///
    /// What is not there or no plain file is a 500; a file that is shortened while it is read is a cut body.
    pub fn file<P, F>(mut make: F) -> Self
    where
        P: AsRef<Path> + Send + 'static,
        F: FnMut(&Session<'_>) -> Result<P> + Send + 'static,
    {
        Self { names_itself: true, ..Self::new(move |s| Ok(Content::File(Box::new(make(s)?)))) }
    }

    /// As [`file`](Self::file), in two steps.
    pub fn file_async<P, F, Fut>(mut make: F) -> Self
    where
        P: AsRef<Path> + Send + 'static,
        F: FnMut(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<P>> + Send + 'static,
    {
        let content = move |s: &Session<'_>| {
            let path = make(s)?;
            Ok(async move { Ok(Content::File(Box::new(path.await?))) })
        };
        Self { names_itself: true, ..Self::new_async(content) }
    }

    /// The bytes that `make` returns.
    pub fn bytes<T, F>(mut make: F) -> Self
    where
        T: Into<Bytes>,
        F: FnMut(&Session<'_>) -> Result<T> + Send + 'static,
    {
        Self::new(move |s| Ok(Content::Bytes(make(s)?.into())))
    }

    /// As [`bytes`](Self::bytes), in two steps.
    pub fn bytes_async<T, F, Fut>(mut make: F) -> Self
    where
        T: Into<Bytes>,
        F: FnMut(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        Self::new_async(move |s| {
            let bytes = make(s)?;
            Ok(async move { Ok(Content::Bytes(bytes.await?.into())) })
        })
    }

    /// The text that `make` returns, in the [`encoding`](Self::encoding) of the download (K15).
    pub fn text<T, F>(mut make: F) -> Self
    where
        T: Into<String>,
        F: FnMut(&Session<'_>) -> Result<T> + Send + 'static,
    {
        Self::new(move |s| Ok(Content::Text(make(s)?.into())))
    }

    /// As [`text`](Self::text), in two steps.
    pub fn text_async<T, F, Fut>(mut make: F) -> Self
    where
        T: Into<String>,
        F: FnMut(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        Self::new_async(move |s| {
            let text = make(s)?;
            Ok(async move { Ok(Content::Text(text.await?.into())) })
        })
    }

    /// The bytes of the stream that `make` returns.
    ///
    /// The stream is asked for its next chunk when the client has taken the last, by the task of the response and not
    /// by the session's; the first chunk is made in the session's time, so that an error in it is a 500. Errors of
    /// another type are taken with [`TryStreamExt::err_into`].
    pub fn stream<T, S, F>(mut make: F) -> Self
    where
        T: Into<Bytes> + 'static,
        S: Stream<Item = Result<T>> + Send + 'static,
        F: FnMut(&Session<'_>) -> Result<S> + Send + 'static,
    {
        Self::new(move |s| Ok(Content::Stream(Box::pin(make(s)?.map_ok(Into::into)))))
    }

    /// As [`stream`](Self::stream), in two steps.
    pub fn stream_async<T, S, F, Fut>(mut make: F) -> Self
    where
        T: Into<Bytes> + 'static,
        S: Stream<Item = Result<T>> + Send + 'static,
        F: FnMut(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<S>> + Send + 'static,
    {
        Self::new_async(move |s| {
            let stream = make(s)?;
            Ok(async move { Ok(Content::Stream(Box::pin(stream.await?.map_ok(Into::into)))) })
        })
    }

    /// The text of the stream that `make` returns, in the [`encoding`](Self::encoding) of the download; else as
    /// [`stream`](Self::stream).
    pub fn text_stream<T, S, F>(mut make: F) -> Self
    where
        T: Into<String> + 'static,
        S: Stream<Item = Result<T>> + Send + 'static,
        F: FnMut(&Session<'_>) -> Result<S> + Send + 'static,
    {
        Self::new(move |s| Ok(Content::TextStream(Box::pin(make(s)?.map_ok(Into::into)))))
    }

    /// As [`text_stream`](Self::text_stream), in two steps.
    pub fn text_stream_async<T, S, F, Fut>(mut make: F) -> Self
    where
        T: Into<String> + 'static,
        S: Stream<Item = Result<T>> + Send + 'static,
        F: FnMut(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<S>> + Send + 'static,
    {
        Self::new_async(move |s| {
            let stream = make(s)?;
            Ok(async move { Ok(Content::TextStream(Box::pin(stream.await?.map_ok(Into::into)))) })
        })
    }

    fn new(mut make: impl FnMut(&Session<'_>) -> Result<Content> + Send + 'static) -> Self {
        Self::made_by(Box::new(move |s| Made::Ready(catch(|| make(s)))))
    }

    fn new_async<Fut>(mut make: impl FnMut(&Session<'_>) -> Result<Fut> + Send + 'static) -> Self
    where
        Fut: Future<Output = Result<Content>> + Send + 'static,
    {
        Self::made_by(Box::new(move |s| match catch(|| make(s)) {
            Ok(content) => Made::Later(Box::pin(content)),
            Err(failure) => Made::Ready(Err(failure)),
        }))
    }

    fn made_by(content: MakeContent) -> Self {
        let (filename, media_type, encoding) = (None, None, None);
        Self { content, filename, media_type, encoding, names_itself: false }
    }

    /// What the client is to call the file. Without it, and without a file to take the name of, that is the id of the
    /// download, with a warning (K12).
    ///
    /// Whatever the name holds, the head of the response stays whole: path separators and control characters are
    /// replaced, and a name of more than 255 bytes is shortened, its extension kept (K13).
    #[must_use]
    pub fn filename(mut self, name: impl Into<String>) -> Self {
        self.filename = Some(Text::Fixed(name.into()));
        self
    }

    /// As [`filename`](Self::filename), made for every request.
    #[must_use]
    pub fn filename_with<T, F>(mut self, make: F) -> Self
    where
        T: Into<String>,
        F: FnMut(&Session<'_>) -> Result<T> + Send + 'static,
    {
        self.filename = Some(Text::made(make));
        self
    }

    /// What the content is, such as `text/csv`. Without it, it is guessed from the file name, and
    /// `application/octet-stream` where there is nothing to guess. Text gets the [`encoding`](Self::encoding) as its
    /// charset, unless the media type names one (K14).
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(Text::Fixed(media_type.into()));
        self
    }

    /// As [`media_type`](Self::media_type), made for every request.
    #[must_use]
    pub fn media_type_with<T, F>(mut self, make: F) -> Self
    where
        T: Into<String>,
        F: FnMut(&Session<'_>) -> Result<T> + Send + 'static,
    {
        self.media_type = Some(Text::made(make));
        self
    }

    /// What texts are encoded in, by its label on the web, such as `latin1` or `shift_jis`; UTF-8 by default (K15).
    ///
    /// A character that the encoding lacks is an error: a 500 where no byte has gone yet, and a cut body later. Of files
    /// and bytes it only tells the client what they are in. What cannot be written by the rules of the web, such as
    /// UTF-16, is refused when the download is offered.
    #[must_use]
    pub fn encoding(mut self, label: impl Into<String>) -> Self {
        self.encoding = Some(label.into());
        self
    }

    /// Parses what was given as text.
    pub(super) fn check(self, id: &str) -> Result<Offer, InvalidDownload> {
        let encoding = self.encoding.as_deref().map(Charset::parse).transpose();
        let encoding = encoding.map_err(|UnknownEncoding { label }| InvalidDownload::Encoding {
            id: id.to_owned(),
            label,
        })?;
        let media_type = match self.media_type {
            None => MediaType::Guessed,
            Some(Text::Made(make)) => MediaType::Made(make),
            Some(Text::Fixed(text)) => {
                MediaType::Fixed(parse(&text).map_err(|NoMediaType { text }| {
                    InvalidDownload::MediaType { id: id.to_owned(), text }
                })?)
            }
        };
        if self.filename.is_none() && !self.names_itself {
            tracing::warn!(id, "a download has no file name: the client will call it by its id");
        }
        let Self { content, filename, .. } = self;
        Ok(Offer { content, filename, media_type, charset: encoding.unwrap_or_default() })
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

/// A download that cannot be offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDownload {
    /// The encoding is unknown, or nothing can be written in it.
    #[error(
        "the download {id:?} cannot be encoded in {label:?}: no encoding that texts are written in has this label"
    )]
    Encoding {
        /// The whole id of the download.
        id: String,
        /// What was asked for.
        label: String,
    },
    /// The media type is none.
    #[error("the download {id:?} cannot be {text:?}: a media type is written as in \"text/csv\"")]
    MediaType {
        /// The whole id of the download.
        id: String,
        /// What was asked for.
        text: String,
    },
}
