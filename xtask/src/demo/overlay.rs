//! Values that the environment and the command line put over those of the configuration file.
//!
//! ```text
//! file                               [session]                     [[transport]]
//!                                    init_timeout = "30s"          listen = "127.0.0.1:8000"
//! environment   goes over the file   DEMO_SESSION__INIT_TIMEOUT=5s  DEMO_TRANSPORT__0__LISTEN=127.0.0.1:9000
//! command line  goes over both       --set session.init_timeout=5s  --set transport.0.listen=127.0.0.1:9000
//! ```
//!
//! A value is TOML where it can be read as that (`5`, `true`, `["a", "b"]`, `"5"`) and else the text itself, so that
//! nobody has to quote twice. What is set in none of them has its default.

use std::fmt;

use session_core::config::ConfigError;
use session_core::config::toml::{Table, Value};

/// What the names of environment variables begin with that are meant for the demo.
const PREFIX: &str = "DEMO_";

/// Values by their key, the ones that count more behind the others.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    values: Vec<Over>,
}

/// One value, and whom to tell when it is wrong.
#[derive(Debug, Clone, PartialEq)]
struct Over {
    path: Vec<String>,
    value: Value,
    /// As its author wrote it: `--set session.inputs=0`.
    written: String,
}

impl Overlay {
    /// Takes the variables that are meant for the demo out of an environment: `DEMO_SESSION__INPUTS` is
    /// `session.inputs`, with `__` between the parts.
    pub(super) fn environment(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), OverlayError> {
        let mut found = Vec::new();
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let path: Vec<_> = rest.to_lowercase().split("__").map(ToOwned::to_owned).collect();
            let written = format!("environment {name}={text}");
            if path.iter().any(String::is_empty) {
                let problem = "is not a key: write DEMO_SESSION__INPUTS for session.inputs";
                return Err(OverlayError { written, problem: problem.to_owned() });
            }
            found.push(Over { path, value: value(&text), written });
        }
        // An environment has no order of its own; the second transport has to come after the first.
        found.sort_by(|a, b| order(&a.path).cmp(&order(&b.path)));
        self.values.extend(found);
        Ok(())
    }

    /// Takes the argument of `--set`: `session.inputs=5`, `transport.0.listen=127.0.0.1:9000`.
    pub(super) fn argument(&mut self, argument: &str) -> Result<(), OverlayError> {
        let written = format!("--set {argument}");
        let refused = || OverlayError {
            written: written.clone(),
            problem: "is not KEY=VALUE, such as session.inputs=5 or transport.0.listen=127.0.0.1:0"
                .to_owned(),
        };
        let (key, text) = argument.split_once('=').ok_or_else(refused)?;
        let path = path(key).ok_or_else(refused)?;
        self.values.push(Over { path, value: value(text), written });
        Ok(())
    }

    /// Takes a value that has an option of its own.
    pub(super) fn option(&mut self, written: String, path: &[&str], text: &str) {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        self.values.push(Over { path, value: Value::String(text.to_owned()), written });
    }

    /// Puts the values into the table of a file.
    pub(super) fn apply(&self, table: Table) -> Result<Table, OverlayError> {
        let mut root = Value::Table(table);
        for over in &self.values {
            let failed = |problem| OverlayError { written: over.written.clone(), problem };
            *place(&mut root, &over.path).map_err(failed)? = over.value.clone();
        }
        match root {
            Value::Table(table) => Ok(table),
            _ => Ok(Table::new()), // No path is empty, so the root is the table it was.
        }
    }

    /// The error again, told to whoever wrote the value at fault; as it was when the file, of which `table` holds what
    /// stood there, is to blame.
    pub(super) fn explain(&self, error: ConfigError, table: &Table) -> anyhow::Error {
        let at = path(error.key()).unwrap_or_default();
        let in_file = look(table, &at).is_some();
        let concerns = |over: &&Over| {
            // The key itself, or all of a table that holds it; a part of the value that is named, or of a table that
            // the file does not have.
            at.starts_with(&over.path)
                || (over.path.starts_with(&at) && (error.value().is_some() || !in_file))
        };
        match self.values.iter().rev().find(concerns) {
            Some(over) if !at.is_empty() => OverlayError {
                written: over.written.clone(),
                problem: format!("{}: {}", error.key(), error.problem()),
            }
            .into(),
            _ => error.into(),
        }
    }
}

/// A value from the environment or the command line that cannot be used.
#[derive(Debug)]
pub(super) struct OverlayError {
    written: String,
    problem: String,
}

impl fmt::Display for OverlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.written, self.problem)
    }
}

