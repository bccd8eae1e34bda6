//! What a person types, a line each.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value as Json;

/// What can be typed.
pub(super) const HELP: &str = "\
what can be typed:
  name=value               sets an input; a value is JSON where it can be read as that, and else text
  call method args…        asks; arguments are JSON, or words
  get path > file          downloads what the session serves, `get rows.csv > rows.csv`
  upload name file…        gives files to an input, `upload data rows.csv`
  show name…, hide name…   outputs compute while they are shown
  print name               all of an output that is too long for a line
  help, quit";

/// One line, understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// Sets an input.
    Set { name: String, value: Json },
    /// Asks a message handler.
    Call { method: String, args: Vec<Json> },
    /// Requests a path, or a name that stands for one, and puts the answer into a file.
    Get { path: String, file: PathBuf },
    /// Gives files to an input.
    Upload { input: String, files: Vec<PathBuf> },
    /// Shows outputs.
    Show(Vec<String>),
    /// Hides outputs.
    Hide(Vec<String>),
    /// Prints an output whole.
    Print(String),
    /// Tells what can be typed.
    Help,
    /// Ends the session.
    Quit,
    /// An empty line, or one that begins with `#`.
    Nothing,
}

/// A line that is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoCommand(&'static str);

impl fmt::Display for NoCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Command {
    pub(super) fn parse(line: &str) -> Result<Self, NoCommand> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Nothing);
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        // An input may be called `get`.
        if rest.starts_with('=') {
            return set(line);
        }
        match word {
            "call" => call(rest),
            "get" => get(rest),
            "upload" => upload(rest),
            "show" => names(rest).map(Self::Show),
            "hide" => names(rest).map(Self::Hide),
            "print" if !rest.is_empty() => Ok(Self::Print(rest.to_owned())),
            "help" | "?" if rest.is_empty() => Ok(Self::Help),
            "quit" | "exit" if rest.is_empty() => Ok(Self::Quit),
            _ => set(line),
        }
    }
}

fn set(line: &str) -> Result<Command, NoCommand> {
    let no_command = NoCommand("that is no command; `help` tells what can be typed");
    let (name, value) = line.split_once('=').ok_or(no_command)?;
    let name = name.trim_end();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(NoCommand("an input is set with name=value, and its name has no space"));
    }
    Ok(Command::Set { name: name.to_owned(), value: json_or_text(value.trim()) })
}

fn json_or_text(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::from(text))
}

fn call(rest: &str) -> Result<Command, NoCommand> {
    let (method, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if method.is_empty() {
        return Err(NoCommand("a request needs a name: call method args…"));
    }
    Ok(Command::Call { method: method.to_owned(), args: arguments(rest) })
}

/// Values of JSON, or words, with space between them.
fn arguments(mut text: &str) -> Vec<Json> {
    let mut arguments = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return arguments;
        }
        let mut json = serde_json::Deserializer::from_str(text).into_iter();
        let read = json.next().and_then(Result::ok);
        let end = json.byte_offset();
        let (argument, rest) = match read {
            // `5a` is a word, not the number 5 and something else.
            Some(value)
                if text[end..].is_empty() || text[end..].starts_with(char::is_whitespace) =>
            {
                (value, &text[end..])
            }
            _ => {
                let end = text.find(char::is_whitespace).unwrap_or(text.len());
                (Json::from(&text[..end]), &text[end..])
            }
        };
        arguments.push(argument);
        text = rest;
    }
}

fn get(rest: &str) -> Result<Command, NoCommand> {
    const FORM: NoCommand = NoCommand("a download needs a place: get path > file");
    let (path, file) = rest.rsplit_once('>').ok_or(FORM)?;
    let (path, file) = (path.trim(), file.trim());
    if path.is_empty() || file.is_empty() {
        return Err(FORM);
    }
    Ok(Command::Get { path: path.to_owned(), file: file.into() })
}

fn upload(rest: &str) -> Result<Command, NoCommand> {
    const FORM: NoCommand = NoCommand("an upload needs an input and files: upload name file…");
    let word = |word| match word {
        Json::String(text) => text,
        // A file may be called 1.
        other => other.to_string(),
    };
    let mut words = arguments(rest).into_iter().map(word);
    let input = words.next().ok_or(FORM)?;
    let files: Vec<PathBuf> = words.map(Into::into).collect();
    if files.is_empty() { Err(FORM) } else { Ok(Command::Upload { input, files }) }
}

