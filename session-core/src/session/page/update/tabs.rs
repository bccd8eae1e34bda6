use serde::Serialize;

use super::{json, sealed::Sealed};
use crate::{Result, Session};

/// For a tabset: which of its tabs shows.
#[derive(Debug, Clone)]
pub struct TabsUpdate {
    selected: String,
}

impl TabsUpdate {
    /// The tab of this value shows.
    #[must_use]
    pub fn select(value: impl Into<String>) -> Self {
        Self { selected: value.into() }
    }
}

#[derive(Serialize)]
struct Message {
    value: String,
}

impl Sealed for TabsUpdate {
    fn message(self, _: &Session<'_>, _: &str) -> Result<Vec<u8>> {
        json(&Message { value: self.selected })
    }
}
