use serde::Serialize;

use super::choice::Choice;
use super::sealed::Sealed;
use crate::session::page::html::Html;
use crate::{Result, Session};

/// What updates of several buttons or boxes have beside: which there are, and how they stand.
macro_rules! grouped {
    ($update:ident, $choices:literal) => {
        impl $update {
            #[doc = $choices]
            #[must_use]
            pub fn choices<C: Into<Choice>>(
                mut self,
                choices: impl IntoIterator<Item = C>,
            ) -> Self {
                self.choices = Some(choices.into_iter().map(Into::into).collect());
                self
            }

            /// The choices given stand side by side, rather than below each other.
            #[must_use]
            pub const fn inline(mut self) -> Self {
                self.inline = true;
                self
            }
        }
    };
}

/// For radio buttons.
#[derive(Debug, Clone, Default)]
pub struct RadioUpdate {
    label: Option<Html>,
    choices: Option<Vec<Choice>>,
    inline: bool,
    /// `Some(None)`: none of them.
    selected: Option<Option<String>>,
}

labelled!(RadioUpdate, "What they are called together.");
grouped!(
    RadioUpdate,
    "With these to choose from, instead of those that the page has. Unless it is said which, the first is chosen."
);

impl RadioUpdate {
    /// The value of what is chosen.
    #[must_use]
    pub fn selected(mut self, value: impl Into<String>) -> Self {
        self.selected = Some(Some(value.into()));
        self
    }

    /// Nothing is chosen.
    #[must_use]
    pub fn unselect(mut self) -> Self {
        self.selected = Some(None);
        self
    }
}

impl Sealed for RadioUpdate {
    fn message(self, s: &Session<'_>, id: &str) -> Result<Vec<u8>> {
        let options = self.choices.map(|choices| {
            let checked = match &self.selected {
                Some(selected) => selected.clone(),
                None => choices.first().map(|choice| choice.says().to_owned()),
            };
            let is_checked = |value: &str| checked.as_deref() == Some(value);
            options("radio", id, &choices, self.inline, is_checked)
        });
        // The client takes an empty list for none.
        let value = self.selected.map(|selected| match selected {
            Some(value) => Value::One(value),
            None => Value::Many(Vec::new()),
        });
        s.labelled(self.label, Fields { options, value })
    }
}

/// For a group of checkboxes.
#[derive(Debug, Clone, Default)]
pub struct CheckboxGroupUpdate {
    label: Option<Html>,
    choices: Option<Vec<Choice>>,
    inline: bool,
    selected: Option<Vec<String>>,
}

labelled!(CheckboxGroupUpdate, "What they are called together.");
grouped!(CheckboxGroupUpdate, "With these to choose from, instead of those that the page has.");

impl CheckboxGroupUpdate {
    /// The values of those that are checked.
    #[must_use]
    pub fn selected<V: Into<String>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.selected = Some(values.into_iter().map(Into::into).collect());
        self
    }

    /// None is checked.
    #[must_use]
    pub fn unselect(mut self) -> Self {
        self.selected = Some(Vec::new());
        self
    }
}

impl Sealed for CheckboxGroupUpdate {
    fn message(self, s: &Session<'_>, id: &str) -> Result<Vec<u8>> {
        let selected = self.selected.as_deref().unwrap_or_default();
        let is_checked = |value: &str| selected.iter().any(|selected| selected == value);
        let options =
            self.choices.map(|choices| options("checkbox", id, &choices, self.inline, is_checked));
        s.labelled(self.label, Fields { options, value: self.selected.map(Value::Many) })
    }
}

#[derive(Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value {
    One(String),
    Many(Vec<String>),
}

/// Buttons or boxes, as the client puts them in the place of those it has: the inputs are told by the group's whole id.
fn options(
    kind: &str,
    name: &str,
    choices: &[Choice],
    inline: bool,
    is_checked: impl Fn(&str) -> bool,
) -> String {
    let mut markup = r#"<div class="shiny-options-group">"#.to_owned();
    for choice in choices {
        let tick = choice.tick(kind, name, &is_checked);
        markup.push_str(&if inline {
            format!(r#"<label class="{kind}-inline">{tick}</label>"#)
        } else {
            format!(r#"<div class="{kind}"><label>{tick}</label></div>"#)
        });
    }
    markup.push_str("</div>");
    markup
}
