//! The client of both servers: sockets and bytes, so that what it costs is the same and little.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::load::{Load, Peer, measure, measure_every, runtime};
use crate::bench::process::resident;

/// What idle sessions keep.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Idle {
    pub(super) bytes_per_session: f64,
}

/// A number of sessions, each of which sends an update as soon as the last one is answered.
pub(super) fn load(
    address: &str,
    server: u32,
    sessions: usize,
    window: Duration,
) -> anyhow::Result<Load> {
    runtime()?.block_on(async {
        let sessions = open(address, sessions).await?;
        measure(sessions, server, window).await
    })
}

/// A number of sessions that call a handler again and again, so often that the calls of all make `rate` per second.
pub(super) fn calls(
    address: &str,
    server: u32,
    sessions: usize,
    rate: u32,
    window: Duration,
) -> anyhow::Result<Load> {
    runtime()?.block_on(async {
        let callers = open(address, sessions).await?.into_iter().map(Caller::new);
        let period = Duration::from_secs(1) * u32::try_from(sessions)? / rate;
        measure_every(period, callers.collect(), server, window).await
    })
}

/// Sessions that have had one answer and then do nothing.
pub(super) fn idle(address: &str, server: u32, sessions: usize) -> anyhow::Result<Idle> {
    runtime()?.block_on(async {
        // What the server needs once, whoever comes.
        let first = open(address, 10).await?;
        let before = resident(server)?;
        let more = open(address, sessions).await?;
        // The connections' own tasks end behind the handshake.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let grown = resident(server)? - before;
        drop((first, more));
        Ok(Idle { bytes_per_session: grown / sessions as f64 })
    })
}

async fn open(address: &str, sessions: usize) -> anyhow::Result<Vec<Session>> {
    let mut open = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        open.push(Session::open(address).await.context("cannot open a session")?);
    }
    Ok(open)
}

/// One session, initialised, with nothing in flight.
struct Session {
    stream: TcpStream,
    update: Update,
    received: Received,
}

impl Session {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let handshake = format!(
            "GET /websocket/ HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes()).await?;
        let mut received = Received::default();
        while !received.take_head()? {
            received.read(&mut stream).await?;
        }
        let init = r#"{"method":"init","data":{"n":1,".clientdata_output_double_hidden":false}}"#;
        stream.write_all(&frame(init)).await?;
        let mut session = Self { stream, update: Update::new(), received };
        session.answer(1).await?;
        Ok(session)
    }

    /// Waits for the frame that says what follows from `n`.
    async fn answer(&mut self, n: u64) -> anyhow::Result<()> {
        loop {
            while let Some(frame) = self.received.take_frame()? {
                if let Some(double) = double(&self.received.bytes[frame])? {
                    ensure!(double == n * 2, "the double of {n} is {double}");
                    return Ok(());
                }
            }
            self.received.read(&mut self.stream).await?;
        }
    }
}

impl Peer for Session {
    async fn round(&mut self) -> anyhow::Result<()> {
        let n = self.update.next();
        self.stream.write_all(&self.update.frame).await?;
        self.answer(n).await
    }
}

/// The value of the output in a frame, if there is one.
fn double(frame: &[u8]) -> anyhow::Result<Option<u64>> {
    number_after(r#""values":{"double":""#, frame)
}

/// The number behind `lead`, if that is in the frame.
fn number_after(lead: &str, frame: &[u8]) -> anyhow::Result<Option<u64>> {
    let text = std::str::from_utf8(frame)?;
    let Some(start) = text.find(lead) else { return Ok(None) };
    let value = &text[start + lead.len()..];
    let end = value.find(|c: char| !c.is_ascii_digit()).context("a value without an end")?;
    Ok(Some(value[..end].parse()?))
}

/// A session that calls a handler.
struct Caller {
    session: Session,
    tag: u64,
}

impl Caller {
    const fn new(session: Session) -> Self {
        Self { session, tag: 0 }
    }
}

impl Peer for Caller {
    async fn round(&mut self) -> anyhow::Result<()> {
        self.tag += 1;
        let call = format!(r#"{{"method":"add","args":[{},20],"tag":{0}}}"#, self.tag);
        let Session { stream, received, .. } = &mut self.session;
        stream.write_all(&frame(&call)).await?;
        loop {
            while let Some(frame) = received.take_frame()? {
                if let Some(sum) = number_after(r#","value":"#, &received.bytes[frame])? {
                    ensure!(sum == self.tag + 20, "{} and 20 are {sum}", self.tag);
                    return Ok(());
                }
            }
            received.read(stream).await?;
        }
    }
}

/// The frame of an update, in which only the digits change.
struct Update {
    frame: Vec<u8>,
    n: u64,
}

impl Update {
    const SMALLEST: u64 = 100_000;

    fn new() -> Self {
        Self { frame: frame(r#"{"method":"update","data":{"n":100000}}"#), n: Self::SMALLEST }
    }

    fn next(&mut self) -> u64 {
        self.n = if self.n == Self::SMALLEST * 10 - 1 { Self::SMALLEST } else { self.n + 1 };
        let end = self.frame.len() - 2;
        let mut rest = self.n;
        for digit in self.frame[end - 6..end].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        self.n
    }
}

/// A text frame of a client. Its mask is zero: the server takes it off all the same.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    assert!(length < 126, "a text that needs a longer head");
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// What came from the server and is not taken.
struct Received {
    bytes: [u8; 2048],
    start: usize,
    end: usize,
}

impl Default for Received {
    fn default() -> Self {
        Self { bytes: [0; 2048], start: 0, end: 0 }
    }
}

impl Received {
    async fn read(&mut self, stream: &mut TcpStream) -> anyhow::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match stream.read(&mut self.bytes[self.end..]).await? {
            0 => bail!("the server hung up"),
            count => self.end += count,
        }
        Ok(())
    }

    /// Takes the answer to the handshake, if it is whole.
    fn take_head(&mut self) -> anyhow::Result<bool> {
        let bytes = &self.bytes[self.start..self.end];
        let Some(length) = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            return Ok(false);
        };
        ensure!(bytes.starts_with(b"HTTP/1.1 101"), "the server refused the handshake");
        self.start += length + 4;
        Ok(true)
    }

    /// Takes a frame, if it is whole: where its payload is.
    fn take_frame(&mut self) -> anyhow::Result<Option<std::ops::Range<usize>>> {
        let bytes = &self.bytes[self.start..self.end];
        let [first, second, ..] = bytes else { return Ok(None) };
        ensure!(*first == 0x81, "no whole text frame: {first:x}");
        let (head, length) = match (second, bytes) {
            (0..=125, _) => (2, usize::from(*second)),
            (126, [_, _, high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
            (126, _) => return Ok(None),
            _ => bail!("a frame that no output of the bench needs"),
        };
        if bytes.len() < head + length {
            return Ok(None);
        }
        let payload = self.start + head..self.start + head + length;
        self.start = payload.end;
        Ok(Some(payload))
    }
}
