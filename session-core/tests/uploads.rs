//! Uploads: what a client announces and sends, what the app gets of it, and that nothing is left of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::StatusCode;
use http_body_util::StreamBody;
use serde_json::{Value as Json, json};
use session_core::testing::Client;
use session_core::{
    App, Body, FileInput, Interrupt, Limits, Request, Result, Session, StubSession, UploadedFile,
};

#[path = "support/session.rs"]
mod support;
use support::{Log, always, run};

/// An app with one file input, `f`.
fn app() -> App {
    App::new(|s: &Session<'_>| {
        let files = s.file_input("f")?;
        s.output_with("up", always(), move |s| described(&files.get(s)?))
    })
}

/// What a person would want to see of them.
fn described(files: &[UploadedFile]) -> Result<String> {
    let line = |file: &UploadedFile| {
        let on_disk = file.path().file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(file.path())?;
        Ok(format!("{}|{}|{}|{on_disk}|{text}", file.name(), file.size(), file.media_type()))
    };
    let lines: Result<Vec<_>> = files.iter().map(line).collect();
    Ok(lines?.join(";"))
}

async fn with(limits: Limits) -> Client {
    Client::connect_with(app(), limits).await
}

async fn connected() -> Client {
    with(Limits::default()).await
}

/// Announces files, each a name and a size; the job's id and where the files go.
async fn begin(client: &mut Client, files: &[(&str, usize)]) -> (String, String) {
    let begun = announce(client, files).await.unwrap();
    let text = |key: &str| begun[key].as_str().unwrap().to_owned();
    (text("jobId"), text("uploadUrl"))
}

async fn announce(client: &mut Client, files: &[(&str, usize)]) -> Result<Json, String> {
    let files: Vec<_> = files
        .iter()
        .map(|(name, size)| json!({ "name": name, "size": size, "type": "" }))
        .collect();
    client.call("uploadInit", [files]).await
}

fn post(url: &str, body: impl Into<Body>) -> Request {
    http::Request::post(format!("/{url}")).body(body.into()).unwrap()
}

async fn send(client: &mut Client, url: &str, body: impl Into<Body>) -> (u16, String) {
    let response = client.fetch(post(url, body)).await.unwrap();
    let status = response.status().as_u16();
    let text = response.into_body().collect_up_to(1000).await.unwrap();
    (status, String::from_utf8(text.to_vec()).unwrap())
}

fn ok() -> (u16, String) {
    (200, "OK".to_owned())
}

type Feed = tokio::sync::mpsc::UnboundedSender<Result<&'static str, std::io::Error>>;

/// A body in pieces, which come as they are given: an error breaks it off, and without a feed it ends.
fn fed() -> (Feed, Body) {
    let (feed, mut pieces) = tokio::sync::mpsc::unbounded_channel();
    let frame = |piece: &'static str| http_body::Frame::data(piece.as_bytes().into());
    let frames = futures_util::stream::poll_fn(move |cx| {
        pieces.poll_recv(cx).map(|piece: Option<Result<_, _>>| Some(piece?.map(frame)))
    });
    (feed, Body::new(StreamBody::new(frames)))
}

/// Begins to send a body; nobody waits for the answer.
fn begin_sending(client: &mut Client, url: &str, body: Body) {
    assert!(client.fetch(post(url, body)).now_or_never().is_none());
}

/// Waits until no future of the session is at work.
async fn idle(client: &mut Client) {
    while client.counts().tasks > 0 {
        client.wait().await;
    }
}

/// Bytes that come without a length, in two pieces.
fn in_pieces(bytes: &'static str) -> Body {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let pieces = [first, second]
        .map(|piece| Ok::<_, std::io::Error>(http_body::Frame::data(piece.as_bytes().into())));
    Body::new(StreamBody::new(futures_util::stream::iter(pieces)))
}

/// Waits until there is nothing at `path`: files are removed in the background.
async fn gone(path: &Path) {
    for _ in 0..10_000 {
        if !path.exists() {
            return;
        }
        // The background goes on meanwhile, and time, which is paused, does not.
        tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
    }
    panic!("{} is still there", path.display());
}

