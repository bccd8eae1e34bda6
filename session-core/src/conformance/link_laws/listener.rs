//! Many links, strangers, and the end of a server.

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tokio::task::yield_now;

use super::{Law, Playing, server_law};
use crate::conformance::Capability;
use crate::conformance::halves::{
    binary, expect_abort, expect_end, expect_frame, next_frame, rest, says, stuff,
};
use crate::conformance::law::{Client, Failure, Served, Verdict, ensure};
use crate::link::{
    AnyLink, CloseCode, CloseReason, Frame, Incoming, Link, Listener, ReceiveError, ReceiveExt,
    TransmitExt,
};

pub(super) const LAWS: &[Law] = &[
    server_law!("an accept that is torn loses no link", open_one, accept_torn),
    server_law!("a link knows its peer's address", open_one, know_address)
        .needs(&[Capability::PeerAddress]),
    server_law!("links are independent", open_four, serve_four).needs(&[Capability::ManyLinks]),
    server_law!("thirty links are served at once", open_thirty, serve_thirty)
        .needs(&[Capability::ManyLinks]),
    server_law!("every code that may be sent crosses, both ways", trade_codes, answer_codes)
        .needs(&[Capability::ManyLinks]),
    server_law!("strangers do not keep a server from accepting", meddle, serve_one)
        .needs(&[Capability::Strangers]),
    server_law!("finishing delivers last words and ends accepting", hear_last_words, finish),
    server_law!("a link that nobody accepts ends when the server does", be_ignored, ignore),
];

/// The server's next link.
async fn accepted(served: &mut Served) -> Result<AnyLink, Failure> {
    match served.listener.accept().await {
        Some(Incoming::Link(link)) => Ok(link),
        other => Err(Failure::new(format!("{other:?} came instead of a link"))),
    }
}

/// Sends every frame back until the link ends.
async fn echo(link: AnyLink) -> Verdict {
    let (mut receive, mut transmit) = link.split();
    while let Some(frame) = receive.receive().await? {
        transmit.send(frame).await?;
    }
    Ok(())
}

/// Has some frames echoed, and ends the link.
async fn be_echoed(link: AnyLink, frames: usize) -> Verdict {
    let (mut receive, mut transmit) = link.split();
    for n in 0..frames {
        transmit.send(binary(n * 100)).await?;
        expect_frame(&mut receive, &binary(n * 100)).await?;
    }
    transmit.close(CloseCode::NORMAL.into()).await?;
    Ok(())
}

async fn open_one(mut client: Client) -> Verdict {
    client.parley.expect("ready").await?;
    be_echoed(client.connect.link().await?, 3).await?;
    client.parley.meet("ended").await
}

async fn accept_torn(mut served: Served) -> Verdict {
    for _ in 0..1000 {
        let early = served.listener.accept().now_or_never();
        ensure!(early.is_none(), "{early:?} came before a client did");
    }
    served.parley.say("ready");
    let incoming = loop {
        match served.listener.accept().now_or_never() {
            Some(incoming) => break incoming,
            None => yield_now().await,
        }
    };
    let Some(Incoming::Link(link)) = incoming else {
        return Err(Failure::new(format!("{incoming:?} came instead of a link")));
    };
    echo(link).await?;
    served.parley.meet("ended").await
}

async fn know_address(mut served: Served) -> Verdict {
    served.parley.say("ready");
    let link = accepted(&mut served).await?;
    ensure!(link.peer().address.is_some(), "the link does not know where its peer is");
    echo(link).await?;
    served.parley.meet("ended").await
}

async fn serve_one(mut served: Served) -> Verdict {
    served.parley.say("ready");
    echo(accepted(&mut served).await?).await?;
    echo(accepted(&mut served).await?).await?;
    served.parley.meet("ended").await
}

/// One link before the strangers and one after them.
async fn meddle(mut client: Client) -> Verdict {
    client.parley.expect("ready").await?;
    let before = client.connect.link().await?;
    client.connect.disturb().await?;
    be_echoed(before, 3).await?;
    be_echoed(client.connect.link().await?, 3).await?;
    client.parley.meet("ended").await
}

/// A link that says what it is for.
async fn open(client: &Client, purpose: &str) -> Result<AnyLinkHalves, Failure> {
    let (receive, mut transmit) = client.connect.link().await?.split();
    transmit.send(says(purpose)).await?;
    Ok((receive, transmit))
}

type AnyLinkHalves = (Box<dyn crate::link::Receive>, Box<dyn crate::link::Transmit>);

/// The client reads nothing of the first, drops the second, sends too much on the third; the fourth does not feel it.
async fn open_four(mut client: Client) -> Verdict {
    let _full = open(&client, "full").await?;
    client.parley.expect("stuffed").await?;
    let dropped = open(&client, "dropped").await?;
    client.parley.expect("dropped").await?;
    let (_receive, mut violating) = open(&client, "violating").await?;
    client.parley.expect("violating").await?;
    let (mut receive, mut transmit) = open(&client, "healthy").await?;
    for n in 0..20 {
        transmit.send(binary(n * 1000)).await?;
        expect_frame(&mut receive, &binary(n * 1000)).await?;
    }
    drop(dropped);
    let _ = violating.send(binary(2 * client.max_frame)).await;
    client.parley.expect("refused").await?;
    for n in 0..20 {
        transmit.send(binary(n * 1000)).await?;
        expect_frame(&mut receive, &binary(n * 1000)).await?;
    }
    transmit.close(CloseCode::NORMAL.into()).await?;
    client.parley.meet("ended").await
}

