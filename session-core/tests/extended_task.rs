//! Extended tasks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use session_core::testing::{Client, OutputState};
use session_core::{
    App, ExtendedTask, ExtendedTaskOptions, Interrupt, QueueFull, Result, Server, Session,
    StubSession, TaskStatus, WhenGone, link, safe,
};
use tokio::sync::{Notify, oneshot};

#[path = "support/session.rs"]
mod support;
use support::{Log, always, run};

/// Says that a future was dropped before its end.
struct AtWork {
    log: Log,
    is_done: bool,
}

impl AtWork {
    fn end(mut self) {
        self.is_done = true;
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if !self.is_done {
            self.log.add("dropped");
        }
    }
}

type Task = ExtendedTask<i64, String>;

/// A task whose calls last until they are let go on, one by one, and say when they begin and end.
#[derive(Clone)]
struct Slow {
    log: Log,
    go_on: Arc<Notify>,
    options: ExtendedTaskOptions,
}

impl Slow {
    fn new(log: &Log) -> Self {
        Self { log: log.clone(), go_on: Arc::default(), options: ExtendedTaskOptions::default() }
    }

    fn with(log: &Log, options: ExtendedTaskOptions) -> Self {
        Self { options, ..Self::new(log) }
    }

    fn make(&self, s: &Session<'_>) -> Task {
        let Self { log, go_on, options } = self.clone();
        s.extended_task_with(options, move |n: i64| {
            let (log, go_on) = (log.clone(), Arc::clone(&go_on));
            let at_work = AtWork { log: log.clone(), is_done: false };
            async move {
                log.add(format!("begins {n}"));
                go_on.notified().await;
                at_work.end();
                log.add(format!("ends {n}"));
                match n {
                    0 => Err(Interrupt::Silent),
                    n if n < 0 => Err(safe("below zero").into()),
                    n => Ok(n.to_string()),
                }
            }
        })
    }
}

/// A session with a task, and an effect that writes down what it shows whenever that changes.
async fn watched(log: &Log, slow: &Slow) -> (Client, Task) {
    let made = Arc::new(Mutex::new(None));
    let (keep, log, slow) = (Arc::clone(&made), log.clone(), slow.clone());
    let app = App::new(move |s| {
        let task = slow.make(s);
        *keep.lock().unwrap() = Some(task);
        let log = log.clone();
        s.effect(move |s| {
            let status = task.status(s)?;
            log.add(match task.result(s) {
                Ok(value) => format!("{status:?} {value}"),
                Err(interrupt) => format!("{status:?}: {interrupt}"),
            });
            Ok(())
        });
        Ok(())
    });
    let client = Client::connect(app).await;
    let task = made.lock().unwrap().unwrap();
    (client, task)
}

async fn invoke(client: &mut Client, task: Task, n: i64) {
    run(client, move |s| task.invoke(s, n)).await;
}

async fn let_go(client: &mut Client, slow: &Slow) {
    slow.go_on.notify_one();
    client.settle().await;
}

// spec: F1, F2, F4, F20
#[tokio::test(start_paused = true)]
async fn a_call_runs_shows_its_value_and_may_be_made_again() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, task) = watched(&log, &slow).await;
    assert_eq!(log.take(), ["Initial: nothing to show yet"]);
    for n in ["1", "2"] {
        let number = n.parse().unwrap();
        let at_once = run(&mut client, move |s| {
            task.invoke(s, number)?;
            Ok((task.status(s)?, task.value().is_set(s), task.error().is_set(s)))
        });
        assert_eq!(at_once.await, (TaskStatus::Running, false, false));
        let_go(&mut client, &slow).await;
        assert_eq!(
            log.take(),
            [
                "Running: in progress".into(),
                format!("begins {n}"),
                format!("ends {n}"),
                format!("Success {n}")
            ]
        );
        let value = run(&mut client, move |s| task.value().get(s)).await;
        assert_eq!(value, n);
    }
}

