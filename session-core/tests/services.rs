//! The laws of services mounted as dynamic routes, and of what both kinds of routes answer with (group K).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::{any, get as on_get, post};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Uri;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use session_core::testing::Client;
use session_core::{App, Body, Request, Response, Result, Session};
use tower_service::Service;

#[path = "support/session.rs"]
mod support;
use support::{Dropped, Log, get, idle, run};

async fn ask(client: &mut Client, url: &str) -> (u16, String) {
    let response = client.fetch(get(url)).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect_up_to(10_000).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// A service that says what it was asked for.
fn tells() -> Router {
    Router::new().fallback(async |uri: Uri| uri.to_string())
}

/// A session with the routes of `start`, and `session/<id>/dynamic_route`.
async fn serve(
    start: impl Fn(&Session<'_>) -> Result<()> + Send + Sync + 'static,
) -> (Client, String) {
    let client = Client::connect(App::new(start)).await;
    let url = format!("session/{}/dynamic_route", client.model().session_id().unwrap());
    (client, url)
}

// spec: K1 (decision 32)
#[tokio::test(start_paused = true)]
async fn a_router_answers_below_its_name_and_sees_only_what_follows_it() {
    let (mut client, routes) = serve(|s| {
        let router = Router::new()
            .route("/", on_get(async || "root"))
            .route("/users/{id}", on_get(async |Path(id): Path<String>| format!("user {id}")))
            .route("/sum", post(async |body: String| body.len().to_string()));
        let url = s.dynamic_route_service("api", router)?;
        s.send_custom_message("url", &url)
    })
    .await;
    let url = client.model().custom()[0].1.as_str().unwrap().to_owned();
    assert_eq!(ask(&mut client, &url).await, (200, "root".into()));
    assert_eq!(ask(&mut client, &format!("{routes}/api/")).await, (200, "root".into()));
    let user = format!("{routes}/api/users/%C3%A9%2F1?x=1");
    assert_eq!(ask(&mut client, &user).await, (200, "user é/1".into()));
    let request =
        http::Request::post(format!("/{routes}/api/sum")).body(Body::from("four")).unwrap();
    let response = client.fetch(request).await.unwrap();
    assert_eq!(response.into_body().collect_up_to(10).await.unwrap(), "4");
    assert_eq!(ask(&mut client, &format!("{routes}/api/nosuch")).await, (404, String::new()));
}

// spec: K1 K4
// fault: H1
#[tokio::test(start_paused = true)]
async fn the_exact_name_wins_and_then_the_longest_by_whole_segments() {
    let (mut client, routes) = serve(|s| {
        s.dynamic_route_service("a", tells())?;
        s.dynamic_route_service(
            "a/b c",
            Router::new().fallback(async |uri: Uri| format!("b {uri}")),
        )?;
        s.dynamic_route("a/b c/d", |_, _| Ok("d"))?;
        s.dynamic_route("e", |_, _| Ok("e"))?;
        Ok(())
    })
    .await;
    for (path, expected) in [
        ("a", "/"),
        ("a?x=1&y", "/?x=1&y"),
        ("a/", "/"),
        ("a//x", "//x"),
        ("a/b", "/b"),
        ("a/b%20c", "b /"),
        ("a/b%20c/x?q", "b /x?q"),
        ("a/b%20c/d", "d"),
        ("a/b%20c/d/x", "b /d/x"),
        ("a/b%20cd", "/b%20cd"),
        ("%61/%78", "/%78"),
        ("a/x%2fy%25", "/x%2fy%25"),
        ("a/x..y", "/x..y"),
        ("e", "e"),
    ] {
        let answer = ask(&mut client, &format!("{routes}/{path}")).await;
        assert_eq!(answer, (200, expected.to_owned()), "{path}");
    }
    let nowhere = ask(&mut client, &format!("{routes}/nosuch")).await;
    for path in [
        "ab",
        "a%00",
        "a%2fx",
        "%2561/x",
        "a/../e",
        "a/x/..",
        "a/%2e%2E/e",
        "a/..%2fe",
        "a/..%5ce",
        "a/./x",
        "a/x%00",
        "a/%ff",
        "%ff/a",
        "e/",
        "e/x",
        "/a",
        "A",
    ] {
        assert_eq!(ask(&mut client, &format!("{routes}/{path}")).await, nowhere, "{path}");
    }
    assert_eq!(nowhere.0, 404);
}

// fault: H1
#[tokio::test(start_paused = true)]
async fn a_path_of_very_many_segments_is_looked_up_at_once() {
    let (mut client, routes) = serve(|s| s.dynamic_route_service("a", tells()).map(drop)).await;
    let path = "/".repeat(60_000);
    let began = std::time::Instant::now();
    assert_eq!(ask(&mut client, &format!("{routes}/b{path}")).await.0, 404);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

// spec: K3
#[tokio::test(start_paused = true)]
async fn a_service_and_a_closure_replace_each_other() {
    let (mut client, routes) = serve(|s| {
        s.dynamic_route("n", |_, _| Ok("closure"))?;
        s.dynamic_route_service("n", tells())?;
        s.set_message_handler("again", |s, ()| s.dynamic_route("n", |_, _| Ok("again")))?;
        Ok(())
    })
    .await;
    assert_eq!(ask(&mut client, &format!("{routes}/n/x")).await, (200, "/x".into()));
    client.call("again", ()).await.unwrap();
    assert_eq!(ask(&mut client, &format!("{routes}/n")).await, (200, "again".into()));
    assert_eq!(ask(&mut client, &format!("{routes}/n/x")).await.0, 404);
    assert_eq!(client.counts().routes, 1);
}

// spec: K9 K5 I16
#[tokio::test(start_paused = true)]
async fn a_service_of_a_module_has_its_name_checked_and_goes_with_it() {
    let (mut client, routes) = serve(|s| {
        let m = s.module("m")?;
        assert!(m.dynamic_route_service("a/b", tells()).is_err());
        m.dynamic_route_service("api", tells())?;
        s.module("m_1")?.dynamic_route_service("api", tells())?;
        s.set_message_handler("shut", |s, ()| s.destroy_module("m"))?;
        Ok(())
    })
    .await;
    assert_eq!(ask(&mut client, &format!("{routes}/m-api/x")).await, (200, "/x".into()));
    client.call("shut", ()).await.unwrap();
    assert_eq!(ask(&mut client, &format!("{routes}/m-api/x")).await.0, 404);
    assert_eq!(ask(&mut client, &format!("{routes}/m_1-api/x")).await, (200, "/x".into()));
    assert_eq!(client.counts().routes, 1);
}

/// Ready on the second call, and only once.
#[derive(Clone, Default)]
struct Limited {
    asked: usize,
    called: Arc<AtomicUsize>,
}

#[derive(Debug, thiserror::Error)]
#[error("secret")]
struct Refused;

impl Service<Request> for Limited {
    type Response = Response;
    type Error = Refused;
    type Future = std::future::Ready<Result<Response, Refused>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        self.asked += 1;
        if self.called.load(Ordering::Relaxed) == 2 {
            return Poll::Ready(Err(Refused));
        }
        cx.waker().wake_by_ref();
        if self.asked < 2 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, _: Request) -> Self::Future {
        assert!(self.asked >= 2, "called before it was ready");
        match self.called.fetch_add(1, Ordering::Relaxed) {
            0 => std::future::ready(Ok(Response::new("ready".into()))),
            _ => std::future::ready(Err(Refused)),
        }
    }
}

// spec: K7 (decisions 15, 31)
// fault: H4
#[tokio::test(start_paused = true)]
async fn a_service_is_called_once_it_is_ready_and_its_error_or_panic_is_a_500() {
    let (mut client, routes) = serve(|s| {
        s.dynamic_route_service("limited", Limited::default())?;
        s.dynamic_route_service("panics", Router::new().route("/", any(panics)))?;
        Ok(())
    })
    .await;
    assert_eq!(ask(&mut client, &format!("{routes}/limited")).await, (200, "ready".into()));
    for path in ["limited", "limited", "panics"] {
        let (status, body) = ask(&mut client, &format!("{routes}/{path}")).await;
        assert_eq!(status, 500, "{path}");
        assert!(body.starts_with("An error has occurred"), "{path}: {body}");
    }
    assert_eq!((client.close_code(), client.model().is_busy()), (None, false));
    client.assert_no_leaks();
}

#[allow(clippy::unused_async, reason = "a handler is one")]
async fn panics() -> String {
    panic!("secret")
}

// spec: I16 C19 (decision 5)
#[tokio::test(start_paused = true)]
async fn a_service_at_work_is_dropped_with_its_scope_and_a_body_that_has_begun_goes_on() {
    let log = Log::default();
    let of_app = log.clone();
    let (mut client, routes) = serve(move |s| {
        let log = of_app.clone();
        let waits = async move || {
            let _guard = Dropped(log.clone());
            std::future::pending::<String>().await
        };
        let streams = async || {
            let chunks = stream::iter(["a", "b"]).map(Ok::<_, Infallible>);
            axum::body::Body::from_stream(chunks)
        };
        let router =
            Router::new().route("/waits", on_get(waits)).route("/streams", on_get(streams));
        s.module("m")?.dynamic_route_service("n", router)?;
        Ok(())
    })
    .await;
    let streams = client.fetch(get(&format!("{routes}/m-n/streams"))).await.unwrap();
    let handle = client.handle();
    let waits = format!("{routes}/m-n/waits");
    let (answer, _) = tokio::join!(client.fetch(get(&waits)), async {
        handle.run(|s| s.destroy_module("m").is_ok()).await
    });
    assert!(answer.is_err(), "the transport makes a 503 of it");
    assert_eq!(log.take(), ["dropped"]);
    assert!(!client.model().is_busy());
    assert_eq!((client.counts().routes, client.counts().tasks), (0, 0));
    client.disconnect().await;
    assert_eq!(streams.into_body().collect_up_to(10).await.unwrap(), "ab");
}

fn endless(log: &Log) -> Response {
    let guard = Dropped(log.clone());
    let chunks = stream::repeat(Bytes::from_static(b"x")).map(move |chunk| {
        let _ = &guard;
        Ok::<_, Infallible>(Frame::data(chunk))
    });
    Response::new(Body::new(StreamBody::new(chunks)))
}

// spec: K4
// fault: H2 H4
#[tokio::test(start_paused = true)]
async fn a_body_without_end_is_dropped_when_the_client_leaves_and_by_head_unread() {
    let log = Log::default();
    let of_app = log.clone();
    let (mut client, routes) = serve(move |s| {
        let log = of_app.clone();
        s.dynamic_route("n", move |_, _| Ok(endless(&log)))?;
        s.dynamic_route("fixed", |_, _| Ok("five!"))?;
        Ok(())
    })
    .await;
    let mut body = client.fetch(get(&format!("{routes}/n"))).await.unwrap().into_body();
    for _ in 0..1000 {
        assert!(body.frame().await.unwrap().is_ok());
    }
    client.flush().await;
    assert_eq!(log.take(), [""; 0]);
    drop(body);
    assert_eq!(log.take(), ["dropped"]);
    for (path, length) in [("n", None), ("fixed", Some("5"))] {
        let request = http::Request::head(format!("/{routes}/{path}")).body(Body::empty()).unwrap();
        let response = client.fetch(request).await.unwrap();
        let told = response.headers().get("content-length").map(|value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), told), (200, length), "{path}");
        assert_eq!(response.into_body().collect_up_to(0).await.unwrap(), "");
    }
    assert_eq!(log.take(), ["dropped"]);
    client.assert_no_leaks();
}

