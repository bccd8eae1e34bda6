//! One session as a state machine: messages, commands, results and the time in; frames, futures and
//! deadlines out. No sockets, no clock of its own, no runtime.

use std::sync::Arc;
use std::time::Instant;

use reactive::{Graph, Interrupt};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::Session;
use crate::app::App;
use crate::catch::catch;
use crate::handle::Command;
use crate::limits::Limits;
use crate::link::{CloseCode, CloseReason, Frame, PeerInfo};
use crate::message::{self, Message, codec};
use crate::name::Namespace;
use crate::session::callbacks::{self, Moment};
use crate::session::handlers::Args;
use crate::session::outbox::Item;
use crate::session::state::{Clock, Phase, State};
use crate::session::tasks::{Detached, Done, Task};
use crate::session::uploads::folder::{Folder, SessionFolder};
use crate::shared::{SharedId, Wake};

#[derive(Debug)]
pub(crate) struct Machine {
    graph: Graph<State>,
    app: App,
}

impl Machine {
    /// A session that waits for `init`; the first frame it gives is `config` (G1).
    pub(crate) fn new(
        app: App,
        id: Arc<str>,
        limits: Arc<Limits>,
        peer: PeerInfo,
        clock: Clock,
        commands: mpsc::Sender<Command>,
    ) -> Self {
        let mut config =
            format!(r#"{{"config":{{"workerId":"","sessionId":"{id}","user":"#).into_bytes();
        codec::json(&mut config, &peer.identity().user());
        config.extend_from_slice(b"}}");
        let state = State::new(id, false, app.settings(), limits, peer, clock, commands);
        state.send(Item::Text(config));
        Self { graph: Graph::new(state), app }
    }

    pub(crate) fn state(&self) -> &State {
        self.graph.env()
    }

    fn root(&self) -> Session<'_> {
        Session::new(self.graph.cx(), Namespace::ROOT)
    }

    /// Keeps what is uploaded in this folder, rather than in one of its own.
    pub(crate) fn keep_uploads_in(&self, folder: Arc<Folder>) {
        self.state().uploads.borrow_mut().keep_in(folder);
    }

    /// Whether the client has sent `init`.
    pub(crate) fn is_initialized(&self) -> bool {
        self.state().phase.get() != Phase::Connected
    }

    /// Why the session is to end now; `None` while it goes on.
    pub(crate) fn end_reason(&self) -> Option<CloseReason> {
        self.state().end_reason()
    }

    /// Takes a frame of the client.
    pub(crate) fn receive(&mut self, frame: &Frame) {
        if self.state().is_closing() {
            return;
        }
        let outcome = match frame {
            frame if frame.as_bytes().len() > self.state().limits.message_bytes => {
                Err(CloseReason::new(CloseCode::TOO_BIG, "the message is too large"))
            }
            Frame::Text(text) => Message::parse(text.as_str()).and_then(|m| self.dispatch(&m)),
            Frame::Binary(bytes) => self.receive_blobs(bytes),
        };
        match outcome {
            Ok(()) => self.settle(),
            Err(reason) => {
                tracing::warn!(%reason, bytes = frame.as_bytes().len(), "the client broke the protocol");
                self.state().end_with(reason);
            }
        }
    }

    fn dispatch(&self, message: &Message<'_>) -> Result<(), CloseReason> {
        let phase = self.state().phase.get();
        match (message, phase) {
            (Message::Init(data), Phase::Connected) => self.init(data),
            (Message::Update(data), Phase::Running) => self.root().receive_inputs(data),
            (Message::Request { method, args, tag }, Phase::Running) => {
                let args = Args { json: args, blobs: Vec::new() };
                self.root().handle_request(method, args, tag.get());
                Ok(())
            }
            (Message::Init(_), _) => Err(message::violation("a second init")),
            (Message::Update(_), _) => Err(message::violation("an update before init")),
            (Message::Request { .. }, _) => Err(message::violation("a request before init")),
        }
    }