fn names(rest: &str) -> Result<Vec<String>, NoCommand> {
    let names: Vec<_> = rest
        .split([',', ' ', '\t'])
        .filter(|name| !name.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    if names.is_empty() {
        Err(NoCommand("which outputs? show name…, hide name…"))
    } else {
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(name: &str, value: Json) -> Result<Command, NoCommand> {
        Ok(Command::Set { name: name.to_owned(), value })
    }

    fn call(method: &str, args: Json) -> Result<Command, NoCommand> {
        let Json::Array(args) = args else { panic!("a list") };
        Ok(Command::Call { method: method.to_owned(), args })
    }

    #[test]
    fn an_input_is_json_where_it_can_be_and_else_text() {
        for (line, expected) in [
            ("n=21", set("n", json!(21))),
            (" n = -1.5 ", set("n", json!(-1.5))),
            ("text=noble gas", set("text", json!("noble gas"))),
            ("text=\"21\"", set("text", json!("21"))),
            ("text=", set("text", json!(""))),
            ("text=a=b", set("text", json!("a=b"))),
            ("on=true", set("on", json!(true))),
            ("minimum=null", set("minimum", Json::Null)),
            ("range=[1, 2]", set("range", json!([1, 2]))),
            ("add:shiny.action=1", set("add:shiny.action", json!(1))),
            ("get=3", set("get", json!(3))),
            ("call = 3", set("call", json!(3))),
        ] {
            assert_eq!(Command::parse(line), expected, "{line}");
        }
    }

    #[test]
    fn arguments_are_json_or_words() {
        for (line, expected) in [
            ("call ping", call("ping", json!([]))),
            ("call add 1 2", call("add", json!([1, 2]))),
            ("call  describe   mass ", call("describe", json!(["mass"]))),
            (
                "call f \"two words\" {\"a\": [1, 2]} x",
                call("f", json!(["two words", {"a": [1, 2]}, "x"])),
            ),
            ("call f 5a null \"open", call("f", json!(["5a", null, "\"open"]))),
            ("call f [1, 2", call("f", json!(["[1,", 2]))),
        ] {
            assert_eq!(Command::parse(line), expected, "{line}");
        }
    }

    #[test]
    fn a_download_has_a_path_and_a_file() {
        let get =
            |path: &str, file: &str| Ok(Command::Get { path: path.to_owned(), file: file.into() });
        assert_eq!(Command::parse("get rows.csv > out.csv"), get("rows.csv", "out.csv"));
        assert_eq!(Command::parse("get a>b c.csv"), get("a", "b c.csv"));
        for line in ["get", "get a", "get > b", "get a >"] {
            assert!(Command::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_upload_has_an_input_and_files() {
        let upload = |files: &[&str]| {
            let files = files.iter().map(Into::into).collect();
            Ok(Command::Upload { input: "data".to_owned(), files })
        };
        assert_eq!(Command::parse("upload data a.csv"), upload(&["a.csv"]));
        assert_eq!(Command::parse("upload data 1 \"b c.csv\""), upload(&["1", "b c.csv"]));
        assert_eq!(Command::parse("upload=3"), set("upload", json!(3)));
        for line in ["upload", "upload data"] {
            assert!(Command::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn outputs_are_shown_and_hidden_by_name() {
        let both = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(Command::parse("show a b"), Ok(Command::Show(both.clone())));
        assert_eq!(Command::parse("hide a, b"), Ok(Command::Hide(both)));
        assert_eq!(Command::parse("print a"), Ok(Command::Print("a".to_owned())));
        assert!(Command::parse("show").is_err());
    }

    #[test]
    fn what_is_no_command_is_said_to_be_none() {
        for line in ["nonsense", "help me", "a b=c", "=3", "call", "print"] {
            assert!(Command::parse(line).is_err(), "{line}");
        }
        for (line, command) in [
            ("help", Command::Help),
            ("?", Command::Help),
            ("quit", Command::Quit),
            ("exit", Command::Quit),
            ("", Command::Nothing),
            ("# a comment of a script", Command::Nothing),
        ] {
            assert_eq!(Command::parse(line), Ok(command), "{line}");
        }
    }
}