/// The files of `f`, as the app has them.
async fn files(client: &mut Client) -> Arc<[UploadedFile]> {
    run(client, |s| s.file_input("f")?.get(s)).await
}

// ---------------------------------------------------------------- what comes of an upload

// spec: J15
#[tokio::test(start_paused = true)]
async fn an_upload_is_announced_sent_file_by_file_and_then_in_its_input() {
    let mut client = connected().await;
    let files = json!([[
        { "name": "a.txt", "size": 3, "type": "text/x-own" },
        { "name": "b.csv", "size": 5, "type": "" },
    ]]);
    let begun = client.call("uploadInit", files).await.unwrap();
    let job = begun["jobId"].as_str().unwrap();
    assert_eq!(job.len(), 24);
    let url = format!("session/{}/upload/{job}?w=", "0".repeat(64));
    assert_eq!(begun["uploadUrl"], url);
    assert_eq!(send(&mut client, &url, "abc").await, ok());
    assert_eq!(send(&mut client, &url, in_pieces("1,2,3")).await, ok());
    assert!(client.output::<String>("up").is_err(), "nothing is there before the end");
    assert_eq!(client.call("uploadEnd", (job, "f")).await, Ok(Json::Null));
    let shown = client.output::<String>("up").unwrap();
    assert_eq!(shown, "a.txt|3|text/x-own|0.txt|abc;b.csv|5|text/csv|1.csv|1,2,3");
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_file_may_be_empty_and_so_may_an_upload() {
    let mut client = connected().await;
    client.upload("f", &[("a", "", b"")]).await.unwrap();
    assert_eq!(client.output::<String>("up").unwrap(), "a|0|application/octet-stream|0|");
    client.upload("f", &[]).await.unwrap();
    assert_eq!(client.output::<String>("up").unwrap(), "");
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_large_file_arrives_whole() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    let mut client = connected().await;
    client.upload("f", &[("a.bin", "", &bytes)]).await.unwrap();
    let file = files(&mut client).await[0].clone();
    assert!(file.read().await.unwrap() == bytes);
    let mut read = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut file.open().await.unwrap(), &mut read).await.unwrap();
    assert!(read == bytes);
}

