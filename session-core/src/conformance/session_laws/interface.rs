//! Outputs, requests, messages, callbacks of a flush, handles.

use serde_json::{Value as Json, json};

use super::peer::Peer;
use super::stage::{finish, serve};
use crate::conformance::law::{Client, Law, Playing, Verdict, ensure, server_law};
use crate::link::CloseCode;
use crate::testing::OutputState;

pub(super) const LAWS: &[Law] = &[
    // spec: G1, G2
    server_law!(
        "a session says its config first, and begins with the inputs of init",
        begin,
        serve
    ),
    // spec: M9, M11, M12
    server_law!(
        "an output shows values, errors, nothing, and what it showed before",
        outputs,
        serve
    ),
    // spec: M1, M2, M3
    server_law!(
        "an output that is hidden does not compute, and does once it is shown",
        hidden,
        serve
    ),
    // spec: M10
    server_law!(
        "an output that takes its time shows that it does, and nothing waits for it",
        later,
        serve
    ),
    // spec: J1, J2, J4, J5, J6
    server_law!("requests are answered with values and errors, each with its tag", requests, serve),
    // spec: J14 (decision 5)
    server_law!("a request that takes its time does not delay others", wait, serve),
    // spec: decision 30
    server_law!("custom messages arrive as text and as bytes", custom_messages, serve),
    // spec: G30, G33
    server_law!("messages to inputs and to the page arrive in order", other_messages, serve),
    // spec: G9
    server_law!(
        "callbacks of a flush run before and after its results are sent",
        flush_order,
        serve
    ),
    // spec: decision 4
    server_law!("work from outside a session is done in it, and shown", outside, serve),
];

