use serde::Serialize;

use super::{json, sealed::Sealed};
use crate::session::page::html::{Html, RenderedHtml};
use crate::{Result, Session};

/// For a single checkbox, or a switch.
#[derive(Debug, Clone, Default)]
pub struct CheckboxUpdate {
    label: Option<Html>,
    value: Option<bool>,
}

impl CheckboxUpdate {
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

    /// Whether it is checked.
    #[must_use]
    pub const fn value(mut self, checked: bool) -> Self {
        self.value = Some(checked);
        self
    }
}

#[derive(Serialize)]
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<RenderedHtml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<bool>,
}

impl Sealed for CheckboxUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        json(&Message { label: s.label(self.label)?, value: self.value })
    }
}
