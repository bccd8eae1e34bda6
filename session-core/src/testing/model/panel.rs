//! What lies over the page: notes, a dialog, bars that fill.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::page::NotificationKind;

/// A note in the corner of the page, as the client shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShownNotification {
    /// What it says, as HTML.
    pub html: String,
    /// The line for what can be done about it, as HTML; empty without one.
    pub action: String,
    /// The names of what it loads into the page.
    pub dependencies: Vec<String>,
    /// What it is about.
    pub kind: NotificationKind,
    /// How long it stays; `None` until it is closed.
    pub duration: Option<Duration>,
    /// Whether the user can close it.
    pub is_closable: bool,
}

/// A dialog before the page, as the client shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShownModal {
    /// The whole dialog, as HTML.
    pub html: String,
    /// The names of what it loads into the page.
    pub dependencies: Vec<String>,
}

/// A panel with a bar that fills, as the client shows it.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ShownProgress {
    /// How much of the bar is full, from 0 to 1; `None` while there is no bar.
    pub value: Option<f64>,
    /// What is done; `None` until something was said of it.
    pub message: Option<String>,
    /// More of it; `None` until something was said of it.
    pub detail: Option<String>,
}

impl ShownProgress {
    /// What is not said stays as it is.
    pub(super) fn update(&mut self, said: ProgressMessage) {
        let before = std::mem::take(self);
        *self = Self {
            value: said.value.or(before.value),
            message: said.message.or(before.message),
            detail: said.detail.or(before.detail),
        };
    }
}

/// Of a dependency, what the client tells it by.
#[derive(Deserialize)]
pub(super) struct Dependency {
    name: String,
}

pub(super) fn names(dependencies: Vec<Dependency>) -> Vec<String> {
    dependencies.into_iter().map(|dependency| dependency.name).collect()
}

/// HTML with what it loads.
#[derive(Deserialize)]
pub(super) struct Content {
    pub(super) html: String,
    #[serde(default)]
    pub(super) deps: Vec<Dependency>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "message", rename_all = "lowercase")]
pub(super) enum NotificationMessage {
    Show(Note),
    Remove(String),
}

#[derive(Deserialize)]
pub(super) struct Note {
    pub(super) id: String,
    #[serde(default)]
    html: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    deps: Vec<Dependency>,
    #[serde(rename = "closeButton", default = "yes")]
    is_closable: bool,
    r#type: NotificationKind,
    #[serde(default = "five_seconds")]
    duration: Option<f64>,
}

const fn yes() -> bool {
    true
}

#[allow(clippy::unnecessary_wraps, reason = "the type of the field")]
const fn five_seconds() -> Option<f64> {
    Some(5000.0)
}

impl From<Note> for ShownNotification {
    fn from(note: Note) -> Self {
        Self {
            html: note.html,
            action: note.action,
            dependencies: names(note.deps),
            kind: note.r#type,
            // In milliseconds, and 0 is none for the client.
            duration: note.duration.filter(|&duration| duration > 0.0).map(|duration| {
                Duration::try_from_secs_f64(duration / 1000.0).unwrap_or(Duration::MAX)
            }),
            is_closable: note.is_closable,
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "message", rename_all = "lowercase")]
pub(super) enum ModalMessage {
    Show(Content),
    Remove(()),
}

#[derive(Deserialize)]
pub(super) struct ProgressMessage {
    pub(super) id: String,
    #[serde(rename = "style")]
    _style: Style,
    #[serde(default)]
    value: Option<f64>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    detail: Option<String>,
}

/// The client does nothing with any other.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Style {
    Notification,
    Old,
}

/// As it is there, if only as `null`: the client takes what is missing for something else.
pub(super) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}
