//! The clients. What they cost is not measured.

use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use session_core::link::{Connect, Frame, Link, ReceiveExt, TransmitExt};
use session_core::{Body, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Command;

use super::server::{DOWNLOAD, Kind, UPLOAD};
use super::{CHUNK, Direction, PART, SIZE};
use crate::bench::load::runtime;
use crate::bench::process::{self, Core, cpu_time, forget_peak, peak, resident};
use crate::bench::quinn;

const MB: f64 = 1e6;

/// What a transfer came to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Transfer {
    seconds: f64,
    server_cpu_seconds: f64,
    /// What the server's memory grew by at most, in MB.
    pub(super) memory: f64,
}

impl Transfer {
    pub(super) fn per_cpu_second(&self) -> f64 {
        SIZE as f64 / MB / self.server_cpu_seconds
    }

    pub(super) fn per_second(&self) -> f64 {
        SIZE as f64 / MB / self.seconds
    }
}

/// Measures what happens until [`Meter::read`].
struct Meter {
    server: u32,
    start: Instant,
    cpu: std::time::Duration,
    memory: f64,
}

impl Meter {
    fn start(server: u32) -> anyhow::Result<Self> {
        forget_peak(server)?;
        let (memory, cpu) = (resident(server)?, cpu_time(server)?);
        Ok(Self { server, start: Instant::now(), cpu, memory })
    }

    fn read(self) -> anyhow::Result<Transfer> {
        let cpu = cpu_time(self.server)?.checked_sub(self.cpu).context("a thread has ended")?;
        Ok(Transfer {
            seconds: self.start.elapsed().as_secs_f64(),
            server_cpu_seconds: cpu.as_secs_f64(),
            memory: (peak(self.server)? - self.memory).max(0.0) / MB,
        })
    }
}

pub(super) fn run(
    kind: Kind,
    direction: Direction,
    said: &str,
    server: u32,
) -> anyhow::Result<Transfer> {
    runtime()?.block_on(async {
        match kind {
            Kind::Ws => {
                let endpoint = transport_ws::Client::new().endpoint(said)?;
                with_session(&endpoint, direction, server).await
            }
            Kind::Quic => {
                let connection = transport_quic::Client::new().connect(said).await?;
                with_session(&connection, direction, server).await
            }
            Kind::Axum => {
                let meter = Meter::start(server)?;
                let fetch = |request| async { Ok(transport_ws::exchange(said, request).await?) };
                match direction {
                    Direction::Download => download(fetch, "/download").await?,
                    Direction::Upload => upload(fetch, "/upload").await?,
                }
                meter.read()
            }
            Kind::Quinn => {
                let (connection, mut send, mut receive) = quinn::Client::new(said)?.open().await?;
                let transfer = on_stream(&mut receive, &mut send, direction, server, true).await;
                drop(connection);
                transfer
            }
            Kind::Stdio | Kind::Pipe => on_pipes(kind, direction).await,
        }
    })
}

/// The server is a child, whose standard input and output are the pipes.
async fn on_pipes(kind: Kind, direction: Direction) -> anyhow::Result<Transfer> {
    let command = process::pinned(Core::Server)?;
    let arguments = ["bench", PART, "server", kind.name()];
    if kind == Kind::Stdio {
        let child = transport_stdio::Client::new(command.get_program())
            .args(command.get_args())
            .args(arguments)
            .framing(transport_stdio::Framing::Length)
            .spawn()?;
        let id = child.id().context("the server has no process")?;
        return with_session(&child, direction, id).await;
    }
    let mut command = Command::from(command);
    command.args(arguments).stdin(std::process::Stdio::piped());
    let mut child = command.stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn()?;
    let id = child.id().context("the server ended at once")?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (mut stdin, mut stdout) = (stdin.context("no stdin")?, stdout.context("no stdout")?);
    on_stream(&mut stdout, &mut stdin, direction, id, false).await
}

/// In a session that has said and done what every session does.
async fn with_session<C: Connect>(
    connect: &C,
    direction: Direction,
    server: u32,
) -> anyhow::Result<Transfer> {
    let (mut receive, mut transmit) = connect.link().await?.split();
    let mut read = async || -> anyhow::Result<Json> {
        let frame = receive.receive().await?.context("the session ended")?;
        Ok(serde_json::from_slice(frame.as_bytes())?)
    };
    let config = read().await?;
    let session = config["config"]["sessionId"].as_str().context("no config")?.to_owned();
    let mut say =
        async |message: Json| transmit.send(Frame::Text(message.to_string().into())).await;
    say(json!({ "method": "init", "data": {} })).await?;
    let mut response = async |tag: u64| loop {
        let mut frame = read().await?;
        if frame["response"]["tag"] == tag {
            break anyhow::Ok(frame["response"]["value"].take());
        }
    };
    let fetch = |request| async { Ok(connect.exchange(request).await?) };
    // The app is ready once it answers.
    let file = json!({ "name": "bulk", "size": SIZE, "type": "" });
    say(json!({ "method": "uploadInit", "args": [[file]], "tag": 0 })).await?;
    let job = response(0).await?;
    let meter = Meter::start(server)?;
    match direction {
        Direction::Download => {
            download(fetch, &format!("/session/{session}/download/bulk?w=")).await?;
        }
        Direction::Upload => {
            let url = job["uploadUrl"].as_str().context("no job")?;
            upload(fetch, &format!("/{url}")).await?;
            say(json!({ "method": "uploadEnd", "args": [job["jobId"], "file"], "tag": 1 })).await?;
            response(1).await?;
        }
    }
    meter.read()
}

async fn download<F>(fetch: impl Fn(Request) -> F, path: &str) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<session_core::Response>>,
{
    let request = http::Request::get(path).body(Body::empty())?;
    let response = fetch(request).await?;
    ensure!(response.status() == StatusCode::OK, "the download is {}", response.status());
    let mut body = response.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(anyhow::Error::from_boxed)?;
        length += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
    ensure!(length == SIZE, "{length} bytes came");
    Ok(())
}

async fn upload<F>(fetch: impl Fn(Request) -> F, path: &str) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<session_core::Response>>,
{
    let frames =
        stream::iter(chunks()).map(|chunk| Ok::<_, std::io::Error>(http_body::Frame::data(chunk)));
    let mut request = http::Request::new(Body::new(StreamBody::new(frames)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse()?;
    let response = fetch(request).await?;
    ensure!(response.status() == StatusCode::OK, "the upload is {}", response.status());
    Ok(())
}

fn chunks() -> impl Iterator<Item = Bytes> + Send {
    let chunk = Bytes::from(vec![7; CHUNK]);
    (0..SIZE / CHUNK as u64).map(move |_| chunk.clone())
}

/// From a floor that sends and takes bytes.
async fn on_stream<R, W>(
    read: &mut R,
    write: &mut W,
    direction: Direction,
    server: u32,
    ends: bool,
) -> anyhow::Result<Transfer>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let meter = Meter::start(server)?;
    let mut chunk = vec![0; CHUNK];
    match direction {
        Direction::Download => {
            write.write_all(&[DOWNLOAD]).await?;
            let mut left = SIZE;
            while left > 0 {
                let length = read.read(&mut chunk).await?;
                ensure!(length > 0, "the server ended early");
                left -= length as u64;
            }
        }
        Direction::Upload => {
            write.write_all(&[UPLOAD]).await?;
            for chunk in chunks() {
                write.write_all(&chunk).await?;
            }
            if ends {
                write.shutdown().await?;
            }
            read.read_exact(&mut chunk[..1]).await?;
        }
    }
    meter.read()
}
