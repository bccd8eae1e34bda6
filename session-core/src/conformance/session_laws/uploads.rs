//! Files beside the link.

use serde_json::{Value as Json, json};

use super::app::uploads::sum;
use super::interface::shown;
use super::peer::{Fetched, Peer, fetched, not_found};
use super::stage::{ENDED, finish, serve, shut_down};
use crate::conformance::Capability;
use crate::conformance::exchange_laws::pattern::{PIECE, Pattern};
use crate::conformance::exchange_laws::{fed, produced};
use crate::conformance::law::{
    AnyConnect, Client, Failure, Law, Playing, Verdict, ensure, server_law,
};
use crate::exchange::Body;
use crate::link::CloseCode;

pub(super) const LAWS: &[Law] = &[
    server_law!("what is uploaded is in its input, with all of its bytes", arrives, serve),
    server_law!("a large upload keeps nothing else waiting", large, serve),
    server_law!(
        "a file of another size than announced is refused, and may come again",
        sizes,
        serve
    ),
    server_law!("the files of an upload come one at a time", in_turn, serve),
    server_law!("a file that breaks off is not taken, and may come again", broken, serve),
    server_law!("an upload that is not there is the same 404, and does not end", unknown, serve),
    server_law!("a file on its way to a module ends with it", destroyed, serve),
    server_law!("what was uploaded goes with its session", gone, serve)
        .needs(&[Capability::ManyLinks]),
];

/// An upload that has begun.
struct Upload {
    job: Json,
    url: String,
}

impl Upload {
    /// Announces files, a name and a size each, and for which input if there is one.
    async fn begin(
        peer: &mut Peer,
        files: &[(&str, usize)],
        input: Option<&str>,
    ) -> Result<Self, Failure> {
        let files: Vec<_> = files
            .iter()
            .map(|(name, size)| json!({ "name": name, "size": size, "type": "" }))
            .collect();
        let args = input.map_or_else(|| json!([files]), |input| json!([files, input]));
        let begun = peer.call("uploadInit", args).await?.map_err(Failure::new)?;
        let url = begun["uploadUrl"].as_str().unwrap_or_default().to_owned();
        ensure!(url.contains("/upload/"), "an upload begins with {begun}");
        Ok(Self { job: begun["jobId"].clone(), url })
    }

    async fn send(
        &self,
        connect: &dyn AnyConnect,
        body: impl Into<Body>,
    ) -> Result<Fetched, Failure> {
        let request = http::Request::post(format!("/{}", self.url)).body(body.into())?;
        fetched(connect.exchange(request).await?).await
    }

    async fn send_well(&self, connect: &dyn AnyConnect, body: impl Into<Body>) -> Verdict {
        let answer = self.send(connect, body).await?;
        ensure!(
            (answer.status, &*answer.body) == (200, "OK"),
            "a file was answered with {answer:?}"
        );
        Ok(())
    }

    async fn end(&self, peer: &mut Peer) -> Verdict {
        peer.expect("uploadEnd", json!([self.job, "file"]), Json::Null).await
    }
}

/// A body of bytes that come piece by piece, of a length that nobody tells.
fn bytes(length: usize) -> Body {
    produced::body(length).1
}

/// What the app tells of such a file.
fn told(name: &str, length: usize, media_type: &str) -> Json {
    let mut pattern = Pattern::default();
    let mut bytes = Vec::new();
    while bytes.len() < length {
        bytes.extend_from_slice(&pattern.take((length - bytes.len()).min(PIECE)));
    }
    json!([name, length, media_type, sum(&bytes)])
}

fn refused(answer: &Fetched, status: u16) -> Verdict {
    ensure!(answer.status == status, "{answer:?} instead of a refusal with {status}");
    Ok(())
}

