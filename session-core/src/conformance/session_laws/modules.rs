//! Namespaces, and what destroying one takes.

use serde_json::{Value as Json, json};

use super::interface::shown;
use super::peer::{Peer, fetched, not_found};
use super::stage::{ENDED, serve, shut_down};
use crate::conformance::law::{Client, Law, Playing, Verdict, ensure, server_law};
use crate::exchange::Body;
use crate::link::CloseCode;
use crate::testing::OutputState;

pub(super) const LAWS: &[Law] = &[
    // spec: H10, J9, N9
    server_law!("what a module has stands under its namespace", namespaces, serve),
    // spec: I5, I14, I16
    server_law!(
        "destroying a module takes everything it has, the deepest scope first",
        destroy,
        serve
    ),
    // spec: I13, I22, I30
    server_law!(
        "a destroyed module's name is free at once, and nothing is left under it",
        again,
        serve
    ),
    // spec: G19, I36
    server_law!("a module goes with its session, after its callbacks", end, serve),
];

async fn namespaces(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "m-x": 1, "x": 5, "k-x": 7 })).await?;
    for id in ["m", "k"] {
        peer.expect("make module", json!([id]), Json::Null).await?;
    }
    peer.update(shown(["m-out", "k-out"])).await?;
    peer.expect_shown("m-out", Ok(json!(2)))?;
    peer.expect_shown("k-out", Ok(json!(8)))?;
    peer.update(json!({ "k-x": 8 })).await?;
    peer.expect_shown("m-out", Ok(json!(2)))?;
    peer.expect_shown("k-out", Ok(json!(9)))?;
    for id in ["m", "k", "m-inner", "k-inner"] {
        let key = format!("{id}-ask");
        peer.expect(&key, json!([]), json!(key)).await?;
    }
    peer.expect_error("ask", json!([]), "Unknown method: ask").await?;
    peer.expect("m-tell_x", json!([]), Json::Null).await?;
    peer.settle().await?;
    let told = peer.model.input_messages();
    ensure!(told == [("m-x".to_owned(), json!(1))], "the messages to inputs are {told:?}");
    let answer = peer.call("make module", json!(["no id"])).await?;
    ensure!(answer.is_err(), "a module whose name is no id was made: {answer:?}");
    peer.close(CloseCode::NORMAL).await?;
    shut_down(&mut client.parley).await?;
    Ok(())
}