// spec: F5, F18, F20
#[tokio::test(start_paused = true)]
async fn a_failure_is_given_to_every_reader_and_a_silent_stop_is_silent() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, task) = watched(&log, &slow).await;
    log.take();
    for (n, shown) in
        [(-1, "Error: below zero"), (0, "Error: nothing to show yet"), (3, "Success 3")]
    {
        invoke(&mut client, task, n).await;
        let_go(&mut client, &slow).await;
        assert_eq!(log.take().last().unwrap(), shown);
        let is_error = run(&mut client, move |s| Ok(task.error().is_set(s))).await;
        assert_eq!(is_error, n <= 0);
    }
    assert_eq!(client.close_code(), None);
    // An effect that lets the failure escape ends the session.
    invoke(&mut client, task, -1).await;
    run(&mut client, move |s| Ok(s.effect(move |s| task.result(s).map(|_| ())))).await;
    let_go(&mut client, &slow).await;
    assert_eq!(client.close_code(), Some(1011));
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_or_in_the_future_is_an_error_of_that_call() {
    let made = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&made);
    let app = App::new(move |s| {
        let task = s.extended_task(|at_once: bool| {
            assert!(!at_once, "no future");
            async move { if at_once { Ok(()) } else { panic!("no value") } }
        });
        *keep.lock().unwrap() = Some(task);
        Ok(())
    });
    let mut client = Client::connect(app).await;
    let task = made.lock().unwrap().unwrap();
    for at_once in [true, false] {
        run(&mut client, move |s| task.invoke(s, at_once)).await;
        let (status, error) =
            run(&mut client, move |s| Ok((task.status(s)?, task.error().get(s)?))).await;
        assert_eq!(status, TaskStatus::Error);
        let word = if at_once { "no future" } else { "no value" };
        assert!(error.to_string().contains(word), "{error}");
    }
    assert_eq!(client.close_code(), None);
}

// spec: F3
#[tokio::test(start_paused = true)]
async fn an_output_of_a_call_at_work_shows_progress_and_keeps_its_content() {
    let slow = Slow::new(&Log::default());
    let made = slow.clone();
    let app = App::new(move |s| {
        let task = made.make(s);
        s.on_event(s.input::<i64>("n")?, move |s, n| task.invoke(s, n));
        s.output_with("out", always(), move |s| task.with_result(s, String::clone))
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).flush().await;
    let_go(&mut client, &slow).await;
    assert_eq!(client.output("out"), Ok("1".to_owned()));
    client.set("n", 2).flush().await;
    assert_eq!(client.model().state("out"), OutputState::Persistent);
    assert_eq!(client.output("out"), Ok("1".to_owned()));
    let_go(&mut client, &slow).await;
    assert_eq!(client.output("out"), Ok("2".to_owned()));
    assert_eq!(client.model().state("out"), OutputState::Value);
}

// spec: F6, F17
#[tokio::test(start_paused = true)]
async fn calls_wait_in_order_and_each_begins_after_the_flush_that_shows_the_one_before() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, task) = watched(&log, &slow).await;
    log.take();
    run(&mut client, move |s| (1..4).try_for_each(|n| task.invoke(s, n))).await;
    assert_eq!(log.take(), ["Running: in progress", "begins 1"]);
    let_go(&mut client, &slow).await;
    assert_eq!(log.take(), ["ends 1", "Success 1", "Running: in progress", "begins 2"]);
    // One that comes while another waits does not overtake it.
    invoke(&mut client, task, 4).await;
    for n in 2..4 {
        let_go(&mut client, &slow).await;
        let next = format!("begins {}", n + 1);
        assert_eq!(
            log.take(),
            [format!("ends {n}"), format!("Success {n}"), "Running: in progress".into(), next]
        );
    }
    let_go(&mut client, &slow).await;
    assert_eq!(log.take(), ["ends 4", "Success 4"]);
}

// spec: F6, F17
#[tokio::test(start_paused = true)]
async fn every_result_reaches_the_client_also_if_the_next_call_is_made_in_the_flush_that_shows_it()
{
    let slow = Slow::new(&Log::default());
    let made = slow.clone();
    let app = App::new(move |s| {
        let task = made.make(s);
        s.output_with("out", always(), move |s| task.result(s))?;
        let mut next = 3;
        s.effect(move |s| {
            if task.status(s)? == TaskStatus::Success && next < 5 {
                task.invoke(s, next)?;
                next += 1;
            }
            Ok(())
        });
        task.invoke(s, 1)?;
        task.invoke(s, 2)
    });
    let mut client = Client::connect(app).await;
    for n in 1..5 {
        client.frames();
        let_go(&mut client, &slow).await;
        let frames = client.frames();
        let shown: Vec<_> =
            frames.iter().filter_map(|frame| frame["values"]["out"].as_str()).collect();
        assert_eq!(shown, [n.to_string()]);
        let state = if n < 4 { OutputState::Persistent } else { OutputState::Value };
        assert_eq!(client.model().state("out"), state);
    }
}

