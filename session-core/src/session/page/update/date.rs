use serde::Serialize;

use super::{json, sealed::Sealed};
use crate::session::page::html::{Html, RenderedHtml};
use crate::{Date, Result, Session};

/// The ends of what can be chosen; of each, `Some(None)` takes away what there is.
#[derive(Debug, Clone, Default, Serialize)]
struct Ends {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Option<Date>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Option<Date>>,
}

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

impl DateUpdate {
    /// An update that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it is called.
    #[must_use]
    pub fn label(mut self, label: impl Into<Html>) -> Self {
        self.label = Some(label.into());
        self
    }

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

impl Sealed for DateUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        json(&Message { label: s.label(self.label)?, value: self.value, ends: self.ends })
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

impl DateRangeUpdate {
    /// An update that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it is called.
    #[must_use]
    pub fn label(mut self, label: impl Into<Html>) -> Self {
        self.label = Some(label.into());
        self
    }

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

impl Sealed for DateRangeUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        let is_given = self.value.start.is_some() || self.value.end.is_some();
        let value = is_given.then_some(self.value);
        json(&Message { label: s.label(self.label)?, value, ends: self.ends })
    }
}

#[derive(Serialize)]
struct Message<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<RenderedHtml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<T>,
    #[serde(flatten)]
    ends: Ends,
}
