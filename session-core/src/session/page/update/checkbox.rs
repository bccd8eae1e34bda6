use serde::Serialize;

use super::sealed::Sealed;
use crate::session::page::html::Html;
use crate::{Result, Session};

/// For a single checkbox, or a switch.
#[derive(Debug, Clone, Default)]
pub struct CheckboxUpdate {
    label: Option<Html>,
    fields: Fields,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<bool>,
}

labelled!(CheckboxUpdate, "What it is called.");

impl CheckboxUpdate {
    /// Whether it is checked.
    #[must_use]
    pub const fn value(mut self, checked: bool) -> Self {
        self.fields.value = Some(checked);
        self
    }
}

impl Sealed for CheckboxUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        s.labelled(self.label, self.fields)
    }
}
