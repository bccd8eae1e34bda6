//! What is alive in a session, in all and by scope.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::UploadedFile;
use crate::name::Namespace;
use crate::session::machine::Machine;

/// What is alive in a session, or in one scope of it.
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
    /// Callbacks of the session: `on_flush`, `on_flushed`, `on_ended`, `on_destroy`.
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
    /// Files on the disk that the client uploaded; of one scope, those that its file inputs hold.
    pub files: usize,
    /// Progress panels that are open.
    pub progress: usize,
    /// HTML dependencies whose files are served.
    pub libraries: usize,
    /// Bytes that wait for the client, those of files that file inputs hold, and those promised to uploads.
    pub bytes: usize,
}

impl Counts {
    fn named(&self) -> [(&'static str, usize); 20] {
        [
            ("values", self.values),
            ("calcs", self.calcs),
            ("effects", self.effects),
            ("scopes", self.scopes),
            ("inputs", self.inputs),
            ("outputs", self.outputs),
            ("message handlers", self.handlers),
            ("dynamic routes", self.routes),
            ("downloads", self.downloads),
            ("callbacks", self.callbacks),
            ("callbacks of the graph", self.graph_callbacks),
            ("tasks", self.tasks),
            ("timers", self.timers),
            ("modules", self.modules),
            ("exports", self.exports),
            ("uploads", self.uploads),
            ("files", self.files),
            ("progress panels", self.progress),
            ("HTML dependencies", self.libraries),
            ("bytes", self.bytes),
        ]
    }

    /// Without what stays as long as the page: what the client alone made, and what it cannot unload.
    const fn without_the_page(mut self) -> Self {
        self.values = self.values.saturating_sub(self.inputs);
        self.inputs = 0;
        self.libraries = 0;
        self
    }
}

/// What is alive in a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Census {
    pub(super) total: Counts,
    pub(super) by_scope: BTreeMap<Namespace, Counts>,
}

impl Census {
    /// What there is now and was not `then`, or was and is not, what stays as long as the page apart.
    pub(super) fn leaks_since(&self, then: &Self) -> Leaks {
        let mut leaks = Vec::new();
        let mut compare = |place: String, now: Counts, then: Counts| {
            let (now, then) = (now.without_the_page(), then.without_the_page());
            for ((what, now), (_, then)) in now.named().into_iter().zip(then.named()) {
                if now != then {
                    leaks.push(format!("{place}: {now} {what}, where there were {then}"));
                }
            }
        };
        compare("in the session".to_owned(), self.total, then.total);
        let scopes = self
            .by_scope
            .keys()
            .chain(then.by_scope.keys().filter(|scope| !self.by_scope.contains_key(*scope)));
        for scope in scopes {
            let of = |census: &Self| census.by_scope.get(scope).copied().unwrap_or_default();
            let place =
                if scope.is_root() { "of the root".to_owned() } else { format!("of {scope}") };
            compare(place, of(self), of(then));
        }
        Leaks(leaks)
    }
}

/// What of a session is alive and should not be, a line for each.
#[derive(Debug)]
pub(super) struct Leaks(Vec<String>);

impl Leaks {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not as many are alive as after init")?;
        self.0.iter().try_for_each(|leak| write!(f, "\n  {leak}"))
    }
}

impl Machine {
    pub(super) fn counts(&self) -> Counts {
        let state = self.state();
        let graph = self.graph().counts();
        let uploads = state.uploads.borrow();
        let waiting = state.outbox.borrow().bytes() + state.outputs.borrow().queued_bytes();
        let promised: usize = uploads.owners().map(|(_, promised)| promised).sum();
        let held: usize = self.files_held().iter().flat_map(|(_, sizes)| sizes).sum();
        Counts {
            values: graph.values,
            calcs: graph.calcs,
            effects: graph.effects,
            scopes: graph.scopes,
            inputs: state.inputs.borrow().len() + uploads.inputs(),
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
            uploads: uploads.jobs(),
            files: uploads.files(),
            progress: state.page.borrow().progress.len(),
            libraries: state.page.borrow().libraries.len(),
            bytes: waiting + promised + held,
        }
    }

