use std::fmt;

use serde::Deserialize;

/// What was typed into a password input.
///
/// It is written nowhere by itself: not by `Debug`, not into JSON, and no log line or error of ours has it, whatever type a
/// password input is read as.
///
/// ```
/// let password: session_core::Password = serde_json::from_str("\"secret\"").unwrap();
/// assert_eq!(format!("{password:?}"), "Password");
/// assert_eq!(password.reveal(), "secret");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// The password itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether nothing was typed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl reactive::Truthy for Password {
    fn is_truthy(&self) -> bool {
        !self.is_empty()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}
