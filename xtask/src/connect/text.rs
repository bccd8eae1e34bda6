//! Values of the server as text for a terminal: in one line, without what a terminal would obey.

use serde_json::Value as Json;

/// As much of a value as a line has room for, in characters.
const LINE: usize = 100;

/// A value in one line; a long one is cut, and says how long it is.
pub(super) fn line(value: &Json) -> String {
    let text = whole(value);
    let length = text.chars().count();
    if length <= LINE {
        return text;
    }
    let cut: String = text.chars().take(LINE).collect();
    format!("{}… ({length} characters)", cut.trim_end())
}

/// A value in one line, however long.
pub(super) fn whole(value: &Json) -> String {
    plain(&match value {
        Json::String(text) if text.trim_start().starts_with('<') => without_tags(text),
        Json::String(text) => text.clone(),
        Json::Object(parts) => match parts.get("html").and_then(Json::as_str) {
            Some(html) if parts.contains_key("deps") => without_tags(html),
            _ => value.to_string(),
        },
        other => other.to_string(),
    })
}

/// Text in one line. Control characters are replaced: a terminal obeys them, and they come from afar.
pub(super) fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }));
    }
    line
}

/// Also what turns the direction of writing around, so that a line reads as another one.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What a browser would show of a piece of HTML, with a space for every tag.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let unseen = ["script", "style"].into_iter().find(|name| tag.starts_with(name));
        rest = match unseen.and_then(|name| tag.split_once(&format!("</{name}"))) {
            Some((_, after)) => after,
            None => tag,
        };
        rest = rest.split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    unescaped(&text)
}

/// Text without the entities that an app writes when it escapes.
pub(super) fn unescaped(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

/// A number of bytes for a person.
pub(super) fn bytes(count: u64) -> String {
    let mut unit = "bytes";
    let mut size = count;
    let mut tenths = 0;
    for larger in ["kB", "MB", "GB", "TB"] {
        if size < 1000 {
            break;
        }
        (size, tenths, unit) = (size / 1000, size % 1000 / 100, larger);
    }
    if unit == "bytes" { format!("{size} {unit}") } else { format!("{size}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_stands_as_it_is_and_other_values_as_json() {
        for (value, expected) in [
            (json!("42"), "42"),
            (json!(42), "42"),
            (json!(null), "null"),
            (json!({"a": [1, "x"]}), r#"{"a":[1,"x"]}"#),
            (json!("two\n  lines"), "two lines"),
            (json!(""), ""),
        ] {
            assert_eq!(line(&value), expected);
        }
    }

    #[test]
    fn a_long_value_is_cut_and_says_how_long_it_is() {
        let text = line(&json!("ä".repeat(3000)));
        assert_eq!(text, format!("{}… (3000 characters)", "ä".repeat(LINE)));
        assert_eq!(line(&json!("x".repeat(LINE))), "x".repeat(LINE));
    }

    #[test]
    fn what_a_terminal_would_obey_is_replaced() {
        assert_eq!(
            line(&json!("a\u{1b}[2Jb\u{7}\u{9b}c\u{202e}d")),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d"
        );
    }

    #[test]
    fn html_is_shown_without_its_tags() {
        for (html, expected) in [
            ("<b>a</b> &lt;c&gt; &amp;amp;", "a <c> &amp;"),
            ("<table><tr><td>Xenon</td><td>131.3</td></tr></table>", "Xenon 131.3"),
            ("<style>p { x > y }</style><script>alert(1 < 2)</script><p>seen", "seen"),
            ("<p", ""),
        ] {
            assert_eq!(line(&json!(html)), expected);
        }
        assert_eq!(line(&json!({"html": "<i>x</i>", "deps": []})), "x");
    }

    #[test]
    fn sizes_are_rounded_down_for_people() {
        for (count, expected) in
            [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_299_999, "1.2 MB")]
        {
            assert_eq!(bytes(count), expected);
        }
    }
}
