//! What the client says of its inputs and of itself.

use std::fmt;
use std::marker::PhantomData;

use reactive::{Event, EventSource, Interrupt, Truthy, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::link::{CloseCode, CloseReason};
use crate::message::{self, codec};
use crate::name::{Id, Names, Namespace};
use crate::session::state::State;
use crate::{Result, Session};

/// Prefix of the keys that describe the page rather than an input.
const CLIENT_DATA: &str = ".clientdata_";
/// Prefix of the keys that describe one output on the page.
const OUTPUT_DATA: &str = ".clientdata_output_";

#[derive(Debug, Default)]
pub(crate) struct Inputs {
    values: Names<Value<Datum>>,
}

/// What the client last said of one input.
#[derive(Debug, Clone)]
pub(crate) struct Datum {
    json: String,
    /// A button that was never clicked counts as nothing (N6).
    button: bool,
}

impl Datum {
    fn is_none(&self) -> bool {
        self.json == "null" || (self.button && self.json == "0")
    }

    fn assign(&mut self, json: &str, button: bool) {
        self.json.clear();
        self.json.push_str(json);
        // A text that was once long does not keep its memory.
        if self.json.capacity() > 4 * json.len().max(64) {
            self.json.shrink_to_fit();
        }
        self.button = button;
    }

    /// `None` where the client has nothing and `T` has no word for it.
    fn read<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        match serde_json::from_str(&self.json) {
            Ok(datum) => Ok(Some(datum)),
            Err(_) if self.json == "null" => Ok(None),
            Err(error) => {
                Err(UnexpectedInput { expected: std::any::type_name::<T>(), error }.into())
            }
        }
    }
}

/// The client sent something else than the app reads the input as.
#[derive(Debug, thiserror::Error)]
#[error("the client's value of the input is no {expected}")]
struct UnexpectedInput {
    expected: &'static str,
    #[source]
    error: serde_json::Error,
}

