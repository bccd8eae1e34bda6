//! The laws of downloads (group K): what the client gets as a file, made when it asks for it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use session_core::testing::Client;
use session_core::{
    App, Body, Download, Interrupt, InvalidDownload, InvalidId, Request, Result, Session, safe,
};

#[path = "support/session.rs"]
mod support;
use support::{Dropped, Log, always, get, idle, run};

#[derive(Debug, thiserror::Error)]
#[error("boom")]
struct Boom;

/// What came of a request.
struct Answer {
    status: u16,
    headers: HeaderMap,
    /// What came of the body.
    body: Bytes,
    /// Whether the body came to its end.
    whole: bool,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

async fn ask(client: &mut Client, request: Request) -> Answer {
    let response = client.fetch(request).await.unwrap();
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut whole) = (Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap()),
            Err(_) => whole = false,
        }
    }
    Answer { status: head.status.as_u16(), headers: head.headers, body: bytes.into(), whole }
}

fn with(url: &str, headers: &[(&str, &str)]) -> Request {
    let request = http::Request::get(format!("/{url}"));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

/// A session that offers one download, and its URL.
async fn offer(
    download: impl Fn(&Session<'_>) -> Download + Send + Sync + 'static,
) -> (Client, String) {
    let mut client = Client::connect(App::new(move |s| {
        s.download("d", download(s))?;
        Ok(())
    }))
    .await;
    client.show("d").flush().await;
    let url = client.output::<String>("d").unwrap();
    client.frames();
    (client, url)
}

/// What a request for a download gives.
async fn offered(download: impl Fn(&Session<'_>) -> Download + Send + Sync + 'static) -> Answer {
    let (mut client, url) = offer(download).await;
    let answer = ask(&mut client, get(&url)).await;
    assert_eq!(client.close_code(), None, "the session lives");
    assert!(!client.model().is_busy());
    client.assert_no_leaks();
    answer
}

/// A folder with one file in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn with(name: &str, content: &str) -> (Self, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        (Self { folder }, path)
    }
}

#[allow(clippy::panic, reason = "that is what is tested")]
fn panics<T>() -> T {
    panic!("secret")
}

// spec: K10
#[tokio::test(start_paused = true)]
async fn the_url_is_the_value_of_the_output_and_answers_before_it_is_shown() {
    let app = App::new(|s| {
        let url = s.download("d", Download::text(|_| Ok("here")))?;
        s.send_custom_message("url", &url)
    });
    let mut client = Client::connect(app).await;
    let url = client.model().custom()[0].1.as_str().unwrap().to_owned();
    let id = client.model().session_id().unwrap().to_owned();
    assert_eq!(url, format!("session/{id}/download/d?w="));
    assert!(client.output::<String>("d").is_err(), "it is hidden");
    assert_eq!(ask(&mut client, get(&url)).await.text(), "here");
    client.show("d").flush().await;
    assert_eq!(client.output("d"), Ok(url));
}

// spec: K10 K11
#[tokio::test(start_paused = true)]
async fn a_download_is_served_under_the_whole_id_of_its_output_alone() {
    let mut client = idle().await;
    let urls = run(&mut client, |s| {
        let m = s.module("m")?;
        m.download("d", Download::text(|s| Ok(s.ns("d")?)))?;
        let inner = m.module("é")?;
        inner.download("d", Download::text(|s| Ok(s.ns("d")?)))
    })
    .await;
    let id = client.model().session_id().unwrap().to_owned();
    assert_eq!(urls, format!("session/{id}/download/m-%C3%A9-d?w="));
    let inner = ask(&mut client, get(&urls)).await;
    assert_eq!(
        (inner.status, inner.text(), inner.header("content-disposition")),
        (200, "m-é-d", "attachment; filename*=utf-8''m-%C3%A9-d")
    );
    assert_eq!(ask(&mut client, get(&format!("session/{id}/download/m-d"))).await.text(), "m-d");
    for other in ["d", "m", "m-d/", "m-d/x", "m%2dd%00", "%ff"] {
        let answer = ask(&mut client, get(&format!("session/{id}/download/{other}"))).await;
        assert_eq!(answer.status, 404, "{other}");
    }
}

// spec: K10
#[tokio::test(start_paused = true)]
async fn the_same_id_again_replaces_download_and_output_and_an_output_only_the_output() {
    let (mut client, url) = offer(|_| Download::text(|_| Ok("first"))).await;
    run(&mut client, |s| s.download_with("d", always(), Download::text(|_| Ok("second")))).await;
    assert_eq!(ask(&mut client, get(&url)).await.text(), "second");
    assert_eq!((client.counts().downloads, client.counts().outputs), (1, 1));
    run(&mut client, |s| s.output_with("d", always(), |_| Ok("mine"))).await;
    assert_eq!(client.output("d"), Ok("mine".to_owned()));
    assert_eq!(ask(&mut client, get(&url)).await.text(), "second");
}

// spec: K12
#[tokio::test(start_paused = true)]
async fn a_file_is_called_as_on_disk_and_anything_else_by_the_id_unless_the_app_says_so() {
    let (place, path) = Place::with("rows.csv", "a,b\n");
    let of_file = path.clone();
    let answer = offered(move |_| {
        let path = of_file.clone();
        Download::file(move |_| Ok(path.clone()))
    })
    .await;
    assert_eq!(
        (answer.header("content-disposition"), answer.header("content-type"), answer.text()),
        ("attachment; filename=\"rows.csv\"", "text/csv; charset=utf-8", "a,b\n")
    );
    let answer = offered(move |_| {
        let path = path.clone();
        Download::file(move |_| Ok(path.clone())).filename("other.txt")
    })
    .await;
    assert_eq!(
        (answer.header("content-disposition"), answer.header("content-type")),
        ("attachment; filename=\"other.txt\"", "text/plain; charset=utf-8")
    );
    for nameless in ["", ".."] {
        let answer = offered(move |_| Download::bytes(|_| Ok("x")).filename(nameless)).await;
        assert_eq!(answer.header("content-disposition"), "attachment; filename=\"d\"");
    }
    let answer = offered(|_| Download::stream(|_| Ok(stream::iter([Ok("x")])))).await;
    assert_eq!(
        (answer.header("content-disposition"), answer.header("content-type")),
        ("attachment; filename=\"d\"", "application/octet-stream")
    );
    drop(place.folder);
}

// spec: K13
// fault: H5
#[tokio::test(start_paused = true)]
async fn a_name_with_quotes_breaks_of_line_or_4_kib_leaves_the_head_whole() {
    for name in ["a\"b", "a\r\nx-evil: 1", "é √.txt", &"x".repeat(4096), "\0", "a/../b", "%0d%0a"]
    {
        let of_app = name.to_owned();
        let answer = offered(move |_| Download::text(|_| Ok("x")).filename(of_app.clone())).await;
        let told = answer.header("content-disposition").to_owned();
        assert!(told.starts_with("attachment; filename"), "{told}");
        assert!(told.len() < 1000 && !told.contains(['/', '\\']), "{told}");
        assert_eq!((answer.status, answer.headers.contains_key("x-evil")), (200, false));
        assert_eq!(answer.headers.len(), 4, "{:?}", answer.headers);
    }
}

// spec: K14
#[tokio::test(start_paused = true)]
async fn a_media_type_is_guessed_from_the_name_unless_the_app_says_so() {
    for (name, media_type, expected) in [
        ("a.csv", None, "text/csv; charset=utf-8"),
        ("a.png", None, "image/png"),
        ("a", None, "application/octet-stream"),
        ("a.csv", Some("application/x-rows"), "application/x-rows"),
        ("a.png", Some("text/x-rows; a=b"), "text/x-rows; a=b; charset=utf-8"),
    ] {
        let answer = offered(move |_| {
            let download = Download::bytes(|_| Ok("x")).filename(name);
            match media_type {
                Some(media_type) => download.media_type(media_type),
                None => download,
            }
        })
        .await;
        assert_eq!(answer.header("content-type"), expected);
    }
}

// spec: K15
#[tokio::test(start_paused = true)]
async fn texts_are_encoded_as_the_app_says_and_bytes_go_as_they_are() {
    let latin = offered(|_| Download::text(|_| Ok("é")).filename("a.txt").encoding("latin1")).await;
    assert_eq!(
        (&*latin.body, latin.header("content-type"), latin.header("content-length")),
        (&[0xe9][..], "text/plain; charset=windows-1252", "1")
    );
    let texts = |_: &Session<'_>| {
        Download::text_stream(|_| Ok(stream::iter(["日", "本"]).map(Ok))).encoding("shift_jis")
    };
    assert_eq!(&*offered(texts).await.body, [0x93, 0xfa, 0x96, 0x7b]);
    let plain = offered(|_| Download::text_stream(|_| Ok(stream::iter(["é", "x"]).map(Ok)))).await;
    assert_eq!(plain.text(), "éx");
    let bytes =
        offered(|_| Download::bytes(|_| Ok(vec![0, 255])).filename("a.txt").encoding("latin1"));
    let bytes = bytes.await;
    assert_eq!(
        (&*bytes.body, bytes.header("content-type")),
        (&[0, 255][..], "text/plain; charset=windows-1252")
    );
}

