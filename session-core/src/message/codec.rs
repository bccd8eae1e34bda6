//! Writing JSON: the pieces that frames for the client are made of.

use std::io::Write;

use bytes::BytesMut;
use serde::Serialize;

/// Writes what cannot fail: strings, numbers and the like. App data goes through [`to_json`].
pub(crate) fn json<T: Serialize + ?Sized>(out: impl Write, value: &T) {
    // A buffer in memory takes every write, and a string has a JSON form.
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "a string or number has a JSON form");
}

/// Writes the name of an output between quotes. It is made of ids, in which JSON escapes nothing.
pub(crate) fn name(out: &mut BytesMut, name: &str) {
    debug_assert!(!name.contains(|c: char| c.is_control() || c == '"' || c == '\\'), "{name:?}");
    out.extend_from_slice(name.as_bytes());
}

/// `value` as JSON. NaN and the infinities become `null` (decision 26).
///
/// # Errors
///
/// When `value` has no JSON form (a map with keys that are no strings, say).
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(value)
}

/// Nesting of arrays and objects in a valid JSON text.
pub(crate) fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    if !json.starts_with(['[', '{']) {
        return 0;
    }
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        for (json, expected) in
            [("1", 0), ("[]", 1), (r#"{"a":[1,{"b":2}]}"#, 3), (r#"["[[[\"[["]"#, 1)]
        {
            assert_eq!(depth(json), expected, "{json}");
        }
    }

    #[test]
    fn what_has_no_json_form_is_an_error() {
        let map: std::collections::BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
        assert!(to_json(&map).is_err());
    }

    // spec: G31
    #[test]
    fn nan_and_infinities_become_null() {
        assert_eq!(to_json(&[f64::NAN, f64::INFINITY, 1.0]).unwrap(), b"[null,null,1.0]");
    }
}
