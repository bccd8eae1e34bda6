//! The laws of the public suite, kept by the reference.

#![allow(clippy::print_stdout, reason = "a test that takes seconds says how far it is")]

use session_core::conformance::{Memory, Suite};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_every_law() {
    let results = Suite::new().with(Memory).run(|tried| println!("{tried}")).await;
    let broken: Vec<_> = results.iter().filter(|tried| !tried.outcome.is_fine()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}
