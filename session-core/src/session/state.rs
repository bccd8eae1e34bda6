//! What one session holds, beside its graph.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use reactive::Scope;
use tokio::sync::mpsc;

use crate::Result;
use crate::app::Settings;
use crate::handle::Command;
use crate::limits::Limits;
use crate::link::{CloseCode, CloseReason, PeerInfo};
use crate::message::codec;
use crate::name::{Names, Namespace};
use crate::session::callbacks::Callbacks;
use crate::session::downloads::Downloads;
use crate::session::handlers::Handlers;
use crate::session::inputs::Inputs;
use crate::session::outbox::{Flush, Item, Outbox};
use crate::session::outputs::{ClientState, Output, OutputKey, Outputs};
use crate::session::page::Page;
use crate::session::routes::Routes;
use crate::session::snapshot::Snapshot;
use crate::session::tasks::Tasks;
use crate::session::timers::Timers;
use crate::session::uploads::Uploads;
use crate::shared::Subscriptions;

/// Tells the time; monotonic.
pub(crate) type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// What one session holds: tables by name, callbacks, what waits for the link.
///
/// Opaque: it is reached through [`Session`](crate::Session). Nothing in it is borrowed while app code runs.
pub struct State {
    pub(crate) id: Arc<str>,
    pub(crate) stub: bool,
    pub(crate) settings: Settings,
    pub(crate) limits: Arc<Limits>,
    pub(crate) peer: PeerInfo,
    pub(crate) clock: Clock,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) modules: RefCell<Names<Scope>>,
    /// Scopes whose `on_destroy` callbacks run.
    pub(crate) destroying: RefCell<Vec<Namespace>>,
    pub(crate) inputs: RefCell<Inputs>,
    pub(crate) outputs: RefCell<Outputs>,
    pub(crate) handlers: RefCell<Handlers>,
    pub(crate) routes: RefCell<Routes>,
    pub(crate) downloads: RefCell<Downloads>,
    pub(crate) page: RefCell<Page>,
    pub(crate) callbacks: Callbacks,
    pub(crate) tasks: RefCell<Tasks>,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) uploads: RefCell<Uploads>,
    pub(crate) shared: RefCell<Subscriptions>,
    pub(crate) snapshot: RefCell<Snapshot>,
    pub(crate) outbox: RefCell<Outbox>,
    /// What the flush at hand will say.
    pub(crate) flush: RefCell<Flush>,
    /// Whole frames that follow the flush at hand.
    pub(crate) after_flush: RefCell<Vec<Vec<u8>>>,
    pub(crate) phase: Cell<Phase>,
    /// Nothing is sent any more.
    muted: Cell<bool>,
    /// Why the session is to end; the first reason stands.
    end: RefCell<Option<CloseReason>>,
    /// Work at hand: effects that run or wait, exchanges that are not answered (G34).
    work: Cell<usize>,
    /// Input keys that were dropped (decision 28).
    pub(crate) dropped_keys: Cell<u64>,
}

/// Where in its life a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The client has not sent `init`.
    Connected,
    /// The app's function has been called.
    Running,
    /// `on_ended` callbacks run; values and inputs are readable.
    Ending,
    /// Everything is destroyed.
    Ended,
}

impl State {
    pub(crate) fn new(
        id: Arc<str>,
        stub: bool,
        settings: Settings,
        limits: Arc<Limits>,
        peer: PeerInfo,
        clock: Clock,
        commands: mpsc::Sender<Command>,
    ) -> Self {
        Self {
            id,
            stub,
            settings,
            limits,
            peer,
            clock,
            commands,
            modules: RefCell::default(),
            destroying: RefCell::default(),
            inputs: RefCell::default(),
            outputs: RefCell::default(),
            handlers: RefCell::default(),
            routes: RefCell::default(),
            downloads: RefCell::default(),
            page: RefCell::default(),
            callbacks: Callbacks::default(),
            tasks: RefCell::default(),
            timers: RefCell::default(),
            uploads: RefCell::default(),
            shared: RefCell::default(),
            snapshot: RefCell::default(),
            outbox: RefCell::default(),
            flush: RefCell::default(),
            after_flush: RefCell::default(),
            phase: Cell::new(Phase::Connected),
            muted: Cell::new(false),
            end: RefCell::default(),
            work: Cell::new(0),
            dropped_keys: Cell::new(0),
        }
    }

    /// The beginning of the id, as a number: enough to tell sessions apart where a copy of the id is too much.
    pub(crate) fn mark(&self) -> u64 {
        self.id.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
    }

    /// Queues something for the client, unless the session is over.
    pub(crate) fn send(&self, item: Item) {
        if !self.muted.get() && !self.stub {
            self.outbox.borrow_mut().push(item);
        }
    }

    /// Ends the session after the closure that runs now.
    pub(crate) fn end_with(&self, reason: CloseReason) {
        let mut end = self.end.borrow_mut();
        if end.is_none() && !self.stub {
            *end = Some(reason);
        }
    }

