//! Downloads: what the client gets as a file, made when it asks for it.
//!
//! | file | what |
//! |---|---|
//! | `download` | what an app offers: content, file name, media type |
//! | `offer` | the same on offer: made anew for every request |
//! | `content` | what a request finds: a file, bytes, text, a stream |
//! | `answer` | the response |
//! | `disposition`, `media_type`, `encoding` | what its head says of the content |
//! | `conditions`, `range` | whether the client wants it at all, and which part |
//! | `file`, `pieces` | the bodies |

use http::Method;
use percent_encoding::{percent_decode_str, utf8_percent_encode};

use crate::name::{Id, Names};
use crate::session::exchanges::{Function, Reach};
use crate::session::registered::Registered;
use crate::session::render::OutputOptions;
use crate::session::routes::PATH;
use crate::{Result, Session};

mod answer;
mod conditions;
mod content;
mod disposition;
mod download;
mod encoding;
mod file;
mod media_type;
mod offer;
mod pieces;
mod range;

pub(in crate::session) use conditions::{FileState, has_already};
pub use download::{Download, InvalidDownload};
pub(in crate::session) use media_type::media_type;

pub(crate) type Downloads = Names<Registered<Function>>;

impl Session<'_> {
    /// Offers a download under `id`, for this session alone, and shows its URL in the output of the same id.
    ///
    /// The URL is `session/<id>/download/<whole id>?w=`, relative to the page, and is returned too. It answers from now
    /// on, whether the client shows the output or not; the output's value is sent when the client shows it (K10).
    ///
    /// File name, media type and content are made in this order for every request, in this scope; what they read
    /// makes no dependency, and what they set is flushed (K19). A failure or panic before the first byte is a 500;
    /// later it cuts the body, which the client can tell from its end on every transport (K17, K18). `HEAD` is answered
    /// with the head of `GET`; any other method finds nothing, as if there were no such download (K21).
    ///
    /// The same id again replaces the download and the output; [`output`](Self::output) replaces the output alone.
    /// Both go with this scope, and the client then gets a 404, or a 503 where the first byte was still being made. A
    /// body that has begun is the response's, not the scope's: it goes on when the scope is destroyed or the session
    /// ends, as a browser's download outlives its page, and is dropped when the client leaves. What is to end earlier
    /// is told so by the app, from [`on_destroy`](Self::on_destroy).
    ///
    /// ```
    /// use session_core::{App, Download, testing::Client};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let app = App::new(|s| {
    ///     let n = s.input::<u32>("n")?;
    ///     let rows = Download::text(move |s| Ok(format!("n\n{}\n", n.get(s)?)));
    ///     s.download("rows", rows.filename("rows.csv"))?;
    ///     Ok(())
    /// });
    /// let mut client = Client::connect(app).await;
    /// client.set("n", 7).show("rows").flush().await;
    /// let url = client.output::<String>("rows").unwrap();
    /// let request = http::Request::get(format!("/{url}")).body(Default::default()).unwrap();
    /// let response = client.fetch(request).await.unwrap();
    /// assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"rows.csv\"");
    /// assert_eq!(response.into_body().collect_up_to(100).await.unwrap(), "n\n7\n");
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId); [`InvalidDownload`] for an encoding or media type that is none.
    #[track_caller]
    pub fn download(&self, id: impl Id, download: Download) -> Result<String> {
        self.download_with(id, OutputOptions::default(), download)
    }

    /// As [`download`](Self::download), with options for its output.
    ///
    /// # Errors
    ///
    /// As [`download`](Self::download).
    #[track_caller]
    pub fn download_with(
        &self,
        id: impl Id,
        options: OutputOptions,
        download: Download,
    ) -> Result<String> {
        let key = id.resolve(self.namespace())?;
        let mut download = download.check(&key)?;
        if self.is_stub_session() {
            return Ok(String::new());
        }
        let url = format!("session/{}/download/{}?w=", self.id(), utf8_percent_encode(&key, PATH));
        let shown = url.clone();
        self.output_with(id, options, move |_| Ok(shown.clone()))?;
        let name = key.clone();
        let call = Box::new(move |s: &Session<'_>, request| download.answer(s, &name, request));
        let function = Function { reach: Reach::Exact, call };
        let registered = Registered::new(self.namespace(), function);
        let replaced = self.state().downloads.borrow_mut().insert(&key, registered);
        drop(replaced);
        Ok(url)
    }

    /// The key of the download that `quoted`, the rest of the request's path, names.
    pub(crate) fn find_download(&self, method: &Method, quoted: &str) -> Option<String> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        reads.then(|| percent_decode_str(quoted).decode_utf8().ok().map(Into::into)).flatten()
    }
}
