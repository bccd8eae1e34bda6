//! Tabs that come and go.

use serde::Serialize;

use crate::name::Id;
use crate::session::page::When;
use crate::session::page::error::PageError;
use crate::session::page::html::{Html, RenderedHtml, escape};
use crate::{Result, Session};

/// A tab for a tabset, and where in it.
///
/// ```
/// use session_core::page::{Html, Tab};
///
/// let details = Tab::new("Details", "details", Html::raw("<div id=\"rows\" class=\"shiny-html-output\"></div>"))
///     .after("summary")
///     .select();
/// ```
#[derive(Debug, Clone)]
pub struct Tab {
    title: Html,
    value: String,
    content: Html,
    target: Option<String>,
    menu: Option<String>,
    side: Side,
    select: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Before,
    After,
}

impl Tab {
    /// A tab for the end of a tabset. `value` is what the tabset's input says when it is chosen, and how the tab is
    /// found again.
    #[must_use]
    pub fn new(title: impl Into<Html>, value: impl Into<String>, content: impl Into<Html>) -> Self {
        Self {
            title: title.into(),
            value: value.into(),
            content: content.into(),
            target: None,
            menu: None,
            side: Side::After,
            select: false,
        }
    }

    /// Before the tab or menu of this value.
    #[must_use]
    pub fn before(mut self, value: impl Into<String>) -> Self {
        (self.side, self.target) = (Side::Before, Some(value.into()));
        self
    }

    /// After the tab or menu of this value.
    #[must_use]
    pub fn after(mut self, value: impl Into<String>) -> Self {
        (self.side, self.target) = (Side::After, Some(value.into()));
        self
    }

    /// At the beginning.
    #[must_use]
    pub fn first(mut self) -> Self {
        (self.side, self.target) = (Side::Before, None);
        self
    }

    /// In the menu of this value, rather than in the tabset itself.
    #[must_use]
    pub fn in_menu(mut self, value: impl Into<String>) -> Self {
        self.menu = Some(value.into());
        self
    }

    /// It is the one that shows.
    #[must_use]
    pub const fn select(mut self) -> Self {
        self.select = true;
        self
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Insert<'a> {
    input_id: &'a str,
    li_tag: RenderedHtml,
    div_tag: RenderedHtml,
    menu_name: Option<String>,
    target: Option<String>,
    position: Side,
    select: bool,
}

#[derive(Serialize)]
struct Target<'a> {
    #[serde(rename = "inputId")]
    input_id: &'a str,
    target: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    visibility: Option<&'static str>,
}

impl Session<'_> {
    /// Inserts a tab into the tabset `id` of this scope, at once. Inputs and outputs in it come to life; its HTML has whole
    /// ids (see [`ns`](Self::ns)), the values of tabs are the tabset's own.
    ///
    /// ```
    /// # use session_core::{StubSession, page::Tab};
    /// # let stub = StubSession::new();
    /// # let s = stub.session();
    /// s.insert_tab("tabs", Tab::new("Notes", "notes", "Nothing yet.").select())?;
    /// s.hide_tab("tabs", "notes")?;
    /// # Ok::<(), session_core::Interrupt>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId); [`PageError::TabWithoutValue`];
    /// [`DependencyError`](crate::page::DependencyError); *failed* when it is larger than
    /// [`Limits::outbound_bytes`](crate::Limits::outbound_bytes).
    pub fn insert_tab(&self, id: impl Id, tab: Tab) -> Result<()> {
        let input_id = id.resolve(self.namespace())?;
        if tab.value.is_empty() {
            return Err(PageError::TabWithoutValue.into());
        }
        // The client knows these ids for what stands for the ones that it gives.
        let value = escape(&tab.value);
        let anchor = format!(
            r##"<li class="nav-item"><a data-bs-toggle="tab" data-toggle="tab" data-value="{value}" role="tab" class="nav-link" href="#tab-tsid-id">"##
        );
        let pane = format!(
            r#"<div class="tab-pane" role="tabpanel" data-value="{value}" id="tab-tsid-id">"#
        );
        let message = Insert {
            input_id: &input_id,
            li_tag: self.html(tab.title.within(&anchor, "</a></li>"))?,
            div_tag: self.html(tab.content.within(&pane, "</div>"))?,
            menu_name: tab.menu,
            target: tab.target,
            position: tab.side,
            select: tab.select,
        };
        self.tell_page("shiny-insert-tab", &message, When::Now)
    }

    /// Removes the tab, or menu, of this value from the tabset `id` of this scope, at once.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId); [`PageError::TabWithoutValue`].
    pub fn remove_tab(&self, id: impl Id, value: &str) -> Result<()> {
        self.tell_tab("shiny-remove-tab", id, value, None)
    }

    /// Shows the tab, or menu, of this value of the tabset `id` of this scope again, at once. To have it chosen, see
    /// [`TabsUpdate`](crate::page::TabsUpdate).
    ///
    /// # Errors
    ///
    /// As [`remove_tab`](Self::remove_tab).
    pub fn show_tab(&self, id: impl Id, value: &str) -> Result<()> {
        self.tell_tab("shiny-change-tab-visibility", id, value, Some("show"))
    }

    /// Hides the tab, or menu, of this value of the tabset `id` of this scope, at once. Outputs in it rest.
    ///
    /// # Errors
    ///
    /// As [`remove_tab`](Self::remove_tab).
    pub fn hide_tab(&self, id: impl Id, value: &str) -> Result<()> {
        self.tell_tab("shiny-change-tab-visibility", id, value, Some("hide"))
    }

    fn tell_tab(
        &self,
        key: &'static str,
        id: impl Id,
        target: &str,
        visibility: Option<&'static str>,
    ) -> Result<()> {
        let input_id = id.resolve(self.namespace())?;
        if target.is_empty() {
            return Err(PageError::TabWithoutValue.into());
        }
        self.tell_page(key, &Target { input_id: &input_id, target, visibility }, When::Now)
    }
}