// spec: K15
#[tokio::test(start_paused = true)]
async fn a_character_that_the_encoding_lacks_is_an_error_before_the_first_byte_and_a_cut_later() {
    let whole = offered(|_| Download::text(|_| Ok("ab日")).encoding("latin1")).await;
    assert_eq!(whole.status, 500);
    let streamed = |texts: [&'static str; 2]| {
        move |_: &Session<'_>| {
            Download::text_stream(move |_| Ok(stream::iter(texts).map(Ok))).encoding("latin1")
        }
    };
    assert_eq!(offered(streamed(["日", "ab"])).await.status, 500);
    let cut = offered(streamed(["ab", "日"])).await;
    assert_eq!((cut.status, cut.text(), cut.whole), (200, "ab", false));
}

// spec: K14 K15 K11
#[tokio::test(start_paused = true)]
async fn what_cannot_be_offered_is_refused_by_name() {
    let mut client = idle().await;
    run(&mut client, |s| {
        let why = |outcome: Result<String>| {
            let Err(Interrupt::Failed(failure)) = outcome else { panic!("{outcome:?}") };
            failure
        };
        let failure = why(s.download("d", Download::text(|_| Ok("")).encoding("utf-16")));
        assert!(matches!(
            failure.downcast_ref::<InvalidDownload>(),
            Some(InvalidDownload::Encoding { id, label }) if id == "d" && label == "utf-16"
        ));
        let failure = why(s.download("d", Download::text(|_| Ok("")).media_type("csv")));
        assert!(failure.to_string().contains("\"csv\""), "{failure}");
        let failure = why(s.download("a b", Download::text(|_| Ok(""))));
        assert!(failure.downcast_ref::<InvalidId>().is_some());
        Ok(())
    })
    .await;
    client.assert_no_leaks();
}

