//! The echoes: ours, and the floors.

use std::io::{Read, Write};

use ::quinn::{RecvStream, SendStream};
use anyhow::{Context, bail};
use bytes::BytesMut;
use session_core::link::{Incoming, Link, Listener, Receive, ReceiveExt, TransmitExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bench::{load::runtime, quinn};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ws,
    Tcp,
    Quic,
    Quinn,
    Stdio,
    Pipe,
}

const KINDS: [Kind; 6] = [Kind::Ws, Kind::Tcp, Kind::Quic, Kind::Quinn, Kind::Stdio, Kind::Pipe];

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Tcp => "tcp",
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

/// The largest message, in bytes.
pub(super) const MAX_MESSAGE: usize = 2 << 20;

/// Serves until the standard input ends.
pub(super) fn run(kind: Kind) -> anyhow::Result<()> {
    if kind == Kind::Pipe {
        return pipe();
    }
    runtime()?.block_on(async {
        if kind == Kind::Stdio {
            let config = transport_stdio::Config::default()
                .framing(transport_stdio::Framing::Length)
                .max_message_bytes(MAX_MESSAGE);
            return serve(transport_stdio::bind_with(&config)?).await;
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
            let mut config = transport_ws::Config::new("127.0.0.1:0");
            config.max_message_bytes = MAX_MESSAGE;
            let listener = transport_ws::bind_with(config).await?;
            println!("{}", listener.address());
            serve(listener).await
        }
        Kind::Quic => {
            let mut config = transport_quic::Config::new("127.0.0.1:0");
            config.max_message_bytes = MAX_MESSAGE;
            let listener = transport_quic::bind_with(config).await?;
            println!("{}", listener.address());
            serve(listener).await
        }
        Kind::Tcp => tcp().await,
        Kind::Quinn => quinn::serve(echo_stream).await,
        Kind::Stdio | Kind::Pipe => bail!("{} listens nowhere", kind.name()),
    }
}

/// Ours: every frame back as it came.
async fn serve<L: Listener>(mut listener: L) -> anyhow::Result<()> {
    while let Some(incoming) = listener.accept().await {
        if let Incoming::Link(link) = incoming {
            // A client that is gone is no news here.
            tokio::spawn(async { drop(echo(link).await) });
        }
    }
    listener.finish().await;
    Ok(())
}

async fn echo<L: Link>(link: L) -> anyhow::Result<()> {
    let (mut receive, mut transmit) = link.split();
    while let Some(frame) = receive.receive().await? {
        transmit.send(frame).await?;
    }
    if let Some(reason) = receive.close_reason() {
        transmit.close(reason.clone()).await?;
    }
    Ok(())
}

async fn tcp() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async { drop(echo_pieces(stream).await) });
    }
}

/// The least that echoes pieces of a known length over a stream.
async fn echo_pieces(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> anyhow::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        while buffer.len() < 4 || buffer.len() < 4 + length(&buffer) {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let piece = buffer.split_to(4 + length(&buffer));
        stream.write_all(&piece).await?;
    }
}

/// The length that a piece begins with.
fn length(piece: &[u8]) -> usize {
    piece.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize)
}

/// The same over a bare QUIC stream.
async fn echo_stream(mut send: SendStream, mut receive: RecvStream) -> anyhow::Result<()> {
    let mut piece = vec![0; 4];
    loop {
        receive.read_exact(&mut piece[..4]).await?;
        let end = 4 + length(&piece);
        piece.resize(end, 0);
        receive.read_exact(&mut piece[4..]).await?;
        send.write_all(&piece).await?;
    }
}

/// The least that echoes pieces over pipes.
fn pipe() -> anyhow::Result<()> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut piece = vec![0; 4];
    while input.read_exact(&mut piece[..4]).is_ok() {
        let end = 4 + length(&piece);
        piece.resize(end.max(4), 0);
        input.read_exact(&mut piece[4..])?;
        output.write_all(&piece)?;
        output.flush()?;
    }
    Ok(())
}
