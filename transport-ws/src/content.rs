use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

const CLIENT_JS: &str = include_str!("../assets/client.js");
const CLIENT_CSS: &str = include_str!("../assets/client.css");

/// The small client for browsers; a listener serves it at `client.js` below its mount.
#[must_use]
pub const fn client_js() -> &'static str {
    CLIENT_JS
}

/// The look that goes with [`client_js`]; a listener serves it at `client.css` below its mount.
#[must_use]
pub const fn client_css() -> &'static str {
    CLIENT_CSS
}

/// What is served beside the links and is part of the program; by path, without the first slash.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) pages: BTreeMap<String, Page>,
    pub(crate) assets: BTreeMap<String, Asset>,
}

/// An HTML document.
#[derive(Clone)]
pub(crate) enum Page {
    Fixed(Bytes),
    /// Made anew for each request.
    Made(Arc<dyn Fn() -> String + Send + Sync>),
}

/// Bytes that are part of the program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: &'static [u8],
}

impl Default for Content {
    /// The client for browsers.
    fn default() -> Self {
        let mut content = Self { pages: BTreeMap::new(), assets: BTreeMap::new() };
        content.asset("client.js", "text/javascript; charset=utf-8", CLIENT_JS.as_bytes());
        content.asset("client.css", "text/css; charset=utf-8", CLIENT_CSS.as_bytes());
        content
    }
}

impl Content {
    pub(crate) fn page(&mut self, path: &str, html: String) {
        self.pages.insert(relative(path), Page::Fixed(Bytes::from(html)));
    }

    pub(crate) fn page_with(
        &mut self,
        path: &str,
        html: impl Fn() -> String + Send + Sync + 'static,
    ) {
        self.pages.insert(relative(path), Page::Made(Arc::new(html)));
    }

    pub(crate) fn asset(&mut self, path: &str, media_type: &'static str, bytes: &'static [u8]) {
        self.assets.insert(relative(path), Asset { media_type, bytes });
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Made(_) => "Made",
        })
    }
}

/// A path without its first slash.
pub(crate) fn relative(path: &str) -> String {
    path.strip_prefix('/').unwrap_or(path).to_owned()
}
