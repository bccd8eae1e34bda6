//! For the tests of apps: a client in the same process, without sockets and without sleeping.
//!
//! ```
//! use session_core::{App, testing::Client};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = App::new(|s| {
//!     s.set_message_handler("add", |_, (a, b): (f64, f64)| Ok(a + b))?;
//!     Ok(())
//! });
//! let mut client = Client::connect(app).await;
//! assert_eq!(client.call("add", (1, 2)).await, Ok(3.0.into()));
//! client.assert_no_leaks();
//! # }
//! ```

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Session;
use crate::app::App;
use crate::exchange::{Exchange, ExchangeError, Request, Response};
use crate::handle::{Command, SessionEnded, SessionHandle};
use crate::limits::Limits;
use crate::link::{CloseCode, CloseReason, Frame, Identity, PeerInfo};
use crate::name::Namespace;
use crate::session::machine::Machine;
use crate::session::tasks::Task;

mod counts;
mod model;
mod upload;

use counts::Census;
pub use counts::Counts;
pub use model::{
    ClientModel, IllegalStep, OutputState, ShownModal, ShownNotification, ShownProgress, TabChange,
    TabPlace, UiChange,
};

/// A scripted client of one session.
///
/// Every frame of the session goes through a [`ClientModel`]; one that the real client would throw away
/// panics the test. Time is tokio's, so pause it.
pub struct Client {
    machine: Machine,
    inbox: mpsc::Receiver<Command>,
    commands: mpsc::Sender<Command>,
    tasks: FuturesUnordered<Task>,
    model: ClientModel,
    frames: Vec<Frame>,
    /// Inputs for the next message.
    inputs: Map<String, Json>,
    next_tag: u64,
    /// What was alive right after `init`.
    baseline: Census,
    ended: Option<CloseReason>,
    limits: Limits,
    /// The link takes no frame.
    stalled: bool,
}

impl Client {
    /// Starts a session and sends `init` with no inputs.
    pub async fn connect(app: App) -> Self {
        Self::connect_with(app, Limits::default()).await
    }

    /// As [`connect`](Self::connect), with limits.
    pub async fn connect_with(app: App, limits: Limits) -> Self {
        let mut client = Self::open(app, limits);
        client.init().await;
        client
    }

    /// As [`connect`](Self::connect), as a user whom the server has let in.
    pub async fn connect_as(app: App, user: Identity) -> Self {
        let mut client = Self::open_from(app, Limits::default(), PeerInfo::default(), user);
        client.init().await;
        client
    }

    /// Starts a session, and sends nothing.
    #[must_use]
    pub fn open(app: App, limits: Limits) -> Self {
        Self::open_from(app, limits, PeerInfo::default(), Identity::anonymous())
    }

    /// As [`open`](Self::open), of a link from this peer, whom the server has let in as this user.
    #[must_use]
    pub fn open_from(app: App, limits: Limits, mut peer: PeerInfo, user: Identity) -> Self {
        peer.admit(user);
        let (commands, inbox) = mpsc::channel(64);
        let clock = Arc::new(|| Instant::now().into_std());
        let id = "0".repeat(64);
        let machine =
            Machine::new(app, id.into(), Arc::new(limits.clone()), peer, clock, commands.clone());
        let mut client = Self {
            machine,
            inbox,
            commands,
            tasks: FuturesUnordered::new(),
            model: ClientModel::default(),
            frames: Vec::new(),
            inputs: Map::new(),
            next_tag: 0,
            baseline: Census::default(),
            ended: None,
            limits,
            stalled: false,
        };
        client.take_frames();
        client
    }

    /// Sends `init` with the inputs set so far.
    pub async fn init(&mut self) {
        self.say("init").await;
        self.baseline = self.machine.census();
    }

