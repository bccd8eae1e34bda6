use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day, as a date input has it: `YYYY-MM-DD`.
///
/// Small on purpose. The date types of `chrono`, `jiff` and `time` that read such a text with serde do as well:
/// `s.input::<chrono::NaiveDate>("day")`. A range of dates is an input of `(Option<Date>, Option<Date>)`, or of
/// `(Date, Date)` where either end must be there.
///
/// ```
/// use session_core::Date;
///
/// let day: Date = "2024-02-29".parse()?;
/// assert_eq!(day, Date::new(2024, 2, 29)?);
/// assert_eq!((day.year(), day.to_string().as_str()), (2024, "2024-02-29"));
/// assert!(Date::new(2023, 2, 29).is_err());
/// # Ok::<(), session_core::InvalidDate>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day of the years 0 to 9999.
    ///
    /// # Errors
    ///
    /// [`InvalidDate`] when there is no such day.
    pub const fn new(year: u16, month: u8, day: u8) -> Result<Self, InvalidDate> {
        if year > 9999 || day == 0 || day > days_of(year, month) {
            return Err(InvalidDate(()));
        }
        Ok(Self { year, month, day })
    }

    /// The year, 0 to 9999.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }
}

/// How many days a month has; none if there is no such month.
const fn days_of(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}

impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let bytes = text.as_bytes();
        let number = |range: std::ops::Range<usize>| {
            let digits = bytes.get(range)?;
            let number = |sum: u16, byte: &u8| sum * 10 + u16::from(byte - b'0');
            digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, number))
        };
        let parts = (|| {
            let (month, day) =
                (u8::try_from(number(5..7)?).ok()?, u8::try_from(number(8..10)?).ok()?);
            (bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-').then_some((
                number(0..4)?,
                month,
                day,
            ))
        })();
        let (year, month, day) = parts.ok_or(InvalidDate(()))?;
        Self::new(year, month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Date;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date such as 2024-02-29")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Date, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// There is no such day, or the text is not `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date: it takes a day that exists, as YYYY-MM-DD")]
pub struct InvalidDate(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_that_exists() {
        for date in ["2024-02-29", "2000-02-29", "1999-12-31", "0000-01-01", "9999-12-31"] {
            assert_eq!(date.parse::<Date>().unwrap().to_string(), date);
        }
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-04-31",
            "2024-04-00",
            "2024-1-1",
            "2024/01/01",
            "x",
            "",
            "2024-01-011",
            "+024-01-01",
            "２024-01",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!(Date::new(10_000, 1, 1).is_err());
    }

    #[test]
    fn a_date_is_a_text_in_json_and_dates_are_in_order() {
        let day = Date::new(2024, 2, 9).unwrap();
        assert_eq!(serde_json::to_string(&day).unwrap(), r#""2024-02-09""#);
        assert_eq!(serde_json::from_str::<Date>(r#""2024-02-09""#).unwrap(), day);
        assert!(serde_json::from_str::<Date>("20240209").is_err());
        assert!(day < Date::new(2024, 2, 10).unwrap() && day > Date::new(2023, 12, 31).unwrap());
    }
}
