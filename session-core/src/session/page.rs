//! What a session can tell the page to do, beside its outputs: typed, with the fields that the Shiny client reads.
//!
//! | call | what it does | when the client hears of it |
//! |---|---|---|
//! | [`show_notification`](Session::show_notification), [`remove_notification`](Session::remove_notification) | a note in the corner | at once |
//! | [`show_modal`](Session::show_modal), [`remove_modal`](Session::remove_modal) | a dialog before the page | at once |
//! | [`progress`](Session::progress) | a bar that fills | at once |
//! | [`insert_ui`](Session::insert_ui), [`remove_ui`](Session::remove_ui) | changes the page | after the results of the flush, unless immediate |
//! | [`insert_tab`](Session::insert_tab), [`remove_tab`](Session::remove_tab), [`show_tab`](Session::show_tab), [`hide_tab`](Session::hide_tab) | changes a tabset | at once |
//! | [`update_input`](Session::update_input) | changes an input | with the results of the flush |
//! | [`freeze_input`](Session::freeze_input), [`reset_brush`](Session::reset_brush) | forgets what an input said | at once |
//! | [`update_query_string`](Session::update_query_string), [`reload`](Session::reload) | changes the address | at once |
//!
//! There is no message for code to be evaluated: a custom message
//! ([`send_custom_message`](Session::send_custom_message)) and a handler in the page do the same, and a strict
//! Content-Security-Policy stays possible.
//!
//! A stub session takes all of these and does nothing. Ids of inputs belong to the scope, as everywhere; ids of
//! notifications, and selectors, are the page's, the same in every scope (H9, H10): [`Session::ns`] makes one of the
//! scope's own.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::message::codec;
use crate::session::outbox::Item;
use crate::{Result, Session};

mod dependency;
mod error;
mod freeze;
mod html;
mod library;
mod location;
mod modal;
mod notification;
mod place;
mod progress;
mod tabs;
mod update;

pub use dependency::{FileContent, HtmlDependency};
pub use error::{DependencyError, PageError};
pub use html::{Html, RenderedHtml, escape};
pub use location::QueryMode;
pub use modal::{Modal, ModalSize};
pub use notification::{Notification, NotificationKind};
pub use place::{InsertAt, InsertUi, RemoveUi};
pub use progress::{Progress, ProgressUpdate};
pub use tabs::Tab;
pub use update::{
    ButtonUpdate, CheckboxGroupUpdate, CheckboxUpdate, Choice, DateRangeUpdate, DateUpdate,
    InputUpdate, NumberUpdate, RadioUpdate, SelectUpdate, SliderPoint, SliderUpdate, TabsUpdate,
    TaskButtonUpdate, TextUpdate,
};

/// What a session keeps of the page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) libraries: library::Libraries,
    pub(crate) progress: progress::Panels,
}

/// When the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    AfterFlush,
}

impl Session<'_> {
    /// Tells the page `message` under `key`, the client's word for what it is.
    fn tell_page<T>(&self, key: &'static str, message: &T, when: When) -> Result<()>
    where
        T: Serialize + ?Sized,
    {
        let state = self.state();
        let text = codec::to_json(&Keyed(key, message))?;
        state.check_size(&text)?;
        match when {
            When::Now => state.send(Item::Text(text)),
            When::AfterFlush if state.stub => {}
            When::AfterFlush => state.after_flush.borrow_mut().push(text),
        }
        Ok(())
    }
}

impl Session<'_> {
    /// Removes what this scope and those within have on the page; from the root, the files that it loads too.
    pub(crate) fn raze_page(&self) {
        let mut page = self.state().page.borrow_mut();
        let panels = page.progress.remove_within(self.namespace());
        if self.namespace().is_root() {
            page.libraries = library::Libraries::default();
        }
        drop(page);
        self.close_panels(panels);
    }
}

/// `{key: message}`.
struct Keyed<'a, T: ?Sized>(&'static str, &'a T);

impl<T: Serialize + ?Sized> Serialize for Keyed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, self.1)?;
        map.end()
    }
}

/// A message with what it is for the client: `{"type": …, "message": …}`.
#[derive(Serialize)]
struct Typed<T> {
    r#type: &'static str,
    message: T,
}

/// A number, written as a page would: 5 rather than 5.0.
#[derive(Debug, Clone, Copy)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        /// Beyond it, not every whole number is one of an `f64`.
        const WHOLE: f64 = 9_007_199_254_740_992.0;
        if self.0.fract() == 0.0 && self.0.abs() < WHOLE {
            #[allow(clippy::cast_possible_truncation, reason = "a whole number, and in range")]
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}
