//! The two servers: a session with one input, one calc and one output, and the least that answers the same.

use std::borrow::Cow;
use std::fmt::Write;
use std::future::poll_fn;
use std::task::ready;

use anyhow::bail;
use bytes::BytesMut;
use serde::Deserialize;
use session_core::link::{
    CloseCode, Frame, Incoming, Link, Listener, Receive, ReceiveExt, Text, Transmit, TransmitExt,
};
use session_core::{App, Server, Shared};
use transport_ws::{WsLink, WsListener};

use super::everything;

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Ours,
    /// Ours, and everything that a session can have.
    Full,
    Floor,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Full => "full",
            Self::Floor => "floor",
        }
    }

    pub(super) fn parse(name: &str) -> anyhow::Result<Self> {
        match name {
            "ours" => Ok(Self::Ours),
            "full" => Ok(Self::Full),
            "floor" => Ok(Self::Floor),
            _ => bail!("no server: {name}"),
        }
    }
}

/// Serves until the standard input ends.
pub(super) fn run(kind: Kind) -> anyhow::Result<()> {
    crate::bench::load::runtime()?.block_on(async {
        let listener = transport_ws::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr().map_or_else(String::new, |at| at.to_string()));
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            drop(ended);
        });
        match kind {
            Kind::Ours | Kind::Full => {
                let app = app(matches!(kind, Kind::Full));
                Server::new(app).serve(listener, async { drop(end.await) }).await;
            }
            Kind::Floor => tokio::select! {
                () = floor(listener) => {}
                _ = end => {}
            },
        }
        Ok(())
    })
}

fn app(full: bool) -> App {
    let shared = Shared::new(0);
    App::new(move |s| {
        if full {
            everything::module(s, "m", &shared)?;
        }
        let n = s.input::<u64>("n")?;
        let double = s.calc(move |s| Ok(n.get(s)? * 2));
        s.output("double", move |s| Ok(double.get(s)?.to_string()))?;
        s.set_message_handler("add", |_, (a, b): (u64, u64)| Ok(a + b))?;
        Ok(())
    })
}

async fn floor(mut listener: WsListener) {
    while let Some(incoming) = listener.accept().await {
        if let Incoming::Link(link) = incoming {
            // A client that is gone is no news here.
            tokio::spawn(async { drop(answer(link).await) });
        }
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(default)]
    data: Data,
    args: Option<(u64, u64)>,
    tag: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Data {
    n: Option<u64>,
}

/// Answers the messages of one link, with the frames that a session sends.
async fn answer(link: WsLink) -> anyhow::Result<()> {
    let (mut receive, mut transmit) = link.split();
    let config = r#"{"config":{"workerId":"","sessionId":"","user":null}}"#;
    transmit.send(Frame::Text(config.into())).await?;
    let mut buffer = BytesMut::new();
    while let Some(frame) = receive.receive().await? {
        let Frame::Text(text) = frame else { bail!("a binary frame") };
        let message: Message<'_> = serde_json::from_str(text.as_str())?;
        if let (Some((a, b)), Some(tag)) = (message.args, message.tag) {
            write!(buffer, r#"{{"response":{{"tag":{tag},"value":{}}}}}"#, a + b)?;
            let text = Text::try_from(buffer.split().freeze())?;
            transmit.send(Frame::Text(text)).await?;
            continue;
        }
        let Some(n) = message.data.n else { continue };
        let double = n * 2;
        let mut frames = [None, None, None];
        if message.method == "update" {
            buffer.write_str(
                r#"{"progress":{"type":"binding","message":{"id":"double"}},"busy":"busy"}"#,
            )?;
            frames[0] = Some(buffer.split().freeze());
        }
        buffer.write_str(r#"{"recalculating":{"name":"double","status":"recalculating"}}"#)?;
        frames[1] = Some(buffer.split().freeze());
        write!(
            buffer,
            r#"{{"recalculating":{{"name":"double","status":"recalculated"}},"busy":"idle","values":{{"double":"{double}"}},"errors":{{}},"inputMessages":[]}}"#,
        )?;
        frames[2] = Some(buffer.split().freeze());
        let mut frames = frames.into_iter().flatten();
        let mut next = frames.next();
        poll_fn(|cx| {
            while next.is_some() {
                ready!(transmit.poll_ready(cx))?;
                if let Some(frame) = next.take() {
                    let Ok(text) = Text::try_from(frame) else { continue };
                    transmit.start_send(Frame::Text(text))?;
                }
                next = frames.next();
            }
            transmit.poll_flush(cx)
        })
        .await?;
    }
    let reason = receive.close_reason().cloned().unwrap_or_else(|| CloseCode::NORMAL.into());
    transmit.close(reason).await?;
    Ok(())
}
