//! The leak check, and that nothing of a destroyed module is left for it to find.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use session_core::testing::Client;
use session_core::{App, Body, Download, Session, Shared};

#[path = "support/everything.rs"]
mod everything;

/// Opens and shuts modules at the client's word; the tests of snapshots are on, which keep something too.
fn app(shared: Shared<u32>) -> App {
    App::new(move |s: &Session<'_>| {
        let shared = shared.clone();
        s.set_message_handler("open", move |s, (id,): (String,)| {
            everything::module(s, &id, &shared)
        })?;
        s.set_message_handler("shut", |s, (id,): (String,)| s.destroy_module(&id))?;
        Ok(())
    })
    .test_mode(true)
}

async fn open(client: &mut Client, id: &str) {
    client.call("open", (id,)).await.unwrap();
}

async fn shut(client: &mut Client, id: &str) {
    client.call("shut", (id,)).await.unwrap();
}

/// The text that a check panics with.
fn complaint(client: &Client) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| client.assert_no_leaks())).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test(start_paused = true)]
async fn everything_a_module_owns_is_counted_with_its_scope() {
    let mut client = Client::connect(app(Shared::new(0))).await;
    let of_root = client.counts_of("");
    open(&mut client, "m").await;
    client.ask("m-wait", ()).await;
    client.set("m-x", 7).show("m-shown").show("m-slow").show("m-inner-shown").flush().await;
    client.upload("m-file", &[("a.txt", "text/plain", b"abc")]).await.unwrap();

    let of = client.counts_of("m");
    assert!(of.values + of.calcs + of.effects >= everything::NODES, "{of:?}");
    for (what, count) in [
        ("scopes", of.scopes),
        ("inputs", of.inputs),
        ("outputs", of.outputs),
        ("handlers", of.handlers),
        ("routes", of.routes),
        ("downloads", of.downloads),
        ("callbacks", of.callbacks),
        ("graph_callbacks", of.graph_callbacks),
        ("tasks", of.tasks),
        ("timers", of.timers),
        ("modules", of.modules),
        ("exports", of.exports),
        ("files", of.files),
        ("progress", of.progress),
    ] {
        assert!(count > 0, "{what}: {of:?}");
    }
    assert_eq!(of.bytes, 3, "the file");
    assert_eq!(client.counts_of("m-inner").outputs, 1);
    let mut now = client.counts_of("");
    // What the client says of itself, the library, and the value that stands for what the server shares.
    (now.modules, now.libraries, now.inputs, now.values) =
        (of_root.modules, of_root.libraries, of_root.inputs, of_root.values);
    assert_eq!(now, of_root, "the root's own");

    shut(&mut client, "m").await;
    assert_eq!(client.counts_of("m"), client.counts_of("nobody"));
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_says_what_is_left_and_of_which_scope() {
    let mut client = Client::connect(app(Shared::new(0))).await;
    client
        .run(|s| {
            s.module("a")?.module("b")?.effect(|_| Ok(()));
            s.set_message_handler("extra", |_, ()| Ok(())).map(drop)
        })
        .await
        .unwrap()
        .unwrap();
    let complaint = complaint(&client);
    for line in [
        "in the session: 1 effects, where there were 0",
        "of a-b: 1 effects, where there were 0",
        "of the root: 3 message handlers, where there were 2",
        "of a: 1 modules, where there were 0",
    ] {
        assert!(complaint.contains(line), "{line:?} in {complaint}");
    }
}

// spec: I11 I14 I16 I30 I41 H12
#[tokio::test(start_paused = true)]
async fn a_thousand_modules_that_used_everything_leave_nothing() {
    let shared = Shared::new(0);
    let mut client = Client::connect(app(shared.clone())).await;
    for n in 0..1000_u32 {
        // The same name again at once, and new ones.
        let id = if n % 2 == 0 { "m".to_owned() } else { format!("m{n}") };
        open(&mut client, &id).await;
        client.ask(&format!("{id}-wait"), ()).await;
        let (x, shown, slow) = (format!("{id}-x"), format!("{id}-shown"), format!("{id}-slow"));
        client.set(&x, n).show(&shown).show(&slow).flush().await;
        shared.update(|n| *n += 1);
        client.settle().await;
        if n % 100 == 0 {
            let file = format!("{id}-file");
            client.upload(&file, &[("a.txt", "text/plain", b"abc")]).await.unwrap();
            let half = ([serde_json::json!({ "name": "b", "size": 3, "type": "" })], file);
            client.call("uploadInit", half).await.unwrap();
            assert_eq!((client.counts().files, client.counts().uploads), (1, 1));
        }
        shut(&mut client, &id).await;
        client.assert_no_leaks();
    }
    assert_eq!(client.counts().inputs, 1, "the query of the page");
    client.disconnect().await;
    assert_eq!(client.close_code(), Some(1000));
}

async fn get(client: &mut Client, url: &str) -> (u16, Vec<u8>) {
    let request = http::Request::get(format!("/{url}")).body(Body::empty()).unwrap();
    let response = client.fetch(request).await.unwrap();
    let status = response.status().as_u16();
    let reading = response.into_body().collect_up_to(1 << 20);
    let (body, ()) = futures_util::future::join(reading, client.settle()).await;
    (status, body.unwrap().to_vec())
}

// spec: C19
#[tokio::test(start_paused = true)]
async fn a_module_may_be_destroyed_from_its_own_route_its_own_download_and_the_stream_of_that() {
    let app = App::new(|s: &Session<'_>| {
        s.set_message_handler("open", |s, ()| {
            everything::module(s, "m", &Shared::new(0))?;
            let m = s.module("m")?;
            let route = m.dynamic_route("last", |s, _| {
                s.destroy();
                Ok("from the route")
            })?;
            let made = Download::text(|s| {
                s.destroy();
                Ok("from the download")
            });
            let handle = m.handle();
            let streamed = Download::stream(move |_| {
                let handle = handle.clone();
                let first = stream::once(async { Ok("from ") });
                let second = stream::once(async move {
                    handle.run(|s| s.destroy()).await?;
                    Ok("the stream")
                });
                Ok(first.chain(second))
            });
            Ok([route, m.download("made", made)?, m.download("streamed", streamed)?])
        })
        .map(drop)
    });
    let mut client = Client::connect(app).await;
    for (index, text) in
        ["from the route", "from the download", "from the stream"].iter().enumerate()
    {
        let urls = client.call("open", ()).await.unwrap();
        assert_eq!(client.counts().modules, 2, "with the one inside");
        let url = urls[index].as_str().unwrap();
        let (status, body) = get(&mut client, url).await;
        assert_eq!((status, body.as_slice()), (200, text.as_bytes()));
        client.settle().await;
        client.assert_no_leaks();
        assert_eq!(get(&mut client, url).await.0, 404);
    }
    assert_eq!(client.close_code(), None);
}