// spec: K16
#[tokio::test(start_paused = true)]
async fn files_and_bytes_have_a_length_streams_have_none_and_nothing_is_stored() {
    let (place, path) = Place::with("a.bin", "12345678");
    let file = offered(move |_| {
        let path = path.clone();
        Download::file(move |_| Ok(path.clone()))
    })
    .await;
    let bytes = offered(|_| Download::bytes(|_| Ok("12345678"))).await;
    let text = offered(|_| Download::text(|_| Ok("12345678"))).await;
    let chunks = || stream::iter(["1234", "", "5678", ""]).map(Ok);
    let streamed = offered(move |_| Download::stream(move |_| Ok(chunks()))).await;
    for (answer, length) in [(&file, "8"), (&bytes, "8"), (&text, "8"), (&streamed, "")] {
        assert_eq!((answer.status, answer.text(), answer.whole), (200, "12345678", true));
        assert_eq!(answer.header("content-length"), length);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(file.header("accept-ranges"), "bytes");
    let nothing = offered(|_| Download::stream(|_| Ok(stream::empty::<Result<Bytes>>()))).await;
    assert_eq!((nothing.status, nothing.text(), nothing.whole), (200, "", true));
    drop(place.folder);
}

// spec: K16
// fault: H2
#[tokio::test(start_paused = true)]
async fn a_range_is_given_of_files_and_of_nothing_else() {
    let (place, path) = Place::with("a.txt", "12345678");
    let (mut client, url) = offer(move |_| {
        let path = path.clone();
        Download::file(move |_| Ok(path.clone()))
    })
    .await;
    for (range, status, body, content_range) in [
        ("bytes=0-2", 206, "123", "bytes 0-2/8"),
        ("bytes=6-", 206, "78", "bytes 6-7/8"),
        ("bytes=-3", 206, "678", "bytes 5-7/8"),
        ("bytes=2-99", 206, "345678", "bytes 2-7/8"),
        ("bytes=8-", 416, "", "bytes */8"),
        ("bytes=-0", 416, "", "bytes */8"),
        ("bytes=0-1,4-5", 200, "12345678", ""),
        ("bytes=5-2", 200, "12345678", ""),
        ("lines=0-1", 200, "12345678", ""),
    ] {
        let answer = ask(&mut client, with(&url, &[("range", range)])).await;
        assert_eq!(
            (answer.status, answer.text(), answer.header("content-range")),
            (status, body, content_range),
            "{range}"
        );
        if status != 416 {
            assert_eq!(answer.header("content-length"), body.len().to_string(), "{range}");
        }
    }
    let whole = ask(&mut client, get(&url)).await;
    let (etag, date) = (whole.header("etag"), whole.header("last-modified"));
    for (headers, status) in [
        (vec![("if-none-match", etag)], 304),
        (vec![("if-modified-since", date)], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("range", "bytes=0-1"), ("if-range", etag)], 206),
        (vec![("range", "bytes=0-1"), ("if-range", "\"other\"")], 200),
    ] {
        let answer = ask(&mut client, with(&url, &headers)).await;
        assert_eq!(answer.status, status, "{headers:?}");
        if matches!(status, 304 | 412) {
            assert_eq!((answer.text(), answer.header("etag")), ("", etag));
            assert_eq!(answer.header("content-disposition"), "");
        }
    }
    for download in [
        |_: &Session<'_>| Download::bytes(|_| Ok("12345678")),
        |_: &Session<'_>| Download::stream(|_| Ok(stream::iter([Ok("12345678")]))),
    ] {
        let (mut client, url) = offer(download).await;
        let answer = ask(&mut client, with(&url, &[("range", "bytes=0-2")])).await;
        assert_eq!(
            (answer.status, answer.text(), answer.header("accept-ranges")),
            (200, "12345678", "")
        );
    }
    drop(place.folder);
}