impl std::error::Error for OverlayError {}

/// The parts of a key: `transport.0.listen`, also as errors write it, `transport[0].listen`. `None` if it is none.
fn path(key: &str) -> Option<Vec<String>> {
    let dotted = key.replace('[', ".").replace(']', "");
    let mut table = one_line(&format!("{dotted} = 0"))?;
    let mut path = Vec::new();
    loop {
        let (part, value) = std::mem::take(&mut table).into_iter().next()?;
        path.push(part);
        match value {
            Value::Table(inner) => table = inner,
            _ => return Some(path),
        }
    }
}

fn value(text: &str) -> Value {
    let table = one_line(&format!("value = {text}"));
    let value = table.and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn one_line(text: &str) -> Option<Table> {
    if text.contains(['\n', '\r']) {
        return None;
    }
    text.parse().ok()
}

/// Numbers by their size, all else by the alphabet.
fn order(path: &[String]) -> Vec<(Option<usize>, &str)> {
    path.iter().map(|part| (part.parse().ok(), part.as_str())).collect()
}

/// What stands in a table.
fn look<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(first)?, |value, part| match value {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    })
}

/// Where a value goes. What is not there yet is made on the way, a list where the next part is a number.
fn place<'a>(root: &'a mut Value, path: &[String]) -> Result<&'a mut Value, String> {
    let mut value = root;
    for (at, part) in path.iter().enumerate() {
        let next = path.get(at + 1);
        let new = || match next.map(|next| next.parse::<usize>()) {
            Some(Ok(_)) => Value::Array(Vec::new()),
            _ => Value::Table(Table::new()),
        };
        value = match value {
            Value::Table(table) => table.entry(part.clone()).or_insert_with(new),
            Value::Array(list) => {
                let count = list.len();
                let before = path[..at].join(".");
                let index: usize = part
                    .parse()
                    .map_err(|_| format!("`{before}` is a list: say which, {before}.0.{part}"))?;
                if index == count {
                    list.push(new());
                }
                list.get_mut(index).ok_or_else(|| {
                    format!("`{before}` has {count}, so the next is {before}.{count}")
                })?
            }
            _ => return Err(format!("`{}` is a value, it has no `{part}`", path[..at].join("."))),
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use session_core::config::Config;

    use super::*;

    const FILE: &str = "[session]\ninputs = 5\n[[transport]]\nkind = \"ws\"\nlisten = \"a:1\"\n";

    fn variables(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(owned).collect::<Vec<_>>().into_iter()
    }

    fn overlay(environment: &[(&str, &str)], arguments: &[&str]) -> Result<Overlay, OverlayError> {
        let mut overlay = Overlay::default();
        overlay.environment(variables(environment))?;
        for argument in arguments {
            overlay.argument(argument)?;
        }
        Ok(overlay)
    }

    /// What the file and what goes over it give, as one line of TOML.
    fn merged(environment: &[(&str, &str)], arguments: &[&str]) -> String {
        let merged = overlay(environment, arguments).and_then(|o| o.apply(FILE.parse().unwrap()));
        merged.map_or_else(|error| error.to_string(), |table| Value::Table(table).to_string())
    }

    /// What is said of a configuration that cannot work.
    fn said(environment: &[(&str, &str)], arguments: &[&str]) -> String {
        let overlay = overlay(environment, arguments).unwrap();
        let file: Table = FILE.parse().unwrap();
        let table = overlay.apply(file.clone()).unwrap();
        let error = Config::from_table(table, Some("app.toml".into())).unwrap_err();
        overlay.explain(error, &file).to_string()
    }

    #[test]
    fn the_command_line_goes_over_the_environment_and_both_over_the_file() {
        let environment = [("DEMO_SESSION__INPUTS", "6"), ("DEMO_TRANSPORT__0__LISTEN", "b:2")];
        assert_eq!(
            merged(&environment, &["session.inputs=7"]),
            r#"{ session = { inputs = 7 }, transport = [{ kind = "ws", listen = "b:2" }] }"#
        );
    }

    #[test]
    fn of_two_arguments_the_later_counts() {
        assert!(merged(&[], &["session.inputs=7", "session.inputs=8"]).contains("inputs = 8"));
    }

    #[test]
    fn other_variables_are_not_looked_at() {
        let file = Value::Table(FILE.parse().unwrap()).to_string();
        assert_eq!(merged(&[("PATH", "/bin"), ("MY_DEMO_X", "1"), ("demo_x", "1")], &[]), file);
    }

    #[test]
    fn a_value_is_toml_where_it_can_be_and_else_text() {
        for (text, expected) in [
            ("5", "5"),
            ("true", "true"),
            ("\"5\"", "\"5\""),
            ("[\"a\", 1]", "[\"a\", 1]"),
            ("{ lib = \"x\" }", "{ lib = \"x\" }"),
            ("10s", "\"10s\""),
            ("127.0.0.1:80", "\"127.0.0.1:80\""),
            ("", "\"\""),
            ("a=b", "\"a=b\""),
            ("1\nother = 2", "\"\"\"\n1\nother = 2\"\"\""),
        ] {
            assert_eq!(value(text).to_string(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_key_is_written_with_dots_or_as_errors_write_it() {
        let expected = Some(vec!["transport".to_owned(), "0".to_owned(), "listen".to_owned()]);
        assert_eq!(path("transport.0.listen"), expected);
        assert_eq!(path("transport[0].listen"), expected);
        let quoted = Some(vec!["folders".to_owned(), "a.b/c".to_owned()]);
        assert_eq!(path("folders.\"a.b/c\""), quoted);
        for no_key in ["", ".", "a..b", "a b", "a\nb"] {
            assert_eq!(path(no_key), None, "{no_key:?}");
        }
    }

    #[test]
    fn a_transport_can_be_added_in_any_order_of_the_environment() {
        let environment = [
            ("DEMO_TRANSPORT__2__KIND", "quic"),
            ("DEMO_TRANSPORT__1__KIND", "stdio"),
            ("DEMO_TRANSPORT__2__LISTEN", "c:3"),
        ];
        let merged = merged(&environment, &[]);
        let expected = r#"{ kind = "stdio" }, { kind = "quic", listen = "c:3" }]"#;
        assert!(merged.contains(expected), "{merged}");
    }

    #[test]
    fn tables_that_the_file_lacks_are_made() {
        let overlay = overlay(&[], &["server.drain=1s", "transport.0.kind=ws"]).unwrap();
        let table = overlay.apply(Table::new()).unwrap();
        let expected = r#"{ server = { drain = "1s" }, transport = [{ kind = "ws" }] }"#;
        assert_eq!(Value::Table(table).to_string(), expected);
    }

    #[test]
    fn what_cannot_be_put_over_the_file_is_told_to_its_author() {
        for (argument, expected) in [
            ("session", "--set session: is not KEY=VALUE"),
            ("=5", "--set =5: is not KEY=VALUE"),
            ("session.inputs.x=1", "`session.inputs` is a value, it has no `x`"),
            ("transport.listen=x", "`transport` is a list: say which, transport.0.listen"),
            ("transport.3.kind=ws", "`transport` has 1, so the next is transport.1"),
        ] {
            let said = merged(&[], &[argument]);
            assert!(said.contains(expected), "{argument}: {said}");
        }
        let said = merged(&[("DEMO_SESSION____INPUTS", "5")], &[]);
        assert!(said.starts_with("environment DEMO_SESSION____INPUTS=5: is not a key"), "{said}");
    }

    #[test]
    fn an_error_names_where_the_value_came_from() {
        assert_eq!(
            said(&[("DEMO_SESSION__INPUTS", "0")], &[]),
            "environment DEMO_SESSION__INPUTS=0: session.inputs: must be more than zero"
        );
        assert_eq!(
            said(&[("DEMO_SESSION__INPUTS", "7")], &["session.inputs=0"]),
            "--set session.inputs=0: session.inputs: must be more than zero"
        );
        let unknown = said(&[("DEMO_SESION__INPUTS", "7")], &[]);
        assert!(
            unknown.starts_with("environment DEMO_SESION__INPUTS=7: sesion: unknown"),
            "{unknown}"
        );
        let whole = said(&[], &["session={ inputs = 0 }"]);
        assert!(whole.starts_with("--set session={ inputs = 0 }: session.inputs: must"), "{whole}");
        let file = said(&[("DEMO_TRANSPORT__0__LISTEN", "x:1")], &["session.depth=999"]);
        assert!(file.starts_with("--set session.depth=999: session.depth: is larger"), "{file}");
    }

    #[test]
    fn an_error_of_the_file_stays_one_of_the_file() {
        let mut overlay = Overlay::default();
        overlay.argument("transport.0.listen=b:2").unwrap();
        let file: Table = FILE.replace("inputs = 5", "inputs = 0").parse().unwrap();
        let table = overlay.apply(file.clone()).unwrap();
        let error = Config::from_table(table, Some("app.toml".into())).unwrap_err();
        assert_eq!(
            overlay.explain(error, &file).to_string(),
            "app.toml: session.inputs = 0: must be more than zero"
        );
    }
}
