//! HTML, and the files it depends on.

use std::borrow::Cow;
use std::ops::Add;

use serde::Serialize;

use crate::session::page::dependency::HtmlDependency;
use crate::session::page::library::Wire;
use crate::{Result, Session};

/// A piece of HTML with the files it depends on.
///
/// Text is escaped unless it is said to be markup:
///
/// ```
/// use session_core::page::Html;
///
/// let name = "<script>";
/// let html = Html::raw("<b>") + name + Html::raw("</b>");
/// assert_eq!(html.as_str(), "<b>&lt;script&gt;</b>");
/// ```
///
/// An output may return it ([`OutputValue`](crate::OutputValue)), and everything that puts something onto the page takes
/// it. It has no JSON form of its own, since the files it depends on have to be served before the client hears of
/// them: [`Session::html`] sees to that, and gives what may go into any other message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html {
    markup: String,
    dependencies: Vec<HtmlDependency>,
}

impl Html {
    /// Markup, as it is. What comes from a user does not belong here: see [`text`](Self::text) and [`escape`].
    #[must_use]
    pub fn raw(markup: impl Into<String>) -> Self {
        Self { markup: markup.into(), dependencies: Vec::new() }
    }

    /// Text, which shows as it is: what would be markup is escaped.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::raw(escape(text))
    }

    /// With something it needs: the client loads it before it shows the HTML, once per page.
    #[must_use]
    pub fn with(mut self, dependency: HtmlDependency) -> Self {
        self.depend(dependency);
        self
    }

    /// Adds HTML, or text, at the end.
    pub fn push(&mut self, html: impl Into<Self>) {
        let html = html.into();
        self.markup.push_str(&html.markup);
        for dependency in html.dependencies {
            self.depend(dependency);
        }
    }

    fn depend(&mut self, dependency: HtmlDependency) {
        if !self.dependencies.contains(&dependency) {
            self.dependencies.push(dependency);
        }
    }

    /// The markup, without what it depends on.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.markup
    }

    /// What it depends on, in the order in which it is loaded.
    #[must_use]
    pub fn dependencies(&self) -> &[HtmlDependency] {
        &self.dependencies
    }

    /// Whether there is no markup.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.markup.is_empty()
    }

    /// `before`, this, `after`: both are markup.
    pub(crate) fn within(mut self, before: &str, after: &str) -> Self {
        self.markup.insert_str(0, before);
        self.markup.push_str(after);
        self
    }
}

/// Text, escaped.
impl From<&str> for Html {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// Text, escaped.
impl From<String> for Html {
    fn from(text: String) -> Self {
        Self::text(&text)
    }
}

/// Text, escaped.
impl From<&String> for Html {
    fn from(text: &String) -> Self {
        Self::text(text)
    }
}

impl<T: Into<Self>> Add<T> for Html {
    type Output = Self;

    fn add(mut self, html: T) -> Self {
        self.push(html);
        self
    }
}

impl<T: Into<Self>> Extend<T> for Html {
    fn extend<I: IntoIterator<Item = T>>(&mut self, parts: I) {
        for part in parts {
            self.push(part);
        }
    }
}

impl<T: Into<Self>> FromIterator<T> for Html {
    fn from_iter<I: IntoIterator<Item = T>>(parts: I) -> Self {
        let mut html = Self::default();
        html.extend(parts);
        html
    }
}

/// `text` with whatever HTML gives a meaning to escaped: good for content and for quoted attributes.
///
/// ```
/// let title = session_core::page::escape("\"a\" < b");
/// assert_eq!(format!(r#"<p title="{title}">"#), r#"<p title="&quot;a&quot; &lt; b">"#);
/// ```
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    let special = |c| matches!(c, '&' | '<' | '>' | '"' | '\'');
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// HTML as the client of one session reads it: `{"html": …, "deps": […]}`.
///
/// It names the session in the addresses of its files, which is a secret of that session: do not show it in another.
#[derive(Debug, Clone, Serialize)]
pub struct RenderedHtml {
    pub(crate) html: String,
    pub(crate) deps: Vec<Wire>,
}

impl Session<'_> {
    /// Has the files that `html` depends on served, and gives the form in which the client reads it: part of a custom
    /// message, say, or of the answer to a request.
    ///
    /// The files belong to the root, whichever scope names them: a page does not unload a script. They are served until
    /// the session ends, or its root is destroyed.
    ///
    /// # Errors
    ///
    /// [`DependencyError`](crate::page::DependencyError) when there is something wrong with what it depends on.
    pub fn html(&self, html: impl Into<Html>) -> Result<RenderedHtml> {
        let html = html.into();
        let deps = self.serve_dependencies(&html.dependencies)?;
        Ok(RenderedHtml { html: html.markup, deps })
    }
}