// spec: K21
// fault: H2
#[tokio::test(start_paused = true)]
async fn head_has_the_head_of_get_and_any_other_method_finds_nothing() {
    let (place, path) = Place::with("a.txt", "12345678");
    let downloads = |path: PathBuf| {
        [
            Download::file(move |_| Ok(path.clone())),
            Download::text(|_| Ok("12345678")),
            Download::stream(|_| Ok(stream::iter([Ok("12345678")]))),
            Download::text(|_| Err::<String, _>(Boom.into())),
        ]
    };
    for nth in 0..4 {
        let path = path.clone();
        let (mut client, url) =
            offer(move |_| downloads(path.clone()).into_iter().nth(nth).unwrap()).await;
        let of_get = ask(&mut client, get(&url)).await;
        let head = |method: &str| {
            let request = http::Request::builder().method(method).uri(format!("/{url}"));
            request.header("range", "bytes=0-1").body(Body::from("body")).unwrap()
        };
        let mut of_head = ask(&mut client, head("HEAD")).await;
        assert_eq!((of_head.status, of_head.text()), (of_get.status, ""));
        if of_get.status == 500 {
            // What a failure says has a length too.
            assert!(of_head.headers.remove("content-length").is_some());
        }
        assert_eq!(of_head.headers, of_get.headers);
        client.frames();
        let nowhere = ask(&mut client, get(&url.replace("/d?", "/nosuch?"))).await;
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let answer = ask(&mut client, head(method)).await;
            assert_eq!(answer.status, 404);
            assert_eq!((&answer.headers, &answer.body), (&nowhere.headers, &nowhere.body));
        }
        assert_eq!(client.frames(), [json!(null); 0], "the session is not busy with it");
    }
    drop(place.folder);
}

