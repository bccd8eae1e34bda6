//! A server without sessions: echoes the frames of its link and the bodies of its requests, and gives bodies of any
//! length. For measuring, and for the tests of this crate.
//!
//! | argument | what |
//! |---|---|
//! | `--length` | records with a length instead of lines |
//! | `--prints` | also prints to stdout in every way there is |
//! | `--deaf` | does not end when its input does |
#![allow(clippy::print_stdout, reason = "to show where it goes")]

use std::process::Command;

use bytes::Bytes;
use session_core::exchange::{Body, Exchange, Response};
use session_core::link::{Incoming, Link, Listener, ReceiveExt, TransmitExt};
use transport_stdio::{Config, Framing, StdioLink};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let framing = if has("--length") { Framing::Length } else { Framing::Lines };
    let config = Config::default().framing(framing).max_message_bytes(16 << 20);
    let mut listener = transport_stdio::bind_with(&config)?;
    if has("--prints") {
        println!("printed by Rust");
        Command::new("sh").args(["-c", "echo printed by a child"]).status()?;
        let mut stdin = String::new();
        assert_eq!(std::io::stdin().read_line(&mut stdin)?, 0, "stdin belongs to the wire");
        assert!(matches!(transport_stdio::bind(), Err(transport_stdio::BindError::InUse)));
    }
    while let Some(incoming) = listener.accept().await {
        match incoming {
            Incoming::Link(link) => drop(tokio::spawn(echo(link))),
            Incoming::Exchange(exchange) => answer(exchange),
            _ => {}
        }
    }
    if has("--deaf") {
        std::future::pending::<()>().await;
    }
    listener.finish().await;
    Ok(())
}

async fn echo(link: StdioLink) {
    let (mut receive, mut transmit) = link.split();
    loop {
        match receive.receive().await {
            Ok(Some(frame)) => {
                if transmit.send(frame).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                if let Some(reason) = error.close_reason() {
                    let _ = transmit.close(reason).await;
                }
                return;
            }
        }
    }
}

/// `/download?bytes=N` gives as many zeros; everything else echoes the body.
fn answer(exchange: Exchange) {
    let (request, responder) = exchange.into_parts();
    let body = match request.uri().query().and_then(|query| query.strip_prefix("bytes=")) {
        Some(bytes) => Body::new(Zeros(bytes.parse().unwrap_or_default())),
        None => request.into_body(),
    };
    responder.respond(Response::new(body));
}

struct Zeros(usize);

impl http_body::Body for Zeros {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let length = self.0.min(ZEROS.len());
        self.0 -= length;
        let piece = || Ok(http_body::Frame::data(Bytes::from_static(&ZEROS[..length])));
        std::task::Poll::Ready((length > 0).then(piece))
    }
}
