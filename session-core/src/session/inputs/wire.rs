//! The keys and values of inputs as the client writes them.

use std::borrow::Cow;

use reactive::Interrupt;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::Result;
use crate::catch::catch;
use crate::message::codec;
use crate::session::inputs::date::Date;
use crate::session::inputs::types::InputTypes;

/// `name` or `name:type`.
pub(crate) struct WireKey<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind<'a>,
}

impl<'a> WireKey<'a> {
    pub(crate) fn parse(
        key: &'a str,
        longest: usize,
        types: &'a InputTypes,
    ) -> Result<Self, Problem> {
        let (name, kind) = key.split_once(':').unwrap_or((key, ""));
        if name.len() > longest {
            return Err(Problem::LongName);
        }
        let kind = match types.get(kind) {
            Some(convert) => Kind::Own(convert),
            None => Kind::parse(kind)?,
        };
        Ok(Self { name, kind })
    }
}

/// Why a key is dropped (decision 28). Never with its value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("its name is too long")]
    LongName,
    #[error("its key has a second colon")]
    SecondColon,
    #[error("its type is unknown")]
    UnknownType,
    #[error("its value is nested too deep")]
    TooDeep,
    #[error("its value does not fit its type")]
    Malformed,
    #[error("a file does not come as a value")]
    File,
    #[error("the app does not take its value: {0}")]
    Refused(Interrupt),
}

/// What the client calls the type of an input.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'t> {
    Plain,
    Number,
    Password,
    Date,
    DateTime,
    Button,
    TaskButton,
    File,
    /// A name, in R.
    Symbol,
    /// Names, in R.
    Symbols,
    /// Columns, in R.
    Matrix,
    /// One that the app has added.
    Own(&'t (dyn Fn(&str) -> Result<Vec<u8>> + Send + Sync)),
}

/// What is kept of an accepted value.
pub(crate) struct Accepted<'a> {
    /// What to keep instead of the value as sent.
    pub(crate) json: Option<Cow<'a, str>>,
    /// The input is to be told when the flush is done.
    pub(crate) ready_when_done: bool,
}

impl Accepted<'_> {
    const AS_SENT: Self = Self { json: None, ready_when_done: false };
}

impl Kind<'_> {
    pub(crate) fn parse(kind: &str) -> Result<Self, Problem> {
        Ok(match kind {
            "" => Self::Plain,
            "shiny.number" => Self::Number,
            "shiny.password" => Self::Password,
            "shiny.date" => Self::Date,
            "shiny.datetime" => Self::DateTime,
            "shiny.action" | "bslib.toolbar.button" => Self::Button,
            "bslib.taskbutton" => Self::TaskButton,
            "shiny.file" => Self::File,
            "shiny.symbol" => Self::Symbol,
            "shiny.symbolList" => Self::Symbols,
            "shiny.matrix" => Self::Matrix,
            kind if kind.contains(':') => return Err(Problem::SecondColon),
            _ => return Err(Problem::UnknownType),
        })
    }

    /// Checks a value of this type (`wire` type, not the app's).
    pub(crate) fn accept<'a>(self, json: &'a str, deepest: usize) -> Result<Accepted<'a>, Problem> {
        if codec::depth(json) > deepest {
            return Err(Problem::TooDeep);
        }
        match self {
            Self::Plain | Self::Number | Self::Password => Ok(Accepted::AS_SENT),
            Self::Date => match parse::<OneOrMany<Cow<'a, str>>>(json)? {
                // A text that is no date is none; one in a range is a mistake.
                OneOrMany::One(Some(date)) if !is_date(&date) => {
                    Ok(Accepted { json: Some("null".into()), ready_when_done: false })
                }
                OneOrMany::Many(dates) if !dates.iter().flatten().all(|date| is_date(date)) => {
                    Err(Problem::Malformed)
                }
                _ => Ok(Accepted::AS_SENT),
            },
            Self::DateTime => match parse::<OneOrMany<f64>>(json)? {
                OneOrMany::One(None) => Err(Problem::Malformed),
                _ => Ok(Accepted::AS_SENT),
            },
            Self::Button => as_sent::<u64>(json),
            Self::TaskButton => {
                let state: TaskButton<'a> = parse(json)?;
                parse::<u64>(state.value.get())?;
                let json = Some(state.value.get().into());
                Ok(Accepted { json, ready_when_done: state.auto_reset })
            }
            // A real upload does not come this way, and a path that the client names is not to be trusted.
            Self::File if json == "null" => Ok(Accepted::AS_SENT),
            Self::File => Err(Problem::File),
            Self::Symbol => as_sent::<Option<Cow<'a, str>>>(json),
            Self::Symbols => as_sent::<OneOrMany<Cow<'a, str>>>(json),
            Self::Matrix => as_sent::<Option<Vec<Vec<IgnoredAny>>>>(json),
            Self::Own(convert) => {
                let kept = catch(|| convert(json)).map_err(Problem::Refused)?;
                // What a serializer of JSON wrote is text.
                let kept = String::from_utf8(kept).map_err(|_| Problem::Malformed)?;
                Ok(Accepted { json: Some(kept.into()), ready_when_done: false })
            }
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Problem> {
    serde_json::from_str(json).map_err(|_| Problem::Malformed)
}

