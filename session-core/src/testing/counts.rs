use crate::session::machine::Machine;

/// What is alive in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Values of the graph, those behind inputs and client data included.
    pub values: usize,
    /// Calcs.
    pub calcs: usize,
    /// Effects, those of outputs included.
    pub effects: usize,
    /// Scopes of the graph, the root included.
    pub scopes: usize,
    /// Inputs, file inputs and client data that the session knows.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// Message handlers.
    pub handlers: usize,
    /// Dynamic routes.
    pub routes: usize,
    /// Downloads on offer.
    pub downloads: usize,
    /// Callbacks of the session: `on_flush`, `on_flushed`, `on_ended`.
    pub callbacks: usize,
    /// Callbacks of the graph: `on_destroy`, `on_invalidate`.
    pub graph_callbacks: usize,
    /// Futures at work.
    pub tasks: usize,
    /// Timers.
    pub timers: usize,
    /// Modules.
    pub modules: usize,
    /// Exported test values, and filters of test snapshots.
    pub exports: usize,
    /// Uploads that the client has begun and not ended.
    pub uploads: usize,
    /// Files on the disk that the client uploaded.
    pub files: usize,
    /// Progress panels that are open.
    pub progress: usize,
    /// HTML dependencies whose files are served.
    pub libraries: usize,
}

impl Counts {
    /// Without what stays as long as the page: what the client alone made, and what it cannot unload.
    pub(crate) const fn without_the_page(mut self) -> Self {
        self.values -= self.inputs;
        self.inputs = 0;
        self.libraries = 0;
        self
    }
}

impl Machine {
    pub(crate) fn counts(&self) -> Counts {
        let state = self.state();
        let graph = self.graph_counts();
        Counts {
            values: graph.values,
            calcs: graph.calcs,
            effects: graph.effects,
            scopes: graph.scopes,
            inputs: state.inputs.borrow().len() + state.uploads.borrow().inputs(),
            outputs: state.outputs.borrow().len(),
            handlers: state.handlers.borrow().len(),
            routes: state.routes.borrow().len(),
            downloads: state.downloads.borrow().len(),
            callbacks: state.callbacks.len(),
            graph_callbacks: graph.callbacks,
            tasks: state.tasks.borrow().len(),
            timers: state.timers.borrow().len(),
            modules: state.modules.borrow().len(),
            exports: state.snapshot.borrow().len(),
            uploads: state.uploads.borrow().jobs(),
            files: state.uploads.borrow().files(),
            progress: state.page.borrow().progress.len(),
            libraries: state.page.borrow().libraries.len(),
        }
    }
}
