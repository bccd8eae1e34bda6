//! Requests with blobs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::Arc;

use serde_json::{Value as Json, json};
use session_core::link::Frame;
use session_core::testing::Client;
use session_core::{App, Limits};
use tokio::sync::Notify;

#[path = "support/session.rs"]
mod support;
use support::{idle, run};

/// A request with blobs as the Shiny client sends it.
fn with_blobs(method: &str, args: &Json, tag: u64, blobs: &[&[u8]]) -> Frame {
    let request = json!({ "method": method, "args": args, "tag": tag }).to_string();
    let mut frame = 0x0102_0202_u32.to_le_bytes().to_vec();
    for block in std::iter::once(&request.as_bytes()).chain(blobs) {
        frame.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
        frame.extend_from_slice(block);
    }
    Frame::Binary(frame.into())
}

fn last_answer(client: &Client) -> Result<Json, String> {
    client.model().responses().last().unwrap().1.clone()
}

/// Sessions whose handlers say what they got.
fn app() -> App {
    App::new(|s| {
        s.set_message_handler("plain", |_, (n,): (i64,)| Ok(n))?;
        let m = s.module("m")?;
        let calls = m.value(0);
        m.set_message_handler_with_blobs("sum", move |s, (n,): (i64,), blobs| {
            calls.update(s, |calls| *calls += 1)?;
            let sum: usize = blobs.iter().flatten().map(|byte| usize::from(*byte)).sum();
            Ok((s.namespace().to_string(), n, blobs.len(), sum))
        })?;
        s.output_with("calls", support::always(), move |s| calls.get(s))
    })
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_arguments_and_blobs_in_its_own_scope_and_what_it_sets_is_shown() {
    let mut client = Client::connect(app()).await;
    let blobs: [&[u8]; 3] = [&[1, 2, 3], &[], &[255; 1000]];
    client.send_frame(with_blobs("m-sum", &json!([7]), 0, &blobs)).await;
    assert_eq!(last_answer(&client), Ok(json!(["m", 7, 3, 255_006])));
    assert_eq!(client.output("calls"), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_blobs_gives_such_a_handler_an_empty_list() {
    let mut client = Client::connect(app()).await;
    assert_eq!(client.call("m-sum", (7,)).await, Ok(json!(["m", 7, 0, 0])));
    // Nor is there a difference whether it says so in a frame of bytes.
    client.send_frame(with_blobs("plain", &json!([3]), 5, &[])).await;
    assert_eq!(last_answer(&client), Ok(json!(3)));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_no_blobs_answers_so_and_the_session_lives() {
    let mut client = Client::connect(app()).await;
    client.send_frame(with_blobs("plain", &json!([3]), 0, &[b"x"])).await;
    assert_eq!(last_answer(&client), Err("this method takes no blobs".to_owned()));
    client.send_frame(with_blobs("nobody", &json!([]), 1, &[b"x"])).await;
    assert_eq!(last_answer(&client), Err("Unknown method: nobody".to_owned()));
    client.send_frame(with_blobs("m-sum", &json!(["no number"]), 2, &[b"x"])).await;
    assert!(last_answer(&client).unwrap_err().starts_with("the arguments do not fit"));
    assert_eq!(client.close_code(), None);
}

#[tokio::test(start_paused = true)]
async fn blobs_may_go_into_a_future_that_does_not_delay_others() {
    let go_on = Arc::new(Notify::new());
    let goes_on = Arc::clone(&go_on);
    let app = App::new(move |s| {
        let go_on = Arc::clone(&goes_on);
        s.set_message_handler_with_blobs_async("later", move |_, (): (), blobs| {
            let go_on = Arc::clone(&go_on);
            Ok(async move {
                go_on.notified().await;
                Ok(blobs.concat().len())
            })
        })?;
        s.set_message_handler("at_once", |_, ()| Ok(1))?;
        Ok(())
    });
    let mut client = Client::connect(app).await;
    client.send_frame(with_blobs("later", &json!([]), 100, &[b"ab", b"c"])).await;
    assert_eq!(client.call("at_once", ()).await, Ok(json!(1)));
    go_on.notify_one();
    client.settle().await;
    assert_eq!(client.model().responses().last().unwrap(), &(json!(100), Ok(json!(3))));
}

#[tokio::test(start_paused = true)]
async fn a_handler_goes_with_its_scope() {
    let mut client = idle().await;
    run(&mut client, |s| {
        s.module("m")?.set_message_handler_with_blobs("f", |_, (): (), blobs| Ok(blobs.len()))
    })
    .await;
    run(&mut client, |s| s.destroy_module("m")).await;
    client.send_frame(with_blobs("m-f", &json!([]), 0, &[b"x"])).await;
    assert_eq!(last_answer(&client), Err("Unknown method: m-f".to_owned()));
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn more_blobs_or_bytes_than_are_allowed_close_the_link() {
    let many: Vec<&[u8]> = vec![b""; 4096];
    let one_more: Vec<&[u8]> = vec![b""; 4097];
    let large = vec![0; 2000];
    for (blobs, limit, code) in
        [(many, 1 << 20, None), (one_more, 1 << 20, Some(1008)), (vec![&*large], 1999, Some(1009))]
    {
        let mut limits = Limits::default();
        limits.message_bytes = limit;
        let mut client = Client::connect_with(app(), limits).await;
        client.send_frame(with_blobs("m-sum", &json!([1]), 0, &blobs)).await;
        assert_eq!(client.close_code(), code);
    }
}
