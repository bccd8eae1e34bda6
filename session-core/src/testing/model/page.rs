//! What the client did to its page, beside the outputs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::change::{InsertTab, InsertUi, RemoveTab, RemoveUi, TabChange, TabVisibility, UiChange};
use super::panel::{
    ModalMessage, NotificationMessage, ProgressMessage, ShownModal, ShownNotification,
    ShownProgress, names,
};
use super::{ClientModel, IllegalStep};
use crate::Reconnect;
use crate::page::QueryMode;

/// The page as the messages left it.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    notifications: BTreeMap<String, ShownNotification>,
    modal: Option<ShownModal>,
    progress: BTreeMap<String, ShownProgress>,
    ui: Vec<UiChange>,
    tabs: Vec<TabChange>,
    query_strings: Vec<(QueryMode, String)>,
    /// A count rather than a list: a destroyed module says it each time, and tests destroy many.
    frozen: BTreeMap<String, usize>,
    reset_brushes: Vec<String>,
    reloads: usize,
    reconnect: Option<Reconnect>,
}

#[derive(Deserialize)]
struct Frozen {
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct ResetBrush {
    #[serde(rename = "brushId")]
    brush_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryString {
    query_string: String,
    mode: QueryMode,
}

impl Page {
    /// Takes what a frame says of the page.
    pub(super) fn take(&mut self, frame: &Map<String, Json>) -> Result<(), IllegalStep> {
        for (key, message) in frame {
            match &**key {
                "notification" => self.notification(read(key, message)?),
                "modal" => self.modal(read(key, message)?),
                "progress" => self.progress(message)?,
                "shiny-insert-ui" => self.ui.push(read::<InsertUi>(key, message)?.into()),
                "shiny-remove-ui" => self.ui.push(read::<RemoveUi>(key, message)?.into()),
                "shiny-insert-tab" => self.tabs.push(read::<InsertTab>(key, message)?.into()),
                "shiny-remove-tab" => self.tabs.push(read::<RemoveTab>(key, message)?.into()),
                "shiny-change-tab-visibility" => {
                    self.tabs.push(read::<TabVisibility>(key, message)?.into());
                }
                "updateQueryString" => self.query_string(read(key, message)?)?,
                "frozen" => {
                    for id in read::<Frozen>(key, message)?.ids {
                        *self.frozen.entry(id).or_default() += 1;
                    }
                }
                "resetBrush" => {
                    self.reset_brushes.push(read::<ResetBrush>(key, message)?.brush_id);
                }
                "reload" => self.reloads += 1,
                "allowReconnect" => self.reconnect = Some(reconnect(message)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn notification(&mut self, message: NotificationMessage) {
        match message {
            NotificationMessage::Show(note) => {
                self.notifications.insert(note.id.clone(), note.into());
            }
            NotificationMessage::Remove(id) => {
                self.notifications.remove(&id);
            }
        }
    }

    fn modal(&mut self, message: ModalMessage) {
        self.modal = match message {
            ModalMessage::Show(content) => {
                Some(ShownModal { html: content.html, dependencies: names(content.deps) })
            }
            ModalMessage::Remove(()) => None,
        };
    }

    fn progress(&mut self, progress: &Json) -> Result<(), IllegalStep> {
        let message = || read::<ProgressMessage>("progress", &progress["message"]);
        match progress["type"].as_str() {
            // Of an output, and dealt with as such.
            Some("binding") => {}
            Some("open") => {
                self.progress.insert(message()?.id, ShownProgress::default());
            }
            Some("update") => {
                let message = message()?;
                // One that is closed hears nothing.
                if let Some(panel) = self.progress.get_mut(&message.id) {
                    panel.update(message);
                }
            }
            Some("close") => {
                self.progress.remove(&message()?.id);
            }
            _ => return Err(IllegalStep(format!("no kind of progress: {progress}"))),
        }
        Ok(())
    }

    fn query_string(&mut self, message: QueryString) -> Result<(), IllegalStep> {
        let QueryString { query_string, mode } = message;
        // The client takes any address in the place of the one that it has.
        if mode == QueryMode::Push && !query_string.starts_with(['?', '#']) {
            return Err(IllegalStep(format!("no query string and no fragment: {query_string:?}")));
        }
        self.query_strings.push((mode, query_string));
        Ok(())
    }
}

fn reconnect(message: &Json) -> Result<Reconnect, IllegalStep> {
    match message {
        Json::Bool(false) => Ok(Reconnect::No),
        Json::Bool(true) => Ok(Reconnect::Yes),
        Json::String(word) if word == "force" => Ok(Reconnect::Force),
        _ => Err(IllegalStep(format!("allowReconnect is true, false or \"force\", not {message}"))),
    }
}

fn read<T: DeserializeOwned>(key: &str, message: &Json) -> Result<T, IllegalStep> {
    T::deserialize(message).map_err(|error| IllegalStep(format!("{key} {message}: {error}")))
}

/// What the page was told beside its outputs.
impl ClientModel {
    /// The notifications that show, by id. No time passes for them: one with a duration shows until it is removed.
    #[must_use]
    pub const fn notifications(&self) -> &BTreeMap<String, ShownNotification> {
        &self.page.notifications
    }

    /// The dialog that shows.
    #[must_use]
    pub const fn modal(&self) -> Option<&ShownModal> {
        self.page.modal.as_ref()
    }

    /// The progress panels that are open, by id, with what they said last.
    #[must_use]
    pub const fn progress(&self) -> &BTreeMap<String, ShownProgress> {
        &self.page.progress
    }

    /// What was inserted into the page and removed from it, in the order it came.
    #[must_use]
    pub fn ui_changes(&self) -> &[UiChange] {
        &self.page.ui
    }

    /// What became of tabs, in the order it came.
    #[must_use]
    pub fn tab_changes(&self) -> &[TabChange] {
        &self.page.tabs
    }

    /// The query strings and fragments that the page's address was given, in the order they came.
    #[must_use]
    pub fn query_strings(&self) -> &[(QueryMode, String)] {
        &self.page.query_strings
    }

    /// The inputs of which the client forgot what it said, with how often it did.
    #[must_use]
    pub const fn frozen(&self) -> &BTreeMap<String, usize> {
        &self.page.frozen
    }

    /// The brushes that were reset, in the order they came.
    #[must_use]
    pub fn reset_brushes(&self) -> &[String] {
        &self.page.reset_brushes
    }

    /// How often the client was told to load the page anew.
    #[must_use]
    pub const fn reloads(&self) -> usize {
        self.page.reloads
    }

    /// Whether the client comes back when its link is lost; `None` if it was not told.
    #[must_use]
    pub const fn reconnect(&self) -> Option<Reconnect> {
        self.page.reconnect
    }
}
