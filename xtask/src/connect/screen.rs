//! Where the client writes: what the session says to stdout, everything else to stderr.

use std::io::{self, IsTerminal, Write};

use super::text;
use super::view::News;

/// A line of an output that fits this many columns is written over by the next one of the same output.
const COLUMNS: usize = 78;

/// One line for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// What the session says of an output.
    Output { name: String, text: String },
    /// Anything else that the session says.
    Said(String),
    /// About the conversation, not of it.
    Aside(String),
}

impl Line {
    /// What there is to say of news; nothing of those that concern the conversation alone.
    pub(super) fn of(news: &News) -> Option<Self> {
        Some(match news {
            News::Output { name, shows, links } => {
                let shown = text::plain(name);
                let mut text = match shows {
                    Ok(value) => format!("{shown} = {}", text::line(value)),
                    Err(error) => format!("{shown} ! {}", text::plain(error)),
                };
                for link in links {
                    text.push_str(&format!(" (get {})", text::plain(link)));
                }
                Self::Output { name: name.clone(), text }
            }
            News::Working(name) => Self::Aside(format!("{} is worked on", text::plain(name))),
            // What only a page can do anything with.
            News::Message { kind, message } if kind.starts_with("shiny-") => {
                Self::Aside(format!("{}: {}", text::plain(kind), text::line(message)))
            }
            News::Message { kind, message } => {
                Self::Said(format!("{}: {}", text::plain(kind), text::line(message)))
            }
            News::Bytes { kind, length } => {
                Self::Said(format!("{}: {}", text::plain(kind), text::bytes(*length as u64)))
            }
            News::Input { name, value } => Self::Aside(format!(
                "the server sets {}={}",
                text::plain(name),
                text::plain(&value.to_string())
            )),
            News::Answer { .. } | News::Busy(_) => return None,
        })
    }
}

/// Two places to write to.
pub(super) struct Screen<O, E> {
    out: O,
    out_is: Style,
    err: E,
    err_is: Style,
    /// The output whose line was written last, with nothing behind it.
    last: Option<String>,
    /// The bar that stands below the lines.
    bar: String,
}

/// What there is to write on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Files and pipes: a line for everything that changed.
    Plain,
    /// A terminal: an output that changes again is written over its last line; downloads have a bar.
    Terminal,
}

impl Screen<io::Stdout, io::Stderr> {
    /// Those of the process.
    pub(super) fn of_process() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (out_is, err_is) = (Style::of(&out), Style::of(&err));
        Self::new((out, out_is), (err, err_is))
    }
}

impl Style {
    fn of(stream: &impl IsTerminal) -> Self {
        match stream.is_terminal() {
            true => Self::Terminal,
            false => Self::Plain,
        }
    }
}

impl<O: Write, E: Write> Screen<O, E> {
    pub(super) fn new((out, out_is): (O, Style), (err, err_is): (E, Style)) -> Self {
        Self { out, out_is, err, err_is, last: None, bar: String::new() }
    }

    /// What was written to.
    #[cfg(test)]
    pub(super) fn into_inner(self) -> (O, E) {
        (self.out, self.err)
    }

