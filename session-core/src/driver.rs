//! One task per session: moves frames, commands, results and the time between the outside and the machine.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::task::AtomicWaker;
use tokio::sync::mpsc;
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::handle::Command;
use crate::limits::Limits;
use crate::link::{CloseCode, CloseReason, Frame, Receive, ReceiveError, Transmit, TransmitError};
use crate::session::machine::Machine;
use crate::session::tasks::{Done, Task};
use crate::shared::SharedId;

/// Drives a session to its end: returns when everything of it is gone, but for what `beside` was given of it.
///
/// Order within a step, which keeps a session fair and its memory bounded: the server's stop, room to send, then
/// commands from handles, finished futures, timers, shared values and the next frame of the client in turn: whatever
/// goes on and on, the others come to it. Frames are taken only while nothing waits to be sent.
pub(crate) async fn drive<R: Receive, T: Transmit>(
    mut machine: Box<Machine>,
    mut receive: R,
    transmit: T,
    mut inbox: mpsc::Receiver<Command>,
    stop: CancellationToken,
    limits: Arc<Limits>,
    beside: TaskTracker,
) {
    let mut out = Out { transmit, flushed: true, taken: 0 };
    let mut tasks: FuturesUnordered<Task> = FuturesUnordered::new();
    let mut alarm = Alarm::default();
    let wake = machine.shared_wake();
    let mut stopped = pin!(stop.cancelled());
    let init_by = Instant::now() + limits.init_timeout;
    // By when the link is to take something, and how much it had taken when that was set.
    let mut stall = None;
    let mut first = Source::Inbox;
    let bell = Arc::new(Bell::default());
    let ring = Waker::from(bell.clone());
    let mut link_is_up = true;

    let reason = loop {
        tasks.extend(machine.take_tasks());
        spawn_detached(&mut machine, &beside);
        if let Some(reason) = machine.end_reason() {
            break reason;
        }
        // Most often the link takes everything at once.
        let sending = match poll_fn(|cx| Poll::Ready(out.poll(&mut machine, cx))).await {
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "the link is gone");
                link_is_up = false;
                break CloseCode::GOING_AWAY.into();
            }
            Poll::Pending => true,
        };
        stall = match stall {
            _ if !sending => None,
            Some((by, taken)) if taken == out.taken => Some((by, taken)),
            _ => Some((Instant::now() + limits.stall_timeout, out.taken)),
        };
        let due = |machine: &Machine| {
            let init_by = (!machine.is_initialized()).then_some(init_by);
            let timer = machine.next_deadline().map(Instant::from_std);
            [timer, init_by, stall.map(|(by, _)| by)].into_iter().flatten().min()
        };
        alarm.set(due(&machine));
        // Whether the sources beside the link are to be polled.
        let mut visit = true;
        let event = poll_fn(|cx| {
            visit |= bell.answer(cx);
            let bell_cx = &mut Context::from_waker(&ring);
            if visit && stopped.as_mut().poll(bell_cx).is_ready() {
                return Poll::Ready(Event::Stop);
            }
            if sending && out.poll(&mut machine, cx).is_ready() {
                return Poll::Ready(Event::Sent);
            }
            // Not every source is tokio's: a session that is never idle has to make way for others by itself.
            let budget = std::task::ready!(coop::poll_proceed(cx));
            let mut source = first;
            loop {
                let polled = match source {
                    // What is sent goes first: the client cannot make the session pile up answers.
                    Source::Link if sending => Poll::Pending,
                    Source::Link => {
                        poll_link(&mut receive, &mut out, &mut machine, cx, |machine| {
                            due(machine) == alarm.at
                        })
                    }
                    // It has rung for none of the others since each was polled.
                    _ if !visit => Poll::Pending,
                    Source::Inbox => match inbox.poll_recv(bell_cx) {
                        Poll::Ready(Some(command)) => Poll::Ready(Event::Command(command)),
                        _ => Poll::Pending,
                    },
                    Source::Tasks => match tasks.poll_next_unpin(bell_cx) {
                        Poll::Ready(Some(finished)) => Poll::Ready(Event::Finished(finished)),
                        _ => Poll::Pending,
                    },
                    Source::Alarm => alarm.poll(bell_cx).map(|()| Event::Alarm),
                    Source::Shared => wake.poll_changed(bell_cx).map(Event::Shared),
                };
                if polled.is_ready() {
                    first = source.next();
                    budget.made_progress();
                    return polled;
                }
                source = source.next();
                if source == first {
                    visit = false;
                    return Poll::Pending;
                }
            }
        });
        match event.await {
            Event::Stop => break CloseReason::draining(),
            // The loop goes on with it, or finds out what is wrong.
            Event::Sent => {}
            Event::Command(command) => machine.command(command),
            Event::Finished((key, done)) => machine.finish_task(key, done),
            Event::Alarm => {
                let now = Instant::now();
                if !machine.is_initialized() && now >= init_by {
                    break CloseReason::new(CloseCode::POLICY, "no init in time");
                }
                if stall.is_some_and(|(by, taken)| now >= by && taken == out.taken) {
                    tracing::warn!("the client takes no messages: the link is aborted");
                    link_is_up = false;
                    break CloseCode::POLICY.into();
                }
                machine.fire_timers(now.into_std());
            }
            Event::Shared(ids) => machine.shared_changed(&ids),
            Event::Received => {}
            Event::Ended => {
                link_is_up = false;
                break receive.close_reason().cloned().unwrap_or_else(|| CloseCode::NORMAL.into());
            }
            Event::Broken(error) => {
                tracing::debug!(%error, "the link broke");
                match error.close_reason() {
                    Some(reason) => break reason,
                    None => {
                        link_is_up = false;
                        break CloseCode::GOING_AWAY.into();
                    }
                }
            }
        }
    };

    // Nothing comes in any more; calls that wait learn that the session ended.
    inbox.close();
    drop(inbox);
    drop(std::mem::take(&mut tasks));
    machine.begin_end(reason.clone());
    tasks.extend(machine.take_tasks());
    spawn_detached(&mut machine, &beside);
    // A link that is not up is aborted at once; another has the same time as the callbacks, and neither waits for the
    // other.
    let (mut receive, mut out) = (link_is_up.then_some(receive), link_is_up.then_some(out));
    let grace = limits.end_grace;
    let finished = timeout(
        grace,
        poll_fn(|cx| {
            while let Poll::Ready(Some((key, done))) = tasks.poll_next_unpin(cx) {
                machine.finish_task(key, done);
                tasks.extend(machine.take_tasks());
            }
            if let Some(open) = &mut out
                && open.poll_close(&mut machine, cx, &reason).is_ready()
            {
                (receive, out) = (None, None);
            }
            if out.is_none() && tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        }),
    );
    if finished.await.is_err() {
        tracing::warn!(
            ?grace,
            callbacks = tasks.len(),
            "the end took too long: on_ended callbacks were dropped, or the client did not take the last messages"
        );
    }
    drop(tasks);
    let uploads = machine.finish_end();
    spawn_detached(&mut machine, &beside);
    if let Some(uploads) = uploads
        && timeout(grace, uploads.remove()).await.is_err()
    {
        tracing::warn!(
            ?grace,
            "what was uploaded was not removed in time: it is with the end of the server"
        );
    }
}

