//! `invalidate_later`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reactive::Value;

use crate::name::Namespace;
use crate::{Result, Session};

/// Timers by deadline, then by the order they were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    pending: BTreeMap<(Instant, u64), Timer>,
    next: u64,
}

#[derive(Debug)]
struct Timer {
    /// What it changes when it is due.
    tick: Value<()>,
    /// The scope that set it.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "for the leak check"))]
    owner: Namespace,
}

impl Timers {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.pending.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Takes out a timer that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Value<()>> {
        let first = self.pending.first_entry()?;
        (first.key().0 <= now).then(|| first.remove().tick)
    }

    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> impl Iterator<Item = &Namespace> {
        self.pending.values().map(|timer| &timer.owner)
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn clear(&mut self) {
        self.pending.clear();
    }
}

impl Session<'_> {
    /// Invalidates the effect, calc or output that runs now once `after` has passed, measured from this call
    /// (E7, E13).
    ///
    /// The timer goes when that object is invalidated for another reason or destroyed, and when the session
    /// ends (E8 to E10). Where nothing is tracked (under `isolate`, in a handler or callback) there is
    /// nothing to invalidate, and the call does nothing (E12). Without a session there is nobody to ask (E6):
    ///
    /// ```compile_fail,E0061
    /// # // spec: E6
    /// # use session_core::Session;
    /// let _ = Session::invalidate_later(std::time::Duration::from_secs(1));
    /// ```
    ///
    /// # Errors
    ///
    /// *Destroyed* when the running object destroyed its own scope.
    pub fn invalidate_later(&self, after: Duration) -> Result<()> {
        if !self.is_tracking() || self.state().stub {
            return Ok(());
        }
        let state = self.state();
        // What lies beyond the end of time does not come.
        let Some(deadline) = (state.clock)().checked_add(after) else { return Ok(()) };
        let tick = self.cx().value(());
        tick.get(self)?;
        let key = {
            let mut timers = state.timers.borrow_mut();
            let key = (deadline, timers.next);
            timers.next += 1;
            timers.pending.insert(key, Timer { tick, owner: self.namespace().clone() });
            key
        };
        self.cx().on_invalidate(move |cx| {
            cx.env().timers.borrow_mut().pending.remove(&key);
            tick.destroy(cx);
            Ok(())
        });
        Ok(())
    }
}
