//! Bodies stream, and a producer waits for its consumer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::produced::{Consumed, next};
use super::{DONE, expect_text, fed, produced, request, response};
use crate::conformance::law::{Client, Law, Playing, Served, Verdict, ensure, server_law};
use crate::conformance::parley::Parley;
use crate::exchange::Body;

pub(super) const LAWS: &[Law] = &[
    server_law!(
        "an exchange's request streams before its response begins",
        ask_in_pieces,
        hear_pieces
    ),
    server_law!(
        "an exchange's response streams while its request still does",
        ask_dialogue,
        answer_dialogue
    ),
    server_law!(
        "a request body of 100 MB arrives intact, its producer not far ahead",
        send_large,
        receive_large
    ),
    server_law!(
        "a response body of 100 MB arrives intact, its producer not far ahead",
        ask_large,
        answer_large
    ),
    server_law!(
        "a client that does not read a response stalls its producer",
        ask_and_rest,
        answer_and_rest
    ),
    server_law!(
        "a server that does not read a request stalls its producer",
        send_and_rest,
        rest_and_answer
    ),
];

const LARGE: usize = 100 << 20;
/// How many bytes a producer may be ahead of its consumer: what two ends and the sockets between them buffer.
const AHEAD: usize = 16 << 20;
/// After how many bytes the consumer looks how far the producer is.
const LOOK: usize = 10 << 20;

async fn ask_in_pieces(mut client: Client) -> Verdict {
    let (feed, body) = fed::body();
    let asking = client.connect.exchange(request("POST", "x", body)?);
    let feeding = async {
        for piece in ["one", "two", "three"] {
            feed.piece(piece).await?;
            client.parley.expect(piece).await?;
        }
        feed.end().await
    };
    let (response, fed) = tokio::join!(asking, feeding);
    fed?;
    expect_text(response?, "heard").await?;
    client.done()
}

async fn hear_pieces(mut served: Served) -> Verdict {
    let (request, responder) = served.exchange().await?.into_parts();
    let mut body = request.into_body();
    for expected in ["one", "two", "three"] {
        let piece = next(&mut body).await?;
        ensure!(piece.as_deref() == Some(expected.as_bytes()), "{piece:?} instead of {expected:?}");
        served.parley.say(expected);
    }
    let end = next(&mut body).await?;
    ensure!(end.is_none(), "{end:?} instead of the end");
    responder.respond(response("heard"));
    served.until_done().await
}

async fn ask_dialogue(client: Client) -> Verdict {
    let (feed, body) = fed::body();
    let response = client.connect.exchange(request("POST", "x", body)?).await?;
    let mut answers = response.into_body();
    for piece in ["one", "two", "three"] {
        feed.piece(piece).await?;
        let answer = next(&mut answers).await?;
        ensure!(answer.as_deref() == Some(piece.as_bytes()), "{answer:?} instead of {piece:?}");
    }
    feed.end().await?;
    let end = next(&mut answers).await?;
    ensure!(end.is_none(), "{end:?} instead of the end");
    client.done()
}

async fn answer_dialogue(mut served: Served) -> Verdict {
    let (request, responder) = served.exchange().await?.into_parts();
    let mut body = request.into_body();
    let (feed, answers) = fed::body();
    responder.respond(response(answers));
    while let Some(piece) = next(&mut body).await? {
        feed.piece(piece).await?;
    }
    feed.end().await?;
    served.until_done().await
}

/// Reads all of a large body, and looks from time to time how far ahead the producer is.
async fn consume(body: Body, parley: &mut Parley) -> Verdict {
    let mut consumed = Consumed::new(body);
    for mark in (LOOK..=LARGE).step_by(LOOK) {
        consumed.read_to(mark).await?;
        is_near(consumed.count(), parley).await?;
    }
    consumed.read_to(LARGE).await?;
    consumed.ended().await
}