    /// The sizes of the files that each file input holds, and the namespace of the input.
    fn files_held(&self) -> Vec<(Namespace, Vec<usize>)> {
        let cx = self.graph().cx();
        let uploads = self.state().uploads.borrow();
        let sizes = |files: &Option<Arc<[UploadedFile]>>| -> Vec<usize> {
            let files = files.iter().flat_map(|files| files.iter());
            files.map(|file| usize::try_from(file.size()).unwrap_or(usize::MAX)).collect()
        };
        uploads
            .held()
            .map(|(owner, files)| (owner, files.with(&cx.isolate(), sizes).unwrap_or_default()))
            .collect()
    }

    pub(super) fn census(&self) -> Census {
        Census { total: self.counts(), by_scope: self.counts_by_scope() }
    }

    /// What each scope owns, those inside it apart; scopes that own nothing are not there. What belongs to no scope but to
    /// the session as a whole (libraries, what waits for the client) is the root's.
    fn counts_by_scope(&self) -> BTreeMap<Namespace, Counts> {
        let (state, cx) = (self.state(), self.graph().cx());
        let mut scopes = BTreeMap::<Namespace, Counts>::new();
        let modules = state.modules.borrow();
        let named = modules.iter().map(|(path, scope)| (Namespace::nested(path), *scope));
        for (owner, scope) in named.chain([(Namespace::ROOT, cx.scope())]) {
            let graph = self.graph().counts_in(scope);
            let counts = scopes.entry(owner).or_default();
            counts.values += graph.values;
            counts.calcs += graph.calcs;
            counts.effects += graph.effects;
            counts.scopes += graph.scopes;
            counts.graph_callbacks += graph.callbacks;
        }
        let mut add = |owner: &Namespace, count: fn(&mut Counts) -> &mut usize, number: usize| {
            *count(scopes.entry(owner.clone()).or_default()) += number;
        };
        for (path, _) in modules.iter() {
            add(&Namespace::of(path), |counts| &mut counts.modules, 1);
        }
        // The graph has the values behind inputs in the root's scope; here they are where their names are.
        let uploads = state.uploads.borrow();
        let held = self.files_held();
        for (owner, sizes) in &held {
            add(owner, |counts| &mut counts.files, sizes.len());
            add(owner, |counts| &mut counts.bytes, sizes.iter().sum());
        }
        let file_inputs = held.into_iter().map(|(owner, _)| owner);
        for owner in state.inputs.borrow().owners().chain(file_inputs) {
            add(&owner, |counts| &mut counts.inputs, 1);
            add(&owner, |counts| &mut counts.values, 1);
        }
        for (owner, waiting) in state.outputs.borrow().owners() {
            add(&owner, |counts| &mut counts.outputs, 1);
            add(&owner, |counts| &mut counts.bytes, waiting);
        }
        for owner in state.handlers.borrow().owners() {
            add(owner, |counts| &mut counts.handlers, 1);
        }
        for owner in state.routes.borrow().owners() {
            add(owner, |counts| &mut counts.routes, 1);
        }
        for owner in state.downloads.borrow().owners() {
            add(owner, |counts| &mut counts.downloads, 1);
        }
        for owner in &state.callbacks.owners() {
            add(owner, |counts| &mut counts.callbacks, 1);
        }
        for owner in state.tasks.borrow().owners() {
            add(owner, |counts| &mut counts.tasks, 1);
        }
        for owner in state.timers.borrow().owners() {
            add(owner, |counts| &mut counts.timers, 1);
        }
        for owner in state.snapshot.borrow().owners() {
            add(owner, |counts| &mut counts.exports, 1);
        }
        for (owner, promised) in uploads.owners() {
            add(owner, |counts| &mut counts.uploads, 1);
            add(owner, |counts| &mut counts.bytes, promised);
        }
        for owner in state.page.borrow().progress.owners() {
            add(owner, |counts| &mut counts.progress, 1);
        }
        add(&Namespace::ROOT, |counts| &mut counts.libraries, state.page.borrow().libraries.len());
        add(&Namespace::ROOT, |counts| &mut counts.bytes, state.outbox.borrow().bytes());
        let root = scopes.entry(Namespace::ROOT).or_default();
        root.values = root.values.saturating_sub(state.inputs.borrow().len() + uploads.inputs());
        scopes.retain(|_, counts| *counts != Counts::default());
        scopes
    }
}
