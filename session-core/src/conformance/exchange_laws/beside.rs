//! Many exchanges at once, and exchanges beside links.

use futures_util::future::try_join;
use futures_util::stream::{FuturesUnordered, TryStreamExt};
use tokio::task::yield_now;

use super::produced::{Consumed, next};
use super::{expect_text, fed, produced, request, response};
use crate::conformance::law::{
    AnyConnect, Client, Failure, Law, Playing, Served, Verdict, ensure, server_law,
};
use crate::link::{AnyLink, CloseCode, Frame, Link, Receive, ReceiveExt, Transmit, TransmitExt};

pub(super) const LAWS: &[Law] = &[
    server_law!(
        "fifty exchanges at once are each given their own answer, in any order",
        ask_many,
        answer_many
    ),
    server_law!(
        "a response that nobody reads delays neither a link nor other exchanges",
        leave_response,
        serve_beside
    ),
    server_law!(
        "a request that nobody reads delays neither a link nor other exchanges",
        leave_request,
        serve_unread
    ),
    server_law!(
        "an echo on a link comes back within a few MiB of a large download",
        download_and_echo,
        serve_download
    ),
    server_law!("an exchange outlives the link it was opened beside", outlive, serve_survivor),
];

const MANY: usize = 50;

async fn ask_many(client: Client) -> Verdict {
    let connect = &client.connect;
    // Not in their order: the first to fail fails the law, though others wait for ever.
    let asking = (0..MANY).map(|number| async move {
        let body = format!("body {number}");
        let request = request("POST", &format!("x?number={number}"), body)?;
        let answer = connect.exchange(request).await?;
        expect_text(answer, &format!("/session/ab/dynamic_route/x?number={number} body {number}"))
            .await
    });
    asking.collect::<FuturesUnordered<_>>().try_collect::<()>().await?;
    client.done()
}

async fn answer_many(mut served: Served) -> Verdict {
    let mut waiting = Vec::new();
    for _ in 0..MANY {
        waiting.push(served.exchange().await?);
    }
    // The last one first.
    while let Some(exchange) = waiting.pop() {
        let (request, responder) = exchange.into_parts();
        let uri = request.uri().clone();
        let body = request.into_body().collect_up_to(super::SMALL).await?;
        responder.respond(response(format!("{uri} {}", String::from_utf8_lossy(&body))));
    }
    served.until_done().await
}

type Halves = (Box<dyn Receive>, Box<dyn Transmit>);

/// Opens a link, and knows that the server has it.
async fn open(client: &Client) -> Result<Halves, Failure> {
    let (mut receive, mut transmit) = client.connect.link().await?.split();
    let greeting = Frame::Text("greeting".into());
    transmit.send(greeting.clone()).await?;
    let came = receive.receive().await?;
    ensure!(came.as_ref() == Some(&greeting), "{came:?} instead of {greeting:?}");
    Ok((receive, transmit))
}

/// Sends what arrives on a link back, until the link ends.
async fn echo(link: AnyLink) -> Verdict {
    let (mut receive, mut transmit) = link.split();
    while let Some(frame) = receive.receive().await? {
        transmit.send(frame).await?;
    }
    // The client may have gone for good.
    let _ = transmit.close(CloseCode::NORMAL.into()).await;
    Ok(())
}

/// A link and exchanges that get their turns, while something is left alone.
async fn go_on(connect: &dyn AnyConnect, (receive, transmit): &mut Halves) -> Verdict {
    for round in 0..20 {
        let sent = Frame::Text(format!("frame {round}").into());
        transmit.send(sent.clone()).await?;
        let came = receive.receive().await?;
        ensure!(came.as_ref() == Some(&sent), "{came:?} instead of {sent:?}");
        expect_text(connect.exchange(request("GET", "other", "")?).await?, "other").await?;
    }
    Ok(())
}

/// Ends the link, so that the server is through with it.
async fn close((mut receive, transmit): Halves) -> Verdict {
    transmit.close(CloseCode::NORMAL.into()).await?;
    while receive.receive().await.is_ok_and(|frame| frame.is_some()) {}
    Ok(())
}

async fn leave_response(client: Client) -> Verdict {
    let mut link = open(&client).await?;
    let response = client.connect.exchange(request("GET", "x", "")?).await?;
    go_on(&*client.connect, &mut link).await?;
    // What was left alone is still whole.
    Consumed::new(response.into_body()).read_to(1 << 20).await?;
    close(link).await?;
    client.done()
}