async fn begin(client: Client) -> Verdict {
    let mut peer = Peer::open(&*client.connect).await?;
    let id = peer.model.session_id().unwrap_or_default().to_owned();
    ensure!(
        id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "the session calls itself {id:?}"
    );
    let config = json!({ "config": { "workerId": "", "sessionId": id, "user": null } });
    let first: Json = serde_json::from_str(&peer.frames[0])?;
    ensure!(first == config, "the first frame is {first} instead of {config}");
    peer.say(r#"{"method":"init","data":{"n":21,".clientdata_output_double_hidden":false}}"#).await;
    peer.settle().await?;
    peer.expect_shown("double", Ok(json!(42)))?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

/// Says that outputs are visible.
pub(super) fn shown<const N: usize>(outputs: [&str; N]) -> Json {
    outputs
        .iter()
        .map(|output| (format!(".clientdata_output_{output}_hidden"), json!(false)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn outputs(client: Client) -> Verdict {
    const GENERIC: &str =
        "An error has occurred. Check your logs or contact the app author for clarification.";
    let mut peer = Peer::begin(&*client.connect, shown(["double"])).await?;
    ensure!(
        peer.model.shows("double") == Some(Ok(&Json::Null)),
        "an output of an unset input shows {:?}",
        peer.model.shows("double")
    );
    for (n, expected) in [
        (1, Ok(json!(2))),
        (-1, Err("n is negative")),
        (2, Ok(json!(4))),
        (99, Err(GENERIC)),
        // Nothing to show.
        (0, Ok(Json::Null)),
        (3, Ok(json!(6))),
        // It stays as it is.
        (13, Ok(json!(6))),
    ] {
        peer.update(json!({ "n": n })).await?;
        peer.expect_shown("double", expected)?;
    }
    ensure!(peer.model.state("double") == OutputState::Cancel, "an output that stays has a result");
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn hidden(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "n": 2 })).await?;
    peer.update(json!({ "n": 4 })).await?;
    ensure!(peer.model.shows("half").is_none(), "an output that is hidden shows something");
    peer.update(shown(["half"])).await?;
    peer.expect_shown("half", Ok(json!(2)))?;
    // Nothing was noted before.
    client.parley.expect("half 2").await?;
    peer.update(json!({ ".clientdata_output_half_hidden": true })).await?;
    peer.update(json!({ "n": 6 })).await?;
    peer.update(json!({ "n": 8 })).await?;
    peer.expect_shown("half", Ok(json!(2)))?;
    peer.update(shown(["half"])).await?;
    peer.expect_shown("half", Ok(json!(4)))?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &["half 4"]).await
}

async fn later(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "n": 1 })).await?;
    peer.update(shown(["later", "double"])).await?;
    peer.expect_shown("double", Ok(json!(2)))?;
    let state = peer.model.state("later");
    ensure!(state == OutputState::Persistent, "an output at work is {state:?} for the client");
    // What it works on is out of date, and what it works on now is not.
    peer.update(json!({ "n": 2 })).await?;
    peer.expect_shown("double", Ok(json!(4)))?;
    peer.expect("release output", json!([]), Json::Null).await?;
    while peer.model.shows("later").is_none() {
        peer.read().await?;
    }
    peer.expect_shown("later", Ok(json!(3)))?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn requests(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    peer.expect("add", json!([1, 2.5]), json!(3.5)).await?;
    let odd = json!({ "é √": [null, true, 1e300, "\u{0}\u{2028}\"\\"], "": {} });
    peer.expect("echo", json!([odd.clone()]), odd).await?;
    const GENERIC: &str =
        "An error has occurred. Check your logs or contact the app author for clarification.";
    peer.expect_error("fail", json!([]), GENERIC).await?;
    peer.expect_error("fail safely", json!([]), "no secret").await?;
    peer.expect_error("stop quietly", json!([]), "").await?;
    peer.expect_error("no such method", json!([]), "Unknown method: no such method").await?;
    let misfit = peer.call("add", json!(["one"])).await?;
    ensure!(misfit.is_err(), "arguments that do not fit gave {misfit:?}");
    peer.expect("forget", json!(["add"]), json!("add")).await?;
    peer.expect_error("add", json!([1, 2]), "Unknown method: add").await?;
    // Tags are the client's own.
    for tag in ["\"a tag\"", "-1.5", "null"] {
        peer.say(&format!(r#"{{"method":"nothing","args":[],"tag":{tag}}}"#)).await;
        let known = peer.model.responses().len();
        while peer.model.responses().len() == known {
            peer.read().await?;
        }
        let echoed = peer.model.responses().last().map(|(tag, _)| tag.to_string());
        ensure!(echoed.as_deref() == Some(tag), "the tag {tag} came back as {echoed:?}");
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn wait(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let first = peer.ask("wait", json!(["one"])).await?;
    let second = peer.ask("wait", json!(["two"])).await?;
    peer.expect("echo", json!(["meanwhile"]), json!("meanwhile")).await?;
    for (tag, word) in [(first, "one"), (second, "two")] {
        peer.expect("release request", json!([]), Json::Null).await?;
        let answer = peer.answer(tag).await?;
        ensure!(answer == Ok(json!(word)), "a request that waited gave {answer:?}");
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn custom_messages(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    peer.expect("send", json!(["custom"]), Json::Null).await?;
    let expected = ("note".to_owned(), json!({ "text": "é √ \u{1f600}", "n": [1, null] }));
    ensure!(peer.model.custom() == [expected], "the message came as {:?}", peer.model.custom());
    peer.expect("send", json!(["binary"]), Json::Null).await?;
    let expected: Vec<u8> = [5].into_iter().chain(*b"bytes").chain(0..=255).collect();
    ensure!(peer.binary == [expected], "the bytes came as {:?}", peer.binary);
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn other_messages(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    for kind in ["input", "ui", "reconnect"] {
        peer.expect("send", json!([kind]), Json::Null).await?;
    }
    peer.settle().await?;
    let to_input = |value| ("n".to_owned(), json!({ "value": value }));
    let came = peer.model.input_messages();
    ensure!(came == [to_input(1), to_input(2)], "the messages to the input are {came:?}");
    let place = |key: &str| peer.frames.iter().position(|frame| frame.contains(key));
    let (insert, remove) = (place("shiny-insert-ui"), place("shiny-remove-ui"));
    ensure!(
        insert.is_some() && insert < remove,
        "the page is told {insert:?} to insert and {remove:?} to remove"
    );
    ensure!(place(r#"{"allowReconnect":true}"#).is_some(), "nothing was said of reconnecting");
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn flush_order(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, shown(["flushes"])).await?;
    for count in 1..3 {
        let known = peer.frames.len();
        peer.expect("note this flush", json!([]), Json::Null).await?;
        client.parley.expect("flush").await?;
        client.parley.expect("flushed").await?;
        peer.settle().await?;
        let frames = &peer.frames[known..];
        let place = |key: &str| frames.iter().position(|frame| frame.contains(key));
        let result = format!(r#""flushes":{count}"#);
        let order =
            [place(r#"{"custom":{"flush""#), place(&result), place(r#"{"custom":{"flushed""#)];
        ensure!(
            order.iter().all(Option::is_some) && order.is_sorted(),
            "before, results and after are the frames {order:?}"
        );
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn outside(client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, shown(["word"])).await?;
    peer.expect_shown("word", Ok(json!("")))?;
    peer.expect("from outside", json!(["hello"]), Json::Null).await?;
    while peer.model.shows("word") != Some(Ok(&json!("hello"))) {
        peer.read().await?;
    }
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}
