//! Where a test is, in Rust: a function with an attribute, a law of the public suite, an example of the docs.

use std::path::Path;

use super::marks::{NOT_ABOVE, after_spec};

/// Folders whose functions are tests without the attribute, if something beside them names them: the laws that
/// every transport keeps, and the rounds of clients that others wrote.
const PLAYED: &[&str] =
    &["session-core/src/conformance/", "xtask/src/browser/", "xtask/src/interop/"];

/// The test that begins at a line, after other comments and its attributes.
pub(super) fn test(file: &Path, lines: &[&str], start: usize) -> Result<String, String> {
    let mut is_test = false;
    let mut at = start;
    let code = loop {
        let line = *lines.get(at).ok_or(NOT_ABOVE)?;
        if let Some(attribute) = line.strip_prefix("#[") {
            let path = attribute.split(['(', ']', ' ']).next().unwrap_or(attribute);
            is_test |= path == "test" || path.ends_with("::test");
            if path == "ignore" {
                return Err("is above a test that is ignored, which proves nothing".to_owned());
            }
            at += attribute_lines(&lines[at..]);
        } else if line.starts_with("//") {
            at += 1;
        } else {
            break line;
        }
    };
    let played = PLAYED.iter().any(|folder| file.starts_with(folder));
    if let Some(name) = function(code) {
        let tried = || named_elsewhere(lines, at, name);
        return if is_test || (played && tried()) {
            Ok(name.to_owned())
        } else {
            Err(format!("`{name}` is no test: it lacks the attribute"))
        };
    }
    // `server_law!("its name", …)`, the name on the same line or the next.
    if played && code.split_once("law!(").is_some_and(|(start, _)| is_name(start)) {
        let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let name = quoted(code).or_else(|| quoted(lines.get(at + 1)?));
        return name.ok_or_else(|| NOT_ABOVE.to_owned());
    }
    Err(NOT_ABOVE.to_owned())
}

/// How many lines an attribute takes.
fn attribute_lines(lines: &[&str]) -> usize {
    let mut depth = 0_i32;
    for (index, line) in lines.iter().enumerate() {
        for char in line.chars() {
            depth += i32::from(char == '[') - i32::from(char == ']');
        }
        if depth <= 0 {
            return index + 1;
        }
    }
    lines.len()
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let mut rest = line;
    while let Some((word, after)) = rest.split_once(' ') {
        if word == "fn" {
            let name = after.split(['(', '<']).next().unwrap_or(after);
            return is_name(name).then_some(name);
        }
        if !matches!(word, "async" | "pub") && !word.starts_with("pub(") {
            return None;
        }
        rest = after;
    }
    None
}

fn named_elsewhere(lines: &[&str], definition: usize, name: &str) -> bool {
    let names = |line: &str| {
        line.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == name)
    };
    lines
        .iter()
        .enumerate()
        .any(|(index, line)| index != definition && !line.starts_with("//") && names(line))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_alphanumeric() || char == '_')
}

pub(super) fn is_doc(line: &str) -> bool {
    line.starts_with("///") || line.starts_with("//!")
}

/// What a line of the docs says, if it is a mark: of which example, and its numbers.
pub(super) fn example<'a>(
    lines: &[&'a str],
    index: usize,
) -> Option<Result<(&'a str, String), String>> {
    let text = doc_text(lines[index]);
    // Hidden from the docs that are read, as the lines of an example that begin so are.
    let hidden = text.strip_prefix("# //").and_then(after_spec);
    let shown = || after_spec(text).or_else(|| text.strip_prefix("//").and_then(after_spec));
    let Some(body) = hidden else {
        return shown()
            .map(|_| Err("write it as a hidden line of the example: `# // spec: A11`".to_owned()));
    };
    Some(body.and_then(|body| Ok((body, named_example(lines, index)?))))
}

fn named_example(lines: &[&str], index: usize) -> Result<String, String> {
    let Some(fence) = fence_around(lines, index) else {
        return Err("is in no example".to_owned());
    };
    let idle = |word: &str| matches!(word, "ignore" | "no_run" | "text" | "toml" | "json" | "sh");
    if fence.split([',', ' ']).any(idle) {
        return Err(format!("is in an example that does not run: `{fence}`"));
    }
    let kind = if fence.contains("compile_fail") { "does not compile" } else { "example" };
    if lines[index].starts_with("//!") {
        return Ok(format!("its docs ({kind})"));
    }
    let item = item_below(lines, index).ok_or("is in the docs of nothing")?;
    Ok(format!("{item} ({kind})"))
}