// spec: K17 (decision 32)
#[tokio::test(start_paused = true)]
async fn a_failure_after_the_first_byte_is_a_cut_that_the_client_can_tell() {
    let fails = |chunks: [Result<&'static str>; 2]| {
        let chunks = Arc::new(std::sync::Mutex::new(Some(chunks)));
        move |_: &Session<'_>| {
            let chunks = chunks.clone();
            Download::stream(move |_| Ok(stream::iter(chunks.lock().unwrap().take().unwrap())))
        }
    };
    for failure in [Boom.into(), Interrupt::Silent] {
        let cut = offered(fails([Ok("part"), Err(failure)])).await;
        assert_eq!((cut.status, cut.text(), cut.whole), (200, "part", false));
    }
    let panics = |_: &Session<'_>| {
        Download::stream(|_| Ok(stream::iter(0..3).map(|n| if n < 2 { Ok("x") } else { panics() })))
    };
    let cut = offered(panics).await;
    assert_eq!((cut.status, cut.text(), cut.whole), (200, "xx", false));
}

// spec: K17 K18 (decisions 15, 31, 32)
#[tokio::test(start_paused = true)]
async fn a_failure_before_the_first_byte_is_a_500_that_tells_nothing_and_the_session_lives() {
    let downloads: [fn() -> Download; 10] = [
        || Download::file(|_| Ok("/no/such/file")),
        || Download::file(|_| Ok("/")),
        || Download::file(|_| Err::<PathBuf, _>(Boom.into())),
        || Download::text(|_| panics::<Result<String>>()),
        || Download::text_async(|_| Ok(async { panics::<Result<String>>() })),
        || Download::bytes_async(|_| Ok(async { Err::<Bytes, _>(Boom.into()) })),
        || Download::stream(|_| Ok(stream::iter([Ok(""), Err(Boom.into())]))),
        || Download::text_stream(|_| Ok(stream::iter(0..1).map(|_| panics::<Result<String>>()))),
        || Download::text(|_| Ok("x")).filename_with(|_| Err::<String, _>(Boom.into())),
        || Download::text(|_| Ok("x")).media_type_with(|_| Ok("a\r\nb: c")),
    ];
    for (nth, download) in downloads.into_iter().enumerate() {
        let answer = offered(move |_| download()).await;
        assert_eq!((answer.status, answer.whole), (500, true), "{nth}");
        assert!(answer.text().starts_with("An error has occurred"), "{nth}: {}", answer.text());
        assert_eq!(answer.header("content-disposition"), "", "{nth}");
    }
    let said = offered(|_| Download::text(|_| Err::<String, _>(safe("why").into()))).await;
    assert_eq!((said.status, said.text()), (500, "why"));
    let quiet = offered(|_| Download::text(|_| Err::<String, _>(Interrupt::Silent))).await;
    assert_eq!((quiet.status, quiet.text()), (500, ""));
}

