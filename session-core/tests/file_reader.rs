//! Files that are read again when they change: real files, and time that passes only as far as the session waits for it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use session_core::testing::Client;
use session_core::{App, FilePath, Interrupt, PollOptions, Result, Session};
use tempfile::TempDir;

#[path = "support/session.rs"]
mod support;
use support::{Log, always, run};

/// Enough for a loaded machine; a session that waits in vain is a failure.
const BOUND: Duration = Duration::from_secs(30);
/// Longer than that.
const LONG: Duration = Duration::from_secs(3600);

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    (directory, path)
}

/// What an effect saw of a file, in words.
fn words(seen: Result<String>) -> String {
    match seen {
        Ok(text) => text,
        Err(Interrupt::Failed(failure)) => {
            let source = failure.source().and_then(|source| source.downcast_ref::<io::Error>());
            source.map_or_else(|| failure.to_string(), |error| format!("{:?}", error.kind()))
        }
        Err(interrupt) => interrupt.to_string(),
    }
}

/// A session in whose module `m` a file is followed, and whatever is read of it is written down.
async fn following<P: FilePath + Clone + Sync>(log: &Log, path: P) -> Client {
    let log = log.clone();
    let app = App::new(move |s| {
        let log = log.clone();
        let text =
            s.module("m")?.file_reader(path.clone(), |_, path| Ok(fs::read_to_string(path)?));
        s.effect(move |s| {
            log.add(words(text.get(s)));
            Ok(())
        });
        Ok(())
    });
    Client::connect(app).await
}

/// Lets the session go on until this is the last that it has written down; all that it has.
async fn until(client: &mut Client, log: &Log, last: &str) -> Vec<String> {
    let reached = async {
        let mut lines = log.take();
        while lines.last().is_none_or(|line| line != last) {
            client.wait().await;
            lines.extend(log.take());
        }
        lines
    };
    tokio::time::timeout(BOUND, reached).await.unwrap()
}

// spec: E22
#[tokio::test(start_paused = true)]
async fn readers_run_again_when_size_or_time_of_the_file_is_another() {
    let (log, (_directory, path)) = (Log::default(), directory());
    fs::write(&path, "one").unwrap();
    let mut client = following(&log, path.clone()).await;
    assert_eq!(until(&mut client, &log, "one").await, ["in progress", "one"]);
    fs::write(&path, "longer").unwrap();
    until(&mut client, &log, "longer").await;
    // As long as before.
    fs::write(&path, "LONGER").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    until(&mut client, &log, "LONGER").await;
    // Replaced, as editors do.
    let anew = path.with_extension("new");
    fs::write(&anew, "another file").unwrap();
    fs::rename(anew, &path).unwrap();
    until(&mut client, &log, "another file").await;
    // A look may have been under way meanwhile; after that, it is not read again for nothing.
    for _ in 0..2 {
        log.take();
        for _ in 0..5 {
            client.wait().await;
        }
    }
    assert!(log.take().is_empty());
}

