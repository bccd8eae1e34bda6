//! Which statements are tested, decided differently, or open.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::marks::{Fault, Mark};
use super::statements::{Decided, Id, Statement, Statements};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Tested,
    /// Something else is done, and tested; or there is nothing to test, for a reason.
    Decided,
    Open,
}

#[derive(Debug)]
pub(super) struct Coverage<'a> {
    list: &'a Statements,
    tests: BTreeMap<Id, Vec<String>>,
}

/// A statement as `--json` writes it.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    id: String,
    title: &'a str,
    state: State,
    tests: &'a [String],
}

impl<'a> Coverage<'a> {
    /// A mark that names what is not in the list counts for nothing, and is a fault.
    pub(super) fn new(list: &'a Statements, marks: &[Mark], faults: &mut Vec<Fault>) -> Self {
        let mut tests: BTreeMap<Id, Vec<String>> = BTreeMap::new();
        for mark in marks {
            let mut fault = |what: String| {
                faults.push(Fault { file: mark.file.clone(), line: mark.line, what });
            };
            for number in &mark.decisions {
                if !list.decisions.contains_key(number) {
                    fault(format!("decision {number} is not in the list"));
                }
            }
            for id in &mark.statements {
                if list.contains(*id) {
                    let test = format!("{}::{}", mark.file.display(), mark.test);
                    let tests = tests.entry(*id).or_default();
                    // Two comments above one test.
                    if !tests.contains(&test) {
                        tests.push(test);
                    }
                } else {
                    fault(format!("statement {id} is not in the list"));
                }
            }
        }
        Self { list, tests }
    }

    fn statements(&self) -> impl Iterator<Item = (Id, &'a Statement)> + use<'a> {
        let groups = self.list.groups.iter();
        groups.flat_map(|group| group.statements.iter().map(|(id, statement)| (*id, statement)))
    }

    fn tests(&self, id: Id) -> &[String] {
        self.tests.get(&id).map_or(&[], Vec::as_slice)
    }

    fn state(&self, id: Id, statement: &Statement) -> State {
        let tested = !self.tests(id).is_empty();
        match &statement.decided {
            Some(_) if tested || statement.without_counterpart.is_some() => State::Decided,
            None if tested => State::Tested,
            _ => State::Open,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.statements().count()
    }

    pub(super) fn count(&self, state: State) -> usize {
        self.statements().filter(|(id, statement)| self.state(*id, statement) == state).count()
    }

    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let entry = |(id, statement): (Id, &'a Statement)| Entry {
            id: id.to_string(),
            title: &statement.title,
            state: self.state(id, statement),
            tests: self.tests(id),
        };
        self.statements().map(entry).collect()
    }

    /// A line per group, then what is open, then the sum.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{:<50} {:>7} {:>9} {:>5}\n", "", "tested", "decided", "open");
        for group in &self.list.groups {
            let count = |state| {
                let states = group.statements.iter().map(|(id, it)| self.state(*id, it));
                states.filter(|its| *its == state).count()
            };
            let (tested, decided) = (count(State::Tested), count(State::Decided));
            let name = format!("{} {}", group.letter, group.title);
            let _ = writeln!(text, "{name:<50} {tested:>7} {decided:>9} {:>5}", count(State::Open));
        }
        let open = self.statements().filter(|(id, it)| self.state(*id, it) == State::Open);
        for (index, (id, statement)) in open.enumerate() {
            if index == 0 {
                text.push_str("\nopen:\n");
            }
            let _ = writeln!(text, "  {id:<4} {}", self.told(statement));
        }
        let _ = write!(
            text,
            "\n{} statements: {} tested, {} decided differently, {} open",
            self.len(),
            self.count(State::Tested),
            self.count(State::Decided),
            self.count(State::Open),
        );
        text
    }

    /// Each statement with its tests.
    pub(super) fn list(&self) -> String {
        let mut text = String::new();
        for group in &self.list.groups {
            let _ = writeln!(text, "{} {}", group.letter, group.title);
            for (id, statement) in &group.statements {
                let _ = writeln!(text, "  {id:<4} {}", self.told(statement));
                for test in self.tests(*id) {
                    let _ = writeln!(text, "         {test}");
                }
            }
            text.push('\n');
        }
        text
    }

    /// The statement, and what holds instead.
    fn told(&self, statement: &Statement) -> String {
        let mut text = statement.title.clone();
        let instead = match &statement.decided {
            None => None,
            Some(Decided::Reason(reason)) => Some(reason.clone()),
            Some(Decided::Number(number)) => {
                let sentence = self.list.decisions.get(number).map_or("", String::as_str);
                Some(format!("decision {number}: {sentence}"))
            }
        };
        for line in instead.iter().chain(&statement.without_counterpart) {
            let _ = write!(text, "\n       → {line}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const LIST: &str = "\
[decisions]
7 = \"compare\"
[[group]]
letter = \"A\"
title = \"Values\"
[group.statements]
A1 = \"one\"
A2 = { title = \"two\", decided = 7 }
A3 = { title = \"three\", decided = \"none here\", without_counterpart = \"nothing to see\" }
";

    fn mark(id: &str, decision: u16) -> Mark {
        Mark {
            file: Path::new("a/tests/b.rs").to_owned(),
            line: 3,
            statements: vec![Id::parse(id).unwrap()],
            decisions: vec![decision],
            test: "holds".to_owned(),
        }
    }

    #[test]
    fn a_statement_is_open_until_a_test_names_it_decided_or_not() {
        let list = Statements::parse(LIST).unwrap();
        let mut faults = Vec::new();
        let none = Coverage::new(&list, &[], &mut faults);
        let states = |coverage: &Coverage<'_>| {
            coverage.entries().iter().map(|entry| entry.state).collect::<Vec<_>>()
        };
        assert_eq!(states(&none), [State::Open, State::Open, State::Decided]);
        let both =
            Coverage::new(&list, &[mark("A1", 7), mark("A2", 7), mark("A2", 7)], &mut faults);
        assert_eq!(states(&both), [State::Tested, State::Decided, State::Decided]);
        assert_eq!(both.count(State::Open), 0);
        assert!(faults.is_empty());
        let json = serde_json::to_value(both.entries()).unwrap();
        let two = serde_json::json!({
            "id": "A2", "title": "two", "state": "decided", "tests": ["a/tests/b.rs::holds"]
        });
        assert_eq!(json[1], two);
        assert!(
            none.table().contains("A2   two\n       → decision 7: compare"),
            "{}",
            none.table()
        );
    }

    #[test]
    fn a_number_that_is_not_in_the_list_is_a_fault_with_its_place() {
        let list = Statements::parse(LIST).unwrap();
        let mut faults = Vec::new();
        let _ = Coverage::new(&list, &[mark("A9", 41)], &mut faults);
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "a/tests/b.rs:3: decision 41 is not in the list",
                "a/tests/b.rs:3: statement A9 is not in the list"
            ]
        );
    }
}