// spec: F17
#[tokio::test(start_paused = true)]
async fn calls_made_in_the_flush_that_shows_a_result_are_all_run() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, task) = watched(&log, &slow).await;
    run(&mut client, move |s| {
        let mut shown = 0;
        s.effect(move |s| {
            if task.status(s)? == TaskStatus::Success && shown < 2 {
                shown += 1;
                task.invoke(s, 10 * shown)?;
                task.invoke(s, 10 * shown + 1)?;
            }
            Ok(())
        });
        task.invoke(s, 1)?;
        task.invoke(s, 2)
    })
    .await;
    for _ in 0..6 {
        let_go(&mut client, &slow).await;
    }
    let begun: Vec<_> = log.take().into_iter().filter(|line| line.starts_with("begins")).collect();
    assert_eq!(begun, ["begins 1", "begins 2", "begins 10", "begins 11", "begins 20", "begins 21"]);
    assert_eq!(run(&mut client, move |s| task.status(s)).await, TaskStatus::Success);
}

// spec: F7, F8, F9
#[tokio::test(start_paused = true)]
async fn to_cancel_drops_the_future_empties_the_queue_and_settles_then() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, task) = watched(&log, &slow).await;
    run(&mut client, move |s| task.cancel(s)).await;
    assert_eq!(log.take(), ["Initial: nothing to show yet"]);
    run(&mut client, move |s| (1..4).try_for_each(|n| task.invoke(s, n))).await;
    log.take();
    let status = run(&mut client, move |s| {
        task.cancel(s)?;
        // It has yet to unwind, and what is called now waits for that.
        task.invoke(s, 5)?;
        task.status(s)
    });
    assert_eq!(status.await, TaskStatus::Running);
    assert_eq!(
        log.take(),
        ["dropped", "Cancelled: nothing to show yet", "Running: in progress", "begins 5"]
    );
    run(&mut client, move |s| task.cancel(s)).await;
    assert_eq!(log.take(), ["dropped", "Cancelled: nothing to show yet"]);
    run(&mut client, move |s| task.cancel(s)).await;
    assert!(log.take().is_empty());
    invoke(&mut client, task, 6).await;
    let_go(&mut client, &slow).await;
    assert_eq!(log.take().last().unwrap(), "Success 6");
    run(&mut client, move |s| task.cancel(s)).await;
    assert!(log.take().is_empty());
}

// spec: F7
#[tokio::test(start_paused = true)]
async fn a_call_cancelled_before_its_future_was_ever_polled_does_not_begin() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, task) = watched(&log, &slow).await;
    log.take();
    run(&mut client, move |s| {
        task.invoke(s, 1)?;
        task.cancel(s)
    })
    .await;
    assert_eq!(log.take(), ["Running: in progress", "dropped", "Cancelled: nothing to show yet"]);
}

// spec: F12
#[tokio::test(start_paused = true)]
async fn a_call_at_work_may_set_values_through_a_handle() {
    let app = App::new(|s| {
        let progress = s.value(0);
        let handle = s.handle();
        let task = s.extended_task(move |(): ()| {
            let handle = handle.clone();
            async move {
                for percent in [50, 100] {
                    handle.run(move |s| progress.set(s, percent)).await??;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Ok(())
            }
        });
        s.output_with("progress", always(), move |s| progress.get(s))?;
        task.invoke(s, ())
    });
    let mut client = Client::connect(app).await;
    for percent in [50, 100] {
        while client.output("progress") != Ok(percent) {
            client.wait().await;
        }
    }
}

// spec: F13
#[tokio::test(start_paused = true)]
async fn nothing_waits_for_a_call_at_work() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let made = slow.clone();
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        s.output_with("double", always(), move |s| Ok(n.get(s)? * 2))?;
        s.set_message_handler("add", |_, (a, b): (i64, i64)| Ok(a + b))?;
        made.make(s).invoke(s, 1)
    });
    let mut client = Client::connect(app).await;
    client.set("n", 2).flush().await;
    assert_eq!(client.output("double"), Ok(4));
    assert_eq!(client.call("add", (1, 2)).await, Ok(json!(3)));
    assert_eq!(log.take(), ["begins 1"]);
}