// spec: K19 K5 K6
#[tokio::test(start_paused = true)]
async fn name_media_type_and_content_are_made_per_request_in_this_order_in_the_scope_they_are_of() {
    let log = Log::default();
    let of_app = log.clone();
    let app = App::new(move |s| {
        let n = s.input::<i64>("n")?;
        let count = s.value(0);
        s.output("count", move |s| count.get(s))?;
        let log = of_app.clone();
        let said = move |what: &'static str| {
            let log = log.clone();
            move |s: &Session<'_>| {
                log.add(format!("{what} {} {}", s.namespace(), s.is_tracking()));
                n.get(s)
            }
        };
        let (name, media_type, content) = (said("name"), said("type"), said("content"));
        let download = Download::text(move |s| {
            count.update(s, |count| *count += 1)?;
            Ok(content(s)?.to_string())
        });
        let download = download
            .filename_with(move |s| Ok(format!("{}.csv", name(s)?)))
            .media_type_with(move |s| Ok(format!("text/x-{}", media_type(s)?)));
        s.module("m")?.download("d", download)?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.set("n", 1).show("m-d").show("count").flush().await;
    let url = client.output::<String>("m-d").unwrap();
    for n in [1, 2] {
        client.set("n", n).flush().await;
        assert_eq!(log.take(), [""; 0], "a download depends on nothing");
        let answer = ask(&mut client, get(&url)).await;
        assert_eq!(log.take(), ["name m false", "type m false", "content m false"]);
        assert_eq!(
            (answer.text(), answer.header("content-disposition"), answer.header("content-type")),
            (
                &*n.to_string(),
                &*format!("attachment; filename=\"{n}.csv\""),
                &*format!("text/x-{n}; charset=utf-8")
            )
        );
        assert_eq!(client.output("count"), Ok(n), "what it sets is flushed");
    }
}

// spec: K20 (decision 5)
#[tokio::test(start_paused = true)]
async fn a_stream_has_what_its_first_step_read_and_is_made_as_the_client_takes_it() {
    let made = Arc::<AtomicUsize>::default();
    let of_app = made.clone();
    let (mut client, url) = offer(move |s| {
        let (n, made) = (s.value(5), of_app.clone());
        Download::stream_async(move |s| {
            let (n, made) = (n.get(s)?, made.clone());
            Ok(async move {
                tokio::task::yield_now().await;
                Ok(stream::iter(0..n).map(move |_| {
                    made.fetch_add(1, Ordering::Relaxed);
                    Ok("x")
                }))
            })
        })
    })
    .await;
    let mut body = client.fetch(get(&url)).await.unwrap().into_body();
    assert_eq!((made.load(Ordering::Relaxed), client.model().is_busy()), (1, false));
    for n in 1..=5 {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
        assert_eq!(made.load(Ordering::Relaxed), n);
        client.settle().await;
    }
    assert!(body.frame().await.is_none());
}

// spec: K8 G34
#[tokio::test(start_paused = true)]
async fn a_session_is_busy_until_the_first_byte_of_a_download_is_made_and_not_while_it_streams() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<&str>>(1);
    let receiver = Arc::new(std::sync::Mutex::new(Some(receiver)));
    let (client, url) = offer(move |_| {
        let receiver = receiver.clone();
        Download::stream(move |_| {
            let receiver = receiver.lock().unwrap().take().unwrap();
            Ok(stream::unfold(receiver, async |mut receiver| {
                Some((receiver.recv().await?, receiver))
            }))
        })
    })
    .await;
    // Polled once, it has reached the session.
    let mut fetched = Box::pin(async move {
        let mut client = client;
        let response = client.fetch(get(&url)).await.unwrap();
        (client, response)
    });
    assert!(futures_util::poll!(&mut fetched).is_pending());
    sender.send(Ok("x")).await.unwrap();
    let (mut client, response) = fetched.await;
    assert_eq!(client.frames(), [json!({ "busy": "busy" }), json!({ "busy": "idle" })]);
    assert_eq!(client.counts().tasks, 0);
    drop(sender);
    assert_eq!(response.into_body().collect_up_to(10).await.unwrap(), "x");
}