    fn init(&self, data: &RawValue) -> Result<(), CloseReason> {
        let root = self.root();
        self.state().phase.set(Phase::Running);
        root.receive_inputs(data)?;
        if let Err(failure) = catch(|| self.app.start(&root)) {
            match failure {
                // The function had enough: what it registered stands.
                Interrupt::Silent | Interrupt::Cancel | Interrupt::InProgress => {}
                failure => {
                    tracing::error!(%failure, "the app's session function failed");
                    self.state().fail();
                }
            }
        }
        Ok(())
    }

    /// A request whose arguments come with blobs.
    fn receive_blobs(&self, frame: &bytes::Bytes) -> Result<(), CloseReason> {
        let (json, blobs) = message::split_blobs(frame.clone())?;
        let text = std::str::from_utf8(&json)
            .map_err(|_| CloseReason::new(CloseCode::INVALID_DATA, "the request is not UTF-8"))?;
        match Message::parse(text)? {
            Message::Request { method, args, tag }
                if self.state().phase.get() == Phase::Running =>
            {
                self.root().handle_request(&method, Args { json: args, blobs }, tag.get());
                Ok(())
            }
            _ => Err(message::violation("a binary frame is not a request with blobs")),
        }
    }

    /// Does what a handle or the server asks for.
    pub(crate) fn command(&mut self, command: Command) {
        if self.state().is_closing() {
            // Dropped: whoever waits for it learns that the session ended.
            return;
        }
        match command {
            Command::Run(namespace, run) => run(&self.root().at(&namespace)),
            Command::Exchange(exchange) => self.root().handle_exchange(exchange),
        }
        self.settle();
    }

    /// Takes what a future gave; `None` when it was cancelled.
    pub(crate) fn finish_task(&mut self, key: u64, done: Option<Done>) {
        let owner = self.state().tasks.borrow_mut().finish(key);
        if let (Some(owner), Some(done)) = (owner, done) {
            done(&self.root().at(&owner));
            self.settle();
        }
    }

    /// Fires the timers that are due, and ends the uploads that the client has abandoned.
    pub(crate) fn fire_timers(&mut self, now: Instant) {
        let abandoned = self.state().uploads.borrow_mut().take_expired(now);
        if !abandoned.is_empty() {
            tracing::debug!(jobs = abandoned.len(), "uploads were abandoned");
        }
        drop(abandoned);
        let mut fired = false;
        loop {
            let due = self.state().timers.borrow_mut().take_due(now);
            let Some(tick) = due else { break };
            fired = true;
            // A tick that is gone had nothing left to invalidate.
            let _ = tick.replace(&self.graph.cx(), ());
        }
        if fired {
            self.settle();
        }
    }

    /// Tells the readers of shared values that those have changed.
    pub(crate) fn shared_changed(&mut self, changed: &[SharedId]) {
        for id in changed {
            let trigger = self.state().shared.borrow().trigger(*id);
            if let Some(trigger) = trigger {
                let _ = trigger.replace(&self.graph.cx(), ());
            }
        }
        self.settle();
    }

    /// What wakes this session when shared values change.
    pub(crate) fn shared_wake(&self) -> Arc<Wake> {
        self.state().shared.borrow().wake()
    }

    #[cfg(feature = "testing")]
    pub(crate) const fn graph(&self) -> &Graph<State> {
        &self.graph
    }

