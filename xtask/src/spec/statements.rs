//! The list of statements, as `statements.toml` has it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

/// A letter and a number, such as `A6`. They sort as one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) letter: char,
    number: u16,
}

impl Id {
    /// `None` is not a number of a statement, whatever the list says.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let letter = chars.next().filter(char::is_ascii_uppercase)?;
        let number = chars.as_str();
        let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        plain.then(|| number.parse().ok()).flatten().map(|number| Self { letter, number })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.letter, self.number))
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    /// What is decided, by its number.
    pub(super) decisions: BTreeMap<u16, String>,
    pub(super) groups: Vec<Group>,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) letter: char,
    pub(super) title: String,
    pub(super) statements: BTreeMap<Id, Statement>,
}

#[derive(Debug)]
pub(super) struct Statement {
    pub(super) title: String,
    /// What is done instead, where this project does something else.
    pub(super) decided: Option<Decided>,
    /// Why no test can show what is done instead.
    pub(super) without_counterpart: Option<String>,
}

/// Why a statement does not hold here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Decided {
    /// One of the list's decisions.
    Number(u16),
    Reason(String),
}

impl Statements {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("cannot use {}", path.display()))
    }

    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        let mut decisions = BTreeMap::new();
        for (number, sentence) in file.decisions {
            let number =
                number.parse().with_context(|| format!("`{number}` numbers no decision"))?;
            decisions.insert(number, sentence);
        }
        let mut list = Self { decisions, groups: Vec::new() };
        for group in file.group {
            let group = list.group(group)?;
            list.groups.push(group);
        }
        Ok(list)
    }

    fn group(&self, group: FileGroup) -> anyhow::Result<Group> {
        let FileGroup { letter, title, statements: entries } = group;
        ensure!(self.groups.iter().all(|group| group.letter != letter), "two groups are {letter}");
        let mut statements = BTreeMap::new();
        for (id, entry) in entries {
            let Some(parsed) = Id::parse(&id).filter(|id| id.letter == letter) else {
                bail!("`{id}` is no statement of group {letter}");
            };
            let statement = Statement::from(entry);
            if let Some(Decided::Number(number)) = statement.decided {
                ensure!(
                    self.decisions.contains_key(&number),
                    "{id} names decision {number}, which is not in the list"
                );
            }
            ensure!(
                statement.decided.is_some() || statement.without_counterpart.is_none(),
                "{id} is without counterpart, but not decided"
            );
            statements.insert(parsed, statement);
        }
        Ok(Group { letter, title, statements })
    }

    pub(super) fn contains(&self, id: Id) -> bool {
        self.groups.iter().any(|group| group.statements.contains_key(&id))
    }
}

impl From<Entry> for Statement {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Title(title) => Self { title, decided: None, without_counterpart: None },
            Entry::Whole { title, decided, without_counterpart } => {
                Self { title, decided, without_counterpart }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    decisions: BTreeMap<String, String>,
    group: Vec<FileGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileGroup {
    letter: char,
    title: String,
    statements: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Entry {
    Title(String),
    Whole { title: String, decided: Option<Decided>, without_counterpart: Option<String> },
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[decisions]\n7 = \"compare\"\n[[group]]\nletter = \"A\"\ntitle = \"Values\"\n[group.statements]\n";

    fn parse(statements: &str) -> Result<Statements, String> {
        Statements::parse(&format!("{HEAD}{statements}")).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn statements_are_read_in_the_order_of_their_numbers() {
        let list = parse("A10 = \"ten\"\nA2 = { title = \"two\", decided = 7 }\n").unwrap();
        let group = &list.groups[0];
        let ids: Vec<String> = group.statements.keys().map(ToString::to_string).collect();
        assert_eq!(ids, ["A2", "A10"]);
        let two = &group.statements[&Id::parse("A2").unwrap()];
        assert_eq!(two.decided, Some(Decided::Number(7)));
        assert!(
            list.contains(Id::parse("A10").unwrap()) && !list.contains(Id::parse("A3").unwrap())
        );
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused() {
        let refusal = |statements| parse(statements).unwrap_err();
        assert!(refusal("B1 = \"b\"").contains("no statement of group A"));
        assert!(refusal("A01 = \"a\"").contains("no statement of group A"));
        assert!(refusal("A1 = { title = \"a\", decided = 8 }").contains("decision 8"));
        let refused = refusal("A1 = { title = \"a\", without_counterpart = \"none\" }");
        assert!(refused.contains("not decided"), "{refused}");
        assert!(parse("A1 = { title = \"a\", decide = 7 }").is_err());
    }

    #[test]
    fn the_list_of_the_project_is_whole() {
        let list = Statements::parse(include_str!("statements.toml")).unwrap();
        for group in &list.groups {
            for (index, id) in group.statements.keys().enumerate() {
                assert_eq!(usize::from(id.number), index + 1, "a number is missing before {id}");
            }
        }
        let count: usize = list.groups.iter().map(|group| group.statements.len()).sum();
        assert_eq!((list.groups.len(), count), (15, 307));
    }
}