async fn serve_four(mut served: Served) -> Verdict {
    let mut links = Vec::new();
    for purpose in ["full", "dropped", "violating", "healthy"] {
        let (mut receive, mut transmit) = accepted(&mut served).await?.split();
        expect_frame(&mut receive, &says(purpose)).await?;
        if purpose == "full" {
            stuff(&mut transmit, &binary(60_000)).await?;
            served.parley.say("stuffed");
        } else if purpose != "healthy" {
            served.parley.say(purpose);
        }
        links.push((receive, transmit));
    }
    let mut links = links.into_iter();
    let (Some(_full), Some((mut dropped, _to_dropped)), Some((mut violating, to_violating))) =
        (links.next(), links.next(), links.next())
    else {
        return Err(Failure::new("there are four links"));
    };
    let Some((mut healthy, mut to_healthy)) = links.next() else {
        return Err(Failure::new("there are four links"));
    };
    let healthy = async {
        while let Some(frame) = healthy.receive().await? {
            to_healthy.send(frame).await?;
        }
        Verdict::Ok(())
    };
    let others = async {
        expect_abort(&mut dropped).await?;
        let error = rest(&mut violating).await;
        let Err(error @ ReceiveError::TooLarge { .. }) = error else {
            return Err(Failure::new(format!("a frame over the limit gave {error:?}")));
        };
        if let Some(reason) = error.close_reason() {
            to_violating.close(reason).await?;
        }
        drop(violating);
        served.parley.say("refused");
        Ok(())
    };
    futures_util::try_join!(healthy, others)?;
    served.parley.meet("ended").await
}

async fn open_thirty(mut client: Client) -> Verdict {
    let connect = &client.connect;
    let links = (0..30).map(|_| async move { be_echoed(connect.link().await?, 10).await });
    try_join_all(links).await?;
    client.parley.meet("ended").await
}

async fn serve_thirty(mut served: Served) -> Verdict {
    let mut echoing = tokio::task::JoinSet::new();
    for _ in 0..30 {
        echoing.spawn(echo(accepted(&mut served).await?));
    }
    while let Some(verdict) = echoing.join_next().await {
        verdict??;
    }
    served.parley.meet("ended").await
}

/// The ends of the ranges, and what lies in the short ones.
fn codes() -> impl Iterator<Item = CloseReason> {
    let codes = (1000..=1014).chain([3000, 3999, 4000, 4999]);
    codes.filter_map(CloseCode::new).map(|code| CloseReason::new(code, format!("because {code}")))
}

async fn trade_codes(mut client: Client) -> Verdict {
    for reason in codes() {
        let (mut receive, _transmit) = open(&client, "close").await?;
        expect_end(&mut receive, &reason).await?;
        client.parley.meet("ended").await?;
        let (_receive, transmit) = open(&client, "be closed").await?;
        transmit.close(reason).await?;
        client.parley.meet("ended").await?;
    }
    Ok(())
}

async fn answer_codes(mut served: Served) -> Verdict {
    for reason in codes() {
        let (mut receive, transmit) = accepted(&mut served).await?.split();
        expect_frame(&mut receive, &says("close")).await?;
        transmit.close(reason.clone()).await?;
        served.parley.meet("ended").await?;
        let (mut receive, _transmit) = accepted(&mut served).await?.split();
        expect_frame(&mut receive, &says("be closed")).await?;
        expect_end(&mut receive, &reason).await?;
        served.parley.meet("ended").await?;
    }
    Ok(())
}

const LAST_WORDS: usize = 500_000;

/// Reads only once the server has begun to finish, and then wants another link in vain.
async fn hear_last_words(mut client: Client) -> Verdict {
    let (mut receive, mut transmit) = client.connect.link().await?.split();
    // Input that the server never reads: a careless end would reset the link.
    transmit.send(binary(30_000)).await?;
    client.parley.say("sent");
    expect_frame(&mut receive, &binary(LAST_WORDS)).await?;
    expect_end(&mut receive, &CloseReason::new(CloseCode::DRAIN, "come back")).await?;
    drop((receive, transmit));
    client.parley.expect("finished").await?;
    // Refused at once, or as soon as it is used.
    if let Ok(link) = client.connect.link().await {
        let late = next_frame(&mut link.split().0).await;
        ensure!(late.is_err(), "a server that has finished opens links");
    }
    client.parley.say("finished");
    Ok(())
}

async fn finish(mut served: Served) -> Verdict {
    let (receive, mut transmit) = accepted(&mut served).await?.split();
    served.parley.expect("sent").await?;
    transmit.send(binary(LAST_WORDS)).await?;
    transmit.close(CloseReason::new(CloseCode::DRAIN, "come back")).await?;
    drop(receive);
    served.listener.finish().await;
    let late = served.listener.accept().await;
    ensure!(late.is_none(), "{late:?} was accepted after the listener had finished");
    served.parley.meet("finished").await
}

async fn be_ignored(mut client: Client) -> Verdict {
    client.parley.say("coming");
    if let Ok(link) = client.connect.link().await {
        let (mut receive, _transmit) = link.split();
        let frame: Option<Frame> = receive.receive().await.unwrap_or_default();
        ensure!(frame.is_none(), "{frame:?} arrived from a server that accepted nobody");
    }
    client.parley.say("ended");
    client.parley.meet("finished").await
}

async fn ignore(mut served: Served) -> Verdict {
    served.parley.expect("coming").await?;
    served.listener.finish().await;
    served.parley.expect("ended").await?;
    served.parley.meet("finished").await
}