/// Takes what can be read as `T`.
fn as_sent<'a, T: Deserialize<'a>>(json: &'a str) -> Result<Accepted<'a>, Problem> {
    parse::<T>(json).map(|_| Accepted::AS_SENT)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(Option<T>),
    Many(Vec<Option<T>>),
}

#[derive(Deserialize)]
struct TaskButton<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(rename = "autoReset", default)]
    auto_reset: bool,
}

fn is_date(text: &str) -> bool {
    text.parse::<Date>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_their_wire_type() {
        let accepts = |kind: &str, json: &str| {
            Kind::parse(kind)
                .unwrap()
                .accept(json, 64)
                .map(|accepted| accepted.json.map(Cow::into_owned))
                .ok()
        };
        assert_eq!(accepts("shiny.number", "null"), Some(None));
        assert_eq!(accepts("shiny.action", "3"), Some(None));
        assert_eq!(accepts("shiny.action", "null"), None);
        assert_eq!(accepts("shiny.action", "-1"), None);
        assert_eq!(accepts("shiny.date", "\"2024-05-06\""), Some(None));
        assert_eq!(accepts("shiny.date", "\"no date\""), Some(Some("null".into())));
        assert_eq!(accepts("shiny.date", "[\"2024-05-06\",null]"), Some(None));
        assert_eq!(accepts("shiny.date", "3"), None);
        assert_eq!(accepts("shiny.datetime", "1700000000.5"), Some(None));
        assert_eq!(accepts("shiny.datetime", "null"), None);
        assert_eq!(
            accepts("bslib.taskbutton", r#"{"value":2,"autoReset":true}"#),
            Some(Some("2".into()))
        );
        assert_eq!(accepts("shiny.file", "null"), Some(None));
        assert_eq!(accepts("shiny.file", r#"{"datapath":["/etc/passwd"]}"#), None);
        assert_eq!(accepts("shiny.symbol", r#""cyl""#), Some(None));
        assert_eq!(accepts("shiny.symbol", "3"), None);
        assert_eq!(accepts("shiny.symbolList", r#"["cyl","\u006dpg"]"#), Some(None));
        assert_eq!(accepts("shiny.symbolList", "[3]"), None);
        assert_eq!(accepts("shiny.matrix", "[[1,2],[3,null]]"), Some(None));
        assert_eq!(accepts("shiny.matrix", "[1,2]"), None);
        assert!(Kind::parse("shiny.symbolic").is_err());
        assert!(Kind::parse("a:b").is_err());
    }
}
