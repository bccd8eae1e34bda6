//! One task per session: moves frames, commands, results and the time between the outside and the machine.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::handle::Command;
use crate::limits::Limits;
use crate::link::{CloseCode, CloseReason, Frame, Receive, ReceiveExt, Transmit, TransmitError};
use crate::session::machine::Machine;
use crate::session::tasks::Task;

/// Drives a session to its end: returns when everything of it is gone.
///
/// Order within a step, which keeps a session fair and its memory bounded: the server's stop, room to send,
/// commands from handles, finished futures, timers, shared values, and only then the next frame of the
/// client, while nothing waits to be sent.
pub(crate) async fn drive<R: Receive, T: Transmit>(
    mut machine: Machine,
    mut receive: R,
    transmit: T,
    mut inbox: mpsc::Receiver<Command>,
    stop: CancellationToken,
    limits: Arc<Limits>,
) {
    let mut out = Out { transmit, flushed: true };
    let mut tasks: FuturesUnordered<Task> = FuturesUnordered::new();
    let mut alarm = Alarm::default();
    let wake = machine.shared_wake();
    let mut changed = pin!(wake.changed());
    let mut stopped = pin!(stop.cancelled());
    let init_by = Instant::now() + limits.init_timeout;
    let mut stalled_by = None;
    let mut link_is_up = true;

    let reason = loop {
        tasks.extend(machine.take_tasks());
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
        stalled_by =
            sending.then(|| stalled_by.unwrap_or_else(|| Instant::now() + limits.stall_timeout));
        alarm.set(
            [
                machine.next_deadline().map(Instant::from_std),
                (!machine.is_initialized()).then_some(init_by),
                stalled_by,
            ]
            .into_iter()
            .flatten()
            .min(),
        );
        tokio::select! {
            biased;
            () = &mut stopped => break CloseReason::new(CloseCode::DRAIN, "the server is shutting down"),
            // The loop goes on with it, or finds out what is wrong.
            _ = poll_fn(|cx| out.poll(&mut machine, cx)), if sending => stalled_by = None,
            Some(command) = inbox.recv() => machine.command(command),
            Some((key, done)) = tasks.next(), if !tasks.is_empty() => machine.finish_task(key, done),
            () = alarm.ring(), if alarm.is_set() => {
                let now = Instant::now();
                if !machine.is_initialized() && now >= init_by {
                    break CloseReason::new(CloseCode::POLICY, "no init in time");
                }
                if stalled_by.is_some_and(|by| now >= by) {
                    tracing::warn!("the client takes no messages: the link is aborted");
                    link_is_up = false;
                    break CloseCode::POLICY.into();
                }
                machine.fire_timers(now.into_std());
            }
            ids = &mut changed => {
                machine.shared_changed(&ids);
                changed.set(wake.changed());
            }
            received = receive.receive(), if !sending => match received {
                Ok(Some(frame)) => machine.receive(&frame),
                Ok(None) => {
                    link_is_up = false;
                    break receive.close_reason().cloned().unwrap_or_else(|| CloseCode::NORMAL.into());
                }
                Err(error) => {
                    tracing::debug!(%error, "the link broke");
                    match error.close_reason() {
                        Some(reason) => break reason,
                        None => {
                            link_is_up = false;
                            break CloseCode::GOING_AWAY.into();
                        }
                    }
                }
            },
        }
    };

    // Nothing comes in any more; calls that wait learn that the session ended.
    inbox.close();
    drop(inbox);
    drop(std::mem::take(&mut tasks));
    machine.begin_end(reason.clone());
    tasks.extend(machine.take_tasks());
    let grace = limits.end_grace;
    if link_is_up {
        let closed = timeout(grace, poll_fn(|cx| out.poll_close(&mut machine, cx, &reason))).await;
        if closed.is_err() {
            tracing::debug!("the client did not take the last messages");
        }
    }
    let finished = timeout(grace, async {
        while let Some((key, done)) = tasks.next().await {
            machine.finish_task(key, done);
            tasks.extend(machine.take_tasks());
        }
    });
    if finished.await.is_err() {
        tracing::warn!(?grace, "on_ended callbacks took too long and were dropped");
    }
    drop(tasks);
    machine.finish_end();
}

/// The sending half of the link, and whether it has written out what it took.
struct Out<T> {
    transmit: T,
    flushed: bool,
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

    const fn is_set(&self) -> bool {
        self.sleep.is_some()
    }

    async fn ring(&mut self) {
        if let Some(sleep) = &mut self.sleep {
            sleep.await;
            // Set anew by the next round, even for the same time.
            self.at = None;
            self.sleep = None;
        }
    }
}
