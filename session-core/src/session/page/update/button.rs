use serde::Serialize;

use super::sealed::Sealed;
use crate::message::codec;
use crate::session::page::html::{Html, RenderedHtml};
use crate::{Result, Session};

/// For an action button or link.
#[derive(Debug, Clone, Default)]
pub struct ButtonUpdate {
    label: Option<Html>,
    icon: Option<Html>,
    disabled: Option<bool>,
}

labelled!(ButtonUpdate, "What is written on it.");

impl ButtonUpdate {
    /// The icon before its label.
    #[must_use]
    pub fn icon(mut self, icon: impl Into<Html>) -> Self {
        self.icon = Some(icon.into());
        self
    }

    /// It cannot be clicked.
    #[must_use]
    pub const fn disable(mut self) -> Self {
        self.disabled = Some(true);
        self
    }

    /// It can be clicked.
    #[must_use]
    pub const fn enable(mut self) -> Self {
        self.disabled = Some(false);
        self
    }
}

#[derive(Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<RenderedHtml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
}

impl Sealed for ButtonUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        let icon = self.icon.map(|icon| s.html(icon)).transpose()?;
        s.labelled(self.label, Fields { icon, disabled: self.disabled })
    }
}

/// For a task button, which shows whether what it began is at work.
#[derive(Debug, Clone, Serialize)]
pub struct TaskButtonUpdate {
    state: String,
}

impl TaskButtonUpdate {
    /// It can be clicked.
    #[must_use]
    pub fn ready() -> Self {
        Self::state("ready")
    }

    /// It is at work, and cannot be clicked.
    #[must_use]
    pub fn busy() -> Self {
        Self::state("busy")
    }

    /// It is in a state of its own, for which the page has an element with this `slot`.
    #[must_use]
    pub fn state(state: impl Into<String>) -> Self {
        Self { state: state.into() }
    }
}

impl Sealed for TaskButtonUpdate {
    fn message(self, _: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        Ok(codec::to_json(&self)?)
    }
}
