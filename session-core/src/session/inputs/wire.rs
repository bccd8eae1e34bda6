//! The keys and values of inputs as the client writes them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::message::codec;

/// `name` or `name:type`.
pub(crate) struct WireKey<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
}

impl<'a> WireKey<'a> {
    pub(crate) fn parse(key: &'a str, longest: usize) -> Result<Self, &'static str> {
        let (name, kind) = key.split_once(':').unwrap_or((key, ""));
        if name.len() > longest {
            return Err("its name is too long");
        }
        Ok(Self { name, kind: Kind::parse(kind)? })
    }
}

/// What the client calls the type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Number,
    Password,
    Date,
    DateTime,
    Button,
    TaskButton,
    File,
}

/// What is kept of an accepted value.
pub(crate) struct Accepted<'a> {
    /// What to keep instead of the value as sent.
    pub(crate) json: Option<&'a str>,
    /// The input is to be told when the flush is done.
    pub(crate) ready_when_done: bool,
}

impl Accepted<'_> {
    const AS_SENT: Self = Self { json: None, ready_when_done: false };
}

impl Kind {
    fn parse(kind: &str) -> Result<Self, &'static str> {
        Ok(match kind {
            "" => Self::Plain,
            "shiny.number" => Self::Number,
            "shiny.password" => Self::Password,
            "shiny.date" => Self::Date,
            "shiny.datetime" => Self::DateTime,
            "shiny.action" | "bslib.toolbar.button" => Self::Button,
            "bslib.taskbutton" => Self::TaskButton,
            "shiny.file" => Self::File,
            kind if kind.contains(':') => return Err("its key has a second colon"),
            _ => return Err("its type is unknown"),
        })
    }

    /// Checks a value of this type (`wire` type, not the app's).
    pub(crate) fn accept<'a>(
        self,
        json: &'a str,
        deepest: usize,
    ) -> Result<Accepted<'a>, &'static str> {
        const MALFORMED: &str = "its value does not fit its type";
        if codec::depth(json) > deepest {
            return Err("its value is nested too deep");
        }
        match self {
            Self::Plain | Self::Number | Self::Password => Ok(Accepted::AS_SENT),
            Self::Date => match serde_json::from_str(json).map_err(|_| MALFORMED)? {
                // A text that is no date is none, in a range too.
                OneOrMany::One(Some(date)) if !is_date(date) => {
                    Ok(Accepted { json: Some("null"), ready_when_done: false })
                }
                OneOrMany::Many(dates) if !dates.iter().flatten().all(|date| is_date(date)) => {
                    Err(MALFORMED)
                }
                _ => Ok(Accepted::AS_SENT),
            },
            Self::DateTime => match serde_json::from_str::<OneOrMany<f64>>(json) {
                Ok(OneOrMany::One(Some(_)) | OneOrMany::Many(_)) => Ok(Accepted::AS_SENT),
                _ => Err(MALFORMED),
            },
            Self::Button => match serde_json::from_str::<u64>(json) {
                Ok(_) => Ok(Accepted::AS_SENT),
                Err(_) => Err(MALFORMED),
            },
            Self::TaskButton => {
                let state: TaskButton<'a> = serde_json::from_str(json).map_err(|_| MALFORMED)?;
                serde_json::from_str::<u64>(state.value.get()).map_err(|_| MALFORMED)?;
                Ok(Accepted { json: Some(state.value.get()), ready_when_done: state.auto_reset })
            }
            // A real upload does not come this way, and a path that the client names is not to be trusted.
            Self::File if json == "null" => Ok(Accepted::AS_SENT),
            Self::File => Err("a file does not come as a value"),
        }
    }
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

/// `YYYY-MM-DD`, a day that exists.
fn is_date(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    let bytes = text.as_bytes();
    text.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_that_exists() {
        for date in ["2024-02-29", "2000-02-29", "1999-12-31"] {
            assert!(is_date(date), "{date}");
        }
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-04-31",
            "2024-1-1",
            "x",
            "2024-01-011",
            "+024-01-01",
            "２024-01",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }

    #[test]
    fn values_are_checked_by_their_wire_type() {
        let accepts = |kind: &str, json: &str| {
            Kind::parse(kind)
                .unwrap()
                .accept(json, 64)
                .map(|accepted| accepted.json.map(str::to_owned))
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
        assert!(Kind::parse("shiny.symbol").is_err());
        assert!(Kind::parse("a:b").is_err());
    }
}
