use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::sealed::Sealed;
use crate::session::page::Number;
use crate::session::page::error::PageError;
use crate::session::page::html::Html;
use crate::{Date, DateTime, Result, Session};

/// For a slider of numbers, days or moments, with one handle or two.
///
/// ```
/// use session_core::page::SliderUpdate;
///
/// let one = SliderUpdate::new().value(5.0).max(10.0);
/// let two = SliderUpdate::new().range(2.0, 5.0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct SliderUpdate {
    label: Option<Html>,
    value: Option<(SliderPoint, Option<SliderPoint>)>,
    min: Option<SliderPoint>,
    max: Option<SliderPoint>,
    step: Option<Number>,
    time_format: Option<String>,
    timezone: Option<String>,
}

/// A point on a slider; a slider has points of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum SliderPoint {
    /// A number.
    Number(f64),
    /// A day.
    Date(Date),
    /// A moment.
    DateTime(DateTime),
}

impl SliderPoint {
    const fn kind(self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Date(_) => "date",
            Self::DateTime(_) => "datetime",
        }
    }

    /// As the client counts: what is time, in milliseconds since 1970.
    fn number(self) -> Number {
        Number(match self {
            Self::Number(number) => number,
            Self::Date(date) => days_since_1970(date) * 86_400_000.0,
            Self::DateTime(moment) => match SystemTime::from(moment).duration_since(UNIX_EPOCH) {
                Ok(after) => after.as_secs_f64() * 1e3,
                Err(before) => before.duration().as_secs_f64() * -1e3,
            },
        })
    }
}

impl From<f64> for SliderPoint {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for SliderPoint {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Date> for SliderPoint {
    fn from(date: Date) -> Self {
        Self::Date(date)
    }
}

impl From<DateTime> for SliderPoint {
    fn from(moment: DateTime) -> Self {
        Self::DateTime(moment)
    }
}

labelled!(SliderUpdate, "What it is called.");

impl SliderUpdate {
    /// Where its handle stands, if it has one.
    #[must_use]
    pub fn value(mut self, value: impl Into<SliderPoint>) -> Self {
        self.value = Some((value.into(), None));
        self
    }

    /// Where its handles stand, if it has two.
    #[must_use]
    pub fn range(mut self, from: impl Into<SliderPoint>, to: impl Into<SliderPoint>) -> Self {
        self.value = Some((from.into(), Some(to.into())));
        self
    }

    /// Where it begins.
    #[must_use]
    pub fn min(mut self, min: impl Into<SliderPoint>) -> Self {
        self.min = Some(min.into());
        self
    }

    /// Where it ends.
    #[must_use]
    pub fn max(mut self, max: impl Into<SliderPoint>) -> Self {
        self.max = Some(max.into());
        self
    }

    /// How far apart its points are, if it is one of numbers.
    #[must_use]
    pub const fn step(mut self, step: f64) -> Self {
        self.step = Some(Number(step));
        self
    }

    /// How far apart its points are, if it is one of days or moments.
    #[must_use]
    pub fn step_time(mut self, step: Duration) -> Self {
        self.step = Some(Number(step.as_secs_f64() * 1e3));
        self
    }

    /// How days and moments are written: `%F` for `2024-01-31`, `%T` for `12:30:00`.
    #[must_use]
    pub fn time_format(mut self, format: impl Into<String>) -> Self {
        self.time_format = Some(format.into());
        self
    }

    /// In which time zone moments are written: `+0000`, `-0530`.
    #[must_use]
    pub fn timezone(mut self, offset: impl Into<String>) -> Self {
        self.timezone = Some(offset.into());
        self
    }
}

#[derive(Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Number>,
    #[serde(rename = "data-type", skip_serializing_if = "Option::is_none")]
    data_type: Option<&'static str>,
    #[serde(rename = "time-format", skip_serializing_if = "Option::is_none")]
    time_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value {
    One(Number),
    Two([Number; 2]),
}

impl Sealed for SliderUpdate {
    fn message(self, s: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        let (from, to) = self.value.unzip();
        let points = [from, to.flatten(), self.min, self.max];
        let mut kinds = points.into_iter().flatten().map(SliderPoint::kind);
        let data_type = kinds.next();
        if kinds.any(|kind| Some(kind) != data_type) {
            return Err(PageError::MixedSlider.into());
        }
        let value = self.value.map(|value| match value {
            (one, None) => Value::One(one.number()),
            (from, Some(to)) => Value::Two([from.number(), to.number()]),
        });
        let fields = Fields {
            value,
            min: self.min.map(SliderPoint::number),
            max: self.max.map(SliderPoint::number),
            step: self.step,
            data_type,
            time_format: self.time_format,
            timezone: self.timezone,
        };
        s.labelled(self.label, fields)
    }
}

/// Whole days; before 1970 they are negative.
fn days_since_1970(date: Date) -> f64 {
    // Years begin in March here, so that the day that comes and goes is the last of a year.
    let (month, day) = (i32::from(date.month()), i32::from(date.day()));
    let year = i32::from(date.year()) - i32::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    /// Days from March of the year 0 to 1970.
    const EPOCH: i32 = 719_468;
    f64::from(365 * year + leap_days + day_of_year - EPOCH)
}