    /// When [`Self::fire_timers`] is due next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let timer = self.state().timers.borrow().next_deadline();
        let upload = self.state().uploads.borrow().next_deadline();
        [timer, upload].into_iter().flatten().min()
    }

    /// The next frame for the link.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        let state = self.state();
        state.outbox.borrow_mut().next_frame(&mut state.outputs.borrow_mut())
    }

    pub(crate) fn has_frames(&self) -> bool {
        !self.state().outbox.borrow().is_empty()
    }

    /// Whether there are futures that [`Self::take_tasks`] would give.
    pub(crate) fn has_tasks(&self) -> bool {
        self.state().tasks.borrow().has_fresh()
    }

    /// The futures to be driven from now on.
    pub(crate) fn take_tasks(&mut self) -> Vec<Task> {
        self.state().tasks.borrow_mut().take_fresh()
    }

    /// The futures to be spawned, which go on by themselves.
    pub(crate) fn take_detached(&mut self) -> Vec<Detached> {
        self.state().tasks.borrow_mut().take_detached()
    }

    /// One flush: runs what is out of date and sends the results; more than one when a callback of the flush
    /// asked for it.
    fn settle(&mut self) {
        let state = self.state();
        if state.phase.get() != Phase::Running {
            return;
        }
        let mut runs = 0;
        // A callback of every flush that asks for the next one each time: also where nothing runs in the end.
        for round in 0.. {
            if round > state.limits.runs_per_flush {
                self.stop_runaway();
                state.mute();
                return;
            }
            let busy = self.graph.has_pending() && !state.is_closing();
            if busy {
                state.begin_work();
            }
            self.run_effects(&mut runs);
            let mut failed = false;
            if !state.is_closing() {
                failed = self.run_callbacks(Moment::Flush);
            }
            if busy {
                state.end_work();
            }
            state.send_flush();
            failed |= self.run_callbacks(Moment::Flushed);
            if failed {
                state.fail();
            }
            if state.is_closing() {
                // The results are on their way; nothing else is.
                state.mute();
                return;
            }
            if !self.graph.has_pending() {
                self.root().release_shared();
                return;
            }
        }
    }

    fn run_effects(&self, runs: &mut usize) {
        let state = self.state();
        while !state.is_closing() {
            if *runs == state.limits.runs_per_flush && self.graph.has_pending() {
                self.stop_runaway();
                return;
            }
            let Some(run) = self.graph.run_next() else { return };
            *runs += 1;
            self.root().judge_effect(run.effect, &run.outcome);
        }
    }

    /// Ends a session whose effects keep invalidating each other, or are kept so by callbacks, and names some of them.
    fn stop_runaway(&self) {
        let mut culprits: Vec<String> = Vec::new();
        for _ in 0..8 {
            let Some(run) = self.graph.run_next() else { break };
            let made_at = run.effect.made_at().to_string();
            if !culprits.contains(&made_at) {
                culprits.push(made_at);
            }
        }
        tracing::error!(
            runs = self.state().limits.runs_per_flush,
            effects = culprits.join(", "),
            "a flush does not end: effects keep invalidating each other"
        );
        self.state().fail();
    }

    /// Whether one failed.
    fn run_callbacks(&self, moment: Moment) -> bool {
        let failures = callbacks::run(&self.root(), moment);
        for failure in &failures {
            tracing::error!(%failure, ?moment, "a callback failed");
        }
        !failures.is_empty()
    }

    /// The beginning of the end (decision 16): no effect runs any more, running futures are dropped, and the
    /// `on_ended` callbacks run. Their futures, if any, are to be driven before [`Self::finish_end`].
    pub(crate) fn begin_end(&mut self, reason: CloseReason) {
        let state = self.state();
        if matches!(state.phase.get(), Phase::Ending | Phase::Ended) {
            return;
        }
        state.end_with(reason);
        state.mute();
        state.phase.set(Phase::Ending);
        let cancelled = state.tasks.borrow_mut().cancel_within(&Namespace::ROOT);
        drop(cancelled);
        drop(state.tasks.borrow_mut().take_fresh());
        self.run_callbacks(Moment::Ended);
    }

    /// The end of the end: every scope is destroyed, deepest first, the root last (I7). What was uploaded is to be
    /// removed then, whoever holds it.
    pub(crate) fn finish_end(&mut self) -> Option<Arc<SessionFolder>> {
        self.root().destroy();
        let state = self.state();
        state.phase.set(Phase::Ended);
        state.timers.borrow_mut().clear();
        state.callbacks.clear();
        let subscriptions = std::mem::take(&mut *state.shared.borrow_mut());
        drop(subscriptions);
        state.uploads.borrow_mut().take_folder()
    }
}
