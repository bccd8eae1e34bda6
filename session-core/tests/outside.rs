//! Work outside the session: handles, shared values, asynchronous effects.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::Arc;
use std::time::Duration;

use session_core::testing::Client;
use session_core::{App, SessionEnded, SessionHandle, Shared};

#[path = "support/session.rs"]
mod support;
use support::{Log, run};

const SECOND: Duration = Duration::from_secs(1);

// ---------------------------------------------------------------- handles (decision 4)

#[test]
fn a_handle_can_be_sent_to_and_shared_by_threads() {
    fn assert<T: Send + Sync + Clone + 'static>() {}
    assert::<SessionHandle>();
}

#[tokio::test(start_paused = true)]
async fn work_from_outside_runs_in_the_session_and_causes_a_flush() {
    let app = App::new(|s| {
        let n = s.value(1);
        let handle = s.handle();
        s.set_message_handler("go", move |_, ()| {
            let handle = handle.clone();
            tokio::spawn(async move {
                tokio::time::sleep(SECOND).await;
                handle.run(move |s| n.set(s, 2)).await
            });
            Ok(())
        })?;
        s.output("n", move |s| n.get(s))
    });
    let mut client = Client::connect(app).await;
    client.show("n").flush().await;
    client.call("go", ()).await.unwrap();
    assert_eq!(client.output::<i64>("n"), Ok(1));
    client.wait().await;
    assert_eq!(client.output::<i64>("n"), Ok(2));
}

#[tokio::test(start_paused = true)]
async fn work_from_outside_runs_in_the_scope_the_handle_was_made_in() {
    let mut client = Client::connect(App::new(|_| Ok(()))).await;
    let handle = run(&mut client, |s| Ok(s.module("m")?.handle())).await;
    let work = tokio::spawn(async move { handle.run(|s| s.ns("x").unwrap()).await });
    client.wait().await;
    assert_eq!(work.await.unwrap(), Ok("m-x".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_handle_says_when_the_session_has_ended() {
    let mut client = Client::connect(App::new(|_| Ok(()))).await;
    let handle = client.handle();
    assert!(!handle.has_ended());
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.ended().await }
    });
    client.disconnect().await;
    assert!(handle.has_ended());
    waiting.await.unwrap();
    assert_eq!(handle.run(|_| ()).await, Err(SessionEnded));
    assert_eq!(handle.close(session_core::CloseCode::NORMAL).await, Err(SessionEnded));
}

#[tokio::test(start_paused = true)]
async fn work_that_waits_when_the_session_ends_is_told_so() {
    let mut client = Client::connect(App::new(|_| Ok(()))).await;
    let handle = client.handle();
    let work = tokio::spawn(async move { handle.run(|_| ()).await });
    tokio::task::yield_now().await;
    client.disconnect().await;
    assert_eq!(work.await.unwrap(), Err(SessionEnded));
}

#[tokio::test(start_paused = true)]
async fn a_handle_closes_the_session_with_a_code() {
    let mut client = Client::connect(App::new(|_| Ok(()))).await;
    let handle = client.handle();
    let closing =
        tokio::spawn(
            async move { handle.close(session_core::CloseCode::new(4001).unwrap()).await },
        );
    client.wait().await;
    assert_eq!(closing.await.unwrap(), Ok(()));
    assert_eq!(client.close_code(), Some(4001));
}

// ---------------------------------------------------------------- shared values (decision 22)

fn shows(shared: &Shared<i64>) -> App {
    let shared = shared.clone();
    App::new(move |s| {
        let shared = shared.clone();
        s.output("shared", move |s| shared.get(s))
    })
}

