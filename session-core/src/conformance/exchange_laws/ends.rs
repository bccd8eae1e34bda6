//! Cancelling, failing and refusing.

use super::produced::{Consumed, next};
use super::{SMALL, expect_text, fed, produced, request, response};
use crate::conformance::law::{Client, Failure, Law, Playing, Served, Verdict, ensure, server_law};
use crate::exchange::Response;
use crate::link::Listener;

pub(super) const LAWS: &[Law] = &[
    server_law!(
        "dropping a response while it streams drops its body at the server",
        drop_streaming,
        stream
    ),
    server_law!("dropping a response that rests drops its body at the server", drop_resting, rest),
    server_law!(
        "dropping an exchange before its response drops the response at the server",
        drop_waiting,
        answer_nobody
    ),
    server_law!(
        "dropping an exchange while it sends its request never looks like the request's end",
        drop_request,
        cancelled
    ),
    server_law!(
        "an exchange that the server drops is answered with 503",
        ask_dropped,
        drop_exchange
    ),
    server_law!(
        "a response may come before its request has ended, and ends it",
        ask_early,
        answer_early
    ),
    server_law!(
        "a response that comes early reaches a client that has much to send",
        ask_at_length,
        answer_early
    ),
    server_law!(
        "a response body that fails before its first byte is an error",
        ask_failing,
        fail_at_once
    ),
    server_law!(
        "a response body that fails after some bytes is an error, never an end",
        ask_failing,
        fail_later
    ),
    server_law!(
        "a request body that fails after some bytes is an error, never an end",
        send_failing,
        receive_failing
    ),
    server_law!(
        "finishing a listener waits until the responses are with their clients",
        ask_last,
        finish_with
    ),
    server_law!("a request after the listener has finished is refused", ask_late, finish_first),
];

async fn drop_streaming(mut client: Client) -> Verdict {
    let response = client.connect.exchange(request("GET", "x", "")?).await?;
    let mut consumed = Consumed::new(response.into_body());
    consumed.read_to(1 << 20).await?;
    drop(consumed);
    client.parley.expect("dropped").await?;
    client.done()
}

async fn stream(mut served: Served) -> Verdict {
    let (feed, body) = fed::body();
    served.exchange().await?.respond(response(body));
    let mut pattern = super::pattern::Pattern::default();
    while feed.piece(pattern.take(super::pattern::PIECE)).await.is_ok() {}
    served.parley.say("dropped");
    served.until_done().await
}

async fn drop_resting(mut client: Client) -> Verdict {
    let response = client.connect.exchange(request("GET", "x", "")?).await?;
    let mut body = response.into_body();
    let piece = next(&mut body).await?;
    ensure!(piece.as_deref() == Some(b"piece"), "{piece:?} instead of a piece");
    drop(body);
    client.parley.expect("dropped").await?;
    client.done()
}

async fn rest(mut served: Served) -> Verdict {
    let (feed, body) = fed::body();
    served.exchange().await?.respond(response(body));
    feed.piece("piece").await?;
    feed.dropped().await;
    served.parley.say("dropped");
    served.until_done().await
}

async fn drop_waiting(mut client: Client) -> Verdict {
    tokio::select! {
        answer = client.connect.exchange(request("GET", "x", "")?) => {
            return Err(Failure::new(format!("an answer nobody gave: {answer:?}")));
        }
        came = client.parley.expect("a request came") => came?,
    }
    client.parley.say("dropped");
    client.parley.expect("so was the response").await?;
    client.done()
}

async fn answer_nobody(mut served: Served) -> Verdict {
    let (_, responder) = served.exchange().await?.into_parts();
    served.parley.say("a request came");
    served.parley.expect("dropped").await?;
    let (feed, body) = fed::body();
    responder.respond(response(body));
    feed.dropped().await;
    served.parley.say("so was the response");
    served.until_done().await
}

async fn drop_request(mut client: Client) -> Verdict {
    let (feed, body) = fed::body();
    let feeding = async {
        feed.piece("piece").await?;
        client.parley.expect("a piece came").await
    };
    tokio::select! {
        answer = client.connect.exchange(request("PUT", "x", body)?) => {
            return Err(Failure::new(format!("an answer nobody gave: {answer:?}")));
        }
        fed = feeding => fed?,
    }
    // The future is gone; and whoever fed its body goes with it.
    drop(feed);
    client.parley.expect("dropped").await?;
    client.done()
}

async fn cancelled(mut served: Served) -> Verdict {
    let (request, responder) = served.exchange().await?.into_parts();
    let mut body = request.into_body();
    let piece = next(&mut body).await?;
    ensure!(piece.as_deref() == Some(b"piece"), "{piece:?} instead of a piece");
    served.parley.say("a piece came");
    match next(&mut body).await {
        Err(_) => {}
        Ok(end) => return Err(Failure::new(format!("{end:?} after the request was dropped"))),
    }
    let (feed, body) = fed::body();
    responder.respond(response(body));
    while feed.piece("piece").await.is_ok() {}
    served.parley.say("dropped");
    served.until_done().await
}