/// What the fence says that opens the example around a line.
fn fence_around<'a>(lines: &[&'a str], index: usize) -> Option<&'a str> {
    let start = lines[..index].iter().rposition(|line| !is_doc(line)).map_or(0, |line| line + 1);
    let mut fence = None;
    for line in &lines[start..index] {
        if let Some(info) = doc_text(line).strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(info) };
        }
    }
    fence
}

fn doc_text(line: &str) -> &str {
    line.get(3..).unwrap_or_default().trim()
}

/// The item that the docs are of.
fn item_below<'a>(lines: &[&'a str], index: usize) -> Option<&'a str> {
    const ITEMS: &[&str] =
        &["fn", "struct", "enum", "trait", "type", "const", "static", "mod", "macro_rules!"];
    let mut at = index;
    loop {
        let line = lines.get(at)?;
        if line.starts_with("#[") {
            at += attribute_lines(&lines[at..]);
        } else if line.starts_with("//") {
            at += 1;
        } else {
            break;
        }
    }
    let mut words = lines[at].split([' ', '(', '<', '{', ':', ';']).filter(|word| !word.is_empty());
    words.find(|word| ITEMS.contains(word))?;
    words.find(|word| !ITEMS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(lines: &[&str], of: &str) -> Result<(String, String), String> {
        let index = lines.iter().position(|line| line.contains(of)).unwrap();
        example(lines, index).unwrap().map(|(body, test)| (body.to_owned(), test))
    }

    #[test]
    fn a_law_of_the_public_suite_is_a_test_by_its_entry_or_its_function() {
        let file = Path::new("session-core/src/conformance/session_laws/ends.rs");
        let entry = ["// spec: G6", "server_law!(", "\"ends so\",", "ends,", ");"];
        assert_eq!(test(file, &entry, 1), Ok("ends so".to_owned()));
        let entry = ["// spec: G6", "server_law!(\"ends so\", ends, serve),"];
        assert_eq!(test(file, &entry, 1), Ok("ends so".to_owned()));
        let function =
            ["// spec: G6", "async fn ends(client: Client) {", "server_law!(\"so\", ends)"];
        assert_eq!(test(file, &function, 1), Ok("ends".to_owned()));
        assert!(test(file, &function[..2], 1).is_err(), "nothing tries it");
        assert!(test(Path::new("session-core/src/a.rs"), &function, 1).is_err());
    }

    #[test]
    fn an_example_of_the_docs_carries_a_hidden_line() {
        let lines = [
            "/// Text.",
            "/// ```compile_fail,E0599",
            "/// # // spec: A11",
            "/// ```",
            "pub struct Read<T> {",
        ];
        assert_eq!(mark(&lines, "spec"), Ok(("A11".into(), "Read (does not compile)".into())));
        let lines =
            ["/// ```", "/// # // spec: A1", "/// ```", "#[must_use]", "pub const fn get(&self) {"];
        assert_eq!(mark(&lines, "spec"), Ok(("A1".into(), "get (example)".into())));
        let lines = ["//! ```", "//! # // spec: A1", "//! ```", "mod a;"];
        assert_eq!(mark(&lines, "spec"), Ok(("A1".into(), "its docs (example)".into())));
    }

    #[test]
    fn what_does_not_run_or_is_no_example_carries_nothing() {
        let lines = ["/// ```no_run", "/// # // spec: A1", "/// ```", "fn f() {"];
        assert!(mark(&lines, "spec").unwrap_err().contains("does not run"));
        let lines = ["/// ```", "/// ```", "/// # // spec: A1", "fn f() {"];
        assert!(mark(&lines, "spec").unwrap_err().contains("no example"));
        for shown in ["/// spec: A1", "/// // spec: A1"] {
            let lines = ["/// ```", shown, "/// ```", "fn f() {"];
            assert!(mark(&lines, "spec").unwrap_err().contains("hidden line"), "{shown}");
        }
        assert!(example(&["/// The spec: what is it?"], 0).is_none());
    }
}
