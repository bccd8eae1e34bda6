use serde::Serialize;

use super::sealed::Sealed;
use crate::session::page::html::Html;
use crate::{Result, Session};

/// For a text input, a text area, or a password input.
#[derive(Debug, Clone, Default)]
pub struct TextUpdate {
    label: Option<Html>,
    fields: Fields,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholder: Option<String>,
}

labelled!(TextUpdate, "What it is called.");

impl TextUpdate {
    /// The text in it.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.fields.value = Some(value.into());
        self
    }

    /// What it shows while it is empty.
    #[must_use]
    pub fn placeholder(mut self, placeholder: impl Into<String>) -> Self {
        self.fields.placeholder = Some(placeholder.into());
        self
    }
}

impl Sealed for TextUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        s.labelled(self.label, self.fields)
    }
}
