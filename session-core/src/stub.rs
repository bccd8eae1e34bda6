use std::fmt;
use std::sync::Arc;

use reactive::Graph;
use tokio::sync::mpsc;

use crate::Session;
use crate::app::App;
use crate::limits::Limits;
use crate::link::PeerInfo;
use crate::name::Namespace;
use crate::session::state::State;

/// A session that is none: code that expects one runs without errors, and nothing comes of it (group L).
///
/// Values and calcs work (L7); effects and outputs never run (L6, L10); callbacks never fire (L3); messages go
/// nowhere (L2); handlers and routes are registered nowhere and give an empty key (L4). Ids are checked as
/// usual (L9).
///
/// ```
/// use session_core::StubSession;
///
/// let stub = StubSession::new();
/// let s = stub.session();
/// assert!(s.is_stub_session());
/// let n = s.value(1);
/// assert_eq!(n.get(&s).ok(), Some(1));
/// ```
pub struct StubSession {
    graph: Graph<State>,
}

impl StubSession {
    /// A new stub.
    #[must_use]
    pub fn new() -> Self {
        let settings = App::new(|_| Ok(())).settings();
        // Nobody listens: a handle of a stub says that the session has ended.
        let (commands, _) = mpsc::channel(1);
        let clock = Arc::new(std::time::Instant::now);
        let limits = Arc::new(Limits::default());
        let peer = PeerInfo::default();
        let state = State::new("stub".into(), true, settings, limits, peer, clock, commands);
        Self { graph: Graph::new(state) }
    }

    /// Its root scope.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session::new(self.graph.cx(), Namespace::ROOT)
    }
}

impl Default for StubSession {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StubSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StubSession")
    }
}
