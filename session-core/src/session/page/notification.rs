//! Notes in the corner of the page.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::hex;
use crate::session::page::error::PageError;
use crate::session::page::html::Html;
use crate::session::page::library::Wire;
use crate::session::page::{Typed, When};
use crate::{Result, Session};

/// A note in the corner of the page.
///
/// ```
/// use std::time::Duration;
/// use session_core::page::{Html, Notification, NotificationKind};
///
/// let saved = Notification::new("The file was saved.")
///     .kind(NotificationKind::Message)
///     .duration(Duration::from_secs(3))
///     .action(Html::raw("<a id=\"undo\" href=\"#\" class=\"action-button\">Undo</a>"))
///     .id("saved");
/// ```
#[derive(Debug, Clone)]
pub struct Notification {
    html: Html,
    action: Html,
    kind: NotificationKind,
    /// `None`: until it is closed.
    duration: Option<Duration>,
    close_button: bool,
    id: Option<String>,
}

/// What a notification is about, which shows in its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NotificationKind {
    /// Nothing special.
    #[default]
    Default,
    /// Something that went well.
    Message,
    /// Something to look at.
    Warning,
    /// Something that went wrong.
    Error,
}

impl Notification {
    /// A note of text, or of [`Html`], that stays for five seconds.
    #[must_use]
    pub fn new(html: impl Into<Html>) -> Self {
        Self {
            html: html.into(),
            action: Html::default(),
            kind: NotificationKind::Default,
            duration: Some(Duration::from_secs(5)),
            close_button: true,
            id: None,
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(mut self, kind: NotificationKind) -> Self {
        self.kind = kind;
        self
    }

    /// How long it stays.
    #[must_use]
    pub const fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// It stays until it is closed, by the user or by
    /// [`remove_notification`](Session::remove_notification).
    #[must_use]
    pub const fn sticky(mut self) -> Self {
        self.duration = None;
        self
    }

    /// With a line of its own for what can be done about it.
    #[must_use]
    pub fn action(mut self, html: impl Into<Html>) -> Self {
        self.action = html.into();
        self
    }

    /// In the place of the one that has this id already, if there is one: letters, digits, `_` and `-`.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The user cannot close it.
    #[must_use]
    pub const fn no_close_button(mut self) -> Self {
        self.close_button = false;
        self
    }
}

/// Longest time that a browser's timer takes, in milliseconds: one that is longer goes off at once.
const LONGEST: u128 = 0x7fff_ffff;

#[derive(Serialize)]
struct Show<'a> {
    html: String,
    action: String,
    deps: Vec<Wire>,
    #[serde(rename = "closeButton")]
    close_button: bool,
    id: &'a str,
    r#type: NotificationKind,
    /// In milliseconds. `null` and 0 mean that it stays.
    duration: Option<u128>,
}

impl Session<'_> {
    /// Shows a notification, at once. Returns its id, for [`remove_notification`](Self::remove_notification): the one it
    /// has, or one that is new.
    ///
    /// Ids are the page's, the same in every scope (H9): two modules that say `saved` share a notification. Use
    /// [`ns`](Self::ns) for one of the scope's own.
    ///
    /// ```
    /// # use session_core::{StubSession, page::Notification};
    /// # let stub = StubSession::new();
    /// # let s = stub.session();
    /// let id = s.show_notification(Notification::new("Working…").sticky())?;
    /// s.remove_notification(&id)?;
    /// # Ok::<(), session_core::Interrupt>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PageError::NotificationId`]; [`DependencyError`](crate::page::DependencyError); *failed* when it is larger than
    /// [`Limits::outbound_bytes`](crate::Limits::outbound_bytes).
    pub fn show_notification(&self, notification: Notification) -> Result<String> {
        let id = match notification.id {
            Some(id) => checked(&id).map(|()| id)?,
            // A page that comes back to another session still has what this one showed.
            None => hex::<8>()?,
        };
        let html = self.html(notification.html)?;
        let action = self.html(notification.action)?;
        let message = Show {
            html: html.html,
            action: action.html,
            deps: html.deps.into_iter().chain(action.deps).collect(),
            close_button: notification.close_button,
            id: &id,
            r#type: notification.kind,
            duration: notification.duration.map(|d| d.as_millis().clamp(1, LONGEST)),
        };
        self.tell_page("notification", &Typed { r#type: "show", message }, When::Now)?;
        Ok(id)
    }

    /// Removes a notification, at once; nothing happens if there is none.
    ///
    /// # Errors
    ///
    /// [`PageError::NotificationId`].
    pub fn remove_notification(&self, id: &str) -> Result<()> {
        checked(id)?;
        self.tell_page("notification", &Typed { r#type: "remove", message: id }, When::Now)
    }
}

/// The client writes it into the page as it is.
fn checked(id: &str) -> std::result::Result<(), PageError> {
    let fine = !id.is_empty() && id.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if fine { Ok(()) } else { Err(PageError::NotificationId { id: id.to_owned() }) }
}