#[tokio::test(start_paused = true)]
async fn every_session_that_reads_a_shared_value_follows_it() {
    let shared = Shared::new(1);
    let mut clients =
        [Client::connect(shows(&shared)).await, Client::connect(shows(&shared)).await];
    for client in &mut clients {
        client.show("shared").flush().await;
        assert_eq!(client.output::<i64>("shared"), Ok(1));
    }
    assert!(shared.set(2));
    for client in &mut clients {
        client.settle().await;
        assert_eq!(client.output::<i64>("shared"), Ok(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_value_that_is_set_to_the_same_tells_nobody() {
    let shared = Shared::new(1);
    let mut client = Client::connect(shows(&shared)).await;
    client.show("shared").flush().await;
    client.frames();
    assert!(!shared.set(1));
    client.settle().await;
    assert!(client.frames().is_empty());
    shared.update(|_| ());
    client.settle().await;
    assert!(!client.frames().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_session_in_which_something_depends_on_a_shared_value_is_woken_by_it() {
    let (shared, log) = (Shared::new(1), Log::default());
    let mut client = Client::connect(shows(&shared)).await;
    let seen = log.clone();
    run(&mut client, move |s| {
        s.on_every_flush(seen.says("woken"));
        Ok(())
    })
    .await;
    client.show("shared").flush().await;
    log.take();
    shared.set(2);
    client.settle().await;
    assert_eq!(log.take(), ["woken"]);
    assert_eq!(client.output::<i64>("shared"), Ok(2));
    // The last to depend on it finds out that it is out of date, and does not look again.
    client.hide("shared").flush().await;
    shared.set(3);
    client.settle().await;
    log.take();
    shared.set(4);
    client.settle().await;
    assert!(log.take().is_empty());
    assert_eq!(client.counts().values, client.counts().inputs, "nothing stands for it");
    client.show("shared").flush().await;
    assert_eq!(client.output::<i64>("shared"), Ok(4));
    shared.set(5);
    client.settle().await;
    assert_eq!(client.output::<i64>("shared"), Ok(5));
}

// spec: I38 (decision 22)
#[tokio::test(start_paused = true)]
async fn a_session_follows_a_shared_value_after_its_root_was_destroyed() {
    let shared = Shared::new(1);
    let mut client = Client::connect(shows(&shared)).await;
    client.show("shared").flush().await;
    let again = shared.clone();
    run(&mut client, move |s| {
        s.destroy();
        let options = session_core::OutputOptions::default().suspend_when_hidden(false);
        s.output_with("shared", options, move |s| again.get(s))
    })
    .await;
    shared.set(2);
    client.settle().await;
    assert_eq!(client.output::<i64>("shared"), Ok(2));
}

#[tokio::test(start_paused = true)]
async fn an_app_writes_a_shared_value_from_inside_and_many_writes_are_one_round() {
    let shared = Shared::new(0);
    let written = shared.clone();
    let app = App::new(move |s| {
        let (shown, written) = (written.clone(), written.clone());
        s.set_message_handler("add", move |_, (n,): (i64,)| {
            for _ in 0..n {
                written.update(|total| *total += 1);
            }
            Ok(())
        })?;
        s.output("shared", move |s| shown.get(s))
    });
    let mut client = Client::connect(app).await;
    client.show("shared").flush().await;
    client.frames();
    client.call("add", (5,)).await.unwrap();
    client.settle().await;
    assert_eq!(client.output::<i64>("shared"), Ok(5));
    let values = client.frames().iter().filter(|frame| frame["values"].is_object()).count();
    assert_eq!(values, 1);
    assert_eq!(shared.update(|total| *total), 5);
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_is_not_kept_by_what_it_read() {
    let (shared, alive) = (Shared::new(1), Arc::new(()));
    let (read, kept) = (shared.clone(), Arc::clone(&alive));
    let app = App::new(move |s| {
        let (read, kept) = (read.clone(), Arc::clone(&kept));
        s.output("shared", move |s| {
            let _of_the_session = &kept;
            read.get(s)
        })
    });
    let mut client = Client::connect(app.clone()).await;
    client.show("shared").flush().await;
    assert_eq!(Arc::strong_count(&alive), 3);
    client.disconnect().await;
    drop(client);
    assert_eq!(Arc::strong_count(&alive), 2);
    shared.set(2);
    drop(app);
    assert_eq!(Arc::strong_count(&alive), 1);
}

// ---------------------------------------------------------------- asynchronous effects (decision 5)

#[tokio::test(start_paused = true)]
async fn an_asynchronous_effect_is_dropped_and_begun_anew_when_a_dependency_changes() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        let log = seen.clone();
        s.effect_async(move |s| {
            let (n, log) = (n.get(s)?, log.clone());
            Ok(async move {
                tokio::time::sleep(SECOND).await;
                log.add(n);
                Ok(())
            })
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).flush().await;
    client.set("n", 2).flush().await;
    assert_eq!(client.counts().tasks, 1);
    client.advance(SECOND).await;
    assert_eq!(log.take(), ["2"]);
    assert_eq!(client.counts().tasks, 0);
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_effect_goes_with_its_scope() {
    let log = Log::default();
    let seen = log.clone();
    let mut client = Client::connect(App::new(|_| Ok(()))).await;
    run(&mut client, move |s| {
        Ok(s.module("m")?.effect_async(move |_| {
            let log = seen.clone();
            Ok(async move {
                tokio::time::sleep(SECOND).await;
                log.add("late");
                Ok(())
            })
        }))
    })
    .await;
    assert_eq!(client.counts().tasks, 1);
    run(&mut client, |s| s.destroy_module("m")).await;
    client.advance(SECOND * 2).await;
    assert!(log.take().is_empty());
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_effect_that_fails_ends_the_session_and_meanwhile_blocks_nobody() {
    let app = App::new(|s| {
        s.effect_async(|_| {
            Ok(async {
                tokio::time::sleep(SECOND).await;
                Err(std::io::Error::other("late").into())
            })
        });
        s.set_message_handler("echo", |_, (n,): (i64,)| Ok(n))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert_eq!(client.call("echo", (1,)).await, Ok(1.into()));
    client.advance(SECOND).await;
    assert_eq!(client.close_code(), Some(1011));
}

// spec: I27
#[tokio::test(start_paused = true)]
async fn an_asynchronous_effect_whose_future_reads_what_is_no_more_stops_for_good() {
    let log = Log::default();
    let seen = log.clone();
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        let gone = s.module("m")?.value(1);
        s.destroy_module("m")?;
        let (handle, log) = (s.handle(), seen.clone());
        s.effect_async(move |s| {
            n.get(s)?;
            log.add("runs");
            let handle = handle.clone();
            Ok(async move {
                handle.run(move |s| gone.get(s)).await??;
                Ok(())
            })
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).flush().await;
    client.wait().await;
    assert_eq!(client.counts().tasks, 0);
    client.set("n", 2).flush().await;
    assert_eq!(log.take(), ["runs"]);
    assert_eq!(client.close_code(), None);
    assert_eq!(client.counts().effects, 0);
}