// spec: F14
#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_drops_the_future_and_the_queue() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, task) = watched(&log, &slow).await;
    run(&mut client, move |s| (1..4).try_for_each(|n| task.invoke(s, n))).await;
    log.take();
    client.disconnect().await;
    assert_eq!(log.take(), ["dropped"]);
    slow.go_on.notify_waiters();
    client.settle().await;
    assert!(log.take().is_empty());
}

// spec: F15, F16
#[tokio::test(start_paused = true)]
async fn a_task_goes_with_its_scope_whoever_called_it() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, _) = watched(&log, &slow).await;
    log.take();
    let made = slow.clone();
    let task = run(&mut client, move |s| {
        let task = made.make(&s.module("m")?);
        (1..4).try_for_each(|n| task.invoke(s, n))?;
        Ok(task)
    });
    let task = task.await;
    assert_eq!(log.take(), ["begins 1"]);
    assert_eq!(client.counts().tasks, 1);
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(log.take(), ["dropped"]);
    client.assert_no_leaks();
    let calls = run(&mut client, move |s| {
        Ok([task.invoke(s, 1).is_err(), task.cancel(s).is_err(), task.status(s).is_err()])
    });
    assert_eq!(calls.await, [true; 3]);
    // The name is free, and what comes next under it is not the old one's.
    let made = slow.clone();
    let task = run(&mut client, move |s| Ok(made.make(&s.module("m")?))).await;
    invoke(&mut client, task, 7).await;
    let_go(&mut client, &slow).await;
    assert_eq!(log.take(), ["begins 7", "ends 7"]);
    assert_eq!(client.close_code(), None);
}

// spec: F14, F15, F16
#[tokio::test(start_paused = true)]
async fn a_call_may_run_to_its_end_past_its_scope_and_past_its_session() {
    let log = Log::default();
    let options = ExtendedTaskOptions::default().when_gone(WhenGone::RunToEnd);
    let slow = Slow::with(&log, options);
    let (mut client, root) = watched(&log, &slow).await;
    let made = slow.clone();
    run(&mut client, move |s| {
        let task = made.make(&s.module("m")?);
        task.invoke(s, 1)?;
        task.invoke(s, 2)
    })
    .await;
    run(&mut client, |s| s.destroy_module("m")).await;
    client.assert_no_leaks();
    slow.go_on.notify_one();
    tokio::task::yield_now().await;
    assert_eq!(log.take(), ["Initial: nothing to show yet", "begins 1", "ends 1"]);
    // The one that waited has not begun, and does not.
    client.settle().await;
    assert_eq!(client.close_code(), None);

    invoke(&mut client, root, 3).await;
    client.disconnect().await;
    slow.go_on.notify_one();
    tokio::task::yield_now().await;
    assert_eq!(log.take(), ["Running: in progress", "begins 3", "ends 3"]);
}

