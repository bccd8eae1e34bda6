use serde::Serialize;

use super::choice::Choice;
use super::sealed::Sealed;
use crate::session::page::html::{Html, escape};
use crate::{Result, Session};

/// For a select input, be it the browser's own or selectize's.
///
/// ```
/// use session_core::page::SelectUpdate;
///
/// let cities = SelectUpdate::new()
///     .choices(["Anywhere"])
///     .group("Italy", ["Rome", "Milan"])
///     .group("France", [("paris", "Paris"), ("lyon", "Lyon")])
///     .selected(["paris"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct SelectUpdate {
    label: Option<Html>,
    choices: Option<Vec<Group>>,
    selected: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Group {
    label: Option<String>,
    choices: Vec<Choice>,
}

labelled!(SelectUpdate, "What it is called.");

impl SelectUpdate {
    /// With these to choose from, after those of earlier calls, and instead of those that the page has. With none at
    /// all there is nothing to choose from.
    #[must_use]
    pub fn choices<C: Into<Choice>>(self, choices: impl IntoIterator<Item = C>) -> Self {
        self.add(None, choices)
    }

    /// As [`choices`](Self::choices), under a heading.
    #[must_use]
    pub fn group<C: Into<Choice>>(
        self,
        label: impl Into<String>,
        choices: impl IntoIterator<Item = C>,
    ) -> Self {
        self.add(Some(label.into()), choices)
    }

    fn add<C: Into<Choice>>(
        mut self,
        label: Option<String>,
        choices: impl IntoIterator<Item = C>,
    ) -> Self {
        let choices = choices.into_iter().map(Into::into).collect();
        self.choices.get_or_insert_default().push(Group { label, choices });
        self
    }

    /// What is chosen: the values of choices; one, unless it takes several.
    #[must_use]
    pub fn selected<V: Into<String>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.selected = Some(values.into_iter().map(Into::into).collect());
        self
    }

    /// Nothing is chosen.
    #[must_use]
    pub fn unselect(mut self) -> Self {
        self.selected = Some(Vec::new());
        self
    }
}

#[derive(Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Vec<String>>,
}

impl Sealed for SelectUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        let selected = self.selected.as_deref().unwrap_or_default();
        let options = self.choices.map(|groups| {
            let markup = |group: Group| {
                let options: String =
                    group.choices.iter().map(|choice| choice.option(selected)).collect();
                match group.label {
                    None => options,
                    Some(label) => {
                        format!(r#"<optgroup label="{}">{options}</optgroup>"#, escape(&label))
                    }
                }
            };
            groups.into_iter().map(markup).collect()
        });
        s.labelled(self.label, Fields { options, value: self.selected })
    }
}
