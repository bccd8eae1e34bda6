//! Types of inputs that an app adds to those of the client.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::codec;
use crate::session::inputs::wire::Kind;
use crate::{App, Result};

/// Makes of a value as sent, which is JSON, what is kept of it.
type Convert = dyn Fn(&str) -> Result<Vec<u8>> + Send + Sync;

/// The types of an app, by name.
#[derive(Clone, Default)]
pub(crate) struct InputTypes(Arc<BTreeMap<Box<str>, Arc<Convert>>>);

impl InputTypes {
    pub(crate) fn get(&self, name: &str) -> Option<&Convert> {
        self.0.get(name).map(|convert| &**convert)
    }
}

impl fmt::Debug for InputTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl App {
    /// Adds a type of inputs: what the client sends as `id:name`, as the `getType` of an input binding has it do, goes
    /// through `convert`, and what that gives is what [`Session::input`](crate::Session::input) reads.
    ///
    /// `convert` is given the value as any type that reads JSON, [`serde_json::Value`] for instance, and gives any that
    /// writes it. It runs within every session, when a message comes and before anything else does, so it should be quick. A
    /// value that is no `V`, an error and a panic drop that key alone, with a log line (decision 28).
    ///
    /// ```
    /// use session_core::{App, Session};
    ///
    /// let app = App::new(|s: &Session<'_>| {
    ///     let celsius = s.input::<f64>("oven")?;
    ///     s.output("heat", move |s| celsius.get(s))
    /// })
    /// .input_type("kitchen.fahrenheit", |degrees: f64| Ok((degrees - 32.0) / 1.8))?;
    /// # let _ = app;
    /// # Ok::<(), session_core::InvalidInputType>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInputType`] for a name that no input can have, one of the client's own types, or one that was added.
    pub fn input_type<V, T, F>(mut self, name: &str, convert: F) -> Result<Self, InvalidInputType>
    where
        V: DeserializeOwned,
        T: Serialize,
        F: Fn(V) -> Result<T> + Send + Sync + 'static,
    {
        let invalid = |problem| InvalidInputType { name: name.into(), problem };
        if name.is_empty() || name.contains(':') {
            return Err(invalid("it is empty or has a colon"));
        }
        if Kind::parse(name).is_ok() {
            return Err(invalid("the client has a type of that name"));
        }
        let convert = move |json: &str| {
            let value = serde_json::from_str(json).map_err(|_| Misfit)?;
            Ok(codec::to_json(&convert(value)?)?)
        };
        let types = Arc::make_mut(&mut self.input_types_mut().0);
        if types.insert(name.into(), Arc::new(convert)).is_some() {
            return Err(invalid("it was added before"));
        }
        Ok(self)
    }
}

/// The client's value is not of the type that is converted. What it is, is the client's affair.
#[derive(Debug, thiserror::Error)]
#[error("its value does not fit its type")]
struct Misfit;

/// A type of inputs cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be a type of inputs: {problem}")]
pub struct InvalidInputType {
    name: Box<str>,
    problem: &'static str,
}
