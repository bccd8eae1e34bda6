//! Registering outputs, and running them in step with the client's state machine.

use std::sync::Arc;

use futures_util::FutureExt;
use reactive::{EffectOptions, Interrupt};
use serde::Serialize;

use crate::catch::{Catch, catch};
use crate::message::codec;
use crate::name::Id;
use crate::session::outbox::Item;
use crate::session::outputs::{ClientState, Output, OutputKey, Outputs, Rendered};
use crate::session::page::Html;
use crate::session::state::State;
use crate::session::tasks::Waiting;
use crate::{Result, Session};

/// How an output is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputOptions {
    /// Outputs and effects of a higher priority run first; 0 by default.
    pub priority: i32,
    /// Whether it rests while the client does not show it (M1 to M5); true by default.
    pub suspend_when_hidden: bool,
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self { priority: 0, suspend_when_hidden: true }
    }
}

impl OutputOptions {
    /// With another priority.
    #[must_use]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// With another answer to being hidden.
    #[must_use]
    pub const fn suspend_when_hidden(mut self, suspend: bool) -> Self {
        self.suspend_when_hidden = suspend;
        self
    }
}

impl Session<'_> {
    /// Keeps the output `id` of this scope in step with what `render` reads.
    ///
    /// It runs when the client shows the output and something it read has changed; what it returns is
    /// serialised as JSON (a text for a text output, [`Html`](crate::page::Html) for an HTML output). *Silent* empties the output,
    /// *cancel* leaves it as it is, *in progress* shows that it is being worked on, anything else is an error
    /// of this output alone (M9 to M11, I28). The same id again replaces the former output (M14).
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    #[track_caller]
    pub fn output<T, F>(&self, id: impl Id, render: F) -> Result<()>
    where
        T: OutputValue,
        F: FnMut(&Session<'_>) -> Result<T> + Send + 'static,
    {
        self.output_with(id, OutputOptions::default(), render)
    }

    /// As [`output`](Self::output), with options.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    #[track_caller]
    pub fn output_with<T, F>(
        &self,
        id: impl Id,
        options: OutputOptions,
        mut render: F,
    ) -> Result<()>
    where
        T: OutputValue,
        F: FnMut(&Session<'_>) -> Result<T> + Send + 'static,
    {
        self.register_output(id, options, move |s, round| {
            let outcome = catch(|| render(s)?.into_content());
            s.finish_round(round, outcome);
        })
    }

    /// As [`output`](Self::output), in two steps (decision 5): `render` runs like any output's closure and
    /// reads what it depends on, the future it returns makes the value, outside the graph. While it is at
    /// work the client shows the output as in progress (M10); when a dependency changes it is dropped and
    /// the first step runs anew.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    #[track_caller]
    pub fn output_async<T, F, Fut>(&self, id: impl Id, render: F) -> Result<()>
    where
        T: OutputValue,
        F: FnMut(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.output_async_with(id, OutputOptions::default(), render)
    }

    /// As [`output_async`](Self::output_async), with options.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    #[track_caller]
    pub fn output_async_with<T, F, Fut>(
        &self,
        id: impl Id,
        options: OutputOptions,
        mut render: F,
    ) -> Result<()>
    where
        T: OutputValue,
        F: FnMut(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.register_output(id, options, move |s, round| {
            let future = match catch(|| render(s)) {
                Ok(future) => future,
                Err(interrupt) => return s.finish_round(round, Err(interrupt)),
            };
            let mut future = Catch::new(async move { future.await?.into_content() });
            // Many a future has its value at hand; the others are polled again by the session's task.
            match (&mut future).now_or_never() {
                Some(outcome) => s.finish_round(round, outcome),
                None => {
                    let key = round.key;
                    s.finish_round(round, Err(Interrupt::InProgress));
                    let task =
                        s.spawn(Waiting::Nobody, future, move |s, outcome| s.resolve(key, outcome));
                    match s.state().outputs.borrow_mut().get_mut(key) {
                        Some(output) => output.task = task,
                        // It replaced itself.
                        None => task
                            .into_iter()
                            .for_each(|task| s.state().tasks.borrow_mut().cancel(task)),
                    }
                }
            }
        })
    }

    #[track_caller]
    fn register_output<F>(&self, id: impl Id, options: OutputOptions, mut run: F) -> Result<()>
    where
        F: FnMut(&Session<'_>, Round) + Send + 'static,
    {
        let name = id.resolve(self.namespace())?;
        self.remove_output(&name);
        let suspended = options.suspend_when_hidden && self.is_hidden(&name);
        let told = self.state().outbox.borrow().told();
        let key =
            self.state().outputs.borrow_mut().insert(&name, options.suspend_when_hidden, told);
        let name: Arc<str> = name.into();
        let effect =
            self.effect_with(EffectOptions { priority: options.priority, suspended }, move |s| {
                let round = s.begin_round(key, &name);
                run(&s.for_output(&name), round);
                Ok(())
            });
        effect.on_invalidate(self.cx(), move |cx| {
            cx.env().output_invalidated(key);
            Ok(())
        });
        if let Some(output) = self.state().outputs.borrow_mut().get_mut(key) {
            output.effect = Some(effect);
        }
        Ok(())
    }

    /// Takes an output out; it never runs again (I14), and a client that has a result of it is told that it
    /// is out of date (I29).
    pub(crate) fn remove_output(&self, name: &str) {
        let removed = self.state().outputs.borrow_mut().remove(name);
        if let Some(output) = removed {
            self.retire_output(output);
        }
    }

    pub(crate) fn retire_output(&self, mut output: Output) {
        let state = self.state();
        state.snapshot.borrow_mut().forget(&output.name);
        state.tell_out_of_date(&mut output);
        if let Some(task) = output.task {
            state.tasks.borrow_mut().cancel(task);
        }
        if let Some(effect) = output.effect {
            effect.destroy(self.cx());
        }
    }

    /// An output is about to run.
    fn begin_round(&self, key: OutputKey, name: &Arc<str>) -> Round {
        let state = self.state();
        let mut outputs = state.outputs.borrow_mut();
        let Some(output) = outputs.get_mut(key) else {
            return Round { key, name: name.clone(), quiet: true };
        };
        // A result that waits will be replaced where it is.
        let quiet = output.waits();
        if !quiet {
            state.tell_running(output);
        }
        Round { key, name: name.clone(), quiet }
    }

    /// An output has run: tells the client, and keeps what it gave for the flush.
    fn finish_round(&self, round: Round, outcome: Result<Content>) {
        let state = self.state();
        let is_silent = matches!(outcome, Err(Interrupt::Silent));
        let rendered = match outcome.and_then(|content| state.of_size(self.written(content)?)) {
            Err(Interrupt::InProgress) => {
                state.tell_in_progress(round);
                return;
            }
            Ok(json) => Rendered::Value(json),
            Err(Interrupt::Silent) => Rendered::Value(b"null".to_vec()),
            Err(Interrupt::Cancel) => Rendered::Cancel,
            Err(failure) => Rendered::Error(self.failure_text(&failure, "output", &round.name)),
        };
        let mut outputs = state.outputs.borrow_mut();
        if !is_silent && self.records_tests() && outputs.get(round.key).is_some() {
            state.snapshot.borrow_mut().keep(&round.name, &rendered);
        }
        outputs.store(round.key, rendered);
        let Some(output) = outputs.get_mut(round.key) else {
            // It destroyed itself.
            if !round.quiet {
                state.send(Item::stopped(&round.name));
                state.tell_gone(&mut outputs, round.name);
            }
            return;
        };
        if !round.quiet {
            output.client = ClientState::Done;
            state.send(Item::stopped(&round.name));
            if !std::mem::replace(&mut output.listed, true) {
                state.flush.borrow_mut().outputs.push(round.key);
            }
        }
    }

    /// What an output gave, as JSON; what HTML depends on is served from now on.
    fn written(&self, content: Content) -> Result<Vec<u8>> {
        match content.0 {
            Form::Json(json) => Ok(json),
            Form::Html(html) => Ok(codec::to_json(&self.html(html)?)?),
        }
    }

    /// The future of an output is done: a round of its own, whose result goes out with the next flush.
    fn resolve(&self, key: OutputKey, outcome: Result<Content>) {
        let name = match self.state().outputs.borrow_mut().get_mut(key) {
            Some(output) => {
                output.task = None;
                output.name.clone()
            }
            None => return,
        };
        let round = self.begin_round(key, &name);
        self.finish_round(round, outcome);
    }
}

impl State {
    fn tell_running(&self, output: &mut Output) {
        self.tell_out_of_date(output);
        output.client = ClientState::Running;
        self.send(Item::Recalculating {
            output: output.name.clone(),
            running: true,
            after: output.told,
        });
    }

    /// A run came to no result: one is being made.
    fn tell_in_progress(&self, round: Round) {
        let mut outputs = self.outputs.borrow_mut();
        if round.quiet {
            // What the client has yet to learn of is no result either.
            outputs.withdraw(round.key);
            self.flush.borrow_mut().outputs.retain(|key| *key != round.key);
            self.outbox.borrow_mut().withdraw(round.key);
        }
        match outputs.get_mut(round.key) {
            Some(output) => {
                if round.quiet {
                    self.tell_running(output);
                }
                output.client = ClientState::Persistent;
                self.send(Item::Progress { output: round.name, persistent: true });
            }
            // It destroyed itself.
            None if round.quiet => {}
            None => {
                self.send(Item::Progress { output: round.name.clone(), persistent: true });
                self.tell_gone(&mut outputs, round.name);
            }
        }
    }

    /// The output that ran is no more: the client must not be left with one that runs for ever.
    fn tell_gone(&self, outputs: &mut Outputs, name: Arc<str>) {
        // It may have put another one in its place.
        let successor = outputs.named(&name).map(|(key, _)| key);
        self.send(Item::Progress { output: name, persistent: false });
        if let Some(successor) = successor.and_then(|key| outputs.get_mut(key)) {
            successor.told = self.outbox.borrow().told();
        }
    }
}

/// What an output may return: anything that has a JSON form, or [`Html`](crate::page::Html), whose dependencies are
/// served before the client hears of them.
///
/// ```
/// use session_core::{App, page::Html};
///
/// let app = App::new(|s| {
///     let name = s.input::<String>("name")?;
///     s.output("greeting", move |s| Ok(Html::raw("Hello, <b>") + name.get(s)? + Html::raw("</b>")))
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "an output cannot show `{Self}`",
    note = "an output returns `Html`, or what implements `serde::Serialize`"
)]
pub trait OutputValue {
    /// What the client gets.
    #[doc(hidden)]
    fn into_content(self) -> Result<Content>;
}

impl<T: Serialize> OutputValue for T {
    fn into_content(self) -> Result<Content> {
        Ok(Content(Form::Json(codec::to_json(&self)?)))
    }
}

impl OutputValue for Html {
    fn into_content(self) -> Result<Content> {
        Ok(Content(Form::Html(self)))
    }
}

/// What an output gave.
#[derive(Debug)]
pub struct Content(Form);

#[derive(Debug)]
enum Form {
    Json(Vec<u8>),
    Html(Html),
}

/// One run of an output.
struct Round {
    key: OutputKey,
    name: Arc<str>,
    /// The client is not told: it has yet to learn of the former run.
    quiet: bool,
}
