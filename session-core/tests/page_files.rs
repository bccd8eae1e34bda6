//! What HTML depends on: told to the client as it reads it, and served before.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use http::{HeaderMap, header};
use serde_json::{Value as Json, json};
use session_core::page::{
    DependencyError, Html, HtmlDependency, InsertUi, Modal, Notification, Tab,
};
use session_core::testing::Client;
use session_core::{App, Body, Failure, Result, Session};

#[path = "support/session.rs"]
mod support;
use support::{always, idle, run};

fn chart() -> HtmlDependency {
    HtmlDependency::new("chart", "1.2.0")
        .file("js/chart.js", "loaded()")
        .file("chart.css", b"p {}")
        .script_with("js/chart.js", [("type", "module")])
        .script("https://example.org/other.js")
        .stylesheet("chart.css")
        .meta([("name", "theme"), ("content", "dark")])
        .head("<style>p {}</style>")
}

/// The client's side of it, in a session of this id.
fn chart_as_told(id: &str) -> Json {
    json!({
        "name": "chart",
        "version": "1.2.0",
        "script": [
            { "src": format!("session/{id}/lib/chart-1.2.0/js/chart.js"), "type": "module" },
            { "src": "https://example.org/other.js" },
        ],
        "stylesheet": [
            { "href": format!("session/{id}/lib/chart-1.2.0/chart.css"), "rel": "stylesheet" },
        ],
        "meta": [{ "name": "theme", "content": "dark" }],
        "head": "<style>p {}</style>",
    })
}

fn id(client: &Client) -> String {
    client.model().session_id().unwrap().to_owned()
}

async fn ask(
    client: &mut Client,
    path: &str,
    method: &str,
    known: &str,
) -> (u16, HeaderMap, Vec<u8>) {
    let uri = format!("/session/{}/lib/{path}", id(client));
    let request = http::Request::builder().method(method).uri(uri);
    let request = request.header(header::IF_NONE_MATCH, known).body(Body::empty()).unwrap();
    let (head, body) = client.fetch(request).await.unwrap().into_parts();
    let body = body.collect_up_to(1_000_000).await.unwrap();
    (head.status.as_u16(), head.headers, body.to_vec())
}

async fn status(client: &mut Client, path: &str) -> u16 {
    ask(client, path, "GET", "\"\"").await.0
}

