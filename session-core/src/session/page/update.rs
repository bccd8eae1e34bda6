//! Messages to the usual inputs, with the fields that each of the Shiny client's bindings reads. What is not given is not
//! sent, and stays as it is.

use serde::Serialize;

use crate::message::codec;
use crate::name::Id;
use crate::session::page::html::{Html, RenderedHtml};
use crate::{Result, Session};

/// What every update of an input with a label has.
macro_rules! labelled {
    ($update:ident, $label:literal) => {
        impl $update {
            /// An update that changes nothing yet.
            #[must_use]
            pub fn new() -> Self {
                Self::default()
            }

            #[doc = $label]
            #[must_use]
            pub fn label(mut self, label: impl Into<Html>) -> Self {
                self.label = Some(label.into());
                self
            }
        }
    };
}

mod button;
mod checkbox;
mod choice;
mod date;
mod group;
mod number;
mod select;
mod slider;
mod tabs;
mod text;

pub use button::{ButtonUpdate, TaskButtonUpdate};
pub use checkbox::CheckboxUpdate;
pub use choice::Choice;
pub use date::{DateRangeUpdate, DateUpdate};
pub use group::{CheckboxGroupUpdate, RadioUpdate};
pub use number::NumberUpdate;
pub use select::SelectUpdate;
pub use slider::{SliderPoint, SliderUpdate};
pub use tabs::TabsUpdate;
pub use text::TextUpdate;

/// What [`Session::update_input`] takes: a message for one kind of input.
///
/// For an input of your own, [`send_input_message`](Session::send_input_message) takes anything that has a JSON form.
pub trait InputUpdate: sealed::Sealed {}

impl<T: sealed::Sealed> InputUpdate for T {}

mod sealed {
    use crate::{Result, Session};

    pub trait Sealed {
        /// The message for the input whose whole id is `id`.
        fn message(self, s: &Session<'_>, id: &str) -> Result<Vec<u8>>;
    }
}

impl Session<'_> {
    /// Changes the input `id` of this scope, together with the results of the next flush; it causes none by itself
    /// (G29). Updates keep their order (G30). The client then says what the input has come to, if that is news.
    ///
    /// ```
    /// # use session_core::{StubSession, page::{NumberUpdate, SelectUpdate, TextUpdate}};
    /// # let stub = StubSession::new();
    /// # let s = stub.session();
    /// s.update_input("name", TextUpdate::new().value("").placeholder("your name"))?;
    /// s.update_input("n", NumberUpdate::new().value(5.0).max(10.0))?;
    /// s.update_input("city", SelectUpdate::new().choices([("fra", "Frankfurt"), ("ber", "Berlin")]).selected(["ber"]))?;
    /// # Ok::<(), session_core::Interrupt>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId); [`PageError`](crate::page::PageError) for an update that says nothing sensible;
    /// [`DependencyError`](crate::page::DependencyError) of a label; *failed* when the message is larger than
    /// [`Limits::outbound_bytes`](crate::Limits::outbound_bytes).
    pub fn update_input(&self, id: impl Id, update: impl InputUpdate) -> Result<()> {
        let id = id.resolve(self.namespace())?;
        let message = update.message(self, &id)?;
        self.queue_input_message(&id, &message)
    }

    /// A message with a label, if there is one, beside its fields.
    fn labelled<T: Serialize>(&self, label: Option<Html>, fields: T) -> Result<Vec<u8>> {
        let label = label.map(|label| self.html(label)).transpose()?;
        Ok(codec::to_json(&Labelled { label, fields })?)
    }
}

#[derive(Serialize)]
struct Labelled<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<RenderedHtml>,
    #[serde(flatten)]
    fields: T,
}
