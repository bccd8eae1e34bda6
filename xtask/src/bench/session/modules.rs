//! Modules that come and go in one session, each with a value, a calc, an effect and an output.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use session_core::link::{self, Connect, Frame, Link, ReceiveExt, TransmitExt};
use session_core::testing::Client;
use session_core::{App, Interrupt, OutputOptions, Server, Session, SessionHandle, Shared};

use super::everything;
use crate::bench::process::{cpu_time, resident};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cycles {
    /// What one module took of the processor, from its making through a flush to its destruction.
    pub(super) us: f64,
    pub(super) growth_kb: f64,
}

pub(super) fn run(cycles: usize) -> anyhow::Result<Cycles> {
    crate::bench::load::runtime()?.block_on(async {
        let (connector, listener) = link::memory(1 << 20);
        let (entrance, mut handles) = tokio::sync::mpsc::channel(1);
        let app = App::new(move |s| {
            entrance.try_send(s.handle())?;
            Ok(())
        });
        let server = tokio::spawn(Server::new(app).serve(listener, std::future::pending()));
        let (mut receive, mut transmit) = connector.link().await.context("no server")?.split();
        transmit.send(Frame::Text(r#"{"method":"init","data":{}}"#.into())).await?;
        let handle = handles.recv().await.context("no session")?;

        let alive = Arc::new(());
        let mut elapsed = Duration::ZERO;
        let (mut before, mut memory) = (0, 0.0);
        // The first round is for what the session needs once.
        for _ in 0..2 {
            before = count(&handle, &alive).await?;
            memory = resident(std::process::id())?;
            let start = cpu_time(std::process::id())?;
            for _ in 0..cycles {
                let of_module = Arc::clone(&alive);
                handle
                    .run(move |s| make(s, &of_module))
                    .await?
                    .map_err(|interrupt| failed(&interrupt))?;
                handle
                    .run(|s| s.destroy_module("m"))
                    .await?
                    .map_err(|interrupt| failed(&interrupt))?;
                while let Some(frame) = receive.receive().now_or_never() {
                    frame?;
                }
            }
            elapsed = cpu_time(std::process::id())? - start;
        }
        let left = count(&handle, &alive).await?.abs_diff(before);
        ensure!(left == 0, "{left} things of destroyed modules are left");
        let growth = resident(std::process::id())? - memory;
        server.abort();
        Ok(Cycles { us: elapsed.as_secs_f64() * 1e6 / cycles as f64, growth_kb: growth / 1024.0 })
    })
}

/// Modules that have everything a scope can have: made, flushed and destroyed in a session without a server.
pub(super) fn run_everything(cycles: usize) -> anyhow::Result<Cycles> {
    crate::bench::load::runtime()?.block_on(async {
        let mut client = Client::connect(App::new(|_| Ok(()))).await;
        let shared = Shared::new(0);
        let (mut elapsed, mut memory) = (Duration::ZERO, 0.0);
        // The first round is for what the session needs once.
        for _ in 0..2 {
            memory = resident(std::process::id())?;
            let start = cpu_time(std::process::id())?;
            for _ in 0..cycles {
                let shared = shared.clone();
                let made = client.run(move |s| everything::module(s, "m", &shared)).await?;
                made.map_err(|interrupt| failed(&interrupt))?;
                let gone = client.run(|s| s.destroy_module("m")).await?;
                gone.map_err(|interrupt| failed(&interrupt))?;
                client.frames();
            }
            elapsed = cpu_time(std::process::id())? - start;
            client.assert_no_leaks();
        }
        let growth_kb = (resident(std::process::id())? - memory) / 1024.0;
        let us = elapsed.as_secs_f64() * 1e6 / cycles as f64;
        Ok(Cycles { us, growth_kb })
    })
}

/// Everything that is alive in the session, and the closures that hold on to `alive`.
async fn count(handle: &SessionHandle, alive: &Arc<()>) -> anyhow::Result<usize> {
    let counts = handle.run(|s| s.graph().counts()).await?;
    let of_graph = counts.values + counts.calcs + counts.effects + counts.scopes;
    Ok(of_graph + counts.edges + counts.callbacks + Arc::strong_count(alive))
}

fn make(s: &Session<'_>, alive: &Arc<()>) -> session_core::Result<()> {
    let m = s.module("m")?;
    let alive = Arc::clone(alive);
    let value = m.value(1_u64);
    let double = m.calc(move |s| {
        let _of_module = &alive;
        Ok(value.get(s)? * 2)
    });
    m.effect(move |s| double.get(s).map(drop));
    let shown = OutputOptions::default().suspend_when_hidden(false);
    m.output_with("double", shown, move |s| double.get(s))
}

fn failed(interrupt: &Interrupt) -> anyhow::Error {
    anyhow!("a module failed: {interrupt}")
}