/// Pages of memory that this process has.
fn resident() -> Option<usize> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    statm.split(' ').nth(1)?.parse().ok()
}

// spec: H12 I41
#[tokio::test(start_paused = true)]
async fn ten_thousand_modules_of_twenty_nodes_leave_every_count_and_the_memory_where_they_were() {
    let mut client = Client::connect(app(Shared::new(0))).await;
    let held = Arc::new(());
    let mut before = None;
    for n in 0..12_000_u32 {
        if n == 2_000 {
            // By now the session and the allocator have taken what they use again and again.
            before = resident();
        }
        let of_module = Arc::clone(&held);
        client
            .run(move |s| {
                everything::module(s, "m", &Shared::new(0))?;
                s.module("m")?.on_destroy(move |_| {
                    drop(of_module);
                    Ok(())
                });
                Ok::<_, session_core::Interrupt>(())
            })
            .await
            .unwrap()
            .unwrap();
        client.run(|s| s.destroy_module("m")).await.unwrap().unwrap();
        drop(client.frames());
    }
    client.assert_no_leaks();
    assert_eq!(Arc::strong_count(&held), 1);
    if let (Some(before), Some(after)) = (before, resident()) {
        // What an allocator may take for its own order; eight bytes of each module would be 20 pages.
        assert!(after <= before + 16, "{before} pages before, {after} after");
    }
    tokio::time::advance(Duration::from_secs(7200)).await;
    client.settle().await;
    client.assert_no_leaks();
}