#[tokio::test(start_paused = true)]
async fn an_output_names_its_dependencies_and_their_files_are_served() {
    let app = App::new(|s| {
        s.output_with("out", always(), |_| Ok(Html::raw("<p>").with(chart()).with(chart())))
    });
    let mut client = Client::connect(app).await;
    let told = chart_as_told(&id(&client));
    assert_eq!(client.output::<Json>("out"), Ok(json!({ "html": "<p>", "deps": [told] })));
    let (status, head, body) = ask(&mut client, "chart-1.2.0/js/chart.js", "GET", "\"\"").await;
    assert_eq!((status, body), (200, b"loaded()".to_vec()));
    assert_eq!(head[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    assert_eq!(head[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let (status, head, body) = ask(&mut client, "chart-1.2.0/chart.css", "GET", "\"\"").await;
    assert_eq!((status, body), (200, b"p {}".to_vec()));
    assert_eq!(head[header::CONTENT_TYPE], "text/css; charset=utf-8");
}

#[tokio::test(start_paused = true)]
async fn whatever_takes_html_serves_what_it_depends_on() {
    fn html() -> Html {
        Html::raw("<p>").with(chart())
    }
    type Tell = fn(&Session<'_>) -> Result<()>;
    let ways: [(Tell, &str); 6] = [
        (
            |s| s.show_notification(Notification::new(html())).map(drop),
            "/notification/message/deps/0",
        ),
        (
            |s| s.show_notification(Notification::new("x").action(html())).map(drop),
            "/notification/message/deps/0",
        ),
        (|s| s.show_modal(Modal::new("x").footer(html())), "/modal/message/deps/0"),
        (|s| s.insert_ui(InsertUi::new("#x", html())), "/shiny-insert-ui/content/deps/0"),
        (|s| s.insert_tab("x", Tab::new("x", "x", html())), "/shiny-insert-tab/divTag/deps/0"),
        (|s| s.send_custom_message("x", &s.html(html())?), "/custom/x/deps/0"),
    ];
    for (tell, place) in ways {
        let mut client = idle().await;
        client.frames();
        run(&mut client, tell).await;
        let told = chart_as_told(&id(&client));
        assert_eq!(client.frames()[0].pointer(place), Some(&told), "{place}");
        assert_eq!(status(&mut client, "chart-1.2.0/chart.css").await, 200, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_served_before_it_is_named_nor_anything_else() {
    let mut client = idle().await;
    assert_eq!(status(&mut client, "chart-1.2.0/chart.css").await, 404);
    run(&mut client, |s| s.html(Html::default().with(chart()))).await;
    assert_eq!(status(&mut client, "chart-1.2.0/chart.css").await, 200);
    for path in ["chart-1.2.0/nosuch.css", "chart-1.2.1/chart.css", "chart-1.2.0/", "chart-1.2.0"] {
        assert_eq!(status(&mut client, path).await, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = ask(&mut client, "chart-1.2.0/chart.css", method, "\"\"").await;
        assert_eq!(answer.0, 404, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_the_client_has_is_not_sent_again() {
    let mut client = idle().await;
    run(&mut client, |s| s.html(Html::default().with(chart()))).await;
    let (_, head, _) = ask(&mut client, "chart-1.2.0/chart.css", "GET", "\"\"").await;
    let tag = head[header::ETAG].to_str().unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let (status, head, body) = ask(&mut client, "chart-1.2.0/chart.css", "GET", &known).await;
        assert_eq!((status, body.len()), (304, 0), "{known}");
        assert_eq!(head[header::ETAG], tag.as_str());
    }
    let (status, ..) = ask(&mut client, "chart-1.2.0/js/chart.js", "GET", &tag).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn the_files_of_a_folder_are_served_and_nothing_beside_it() {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("lib");
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    std::fs::write(folder.join("sub/a b.js"), "a").unwrap();
    std::fs::write(around.path().join("secret"), "secret").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(around.path().join("secret"), folder.join("link")).unwrap();
    let lib = HtmlDependency::new("lib", "1").folder(folder).script("sub/a b.js");
    let mut client = idle().await;
    run(&mut client, |s| s.html(Html::default().with(lib))).await;

    let (status_of_file, head, body) = ask(&mut client, "lib-1/sub/a%20b.js", "GET", "\"\"").await;
    assert_eq!((status_of_file, &*body), (200, &b"a"[..]));
    let tag = head[header::ETAG].to_str().unwrap().to_owned();
    let (again, _, body) = ask(&mut client, "lib-1/sub/a%20b.js", "GET", &tag).await;
    assert_eq!((again, body.len()), (304, 0));
    for path in [
        "lib-1/../secret",
        "lib-1/%2e%2e/secret",
        "lib-1/sub/..%2f..%2fsecret",
        "lib-1/sub%5c..%5c..%5csecret",
        "lib-1//etc/passwd",
        "lib-1/%2fetc/passwd",
        "lib-1/sub/a%00.js",
        "lib-1/link",
        "lib-1/sub",
        "lib-1/nosuch",
    ] {
        assert_eq!(status(&mut client, path).await, 404, "{path}");
    }
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn files_stay_when_the_module_goes_that_named_them_and_go_with_the_root() {
    let mut client = idle().await;
    run(&mut client, |s| s.module("m")?.html(Html::default().with(chart()))).await;
    assert_eq!(client.counts().libraries, 1);
    run(&mut client, |s| s.destroy_module("m")).await;
    assert_eq!(status(&mut client, "chart-1.2.0/chart.css").await, 200);
    client.assert_no_leaks();
    run(&mut client, |s| {
        s.destroy();
        Ok(())
    })
    .await;
    assert_eq!(client.counts().libraries, 0);
    assert_eq!(status(&mut client, "chart-1.2.0/chart.css").await, 404);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_named_often_is_kept_once_and_the_number_of_them_is_bounded() {
    let mut client = idle().await;
    run(&mut client, |s| {
        for _ in 0..5000 {
            s.html(Html::default().with(chart()))?;
        }
        Ok(())
    })
    .await;
    assert_eq!(client.counts().libraries, 1);
    let refused = run(&mut client, |s| {
        let versions = 0..5000;
        let mut outcomes = versions.map(|version| {
            s.html(Html::default().with(HtmlDependency::new("lib", version.to_string())))
        });
        Ok(outcomes.find_map(Result::err))
    })
    .await;
    let failure = refused.unwrap();
    let failure = failure.failure().and_then(Failure::downcast_ref::<DependencyError>).cloned();
    assert_eq!(failure, Some(DependencyError::TooMany { limit: 1024 }));
    assert_eq!(client.counts().libraries, 1024);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_could_not_be_loaded_is_an_error() {
    let lib = |name: &str| HtmlDependency::new(name, "1");
    let name = |what, name: &str| DependencyError::Name { what, name: name.to_owned() };
    let path = |path: &str| DependencyError::Path {
        dependency: "lib-1".to_owned(),
        path: path.to_owned(),
    };
    let missing =
        DependencyError::Missing { dependency: "lib-1".to_owned(), path: "b.js".to_owned() };
    for (dependency, error) in [
        (lib(""), name("name", "")),
        (lib("a/b"), name("name", "a/b")),
        (lib(".."), name("name", "..")),
        (HtmlDependency::new("lib", ""), name("version", "")),
        (lib("lib").file("../x", "x"), path("../x")),
        (lib("lib").file("/x", "x"), path("/x")),
        (lib("lib").folder("x").script("a?b.js"), path("a?b.js")),
        (lib("lib").folder("x").stylesheet("a\\b.css"), path("a\\b.css")),
        (lib("lib").file("a.js", "x").script("b.js"), missing),
    ] {
        let mut client = idle().await;
        client.frames();
        let outcome = client
            .run(move |s| s.show_notification(Notification::new(Html::default().with(dependency))))
            .await
            .unwrap();
        let interrupt = outcome.unwrap_err();
        let failure = interrupt.failure().and_then(Failure::downcast_ref::<DependencyError>);
        assert_eq!(failure, Some(&error));
        assert!(client.frames().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_with_such_a_dependency_is_an_error_of_that_output() {
    let app = App::new(|s| {
        s.output_with("bad", always(), |_| {
            Ok(Html::default().with(HtmlDependency::new("lib", "1").script("nosuch.js")))
        })?;
        s.output_with("good", always(), |_| Ok("good"))
    });
    let client = Client::connect(app.sanitize_errors(false)).await;
    let error = client.output::<Json>("bad").unwrap_err();
    assert!(error.contains("lib-1") && error.contains("nosuch.js"), "{error}");
    assert_eq!(client.output::<String>("good"), Ok("good".into()));
}

// fault: H2
#[tokio::test(start_paused = true)]
async fn the_head_of_a_file_is_that_of_the_file_and_nothing_follows_it() {
    let mut client = idle().await;
    run(&mut client, |s| s.html(Html::text("x").with(chart()))).await;
    let path = "chart-1.2.0/js/chart.js";
    let (status, whole, body) = ask(&mut client, path, "GET", "\"\"").await;
    assert_eq!((status, body.as_slice()), (200, &b"loaded()"[..]));
    let (status, head, body) = ask(&mut client, path, "HEAD", "\"\"").await;
    assert_eq!((status, body.len()), (200, 0));
    assert_eq!(head[header::CONTENT_LENGTH], "8");
    for name in [header::CONTENT_TYPE, header::ETAG, header::CACHE_CONTROL] {
        assert_eq!(head[&name], whole[&name]);
    }
}
