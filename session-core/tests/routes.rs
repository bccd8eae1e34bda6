//! The laws of dynamic routes (group K): requests beside the link, answered in the session.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use session_core::testing::Client;
use session_core::{App, Body, Interrupt, Request, Response, Result, Session, safe};

#[derive(Debug, thiserror::Error)]
#[error("boom")]
struct Boom;

/// The URLs that an app with the routes of `start` gave out, and a client of it.
async fn serve(
    start: impl Fn(&Session<'_>) -> Result<Vec<String>> + Send + Sync + 'static,
) -> (Client, Vec<String>) {
    let app = App::new(move |s| {
        let value = s.value(0);
        s.output("out", move |s| value.get(s))?;
        s.set_message_handler("value", move |s, ()| value.get(s))?;
        s.send_custom_message("urls", &start(s)?)
    });
    let mut client = Client::connect(app).await;
    client.show("out").flush().await;
    let urls = serde_json::from_value(client.model().custom()[0].1.clone()).unwrap();
    client.frames();
    (client, urls)
}

fn request(method: &str, url: &str) -> Request {
    let url = format!("/{url}");
    http::Request::builder().method(method).uri(url).body(Body::empty()).unwrap()
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect_up_to(10_000).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn get(client: &mut Client, url: &str) -> (u16, String) {
    let response = client.fetch(request("GET", url)).await.unwrap();
    (response.status().as_u16(), text(response).await)
}

#[allow(clippy::panic, reason = "that is what is tested")]
fn panics<T>() -> Result<T> {
    panic!("secret")
}

// spec: K1
#[tokio::test(start_paused = true)]
async fn the_url_of_a_route_is_relative_and_has_a_new_nonce_each_time() {
    let (client, urls) = serve(|s| {
        let first = s.dynamic_route("n", |_, _| Ok("first"))?;
        Ok(vec![first, s.dynamic_route("n", |_, _| Ok("second"))?])
    })
    .await;
    let id = client.model().session_id().unwrap();
    let nonces: Vec<_> = urls
        .iter()
        .map(|url| url.strip_prefix(&format!("session/{id}/dynamic_route/n?nonce=")).unwrap())
        .collect();
    assert_ne!(nonces[0], nonces[1]);
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    assert!(nonces.iter().all(|nonce| nonce.len() == 16 && nonce.chars().all(is_hex)));
}

// spec: K2
#[tokio::test(start_paused = true)]
async fn a_missing_or_old_nonce_makes_no_difference() {
    let (mut client, urls) = serve(|s| Ok(vec![s.dynamic_route("n", |_, _| Ok("here"))?])).await;
    let bare = urls[0].split('?').next().unwrap();
    for url in [bare, &format!("{bare}?nonce=0000000000000000"), &format!("{bare}?x=1")] {
        assert_eq!(get(&mut client, url).await, (200, "here".to_owned()), "{url}");
    }
}

// spec: K3
#[tokio::test(start_paused = true)]
async fn a_route_registered_again_answers_on_the_old_urls_too() {
    let (mut client, urls) = serve(|s| {
        let first = s.dynamic_route("n", |_, _| Ok("first"))?;
        s.dynamic_route("n", |_, _| Ok("second"))?;
        Ok(vec![first])
    })
    .await;
    assert_eq!(get(&mut client, &urls[0]).await, (200, "second".to_owned()));
    assert_eq!(client.counts().routes, 1);
}

// spec: K4 (decision 32)
#[tokio::test(start_paused = true)]
async fn everything_that_is_not_there_is_the_same_404() {
    let (mut client, _) = serve(|s| Ok(vec![s.dynamic_route("n", |_, _| Ok("here"))?])).await;
    let id = client.model().session_id().unwrap().to_owned();
    let mut answers = Vec::new();
    for path in ["dynamic_route/nosuch", "dynamic_route/", "dynamic_route", "download/n", "", "x/n"]
    {
        let response = client.fetch(request("GET", &format!("session/{id}/{path}"))).await.unwrap();
        let headers = format!("{:?}", response.headers());
        answers.push((response.status(), headers, text(response).await));
    }
    assert_eq!(
        (answers[0].0, &*answers[0].2),
        (StatusCode::NOT_FOUND, r#"{"detail":"Not Found"}"#)
    );
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(client.frames(), [json!(null); 0], "and the session is not busy with it");
}

// spec: K4 (decision 32)
#[tokio::test(start_paused = true)]
async fn a_route_takes_any_method_and_streams_both_ways() {
    let (mut client, urls) = serve(|s| {
        Ok(vec![s.dynamic_route_async("n", |_, request| {
            let method = request.method().to_string();
            Ok(async move {
                let body = request.into_body().collect_up_to(100).await.map_err(|_| Boom)?;
                let answer = http::Response::builder().status(201).header("x-method", method);
                Ok(answer.body(Body::from(body))?)
            })
        })?])
    })
    .await;
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "BREW"] {
        let mut request = request(method, &urls[0]);
        *request.body_mut() = Body::from("hello");
        let response = client.fetch(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["x-method"].to_str().unwrap()),
            (201, method)
        );
        // HEAD is answered with a head.
        assert_eq!(text(response).await, if method == "HEAD" { "" } else { "hello" });
    }
}

// spec: K5 (decision 32)
#[tokio::test(start_paused = true)]
async fn a_route_runs_in_the_scope_that_registered_it_and_depends_on_nothing() {
    let (mut client, urls) = serve(|s| {
        Ok(vec![
            s.module("m")?
                .dynamic_route("n", |s, _| Ok(format!("{} {}", s.ns("x")?, s.is_tracking())))?,
        ])
    })
    .await;
    assert!(urls[0].contains("/dynamic_route/m-n?"), "{urls:?}");
    assert_eq!(get(&mut client, &urls[0]).await, (200, "m-x false".to_owned()));
}

// spec: K6 (decision 32)
#[tokio::test(start_paused = true)]
async fn what_a_route_sets_is_flushed() {
    let app = App::new(|s| {
        let value = s.value(0);
        s.output("out", move |s| value.get(s))?;
        let url = s.dynamic_route("n", move |s, _| {
            value.set(s, 7)?;
            Ok("set")
        })?;
        s.send_custom_message("url", &url)
    });
    let mut client = Client::connect(app).await;
    client.show("out").flush().await;
    let url = client.model().custom()[0].1.as_str().unwrap().to_owned();
    assert_eq!(get(&mut client, &url).await, (200, "set".to_owned()));
    assert_eq!(client.output("out"), Ok(7));
}

// spec: K7 (decisions 15, 31, 32)
#[tokio::test(start_paused = true)]
async fn a_route_that_fails_stops_or_panics_is_a_500_and_the_session_lives() {
    let (mut client, urls) = serve(|s| {
        Ok(vec![
            s.dynamic_route("fails", |_, _| Err::<&str, _>(Boom.into()))?,
            s.dynamic_route("panics", |_, _| panics::<&str>())?,
            s.dynamic_route_async("later", |_, _| Ok(async { panics::<&str>() }))?,
            s.dynamic_route("safe", |_, _| Err::<&str, _>(safe("why").into()))?,
            s.dynamic_route("stops", |_, _| Err::<&str, _>(Interrupt::Silent))?,
            s.dynamic_route("fine", |_, _| Ok("fine"))?,
        ])
    })
    .await;
    for url in &urls[..3] {
        let (status, body) = get(&mut client, url).await;
        assert!(
            status == 500 && body.starts_with("An error has occurred"),
            "{url}: {status} {body}"
        );
    }
    assert_eq!(get(&mut client, &urls[3]).await, (500, "why".to_owned()));
    assert_eq!(get(&mut client, &urls[4]).await, (500, String::new()));
    assert_eq!(get(&mut client, &urls[5]).await, (200, "fine".to_owned()));
    assert_eq!((client.close_code(), client.model().is_busy()), (None, false));
}

// spec: K8 G34
#[tokio::test(start_paused = true)]
async fn a_session_is_busy_while_it_makes_an_answer() {
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let (mut client, urls) = serve(move |s| {
        let receiver = receiver.clone();
        Ok(vec![s.dynamic_route_async("n", move |_, _| {
            let mut receiver = receiver.clone();
            receiver.mark_unchanged();
            Ok(async move {
                receiver.changed().await?;
                Ok("done")
            })
        })?])
    })
    .await;
    let url = urls[0].clone();
    // Polled once, it has reached the session.
    let mut fetched = Box::pin(async {
        let answer = get(&mut client, &url).await;
        (client, answer)
    });
    assert!(futures_util::poll!(&mut fetched).is_pending());
    sender.send(true).unwrap();
    let (mut client, answer) = fetched.await;
    assert_eq!(answer, (200, "done".to_owned()));
    assert_eq!(client.frames(), [json!({ "busy": "busy" }), json!({ "busy": "idle" })]);
    assert_eq!(client.counts().tasks, 0);
}

// spec: K9
#[tokio::test(start_paused = true)]
async fn a_name_at_the_root_is_quoted_and_one_in_a_module_is_checked() {
    let (mut client, urls) = serve(|s| {
        assert!(s.module("m")?.dynamic_route("a b", |_, _| Ok("")).is_err());
        let mut urls = Vec::new();
        for name in ["a b/c", "ü?#", "%20", "a+b&c"] {
            urls.push(s.dynamic_route(name, move |_, _| Ok(name))?);
        }
        Ok(urls)
    })
    .await;
    assert!(urls[0].contains("/dynamic_route/a%20b/c?"), "{}", urls[0]);
    for (url, name) in urls.iter().zip(["a b/c", "ü?#", "%20", "a+b&c"]) {
        assert_eq!(get(&mut client, url).await, (200, name.to_owned()), "{url}");
    }
}

// spec: K4
// fault: H1
#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_text_or_climbs_out_is_not_there() {
    let (mut client, _) = serve(|s| Ok(vec![s.dynamic_route("n", |_, _| Ok("here"))?])).await;
    let id = client.model().session_id().unwrap().to_owned();
    for name in ["%ff", "..%2fn", "%2e%2e/n", "n%00", "%256e", "n/", "/n"] {
        let (status, _) = get(&mut client, &format!("session/{id}/dynamic_route/{name}")).await;
        assert_eq!(status, 404, "{name}");
    }
    let (status, _) = get(&mut client, &format!("session/{id}/dynamic_route/%6e")).await;
    assert_eq!(status, 200, "quoted more than it need be");
}