/// Asks the other role how many bytes it gave.
async fn is_near(count: usize, parley: &mut Parley) -> Verdict {
    parley.say("how many");
    let given: usize = parley.hear().await?.parse()?;
    ensure!(given <= count + AHEAD, "the producer gave {given} bytes when {count} were read");
    Ok(())
}

/// Tells the other role how many bytes were given, whenever it asks, until it is done.
async fn tell(given: Arc<AtomicUsize>, parley: &mut Parley) -> Verdict {
    loop {
        match parley.hear().await?.as_str() {
            DONE => return Ok(()),
            _ => parley.say(given.load(Ordering::Acquire)),
        }
    }
}

async fn send_large(mut client: Client) -> Verdict {
    let (given, body) = produced::body(LARGE);
    let asking = client.connect.exchange(request("PUT", "x", body)?);
    let (response, told) = tokio::join!(asking, tell(given, &mut client.parley));
    told?;
    expect_text(response?, "all of it").await?;
    client.done()
}

async fn receive_large(mut served: Served) -> Verdict {
    let (request, responder) = served.exchange().await?.into_parts();
    consume(request.into_body(), &mut served.parley).await?;
    served.parley.say(DONE);
    responder.respond(response("all of it"));
    served.until_done().await
}

async fn ask_large(mut client: Client) -> Verdict {
    let response = client.connect.exchange(request("GET", "x", "")?).await?;
    consume(response.into_body(), &mut client.parley).await?;
    client.done()
}

async fn answer_large(mut served: Served) -> Verdict {
    let (given, body) = produced::body(LARGE);
    served.exchange().await?.respond(response(body));
    tell(given, &mut served.parley).await
}

/// While a consumer rests, this many other exchanges are answered: a producer that is not stalled gets far.
const ROUNDS: usize = 200;

async fn others(client: &Client) -> Verdict {
    for _ in 0..ROUNDS {
        expect_text(client.connect.exchange(request("GET", "other", "")?).await?, "other").await?;
    }
    Ok(())
}

async fn answer_others(served: &mut Served) -> Verdict {
    for _ in 0..ROUNDS {
        served.exchange().await?.respond(response("other"));
    }
    Ok(())
}

async fn ask_and_rest(mut client: Client) -> Verdict {
    let response = client.connect.exchange(request("GET", "x", "")?).await?;
    let mut consumed = Consumed::new(response.into_body());
    consumed.read_to(1).await?;
    others(&client).await?;
    is_near(consumed.count(), &mut client.parley).await?;
    consumed.read_to(2 * AHEAD).await?;
    client.done()
}

async fn answer_and_rest(mut served: Served) -> Verdict {
    let (given, body) = produced::body(usize::MAX);
    served.exchange().await?.respond(response(body));
    answer_others(&mut served).await?;
    tell(given, &mut served.parley).await
}

async fn send_and_rest(mut client: Client) -> Verdict {
    let (given, body) = produced::body(4 * AHEAD);
    let connect = client.connect;
    let asking = connect.exchange(request("PUT", "x", body)?);
    let answering = async {
        client.parley.expect("resting").await?;
        for _ in 0..ROUNDS {
            expect_text(connect.exchange(request("GET", "other", "")?).await?, "other").await?;
        }
        tell(given, &mut client.parley).await
    };
    let (response, told) = tokio::join!(asking, answering);
    told?;
    expect_text(response?, "all of it").await?;
    client.parley.say(DONE);
    Ok(())
}

async fn rest_and_answer(mut served: Served) -> Verdict {
    let (request, responder) = served.exchange().await?.into_parts();
    let mut consumed = Consumed::new(request.into_body());
    consumed.read_to(1).await?;
    served.parley.say("resting");
    answer_others(&mut served).await?;
    is_near(consumed.count(), &mut served.parley).await?;
    consumed.read_to(4 * AHEAD).await?;
    consumed.ended().await?;
    served.parley.say(DONE);
    responder.respond(response("all of it"));
    served.until_done().await
}
