use serde::Serialize;

use super::{json, sealed::Sealed};
use crate::session::page::html::{Html, RenderedHtml};
use crate::{Result, Session};

/// For an action button or link.
#[derive(Debug, Clone, Default)]
pub struct ButtonUpdate {
    label: Option<Html>,
    icon: Option<Html>,
    disabled: Option<bool>,
}

impl ButtonUpdate {
    /// An update that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is written on it.
    #[must_use]
    pub fn label(mut self, label: impl Into<Html>) -> Self {
        self.label = Some(label.into());
        self
    }

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
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<RenderedHtml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<RenderedHtml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
}

impl Sealed for ButtonUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        let (label, icon) = (s.label(self.label)?, s.label(self.icon)?);
        json(&Message { label, icon, disabled: self.disabled })
    }
}

/// For a task button, which shows whether what it began is at work.
#[derive(Debug, Clone)]
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

#[derive(Serialize)]
struct State {
    state: String,
}

impl Sealed for TaskButtonUpdate {
    fn message(self, _: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        json(&State { state: self.state })
    }
}
