//! A transport written against the public API alone, and what the suite says of it.
//!
//! It is also the guide to writing one: `session_core::conformance::guide` shows its source.

#![cfg(unix)]
#![allow(unreachable_pub, reason = "the transport is written as the crate it would be")]
#![allow(clippy::print_stdout, reason = "a test that takes seconds says how far it is")]
#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod transport;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use session_core::conformance::{Capability, Fixture, ServerRole, Suite};
use session_core::exchange::BoxError;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use transport::UnixClient;

/// Each law has a path of its own, in a folder that goes with the fixture.
struct Unix {
    folder: tempfile::TempDir,
    count: AtomicUsize,
}

impl Unix {
    fn path(&self) -> PathBuf {
        self.folder.path().join(self.count.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

#[async_trait]
impl Fixture for Unix {
    type Client = UnixClient;

    fn name(&self) -> &'static str {
        "unix"
    }

    fn lacks(&self) -> Vec<(Capability, &'static str)> {
        vec![
            (Capability::PeerAddress, "the peers of a Unix domain socket have none"),
            (Capability::Headers, "what opens a link is a record with nothing in it"),
        ]
    }

    async fn start(&self, role: ServerRole) -> Result<UnixClient, BoxError> {
        let path = self.path();
        let client = UnixClient::new(&path, role.max_frame());
        role.serve(transport::bind(path, client.max_frame())?);
        Ok(client)
    }

    async fn disturb(&self, client: &UnixClient) -> Result<(), BoxError> {
        // Nothing; half a header; more than a head may have; a kind that a connection does not begin with.
        for garbage in [&b""[..], b"\x10\0", b"\x11\xff\xff\xff\xff", b"\0\0\0\0\x05hello"] {
            UnixStream::connect(client.path()).await?.write_all(garbage).await?;
        }
        // And one that stays.
        let silent = UnixStream::connect(client.path()).await?;
        tokio::spawn(async move { silent.readable().await });
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transport_of_a_stranger_keeps_every_law() {
    let unix = Unix { folder: tempfile::tempdir().unwrap(), count: AtomicUsize::new(0) };
    let results = Suite::new().with(unix).run(|tried| println!("{tried}")).await;
    let broken: Vec<_> = results.iter().filter(|tried| !tried.outcome.is_fine()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}
