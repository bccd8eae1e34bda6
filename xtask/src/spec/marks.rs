//! The comments that say what a test proves.

use std::fmt;
use std::path::{Path, PathBuf};

use super::rust;
use super::statements::Id;

/// What stands in such a comment before the numbers.
const SPEC: &str = "spec:";

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Language {
    Rust,
    JavaScript,
    Python,
}

impl Language {
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "rs" => Some(Self::Rust),
            "js" => Some(Self::JavaScript),
            "py" => Some(Self::Python),
            _ => None,
        }
    }

    const fn comment(self) -> &'static str {
        match self {
            Self::Rust | Self::JavaScript => "//",
            Self::Python => "#",
        }
    }
}

/// A comment above a test.
#[derive(Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) statements: Vec<Id>,
    pub(super) decisions: Vec<u16>,
    /// What the test is called in its file.
    pub(super) test: String,
}

/// What is wrong with a comment.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// Adds what the comments of a file say.
pub(super) fn read(
    file: &Path,
    language: Language,
    text: &str,
    marks: &mut Vec<Mark>,
    faults: &mut Vec<Fault>,
) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (index, line) in lines.iter().enumerate() {
        let found = match language {
            Language::Rust if rust::is_doc(line) => rust::example(&lines, index)
                .map(|example| example.and_then(|(body, test)| Ok((numbers(body)?, test)))),
            _ => marked(line, language).map(|body| {
                let numbers = numbers(body?)?;
                let test = match language {
                    Language::Rust => rust::test(file, &lines, index + 1),
                    Language::JavaScript => below(&lines, index, language).and_then(javascript),
                    Language::Python => below(&lines, index, language).and_then(python),
                };
                Ok((numbers, test?))
            }),
        };
        let (file, line) = (file.to_owned(), index + 1);
        match found {
            None => {}
            Some(Ok((Numbers { statements, decisions }, test))) => {
                marks.push(Mark { file, line, statements, decisions, test });
            }
            Some(Err(what)) => faults.push(Fault { file, line, what }),
        }
    }
}

/// What a comment says after `spec:`, if it is one of ours.
fn marked(line: &str, language: Language) -> Option<Result<&str, String>> {
    let start = language.comment();
    if let Some(comment) = line.strip_prefix(start) {
        return after_spec(comment);
    }
    // In the middle of a line it stands above nothing; unless it is part of a text that speaks of such comments.
    let body = line.rsplit_once(start).and_then(|(_, comment)| after_spec(comment)?.ok())?;
    let ours = numbers(body).is_ok();
    ours.then(|| Err(format!("write it on a line of its own: `{start} {SPEC} …`, above the test")))
}

/// `spec:` as it should be written, or a hint at how.
pub(super) fn after_spec(comment: &str) -> Option<Result<&str, String>> {
    if let Some(body) = comment.strip_prefix(" spec: ") {
        return Some(Ok(body.trim()));
    }
    let begins = |start: &str| {
        let text = comment.trim_start();
        text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
    };
    begins(SPEC).then(|| Err(format!("write it as ` {SPEC} A6, I10`, with one space each")))
}

#[derive(Debug, PartialEq)]
struct Numbers {
    statements: Vec<Id>,
    decisions: Vec<u16>,
}

/// Reads `A6, I10 (decision 7)`, `decisions 3 and 15`, and `C9 (whatever one wants to say of it)`.
fn numbers(body: &str) -> Result<Numbers, String> {
    let mut numbers = Numbers { statements: Vec::new(), decisions: Vec::new() };
    let (body, note) = match body.split_once('(') {
        Some((body, note)) => {
            let note = note.strip_suffix(')').ok_or("the note has no closing bracket")?;
            (body.trim(), note)
        }
        None => (body, ""),
    };
    if body.starts_with("decision") {
        numbers.decisions = decisions(body)?;
        return Ok(numbers);
    }
    for word in words(body) {
        let id = Id::parse(word).ok_or_else(|| format!("`{word}` is no number of a statement"))?;
        if numbers.statements.contains(&id) {
            return Err(format!("names {id} twice"));
        }
        numbers.statements.push(id);
    }
    if numbers.statements.is_empty() {
        return Err("names no statement".to_owned());
    }
    if note.starts_with("decision") {
        numbers.decisions = decisions(note)?;
    }
    Ok(numbers)
}

fn decisions(text: &str) -> Result<Vec<u16>, String> {
    let Some((_, list)) = text.split_once(' ') else {
        return Err("names no decision".to_owned());
    };
    // What follows a colon or semicolon is said of the decision.
    let list = list.split([':', ';']).next().unwrap_or(list);
    let number =
        |word: &str| word.parse().map_err(|_| format!("`{word}` is no number of a decision"));
    words(list).filter(|word| *word != "and").map(number).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|word| !word.is_empty())
}

/// The line of code that a comment stands above, other comments aside.
fn below<'a>(lines: &[&'a str], index: usize, language: Language) -> Result<&'a str, String> {
    let skipped = |line: &str| {
        line.starts_with(language.comment())
            || (language == Language::Python && line.starts_with('@'))
    };
    let next = lines[index + 1..].iter().find(|line| !skipped(line));
    next.copied().filter(|line| !line.is_empty()).ok_or_else(|| NOT_ABOVE.to_owned())
}

pub(super) const NOT_ABOVE: &str = "is not directly above a test";

