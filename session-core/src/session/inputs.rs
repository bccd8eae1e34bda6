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
use crate::session::inputs::wire::{Kind, WireKey};
use crate::session::outbox::Item;
use crate::session::state::State;
use crate::{Result, Session};

mod date;
mod date_time;
mod password;
pub(crate) mod types;
mod wire;

pub use date::{Date, InvalidDate};
pub use date_time::DateTime;
pub use password::Password;
pub use types::InvalidInputType;

/// Prefix of the keys that describe the page rather than an input.
pub(crate) const CLIENT_DATA: &str = ".clientdata_";
/// Prefix of the keys that describe one output on the page.
pub(crate) const OUTPUT_DATA: &str = ".clientdata_output_";

#[derive(Debug, Default)]
pub(crate) struct Inputs {
    values: Names<Value<Datum>>,
}

/// What the client last said of one input.
#[derive(Clone)]
pub(crate) struct Datum {
    json: String,
    manner: Manner,
}

/// What there is to know of a value beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Plain,
    /// A button that was never clicked counts as nothing (N6).
    Button,
    /// Nothing that is logged has it.
    Secret,
}

impl Datum {
    fn is_none(&self) -> bool {
        self.json == "null" || (self.manner == Manner::Button && self.json == "0")
    }

    fn assign(&mut self, json: &str, manner: Manner) {
        self.json.clear();
        self.json.push_str(json);
        // A text that was once long does not keep its memory.
        if self.json.capacity() > 4 * json.len().max(64) {
            self.json.shrink_to_fit();
        }
        self.manner = manner;
    }

    /// `None` where the client has nothing and `T` has no word for it.
    fn read<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        match serde_json::from_str(&self.json) {
            Ok(datum) => Ok(Some(datum)),
            Err(_) if self.json == "null" => Ok(None),
            Err(error) => {
                // It may quote the value.
                let error = (self.manner != Manner::Secret).then_some(error);
                Err(UnexpectedInput { expected: std::any::type_name::<T>(), error }.into())
            }
        }
    }
}

impl fmt::Debug for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datum").field("manner", &self.manner).finish_non_exhaustive()
    }
}

/// The client sent something else than the app reads the input as.
#[derive(Debug, thiserror::Error)]
#[error("the client's value of the input is no {expected}")]
struct UnexpectedInput {
    expected: &'static str,
    #[source]
    error: Option<serde_json::Error>,
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

