use serde::Serialize;

use super::sealed::Sealed;
use crate::message::codec;
use crate::{Result, Session};

/// For a tabset: which of its tabs shows.
#[derive(Debug, Clone, Serialize)]
pub struct TabsUpdate {
    value: String,
}

impl TabsUpdate {
    /// The tab of this value shows.
    #[must_use]
    pub fn select(value: impl Into<String>) -> Self {
        Self { value: value.into() }
    }
}

impl Sealed for TabsUpdate {
    fn message(self, _: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        Ok(codec::to_json(&self)?)
    }
}