/// A check of a page is a call that begins with its name: `all.set("says so", …)`.
fn javascript(line: &str) -> Result<String, String> {
    let call =
        line.split_once("(\"").and_then(|(call, rest)| Some((call, rest.split_once('"')?.0)));
    let is_callee = |call: &str| {
        !call.is_empty() && call.chars().all(|char| char.is_alphanumeric() || "._".contains(char))
    };
    let named = call.filter(|(call, _)| is_callee(call.trim_start_matches("await ")));
    named.map(|(_, name)| name.to_owned()).ok_or_else(|| NOT_ABOVE.to_owned())
}

fn python(line: &str) -> Result<String, String> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let name = line.strip_prefix("def ").and_then(|rest| rest.split_once('('));
    name.map(|(name, _)| name.to_owned()).ok_or_else(|| NOT_ABOVE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tests with their numbers, and the faults.
    fn of(file: &str, lines: &[&str]) -> (Vec<String>, Vec<String>) {
        let (mut marks, mut faults) = (Vec::new(), Vec::new());
        let path = Path::new(file);
        read(path, Language::of(path).unwrap(), &lines.join("\n"), &mut marks, &mut faults);
        let shown = |mark: &Mark| {
            let ids: Vec<String> = mark.statements.iter().map(ToString::to_string).collect();
            format!("{} {}", mark.test, ids.join(" "))
        };
        (marks.iter().map(shown).collect(), faults.iter().map(ToString::to_string).collect())
    }

    fn marks(file: &str, lines: &[&str]) -> Vec<String> {
        let (marks, faults) = of(file, lines);
        assert!(faults.is_empty(), "{faults:?}");
        marks
    }

    fn fault(lines: &[&str]) -> String {
        let (marks, faults) = of("a/tests/b.rs", lines);
        assert_eq!((marks.len(), faults.len()), (0, 1), "{marks:?} {faults:?}");
        faults[0].clone()
    }

    #[test]
    fn a_comment_stands_above_the_function_of_a_test() {
        let lines = ["// spec: A6, I10 (decision 7)", "#[test]", "fn holds() {"];
        assert_eq!(marks("a/tests/b.rs", &lines), ["holds A6 I10"]);
        let lines = [
            "  // spec: C9 C10 (as one does)",
            "  // Why.",
            "  #[tokio::test(",
            "    start_paused = true",
            "  )]",
            "  async fn holds() {",
        ];
        assert_eq!(marks("a/src/b.rs", &lines), ["holds C9 C10"]);
    }

    #[test]
    fn a_comment_elsewhere_is_wrong() {
        let untested = fault(&["", "// spec: A6", "fn f() {"]);
        assert_eq!(untested, "a/tests/b.rs:2: `f` is no test: it lacks the attribute");
        assert!(
            fault(&["// spec: A6", "#[derive(Debug)]", "struct S;"]).contains("not directly above")
        );
        assert!(fault(&["// spec: A6", "", "#[test]", "fn f() {"]).contains("not directly above"));
        assert!(fault(&["// spec: A6"]).contains("not directly above"));
        assert!(fault(&["let a = 1; // spec: A6"]).contains("line of its own"));
        assert!(
            fault(&["// spec: A6", "#[test]", "#[ignore = \"slow\"]", "fn f() {"])
                .contains("ignored")
        );
        assert_eq!(of("a/tests/b.rs", &["let a = \"// spec: A6\";"]), (vec![], vec![]));
    }

    #[test]
    fn a_comment_that_is_written_otherwise_is_not_overlooked() {
        for comment in ["//spec: A6", "// Spec: A6", "// spec:A6", "//  spec: A6"] {
            assert!(fault(&[comment, "#[test]", "fn f() {"]).contains("write it as"), "{comment}");
        }
    }

    #[test]
    fn numbers_are_one_letter_and_digits_and_decisions_say_so() {
        let ids = |body| {
            let read = numbers(body)?;
            let ids = read.statements.iter().map(ToString::to_string).collect::<Vec<_>>();
            Ok::<_, String>((ids.join(" "), read.decisions))
        };
        assert_eq!(ids("A6"), Ok(("A6".into(), vec![])));
        assert_eq!(
            ids("A6 I10, B2 (decisions 7, 8 and 9)"),
            Ok(("A6 I10 B2".into(), vec![7, 8, 9]))
        );
        assert_eq!(ids("decisions 15 and 29"), Ok((String::new(), vec![15, 29])));
        assert_eq!(ids("A6 (decision 7: compare)"), Ok(("A6".into(), vec![7])));
        assert!(ids("A6-A9").unwrap_err().contains("`A6-A9`"));
        assert!(ids("a6").unwrap_err().contains("`a6`"));
        assert!(ids("A6 A6").unwrap_err().contains("twice"));
        assert!(ids("decision seven").unwrap_err().contains("`seven`"));
        assert!(ids("A6 (decision 7").unwrap_err().contains("bracket"));
        assert!(ids("(decision 7)").unwrap_err().contains("no statement"));
    }

    #[test]
    fn a_comment_in_javascript_stands_above_a_check_with_its_name() {
        let lines = ["// spec: M1", "// Why.", "  all.set(\"it is hidden\", async () => {"];
        assert_eq!(marks("a/checks.js", &lines), ["it is hidden M1"]);
        assert!(!of("a/checks.js", &["// spec: M1", "const a = b;"]).1.is_empty());
        assert!(!of("a/checks.js", &["// spec: M1", "", "all.set(\"it\", f)"]).1.is_empty());
    }

    #[test]
    fn a_comment_in_python_stands_above_a_function() {
        let lines = ["# spec: M1", "@check", "async def is_hidden(page):"];
        assert_eq!(marks("a/checks.py", &lines), ["is_hidden M1"]);
        assert!(!of("a/checks.py", &["# spec: M1", "a = 1"]).1.is_empty());
    }
}
