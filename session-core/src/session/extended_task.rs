//! Extended tasks: work that takes its time, called by the app and watched through its status.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;

use futures_util::future::{AbortHandle, Abortable};
use reactive::{Interrupt, ReadValue, Value};
use tokio::sync::oneshot;

use crate::catch::{Catch, catch};
use crate::name::Namespace;
use crate::session::tasks::Waiting;
use crate::{Result, Session};

mod button;
mod options;

pub use options::{ExtendedTaskOptions, QueueFull, TaskStatus, WhenGone};

/// Work that takes its time, one call after another, and never holds up its session (group F); made by
/// [`Session::extended_task`]. A key: `Copy`.
///
/// ```
/// use session_core::{App, TaskStatus, testing::Client};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let app = App::new(|s| {
///     let task = s.extended_task(|seconds: u64| async move {
///         tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
///         Ok(format!("slept {seconds} s"))
///     });
///     let sleep = s.input::<u64>("sleep")?;
///     s.on_event(sleep, move |s, seconds| task.invoke(s, seconds));
///     s.output("report", move |s| task.result(s)) // in progress, then the value
/// });
/// let mut client = Client::connect(app).await;
/// client.set("sleep", 3).show("report").flush().await;
/// assert!(client.output::<String>("report").is_err());
/// client.wait().await;
/// assert_eq!(client.output("report"), Ok("slept 3 s".to_owned()));
/// # }
/// ```
///
/// The future has no session, so that it cannot read what changes (F10), not even isolated (F11): what it needs, it is
/// called with. Reading in it does not compile,
///
/// ```compile_fail,E0521
/// # // spec: F10
/// # session_core::App::new(|s| {
/// let n = s.value(1);
/// let task = s.extended_task(move |(): ()| async move { n.get(s) });
/// # Ok(()) });
/// ```
///
/// under `isolate` neither,
///
/// ```compile_fail,E0521
/// # // spec: F11
/// # session_core::App::new(|s| {
/// let n = s.value(1);
/// let task = s.extended_task(move |(): ()| async move { n.get(&s.isolate()) });
/// # Ok(()) });
/// ```
///
/// where the same with what was read before does (F19: nor does a closure that gives no future):
///
/// ```
/// # session_core::App::new(|s| {
/// let n = s.value(1);
/// let task = s.extended_task(move |n: i32| async move { Ok(n) });
/// s.effect(move |s| task.invoke(s, n.get(s)?));
/// # Ok(()) });
/// ```
///
/// ```compile_fail,E0277
/// # // spec: F19
/// # session_core::App::new(|s| {
/// let task = s.extended_task(move |n: i32| session_core::Result::Ok(n));
/// # Ok(()) });
/// ```
///
/// It may set values, through a [`SessionHandle`](crate::SessionHandle) (F12).
pub struct ExtendedTask<A, T> {
    calls: Value<Calls<A, T>>,
    status: Value<TaskStatus>,
    value: Value<T>,
    error: Value<Interrupt>,
}

impl<A, T> Clone for ExtendedTask<A, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, T> Copy for ExtendedTask<A, T> {}

impl<A, T> fmt::Debug for ExtendedTask<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtendedTask").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The queue of a task. It lives in the graph, as what the task shows does, so that it goes with the task's scope.
struct Calls<A, T> {
    owner: Namespace,
    /// Out while it runs.
    function: Option<Function<A, T>>,
    options: ExtendedTaskOptions,
    at_work: AtWork,
    waiting: VecDeque<A>,
}

type Function<A, T> = Box<dyn FnMut(A) -> Work<T> + Send>;
type Work<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

enum AtWork {
    Nothing,
    /// A call, to be cancelled by this.
    Call(AbortHandle),
    /// What the last call gave, to the client; the next one begins after that.
    Showing,
}

