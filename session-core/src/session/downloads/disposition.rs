//! What the client is to call the file.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands as it is in a name, everything else is quoted.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The bytes of a name that common file systems take.
const LONGEST: usize = 255;

/// A name that no file system takes for anything else, and no person for another one; empty if nothing is left.
pub(super) fn safe_name(name: &str) -> String {
    let name: String = name.chars().map(|c| if is_harmless(c) { c } else { '_' }).collect();
    let name = name.trim();
    if name.chars().all(|c| c == '.') { String::new() } else { shorten(name) }
}

/// No separator of paths, no control character, and none that turns the text around.
fn is_harmless(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() || turns || matches!(c, '/' | '\\'))
}

/// The extension stays.
fn shorten(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let dot = name.rfind('.').filter(|dot| name.len() - dot <= 32);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let mut end = LONGEST - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &stem[..end])
}

/// The header for a safe name: quoted where that changes nothing, else in the extended form (K13).
pub(super) fn header(name: &str) -> HeaderValue {
    let quoted = utf8_percent_encode(name, PLAIN).to_string();
    let text = if quoted == name {
        format!("attachment; filename=\"{name}\"")
    } else {
        format!("attachment; filename*=utf-8''{quoted}")
    };
    // Nothing is left that a header cannot have.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> String {
        header(&safe_name(name)).to_str().unwrap().to_owned()
    }

    // spec: K13
    #[test]
    fn a_name_that_needs_no_quotes_is_told_plainly_and_another_in_the_extended_form() {
        assert_eq!(told("rows-1_2~.csv"), "attachment; filename=\"rows-1_2~.csv\"");
        assert_eq!(told("é ü.txt"), "attachment; filename*=utf-8''%C3%A9%20%C3%BC.txt");
    }

    // fault: H5
    #[test]
    fn no_name_breaks_the_head_or_leaves_the_folder() {
        for (name, expected) in [
            ("a\"b;c.txt", "filename*=utf-8''a%22b%3Bc.txt"),
            ("a\r\nset-cookie: x=y", "filename*=utf-8''a__set-cookie%3A%20x%3Dy"),
            ("../../etc/passwd", "filename=\".._.._etc_passwd\""),
            ("..\\x", "filename=\".._x\""),
            ("a\0b", "filename=\"a_b\""),
            ("gnp\u{202e}.exe", "filename=\"gnp_.exe\""),
            ("50%.txt", "filename*=utf-8''50%25.txt"),
        ] {
            assert_eq!(told(name), format!("attachment; {expected}"), "{name:?}");
        }
        assert_eq!(safe_name(" .. "), "");
        assert_eq!(safe_name(""), "");
    }

    // fault: H5
    #[test]
    fn a_name_of_4_kib_is_shortened_and_keeps_its_extension() {
        let name = safe_name(&format!("{}.tar.gz", "é".repeat(2048)));
        assert!(name.len() <= LONGEST && name.starts_with("éé") && name.ends_with("é.gz"));
        assert_eq!(safe_name(&"x".repeat(4096)).len(), LONGEST);
        assert_eq!(safe_name(&format!("a.{}", "x".repeat(4096))).len(), LONGEST);
        assert_eq!(safe_name(&"x".repeat(LONGEST)).len(), LONGEST);
    }
}
