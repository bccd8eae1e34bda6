use serde::Serialize;

use super::sealed::Sealed;
use crate::session::page::html::Html;
use crate::{Date, Result, Session};

/// The ends of what can be chosen; of each, `Some(None)` takes away what there is.
#[derive(Debug, Clone, Default, Serialize)]
struct Ends {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Option<Date>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Option<Date>>,
}

/// What updates of dates have beside: the ends of what can be chosen.
macro_rules! ended {
    ($update:ident) => {
        impl $update {
            /// The first day it takes.
            #[must_use]
            pub const fn min(mut self, min: Date) -> Self {
                self.ends.min = Some(Some(min));
                self
            }

            /// It takes any early day.
            #[must_use]
            pub const fn no_min(mut self) -> Self {
                self.ends.min = Some(None);
                self
            }

            /// The last day it takes.
            #[must_use]
            pub const fn max(mut self, max: Date) -> Self {
                self.ends.max = Some(Some(max));
                self
            }

            /// It takes any late day.
            #[must_use]
            pub const fn no_max(mut self) -> Self {
                self.ends.max = Some(None);
                self
            }
        }
    };
}

ended!(DateUpdate);
ended!(DateRangeUpdate);

/// For a date input.
///
/// ```
/// use session_core::{Date, page::DateUpdate};
///
/// let day = DateUpdate::new().value(Date::new(2024, 2, 29)?).no_max();
/// # Ok::<(), session_core::InvalidDate>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct DateUpdate {
    label: Option<Html>,
    value: Option<Option<Date>>,
    ends: Ends,
}

labelled!(DateUpdate, "What it is called.");

impl DateUpdate {
    /// The day in it.
    #[must_use]
    pub const fn value(mut self, value: Date) -> Self {
        self.value = Some(Some(value));
        self
    }

    /// It is empty.
    #[must_use]
    pub const fn clear(mut self) -> Self {
        self.value = Some(None);
        self
    }
}

impl Sealed for DateUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        s.labelled(self.label, Fields { value: self.value, ends: self.ends })
    }
}

/// For a date range input.
#[derive(Debug, Clone, Default)]
pub struct DateRangeUpdate {
    label: Option<Html>,
    value: Range,
    ends: Ends,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Range {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Option<Date>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Option<Date>>,
}

labelled!(DateRangeUpdate, "What it is called.");

impl DateRangeUpdate {
    /// The day on which the range begins.
    #[must_use]
    pub const fn start(mut self, start: Date) -> Self {
        self.value.start = Some(Some(start));
        self
    }

    /// The range has no beginning.
    #[must_use]
    pub const fn clear_start(mut self) -> Self {
        self.value.start = Some(None);
        self
    }

    /// The day on which the range ends.
    #[must_use]
    pub const fn end(mut self, end: Date) -> Self {
        self.value.end = Some(Some(end));
        self
    }

    /// The range has no end.
    #[must_use]
    pub const fn clear_end(mut self) -> Self {
        self.value.end = Some(None);
        self
    }
}

impl Sealed for DateRangeUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        let is_given = self.value.start.is_some() || self.value.end.is_some();
        let value = is_given.then_some(self.value);
        s.labelled(self.label, Fields { value, ends: self.ends })
    }
}

#[derive(Serialize)]
struct Fields<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<T>,
    #[serde(flatten)]
    ends: Ends,
}
