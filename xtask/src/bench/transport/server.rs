//! The echoes: ours, and the floors.

use anyhow::Context;
use bytes::BytesMut;
use session_core::link::{Incoming, Link, Listener, Receive, ReceiveExt, TransmitExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bench::load::runtime;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ws,
    Tcp,
    Quic,
    Quinn,
}

const KINDS: [Kind; 4] = [Kind::Ws, Kind::Tcp, Kind::Quic, Kind::Quinn];

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Tcp => "tcp",
            Self::Quic => "quic",
            Self::Quinn => "quinn",
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
    runtime()?.block_on(async {
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
        Kind::Quinn => super::quinn::serve().await,
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
pub(super) fn length(piece: &[u8]) -> usize {
    piece.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize)
}
