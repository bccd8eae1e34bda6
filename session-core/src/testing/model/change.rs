//! Changes of the page itself: what was put where, and what was taken away.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::panel::{Content, names, present};
use crate::page::InsertAt;

/// A change of the page that a session asked for. Selectors are not looked up: there is no page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UiChange {
    /// HTML was put somewhere.
    Insert {
        /// What it is put at.
        selector: String,
        /// Where, seen from there.
        at: InsertAt,
        /// Whether at everything that the selector finds, rather than at the first.
        multiple: bool,
        /// The HTML.
        html: String,
        /// The names of what it loads into the page.
        dependencies: Vec<String>,
    },
    /// Something was taken away.
    Remove {
        /// What.
        selector: String,
        /// Whether everything that the selector finds, rather than the first.
        multiple: bool,
    },
}

/// A change of a tabset that a session asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TabChange {
    /// A tab came.
    Insert {
        /// The id of the tabset.
        tabset: String,
        /// The menu of the tabset that it is in.
        menu: Option<String>,
        /// Where it is.
        at: TabPlace,
        /// Its entry in the list of tabs, as HTML.
        entry: String,
        /// Its content, as HTML.
        content: String,
        /// Whether it is the one that shows.
        select: bool,
        /// The names of what it loads into the page.
        dependencies: Vec<String>,
    },
    /// A tab was taken away.
    Remove {
        /// The id of the tabset.
        tabset: String,
        /// The value of the tab.
        value: String,
    },
    /// A tab that was hidden is there again.
    Show {
        /// The id of the tabset.
        tabset: String,
        /// The value of the tab.
        value: String,
    },
    /// A tab is not to be seen.
    Hide {
        /// The id of the tabset.
        tabset: String,
        /// The value of the tab.
        value: String,
    },
}

/// Where in a tabset, or in a menu of it, a tab is inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TabPlace {
    /// At the beginning.
    First,
    /// At the end.
    Last,
    /// Before the tab of this value.
    Before(String),
    /// After the tab of this value.
    After(String),
}

#[derive(Deserialize)]
pub(super) struct InsertUi {
    selector: String,
    multiple: bool,
    #[serde(deserialize_with = "insert_at")]
    r#where: InsertAt,
    content: Content,
}

impl From<InsertUi> for UiChange {
    fn from(message: InsertUi) -> Self {
        let InsertUi { selector, multiple, r#where: at, content } = message;
        let dependencies = names(content.deps);
        Self::Insert { selector, at, multiple, html: content.html, dependencies }
    }
}

#[derive(Deserialize)]
pub(super) struct RemoveUi {
    selector: String,
    multiple: bool,
}

impl From<RemoveUi> for UiChange {
    fn from(RemoveUi { selector, multiple }: RemoveUi) -> Self {
        Self::Remove { selector, multiple }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InsertTab {
    input_id: String,
    li_tag: Content,
    div_tag: Content,
    #[serde(deserialize_with = "present")]
    menu_name: Option<String>,
    #[serde(deserialize_with = "present")]
    target: Option<String>,
    position: Position,
    select: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Position {
    Before,
    After,
}

impl From<InsertTab> for TabChange {
    fn from(message: InsertTab) -> Self {
        let InsertTab { input_id, mut li_tag, div_tag, menu_name, target, position, select } =
            message;
        li_tag.deps.extend(div_tag.deps);
        Self::Insert {
            tabset: input_id,
            menu: menu_name,
            at: match (position, target) {
                (Position::Before, None) => TabPlace::First,
                (Position::After, None) => TabPlace::Last,
                (Position::Before, Some(target)) => TabPlace::Before(target),
                (Position::After, Some(target)) => TabPlace::After(target),
            },
            entry: li_tag.html,
            content: div_tag.html,
            select,
            dependencies: names(li_tag.deps),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RemoveTab {
    #[serde(rename = "inputId")]
    tabset: String,
    target: String,
}

impl From<RemoveTab> for TabChange {
    fn from(RemoveTab { tabset, target: value }: RemoveTab) -> Self {
        Self::Remove { tabset, value }
    }
}

#[derive(Deserialize)]
pub(super) struct TabVisibility {
    #[serde(rename = "inputId")]
    tabset: String,
    target: String,
    r#type: Visibility,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Visibility {
    Show,
    Hide,
}

impl From<TabVisibility> for TabChange {
    fn from(TabVisibility { tabset, target: value, r#type }: TabVisibility) -> Self {
        match r#type {
            Visibility::Show => Self::Show { tabset, value },
            Visibility::Hide => Self::Hide { tabset, value },
        }
    }
}

/// The five places that the client knows, in any case.
fn insert_at<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InsertAt, D::Error> {
    let place = String::deserialize(deserializer)?;
    match &*place.to_ascii_lowercase() {
        "replace" => Ok(InsertAt::Replace),
        "beforebegin" => Ok(InsertAt::BeforeBegin),
        "afterbegin" => Ok(InsertAt::AfterBegin),
        "beforeend" => Ok(InsertAt::BeforeEnd),
        "afterend" => Ok(InsertAt::AfterEnd),
        _ => Err(D::Error::custom(format!("{place:?} is no place of the page"))),
    }
}