// spec: I16 C19
#[tokio::test(start_paused = true)]
async fn a_route_whose_scope_is_destroyed_is_gone_and_its_running_future_dropped() {
    let (mut client, urls) = serve(|s| {
        let m = s.module("m")?;
        Ok(vec![m.dynamic_route_async("waits", |_, _| Ok(std::future::pending::<Result<&str>>()))?])
    })
    .await;
    let handle = client.handle();
    let (answer, closed) = tokio::join!(client.fetch(request("GET", &urls[0])), async {
        handle.run(|s| s.destroy_module("m").is_ok()).await
    });
    assert_eq!((answer.is_err(), closed), (true, Ok(true)));
    assert!(!client.model().is_busy());
    assert_eq!(get(&mut client, &urls[0]).await.0, 404);
    assert_eq!((client.counts().routes, client.counts().tasks), (0, 0));
}

// spec: C19 (decision 21)
#[tokio::test(start_paused = true)]
async fn a_route_that_destroys_its_own_scope_answers_and_is_gone() {
    let (mut client, urls) = serve(|s| {
        let (m, later) = (s.module("m")?, s.module("later")?);
        Ok(vec![
            m.dynamic_route("n", |s, _| {
                s.destroy();
                Ok("bye")
            })?,
            later.dynamic_route_async("n", |s, _| {
                s.destroy();
                Ok(std::future::pending::<Result<&str>>())
            })?,
        ])
    })
    .await;
    assert_eq!(get(&mut client, &urls[0]).await, (200, "bye".to_owned()));
    assert_eq!(get(&mut client, &urls[0]).await.0, 404);
    // The clock is paused: whoever waits for ever is found out at once.
    let fetched = client.fetch(request("GET", &urls[1]));
    assert!(tokio::time::timeout(Duration::from_secs(1), fetched).await.unwrap().is_err());
    assert_eq!(get(&mut client, &urls[1]).await.0, 404);
    let counts = client.counts();
    assert_eq!((counts.routes, counts.tasks, counts.scopes, counts.modules), (0, 0, 1, 0));
    assert!(!client.model().is_busy());
}

// spec: K4
#[tokio::test(start_paused = true)]
async fn a_session_that_ends_leaves_its_exchanges_without_an_answer() {
    let (mut client, urls) = serve(|s| {
        Ok(vec![
            s.dynamic_route_async("waits", |_, _| Ok(std::future::pending::<Result<&str>>()))?,
            s.dynamic_route("ends", |s, _| {
                s.close();
                Ok("bye")
            })?,
        ])
    })
    .await;
    assert_eq!(get(&mut client, &urls[1]).await, (200, "bye".to_owned()));
    assert_eq!(client.close_code(), Some(1001));
    assert!(client.fetch(request("GET", &urls[0])).await.is_err());
}