impl Inputs {
    /// Takes the inputs and the client data of the outputs within a namespace out.
    pub(crate) fn remove_within(&mut self, within: &Namespace) -> Vec<Value<Datum>> {
        let mut removed = self.values.remove_within(within);
        if !within.is_root() {
            removed.extend(self.values.remove_prefixed(OUTPUT_DATA, within));
        }
        removed
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

impl Session<'_> {
    /// The input `id` of this scope, read as `T`.
    ///
    /// The handle is `Copy` and cheap. The input need not exist: it is unset until the client sends it, and
    /// reading it then is a silent stop that takes a dependency (N1).
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn input<T: DeserializeOwned>(&self, id: impl Id) -> Result<Input<T>> {
        let key = id.resolve(self.namespace())?;
        Ok(self.input_named(&key))
    }

    /// What the client says of the page: `pixelratio`, `url_protocol`, `url_hostname`, `url_port`,
    /// `url_pathname`, `url_search`, `url_hash`, and per output `output_<id>_hidden`, `output_<id>_width`, …
    /// (whole ids). The same in every scope.
    pub fn client_data<T: DeserializeOwned>(&self, key: &str) -> Input<T> {
        self.input_named(&format!("{CLIENT_DATA}{key}"))
    }

    fn input_named<T>(&self, key: &str) -> Input<T> {
        let known = self.state().inputs.borrow().values.get(key).copied();
        // An input belongs to the namespace in its key, whoever asked for it first (I20): the root's scope
        // holds it, the destruction of the namespace takes it.
        let value = known.unwrap_or_else(|| {
            let value = self.root_cx().value_unset();
            self.state().inputs.borrow_mut().values.insert(key, value);
            value
        });
        Input { value, datum: PhantomData }
    }

    /// Whether the client says that the output is hidden, or has not said anything of it (M1).
    pub(crate) fn is_hidden(&self, output: &str) -> bool {
        let key = format!("{OUTPUT_DATA}{output}_hidden");
        let hidden = self.state().inputs.borrow().values.get(&key).copied();
        let hidden = hidden.and_then(|value| {
            value.with(&self.root_cx().isolate(), |datum| datum.json != "false").ok()
        });
        hidden.unwrap_or(true)
    }

    /// Takes over everything a message says, before anything runs (N4, decision 27).
    pub(crate) fn receive_inputs(&self, data: &RawValue) -> Result<(), CloseReason> {
        let mut shown = Vec::new();
        let mut outcome = Ok(());
        message::entries(data, |key, value| {
            if outcome.is_ok() {
                outcome = self.receive_input(&key, value.get(), &mut shown);
            }
        })?;
        outcome?;
        let outputs = self.state().outputs.borrow();
        let effects: Vec<_> = shown
            .iter()
            .filter_map(|(output, hidden)| {
                let (_, output) = outputs.named(output)?;
                Some((output.effect?, *hidden && output.suspend_when_hidden))
            })
            .collect();
        drop(outputs);
        for (effect, suspended) in effects {
            if suspended {
                effect.suspend(self.cx());
            } else {
                effect.resume(self.cx());
            }
        }
        Ok(())
    }

    fn receive_input(
        &self,
        key: &str,
        json: &str,
        shown: &mut Vec<(String, bool)>,
    ) -> Result<(), CloseReason> {
        let limits = &self.state().limits;
        let parsed = WireKey::parse(key, limits.name_bytes)
            .and_then(|key| Ok((key.name, key.kind.accept(json, limits.depth)?, key.kind)));
        let (name, accepted, kind) = match parsed {
            Ok(parsed) => parsed,
            Err(problem) => {
                let dropped = &self.state().dropped_keys;
                dropped.set(dropped.get() + 1);
                tracing::warn!(problem, "an input of the client was dropped");
                return Ok(());
            }
        };
        if let Some(output) = hidden_flag(name) {
            let hidden = json != "false";
            shown.push((output.to_owned(), hidden));
            if hidden && self.state().outputs.borrow().named(output).is_none() {
                // The client says so of every output that leaves the page, after the module is destroyed that it
                // belonged to; and an output of which nothing is known counts as hidden anyway (M1).
                self.forget_input(name);
                return Ok(());
            }
        }
        if accepted.ready_when_done {
            self.reset_task_button(name);
        }
        let json = accepted.json.unwrap_or(json);
        let button = matches!(kind, Kind::Button | Kind::TaskButton);
        let known = self.state().inputs.borrow().values.get(name).copied();
        let cx = self.root_cx();
        let value = match known {
            Some(value) => value,
            None if self.state().inputs.borrow().len() >= limits.inputs => {
                return Err(CloseReason::new(
                    CloseCode::POLICY,
                    format!("more than {} inputs", limits.inputs),
                ));
            }
            None => {
                let value = cx.value_unset();
                self.state().inputs.borrow_mut().values.insert(name, value);
                value
            }
        };
        // The same datum counts as a change (N3), so `update` says that it changed whatever it was.
        if value.update(&cx, |datum| datum.assign(json, button)).is_err() {
            let _ = value.replace(&cx, Datum { json: json.to_owned(), button });
        }
        Ok(())
    }

    fn forget_input(&self, name: &str) {
        let known = self.state().inputs.borrow_mut().values.remove(name);
        if let Some(value) = known {
            value.destroy(self.cx());
        }
    }

    /// The button waits for this message to show that the work is done.
    fn reset_task_button(&self, name: &str) {
        self.state().flush.borrow_mut().input_messages.push({
            let mut message = br#"{"id":"#.to_vec();
            codec::json(&mut message, name);
            message.extend_from_slice(br#","message":{"state":"ready"}}"#);
            message
        });
    }
}

/// The output that a key such as `.clientdata_output_plot_hidden` is about.
fn hidden_flag(key: &str) -> Option<&str> {
    key.strip_prefix(OUTPUT_DATA)?.strip_suffix("_hidden")
}

/// `name` or `name:type`.
struct WireKey<'a> {
    name: &'a str,
    kind: Kind,
}

impl<'a> WireKey<'a> {
    fn parse(key: &'a str, longest: usize) -> Result<Self, &'static str> {
        let (name, kind) = key.split_once(':').unwrap_or((key, ""));
        if name.len() > longest {
            return Err("its name is too long");
        }
        Ok(Self { name, kind: Kind::parse(kind)? })
    }
}

/// What the client calls the type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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
struct Accepted<'a> {
    /// What to keep instead of the value as sent.
    json: Option<&'a str>,
    /// The input is to be told when the flush is done.
    ready_when_done: bool,
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
    fn accept<'a>(self, json: &'a str, deepest: usize) -> Result<Accepted<'a>, &'static str> {
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

/// An input of the client, read as `T`.
///
/// What is read is the client's word: the client chooses what it sends. A value that is no `T` is a failure
/// of the read, except `null`, which is a silent stop unless `T` has a word for it (as `Option` has).
pub struct Input<T> {
    value: Value<Datum>,
    datum: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Input<T> {
    /// What the client last sent; takes a dependency.
    ///
    /// # Errors
    ///
    /// *Silent* while it is unset or `null`, *destroyed* with its module (I13), *failed* when it is no `T`.
    pub fn get(self, s: &Session<'_>) -> Result<T> {
        self.value.with(s, Datum::read)??.ok_or(Interrupt::Silent)
    }

    /// Whether the client has sent it, `null` included (N2, N7); takes a dependency on that alone.
    pub fn is_set(self, s: &Session<'_>) -> bool {
        self.value.is_set(s)
    }
}

impl<T> Clone for Input<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Input<T> {}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input<{}>", std::any::type_name::<T>())
    }
}

/// An input is an event whenever the client sends it; `null` and a button that was never clicked are none
/// (D5, D7).
impl<T: DeserializeOwned + 'static> EventSource<State> for Input<T> {
    type Item = T;

    fn read(&self, cx: &reactive::Cx<'_, State>) -> Result<Event<T>> {
        let (item, is_none) = self.value.with(cx, |datum| (datum.read(), datum.is_none()))?;
        Ok(Event { item: item?.ok_or(Interrupt::Silent)?, is_none })
    }
}

/// How often an action button was clicked; nothing, for events and `req`, while it is zero (N6).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Action(pub u64);

impl Truthy for Action {
    fn is_truthy(&self) -> bool {
        self.0 > 0
    }
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