    /// The names within a namespace of which the client has said something, client data of the outputs included.
    fn said_within(&self, within: &Namespace, cx: &reactive::Cx<'_, State>) -> Vec<&str> {
        let of_outputs = (!within.is_root()).then(|| self.values.prefixed(OUTPUT_DATA, within));
        self.values
            .within(within)
            .chain(of_outputs.into_iter().flatten())
            .filter(|(_, value)| value.is_set(cx))
            .map(|(name, _)| name)
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The namespace of each; what the client says of an output lies in that of the output.
    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> impl Iterator<Item = Namespace> {
        self.values
            .iter()
            .map(|(name, _)| Namespace::of(name.strip_prefix(OUTPUT_DATA).unwrap_or(name)))
    }
}

impl Session<'_> {
    /// The input `id` of this scope, read as `T`.
    ///
    /// The handle is `Copy` and cheap. The input need not exist: it is unset until the client sends it, and
    /// reading it then is a silent stop that takes a dependency (N1).
    ///
    /// | input of the page | `T` |
    /// |---|---|
    /// | text, radio buttons, a select | `String` |
    /// | number | `f64`, `i64`, …; `Option` of it where an empty field is to be told from none |
    /// | checkbox | `bool` |
    /// | group of checkboxes, a select of several | `Vec<String>` |
    /// | slider, with two handles | `f64`, `(f64, f64)` |
    /// | date, range of dates | [`Date`], `(Option<Date>, Option<Date>)` |
    /// | slider of dates with times | [`DateTime`], `(DateTime, DateTime)` |
    /// | password | [`Password`] |
    /// | action button or link, task button, button of a toolbar | [`Action`] |
    /// | select of variables, matrix (Shiny for R) | `String` or `Vec<String>`, `Vec<Vec<f64>>` by columns |
    /// | an own type, see [`App::input_type`](crate::App::input_type) | whatever reads what it gives |
    ///
    /// Any type that reads such JSON will do: an `enum` for the choices of a select, for instance.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn input<T: DeserializeOwned>(&self, id: impl Id) -> Result<Input<T>> {
        let key = id.resolve(self.namespace())?;
        Ok(self.input_named(&key))
    }

    pub(crate) fn input_named<T>(&self, key: &str) -> Input<T> {
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
        let types = &self.state().settings.input_types;
        let parsed = WireKey::parse(key, limits.name_bytes, types)
            .and_then(|key| Ok((key.name, key.kind.accept(json, limits.depth)?, key.kind)));
        let (name, accepted, kind) = match parsed {
            Ok(parsed) => parsed,
            Err(problem) => {
                let dropped = &self.state().dropped_keys;
                dropped.set(dropped.get() + 1);
                tracing::warn!(%problem, "an input of the client was dropped");
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
        if matches!(kind, Kind::File) {
            self.clear_files(name);
        }
        let json = accepted.json.as_deref().unwrap_or(json);
        let manner = match kind {
            Kind::Button | Kind::TaskButton => Manner::Button,
            Kind::Password => Manner::Secret,
            _ => Manner::Plain,
        };
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
        if value.update(&cx, |datum| datum.assign(json, manner)).is_err() {
            let _ = value.replace(&cx, Datum { json: json.to_owned(), manner });
        }
        Ok(())
    }

    /// The inputs that have a value which is no secret, with what the client sent; nothing of what it says of itself.
    pub(crate) fn known_inputs(&self) -> Vec<(String, serde_json::Value)> {
        let inputs: Vec<_> = {
            let inputs = self.state().inputs.borrow();
            let named = inputs.values.iter().filter(|(name, _)| !name.starts_with(CLIENT_DATA));
            named.map(|(name, value)| (name.to_owned(), *value)).collect()
        };
        let cx = self.root_cx().isolate();
        let shown = inputs.into_iter().filter_map(|(name, value)| {
            let json = value.with(&cx, |datum| {
                (datum.manner != Manner::Secret)
                    .then(|| serde_json::from_str(&datum.json).unwrap_or_default())
            });
            Some((name, json.ok()??))
        });
        shown.collect()
    }

    /// Tells the client to forget what it has said of the inputs and outputs within this scope, which the session is
    /// about to forget. It would not say the same again otherwise: a scope of the same name, made anew, would never
    /// learn what its inputs hold, nor that its outputs are seen.
    pub(crate) fn forget_what_was_said(&self) {
        if self.is_stub_session() || self.state().is_closing() {
            return;
        }
        let inputs = self.state().inputs.borrow();
        let said = inputs.said_within(self.namespace(), &self.root_cx().isolate());
        if !said.is_empty() {
            let mut text = br#"{"frozen":{"ids":"#.to_vec();
            codec::json(&mut text, &said);
            text.extend_from_slice(b"}}");
            self.state().send(Item::Text(text));
        }
    }

    /// An input reads as unset until the client says something of it (A12).
    pub(crate) fn freeze_value(&self, name: &str) {
        let known = self.state().inputs.borrow().values.get(name).copied();
        if let Some(value) = known {
            // One that is destroyed has nothing left to forget.
            let _ = value.freeze(self.cx());
        }
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

/// An input of the client, read as `T`.
///
/// What is read is the client's word: the client chooses what it sends. A value that is no `T` is a failure
/// of the read, except `null`, which is a silent stop unless `T` has a word for it (as `Option` has).
///
/// App code can neither set nor freeze it (N10, N11):
///
/// ```
/// # use session_core::{Input, Result, Session, Value};
/// fn of_a_value(s: &Session<'_>, own: Value<i32>) -> Result<()> {
///     own.set(s, 1)?;
///     own.freeze(s)
/// }
/// ```
/// ```compile_fail,E0599
/// # // spec: N10
/// # use session_core::{Input, Session};
/// fn of_an_input(s: &Session<'_>, input: Input<i32>) {
///     input.set(s, 1);
/// }
/// ```
/// ```compile_fail,E0599
/// # // spec: N11
/// # use session_core::{Input, Session};
/// fn of_an_input(s: &Session<'_>, input: Input<i32>) {
///     input.freeze(s);
/// }
/// ```
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

    /// As [`get`](Self::get), and `None` while it is unset or `null`; takes a dependency either way.
    ///
    /// # Errors
    ///
    /// *Destroyed* with its module, *failed* when it is no `T`.
    pub fn get_if_set(self, s: &Session<'_>) -> Result<Option<T>> {
        match self.get(s) {
            Ok(datum) => Ok(Some(datum)),
            Err(Interrupt::Silent) => Ok(None),
            Err(interrupt) => Err(interrupt),
        }
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
