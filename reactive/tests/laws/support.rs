//! What the laws share.

use std::sync::{Arc, Mutex};

use reactive::{Cx, Effect, Graph, Interrupt};

/// What happened, in order; shared with the closures of a graph.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, entry: impl ToString) {
        self.0.lock().expect("not poisoned").push(entry.to_string());
    }

    /// The entries since the last call, with a space between.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().expect("not poisoned")).join(" ")
    }
}

/// How often something ran.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<usize>>);

impl Runs {
    pub(crate) fn add(&self) {
        *self.0.lock().expect("not poisoned") += 1;
    }

    pub(crate) fn count(&self) -> usize {
        *self.0.lock().expect("not poisoned")
    }
}

/// An effect whose runs are counted.
#[track_caller]
pub(crate) fn counted(
    cx: &Cx<'_>,
    mut body: impl FnMut(&Cx<'_>) -> Result<(), Interrupt> + Send + 'static,
) -> (Runs, Effect) {
    let runs = Runs::default();
    let counter = runs.clone();
    let effect = cx.effect(move |cx| {
        counter.add();
        body(cx)
    });
    (runs, effect)
}

/// An effect that logs its name, then reads.
#[track_caller]
pub(crate) fn named(
    cx: &Cx<'_>,
    log: &Log,
    name: &'static str,
    mut body: impl FnMut(&Cx<'_>) -> Result<(), Interrupt> + Send + 'static,
) -> Effect {
    let log = log.clone();
    cx.effect(move |cx| {
        log.push(name);
        body(cx)
    })
}

/// Runs all that is pending; how many runs it took.
#[track_caller]
pub(crate) fn settle(graph: &Graph) -> usize {
    graph.flush(10_000, |_| ()).expect("it settles")
}

/// Runs all that is pending; how each run went, in words.
#[track_caller]
pub(crate) fn outcomes(graph: &Graph) -> String {
    let mut words = Vec::new();
    let told = |run: reactive::Run| match run.outcome {
        Ok(()) => words.push("ok".to_owned()),
        Err(interrupt) => words.push(interrupt.to_string()),
    };
    graph.flush(10_000, told).expect("it settles");
    words.join(", ")
}
