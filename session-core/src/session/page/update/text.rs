use serde::Serialize;

use super::{json, sealed::Sealed};
use crate::session::page::html::{Html, RenderedHtml};
use crate::{Result, Session};

/// For a text input, a text area, or a password input.
#[derive(Debug, Clone, Default)]
pub struct TextUpdate {
    label: Option<Html>,
    value: Option<String>,
    placeholder: Option<String>,
}

impl TextUpdate {
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

    /// The text in it.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// What it shows while it is empty.
    #[must_use]
    pub fn placeholder(mut self, placeholder: impl Into<String>) -> Self {
        self.placeholder = Some(placeholder.into());
        self
    }
}

#[derive(Serialize)]
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<RenderedHtml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholder: Option<String>,
}

impl Sealed for TextUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        let label = s.label(self.label)?;
        json(&Message { label, value: self.value, placeholder: self.placeholder })
    }
}