async fn ask_dropped(client: Client) -> Verdict {
    for _ in 0..3 {
        let response = client.connect.exchange(request("GET", "x", "")?).await?;
        ensure!(response.status() == 503, "the status is {}", response.status());
        response.into_body().collect_up_to(SMALL).await?;
    }
    client.done()
}

async fn drop_exchange(mut served: Served) -> Verdict {
    drop(served.exchange().await?);
    // The request is read, but there is no answer.
    let (request, responder) = served.exchange().await?.into_parts();
    request.into_body().collect_up_to(SMALL).await?;
    drop(responder);
    // The answer was under way when the session ended.
    let (_, responder) = served.exchange().await?.into_parts();
    tokio::spawn(async move { drop(responder) });
    served.until_done().await
}

async fn ask_early(client: Client) -> Verdict {
    let (feed, body) = fed::body();
    let response = client.connect.exchange(request("PUT", "x", body)?).await?;
    expect_text(response, "enough").await?;
    feed.dropped().await;
    client.done()
}

async fn ask_at_length(client: Client) -> Verdict {
    let (_, body) = produced::body(LAST);
    let response = client.connect.exchange(request("PUT", "x", body)?).await?;
    expect_text(response, "enough").await?;
    client.done()
}

async fn answer_early(mut served: Served) -> Verdict {
    let (request, responder) = served.exchange().await?.into_parts();
    drop(request);
    responder.respond(response("enough"));
    served.until_done().await
}

/// Asks for a response that must not look whole.
async fn ask_failing(client: Client) -> Verdict {
    let answer = client.connect.exchange(request("GET", "x", "")?).await;
    if let Ok(response) = answer {
        let body = response.into_body().collect_up_to(SMALL).await;
        ensure!(body.is_err(), "a body that failed arrived as {body:?}");
    }
    client.done()
}

async fn fail_at_once(mut served: Served) -> Verdict {
    let (feed, body) = fed::body();
    served.exchange().await?.respond(response(body));
    feed.fail().await?;
    served.until_done().await
}

async fn fail_later(mut served: Served) -> Verdict {
    let (feed, body) = fed::body();
    served.exchange().await?.respond(response(body));
    feed.piece("some bytes").await?;
    feed.fail().await?;
    served.until_done().await
}

async fn send_failing(mut client: Client) -> Verdict {
    let (feed, body) = fed::body();
    let asking = client.connect.exchange(request("PUT", "x", body)?);
    let feeding = async {
        feed.piece("some bytes").await?;
        client.parley.expect("some bytes").await?;
        feed.fail().await
    };
    // Whether there is an answer is up to the transport.
    let (_, fed) = tokio::join!(asking, feeding);
    fed?;
    client.done()
}

async fn receive_failing(mut served: Served) -> Verdict {
    let (request, responder) = served.exchange().await?.into_parts();
    let mut body = request.into_body();
    let piece = next(&mut body).await?;
    ensure!(piece.as_deref() == Some(b"some bytes"), "{piece:?} instead of some bytes");
    served.parley.say("some bytes");
    let end = next(&mut body).await;
    ensure!(end.is_err(), "a body that failed went on with {end:?}");
    responder.respond(response("too late"));
    served.until_done().await
}

/// More than sockets buffer.
const LAST: usize = 32 << 20;

async fn ask_last(client: Client) -> Verdict {
    let response = client.connect.exchange(request("GET", "x", "")?).await?;
    let mut consumed = Consumed::new(response.into_body());
    consumed.read_to(LAST).await?;
    consumed.ended().await?;
    client.done()
}

async fn finish_with(mut served: Served) -> Verdict {
    let (_, body) = produced::body(LAST);
    served.exchange().await?.respond(response(body));
    served.listener.finish().await;
    // As when the process ends.
    drop(std::mem::take(&mut served.listener));
    served.until_done().await
}

async fn ask_late(mut client: Client) -> Verdict {
    let first = client.connect.exchange(request("GET", "x", "")?).await?;
    expect_text(first, "in time").await?;
    client.parley.say("answered");
    client.parley.expect("finished").await?;
    let late: Result<Response, _> = client.connect.exchange(request("GET", "x", "")?).await;
    if let Ok(response) = late {
        ensure!(response.status() == 503, "the status is {}", response.status());
    }
    client.done()
}

async fn finish_first(mut served: Served) -> Verdict {
    served.exchange().await?.respond(response("in time"));
    served.parley.expect("answered").await?;
    served.listener.finish().await;
    drop(std::mem::take(&mut served.listener));
    served.parley.say("finished");
    served.until_done().await
}