// spec: J15 D4
#[tokio::test(start_paused = true)]
async fn an_upload_is_an_event_whenever_its_files_are_there() {
    let log = Log::default();
    let of_app = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let log = of_app.clone();
        s.on_event(s.file_input("f")?, move |_, files| {
            log.add(files.iter().map(UploadedFile::name).collect::<Vec<_>>().join(","));
            Ok(())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    assert!(log.take().is_empty());
    for _ in 0..2 {
        client.upload("f", &[("a", "", b"x"), ("b", "", b"y")]).await.unwrap();
        assert_eq!(log.take(), ["a,b"]);
    }
}

// spec: N1 N2
#[tokio::test(start_paused = true)]
async fn a_file_input_is_unset_at_first_and_null_empties_it() {
    let mut client = connected().await;
    let read = |s: &Session<'_>| {
        let input: FileInput = s.file_input("f")?;
        Ok((input.is_set(s), matches!(input.get(s), Err(Interrupt::Silent))))
    };
    assert_eq!(run(&mut client, read).await, (false, true));
    client.upload("f", &[("a", "", b"x")]).await.unwrap();
    assert_eq!(run(&mut client, read).await, (true, false));
    let path = files(&mut client).await[0].path().to_owned();
    // As when the page puts the input in anew.
    client.set("f:shiny.file", Json::Null).flush().await;
    assert_eq!(run(&mut client, read).await, (true, true));
    gone(&path).await;
}

// ---------------------------------------------------------------- what a client gets wrong

// spec: J16
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_not_there_cannot_be_ended_or_sent_to() {
    let mut client = connected().await;
    let (job, url) = begin(&mut client, &[("a", 1)]).await;
    let not_found = (404, "{\"detail\":\"Not Found\"}".to_owned());
    let nobody = url.replace(&job, &"0".repeat(24));
    for url in [&nobody, &url.replace(&job, ""), &url.replace(&job, &format!("{job}/0"))] {
        assert_eq!(send(&mut client, url, "x").await, not_found, "{url}");
    }
    let get = http::Request::get(format!("/{url}")).body(Body::empty()).unwrap();
    assert_eq!(client.fetch(get).await.unwrap().status(), StatusCode::NOT_FOUND);
    let ended = client.call("uploadEnd", ("0".repeat(24), "f")).await;
    assert_eq!(ended, Err("there is no such upload".to_owned()));

    assert_eq!(send(&mut client, &url, "x").await, ok());
    client.call("uploadEnd", (&job, "f")).await.unwrap();
    assert_eq!(send(&mut client, &url, "x").await, not_found);
    assert!(client.call("uploadEnd", (&job, "f")).await.is_err(), "it ended before");
    assert_eq!(files(&mut client).await.len(), 1);
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn an_upload_ends_when_all_of_its_files_have_come_and_no_earlier() {
    let mut client = connected().await;
    let (job, url) = begin(&mut client, &[("a", 1), ("b", 1)]).await;
    assert_eq!(send(&mut client, &url, "x").await, ok());
    let early = client.call("uploadEnd", (&job, "f")).await;
    assert_eq!(early, Err("not all files of this upload have come".to_owned()));
    assert_eq!(send(&mut client, &url, "y").await, ok());
    let (status, text) = send(&mut client, &url, "z").await;
    assert_eq!((status, &*text), (400, "all files of this upload have come"));
    assert_eq!(client.call("uploadEnd", (&job, "f")).await, Ok(Json::Null));
    assert_eq!(files(&mut client).await.len(), 2);
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn the_files_of_an_upload_come_one_at_a_time() {
    let mut client = connected().await;
    let (job, url) = begin(&mut client, &[("a", 4), ("b", 1)]).await;
    let (feed, body) = fed();
    begin_sending(&mut client, &url, body);
    feed.send(Ok("ab")).unwrap();
    let (status, text) = send(&mut client, &url, "x").await;
    assert_eq!((status, &*text), (409, "another file of this upload is on its way"));
    assert!(client.call("uploadEnd", (&job, "f")).await.is_err());
    // Another upload does not wait for it.
    client.upload("g", &[("c", "", b"z")]).await.unwrap();
    feed.send(Ok("cd")).unwrap();
    drop(feed);
    idle(&mut client).await;
    assert_eq!(send(&mut client, &url, "x").await, ok());
    client.call("uploadEnd", (&job, "f")).await.unwrap();
    let shown = client.output::<String>("up").unwrap();
    assert!(shown.contains("|abcd;b|1|"), "{shown}");
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_file_of_another_size_than_announced_is_refused_and_may_be_sent_again() {
    let mut client = connected().await;
    let (job, url) = begin(&mut client, &[("a", 4)]).await;
    let longer = (413, "the file is longer than it was announced".to_owned());
    let shorter = (400, "the file is shorter than it was announced".to_owned());
    assert_eq!(send(&mut client, &url, "abcde").await, longer);
    assert_eq!(send(&mut client, &url, in_pieces("abcde")).await, longer);
    assert_eq!(send(&mut client, &url, "abc").await, shorter);
    assert_eq!(send(&mut client, &url, in_pieces("abc")).await, shorter);
    assert_eq!(send(&mut client, &url, "").await, shorter);
    assert_eq!(client.counts().files, 0, "nothing is kept of them");
    assert!(client.call("uploadEnd", (&job, "f")).await.is_err());
    assert_eq!(send(&mut client, &url, in_pieces("abcd")).await, ok());
    assert_eq!(client.counts().files, 1);
    client.call("uploadEnd", (&job, "f")).await.unwrap();
    assert!(client.output::<String>("up").unwrap().ends_with("|abcd"));
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_file_that_breaks_off_is_removed_and_may_be_sent_again() {
    let mut client = connected().await;
    let (job, url) = begin(&mut client, &[("a", 4)]).await;
    let (feed, body) = fed();
    feed.send(Ok("ab")).unwrap();
    feed.send(Err(std::io::Error::other("gone"))).unwrap();
    let (status, text) = send(&mut client, &url, body).await;
    assert_eq!((status, &*text), (400, "the file broke off"));
    assert_eq!(client.counts().files, 0);
    assert_eq!(send(&mut client, &url, "abcd").await, ok());
    client.call("uploadEnd", (&job, "f")).await.unwrap();
    assert!(client.output::<String>("up").unwrap().ends_with("|abcd"));
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_file_that_does_not_go_on_is_refused() {
    let mut client = connected().await;
    let (_, url) = begin(&mut client, &[("a", 4)]).await;
    let (feed, body) = fed();
    feed.send(Ok("ab")).unwrap();
    let before = tokio::time::Instant::now();
    let (status, text) = send(&mut client, &url, body).await;
    assert_eq!((status, &*text), (408, "the file did not go on"));
    assert!(before.elapsed() >= Limits::default().upload_timeout);
    assert!(feed.is_closed());
    assert_eq!(client.counts().files, 0);
    assert_eq!(send(&mut client, &url, "abcd").await, ok(), "it may be sent again");
}

// spec: J15 J6
#[tokio::test(start_paused = true)]
async fn what_is_no_announcement_is_an_error_response() {
    let mut client = connected().await;
    let file = |size: &str| format!(r#"[[{{"name":"a","size":{size},"type":""}}]]"#);
    for args in [
        file("-1"),
        file("1.5"),
        file("\"1\""),
        file("null"),
        file("9223372036854775808"),
        file("99999999999999999999999"),
        "[]".into(),
        "[[1]]".into(),
        "[null]".into(),
        r#"[[{"name":"a","size":3}]]"#.into(),
        r#"[[{"size":3,"type":""}]]"#.into(),
        r#"[[], "f", 3]"#.into(),
        r#"{"files":[]}"#.into(),
    ] {
        let args: Json = serde_json::from_str(&args).unwrap();
        let answer = client.call("uploadInit", args.clone()).await;
        assert!(answer.is_err(), "{args}: {answer:?}");
    }
    for args in [json!([]), json!(["x"]), json!([1, 2]), json!(["x", "f", 3]), json!({"a": 1})] {
        let answer = client.call("uploadEnd", args.clone()).await;
        assert!(answer.is_err(), "{args}: {answer:?}");
    }
    let long = "x".repeat(2000);
    assert!(announce(&mut client, &[(&long, 1)]).await.is_err());
    assert_eq!(client.counts().uploads, 0);
}

// ---------------------------------------------------------------- limits

// spec: J15
#[tokio::test(start_paused = true)]
async fn files_over_a_limit_are_refused_before_they_come() {
    let mut limits = Limits::default();
    (limits.upload_file_bytes, limits.upload_bytes, limits.upload_files) = (10, 15, 2);
    let mut client = with(limits).await;
    let told = announce(&mut client, &[("a", 11)]).await.unwrap_err();
    assert_eq!(told, "a file has 11 bytes, where 10 are allowed");
    let told = announce(&mut client, &[("a", 1), ("b", 1), ("c", 1)]).await.unwrap_err();
    assert_eq!(told, "more than 2 files at once");
    let told = announce(&mut client, &[("a", 8), ("b", 8)]).await.unwrap_err();
    assert_eq!(told, "with these files, more than 15 bytes were uploaded");

    client.upload("f", &[("a", "", b"0123456789")]).await.unwrap();
    assert!(announce(&mut client, &[("a", 6)]).await.is_err(), "the first is still there");
    let (job, _) = begin(&mut client, &[("a", 5)]).await;
    assert!(announce(&mut client, &[("a", 1)]).await.is_err(), "announced is promised");
    drop(job);
    let path = files(&mut client).await[0].path().to_owned();
    client.set("f:shiny.file", Json::Null).flush().await;
    gone(path.parent().unwrap()).await;
    // What is removed gives its room back, right after.
    let mut told = announce(&mut client, &[("a", 10)]).await;
    for _ in 0..1000 {
        if told.is_ok() {
            return;
        }
        tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
        told = announce(&mut client, &[("a", 10)]).await;
    }
    panic!("{told:?}");
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn uploads_that_are_begun_and_left_are_limited_and_forgotten() {
    let mut client = connected().await;
    let mut urls = Vec::new();
    for _ in 0..10_000 {
        match announce(&mut client, &[("a", 1), ("b", 1)]).await {
            Ok(begun) => urls.push(begun["uploadUrl"].as_str().unwrap().to_owned()),
            Err(told) => assert_eq!(told, "more than 16 uploads at once"),
        }
    }
    assert_eq!((urls.len(), client.counts().uploads), (16, 16));
    client.advance(Duration::from_secs(59)).await;
    assert_eq!(send(&mut client, &urls[0], "x").await, ok());
    client.advance(Duration::from_secs(2)).await;
    assert_eq!(client.counts().uploads, 1, "the one that goes on is still there");
    assert_eq!(client.counts().files, 1);
    client.advance(Duration::from_secs(60)).await;
    assert_eq!((client.counts().uploads, client.counts().files), (0, 0));
    assert_eq!(send(&mut client, &urls[0], "x").await.0, 404);
    client.assert_no_leaks();
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_sent_slowly_is_not_forgotten() {
    let mut client = connected().await;
    let (job, url) = begin(&mut client, &[("a", 4)]).await;
    let (feed, body) = fed();
    begin_sending(&mut client, &url, body);
    for piece in ["a", "b", "c", "d"] {
        client.advance(Duration::from_secs(50)).await;
        feed.send(Ok(piece)).unwrap();
        tokio::task::yield_now().await;
    }
    drop(feed);
    idle(&mut client).await;
    assert_eq!(client.call("uploadEnd", (&job, "f")).await, Ok(Json::Null));
}

// ---------------------------------------------------------------- names and paths

// spec: J15
#[tokio::test(start_paused = true)]
async fn the_clients_name_of_a_file_is_never_a_path() {
    let mut client = connected().await;
    let long = "x".repeat(300) + ".csv";
    for (name, on_disk) in [
        ("../../etc/passwd", "0"),
        ("/etc/passwd", "0"),
        (".", "0"),
        ("..", "0"),
        ("", "0"),
        ("con", "0"),
        ("a\0b.txt", "0.txt"),
        ("a.../../x", "0"),
        ("C:\\x.txt", "0.txt"),
        (&*long, "0.csv"),
    ] {
        client.upload("f", &[(name, "", b"x")]).await.unwrap();
        let files = files(&mut client).await;
        assert_eq!(files[0].name(), name);
        assert_eq!(files[0].path().file_name().unwrap(), on_disk, "{name:?}");
        let within = std::env::temp_dir();
        assert!(files[0].path().starts_with(&within), "{:?}", files[0].path());
    }
}

// spec: J15
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn nobody_else_can_look_into_the_folder_of_uploads() {
    use std::os::unix::fs::PermissionsExt;
    let mut client = connected().await;
    client.upload("f", &[("a", "", b"x")]).await.unwrap();
    let file = files(&mut client).await[0].clone();
    for folder in file.path().ancestors().skip(1).take(3) {
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_client_cannot_name_a_path_as_an_input() {
    let mut client = connected().await;
    let forged = json!([{ "name": "x", "size": 1, "type": "", "datapath": "/etc/passwd" }]);
    client.set("f", &forged).flush().await;
    client.set("f:shiny.file", &forged).flush().await;
    let is_set = |s: &Session<'_>| Ok(s.file_input("f")?.is_set(s));
    assert!(!run(&mut client, is_set).await);
    // The other way round, an input of that name knows nothing of what was uploaded.
    client.set("f:shiny.file", Json::Null).flush().await;
    client.upload("f", &[("a", "", b"x")]).await.unwrap();
    let said = run(&mut client, |s| s.input::<Option<Json>>("f")?.get(s)).await;
    assert_eq!(said, None);
}

// spec: J15 J11
#[tokio::test(start_paused = true)]
async fn the_requests_of_an_upload_are_the_sessions_own() {
    let mut client = connected().await;
    let told = client
        .run(|s| {
            let told = ["uploadInit", "uploadEnd"].map(|name| {
                let set = s.set_message_handler(name, |_, ()| Ok(())).unwrap_err().to_string();
                assert_eq!(s.remove_message_handler(name).unwrap(), name);
                set
            });
            let m = s.module("m").unwrap();
            assert_eq!(m.set_message_handler("uploadEnd", |_, ()| Ok(7)).unwrap(), "m-uploadEnd");
            told
        })
        .await
        .unwrap();
    assert!(told[0].contains("`uploadInit`") && told[1].contains("choose another"), "{told:?}");
    client.upload("f", &[("a", "", b"x")]).await.unwrap();
    assert_eq!(client.call("m-uploadEnd", ()).await, Ok(7.into()));
}

// spec: L1
#[test]
fn a_file_input_of_a_stub_is_never_set() {
    let stub = StubSession::new();
    let s = stub.session();
    let files = s.file_input("f").unwrap();
    assert!(!files.is_set(&s));
    assert!(matches!(files.get(&s), Err(Interrupt::Silent)));
}

// ---------------------------------------------------------------- how long files are there

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_file_is_removed_when_another_took_its_place_and_nobody_holds_it() {
    let mut client = connected().await;
    let mut paths = Vec::new();
    for _ in 0..3 {
        client.upload("f", &[("a", "", b"x"), ("b", "", b"y")]).await.unwrap();
        paths.extend(files(&mut client).await.iter().map(|file| file.path().to_owned()));
    }
    let held = files(&mut client).await[1].clone();
    client.upload("f", &[("c", "", b"z")]).await.unwrap();
    for path in &paths[..5] {
        gone(path.parent().unwrap()).await;
    }
    assert_eq!(held.read().await.unwrap(), b"y", "a clone keeps it");
    assert_eq!(client.counts().files, 2);
    let path = held.path().to_owned();
    drop(held);
    gone(path.parent().unwrap()).await;
    assert_eq!(client.counts().files, 1);
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_file_that_is_persisted_stays_and_takes_nobodys_place() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("kept.txt");
    let mut client = connected().await;
    client.upload("f", &[("a", "", b"x")]).await.unwrap();
    let file = files(&mut client).await[0].clone();
    file.persist(&to).await.unwrap();
    let again = file.persist(&to).await.unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(file.read().await.unwrap(), b"x");
    client.disconnect().await;
    assert_eq!(fs::read(&to).unwrap(), b"x");
    let late = file.persist(folder.path().join("late")).await.unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::NotFound);
}

// spec: J15 I16 G19 (decisions 16, 33)
#[tokio::test(start_paused = true)]
async fn uploads_can_be_read_until_everybody_was_told_of_the_end_and_are_gone_after_it() {
    let log = Log::default();
    let of_app = log.clone();
    let app = App::new(move |s: &Session<'_>| {
        let files = s.file_input("f")?;
        let tell = |when: &'static str| {
            let log = of_app.clone();
            move |s: &Session<'_>| {
                log.add(format!("{when} {}", described(&files.get(s)?)?));
                Ok(())
            }
        };
        s.on_ended(tell("ended"));
        s.on_destroy(tell("destroyed"));
        let log = of_app.clone();
        s.on_ended_async(move |s| {
            let file = files.get(s)?[0].clone();
            Ok(async move {
                log.add(String::from_utf8_lossy(&file.read().await?));
                Ok(())
            })
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.upload("f", &[("a.txt", "text/plain", b"x")]).await.unwrap();
    let held = files(&mut client).await[0].clone();
    let of_session = held.path().ancestors().nth(2).unwrap().to_owned();
    client.disconnect().await;
    let file = "a.txt|1|text/plain|0.txt|x";
    assert_eq!(log.take(), [format!("ended {file}"), "x".into(), format!("destroyed {file}")]);
    assert!(!of_session.exists(), "whoever holds a file");
    assert_eq!(held.read().await.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    drop(client);
    let of_process = of_session.parent().unwrap();
    drop(held);
    gone(of_process).await;
    gone(&of_process.with_extension("lock")).await;
}

// spec: J15
#[tokio::test(start_paused = true)]
async fn a_file_on_its_way_is_gone_with_its_session() {
    let mut client = connected().await;
    client.upload("g", &[("a", "", b"x")]).await.unwrap();
    let path = run(&mut client, |s| Ok(s.file_input("g")?.get(s)?[0].path().to_owned())).await;
    let (_, url) = begin(&mut client, &[("a", 4)]).await;
    let (feed, body) = fed();
    feed.send(Ok("ab")).unwrap();
    begin_sending(&mut client, &url, body);
    while client.counts().files < 2 {
        tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
    }
    client.disconnect().await;
    assert!(feed.is_closed(), "its body is dropped");
    assert!(!path.ancestors().nth(2).unwrap().exists());
}

// ---------------------------------------------------------------- modules

fn module(s: &Session<'_>) -> Result<()> {
    let files = s.file_input("f")?;
    s.output_with("up", always(), move |s| described(&files.get(s)?))
}

// spec: I13
#[tokio::test(start_paused = true)]
async fn the_uploads_of_a_module_go_with_it() {
    let mut client = support::idle().await;
    run(&mut client, |s| module(&s.module("m")?)).await;
    client.upload("m-f", &[("a", "", b"x")]).await.unwrap();
    assert!(client.output::<String>("m-up").is_ok());
    let get = |s: &Session<'_>| s.module("m")?.file_input("f")?.get(s);
    let path = run(&mut client, get).await[0].path().to_owned();

    // One that says what it is for, and one that does not.
    let files = json!([{ "name": "a", "size": 1, "type": "" }]);
    let begun = client.call("uploadInit", (&files, "m-f")).await.unwrap();
    let url = begun["uploadUrl"].as_str().unwrap().to_owned();
    assert_eq!(send(&mut client, &url, "x").await, ok());
    let (job, other) = begin(&mut client, &[("a", 1)]).await;
    assert_eq!(send(&mut client, &other, "x").await, ok());
    assert_eq!((client.counts().uploads, client.counts().files), (2, 3));

    let input = run(&mut client, |s| s.module("m")?.file_input("f")).await;
    run(&mut client, |s| s.destroy_module("m")).await;
    gone(path.parent().unwrap()).await;
    assert_eq!((client.counts().uploads, client.counts().files), (1, 1));
    assert_eq!(send(&mut client, &url, "x").await.0, 404);
    let read = client.run(move |s| input.get(s).map(|files| files.len())).await.unwrap();
    assert!(matches!(read, Err(Interrupt::Destroyed(_))), "{read:?}");
    let ended = client.call("uploadEnd", (&job, "m-f")).await;
    assert_eq!(ended, Err("there is no such input any more".to_owned()));
    assert!(client.call("uploadInit", (&files, "m-f")).await.is_err());
    client.assert_no_leaks();
}

// spec: I13
#[tokio::test(start_paused = true)]
async fn a_file_on_its_way_to_a_module_ends_with_it() {
    let mut client = support::idle().await;
    run(&mut client, |s| module(&s.module("m")?)).await;
    let files = json!([{ "name": "a", "size": 4, "type": "" }]);
    let begun = client.call("uploadInit", (&files, "m-f")).await.unwrap();
    let url = begun["uploadUrl"].as_str().unwrap().to_owned();
    let (feed, body) = fed();
    feed.send(Ok("ab")).unwrap();
    let handle = client.handle();
    let destroy = async {
        handle.run(|s| s.destroy_module("m")).await.unwrap().unwrap();
    };
    let (answer, ()) = tokio::join!(client.fetch(post(&url, body)), destroy);
    assert_eq!(answer.unwrap_err().into_response().status(), 503);
    feed.closed().await;
    client.settle().await;
    assert!(!client.model().is_busy());
    client.assert_no_leaks();
}

// spec: I20 I17
#[tokio::test(start_paused = true)]
async fn a_file_input_belongs_to_the_namespace_in_its_name() {
    let mut client = support::idle().await;
    run(&mut client, |s| {
        s.module("m")?;
        s.file_input(session_core::AbsoluteId::new("m-f")?)?;
        s.file_input("m")?;
        Ok(())
    })
    .await;
    client.upload("m-f", &[("a", "", b"x")]).await.unwrap();
    client.upload("m", &[("b", "", b"y")]).await.unwrap();
    assert_eq!(client.counts().files, 2);
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(client.counts().files, 1);
    let left = run(&mut client, |s| s.file_input("m")?.get(s)).await;
    assert_eq!(left[0].name(), "b");
}