    /// Ends the session because the app failed; the client learns no more than that.
    pub(crate) fn fail(&self) {
        self.end_with(CloseReason::new(CloseCode::APP_FAILED, "the app failed"));
    }

    /// Sends nothing from now on.
    pub(crate) fn mute(&self) {
        self.muted.set(true);
    }

    /// Whether the session is to end or has ended.
    pub(crate) fn is_closing(&self) -> bool {
        self.end.borrow().is_some() || matches!(self.phase.get(), Phase::Ending | Phase::Ended)
    }

    pub(crate) fn end_reason(&self) -> Option<CloseReason> {
        self.end.borrow().clone()
    }

    /// Work begins; the client learns it when it is the first.
    pub(crate) fn begin_work(&self) {
        if self.work.replace(self.work.get() + 1) == 0 {
            self.send(Item::Busy(true));
        }
    }

    /// Work is done; the client learns it when it was the last.
    pub(crate) fn end_work(&self) {
        let left = self.work.get().saturating_sub(1);
        if self.work.replace(left) == 1 {
            self.send(Item::Busy(false));
        }
    }

    /// An output is out of date: the client is told once, if it has a result of it (M8).
    pub(crate) fn output_invalidated(&self, key: OutputKey) {
        let mut outputs = self.outputs.borrow_mut();
        if let Some(output) = outputs.get_mut(key) {
            // What it works on is of no use any more (decision 5).
            if let Some(task) = output.task.take() {
                self.tasks.borrow_mut().cancel(task);
            }
            if !output.waits() {
                self.tell_out_of_date(output);
            }
        }
    }

    pub(crate) fn tell_out_of_date(&self, output: &mut Output) {
        if matches!(output.client, ClientState::Done | ClientState::Persistent) {
            output.client = ClientState::Ready;
            self.send(Item::Progress { output: output.name.clone(), persistent: false });
            output.told = self.outbox.borrow().told();
        }
    }

    /// Sends what the flush at hand has come to; nothing when it changed nothing (E5).
    pub(crate) fn send_flush(&self) {
        let flush = std::mem::take(&mut *self.flush.borrow_mut());
        if !flush.outputs.is_empty() || !flush.input_messages.is_empty() {
            self.outputs.borrow_mut().queue(&flush.outputs);
            self.send(Item::Flush(flush));
        }
        let after = std::mem::take(&mut *self.after_flush.borrow_mut());
        for text in after {
            self.send(Item::Text(text));
        }
        let waiting = self.outbox.borrow().bytes() + self.outputs.borrow().queued_bytes();
        if waiting > self.limits.outbound_bytes {
            tracing::warn!(
                waiting,
                limit = self.limits.outbound_bytes,
                "the client does not take its messages"
            );
            self.outbox.borrow_mut().clear();
            self.mute();
            self.end_with(CloseReason::new(
                CloseCode::POLICY,
                "the client does not take its messages: the outbound budget is used up",
            ));
        }
    }

    /// Refuses what alone is over the outbound budget: an error of that one thing, rather than the session's end.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub(crate) fn check_size(&self, bytes: &[u8]) -> Result<(), TooLarge> {
        let limit = self.limits.outbound_bytes;
        if bytes.len() > limit { Err(TooLarge { bytes: bytes.len(), limit }) } else { Ok(()) }
    }

    /// What app code gave, as long as it is not over the outbound budget alone.
    pub(crate) fn of_size(&self, json: Vec<u8>) -> Result<Vec<u8>> {
        self.check_size(&json)?;
        Ok(json)
    }

    /// The answer to a request, as a frame.
    pub(crate) fn respond(&self, tag: &str, answer: Result<&[u8], &str>) {
        let mut text = Vec::with_capacity(48 + tag.len());
        text.extend_from_slice(br#"{"response":{"tag":"#);
        text.extend_from_slice(tag.as_bytes());
        match answer {
            Ok(json) => {
                text.extend_from_slice(br#","value":"#);
                text.extend_from_slice(json);
            }
            Err(error) => {
                text.extend_from_slice(br#","error":"#);
                codec::json(&mut text, error);
            }
        }
        text.extend_from_slice(b"}}");
        self.send(Item::Text(text));
    }
}

/// One value or message for the client is larger than everything that may wait for the link.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes for the client are more than the outbound budget of {limit}")]
pub(crate) struct TooLarge {
    bytes: usize,
    limit: usize,
}

impl fmt::Debug for State {
    /// How much there is of what: the id is a secret, and what the session holds is the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("phase", &self.phase.get())
            .field("modules", &self.modules.borrow().len())
            .field("inputs", &self.inputs.borrow().len())
            .field("outputs", &self.outputs.borrow().len())
            .field("callbacks", &self.callbacks.len())
            .field("tasks", &self.tasks.borrow().len())
            .field("timers", &self.timers.borrow().len())
            .finish_non_exhaustive()
    }
}
