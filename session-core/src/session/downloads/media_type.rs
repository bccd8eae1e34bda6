//! What the content is.

use http::HeaderValue;
use mime_guess::mime::{APPLICATION_OCTET_STREAM, CHARSET, TEXT};
use mime_guess::{Mime, MimeGuess};

use super::encoding::Charset;

/// A text that is no media type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no media type: it is written as in \"text/csv\"")]
pub(super) struct NoMediaType {
    pub(super) text: String,
}

pub(super) fn parse(text: &str) -> Result<Mime, NoMediaType> {
    let parsed = text.trim().parse::<Mime>().ok();
    // What has both its parts and can stand in a header, too.
    parsed
        .filter(|media_type| !media_type.subtype().as_str().is_empty())
        .filter(|media_type| HeaderValue::from_str(media_type.as_ref()).is_ok())
        .ok_or_else(|| NoMediaType { text: text.to_owned() })
}

/// The media type of a file of this name (K14).
pub(super) fn guess(filename: &str) -> Mime {
    MimeGuess::from_path(filename).first().unwrap_or(APPLICATION_OCTET_STREAM)
}

/// What a client is told of a file of this name.
pub(in crate::session) fn media_type(filename: &str) -> HeaderValue {
    header(&guess(filename), Charset::default())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// As the client is told.
pub(super) fn header(media_type: &Mime, charset: Charset) -> Result<HeaderValue, NoMediaType> {
    let is_text = media_type.type_() == TEXT || charset != Charset::default();
    let text = if is_text && media_type.get_param(CHARSET).is_none() {
        format!("{media_type}; charset={}", charset.name())
    } else {
        media_type.to_string()
    };
    HeaderValue::from_str(&text).map_err(|_| NoMediaType { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(media_type: &Mime, charset: &str) -> String {
        let header = header(media_type, Charset::parse(charset).unwrap()).unwrap();
        header.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_name_tells_what_the_content_is() {
        for (name, expected) in [
            ("a.csv", "text/csv; charset=utf-8"),
            ("A.TXT", "text/plain; charset=utf-8"),
            ("a.b.png", "image/png"),
            ("a.json", "application/json"),
            ("a.nosuch", "application/octet-stream"),
            ("a", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(told(&guess(name), "utf-8"), expected, "{name}");
        }
    }

    #[test]
    fn a_text_is_told_in_what_it_is_encoded_unless_its_type_says_so() {
        for (media_type, charset, expected) in [
            ("text/csv", "latin1", "text/csv; charset=windows-1252"),
            ("text/csv; header=present", "utf-8", "text/csv; header=present; charset=utf-8"),
            ("text/csv; charset=ascii", "utf-8", "text/csv; charset=ascii"),
            ("application/xml", "latin1", "application/xml; charset=windows-1252"),
            ("application/xml", "utf-8", "application/xml"),
        ] {
            assert_eq!(told(&parse(media_type).unwrap(), charset), expected);
        }
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for text in ["", "csv", "text/", "text/csv\r\nx: y", "text/c sv", "text/csv; a=\"\u{7f}\""]
        {
            assert_eq!(parse(text).unwrap_err().text, text);
        }
    }
}