async fn serve_beside(mut served: Served) -> Verdict {
    let echoing = tokio::spawn(echo(served.link().await?));
    let (_, body) = produced::body(usize::MAX);
    served.exchange().await?.respond(response(body));
    answer_others(served).await?;
    echoing.await?
}

async fn answer_others(mut served: Served) -> Verdict {
    while let Some(exchange) = served.exchange_unless_done().await? {
        exchange.respond(response("other"));
    }
    Ok(())
}

async fn leave_request(mut client: Client) -> Verdict {
    let mut link = open(&client).await?;
    let (_, body) = produced::body(usize::MAX);
    let asking = request("PUT", "x", body)?;
    let beside = async {
        client.parley.expect("a request came").await?;
        go_on(&*client.connect, &mut link).await
    };
    tokio::select! {
        answer = client.connect.exchange(asking) => {
            return Err(Failure::new(format!("an answer nobody gave: {answer:?}")));
        }
        outcome = beside => outcome?,
    }
    close(link).await?;
    client.done()
}

async fn serve_unread(mut served: Served) -> Verdict {
    let echoing = tokio::spawn(echo(served.link().await?));
    let unread = served.exchange().await?;
    served.parley.say("a request came");
    answer_others(served).await?;
    drop(unread);
    echoing.await?
}

/// After how many bytes of a download both roles have had a turn.
const TURN: usize = 256 << 10;
/// Within how many bytes of a download an echo has to come: what a fair share of what is buffered leaves room for.
const SHARE: usize = 8 << 20;

async fn download_and_echo(mut client: Client) -> Verdict {
    let (mut receive, mut transmit) = open(&client).await?;
    let response = client.connect.exchange(request("GET", "x", "")?).await?;
    let mut consumed = Consumed::new(response.into_body());
    for round in 0..8 {
        consumed.read_to(consumed.count() + (1 << 20)).await?;
        let sent = Frame::Text(format!("frame {round}").into());
        transmit.send(sent.clone()).await?;
        let before = consumed.count();
        let came = loop {
            tokio::select! {
                biased;
                came = receive.receive() => break came?,
                // Not raced: what a body gave must not be lost.
                () = std::future::ready(()) => {}
            }
            consumed.read_to(consumed.count() + TURN).await?;
            client.parley.say("your turn");
            client.parley.expect("my turn").await?;
            let passed = consumed.count() - before;
            ensure!(passed <= SHARE, "the echo waits for more than {passed} bytes of the download");
        };
        ensure!(came.as_ref() == Some(&sent), "{came:?} instead of {sent:?}");
    }
    drop(consumed);
    close((receive, transmit)).await?;
    client.done()
}

/// One task, so that a turn is one: what has come on the link is answered in it, whatever else the machine is busy
/// with.
async fn serve_download(mut served: Served) -> Verdict {
    let link = served.link().await?;
    let turns = async {
        let (_, body) = produced::body(usize::MAX);
        served.exchange().await?.respond(response(body));
        while served.parley.hear().await? != super::DONE {
            // The runtime looks at its sockets before this goes on.
            yield_now().await;
            served.parley.say("my turn");
        }
        Ok(())
    };
    try_join(echo(link), turns).await.map(drop)
}

async fn outlive(mut client: Client) -> Verdict {
    let link = open(&client).await?;
    let response = client.connect.exchange(request("GET", "x", "")?).await?;
    let mut body = response.into_body();
    let piece = next(&mut body).await?;
    ensure!(piece.as_deref() == Some(b"before"), "{piece:?} instead of the first piece");
    close(link).await?;
    client.parley.expect("the link has ended").await?;
    client.parley.say("go on");
    let piece = next(&mut body).await?;
    ensure!(piece.as_deref() == Some(b"after"), "{piece:?} instead of the second piece");
    let end = next(&mut body).await?;
    ensure!(end.is_none(), "{end:?} instead of the end");
    client.done()
}

async fn serve_survivor(mut served: Served) -> Verdict {
    let echoing = tokio::spawn(echo(served.link().await?));
    let (feed, body) = fed::body();
    served.exchange().await?.respond(response(body));
    feed.piece("before").await?;
    echoing.await??;
    served.parley.say("the link has ended");
    served.parley.expect("go on").await?;
    feed.piece("after").await?;
    feed.end().await?;
    served.until_done().await
}