// spec: K10 (decision 5)
#[tokio::test(start_paused = true)]
async fn every_kind_of_content_has_an_asynchronous_form() {
    let (place, path) = Place::with("a.txt", "x");
    let path = &path;
    let downloads: [&dyn Fn() -> Download; 5] = [
        &|| {
            let path = path.clone();
            Download::file_async(move |_| {
                let path = path.clone();
                Ok(async move { Ok(path) })
            })
        },
        &|| Download::bytes_async(|_| Ok(async { Ok("x") })),
        &|| Download::text_async(|_| Ok(async { Ok("x") })),
        &|| Download::stream_async(|_| Ok(async { Ok(stream::iter([Ok("x")])) })),
        &|| Download::text_stream_async(|_| Ok(async { Ok(stream::iter([Ok("x")])) })),
    ];
    for download in downloads {
        let download = std::sync::Mutex::new(Some(download()));
        let answer = offered(move |_| download.lock().unwrap().take().unwrap()).await;
        assert_eq!((answer.status, answer.text()), (200, "x"));
    }
    drop(place.folder);
}

// fault: H4
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_drops_the_stream_and_nothing_else_happens() {
    let log = Log::default();
    let of_app = log.clone();
    let (mut client, url) = offer(move |_| {
        let log = of_app.clone();
        Download::stream(move |_| {
            let guard = Dropped(log.clone());
            Ok(stream::repeat("x").map(move |chunk| {
                let _ = &guard;
                Ok(chunk)
            }))
        })
    })
    .await;
    let mut body = client.fetch(get(&url)).await.unwrap().into_body();
    for _ in 0..100 {
        assert!(body.frame().await.unwrap().is_ok());
    }
    assert_eq!(log.take(), [""; 0]);
    drop(body);
    assert_eq!(log.take(), ["dropped"]);
    client.flush().await;
    assert_eq!((client.close_code(), client.model().is_busy()), (None, false));
    client.assert_no_leaks();
}

// spec: I16
#[tokio::test(start_paused = true)]
async fn a_download_goes_with_its_scope_and_a_sibling_with_a_longer_name_keeps_its_own() {
    let mut client = idle().await;
    let urls = run(&mut client, |s| {
        let mut urls = Vec::new();
        for id in ["a", "ab", "a_b"] {
            urls.push(s.module(id)?.download("d", Download::text(|_| Ok("x")))?);
        }
        urls.push(s.module("a")?.module("c")?.download("d", Download::text(|_| Ok("x")))?);
        urls.push(s.download("a", Download::text(|_| Ok("x")))?);
        s.destroy_module("a")?;
        Ok(urls)
    })
    .await;
    let mut found = Vec::new();
    for url in &urls {
        found.push(ask(&mut client, get(url)).await.status);
    }
    assert_eq!(found, [404, 200, 200, 404, 200]);
    run(&mut client, |s| {
        s.module("ab")?.destroy();
        s.module("a_b")?.destroy();
        Ok(())
    })
    .await;
    assert_eq!((client.counts().downloads, client.counts().outputs), (1, 1));
}

