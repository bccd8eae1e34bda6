//! Round trips, one in flight for each peer, and what they cost the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::process::cpu_time;

/// How long a load runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// What a load came to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    round_trips: usize,
    seconds: f64,
    server_cpu_seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Load {
    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.round_trips as f64 / self.server_cpu_seconds
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.round_trips as f64 / self.seconds
    }
}

/// Somebody who asks and waits for the answer.
pub(crate) trait Peer: Send + 'static {
    /// Once.
    fn round(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

const WARMING_UP: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// Lets every peer ask as soon as it is answered, for a while after a warm-up.
pub(crate) async fn measure<P: Peer>(
    peers: Vec<P>,
    server: u32,
    window: Duration,
) -> anyhow::Result<Load> {
    measure_every(Duration::ZERO, peers, server, window).await
}

/// Lets every peer ask once per `period`, or later when it is answered later. A question that had to wait for its turn
/// has waited: what the answers before it took too long counts as its own.
pub(crate) async fn measure_every<P: Peer>(
    period: Duration,
    peers: Vec<P>,
    server: u32,
    window: Duration,
) -> anyhow::Result<Load> {
    let count = u32::try_from(peers.len())?;
    let phase = Arc::new(AtomicU8::new(WARMING_UP));
    let mut tasks = JoinSet::new();
    let first = Instant::now();
    for (index, peer) in (0..).zip(peers) {
        // Not all at once.
        let first = first + period * index / count;
        tasks.spawn(rounds(peer, first, period, Arc::clone(&phase)));
    }
    tokio::time::sleep(WARM_UP).await;
    let (start, cpu) = (Instant::now(), cpu_time(server)?);
    phase.store(MEASURED, Relaxed);
    tokio::time::sleep(window).await;
    phase.store(OVER, Relaxed);
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_time(server)? - cpu);
    let mut nanos = Vec::new();
    while let Some(latencies) = tasks.join_next().await {
        nanos.extend(latencies??);
    }
    nanos.sort_unstable();
    let percentile = |percent: usize| -> anyhow::Result<f64> {
        let nanos = nanos.get(nanos.len() * percent / 100).context("no round trip at all")?;
        Ok(f64::from(*nanos) / 1000.0)
    };
    Ok(Load {
        round_trips: nanos.len(),
        seconds,
        server_cpu_seconds: cpu.as_secs_f64(),
        p50_us: percentile(50)?,
        p99_us: percentile(99)?,
    })
}

/// The nanoseconds that the measured rounds took.
async fn rounds<P: Peer>(
    mut peer: P,
    mut turn: Instant,
    period: Duration,
    phase: Arc<AtomicU8>,
) -> anyhow::Result<Vec<u32>> {
    let mut latencies = Vec::new();
    loop {
        let mut start = Instant::now();
        if !period.is_zero() {
            if start < turn {
                // The clock of a task ticks in milliseconds, which is not the server's fault.
                tokio::time::sleep_until(turn.into()).await;
                start = Instant::now();
            } else {
                start = turn;
            }
            turn += period;
        }
        peer.round().await?;
        match phase.load(Relaxed) {
            WARMING_UP => {}
            MEASURED => {
                latencies.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
            }
            _ => return Ok(latencies),
        }
    }
}

/// One thread, so that a process is one core's.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
