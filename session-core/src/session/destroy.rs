//! `destroy` and `on_destroy`: a scope, everything in it, and nothing else.

use reactive::Scope;
use tokio::time::timeout;

use crate::catch::Catch;
use crate::name::{Id, InvalidId};
use crate::session::callbacks;
use crate::session::state::Phase;
use crate::{Result, Session};

impl Session<'_> {
    /// Runs `callback` when this scope is destroyed: explicitly, with a scope around it, or by itself at the
    /// end of the session, after all [`on_ended`](Self::on_ended) callbacks (I36).
    ///
    /// Callbacks run in the order of registration, those of inner scopes first (I1, I5), while everything
    /// they may want to read is still there (I15). One that fails is logged; the others run (I4). One that is
    /// registered once its scope is destroyed, or has had its turn, runs at the next destroy of that name, at the
    /// latest at the end of the session (I3, I34).
    pub fn on_destroy<F>(&self, callback: F)
    where
        F: FnOnce(&Session<'_>) -> Result<()> + Send + 'static,
    {
        if self.is_stub_session() {
            return;
        }
        self.state().callbacks.insert_on_destroy(self.namespace(), Box::new(callback));
    }

    /// As [`on_destroy`](Self::on_destroy), in two steps (decision 5): `callback` runs in its turn, while everything is
    /// still there to be read, and gives a future, which goes on beside the session and may outlast it; for up to
    /// [`Limits::end_grace`](crate::Limits::end_grace), and then it is dropped (decision 16). Nothing waits for it: the
    /// scope is destroyed meanwhile. A failure is logged.
    pub fn on_destroy_async<F, Fut>(&self, callback: F)
    where
        F: FnOnce(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.on_destroy(|s| {
            let future = Catch::new(callback(s)?);
            let (grace, scope) = (s.state().limits.end_grace, s.namespace().clone());
            s.state().tasks.borrow_mut().detach(Box::pin(async move {
                match timeout(grace, future).await {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) => {
                        tracing::error!(%failure, %scope, "an on_destroy callback failed");
                    }
                    Err(_) => {
                        tracing::warn!(?grace, %scope, "an on_destroy callback took too long");
                    }
                }
            }));
            Ok(())
        });
    }

    /// Destroys this scope and all scopes within it: runs their `on_destroy` callbacks, deepest first, then
    /// removes every effect, calc, value, input, output, message handler, dynamic route, download, upload, callback, timer, extended
    /// task, running future and exported test value that belongs to them. The page is not touched (I43); the client is
    /// told to forget what it has said of them, so that it tells a scope of the same name everything when that is made.
    ///
    /// Reading what was destroyed is *destroyed*; whoever depended on it runs again and finds out. Twice is
    /// once (I2). From inside the scope it is allowed: the closure that runs now runs to its end (C19). On the
    /// root of a live session everything goes, except the root's own [`on_ended`](Self::on_ended) callbacks, and the
    /// link stays (decision 17).
    pub fn destroy(&self) {
        let state = self.state();
        let within = self.namespace();
        // Called from one of its own callbacks it has nothing to add (I33).
        let begun = state.destroying.borrow().contains(within);
        if state.stub || begun || state.phase.get() == Phase::Ended {
            return;
        }
        let known = self.known_scope();
        state.destroying.borrow_mut().push(within.clone());
        callbacks::run_on_destroy(self);
        state.destroying.borrow_mut().retain(|scope| scope != within);
        // A callback may have destroyed a scope around this one, and made both anew.
        let now = self.known_scope();
        if known.is_none() || known == now {
            self.raze(now);
        }
    }

    fn known_scope(&self) -> Option<Scope> {
        if self.namespace().is_root() {
            return Some(self.root_cx().scope());
        }
        self.state().modules.borrow().get(self.namespace().as_str()).copied()
    }

    /// Removes everything in this scope and those within.
    fn raze(&self, scope: Option<Scope>) {
        let (state, cx, within) = (self.state(), self.cx(), self.namespace());
        self.forget_what_was_said();
        if let Some(scope) = scope {
            for failure in scope.destroy(cx) {
                tracing::error!(%failure, scope = %within, "an on_destroy callback of the graph failed");
            }
        }
        // Each table is taken apart before anything in it is dropped: what app code put there may do as it
        // likes when it goes.
        let inputs = state.inputs.borrow_mut().remove_within(within);
        for input in inputs {
            input.destroy(cx);
        }
        let outputs = state.outputs.borrow_mut().remove_within(within);
        for output in outputs {
            self.retire_output(output);
        }
        let (jobs, files) = state.uploads.borrow_mut().remove_within(within);
        for input in files {
            input.destroy(cx);
        }
        let cancelled = state.tasks.borrow_mut().cancel_within(within);
        for waiting in cancelled {
            state.abandon(waiting);
        }
        let handlers = state.handlers.borrow_mut().remove_within(within);
        let routes = state.routes.borrow_mut().remove_within(within);
        let snapshot = state.snapshot.borrow_mut().remove_within(within);
        let downloads = state.downloads.borrow_mut().remove_within(within);
        self.raze_page();
        let mut modules = state.modules.borrow_mut();
        modules.remove_within(within);
        modules.remove(within.as_str());
        drop(modules);
        drop((handlers, routes, downloads, snapshot, jobs));
        state.callbacks.remove_within(within);
    }

    /// Destroys the scope `id` within this one; nothing happens if there is none (I21, I22).
    ///
    /// # Errors
    ///
    /// [`InvalidId`]; nothing is destroyed then (I23).
    pub fn destroy_module(&self, id: impl Id) -> Result<()> {
        let namespace = match id.resolve_module(self.namespace()) {
            Ok(namespace) => namespace,
            // The reference's stub takes anything here (L8).
            Err(InvalidId { .. }) if self.is_stub_session() && self.namespace().is_root() => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        Session::new(*self.cx(), namespace).destroy();
        Ok(())
    }
}
