//! Which part of a file a request asks for (RFC 9110, section 14).

use http::HeaderMap;
use http::header::RANGE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// All of it; several parts at once are not served.
    Whole,
    /// `count` bytes from `start` on, at least one, all of them there.
    Part { start: u64, count: u64 },
    /// None of the bytes asked for is there.
    Unsatisfiable,
}

/// The range of `length` bytes that a request asks for. What is no range of bytes asks for everything.
pub(super) fn requested(headers: &HeaderMap, length: u64) -> Range {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Range::Whole };
    range.to_str().ok().and_then(|range| parse(range, length)).unwrap_or(Range::Whole)
}

/// `None` for what is no single range of bytes.
fn parse(range: &str, length: u64) -> Option<Range> {
    let (unit, range) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = (first.trim_end(), last.trim_start());
    if first.is_empty() {
        let count = number(last)?.min(length);
        return Some(if count == 0 {
            Range::Unsatisfiable
        } else {
            Range::Part { start: length - count, count }
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    if first >= length {
        return Some(Range::Unsatisfiable);
    }
    Some(Range::Part { start: first, count: last.min(length - 1) - first + 1 })
}

/// Digits alone; more than fit are more than any file has.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of_8(range: &'static str) -> Range {
        let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(range))]);
        requested(&headers, 8)
    }

    const fn part(start: u64, count: u64) -> Range {
        Range::Part { start, count }
    }

    #[test]
    fn one_range_is_cut_to_what_is_there() {
        for (range, expected) in [
            ("bytes=0-2", part(0, 3)),
            ("bytes=7-7", part(7, 1)),
            ("bytes=3-", part(3, 5)),
            ("bytes=5-99999999999999999999999", part(5, 3)),
            ("bytes=-3", part(5, 3)),
            ("bytes=-99999999999999999999999", part(0, 8)),
            ("Bytes = 0-0", part(0, 1)),
        ] {
            assert_eq!(of_8(range), expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_which_nothing_is_there_cannot_be_satisfied() {
        for range in ["bytes=8-", "bytes=8-9", "bytes=99999999999999999999999-", "bytes=-0"] {
            assert_eq!(of_8(range), Range::Unsatisfiable, "{range}");
        }
        let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=-1"))]);
        assert_eq!(requested(&headers, 0), Range::Unsatisfiable);
    }

    #[test]
    fn what_is_not_one_range_of_bytes_asks_for_everything() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=2-1",
            "bytes=a-b",
            "bytes=1-b",
            "bytes=+1-2",
            "bytes=--1",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=1",
            "bytes=0x1-2",
        ] {
            assert_eq!(of_8(range), Range::Whole, "{range}");
        }
        let mut twice = HeaderMap::new();
        twice.append(RANGE, HeaderValue::from_static("bytes=0-1"));
        twice.append(RANGE, HeaderValue::from_static("bytes=3-4"));
        assert_eq!(requested(&twice, 8), Range::Whole);
        assert_eq!(requested(&HeaderMap::new(), 8), Range::Whole);
    }
}
