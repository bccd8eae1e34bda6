//! The clients of the echoes. Each transport is asked through its own client half; what that costs is not measured.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use session_core::link::{Connect, Frame, Link, ReceiveExt, TransmitExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::PART;
use super::server::{Kind, MAX_MESSAGE};
use crate::bench::load::{Load, Peer, measure, runtime};
use crate::bench::process::{self, Core, resident};
use crate::bench::quinn;

pub(super) fn load(
    kind: Kind,
    said: &str,
    server: u32,
    bytes: usize,
    peers: usize,
    window: Duration,
) -> anyhow::Result<Load> {
    runtime()?.block_on(async {
        match kind {
            Kind::Stdio | Kind::Pipe => on_pipes(kind, bytes, window).await,
            _ => measure(open(kind, said, bytes, peers).await?, server, window).await,
        }
    })
}

/// Bytes that the server keeps for each connection that has had one echo and then does nothing.
pub(super) fn idle(kind: Kind, said: &str, server: u32, connections: usize) -> anyhow::Result<f64> {
    runtime()?.block_on(async {
        // What the server needs once, whoever comes.
        let first = open(kind, said, 100, 10).await?;
        let before = resident(server)?;
        let more = open(kind, said, 100, connections).await?;
        // What the handshakes needed is given back behind them.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let grown = resident(server)? - before;
        drop((first, more));
        Ok(grown / connections as f64)
    })
}

/// Peers that have had one echo each.
async fn open(
    kind: Kind,
    said: &str,
    bytes: usize,
    peers: usize,
) -> anyhow::Result<Vec<Box<dyn AnyPeer>>> {
    let mut open: Vec<Box<dyn AnyPeer>> = Vec::with_capacity(peers);
    let quinn = (kind == Kind::Quinn).then(|| quinn::Client::new(said)).transpose()?;
    for _ in 0..peers {
        let mut peer: Box<dyn AnyPeer> = match (kind, &quinn) {
            (Kind::Ws, _) => {
                let client = transport_ws::Client::new().max_message_bytes(MAX_MESSAGE);
                Box::new(Linked::new(client.endpoint(said)?.link().await?, (), bytes))
            }
            (Kind::Quic, _) => {
                // A connection each, as that is what a user has.
                let client = transport_quic::Client::new().max_message_bytes(MAX_MESSAGE);
                let connection = client.connect(said).await?;
                Box::new(Linked::new(connection.link().await?, connection, bytes))
            }
            (Kind::Quinn, Some(client)) => {
                let (connection, send, receive) = client.open().await?;
                Box::new(Pieces::new(receive, send, connection, bytes))
            }
            _ => {
                let stream = TcpStream::connect(said).await?;
                stream.set_nodelay(true)?;
                let (read, write) = stream.into_split();
                Box::new(Pieces::new(read, write, (), bytes))
            }
        };
        peer.round_boxed().await.context("no echo")?;
        open.push(peer);
    }
    Ok(open)
}

/// The server is a child, whose standard input and output are the pipes.
async fn on_pipes(kind: Kind, bytes: usize, window: Duration) -> anyhow::Result<Load> {
    let command = process::pinned(Core::Server)?;
    let arguments = ["bench", PART, "server", kind.name()];
    if kind == Kind::Stdio {
        let child = transport_stdio::Client::new(command.get_program())
            .args(command.get_args())
            .args(arguments)
            .framing(transport_stdio::Framing::Length)
            .max_message_bytes(MAX_MESSAGE)
            .spawn()?;
        let id = child.id().context("the echo has no process")?;
        let link = child.link().await?;
        let peer: Box<dyn AnyPeer> = Box::new(Linked::new(link, child, bytes));
        return measure(vec![peer], id, window).await;
    }
    let mut command = Command::from(command);
    command
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    let id = child.id().context("the echo ended at once")?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (stdin, stdout) = (stdin.context("no stdin")?, stdout.context("no stdout")?);
    let peer: Box<dyn AnyPeer> = Box::new(Pieces::new(stdout, stdin, child, bytes));
    measure(vec![peer], id, window).await
}

/// A [`Peer`] of any kind.
trait AnyPeer: Send {
    fn round_boxed(
        &mut self,
    ) -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + '_>>;
}

impl<P: Peer> AnyPeer for P {
    fn round_boxed(
        &mut self,
    ) -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + '_>> {
        Box::pin(self.round())
    }
}

impl Peer for Box<dyn AnyPeer> {
    async fn round(&mut self) -> anyhow::Result<()> {
        (**self).round_boxed().await
    }
}

/// One of ours. `hold` keeps alive what the link is part of.
struct Linked<L: Link, H> {
    receive: L::Receive,
    transmit: L::Transmit,
    frame: Frame,
    _hold: H,
}

impl<L: Link, H> Linked<L, H> {
    fn new(link: L, hold: H, bytes: usize) -> Self {
        let (receive, transmit) = link.split();
        let frame = Frame::Binary(Bytes::from(vec![7; bytes]));
        Self { receive, transmit, frame, _hold: hold }
    }
}

impl<L: Link, H: Send + 'static> Peer for Linked<L, H> {
    async fn round(&mut self) -> anyhow::Result<()> {
        self.transmit.send(self.frame.clone()).await?;
        let echo = self.receive.receive().await?.context("the link ended")?;
        ensure!(echo.as_bytes().len() == self.frame.as_bytes().len(), "another frame came back");
        Ok(())
    }
}

/// One of a floor.
struct Pieces<R, W, H> {
    read: R,
    write: W,
    piece: Vec<u8>,
    echo: Vec<u8>,
    _hold: H,
}

impl<R, W, H> Pieces<R, W, H> {
    fn new(read: R, write: W, hold: H, bytes: usize) -> Self {
        let mut piece = (bytes as u32).to_be_bytes().to_vec();
        piece.resize(4 + bytes, 7);
        Self { read, write, echo: vec![0; piece.len()], piece, _hold: hold }
    }
}

impl<R, W, H> Peer for Pieces<R, W, H>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
    H: Send + 'static,
{
    async fn round(&mut self) -> anyhow::Result<()> {
        let Self { read, write, piece, echo, _hold } = self;
        // A piece larger than the buffers on the way must be read while it is written.
        tokio::try_join!(
            async {
                write.write_all(piece).await?;
                write.flush().await
            },
            async { read.read_exact(echo).await.map(drop) },
        )?;
        ensure!(echo == piece, "another piece came back");
        Ok(())
    }
}
