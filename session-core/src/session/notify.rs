//! Errors of effects that the user of the page is told of.

use std::fmt;

use crate::Session;
use crate::page::{Notification, NotificationKind};

/// An error that an effect shows to its client as a notification, and that leaves the session open; made by [`notify()`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    text: Box<str>,
    closes: bool,
}

/// An error for the user of the page: returned from an effect, its text is shown as a notification that stays until it
/// is closed, and the session goes on (C24).
///
/// The text is shown as it is, in place of a generic one: it is written for the user, so that what
/// [`App::sanitize_errors`](crate::App::sanitize_errors) says does not concern it. In an output, handler or route it is a
/// failure like any other.
///
/// ```
/// use session_core::{App, notify, testing::Client};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = App::new(|s| {
///     let n = s.input::<i64>("n")?;
///     s.effect(move |s| {
///         if n.get(s)? > 10 {
///             return Err(notify("there are only 10").into());
///         }
///         Ok(())
///     });
///     Ok(())
/// });
/// let mut client = Client::connect(app).await;
/// client.set("n", 11).flush().await;
/// assert_eq!(client.end_reason(), None);
/// let shown = client.frames().into_iter().find(|frame| !frame["notification"].is_null());
/// assert_eq!(shown.unwrap()["notification"]["message"]["html"], "there are only 10");
/// # }
/// ```
pub fn notify(text: impl Into<String>) -> Notify {
    Notify { text: text.into().into(), closes: false }
}

impl Notify {
    /// Ends the session once the notification is sent, as any other error of an effect does.
    #[must_use]
    pub const fn and_close(mut self) -> Self {
        self.closes = true;
        self
    }

    pub(crate) const fn closes(&self) -> bool {
        self.closes
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Notify {}

impl Session<'_> {
    /// Shows an error as a notification that stays.
    pub(crate) fn show_notify(&self, notify: &Notify) {
        let note = Notification::new(&*notify.text).kind(NotificationKind::Error).sticky();
        if let Err(failure) = self.show_notification(note) {
            tracing::error!(%failure, "the notification of an error is not shown");
        }
    }
}
