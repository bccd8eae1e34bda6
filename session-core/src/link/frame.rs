use std::fmt;

use bytes::Bytes;

/// One whole message on a link.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text, which is valid UTF-8.
    Text(Text),
    /// Any bytes.
    Binary(Bytes),
}

impl Frame {
    /// The bytes of the frame, whatever its kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The bytes of the frame, whatever its kind, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Frame {
    /// Kind and length: what a frame says belongs to the user, not to the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.as_bytes().len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// Shared bytes that are valid UTF-8.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Text(Bytes);

impl Text {
    /// The same bytes without the promise.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Checked when it was made; the check of a short text costs nanoseconds, an `unsafe` costs trust.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Text {
    /// JSON that the session has written: made of texts, so valid UTF-8 without another look.
    pub(crate) fn written(json: Bytes) -> Self {
        debug_assert!(std::str::from_utf8(&json).is_ok(), "JSON is UTF-8");
        Self(json)
    }

    /// The bytes of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Bytes> for Text {
    type Error = NotUtf8;

    fn try_from(bytes: Bytes) -> Result<Self, NotUtf8> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(NotUtf8),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// The bytes are not valid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not valid UTF-8")]
pub struct NotUtf8;
