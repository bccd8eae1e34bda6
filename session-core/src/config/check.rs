//! Values that cannot work, for whoever has a configuration of its own to check.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A key of a configuration has a value that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value}: {problem}")]
pub struct InvalidValue {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl InvalidValue {
    /// What is wrong with a value.
    pub fn new(key: &'static str, value: impl fmt::Display, problem: &'static str) -> Self {
        Self { key, value: value.to_string(), problem }
    }
}

/// Refuses a size or a number that nothing works with, and one that is no limit any more.
///
/// # Errors
///
/// [`InvalidValue`] for a value out of the range.
pub fn number(
    key: &'static str,
    value: usize,
    range: RangeInclusive<usize>,
) -> Result<(), InvalidValue> {
    let problem = match value {
        0 => "must be more than zero",
        _ if value < *range.start() => "is too small to work with",
        _ if value > *range.end() => "is larger than any sensible limit",
        _ => return Ok(()),
    };
    Err(InvalidValue::new(key, value, problem))
}

/// Refuses a wait that is none, and one that is for ever.
///
/// # Errors
///
/// [`InvalidValue`] for nothing, and for more than a day.
pub fn time(key: &'static str, value: Duration) -> Result<(), InvalidValue> {
    if value.is_zero() || value > Duration::from_secs(24 * 3600) {
        let problem = "must be more than zero and at most a day";
        return Err(InvalidValue::new(key, format!("{value:?}"), problem));
    }
    Ok(())
}
