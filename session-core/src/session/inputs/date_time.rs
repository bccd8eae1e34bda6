use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// The last second there is, in the year 9999, and as many before the epoch: far more than a date slider has.
const LAST: i64 = 253_402_300_799;

/// The same in microseconds.
const LAST_MICROS: i64 = LAST * MICROS;

/// A moment, as a date and time input has it: in seconds since the epoch, to the microsecond.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use session_core::DateTime;
///
/// let moment = DateTime::from_seconds(1.5);
/// assert_eq!(moment, Some(DateTime::EPOCH + Duration::from_millis(1500)));
/// assert_eq!(SystemTime::from(DateTime::EPOCH), SystemTime::UNIX_EPOCH);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    micros: i64,
}

impl DateTime {
    /// The first moment of 1970, UTC.
    pub const EPOCH: Self = Self { micros: 0 };

    /// So many seconds after the epoch, or before; `None` for what is no number, or lies beyond the year 9999 or as far
    /// before the epoch.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "what does not fit is refused before")]
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        #[allow(clippy::cast_precision_loss, reason = "the bound has 38 bits")]
        let bound = LAST as f64;
        // Not so for what is no number.
        if seconds.abs() <= bound {
            return Some(Self { micros: (seconds * 1e6).round() as i64 });
        }
        None
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.micros.div_euclid(MICROS)
    }

    /// Microseconds since [`seconds`](Self::seconds), 0 to 999,999.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is below a million"
    )]
    pub const fn subsec_micros(self) -> u32 {
        self.micros.rem_euclid(MICROS) as u32
    }
}

impl std::ops::Add<Duration> for DateTime {
    type Output = Self;

    /// Beyond the last moment there is, that one.
    fn add(self, time: Duration) -> Self {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self { micros: self.micros.saturating_add(micros).min(LAST_MICROS) }
    }
}

impl From<DateTime> for SystemTime {
    fn from(moment: DateTime) -> Self {
        let distance = Duration::from_micros(moment.micros.unsigned_abs());
        let time = match moment.micros {
            0.. => Self::UNIX_EPOCH.checked_add(distance),
            _ => Self::UNIX_EPOCH.checked_sub(distance),
        };
        // Every system has more room than a `DateTime`, or a clock that begins with the epoch.
        time.unwrap_or(Self::UNIX_EPOCH)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.subsec_micros() == 0 {
            return serializer.serialize_i64(self.seconds());
        }
        #[allow(
            clippy::cast_precision_loss,
            reason = "off by less than the microsecond it began with"
        )]
        serializer.serialize_f64(self.micros as f64 / 1e6)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        let too_far = || serde::de::Error::custom("no moment is so many seconds from the epoch");
        Self::from_seconds(seconds).ok_or_else(too_far)
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DateTime({}.{:06} s)", self.seconds(), self.subsec_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_number_of_seconds_in_json() {
        for (json, seconds, micros) in [
            ("1704067200", 1_704_067_200, 0),
            ("1.5", 1, 500_000),
            ("-0.25", -1, 750_000),
            ("0", 0, 0),
        ] {
            let moment: DateTime = serde_json::from_str(json).unwrap();
            assert_eq!((moment.seconds(), moment.subsec_micros()), (seconds, micros), "{json}");
            assert_eq!(serde_json::to_string(&moment).unwrap(), json);
        }
        for json in ["1e300", "-1e300", "null", "\"1\"", "253402300801"] {
            assert!(serde_json::from_str::<DateTime>(json).is_err(), "{json}");
        }
        assert!(DateTime::from_seconds(f64::NAN).is_none());
    }

    #[test]
    fn a_moment_is_one_of_the_systems_clock() {
        let before = DateTime::from_seconds(-1.5).unwrap();
        let distance = SystemTime::UNIX_EPOCH.duration_since(before.into());
        assert_eq!(distance.unwrap(), Duration::from_millis(1500));
        let last = DateTime::EPOCH + Duration::MAX;
        assert_eq!(last.seconds(), LAST);
        assert!(SystemTime::from(last) > SystemTime::now());
    }
}
