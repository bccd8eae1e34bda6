//! Media types of the files that pages are made of.

use mime_guess::mime::{JAVASCRIPT, TEXT};
use mime_guess::{Mime, MimeGuess};

/// The media type of a file, by the end of its name.
pub(super) fn media_type(path: &str) -> String {
    let guessed = MimeGuess::from_path(path).first_or_octet_stream();
    let is_text = |it: &Mime| it.type_() == TEXT || it.subtype() == JAVASCRIPT;
    if is_text(&guessed) { format!("{guessed}; charset=utf-8") } else { guessed.to_string() }
}