// spec: E22
#[tokio::test(start_paused = true)]
async fn the_path_may_be_read_from_what_changes() {
    let (log, (directory, _)) = (Log::default(), directory());
    for name in ["a", "b"] {
        fs::write(directory.path().join(name), format!("in {name}")).unwrap();
    }
    let folder = directory.path().to_owned();
    let seen = log.clone();
    let app = App::new(move |s| {
        let (name, folder, log) = (s.input::<String>("name")?, folder.clone(), seen.clone());
        let path = move |s: &Session<'_>| -> Result<PathBuf> { Ok(folder.join(name.get(s)?)) };
        let text = s.file_reader(path, |_, path| Ok(fs::read_to_string(path)?));
        s.effect(move |s| {
            log.add(words(text.get(s)));
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    log.take();
    for name in ["a", "b"] {
        client.set("name", name).flush().await;
        until(&mut client, &log, &format!("in {name}")).await;
    }
}

// spec: E22
#[tokio::test(start_paused = true)]
async fn a_file_is_looked_at_each_second_unless_something_else_is_said() {
    let (log, (_directory, path)) = (Log::default(), directory());
    let second = Duration::from_secs(1);
    for (options, interval) in [(None, second), (Some(PollOptions::every(second * 7)), second * 7)]
    {
        let (seen, path) = (log.clone(), path.clone());
        let app = App::new(move |s| {
            let (log, path) = (seen.clone(), path.clone());
            let path = move |_: &Session<'_>| {
                log.add("looks");
                Ok(path.clone())
            };
            match options {
                None => s.file_reader(path, |_, _| Ok(())),
                Some(options) => s.file_reader_with(options, path, |_, _| Ok(())),
            };
            Ok(())
        });
        let mut client = Client::connect(app).await;
        // One look may be out of time: when the system says that the file is watched from now on.
        let mut gaps = Vec::new();
        let mut before = tokio::time::Instant::now();
        while gaps.len() < 8 {
            client.wait().await;
            if !log.take().is_empty() {
                gaps.push(before.elapsed().as_secs());
                before = tokio::time::Instant::now();
            }
        }
        let on_time = gaps.iter().filter(|gap| **gap == interval.as_secs()).count();
        assert!(on_time >= gaps.len() - 2, "{gaps:?}");
    }
}

// spec: E22
#[tokio::test(start_paused = true)]
async fn a_file_is_looked_at_ahead_of_other_effects() {
    let (log, (_directory, path)) = (Log::default(), directory());
    let seen = log.clone();
    let app = App::new(move |s| {
        let log = seen.clone();
        s.poll(LONG, seen.says("poll"), |_| Ok(()))?;
        seen.take();
        let path = path.clone();
        s.file_reader(
            move |_: &Session<'_>| {
                log.add("file");
                Ok(path.clone())
            },
            |_, _| Ok(()),
        );
        Ok(())
    });
    let _client = Client::connect(app).await;
    assert_eq!(log.take()[..2], ["file", "poll"]);
}

// spec: E23
#[tokio::test(start_paused = true)]
async fn readers_of_a_file_that_vanishes_get_the_error_until_it_is_back() {
    let (log, (_directory, path)) = (Log::default(), directory());
    let mut client = following(&log, path.clone()).await;
    until(&mut client, &log, "NotFound").await;
    for text in ["one", "two and more"] {
        fs::write(&path, text).unwrap();
        until(&mut client, &log, text).await;
        fs::remove_file(&path).unwrap();
        until(&mut client, &log, "NotFound").await;
    }
    assert_eq!(client.close_code(), None);
}

#[tokio::test(start_paused = true)]
async fn a_file_may_be_read_beside_the_session() {
    let (log, (_directory, path)) = (Log::default(), directory());
    fs::write(&path, "one").unwrap();
    let (seen, followed) = (log.clone(), path.clone());
    let app = App::new(move |s| {
        let log = seen.clone();
        let text = s.file_reader_async(followed.clone(), |_, path| {
            Ok(async { Ok(tokio::task::spawn_blocking(|| fs::read_to_string(path)).await??) })
        });
        s.effect(move |s| {
            log.add(words(text.get(s)));
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    for text in ["one", "two and more"] {
        fs::write(&path, text).unwrap();
        until(&mut client, &log, text).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_no_longer_followed_once_its_scope_is_gone() {
    let (log, (_directory, path)) = (Log::default(), directory());
    fs::write(&path, "one").unwrap();
    let mut client = following(&log, path.clone()).await;
    until(&mut client, &log, "one").await;
    run(&mut client, |s| s.destroy_module("m")).await;
    let counts = client.counts();
    // What is left is the effect at the root that finds it destroyed.
    assert_eq!((counts.timers, counts.tasks, counts.values, counts.calcs), (0, 0, 0, 0));
}

/// Nothing here waits for a look: the next one would be in hours.
#[cfg(feature = "watch")]
mod watched {
    use super::*;

    /// As [`following`], with the time as it is.
    async fn hardly_looking(log: &Log, path: PathBuf) -> Client {
        let log = log.clone();
        let app = App::new(move |s| {
            let log = log.clone();
            let read = |_: &Session<'_>, path: &std::path::Path| Ok(fs::read_to_string(path)?);
            let text = s.file_reader_with(LONG, path.clone(), read);
            s.effect(move |s| {
                log.add(words(text.get(s)));
                Ok(())
            });
            Ok(())
        });
        Client::connect(app).await
    }

    // spec: E22, E23
    #[tokio::test]
    async fn a_change_is_seen_at_once() {
        let (log, (_directory, path)) = (Log::default(), directory());
        fs::write(&path, "one").unwrap();
        let mut client = hardly_looking(&log, path.clone()).await;
        until(&mut client, &log, "one").await;
        for text in ["two and more", "three", "the fourth"] {
            fs::write(&path, text).unwrap();
            until(&mut client, &log, text).await;
        }
        let anew = path.with_extension("new");
        fs::write(&anew, "another file").unwrap();
        fs::rename(anew, &path).unwrap();
        until(&mut client, &log, "another file").await;
        fs::remove_file(&path).unwrap();
        until(&mut client, &log, "NotFound").await;
        fs::write(&path, "back").unwrap();
        until(&mut client, &log, "back").await;
    }

    #[tokio::test]
    async fn many_sessions_of_an_app_see_it() {
        let (log, (_directory, path)) = (Log::default(), directory());
        fs::write(&path, "one").unwrap();
        let seen = path.clone();
        let app = App::new(move |s| {
            let text =
                s.file_reader_with(LONG, seen.clone(), |_, path| Ok(fs::read_to_string(path)?));
            s.output_with("text", always(), move |s| text.get(s))
        });
        let mut clients = Vec::new();
        // More than a system usually has watchers for one user.
        for _ in 0..200 {
            clients.push(Client::connect(app.clone()).await);
        }
        for text in ["one", "two and more"] {
            fs::write(&path, text).unwrap();
            for client in &mut clients {
                let shown = async {
                    while client.output("text") != Ok(text.to_owned()) {
                        client.wait().await;
                    }
                };
                tokio::time::timeout(Duration::from_secs(60), shown).await.unwrap();
            }
        }
        assert!(log.take().is_empty());
    }
}
