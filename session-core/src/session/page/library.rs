//! The files of dependencies: served beside the link before the message that names them.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::ser::Serializer;

use crate::exchange::{Body, Request, Response, plain};
use crate::session::downloads::{FileState, has_already, media_type};
use crate::session::exchanges::{Reply, not_found};
use crate::session::page::dependency::{Attributes, HtmlDependency, Link, is_relative, is_url};
use crate::session::page::error::DependencyError;
use crate::session::tasks::Waiting;
use crate::{Result, Session};

/// Dependencies that one session serves, by name and version. A version is for files that stay: an app that counts
/// versions up has a leak, and is told so.
const LIBRARIES: usize = 1024;

/// Largest file that is served, in bytes: it is read whole, and no script is as large. What is larger is a download.
const FILE_BYTES: u64 = 32 * 1024 * 1024;

/// What a session serves, by `name-version`.
#[derive(Debug, Default)]
pub(crate) struct Libraries(BTreeMap<String, Library>);

#[derive(Debug)]
struct Library {
    dependency: HtmlDependency,
    wire: Wire,
}

impl Libraries {
    #[cfg(feature = "testing")]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A dependency as the client reads it.
#[derive(Debug, Clone)]
pub(crate) struct Wire(Arc<Elements>);

impl Serialize for Wire {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[derive(Debug, Serialize)]
struct Elements {
    name: String,
    version: String,
    script: Vec<Attributes>,
    stylesheet: Vec<Attributes>,
    meta: Vec<Attributes>,
    head: Option<String>,
}

impl Elements {
    fn new(dependency: &HtmlDependency, session: &str) -> Self {
        let element = |place: &str, rel: Option<&str>, link: &Link| {
            let target = if is_url(&link.target) {
                link.target.clone()
            } else {
                format!("session/{session}/lib/{}/{}", dependency.key(), link.target)
            };
            let place = [(place.to_owned(), target)];
            let rel = rel.map(|rel| ("rel".to_owned(), rel.to_owned()));
            Attributes(place.into_iter().chain(rel).chain(link.attributes.0.clone()).collect())
        };
        let (scripts, sheets) = (dependency.scripts().iter(), dependency.stylesheets().iter());
        Self {
            name: dependency.name().to_owned(),
            version: dependency.version().to_owned(),
            script: scripts.map(|link| element("src", None, link)).collect(),
            stylesheet: sheets.map(|link| element("href", Some("stylesheet"), link)).collect(),
            meta: dependency.meta_elements().to_vec(),
            head: dependency.head_markup().map(str::to_owned),
        }
    }
}

impl Session<'_> {
    /// Sees to it that the files of `dependencies` are served, and gives what the client is told of them.
    pub(super) fn serve_dependencies(&self, dependencies: &[HtmlDependency]) -> Result<Vec<Wire>> {
        dependencies.iter().map(|dependency| Ok(self.serve_dependency(dependency)?)).collect()
    }

    fn serve_dependency(
        &self,
        dependency: &HtmlDependency,
    ) -> std::result::Result<Wire, DependencyError> {
        let libraries = &mut self.state().page.borrow_mut().libraries.0;
        let key = dependency.key();
        if let Some(known) = libraries.get(&key) {
            // As for the page, the first of a name and version stays.
            if known.dependency != *dependency {
                tracing::warn!(key, "an HTML dependency of the same name and version is another");
            }
            return Ok(known.wire.clone());
        }
        dependency.check()?;
        if libraries.len() == LIBRARIES {
            return Err(DependencyError::TooMany { limit: LIBRARIES });
        }
        let wire = Wire(Arc::new(Elements::new(dependency, self.id())));
        if !self.is_stub_session() {
            let library = Library { dependency: dependency.clone(), wire: wire.clone() };
            libraries.insert(key, library);
        }
        Ok(wire)
    }

    /// Answers a request for `quoted`, the rest of its path: `<name>-<version>/<file>`.
    ///
    /// What is at hand is answered at once; a file is read beside everything the session does.
    pub(crate) fn answer_library(&self, quoted: &str, request: &Request, reply: Reply) {
        let file = match *request.method() {
            Method::GET | Method::HEAD => self.library_file(quoted),
            _ => None,
        };
        match file {
            None => reply.respond(not_found()),
            Some((path, File::AtHand(content))) => {
                let tag = tag_of(&content);
                reply.respond(respond(&path, tag, content, request.headers()));
            }
            Some((path, File::Below(root))) => {
                let headers = request.headers().clone();
                let from = root.join(&path);
                let reading = async move {
                    Ok(tokio::task::spawn_blocking(move || read(&root, &from)).await?)
                };
                self.root().spawn(Waiting::Nobody, reading, move |_, outcome| {
                    reply.respond(match outcome {
                        Ok(Ok((tag, content))) => respond(&path, tag, content, &headers),
                        Ok(Err(error)) => unreadable(&path, &error),
                        Err(interrupt) => failed(&path, &interrupt),
                    });
                });
            }
        }
    }

    fn library_file(&self, quoted: &str) -> Option<(String, File)> {
        let (key, path) = quoted.split_once('/')?;
        // Once it is unquoted there may be more separators in it, and dots.
        let path = percent_decode_str(path).decode_utf8().ok().filter(|path| is_relative(path))?;
        let page = self.state().page.borrow();
        let dependency = &page.libraries.0.get(key)?.dependency;
        let file = match dependency.content(&path) {
            Some(content) => File::AtHand(content.clone()),
            None => File::Below(dependency.root()?.to_owned()),
        };
        Some((path.into_owned(), file))
    }
}

enum File {
    AtHand(Bytes),
    /// Below this folder.
    Below(PathBuf),
}

/// Reads a file and says which version of it this is.
fn read(root: &Path, from: &Path) -> io::Result<(Option<HeaderValue>, Bytes)> {
    // A link may lead out of the folder.
    let from = from.canonicalize()?;
    if !from.starts_with(root.canonicalize()?) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is outside of the folder"));
    }
    let metadata = fs::metadata(&from)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is no file"));
    }
    if metadata.len() > FILE_BYTES {
        return Err(io::Error::other(format!("it is larger than {FILE_BYTES} bytes")));
    }
    let content = fs::read(&from)?;
    let state = FileState::new(content.len() as u64, metadata.modified().ok(), SystemTime::now());
    Ok((state.etag(), content.into()))
}

fn tag_of(content: &Bytes) -> Option<HeaderValue> {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    HeaderValue::try_from(format!("\"{:x}-{:x}\"", hasher.finish(), content.len())).ok()
}

fn respond(path: &str, tag: Option<HeaderValue>, content: Bytes, request: &HeaderMap) -> Response {
    let known = tag.as_ref().is_some_and(|tag| has_already(request, tag));
    let mut response = Response::new(if known { Body::empty() } else { content.into() });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type(path));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The address has the session's secret in it, and files change while an app is written.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}

fn unreadable(path: &str, error: &io::Error) -> Response {
    if error.kind() == io::ErrorKind::NotFound {
        tracing::debug!(path, %error, "a file of an HTML dependency is not there");
        return not_found();
    }
    failed(path, error)
}

fn failed(path: &str, error: &impl std::fmt::Display) -> Response {
    tracing::warn!(path, %error, "a file of an HTML dependency could not be read");
    plain(StatusCode::INTERNAL_SERVER_ERROR, "")
}
