//! What a piece of HTML needs in the page: scripts, stylesheets, and the like.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::session::page::error::DependencyError;

/// Scripts and stylesheets that a piece of HTML needs, under a name and version.
///
/// A page loads what has the same *name* once, whatever its version: the first stays. Cheap to clone.
///
/// ```
/// use session_core::page::{Html, HtmlDependency};
///
/// let chart = HtmlDependency::new("chart", "1.2.0")
///     .file("chart.js", "console.log('loaded')") // or include_bytes!("chart.js")
///     .file("chart.css", ".chart { height: 10em }")
///     .script("chart.js")
///     .stylesheet("chart.css");
/// let html = Html::raw("<div class=\"chart\"></div>").with(chart);
/// # assert_eq!(html.dependencies().len(), 1);
/// ```
#[derive(Clone)]
pub struct HtmlDependency(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    name: String,
    version: String,
    files: BTreeMap<String, Bytes>,
    folder: Option<PathBuf>,
    scripts: Vec<Link>,
    stylesheets: Vec<Link>,
    meta: Vec<Attributes>,
    head: Option<String>,
}

/// A script or stylesheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The path of a file of the dependency, or a whole URL.
    pub(crate) target: String,
    pub(crate) attributes: Attributes,
}

/// Attributes of an element, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(pub(crate) Vec<(String, String)>);

impl Attributes {
    fn new<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl HtmlDependency {
    /// A dependency with nothing in it yet. Name and version are part of the address of its files: letters, digits,
    /// `.`, `_` and `-`.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            version: version.into(),
            files: BTreeMap::new(),
            folder: None,
            scripts: Vec::new(),
            stylesheets: Vec::new(),
            meta: Vec::new(),
            head: None,
        }))
    }

    /// With a file at `path`, whose content is at hand: `include_bytes!` gives it to the program.
    #[must_use]
    pub fn file(self, path: impl Into<String>, content: impl Into<FileContent>) -> Self {
        self.change(|inner| {
            inner.files.insert(path.into(), content.into().0);
        })
    }

    /// With the files below a folder, which are read when the page asks for one. **All** of them can be asked for.
    #[must_use]
    pub fn folder(self, folder: impl Into<PathBuf>) -> Self {
        self.change(|inner| inner.folder = Some(folder.into()))
    }

    /// With a script: the path of one of its files, or a whole URL.
    #[must_use]
    pub fn script(self, path: impl Into<String>) -> Self {
        self.script_with(path, [("", ""); 0])
    }

    /// With a script that has attributes: `[("type", "module")]`.
    #[must_use]
    pub fn script_with<K: Into<String>, V: Into<String>>(
        self,
        path: impl Into<String>,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let link = Link { target: path.into(), attributes: Attributes::new(attributes) };
        self.change(|inner| inner.scripts.push(link))
    }

    /// With a stylesheet: the path of one of its files, or a whole URL.
    #[must_use]
    pub fn stylesheet(self, path: impl Into<String>) -> Self {
        self.stylesheet_with(path, [("", ""); 0])
    }

    /// With a stylesheet that has attributes: `[("media", "print")]`.
    #[must_use]
    pub fn stylesheet_with<K: Into<String>, V: Into<String>>(
        self,
        path: impl Into<String>,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let link = Link { target: path.into(), attributes: Attributes::new(attributes) };
        self.change(|inner| inner.stylesheets.push(link))
    }

    /// With a `<meta>` element of these attributes.
    #[must_use]
    pub fn meta<K: Into<String>, V: Into<String>>(
        self,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let attributes = Attributes::new(attributes);
        self.change(|inner| inner.meta.push(attributes))
    }

    /// With other markup for the head of the page, as it is.
    #[must_use]
    pub fn head(self, markup: impl Into<String>) -> Self {
        self.change(|inner| inner.head = Some(markup.into()))
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// How its files are told from those of others: `name-version`.
    pub(crate) fn key(&self) -> String {
        format!("{}-{}", self.0.name, self.0.version)
    }

    pub(crate) fn scripts(&self) -> &[Link] {
        &self.0.scripts
    }

    pub(crate) fn stylesheets(&self) -> &[Link] {
        &self.0.stylesheets
    }

    pub(crate) fn meta_elements(&self) -> &[Attributes] {
        &self.0.meta
    }

    pub(crate) fn head_markup(&self) -> Option<&str> {
        self.0.head.as_deref()
    }

    pub(crate) fn content(&self, path: &str) -> Option<&Bytes> {
        self.0.files.get(path)
    }

    pub(crate) fn root(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// Whether the client could load it.
    pub(crate) fn check(&self) -> Result<(), DependencyError> {
        for (what, name) in [("name", &self.0.name), ("version", &self.0.version)] {
            let fine = name.len() <= LONGEST
                && name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            if !fine {
                return Err(DependencyError::Name { what, name: name.clone() });
            }
        }
        for path in self.0.files.keys() {
            if !is_relative(path) {
                return Err(self.wrong_path(path));
            }
        }
        for Link { target, .. } in self.0.scripts.iter().chain(&self.0.stylesheets) {
            if is_url(target) {
                continue;
            }
            // The client quotes the path, but takes these two for the end of it.
            if !is_relative(target) || target.contains(['#', '?']) {
                return Err(self.wrong_path(target));
            }
            if self.0.folder.is_none() && !self.0.files.contains_key(target) {
                return Err(DependencyError::Missing {
                    dependency: self.key(),
                    path: target.clone(),
                });
            }
        }
        Ok(())
    }

    fn wrong_path(&self, path: &str) -> DependencyError {
        DependencyError::Path { dependency: self.key(), path: path.to_owned() }
    }
}

/// Longest name and version, in bytes: they are part of a path.
const LONGEST: usize = 100;

/// Whether `target` says by itself where it is.
pub(crate) fn is_url(target: &str) -> bool {
    target.starts_with("//") || target.starts_with("https://") || target.starts_with("http://")
}

/// Whether `path` names something below wherever it starts, on every system.
pub(crate) fn is_relative(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !path.contains(['\\', ':', '\0'])
}

impl PartialEq for HtmlDependency {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for HtmlDependency {}

impl fmt::Debug for HtmlDependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HtmlDependency")
            .field("name", &self.0.name)
            .field("version", &self.0.version)
            .field("files", &self.0.files.len())
            .field("folder", &self.0.folder)
            .finish_non_exhaustive()
    }
}

/// What is in a file: bytes or text.
#[derive(Debug, Clone)]
pub struct FileContent(Bytes);

impl From<Bytes> for FileContent {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<&'static [u8]> for FileContent {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::from_static(bytes))
    }
}

impl<const N: usize> From<&'static [u8; N]> for FileContent {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self(Bytes::from_static(bytes))
    }
}

impl From<&'static str> for FileContent {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl From<Vec<u8>> for FileContent {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<String> for FileContent {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}