async fn destroy(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "m-x": 1 })).await?;
    peer.expect("make module", json!(["m"]), Json::Null).await?;
    peer.expect("m-tick", json!([]), Json::Null).await?;
    peer.update(shown(["m-out"])).await?;
    peer.expect_shown("m-out", Ok(json!(2)))?;
    let urls = peer.call("m-urls", json!([])).await?.unwrap_or_default();
    let url = |at: usize| urls[at].as_str().unwrap_or_default().to_owned();
    let answer = peer.fetch(&*client.connect, &url(0)).await?;
    ensure!((answer.status, &*answer.body) == (200, "m"), "the module's route gave {answer:?}");
    // Both wait for what will never be.
    let waiting = peer.ask("m-wait", json!([])).await?;
    let asking = http::Request::get(format!("/{}", url(1))).body(Body::empty())?;
    let mut asking = client.connect.exchange(asking);
    tokio::select! {
        answer = &mut asking => ensure!(false, "an exchange that waits gave {answer:?}"),
        // The session is busy with it.
        busy = async {
            while !peer.model.is_busy() {
                peer.read().await?;
            }
            Verdict::Ok(())
        } => busy?,
    }
    peer.expect("destroy module", json!(["m"]), Json::Null).await?;
    let frames = peer.frames.len();

    let answer = peer.answer(waiting).await?;
    ensure!(answer.is_err(), "a request to a module that is gone gave {answer:?}");
    let answer = fetched(asking.await?).await?;
    ensure!(answer.status == 503, "an exchange with a module that is gone gave {answer:?}");
    for url in [url(0), url(1)] {
        not_found(&peer.fetch(&*client.connect, &url).await?)?;
    }
    for method in ["m-ask", "m-wait", "m-inner-ask"] {
        peer.expect_error(method, json!([]), &format!("Unknown method: {method}")).await?;
    }
    let state = peer.model.state("m-out");
    ensure!(
        state == OutputState::Invalidated,
        "for the client, an output that is gone is {state:?}"
    );
    peer.update(json!({ "m-x": 5, "n": 1 })).await?;
    // A flush that the module would have heard of.
    peer.update(shown(["double"])).await?;
    peer.expect_shown("double", Ok(json!(2)))?;
    let after = &peer.frames[frames..];
    let of_module = after
        .iter()
        .find(|frame| frame.contains("\"m-out\"") || frame.contains(r#"{"custom":{"flushed":"m""#));
    ensure!(of_module.is_none(), "a module that is gone still says {of_module:?}");

    // After several of its ticks.
    peer.expect("set alarm", json!([]), Json::Null).await?;
    let mut notes = Vec::new();
    while notes.last().is_none_or(|note| note != "alarm") {
        notes.push(client.parley.hear().await?);
    }
    peer.close(CloseCode::NORMAL).await?;
    notes.extend(shut_down(&mut client.parley).await?);
    let last_tick = notes.iter().rposition(|note| note == "tick of m");
    let destroyed = notes.iter().position(|note| note == "m destroyed");
    ensure!(last_tick.is_some() && last_tick < destroyed, "it ticks after its end: {notes:?}");
    let expected = [
        "m has 1",
        "m-inner destroyed",
        "m destroyed",
        "m lost a future",
        "alarm",
        "ended",
        "gone",
    ];
    // They come as they like.
    notes.retain(|note| note != "tick of m");
    ensure!(notes == expected, "the app noted {notes:?} instead of {expected:?}");
    Ok(())
}

async fn again(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({ "m-x": 1 })).await?;
    for round in 0..3 {
        peer.expect("make module", json!(["m"]), Json::Null).await?;
        let has_x = round == 0;
        peer.expect("m-has_x", json!([]), json!(has_x)).await?;
        peer.expect("destroy module", json!(["m"]), Json::Null).await?;
    }
    // One that is not there may be destroyed, too.
    peer.expect("destroy module", json!(["m"]), Json::Null).await?;
    peer.expect("make module", json!(["m"]), Json::Null).await?;
    peer.update(shown(["m-out"])).await?;
    peer.expect_shown("m-out", Ok(Json::Null))?;
    peer.update(json!({ "m-x": 3 })).await?;
    peer.expect_shown("m-out", Ok(json!(4)))?;
    peer.expect("m-ask", json!([]), json!("m-ask")).await?;
    peer.expect("destroy module", json!(["m"]), Json::Null).await?;
    peer.close(CloseCode::NORMAL).await?;
    let notes = shut_down(&mut client.parley).await?;
    let gone = ["m-inner destroyed", "m destroyed", "m lost a future"];
    let mut expected = vec!["m has 1"];
    expected.extend(gone.iter().cycle().take(9));
    expected.push("m has 3");
    expected.extend(gone.iter().chain(&ENDED));
    ensure!(notes == expected, "the app noted {notes:?} instead of {expected:?}");
    Ok(())
}

async fn end(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    peer.expect("make module", json!(["m"]), Json::Null).await?;
    peer.close(CloseCode::NORMAL).await?;
    let mut notes = shut_down(&mut client.parley).await?;
    // What runs is dropped when the end begins, whatever the callbacks are.
    notes.retain(|note| note != "m lost a future");
    let expected = ["ended", "m ended", "m-inner destroyed", "m destroyed", "gone"];
    ensure!(notes == expected, "the app noted {notes:?} instead of {expected:?}");
    Ok(())
}
