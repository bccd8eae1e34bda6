//! Changes of the page: what goes where, and what goes away.

use serde::Serialize;

use crate::session::page::When;
use crate::session::page::error::PageError;
use crate::session::page::html::{Html, RenderedHtml};
use crate::{Result, Session};

/// Where a piece of HTML goes, seen from the element that a selector finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum InsertAt {
    /// Before the element.
    BeforeBegin,
    /// Within the element, first.
    AfterBegin,
    /// Within the element, last.
    #[default]
    BeforeEnd,
    /// After the element.
    AfterEnd,
    /// In the place of what the element holds.
    Replace,
}

/// HTML for the page, and where it goes.
///
/// ```
/// use session_core::page::{Html, InsertAt, InsertUi};
///
/// let row = InsertUi::new("#rows", Html::raw("<li id=\"row1\">first</li>")).at(InsertAt::AfterBegin);
/// ```
#[derive(Debug, Clone)]
pub struct InsertUi {
    selector: String,
    html: Html,
    at: InsertAt,
    multiple: bool,
    when: When,
}

impl InsertUi {
    /// HTML, or text, for the end of the first element that `selector` finds.
    #[must_use]
    pub fn new(selector: impl Into<String>, html: impl Into<Html>) -> Self {
        Self {
            selector: selector.into(),
            html: html.into(),
            at: InsertAt::BeforeEnd,
            multiple: false,
            when: When::AfterFlush,
        }
    }

    /// Elsewhere than at the end of the element.
    #[must_use]
    pub const fn at(mut self, at: InsertAt) -> Self {
        self.at = at;
        self
    }

    /// At every element that the selector finds. Its ids would then be there more than once.
    #[must_use]
    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// At once, before the results of the flush at hand.
    #[must_use]
    pub const fn immediate(mut self) -> Self {
        self.when = When::Now;
        self
    }
}

/// What goes away from the page. A selector alone will do: `s.remove_ui("#row1")`.
#[derive(Debug, Clone)]
pub struct RemoveUi {
    selector: String,
    multiple: bool,
    when: When,
}

impl RemoveUi {
    /// The first element that `selector` finds.
    #[must_use]
    pub fn new(selector: impl Into<String>) -> Self {
        Self { selector: selector.into(), multiple: false, when: When::AfterFlush }
    }

    /// Every element that the selector finds.
    #[must_use]
    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// At once, before the results of the flush at hand.
    #[must_use]
    pub const fn immediate(mut self) -> Self {
        self.when = When::Now;
        self
    }
}

impl From<&str> for RemoveUi {
    fn from(selector: &str) -> Self {
        Self::new(selector)
    }
}

impl From<String> for RemoveUi {
    fn from(selector: String) -> Self {
        Self::new(selector)
    }
}

#[derive(Serialize)]
struct Insert {
    selector: String,
    multiple: bool,
    r#where: InsertAt,
    content: RenderedHtml,
}

#[derive(Serialize)]
struct Remove {
    selector: String,
    multiple: bool,
}

impl Session<'_> {
    /// Inserts HTML into the page; inputs and outputs in it come to life. Sent after the results of the flush at hand,
    /// unless it is immediate.
    ///
    /// A selector is the page's (H9): `#rows` finds the same element from every scope. The HTML has whole ids: see
    /// [`ns`](Self::ns). It stays when this scope is destroyed (I43).
    ///
    /// ```
    /// # use session_core::{StubSession, page::{Html, InsertUi}};
    /// # let stub = StubSession::new();
    /// # let s = stub.session();
    /// let id = s.ns("row")?;
    /// s.insert_ui(InsertUi::new("#rows", Html::raw(format!("<li id=\"{id}\">new</li>"))))?;
    /// s.remove_ui(format!("#{id}"))?;
    /// # Ok::<(), session_core::Interrupt>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PageError::EmptySelector`]; [`DependencyError`](crate::page::DependencyError); *failed* when it is larger than
    /// [`Limits::outbound_bytes`](crate::Limits::outbound_bytes).
    pub fn insert_ui(&self, ui: InsertUi) -> Result<()> {
        checked(&ui.selector)?;
        let content = self.html(ui.html)?;
        let InsertUi { selector, multiple, at, when, .. } = ui;
        self.tell_page(
            "shiny-insert-ui",
            &Insert { selector, multiple, r#where: at, content },
            when,
        )
    }

    /// Removes an element from the page, with the inputs and outputs in it. Sent after the results of the flush at hand,
    /// unless it is immediate. What stands behind it in the session stays: see [`destroy`](Self::destroy).
    ///
    /// # Errors
    ///
    /// [`PageError::EmptySelector`].
    pub fn remove_ui(&self, ui: impl Into<RemoveUi>) -> Result<()> {
        let RemoveUi { selector, multiple, when } = ui.into();
        checked(&selector)?;
        self.tell_page("shiny-remove-ui", &Remove { selector, multiple }, when)
    }
}

fn checked(selector: &str) -> std::result::Result<(), PageError> {
    if selector.trim().is_empty() { Err(PageError::EmptySelector) } else { Ok(()) }
}
