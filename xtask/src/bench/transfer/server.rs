//! The servers: ours, and the floors.

use std::io::{Read, Write};
use std::path::Path;

use ::quinn::{RecvStream, SendStream};
use anyhow::{Context, bail, ensure};
use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use session_core::link::Listener;
use session_core::{App, Download, Limits, Server};
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::net::TcpListener;

use super::{CHUNK, SIZE};
use crate::bench::{load::runtime, quinn};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ws,
    Axum,
    Quic,
    Quinn,
    Stdio,
    Pipe,
}

const KINDS: [Kind; 6] = [Kind::Ws, Kind::Axum, Kind::Quic, Kind::Quinn, Kind::Stdio, Kind::Pipe];

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Axum => "axum",
            Self::Quic => "quic",
            Self::Quinn => "quinn",
            Self::Stdio => "stdio",
            Self::Pipe => "pipe",
        }
    }

    pub(super) fn parse(name: &str) -> anyhow::Result<Self> {
        let kind = KINDS.into_iter().find(|kind| kind.name() == name);
        kind.with_context(|| format!("no server: {name}"))
    }
}

/// What the floors on a stream are asked for: their first byte.
pub(super) const DOWNLOAD: u8 = b'd';
pub(super) const UPLOAD: u8 = b'u';

/// Serves until the standard input ends.
pub(super) fn run(kind: Kind) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    if kind == Kind::Pipe {
        return pipe(folder.path());
    }
    runtime()?.block_on(async {
        if kind == Kind::Stdio {
            let config =
                transport_stdio::Config::default().framing(transport_stdio::Framing::Length);
            return ours(transport_stdio::bind_with(&config)?).await;
        }
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            drop(ended);
        });
        tokio::select! {
            served = listen(kind) => served,
            _ = end => Ok(()),
        }
    })
}

async fn listen(kind: Kind) -> anyhow::Result<()> {
    match kind {
        Kind::Ws => {
            let listener = transport_ws::bind("127.0.0.1:0").await?;
            println!("{}", listener.address());
            ours(listener).await
        }
        Kind::Quic => {
            let listener = transport_quic::bind("127.0.0.1:0").await?;
            println!("{}", listener.address());
            ours(listener).await
        }
        Kind::Axum => plain_axum().await,
        Kind::Quinn => quinn::serve(answer_stream).await,
        Kind::Stdio | Kind::Pipe => bail!("{} listens nowhere", kind.name()),
    }
}

/// The chunks of a download.
fn chunks() -> impl Iterator<Item = Bytes> + Send {
    static ZEROS: [u8; CHUNK] = [0; CHUNK];
    (0..SIZE / CHUNK as u64).map(|_| Bytes::from_static(&ZEROS))
}

/// A session with a download and an upload.
async fn ours<L: Listener>(listener: L) -> anyhow::Result<()> {
    let app = App::new(|s| {
        s.download("bulk", Download::stream(|_| Ok(stream::iter(chunks().map(Ok))))).map(drop)
    });
    let mut limits = Limits::default();
    limits.upload_file_bytes = usize::try_from(SIZE)?;
    Server::new(app).limits(limits).serve(listener, std::future::pending()).await;
    Ok(())
}

async fn plain_axum() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    let download = get(|| async {
        axum::body::Body::from_stream(stream::iter(chunks().map(Ok::<_, std::io::Error>)))
    });
    let upload = post(|request: axum::extract::Request| async {
        let body = request.into_body().into_data_stream().err_into();
        store(body).await.map_err(|error| error.to_string())
    });
    let router = Router::new().route("/download", download).route("/upload", upload);
    Ok(axum::serve(listener, router).await?)
}

async fn store(
    body: impl futures_util::Stream<Item = anyhow::Result<Bytes>>,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = tokio::fs::File::create(folder.path().join("0")).await?;
    let mut file = BufWriter::with_capacity(CHUNK, file);
    let mut body = std::pin::pin!(body);
    let mut length = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        length += chunk.len() as u64;
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    ensure!(length == SIZE, "{length} bytes came");
    Ok(())
}

async fn answer_stream(mut send: SendStream, mut receive: RecvStream) -> anyhow::Result<()> {
    let mut asked = [0];
    receive.read_exact(&mut asked).await?;
    if asked[0] == DOWNLOAD {
        for chunk in chunks() {
            send.write_chunk(chunk).await?;
        }
    } else {
        let chunks = stream::try_unfold(receive, |mut receive| async {
            let chunk = receive.read_chunk(CHUNK, true).await?;
            anyhow::Ok(chunk.map(|chunk| (chunk.bytes, receive)))
        });
        store(chunks).await?;
        send.write_all(&[UPLOAD]).await?;
    }
    send.finish()?;
    // Until the client has it.
    send.stopped().await?;
    Ok(())
}

/// The least that does it over pipes.
fn pipe(folder: &Path) -> anyhow::Result<()> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut asked = [0];
    input.read_exact(&mut asked)?;
    if asked[0] == DOWNLOAD {
        for chunk in chunks() {
            output.write_all(&chunk)?;
        }
    } else {
        let mut file = std::fs::File::create(folder.join("0"))?;
        let mut chunk = vec![0; CHUNK];
        let mut left = SIZE;
        while left > 0 {
            let length = input.read(&mut chunk)?;
            ensure!(length > 0, "the pipe ended early");
            file.write_all(&chunk[..length])?;
            left -= length as u64;
        }
        output.write_all(&[UPLOAD])?;
    }
    output.flush()?;
    // The client measures before it lets go.
    let _ = input.read(&mut asked)?;
    Ok(())
}
