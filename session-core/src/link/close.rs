use std::borrow::Cow;
use std::fmt;

/// Why a link ends, as a number both sides know.
///
/// The numbers are those of WebSocket (RFC 6455, 7.4); transports without codes of their own carry the same
/// number in their own way (decision 29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The client is done (1000).
    pub const NORMAL: Self = Self(1000);
    /// The server ended the session; what `close()` sends by default (1001).
    pub const GOING_AWAY: Self = Self(1001);
    /// The client broke the protocol (1002).
    pub const PROTOCOL: Self = Self(1002);
    /// A text that is not UTF-8 or not JSON (1007).
    pub const INVALID_DATA: Self = Self(1007);
    /// A limit of rate, number or budget was passed (1008).
    pub const POLICY: Self = Self(1008);
    /// A message over the size limit (1009).
    pub const TOO_BIG: Self = Self(1009);
    /// The app failed (1011).
    pub const APP_FAILED: Self = Self(1011);
    /// The server drains; come back (1012).
    pub const DRAIN: Self = Self(1012);
    /// The server is full; come back later (1013).
    pub const OVERLOAD: Self = Self(1013);

    /// A code that may stand in a close frame: 1000 to 1003, 1007 to 1014, 3000 to 4999.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A close code and a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    code: CloseCode,
    text: Cow<'static, str>,
}

impl CloseReason {
    /// The longest text a reason carries, in bytes: what fits a WebSocket close frame beside the code.
    pub const MAX_TEXT: usize = 123;

    /// A reason; a text longer than [`Self::MAX_TEXT`] bytes is cut at a character.
    #[must_use]
    pub fn new(code: CloseCode, text: impl Into<Cow<'static, str>>) -> Self {
        let mut text = text.into();
        if text.len() > Self::MAX_TEXT {
            let mut cut = Self::MAX_TEXT;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            text.to_mut().truncate(cut);
        }
        Self { code, text }
    }

    /// What a server says that shuts down: 1012.
    #[must_use]
    pub const fn draining() -> Self {
        Self { code: CloseCode::DRAIN, text: Cow::Borrowed("the server is shutting down") }
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The sentence; empty when none was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<CloseCode> for CloseReason {
    fn from(code: CloseCode) -> Self {
        Self::new(code, "")
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            "" => write!(f, "{}", self.code),
            text => write!(f, "{}: {text}", self.code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let reason = CloseReason::new(CloseCode::PROTOCOL, "é".repeat(100));
        assert_eq!(reason.text().len(), 122);
    }

    #[test]
    fn codes_that_may_not_be_sent_are_refused() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(CloseCode::new(code), None, "{code}");
        }
    }
}