impl Session<'_> {
    /// Work that takes its time: `function` gives the future of one call, which is driven beside everything else the
    /// session does (F13). Nothing runs until [`invoke`](ExtendedTask::invoke).
    ///
    /// This scope owns it: when the scope is destroyed or the session ends, the future is dropped where it waits, and the
    /// calls that wait with it; [`extended_task_with`](Self::extended_task_with) can choose otherwise.
    #[track_caller]
    pub fn extended_task<A, T, F, Fut>(&self, function: F) -> ExtendedTask<A, T>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: FnMut(A) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.extended_task_with(ExtendedTaskOptions::default(), function)
    }

    /// As [`extended_task`](Self::extended_task), with options.
    #[track_caller]
    pub fn extended_task_with<A, T, F, Fut>(
        &self,
        options: ExtendedTaskOptions,
        mut function: F,
    ) -> ExtendedTask<A, T>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: FnMut(A) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let function: Function<A, T> = Box::new(move |argument| Box::pin(function(argument)));
        ExtendedTask {
            calls: self.value(Calls {
                owner: self.namespace().clone(),
                function: Some(function),
                options,
                at_work: AtWork::Nothing,
                waiting: VecDeque::new(),
            }),
            status: self.value(TaskStatus::Initial),
            value: self.value_unset(),
            error: self.value_unset(),
        }
    }
}

impl<A: Send + 'static, T: Send + 'static> ExtendedTask<A, T> {
    /// Calls it. Returns at once, with the status *running* and neither a value nor an error (F2). While a call is at
    /// work, and in the flush that shows what it gave, this one waits for its turn: first in, first out, each after that
    /// flush of the one before it (F6), so that a client that keeps up sees every result. None is lost (F17).
    ///
    /// # Errors
    ///
    /// *Destroyed* with its scope. [`QueueFull`] when too many wait.
    pub fn invoke(self, s: &Session<'_>, argument: A) -> Result<()> {
        if s.is_stub_session() {
            return Ok(());
        }
        let mut argument = Some(argument);
        let mut full = None;
        self.calls.update(s, |calls| {
            if !matches!(calls.at_work, AtWork::Nothing) {
                let limit = calls.options.queue;
                if calls.waiting.len() < limit {
                    calls.waiting.extend(argument.take());
                } else {
                    full = Some(QueueFull { limit });
                }
            }
            false
        })?;
        match (full, argument) {
            (Some(full), _) => Err(full.into()),
            (None, Some(argument)) => self.begin(s, argument),
            (None, None) => Ok(()),
        }
    }

    /// Cancels the call at work, if any, and forgets those that wait (F7, F9).
    ///
    /// The status is *cancelled* only once the future is dropped, which is soon; until then it is *running*, and a call
    /// made meanwhile waits for it (F8).
    ///
    /// # Errors
    ///
    /// *Destroyed* with its scope.
    pub fn cancel(self, s: &Session<'_>) -> Result<()> {
        let mut waiting = VecDeque::new();
        let mut call = None;
        self.calls.update(s, |calls| {
            waiting = std::mem::take(&mut calls.waiting);
            if let AtWork::Call(abort) = &calls.at_work {
                call = Some(abort.clone());
            }
            false
        })?;
        if let Some(call) = call {
            call.abort();
        }
        // The arguments are dropped here, where they may do as they like.
        drop(waiting);
        Ok(())
    }

    /// Where it stands; takes a dependency.
    ///
    /// # Errors
    ///
    /// *Destroyed* with its scope.
    pub fn status(self, s: &Session<'_>) -> Result<TaskStatus> {
        self.status.get(s)
    }

