//! The address of the page.

use serde::{Deserialize, Serialize};

use crate::session::page::When;
use crate::session::page::error::PageError;
use crate::{Result, Session};

/// What becomes of the address that the page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum QueryMode {
    /// The new one takes its place: the browser's button back leads to the page before.
    #[default]
    Replace,
    /// It stays in the browser's history: the button back leads to it.
    Push,
}

#[derive(Serialize)]
struct UpdateQueryString<'a> {
    #[serde(rename = "queryString")]
    query_string: &'a str,
    mode: QueryMode,
}

impl Session<'_> {
    /// Changes the query string of the page's address, or, with a `#`, its fragment; at once. The page is not loaded
    /// anew. The client reports a new fragment as client data.
    ///
    /// ```
    /// # use session_core::{StubSession, page::QueryMode};
    /// # let stub = StubSession::new();
    /// # let s = stub.session();
    /// s.update_query_string("?year=2024", QueryMode::Push)?;
    /// # Ok::<(), session_core::Interrupt>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PageError::QueryString`] unless it starts with `?` or `#`: the client refuses the one, and leaves the page's
    /// path, where it would look for the server, with the other.
    pub fn update_query_string(&self, query: &str, mode: QueryMode) -> Result<()> {
        if !query.starts_with(['?', '#']) {
            return Err(PageError::QueryString { query: query.to_owned() }.into());
        }
        let message = UpdateQueryString { query_string: query, mode };
        self.tell_page("updateQueryString", &message, When::Now)
    }

    /// Has the client load the page anew, at once: this session ends then, and another begins.
    ///
    /// # Errors
    ///
    /// None; as the others of its kind.
    pub fn reload(&self) -> Result<()> {
        self.tell_page("reload", &true, When::Now)
    }
}