// spec: I16 C19 (decision 5)
#[tokio::test(start_paused = true)]
async fn a_body_that_has_begun_outlives_its_scope_and_session_and_a_first_byte_does_not() {
    let mut client = idle().await;
    let (steady, slow) = run(&mut client, |s| {
        let m = s.module("m")?;
        let steady = Download::stream(|_| Ok(stream::iter(["a", "b", "c"]).map(Ok)));
        let slow = Download::stream(|_| Ok(stream::pending::<Result<Bytes>>()));
        Ok((m.download("steady", steady)?, m.download("slow", slow)?))
    })
    .await;
    let mut body = client.fetch(get(&steady)).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
    let handle = client.handle();
    let (answer, gone) = tokio::join!(client.fetch(get(&slow)), async {
        handle.run(|s| s.destroy_module("m").is_ok()).await
    });
    assert_eq!((answer.is_err(), gone), (true, Ok(true)), "the transport makes a 503 of it");
    assert!(!client.model().is_busy());
    assert_eq!(ask(&mut client, get(&steady)).await.status, StatusCode::NOT_FOUND.as_u16());
    client.assert_no_leaks();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "b");
    client.disconnect().await;
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "c");
    assert!(body.frame().await.is_none());
}

// spec: C19 I16 (decision 21)
#[tokio::test(start_paused = true)]
async fn a_download_may_destroy_its_scope_from_what_makes_it_and_from_its_stream() {
    let mut client = idle().await;
    let (at_once, streamed) = run(&mut client, |s| {
        let (m, n) = (s.module("m")?, s.module("n")?);
        let at_once = Download::text(|s| {
            s.destroy();
            Ok("bye")
        });
        let streamed = Download::stream(|s| {
            let handle = s.handle();
            Ok(stream::iter(0..3).then(move |nth| {
                let handle = handle.clone();
                async move {
                    if nth == 1 {
                        let _ = handle.run(|s| s.destroy()).await;
                    }
                    Ok(nth.to_string())
                }
            }))
        });
        Ok((m.download("d", at_once)?, n.download("d", streamed)?))
    })
    .await;
    let answer = ask(&mut client, get(&at_once)).await;
    assert_eq!((answer.status, answer.text()), (200, "bye"));
    let body = client.fetch(get(&streamed)).await.unwrap().into_body();
    let collected = tokio::spawn(body.collect_up_to(100));
    while !collected.is_finished() {
        tokio::task::yield_now().await;
        client.settle().await;
    }
    assert_eq!(collected.await.unwrap().unwrap(), "012");
    assert_eq!(ask(&mut client, get(&streamed)).await.status, 404);
    client.assert_no_leaks();
}

// spec: K12
#[tokio::test(start_paused = true)]
async fn what_names_a_file_is_kept_until_the_response_is_through() {
    let (mut client, url) = offer(|_| {
        Download::file(|_| {
            let mut file = tempfile::NamedTempFile::with_suffix(".txt")?;
            std::io::Write::write_all(&mut file, b"12345678")?;
            Ok(file.into_temp_path())
        })
    })
    .await;
    let response = client.fetch(get(&url)).await.unwrap();
    let named = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    let path = std::env::temp_dir().join(named.split('"').nth(1).unwrap());
    assert!(path.exists(), "{path:?}");
    assert_eq!(response.into_body().collect_up_to(100).await.unwrap(), "12345678");
    assert!(!path.exists(), "{path:?}");
    let unread = client.fetch(with(&url, &[("range", "bytes=-1")])).await.unwrap();
    assert_eq!(unread.status(), 206);
    let named = unread.headers()["content-disposition"].to_str().unwrap().to_owned();
    let path = std::env::temp_dir().join(named.split('"').nth(1).unwrap());
    assert!(path.exists(), "{path:?}");
    drop(unread);
    assert!(!path.exists(), "{path:?}");
}

// spec: L4, L5
#[test]
fn a_stub_takes_downloads_and_offers_none() {
    let stub = session_core::StubSession::new();
    let (root, m) = (stub.session(), stub.session().module("m").unwrap());
    let held = Arc::new(());
    for s in [root, m] {
        let content = held.clone();
        let download = Download::text(move |_| Ok(Arc::strong_count(&content).to_string()));
        assert_eq!(s.download("d", download).ok().as_deref(), Some(""));
        assert!(s.download("a b", Download::text(|_| Ok("x"))).is_err());
    }
    assert_eq!(Arc::strong_count(&held), 1, "nothing of it is kept");
}
