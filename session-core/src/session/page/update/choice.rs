use crate::session::page::html::escape;

/// One of several: what the input says when it is chosen, and what the page shows for it. A text alone is both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    value: String,
    label: String,
}

impl Choice {
    /// A choice that says `value` and shows `label`, which is text.
    #[must_use]
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }

    /// As an `<option>`.
    pub(super) fn option(&self, selected: &[String]) -> String {
        let selected = if selected.contains(&self.value) { r#" selected="""# } else { "" };
        let (value, label) = (escape(&self.value), escape(&self.label));
        format!(r#"<option value="{value}"{selected}>{label}</option>"#)
    }

    /// As a button or box with its label; `kind` is `radio` or `checkbox`.
    pub(super) fn tick(&self, kind: &str, name: &str, is_checked: impl Fn(&str) -> bool) -> String {
        let checked = if is_checked(&self.value) { r#" checked="checked""# } else { "" };
        let (name, value, label) = (escape(name), escape(&self.value), escape(&self.label));
        format!(
            r#"<input type="{kind}" name="{name}" value="{value}"{checked}/> <span>{label}</span>"#
        )
    }

    pub(super) fn says(&self) -> &str {
        &self.value
    }
}

impl From<&str> for Choice {
    fn from(value: &str) -> Self {
        Self::new(value, value)
    }
}

impl From<String> for Choice {
    fn from(value: String) -> Self {
        Self::new(value.clone(), value)
    }
}

impl From<&String> for Choice {
    fn from(value: &String) -> Self {
        Self::new(value, value)
    }
}

impl<V: Into<String>, L: Into<String>> From<(V, L)> for Choice {
    fn from((value, label): (V, L)) -> Self {
        Self::new(value, label)
    }
}