    /// Writes a line.
    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        self.wipe_bar()?;
        match line {
            Line::Output { name, text } => {
                let short = text.chars().count() <= COLUMNS;
                if short && self.last.as_ref() == Some(name) {
                    // Up to that line and back again, so that what is being typed below it stays.
                    write!(self.out, "\x1b7\x1b[1A\r\x1b[2K{text}\x1b8")?;
                } else {
                    writeln!(self.out, "{text}")?;
                }
                self.last = (short && self.out_is == Style::Terminal).then(|| name.clone());
            }
            Line::Said(text) => {
                writeln!(self.out, "{text}")?;
                self.last = None;
            }
            Line::Aside(text) => {
                match self.err_is {
                    Style::Plain => writeln!(self.err, "{text}")?,
                    Style::Terminal => writeln!(self.err, "\x1b[2m{text}\x1b[0m")?,
                }
                self.last = None;
            }
        }
        self.out.flush()?;
        self.err.flush()?;
        self.draw_bar()
    }

    /// The person has ended a line, which stands there now.
    pub(super) fn typed(&mut self) {
        self.last = None;
    }

    /// Draws the bar anew on stderr; an empty one goes away. Only a terminal has one.
    pub(super) fn bar(&mut self, bar: &str) -> io::Result<()> {
        if self.err_is == Style::Plain || bar == self.bar {
            return Ok(());
        }
        self.wipe_bar()?;
        bar.clone_into(&mut self.bar);
        self.last = None;
        self.draw_bar()
    }

    fn wipe_bar(&mut self) -> io::Result<()> {
        if !self.bar.is_empty() {
            write!(self.err, "\r\x1b[2K")?;
            self.err.flush()?;
        }
        Ok(())
    }

    fn draw_bar(&mut self) -> io::Result<()> {
        if !self.bar.is_empty() {
            write!(self.err, "\r\x1b[2K{}", self.bar)?;
            self.err.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn output(name: &str, text: &str) -> Line {
        Line::Output { name: name.to_owned(), text: text.to_owned() }
    }

    fn written(style: Style, work: impl FnOnce(&mut Screen<Vec<u8>, Vec<u8>>)) -> (String, String) {
        let mut screen = Screen::new((Vec::new(), style), (Vec::new(), style));
        work(&mut screen);
        (String::from_utf8(screen.out).unwrap(), String::from_utf8(screen.err).unwrap())
    }

    #[test]
    fn news_are_a_line_each() {
        let output = |shows, links| News::Output { name: "a".into(), shows, links };
        let out = |text: &str| Some(self::output("a", text));
        let said = |text: &str| Some(Line::Said(text.into()));
        let aside = |text: &str| Some(Line::Aside(text.into()));
        for (news, line) in [
            (output(Ok(json!("x")), vec![]), out("a = x")),
            (output(Err("bad\u{7}".into()), vec![]), out("a ! bad\u{fffd}")),
            (output(Ok(json!("<a>x</a>")), vec!["r.csv".into()]), out("a = x (get r.csv)")),
            (News::Working("a".into()), aside("a is worked on")),
            (News::Message { kind: "hi".into(), message: json!("x") }, said("hi: x")),
            (News::Message { kind: "shiny-x".into(), message: json!(1) }, aside("shiny-x: 1")),
            (News::Bytes { kind: "hi".into(), length: 1500 }, said("hi: 1.5 kB")),
            (News::Input { name: "n".into(), value: json!("") }, aside("the server sets n=\"\"")),
            (News::Busy(true), None),
            (News::Answer { tag: 0, answer: Ok(json!(1)) }, None),
        ] {
            assert_eq!(Line::of(&news), line, "{news:?}");
        }
    }

    #[test]
    fn what_the_session_says_and_what_is_said_about_it_are_kept_apart() {
        let (out, err) = written(Style::Plain, |screen| {
            screen.write(&output("a", "a = 1")).unwrap();
            screen.write(&Line::Said("hi: x".into())).unwrap();
            screen.write(&Line::Aside("a is worked on".into())).unwrap();
            screen.write(&output("a", "a = 2")).unwrap();
            screen.write(&output("a", "a = 3")).unwrap();
            screen.bar("50 %").unwrap();
        });
        assert_eq!(out, "a = 1\nhi: x\na = 2\na = 3\n");
        assert_eq!(err, "a is worked on\n");
    }

    #[test]
    fn on_a_terminal_an_output_that_changes_again_is_written_over() {
        let (out, _) = written(Style::Terminal, |screen| {
            screen.write(&output("clock", "clock = 1")).unwrap();
            screen.write(&output("clock", "clock = 2")).unwrap();
            screen.typed();
            screen.write(&output("clock", "clock = 3")).unwrap();
            screen.write(&output("b", "b = 1")).unwrap();
            screen.write(&output("clock", "clock = 4")).unwrap();
        });
        assert_eq!(
            out,
            "clock = 1\n\x1b7\x1b[1A\r\x1b[2Kclock = 2\x1b8clock = 3\nb = 1\nclock = 4\n"
        );
    }

    #[test]
    fn a_long_line_is_not_written_over() {
        let long = "x".repeat(COLUMNS + 1);
        let (out, _) = written(Style::Terminal, |screen| {
            screen.write(&output("a", &long)).unwrap();
            screen.write(&output("a", "a = 1")).unwrap();
        });
        assert_eq!(out, format!("{long}\na = 1\n"));
    }

    #[test]
    fn a_bar_stands_below_the_lines_and_goes_away() {
        let (out, err) = written(Style::Terminal, |screen| {
            screen.bar("1 %").unwrap();
            screen.write(&output("a", "a = 1")).unwrap();
            screen.bar("2 %").unwrap();
            screen.bar("").unwrap();
        });
        assert_eq!(out, "a = 1\n");
        let wipe = "\r\x1b[2K";
        assert_eq!(err, format!("{wipe}1 %{wipe}{wipe}1 %{wipe}{wipe}2 %{wipe}"));
    }
}