// spec: K7 (decision 15)
// fault: H4
#[tokio::test(start_paused = true)]
async fn a_panic_while_a_body_streams_cuts_it_and_nothing_else() {
    let mut client = idle().await;
    let url = run(&mut client, |s| {
        s.dynamic_route("n", |_, _| {
            let chunks = stream::iter(0..3).map(|nth| {
                assert!(nth < 2, "secret");
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
            });
            Ok(Response::new(Body::new(StreamBody::new(chunks))))
        })
    })
    .await;
    let mut body = client.fetch(get(&url)).await.unwrap().into_body();
    for _ in 0..2 {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
    }
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(body.frame().await.is_none(), "what panicked is not polled again");
    client.flush().await;
    assert_eq!(client.close_code(), None);
}

// spec: K6
#[tokio::test(start_paused = true)]
async fn a_service_reaches_its_session_through_a_handle() {
    let app = App::new(|s| {
        let value = s.value(0);
        s.output("out", move |s| value.get(s))?;
        let handle = s.handle();
        let set = async move || match handle.run(move |s| value.set(s, 7)).await {
            Ok(Ok(_)) => "set",
            _ => "gone",
        };
        let url = s.dynamic_route_service("n", Router::new().route("/", on_get(set)))?;
        s.send_custom_message("url", &url)
    });
    let mut client = Client::connect(app).await;
    client.show("out").flush().await;
    let url = client.model().custom()[0].1.as_str().unwrap().to_owned();
    assert_eq!(ask(&mut client, &url).await, (200, "set".into()));
    client.settle().await;
    assert_eq!(client.output("out"), Ok(7));
}

// spec: L4
#[test]
fn a_stub_takes_services_and_serves_none() {
    let stub = session_core::StubSession::new();
    let s = stub.session();
    assert_eq!(s.dynamic_route_service("n", tells()).ok().as_deref(), Some(""));
}
