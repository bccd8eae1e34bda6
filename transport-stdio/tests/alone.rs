//! What shows only in a process of one's own: its threads, its memory. One test at a time.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by panicking, and so do its helpers"
)]

#[path = "stdio/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};

use http_body_util::BodyExt;
use session_core::exchange::{Body, Response};
use session_core::link::{CloseCode, Connect, Incoming, Link, Listener, ReceiveExt, TransmitExt};
use transport_stdio::Config;

use support::{FRAMINGS, Raw, get, links, next_link, pair, text, within};

static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime of this test alone, so that a test can hold the lock for as long as it runs.
fn run(test: impl Future<Output = ()>) {
    let _alone = alone();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        // Those of the test before.
        no_threads().await;
        test.await;
    });
}

#[test]
fn no_thread_is_left_when_a_listener_has_finished_and_a_client_shut_down() {
    run(async {
        for framing in FRAMINGS {
            let (child, mut listener) = pair(framing, 1000);
            let ((receive, transmit), (mut theirs, answer)) = links(&child, &mut listener).await;
            within(transmit.close(CloseCode::NORMAL.into())).await.unwrap();
            assert_eq!(within(theirs.receive()).await.unwrap(), None);
            drop((receive, theirs, answer));
            // A thread gives itself its name once it runs.
            within(async {
                while threads() != ["stdio-read", "stdio-read", "stdio-write", "stdio-write"] {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            assert!(within(child.shut_down()).await.unwrap().is_none());
            // The listener's reader has seen the end of its input, perhaps.
            assert!(threads().len() <= 2, "{:?}", threads());
            within(listener.finish()).await;
            assert_eq!(threads(), [""; 0]);
        }
    });
}

#[test]
fn threads_end_by_themselves_when_everything_is_just_dropped() {
    run(async {
        for framing in FRAMINGS {
            let (child, mut listener) = pair(framing, 1000);
            let (ours, theirs) = links(&child, &mut listener).await;
            drop((ours, theirs, child, listener));
            no_threads().await;
        }
    });
}

#[test]
fn a_thread_that_writes_to_a_client_who_never_reads_ends_too() {
    run(async {
        let mut config = Config::default();
        config.linger = std::time::Duration::from_millis(50);
        let (mut raw, mut listener) = Raw::connect(&config);
        raw.write("hi\n");
        let (receive, mut transmit) = next_link(&mut listener).await.split();
        // More than a pipe takes.
        let frame = text(&"x".repeat(1 << 20));
        let waits = async { transmit.send(frame).await };
        assert!(tokio::time::timeout(config.linger, waits).await.is_err());
        drop((receive, transmit, listener));
        no_threads().await;
        drop(raw);
    });
}

#[test]
fn eight_megabytes_of_newlines_take_no_memory() {
    run(async {
        let (mut raw, mut receive, _transmit, _listener) = Raw::opened(1000, "hi\n").await;
        assert_eq!(within(receive.receive()).await.unwrap(), Some(text("hi")));
        let newlines = vec![b'\n'; 8 << 20];
        let before = forget_peak();
        raw.write_much(newlines).await.unwrap();
        raw.write("{}\n");
        assert_eq!(within(receive.receive()).await.unwrap(), Some(text("{}")));
        let more = peak().saturating_sub(before);
        assert!(more < 2 << 20, "{more} bytes");
    });
}

#[test]
fn a_line_far_over_the_limit_takes_no_memory() {
    run(async {
        let (mut raw, mut receive, _transmit, _listener) = Raw::opened(100_000, "hi\n").await;
        assert_eq!(within(receive.receive()).await.unwrap(), Some(text("hi")));
        let line = vec![b'x'; 32 << 20];
        let before = forget_peak();
        let _ = tokio::join!(raw.write_much(line), async {
            assert!(within(receive.receive()).await.is_err());
            drop((receive, _transmit, _listener));
        });
        let more = peak().saturating_sub(before);
        assert!(more < 2 << 20, "{more} bytes");
    });
}

#[test]
fn frames_that_nobody_takes_stay_few() {
    run(async {
        for framing in FRAMINGS {
            let (child, mut listener) = pair(framing, 1 << 20);
            let ((_, mut transmit), (mut receive, _open)) = links(&child, &mut listener).await;
            let before = forget_peak();
            let frame = text(&"x".repeat(10_000));
            let mut sent = 0;
            while tokio::time::timeout(
                std::time::Duration::from_millis(200),
                transmit.send(frame.clone()),
            )
            .await
            .is_ok()
            {
                sent += 1;
                assert!(sent < 400, "four megabytes, and nobody reads");
            }
            let more = peak().saturating_sub(before);
            assert!(more < 4 << 20, "{more} bytes");
            for _ in 0..sent {
                assert!(within(receive.receive()).await.unwrap().is_some());
            }
        }
    });
}

#[test]
fn a_download_of_100_megabytes_takes_little_memory_and_lets_an_echo_pass() {
    const LENGTH: usize = 100_000_000;
    run(async {
        for framing in FRAMINGS {
            let (child, mut listener) = pair(framing, 1 << 20);
            tokio::spawn(async move {
                while let Some(incoming) = listener.accept().await {
                    match incoming {
                        Incoming::Link(link) => drop(tokio::spawn(async {
                            let (mut receive, mut transmit) = link.split();
                            while let Ok(Some(frame)) = receive.receive().await {
                                if transmit.send(frame).await.is_err() {
                                    return;
                                }
                            }
                        })),
                        Incoming::Exchange(exchange) => {
                            exchange.respond(Response::new(zeros(LENGTH)));
                        }
                        _ => {}
                    }
                }
            });
            let before = forget_peak();
            let (mut receive, mut transmit) = child.link().await.unwrap().split();
            let mut body = within(child.exchange(get("/zeros"))).await.unwrap().into_body();
            let mut length = 0;
            let mut echoes = 0;
            let mut downloading = Box::pin(async {
                while let Some(frame) = within(body.frame()).await {
                    length += frame.unwrap().into_data().unwrap().len();
                }
            });
            let slowest = loop {
                let asked = std::time::Instant::now();
                let echo = async {
                    within(transmit.send(text("ping"))).await.unwrap();
                    within(receive.receive()).await.unwrap().unwrap()
                };
                tokio::select! {
                    () = &mut downloading => break asked.elapsed(),
                    frame = echo => assert_eq!(frame, text("ping")),
                }
                echoes += 1;
            };
            drop(downloading);
            assert_eq!(length, LENGTH);
            assert!(
                echoes > 100,
                "only {echoes} echoes beside the download, the last took {slowest:?}"
            );
            let more = peak().saturating_sub(before);
            assert!(more < 8 << 20, "{more} bytes, {framing:?}");
        }
    });
}

/// So many zeros, made as they are asked for.
fn zeros(length: usize) -> Body {
    use http_body::{Body as Stream, Frame};
    struct Zeros(usize);
    impl Stream for Zeros {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<bytes::Bytes>, Self::Error>>> {
            static ZEROS: [u8; 100_000] = [0; 100_000];
            let length = self.0.min(ZEROS.len());
            self.0 -= length;
            let piece = || Ok(Frame::data(bytes::Bytes::from_static(&ZEROS[..length])));
            std::task::Poll::Ready((length > 0).then(piece))
        }
    }
    Body::new(Zeros(length))
}

/// Waits until the transport has no thread.
async fn no_threads() {
    within(async {
        while !threads().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The names of the transport's threads.
fn threads() -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir("/proc/self/task").unwrap() {
        let thread = entry.unwrap().path();
        // A thread may end while it is looked at.
        if let Ok(name) = std::fs::read_to_string(thread.join("comm"))
            && name.starts_with("stdio-")
            && std::fs::read_to_string(thread.join("stat")).is_ok_and(|stat| !is_exiting(&stat))
        {
            names.push(name.trim_end().to_owned());
        }
    }
    names.sort();
    names
}

/// Whether a thread has run its last: the system lists it for a moment more, though it was joined already.
fn is_exiting(stat: &str) -> bool {
    const PF_EXITING: u32 = 4;
    // Behind the name, which may have anything in it: state, five numbers, flags.
    let fields = stat.rsplit_once(')').unwrap().1;
    let flags = fields.split_whitespace().nth(6).unwrap().parse::<u32>().unwrap();
    flags & PF_EXITING != 0
}

/// Forgets the peak of this process's memory; what it is then.
fn forget_peak() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak()
}

/// The most bytes of this process that were in memory since.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}