/// What is to run to its end does so beside the session, in the server's care.
fn spawn_detached(machine: &mut Machine, beside: &TaskTracker) {
    for task in machine.take_detached() {
        beside.spawn(task);
    }
}

/// What happens to a session.
enum Event {
    Stop,
    Sent,
    Command(Command),
    Finished((u64, Option<Done>)),
    Alarm,
    Shared(Vec<SharedId>),
    /// The machine has taken frames, and has news.
    Received,
    Ended,
    Broken(ReceiveError),
}

/// Frames of the client that are answered in one turn, before the other sources have theirs.
const TURN: usize = 8;

/// Takes frames of the client and sends what the machine answers, as long as that is all there is to do: the
/// other sources have been asked just before, and wake the task when they have something.
fn poll_link<R: Receive, T: Transmit>(
    receive: &mut R,
    out: &mut Out<T>,
    machine: &mut Machine,
    cx: &mut Context<'_>,
    is_on_time: impl Fn(&Machine) -> bool,
) -> Poll<Event> {
    for _ in 0..TURN {
        match std::task::ready!(receive.poll_receive(cx)) {
            Ok(Some(frame)) => machine.receive(&frame),
            Ok(None) => return Poll::Ready(Event::Ended),
            Err(error) => return Poll::Ready(Event::Broken(error)),
        }
        if machine.has_tasks()
            || machine.end_reason().is_some()
            || !is_on_time(machine)
            || !matches!(out.poll(machine, cx), Poll::Ready(Ok(())))
        {
            break;
        }
    }
    Poll::Ready(Event::Received)
}

/// Where an event comes from, in the order of their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Inbox,
    Tasks,
    Alarm,
    Shared,
    Link,
}

impl Source {
    const fn next(self) -> Self {
        match self {
            Self::Inbox => Self::Tasks,
            Self::Tasks => Self::Alarm,
            Self::Alarm => Self::Shared,
            Self::Shared => Self::Link,
            Self::Link => Self::Inbox,
        }
    }
}

/// Wakes the task of a session for every source but the link, and tells that it did: an update of the client, which is
/// most of what happens, then costs no look at the others.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Bell {
    /// Rings for the task of `cx` from now on. Whether it has rung before.
    fn answer(&self, cx: &Context<'_>) -> bool {
        self.task.register(cx.waker());
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// The sending half of the link.
struct Out<T> {
    transmit: T,
    /// It has written out what it took.
    flushed: bool,
    /// How many frames it took.
    taken: u64,
}

impl<T: Transmit> Out<T> {
    /// Hands over everything that waits, and writes it out at once.
    fn poll(
        &mut self,
        machine: &mut Machine,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransmitError>> {
        while machine.has_frames() {
            std::task::ready!(self.transmit.poll_ready(cx))?;
            let Some(frame) = machine.next_frame() else { break };
            self.start(frame)?;
        }
        if !self.flushed {
            std::task::ready!(self.transmit.poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn start(&mut self, frame: Frame) -> Result<(), TransmitError> {
        self.flushed = false;
        self.taken += 1;
        self.transmit.start_send(frame)
    }

    fn poll_close(
        &mut self,
        machine: &mut Machine,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Poll<Result<(), TransmitError>> {
        std::task::ready!(self.poll(machine, cx))?;
        self.transmit.poll_close(cx, reason)
    }
}

/// A timer that is set anew only when its time changes.
#[derive(Default)]
struct Alarm {
    at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    fn set(&mut self, at: Option<Instant>) {
        if self.at == at {
            return;
        }
        self.at = at;
        match (at, &mut self.sleep) {
            (Some(at), Some(sleep)) => sleep.as_mut().reset(at),
            (Some(at), None) => self.sleep = Some(Box::pin(sleep_until(at))),
            (None, _) => self.sleep = None,
        }
    }

    /// Ready when the time has come; never while none is set.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.sleep else { return Poll::Pending };
        std::task::ready!(sleep.as_mut().poll(cx));
        // Set anew by the next round, even for the same time.
        self.at = None;
        self.sleep = None;
        Poll::Ready(())
    }
}