    /// The value of the latest call; takes a dependency.
    ///
    /// # Errors
    ///
    /// *Silent* before the first call and after one that was cancelled (F1, F7), *in progress* while one is at work, so
    /// that an output shows it and keeps what it shows (F3); the error of one that failed, each time (F5). *Destroyed*
    /// with its scope.
    pub fn result(self, s: &Session<'_>) -> Result<T>
    where
        T: Clone,
    {
        self.with_result(s, T::clone)
    }

    /// What `read` makes of the value of the latest call, without a clone of it; otherwise as [`result`](Self::result).
    ///
    /// # Errors
    ///
    /// As [`result`](Self::result).
    pub fn with_result<R>(self, s: &Session<'_>, read: impl FnOnce(&T) -> R) -> Result<R> {
        match self.status.get(s)? {
            TaskStatus::Success => self.value.with(s, read),
            TaskStatus::Error => Err(self.error.get(s)?),
            TaskStatus::Running => Err(Interrupt::InProgress),
            TaskStatus::Initial | TaskStatus::Cancelled => Err(Interrupt::Silent),
        }
    }

    /// The value of the latest call, as long as that is a success; unset otherwise.
    #[must_use]
    pub fn value(self) -> ReadValue<T> {
        self.value.read_only()
    }

    /// Why the latest call gave no value, as long as its status is *error*; unset otherwise.
    #[must_use]
    pub fn error(self) -> ReadValue<Interrupt> {
        self.error.read_only()
    }

    /// Begins a call; none is at work.
    fn begin(self, s: &Session<'_>, argument: A) -> Result<()> {
        self.value.unset(s)?;
        self.error.unset(s)?;
        self.status.set(s, TaskStatus::Running)?;
        let (abort, registration) = AbortHandle::new_pair();
        let mut lent = None;
        self.calls.update(s, |calls| {
            calls.at_work = AtWork::Call(abort);
            lent = calls.function.take().map(|f| (f, calls.owner.clone(), calls.options.when_gone));
            false
        })?;
        // It is never lent twice: its closure has no session to call it through.
        let Some((mut function, owner, when_gone)) = lent else { return Ok(()) };
        let work = catch(|| Ok(function(argument)));
        let mut function = Some(function);
        self.calls.update(s, |calls| {
            calls.function = function.take();
            false
        })?;
        let work = Catch::new(async move { work?.await });
        // `None` when it was cancelled; either way the future is gone by then.
        let work = async move { Abortable::new(work, registration).await.ok() };
        let view = s.root().at(&owner);
        let settle = move |s: &Session<'_>, given: Result<_>| self.settle(s, given.unwrap_or(None));
        match when_gone {
            WhenGone::Drop => view.spawn(Waiting::Nobody, async { Ok(work.await) }, settle),
            WhenGone::RunToEnd => {
                let (sender, given) = oneshot::channel();
                s.state().tasks.borrow_mut().detach(Box::pin(async move {
                    // Where nobody waits any more, nobody wants it.
                    let _ = sender.send(work.await);
                }));
                view.spawn(Waiting::Nobody, async { Ok(given.await.unwrap_or(None)) }, settle)
            }
        };
        Ok(())
    }

    /// A call is over: it gave this, or was cancelled.
    fn settle(self, s: &Session<'_>, given: Option<Result<T>>) {
        if let Err(interrupt) = self.show(s, given) {
            tracing::debug!(%interrupt, "what an extended task gave is dropped");
        }
    }

    fn show(self, s: &Session<'_>, given: Option<Result<T>>) -> Result<()> {
        // The value is there before the status says so (F4).
        let status = match given {
            Some(Ok(value)) => {
                self.value.replace(s, value)?;
                TaskStatus::Success
            }
            Some(Err(interrupt)) => {
                if let Some(failure) = interrupt.failure() {
                    tracing::warn!(made_at = %self.status.made_at(), %failure, "an extended task failed");
                }
                self.error.replace(s, interrupt)?;
                TaskStatus::Error
            }
            None => TaskStatus::Cancelled,
        };
        self.status.set(s, status)?;
        self.calls.update(s, |calls| {
            calls.at_work = AtWork::Showing;
            false
        })?;
        // A turn of its own: what the flush at hand shows is handed to the link before, where a call that began within the
        // flush would take its place.
        s.spawn(Waiting::Nobody, std::future::ready(Ok(())), move |s, _| {
            if let Err(interrupt) = self.go_on(s) {
                tracing::debug!(%interrupt, "the calls that wait for an extended task are dropped");
            }
        });
        Ok(())
    }

    /// What the last call gave is shown: begins the next one, if one waits.
    fn go_on(self, s: &Session<'_>) -> Result<()> {
        let mut next = None;
        self.calls.update(s, |calls| {
            next = calls.waiting.pop_front();
            calls.at_work = AtWork::Nothing;
            false
        })?;
        next.map_or(Ok(()), |argument| self.begin(s, argument))
    }
}
