//! Whether a request wants a file at all, as it is now (RFC 9110, section 13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What tells one state of a file from another.
#[derive(Debug, Clone)]
pub(in crate::session) struct FileState {
    /// Strong: its length and when it was modified, to the nanosecond.
    etag: Option<String>,
    /// In whole seconds; `None` where a date of HTTP cannot tell it.
    modified: Option<SystemTime>,
    /// When the file was looked at.
    seen: SystemTime,
}

/// The end of the year 9999, after which HTTP has no dates.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

impl FileState {
    pub(in crate::session) fn new(
        length: u64,
        modified: Option<SystemTime>,
        seen: SystemTime,
    ) -> Self {
        let since_epoch = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let since_epoch = since_epoch.filter(|since| *since <= LAST_DATE);
        Self {
            etag: since_epoch.map(|since| format!("\"{:x}-{length:x}\"", since.as_nanos())),
            modified: since_epoch.map(|since| UNIX_EPOCH + Duration::from_secs(since.as_secs())),
            seen,
        }
    }

    pub(in crate::session) fn etag(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(self.etag.as_deref()?).ok()
    }

    pub(super) fn last_modified(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&httpdate::fmt_http_date(self.modified?)).ok()
    }

    /// Whether it was not modified in the second in which it was looked at: a date tells no more than seconds.
    fn has_settled(&self) -> bool {
        let settled = self.modified.map(|modified| modified + Duration::from_secs(2));
        settled.is_some_and(|settled| settled <= self.seen)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Yes,
    /// The client has it already: 304.
    NotModified,
    /// The client wants another state of it: 412.
    Failed,
}

/// Whether what a GET or HEAD asks for is to be sent.
pub(super) fn judge(headers: &HeaderMap, state: &FileState) -> Wanted {
    let etag = state.etag.as_deref();
    if headers.contains_key(IF_MATCH) {
        if !lists(headers, IF_MATCH, etag, Comparison::Strong) {
            return Wanted::Failed;
        }
    } else if let (Some(date), Some(modified)) =
        (date(headers, IF_UNMODIFIED_SINCE), state.modified)
        && modified > date
    {
        return Wanted::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if lists(headers, IF_NONE_MATCH, etag, Comparison::Weak) {
            return Wanted::NotModified;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, IF_MODIFIED_SINCE), state.modified)
        && modified <= date
    {
        return Wanted::NotModified;
    }
    Wanted::Yes
}

/// Whether the client has this state of something already, so that it is not to be sent.
pub(in crate::session) fn has_already(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    lists(headers, IF_NONE_MATCH, etag.to_str().ok(), Comparison::Weak)
}

/// Whether a range of the file goes with what the client has of it.
pub(super) fn is_still_the_same(headers: &HeaderMap, state: &FileState) -> bool {
    let mut values = headers.get_all(IF_RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(_), Some(_)) => false,
        (Some(value), None) if state.etag().as_ref() == Some(value) => true,
        (Some(_), None) => state.has_settled() && date(headers, IF_RANGE) == state.modified,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of entity tags has that of the file; `*` has every one.
fn lists(headers: &HeaderMap, name: HeaderName, etag: Option<&str>, how: Comparison) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| list.trim() == "*" || etag.is_some_and(|etag| has(list, etag, how)))
}

fn has(mut list: &str, etag: &str, how: Comparison) -> bool {
    loop {
        list = list.trim_start_matches([' ', '\t', ',']);
        let (is_weak, tag) = match list.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, list),
        };
        // A tag may have a comma within its quotes.
        let Some(end) = tag.strip_prefix('"').and_then(|opaque| opaque.find('"')) else {
            return false;
        };
        let (tag, rest) = tag.split_at(end + 2);
        if tag == etag && (how == Comparison::Weak || !is_weak) {
            return true;
        }
        list = rest;
    }
}

/// The date of a header; `None` for none, more than one, or what is no date.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"34630b8a000-8\"";
    const DATE: &str = "Thu, 01 Jan 1970 01:00:00 GMT";
    const BEFORE: &str = "Thu, 01 Jan 1970 00:59:59 GMT";

    fn state() -> FileState {
        let modified = UNIX_EPOCH + Duration::from_secs(3600);
        FileState::new(8, Some(modified), modified + Duration::from_secs(60))
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_file_has_a_strong_tag_and_a_date() {
        let state = state();
        assert_eq!(
            (state.etag().unwrap(), state.last_modified().unwrap()),
            (ETAG.parse().unwrap(), DATE.parse().unwrap())
        );
        for odd in
            [UNIX_EPOCH - Duration::from_secs(1), UNIX_EPOCH + LAST_DATE + Duration::from_secs(1)]
        {
            let state = FileState::new(8, Some(odd), odd);
            assert_eq!((state.etag(), state.last_modified()), (None, None));
        }
    }

    #[test]
    fn what_the_client_has_already_is_not_sent() {
        for (name, value, expected) in [
            (IF_NONE_MATCH, ETAG, Wanted::NotModified),
            (IF_NONE_MATCH, "W/\"34630b8a000-8\"", Wanted::NotModified),
            (IF_NONE_MATCH, "\"a,b\" , \"34630b8a000-8\"", Wanted::NotModified),
            (IF_NONE_MATCH, "*", Wanted::NotModified),
            (IF_NONE_MATCH, "\"other\"", Wanted::Yes),
            (IF_NONE_MATCH, "34630b8a000-8", Wanted::Yes),
            (IF_MODIFIED_SINCE, DATE, Wanted::NotModified),
            (IF_MODIFIED_SINCE, BEFORE, Wanted::Yes),
            (IF_MODIFIED_SINCE, "yesterday", Wanted::Yes),
            (IF_MATCH, ETAG, Wanted::Yes),
            (IF_MATCH, "*", Wanted::Yes),
            (IF_MATCH, "W/\"34630b8a000-8\"", Wanted::Failed),
            (IF_MATCH, "\"other\"", Wanted::Failed),
            (IF_UNMODIFIED_SINCE, DATE, Wanted::Yes),
            (IF_UNMODIFIED_SINCE, BEFORE, Wanted::Failed),
        ] {
            let headers = headers(&[(name.clone(), value)]);
            assert_eq!(judge(&headers, &state()), expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_tag_goes_before_a_date() {
        let both = headers(&[(IF_NONE_MATCH, "\"other\""), (IF_MODIFIED_SINCE, DATE)]);
        assert_eq!(judge(&both, &state()), Wanted::Yes);
        let both = headers(&[(IF_MATCH, ETAG), (IF_UNMODIFIED_SINCE, BEFORE)]);
        assert_eq!(judge(&both, &state()), Wanted::Yes);
    }

    #[test]
    fn a_range_is_given_only_of_the_very_same_file() {
        for (value, expected) in [
            (ETAG, true),
            ("\"other\"", false),
            ("W/\"34630b8a000-8\"", false),
            (DATE, true),
            (BEFORE, false),
            ("yesterday", false),
        ] {
            let headers = headers(&[(IF_RANGE, value)]);
            assert_eq!(is_still_the_same(&headers, &state()), expected, "{value}");
        }
        assert!(is_still_the_same(&HeaderMap::new(), &state()));
        // It may have been modified twice in that second.
        let modified = UNIX_EPOCH + Duration::from_secs(3600);
        let fresh = FileState::new(8, Some(modified), modified + Duration::from_secs(1));
        assert!(!is_still_the_same(&headers(&[(IF_RANGE, DATE)]), &fresh));
        let dateless = FileState::new(8, None, modified);
        assert!(!is_still_the_same(&headers(&[(IF_RANGE, "yesterday")]), &dateless));
    }
}
