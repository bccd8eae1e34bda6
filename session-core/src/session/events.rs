//! Calcs that are gated by an event; effects are in `on_event`.

use reactive::{Calc, EventOptions, EventSource};

use crate::session::state::State;
use crate::{Result, Session};

impl Session<'_> {
    /// A calc that is computed with what `source` gives when the source changes, and for nothing else that `f` reads
    /// (D12). Until the first event, and while an event is skipped, whoever reads it stops silently (D13).
    ///
    /// ```
    /// # use session_core::{Action, Result, Session};
    /// # fn app(s: &Session<'_>) -> Result<()> {
    /// let (go, text) = (s.input::<Action>("go")?, s.input::<String>("text")?);
    /// let sent = s.calc_on_event(go, move |s, _clicks| text.get(s));
    /// s.output("sent", move |s| sent.get(s))
    /// # }
    /// ```
    #[track_caller]
    pub fn calc_on_event<S, T, F>(&self, source: S, f: F) -> Calc<T>
    where
        S: EventSource<State> + Send + 'static,
        T: Send + 'static,
        F: Fn(&Session<'_>, S::Item) -> Result<T> + Send + 'static,
    {
        self.calc_on_event_with(source, EventOptions::default(), f)
    }

    /// As [`calc_on_event`](Self::calc_on_event), with options; the priority means nothing to a calc.
    #[track_caller]
    pub fn calc_on_event_with<S, T, F>(&self, source: S, options: EventOptions, f: F) -> Calc<T>
    where
        S: EventSource<State> + Send + 'static,
        T: Send + 'static,
        F: Fn(&Session<'_>, S::Item) -> Result<T> + Send + 'static,
    {
        let namespace = self.namespace().clone();
        self.live_cx().calc_on_event_with(options, source, move |cx, item| {
            f(&Session::new(*cx, namespace.clone()), item)
        })
    }
}
