//! What can be wrong with what an app tells the page.

/// A message for the page that the client could not do anything with. Nothing is sent then.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// An id that the client writes into the page as it is.
    #[error("{id:?} is no id of a notification: letters, digits, '_' and '-' only")]
    NotificationId {
        /// The id.
        id: String,
    },
    /// A selector that selects nothing.
    #[error("a selector is empty: name the elements, \"#id\" for instance")]
    EmptySelector,
    /// A query string that would lead away from the page.
    #[error("{query:?} is no query string: it starts with '?', or with '#' for the fragment")]
    QueryString {
        /// The query string.
        query: String,
    },
    /// A tab that could not be found again.
    #[error("a tab has no value: give it one that no other tab of its tabset has")]
    TabWithoutValue,
    /// A slider of which nothing sensible could be shown.
    #[error("a slider mixes numbers, dates and times: its value and its ends are of one kind")]
    MixedSlider,
    /// A progress bar that leads nowhere.
    #[error("a progress bar from {from} to {to} has no length: its end is after its beginning")]
    ProgressRange {
        /// Where it begins.
        from: f64,
        /// Where it ends.
        to: f64,
    },
}

/// A dependency that the client could not load. Nothing is sent then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DependencyError {
    /// Its name or version cannot be part of an address.
    #[error(
        "{name:?} is no {what} of an HTML dependency: up to 100 letters and digits, with '.', '_' and '-' between them"
    )]
    Name {
        /// `name` or `version`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A path that leads elsewhere, or that a page could not ask for.
    #[error(
        "{path:?} is no path of a file of the HTML dependency {dependency}: it is relative, without '..', '\\', ':', \
         '#' and '?'"
    )]
    Path {
        /// Its name and version.
        dependency: String,
        /// The path.
        path: String,
    },
    /// It names a file that it does not have.
    #[error(
        "the HTML dependency {dependency} has no file {path:?}: add it with `file`, or its folder with `folder`"
    )]
    Missing {
        /// Its name and version.
        dependency: String,
        /// The path.
        path: String,
    },
    /// The session serves as many as it does.
    #[error(
        "the session serves the files of {limit} HTML dependencies already: a name and version is for files that stay"
    )]
    TooMany {
        /// How many it serves.
        limit: usize,
    },
}
