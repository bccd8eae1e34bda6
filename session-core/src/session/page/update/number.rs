use serde::Serialize;

use super::sealed::Sealed;
use crate::session::page::Number;
use crate::session::page::html::Html;
use crate::{Result, Session};

/// For a number input.
#[derive(Debug, Clone, Default)]
pub struct NumberUpdate {
    label: Option<Html>,
    fields: Fields,
}

/// Of each, `Some(None)` takes away what there is.
#[derive(Debug, Clone, Default, Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Option<Number>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Option<Number>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Option<Number>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Option<Number>>,
}

labelled!(NumberUpdate, "What it is called.");

impl NumberUpdate {
    /// The number in it.
    #[must_use]
    pub const fn value(mut self, value: f64) -> Self {
        self.fields.value = Some(Some(Number(value)));
        self
    }

    /// It is empty.
    #[must_use]
    pub const fn clear(mut self) -> Self {
        self.fields.value = Some(None);
        self
    }

    /// The smallest number it takes.
    #[must_use]
    pub const fn min(mut self, min: f64) -> Self {
        self.fields.min = Some(Some(Number(min)));
        self
    }

    /// It takes any small number.
    #[must_use]
    pub const fn no_min(mut self) -> Self {
        self.fields.min = Some(None);
        self
    }

    /// The largest number it takes.
    #[must_use]
    pub const fn max(mut self, max: f64) -> Self {
        self.fields.max = Some(Some(Number(max)));
        self
    }

    /// It takes any large number.
    #[must_use]
    pub const fn no_max(mut self) -> Self {
        self.fields.max = Some(None);
        self
    }

    /// How far its arrows go.
    #[must_use]
    pub const fn step(mut self, step: f64) -> Self {
        self.fields.step = Some(Some(Number(step)));
        self
    }

    /// Its arrows go as far as the browser likes.
    #[must_use]
    pub const fn no_step(mut self) -> Self {
        self.fields.step = Some(None);
        self
    }
}

impl Sealed for NumberUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        s.labelled(self.label, self.fields)
    }
}