// spec: F7
#[tokio::test(start_paused = true)]
async fn a_call_that_would_run_to_its_end_can_be_cancelled() {
    let log = Log::default();
    let options = ExtendedTaskOptions::default().when_gone(WhenGone::RunToEnd);
    let slow = Slow::with(&log, options);
    let (mut client, task) = watched(&log, &slow).await;
    invoke(&mut client, task, 1).await;
    tokio::task::yield_now().await;
    log.take();
    let status = run(&mut client, move |s| {
        task.cancel(s)?;
        task.status(s)
    });
    assert_eq!(status.await, TaskStatus::Running);
    client.wait().await;
    assert_eq!(log.take(), ["dropped", "Cancelled: nothing to show yet"]);
    // It gives its value like any other, too.
    invoke(&mut client, task, 2).await;
    slow.go_on.notify_one();
    client.wait().await;
    assert_eq!(log.take().last().unwrap(), "Success 2");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_waits_for_a_call_that_runs_to_its_end() {
    let (go_on, gone_on) = oneshot::channel::<()>();
    let gone_on = Arc::new(Mutex::new(Some(gone_on)));
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        let options = ExtendedTaskOptions::default().when_gone(WhenGone::RunToEnd);
        let (gone_on, log) = (Arc::clone(&gone_on), seen.clone());
        let task = s.extended_task_with(options, move |(): ()| {
            let (gone_on, log) = (gone_on.lock().unwrap().take(), log.clone());
            async move {
                log.add("begins");
                gone_on.unwrap().await?;
                log.add("ends");
                Ok(())
            }
        });
        s.on_ended(seen.says("ended"));
        task.invoke(s, ())
    });
    let (connector, listener) = link::memory(1 << 16);
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(Server::new(app).serve(listener, async {
        let _ = stopped.await;
    }));
    use session_core::link::{Connect, Frame, Link, ReceiveExt, TransmitExt};
    let (mut receive, mut transmit) = connector.link().await.unwrap().split();
    let init = Frame::Text(r#"{"method":"init","data":{}}"#.to_owned().into());
    transmit.send(init).await.unwrap();
    receive.receive().await.unwrap();
    while log.take() != ["begins"] {
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    while let Ok(Some(_)) = receive.receive().await {}
    while log.take() != ["ended"] {
        tokio::task::yield_now().await;
    }
    assert!(!served.is_finished());
    go_on.send(()).unwrap();
    served.await.unwrap();
    assert_eq!(log.take(), ["ends"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_by_name_and_keeps_what_it_has() {
    let log = Log::default();
    let slow = Slow::with(&log, ExtendedTaskOptions::default().queue(1));
    let (mut client, task) = watched(&log, &slow).await;
    let refused = run(&mut client, move |s| {
        task.invoke(s, 1)?;
        task.invoke(s, 2)?;
        let refused = task.invoke(s, 3).unwrap_err();
        Ok(refused.failure().and_then(|f| f.downcast_ref::<QueueFull>().copied()))
    });
    assert_eq!(refused.await.unwrap().limit, 1);
    for _ in 0..2 {
        let_go(&mut client, &slow).await;
    }
    assert_eq!(log.take().last().unwrap(), "Success 2");
}

#[tokio::test(start_paused = true)]
async fn to_call_or_cancel_in_an_effect_is_no_dependency() {
    let log = Log::default();
    let slow = Slow::new(&log);
    let (mut client, task) = watched(&log, &slow).await;
    let seen = log.clone();
    run(&mut client, move |s| {
        Ok(s.effect(move |s| {
            seen.add("runs");
            task.cancel(s)?;
            task.invoke(s, 1)
        }))
    })
    .await;
    let_go(&mut client, &slow).await;
    assert_eq!(log.take().iter().filter(|line| *line == "runs").count(), 1);
}

#[tokio::test]
async fn a_task_of_a_stub_takes_every_call_and_does_nothing() {
    let stub = StubSession::new();
    let s = stub.session();
    let log = Log::default();
    let task = Slow::new(&log).make(&s);
    task.invoke(&s, 1).unwrap();
    task.cancel(&s).unwrap();
    s.bind_task_button("go", task).unwrap();
    assert_eq!(task.status(&s).ok(), Some(TaskStatus::Initial));
    assert!(matches!(task.result(&s), Err(Interrupt::Silent)));
    assert!(log.take().is_empty());
}

/// What a button was told since the last call.
fn told(client: &Client, before: &mut usize) -> Vec<String> {
    let told: Vec<String> = client.model().input_messages()[*before..]
        .iter()
        .map(|(id, message)| format!("{id} {}", message["state"].as_str().unwrap()))
        .collect();
    *before += told.len();
    told
}

#[tokio::test(start_paused = true)]
async fn a_task_button_is_busy_while_its_task_runs() {
    let slow = Slow::new(&Log::default());
    let made = slow.clone();
    let app = App::new(move |s| -> Result<()> {
        let m = s.module("m")?;
        let task = made.make(&m);
        m.on_event(m.input::<i64>("go")?, move |s, n| task.invoke(s, n));
        m.bind_task_button("go", task)
    });
    let mut client = Client::connect(app).await;
    let mut before = 0;
    told(&client, &mut before);
    let click = |n| json!({ "value": n, "autoReset": true });
    client.set("m-go:bslib.taskbutton", click(1)).flush().await;
    // The flush of the click resets it, and the task takes it back in the same breath.
    assert_eq!(told(&client, &mut before).last().unwrap(), "m-go busy");
    // Whatever else resets it, it is busy again as long as the task runs.
    client.set("m-go:bslib.taskbutton", click(2)).flush().await;
    assert_eq!(told(&client, &mut before).last().unwrap(), "m-go busy");
    let_go(&mut client, &slow).await;
    assert_eq!(told(&client, &mut before).last().unwrap(), "m-go busy");
    let_go(&mut client, &slow).await;
    assert_eq!(told(&client, &mut before), ["m-go ready"]);
}
