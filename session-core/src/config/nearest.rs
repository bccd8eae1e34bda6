/// The word that was probably meant: the one that takes the fewest keystrokes to get to, if those are few.
pub(super) fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    words
        .map(|known| (keystrokes(&word, known), known))
        .filter(|(count, known)| *count <= known.len().max(2) / 2)
        .min_by_key(|(count, _)| *count)
        .map(|(_, known)| known)
}

/// Letters to insert, delete or replace until `from` is `to`.
fn keystrokes(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // How many it takes from what was read of `from` to each beginning of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for letter in from.chars() {
        let mut diagonal = row[0];
        row[0] += 1;
        for (at, wanted) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *wanted);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let meant = |word| nearest(word, ["quic", "stdio", "ws"].into_iter());
        for (word, expected) in [
            ("quick", Some("quic")),
            ("qiuc", Some("quic")),
            ("WS", Some("ws")),
            ("wss", Some("ws")),
            ("stdin", Some("stdio")),
            ("std", Some("stdio")),
            ("pigeon", None),
            ("websocket", None),
            ("", None),
        ] {
            assert_eq!(meant(word), expected, "{word}");
        }
    }

    #[test]
    fn keystrokes_are_insertions_deletions_and_replacements() {
        assert_eq!(keystrokes("", "abc"), 3);
        assert_eq!(keystrokes("abc", ""), 3);
        assert_eq!(keystrokes("kitten", "sitting"), 3);
    }
}