async fn arrives(client: Client) -> Verdict {
    let connect = &*client.connect;
    let mut peer = Peer::begin(connect, shown(["names"])).await?;
    let small = Upload::begin(&mut peer, &[("a.txt", 3)], None).await?;
    small.send_well(connect, "abc").await?;
    small.end(&mut peer).await?;
    peer.settle().await?;
    peer.expect_shown("names", Ok(json!(["a.txt"])))?;
    let what = json!([["a.txt", 3, "text/plain", sum(b"abc")]]);
    peer.expect("uploaded", json!([]), what).await?;

    let names = [("../b.csv", 100_000), ("empty", 0), ("c", 1)];
    let several = Upload::begin(&mut peer, &names, None).await?;
    for (_, length) in names {
        several.send_well(connect, bytes(length)).await?;
    }
    several.end(&mut peer).await?;
    let what = json!([
        told("../b.csv", 100_000, "text/csv"),
        told("empty", 0, "application/octet-stream"),
        told("c", 1, "application/octet-stream"),
    ]);
    peer.expect("uploaded", json!([]), what).await?;
    peer.expect_shown("names", Ok(json!(["../b.csv", "empty", "c"])))?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

/// Five mebibytes, in pieces between which the session is asked for other things.
async fn large(client: Client) -> Verdict {
    const PIECES: usize = 80;
    let mut peer = Peer::begin(&*client.connect, shown(["double", "names"])).await?;
    let upload = Upload::begin(&mut peer, &[("a", PIECES * PIECE)], None).await?;
    let (feed, body) = fed::body();
    let feeding = async {
        let mut pattern = Pattern::default();
        for n in 1..=PIECES {
            feed.piece(pattern.take(PIECE)).await?;
            if n % 10 == 0 {
                peer.update(json!({ "n": n })).await?;
                peer.expect_shown("double", Ok(json!(2 * n)))?;
            }
        }
        feed.end().await
    };
    let (sent, fed) = tokio::join!(upload.send_well(&*client.connect, body), feeding);
    fed?;
    sent?;
    upload.end(&mut peer).await?;
    let what = json!([told("a", PIECES * PIECE, "application/octet-stream")]);
    peer.expect("uploaded", json!([]), what).await?;
    peer.close(CloseCode::NORMAL).await?;
    // What `half` noted of each update.
    shut_down_after(client).await
}

/// Ends a law in which the app noted what it was asked for.
async fn shut_down_after(mut client: Client) -> Verdict {
    let notes = shut_down(&mut client.parley).await?;
    ensure!(notes.ends_with(&ENDED.map(String::from)), "the app noted {notes:?}");
    Ok(())
}

async fn sizes(client: Client) -> Verdict {
    const SIZE: usize = 1 << 20;
    let connect = &*client.connect;
    let mut peer = Peer::begin(connect, json!({})).await?;
    let upload = Upload::begin(&mut peer, &[("a", SIZE)], None).await?;
    // The refusal reaches a client that still sends.
    refused(&upload.send(connect, bytes(8 * SIZE)).await?, 413)?;
    refused(&upload.send(connect, bytes(SIZE + 1)).await?, 413)?;
    refused(&upload.send(connect, vec![0; 2 * SIZE]).await?, 413)?;
    refused(&upload.send(connect, bytes(SIZE - 1)).await?, 400)?;
    refused(&upload.send(connect, "abc").await?, 400)?;
    let early = "not all files of this upload have come";
    peer.expect_error("uploadEnd", json!([upload.job, "file"]), early).await?;
    upload.send_well(connect, bytes(SIZE)).await?;
    refused(&upload.send(connect, "one too many").await?, 400)?;
    upload.end(&mut peer).await?;
    let what = json!([told("a", SIZE, "application/octet-stream")]);
    peer.expect("uploaded", json!([]), what).await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn in_turn(client: Client) -> Verdict {
    let connect = &*client.connect;
    let mut peer = Peer::begin(connect, json!({})).await?;
    let upload = Upload::begin(&mut peer, &[("a", 2 * PIECE), ("b", 1)], None).await?;
    let (feed, body) = fed::body();
    let meanwhile = async {
        let mut pattern = Pattern::default();
        feed.piece(pattern.take(PIECE)).await?;
        // The session is busy with it.
        while !peer.model.is_busy() {
            peer.read().await?;
        }
        refused(&upload.send(connect, "b").await?, 409)?;
        feed.piece(pattern.take(PIECE)).await?;
        feed.end().await
    };
    let (sent, meanwhile) = tokio::join!(upload.send_well(connect, body), meanwhile);
    meanwhile?;
    sent?;
    upload.send_well(connect, bytes(1)).await?;
    upload.end(&mut peer).await?;
    let kind = "application/octet-stream";
    let what = json!([told("a", 2 * PIECE, kind), told("b", 1, kind)]);
    peer.expect("uploaded", json!([]), what).await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn broken(client: Client) -> Verdict {
    let connect = &*client.connect;
    let mut peer = Peer::begin(connect, json!({})).await?;
    let upload = Upload::begin(&mut peer, &[("a", 2 * PIECE)], None).await?;
    let (feed, body) = fed::body();
    let breaking = async {
        feed.piece(Pattern::default().take(PIECE)).await?;
        while !peer.model.is_busy() {
            peer.read().await?;
        }
        feed.fail().await
    };
    // Whether there is an answer is up to the transport.
    let (_, breaking) = tokio::join!(upload.send(connect, body), breaking);
    breaking?;
    // The session has noticed.
    while peer.model.is_busy() {
        peer.read().await?;
    }
    let early = "not all files of this upload have come";
    peer.expect_error("uploadEnd", json!([upload.job, "file"]), early).await?;
    upload.send_well(connect, bytes(2 * PIECE)).await?;
    upload.end(&mut peer).await?;
    let what = json!([told("a", 2 * PIECE, "application/octet-stream")]);
    peer.expect("uploaded", json!([]), what).await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn unknown(client: Client) -> Verdict {
    let connect = &*client.connect;
    let mut peer = Peer::begin(connect, json!({})).await?;
    let upload = Upload::begin(&mut peer, &[("a", 3)], None).await?;
    let job = upload.job.as_str().unwrap_or_default();
    let url = upload.url.replace(job, &"0".repeat(job.len()));
    let other = Upload { job: json!("0"), url };
    not_found(&other.send(connect, "abc").await?)?;
    not_found(&peer.fetch(connect, &upload.url).await?)?;
    let nothing = "there is no such upload";
    peer.expect_error("uploadEnd", json!([other.job, "file"]), nothing).await?;
    upload.send_well(connect, "abc").await?;
    upload.end(&mut peer).await?;
    not_found(&upload.send(connect, "abc").await?)?;
    peer.expect_error("uploadEnd", json!([upload.job, "file"]), nothing).await?;
    peer.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}

async fn destroyed(client: Client) -> Verdict {
    let connect = &*client.connect;
    let mut peer = Peer::begin(connect, json!({})).await?;
    peer.expect("make module", json!(["m"]), Json::Null).await?;
    let upload = Upload::begin(&mut peer, &[("a", 2 * PIECE)], Some("m-file")).await?;
    let (feed, body) = fed::body();
    let destroying = async {
        feed.piece(Pattern::default().take(PIECE)).await?;
        while !peer.model.is_busy() {
            peer.read().await?;
        }
        peer.expect("destroy module", json!(["m"]), Json::Null).await?;
        feed.dropped().await;
        Verdict::Ok(())
    };
    let (sent, destroying) = tokio::join!(upload.send(connect, body), destroying);
    destroying?;
    refused(&sent?, 503)?;
    not_found(&upload.send(connect, "abc").await?)?;
    let nothing = "there is no such upload";
    peer.expect_error("uploadEnd", json!([upload.job, "m-file"]), nothing).await?;
    peer.settle().await?;
    ensure!(!peer.model.is_busy(), "the session is busy with an upload that is gone");
    peer.close(CloseCode::NORMAL).await?;
    shut_down_after(client).await
}

async fn gone(mut client: Client) -> Verdict {
    let mut peer = Peer::begin(&*client.connect, json!({})).await?;
    let upload = Upload::begin(&mut peer, &[("a", 3)], None).await?;
    upload.send_well(&*client.connect, "abc").await?;
    upload.end(&mut peer).await?;
    let paths = peer.call("paths", json!([])).await?.map_err(Failure::new)?;
    let path = &paths[0];
    peer.expect("is there", json!([path]), json!(true)).await?;
    peer.close(CloseCode::NORMAL).await?;
    for note in ENDED {
        client.parley.expect(note).await?;
    }
    let mut other = Peer::begin(&*client.connect, json!({})).await?;
    // It goes right after the app's last word.
    while other.call("is there", json!([path])).await? == Ok(json!(true)) {}
    other.close(CloseCode::NORMAL).await?;
    finish(client, &[]).await
}