    /// Sets an input for the next message. The key is the whole one, with its type if it has one.
    pub fn set(&mut self, key: &str, value: impl Serialize) -> &mut Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.inputs.insert(key.to_owned(), value);
        self
    }

    /// Says, with the next message, that an output is visible.
    pub fn show(&mut self, output: &str) -> &mut Self {
        self.set(&format!(".clientdata_output_{output}_hidden"), false)
    }

    /// Says, with the next message, that an output is hidden.
    pub fn hide(&mut self, output: &str) -> &mut Self {
        self.set(&format!(".clientdata_output_{output}_hidden"), true)
    }

    /// Sends what was set as one `update`, and lets the session do what follows at once.
    pub async fn flush(&mut self) {
        self.say("update").await;
    }

    async fn say(&mut self, method: &str) {
        let data = std::mem::take(&mut self.inputs);
        self.send(&serde_json::json!({ "method": method, "data": data }).to_string()).await;
    }

    /// Sends any text, and lets the session do what follows at once.
    pub async fn send(&mut self, text: &str) {
        self.send_frame(Frame::Text(text.to_owned().into())).await;
    }

    /// Sends any frame, and lets the session do what follows at once.
    pub async fn send_frame(&mut self, frame: Frame) {
        if self.ended.is_none() {
            self.machine.receive(&frame);
            self.settle().await;
        }
    }

    /// Asks and waits for the answer; an error is the text the client gets.
    ///
    /// # Errors
    ///
    /// The text of the error response; or that the session ended first.
    pub async fn call(&mut self, method: &str, args: impl Serialize) -> Result<Json, String> {
        let tag = self.ask(method, args).await;
        loop {
            let answer = self.model.responses().iter().find(|(known, _)| *known == tag);
            if let Some((_, answer)) = answer {
                return answer.clone();
            }
            if self.ended.is_some() {
                return Err("the session ended".to_owned());
            }
            self.wait().await;
        }
    }

    /// Asks without waiting; the tag under which the answer will come.
    pub async fn ask(&mut self, method: &str, args: impl Serialize) -> Json {
        let tag = Json::from(self.next_tag);
        self.next_tag += 1;
        let args = match serde_json::to_value(args).unwrap_or_default() {
            Json::Null => Json::Array(Vec::new()),
            args => args,
        };
        let request = serde_json::json!({ "method": method, "args": args, "tag": tag });
        self.send(&request.to_string()).await;
        tag
    }

    /// Runs `f` in the root scope of the session, as a handle does, and lets the session do what follows at once.
    ///
    /// # Errors
    ///
    /// [`SessionEnded`] when the session is over, or `f` panics.
    pub async fn run<T, F>(&mut self, f: F) -> Result<T, SessionEnded>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>) -> T + Send + 'static,
    {
        let handle = self.handle();
        futures_util::future::join(handle.run(f), self.settle()).await.0
    }

    /// Sends a request beside the link, for instance to the URL of a dynamic route.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`] when the session ends first.
    pub async fn fetch(&mut self, request: Request) -> Result<Response, ExchangeError> {
        let (exchange, mut answer) = Exchange::new(request);
        self.machine.command(Command::Exchange(exchange));
        self.settle().await;
        loop {
            if let Some(answer) = (&mut answer).now_or_never() {
                return answer;
            }
            self.wait().await;
        }
    }

    /// Waits for something to come from outside or from a future of the session, and lets the session do
    /// what follows.
    pub async fn wait(&mut self) {
        let deadline = self.machine.next_deadline().map(Instant::from_std);
        let alarm = async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let wake = self.machine.shared_wake();
        tokio::select! {
            biased;
            Some(command) = self.inbox.recv() => self.machine.command(command),
            Some((key, done)) = self.tasks.next(), if !self.tasks.is_empty() => {
                self.machine.finish_task(key, done);
            }
            ids = poll_fn(|cx| wake.poll_changed(cx)) => self.machine.shared_changed(&ids),
            () = alarm => self.machine.fire_timers(Instant::now().into_std()),
        }
        self.settle().await;
    }

    /// Lets `time` pass, which must be paused, and the session do what follows.
    pub async fn advance(&mut self, time: Duration) {
        tokio::time::advance(time).await;
        self.settle().await;
    }

    /// Lets the session do everything it can do now.
    pub async fn settle(&mut self) {
        let wake = self.machine.shared_wake();
        loop {
            self.tasks.extend(self.machine.take_tasks());
            self.spawn_detached();
            self.take_frames();
            if let Some(reason) = self.machine.end_reason() {
                return self.end(reason).await;
            }
            if let Ok(command) = self.inbox.try_recv() {
                self.machine.command(command);
                continue;
            }
            let tasks = &mut self.tasks;
            let done = poll_fn(|cx| match tasks.poll_next_unpin(cx) {
                Poll::Ready(done) => Poll::Ready(done),
                Poll::Pending => Poll::Ready(None),
            });
            if let Some((key, done)) = done.await {
                self.machine.finish_task(key, done);
                continue;
            }
            if let Some(ids) = poll_fn(|cx| wake.poll_changed(cx)).now_or_never() {
                self.machine.shared_changed(&ids);
                continue;
            }
            let now = Instant::now().into_std();
            if self.machine.next_deadline().is_some_and(|deadline| deadline <= now) {
                self.machine.fire_timers(now);
                continue;
            }
            return;
        }
    }

    /// The link takes no frame from now on, as if the client did not read.
    pub const fn stall(&mut self) {
        self.stalled = true;
    }

    /// The link takes frames again, at once those that wait.
    #[track_caller]
    pub fn unstall(&mut self) {
        self.stalled = false;
        self.take_frames();
    }

    /// The client closes its link, as a page does that is left: the session ends.
    pub async fn disconnect(&mut self) {
        self.end(CloseCode::NORMAL.into()).await;
    }

    /// The client closes its link with a reason of its own: the session ends with that.
    pub async fn disconnect_with(&mut self, reason: impl Into<CloseReason>) {
        self.end(reason.into()).await;
    }

    /// The link breaks, as when the network is gone: the session ends.
    pub async fn drop_link(&mut self) {
        self.end(CloseCode::GOING_AWAY.into()).await;
    }

    async fn end(&mut self, reason: CloseReason) {
        if self.ended.is_some() {
            return;
        }
        self.inbox.close();
        while self.inbox.try_recv().is_ok() {}
        self.tasks = FuturesUnordered::new();
        self.machine.begin_end(reason.clone());
        self.take_frames();
        self.ended = Some(reason);
        self.tasks.extend(self.machine.take_tasks());
        self.spawn_detached();
        let (tasks, machine) = (&mut self.tasks, &mut self.machine);
        let finished = tokio::time::timeout(self.limits.end_grace, async {
            while let Some((key, done)) = tasks.next().await {
                machine.finish_task(key, done);
            }
        });
        let _ = finished.await;
        self.tasks = FuturesUnordered::new();
        let uploads = self.machine.finish_end();
        self.spawn_detached();
        if let Some(uploads) = uploads {
            uploads.remove().await;
        }
    }

    fn spawn_detached(&mut self) {
        for task in self.machine.take_detached() {
            tokio::spawn(task);
        }
    }

    #[track_caller]
    fn take_frames(&mut self) {
        while !self.stalled
            && let Some(frame) = self.machine.next_frame()
        {
            if let Frame::Text(text) = &frame {
                let step = self.model.take(text.as_str());
                assert!(step.is_ok(), "{step:?}\nin {}", text.as_str());
            }
            self.frames.push(frame);
        }
    }

    /// What an output shows, or the text of its error.
    ///
    /// # Errors
    ///
    /// The error's text; or that it shows nothing, or nothing that is a `T`.
    pub fn output<T: DeserializeOwned>(&self, id: &str) -> Result<T, String> {
        match self.model.shows(id) {
            None => Err(format!("the output {id:?} shows nothing yet")),
            Some(Err(error)) => Err(error.to_owned()),
            Some(Ok(value)) => serde_json::from_value(value.clone())
                .map_err(|error| format!("the output {id:?} shows {value}: {error}")),
        }
    }

    /// The client's side of the session.
    #[must_use]
    pub const fn model(&self) -> &ClientModel {
        &self.model
    }

    /// The text frames since the last call, as JSON.
    pub fn frames(&mut self) -> Vec<Json> {
        std::mem::take(&mut self.frames)
            .iter()
            .filter_map(|frame| serde_json::from_slice(frame.as_bytes()).ok())
            .collect()
    }

    /// Why the session ended; `None` while it lives.
    #[must_use]
    pub const fn end_reason(&self) -> Option<&CloseReason> {
        self.ended.as_ref()
    }

    /// The code with which the session ended; `None` while it lives.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        self.ended.as_ref().map(|reason| reason.code().get())
    }

    /// A handle for work outside the session.
    #[must_use]
    pub fn handle(&self) -> SessionHandle {
        SessionHandle::new(self.commands.clone(), Namespace::ROOT)
    }

    /// What is alive in the session.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.machine.counts()
    }

    /// What is alive in the scope `module`, its whole id, and the scopes inside it apart; the root's is empty. A value
    /// behind an input is counted where the input's name is.
    #[must_use]
    pub fn counts_of(&self, module: &str) -> Counts {
        let scopes = self.machine.census().by_scope;
        let found = scopes.into_iter().find(|(scope, _)| scope.as_str() == module);
        found.map(|(_, counts)| counts).unwrap_or_default()
    }

    /// Panics unless as much is alive as right after `init`, in the session as a whole and in each scope: nodes of the
    /// graph, callbacks, handlers, routes, downloads, tasks, timers, uploads, files, bytes that wait. The session must
    /// have nothing left to do, as after [`settle`](Self::settle).
    ///
    /// Inputs that the client sent since do not count: the session keeps them for whoever asks. Nor do the libraries
    /// that the page has loaded, which it cannot unload.
    ///
    /// # Panics
    ///
    /// With what there is too much of (or too little), and in which scope.
    #[track_caller]
    pub fn assert_no_leaks(&self) {
        let leaks = self.machine.census().leaks_since(&self.baseline);
        assert!(leaks.is_empty(), "{leaks}");
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("ended", &self.ended).finish_non_exhaustive()
    }
}
