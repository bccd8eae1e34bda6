//! How a session ended, in words.

use session_core::link::{CloseReason, ReceiveError};

use super::text::plain;

/// How it ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The person left, or the input came to its end.
    Left,
    /// The server closed the link; without a reason where the transport gave none.
    Closed(Option<CloseReason>),
    /// The link broke.
    Lost(ReceiveError),
}

impl Ending {
    /// Whether nothing went wrong: the exit status is 0 then, and else 1.
    pub(super) fn is_orderly(&self) -> bool {
        match self {
            Self::Left | Self::Closed(None) => true,
            Self::Closed(Some(reason)) => {
                matches!(reason.code().get(), 1000 | 1001 | 1012 | 3000..)
            }
            Self::Lost(_) => false,
        }
    }

    /// For a person.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Left => "the session is over".to_owned(),
            Self::Closed(None) => "the server ended the session".to_owned(),
            Self::Closed(Some(reason)) => {
                let code = reason.code();
                let text = match reason.text() {
                    "" => String::new(),
                    text => format!(": {}", plain(text)),
                };
                format!("{} (code {code}){text}", sentence(code.get()))
            }
            Self::Lost(error) => match std::error::Error::source(error) {
                Some(source) => format!("the link is lost: {error}: {source}"),
                None => format!("the link is lost: {error}"),
            },
        }
    }
}

/// What a close code means.
const fn sentence(code: u16) -> &'static str {
    match code {
        1000 => "the server is done",
        1001 => "the server ended the session",
        1002 => "the server says that this client broke the protocol",
        1003 => "the server does not take this kind of data",
        1007 => "the server got what is no UTF-8 or no JSON",
        1008 => "the server's limits were passed",
        1009 => "a message was larger than the server takes",
        1010 => "the server lacks what this client asked for",
        1011 => "the app failed",
        1012 => "the server is shutting down, or restarts: come back",
        1013 => "the server is full: come back later",
        1014 => "a gateway in between got no good answer",
        3000..=3999 => "the server ended the session with a registered code",
        4000..=4999 => "the app ended the session with a code of its own",
        _ => "the server ended the session with a code that is none",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use session_core::link::CloseCode;

    use super::*;

    fn closed(code: u16, text: &'static str) -> Ending {
        Ending::Closed(Some(CloseReason::new(CloseCode::new(code).unwrap(), text)))
    }

    #[test]
    fn every_code_that_can_be_sent_has_words_of_its_own() {
        let mut known = Vec::new();
        for code in (1000..5000).filter_map(CloseCode::new) {
            known.push(sentence(code.get()));
        }
        known.dedup();
        assert_eq!(known.len(), 14, "{known:?}");
        assert!(!known.contains(&sentence(0)));
    }

    #[test]
    fn a_reason_is_told_with_its_code_and_text() {
        assert_eq!(
            closed(1013, "the server is full").words(),
            "the server is full: come back later (code 1013): the server is full"
        );
        assert_eq!(closed(1001, "").words(), "the server ended the session (code 1001)");
        assert!(!closed(4000, "a\u{1b}[2J").words().contains('\u{1b}'));
    }

    #[test]
    fn an_orderly_end_is_told_from_a_refusal_and_an_abort() {
        for code in [1000, 1001, 1012, 3000, 4999] {
            assert!(closed(code, "").is_orderly(), "{code}");
        }
        for code in [1002, 1003, 1007, 1008, 1009, 1011, 1013] {
            assert!(!closed(code, "").is_orderly(), "{code}");
        }
        assert!(Ending::Left.is_orderly() && Ending::Closed(None).is_orderly());
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let lost = Ending::Lost(ReceiveError::Aborted(Some(reset)));
        assert!(!lost.is_orderly());
        assert_eq!(
            lost.words(),
            "the link is lost: the link was aborted by the peer: connection reset"
        );
    }
}
