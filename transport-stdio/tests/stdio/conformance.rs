use async_trait::async_trait;
use http::HeaderMap;
use session_core::conformance::{Capability, Fixture, ServerRole, Suite};
use session_core::exchange::BoxError;
use transport_stdio::{Child, Client, Config, Framing};

use crate::support::pair_of;

struct Pipes(Framing);

#[async_trait]
impl Fixture for Pipes {
    type Client = Child;

    fn name(&self) -> &'static str {
        match self.0 {
            Framing::Length => "length",
            _ => "lines",
        }
    }

    fn lacks(&self) -> Vec<(Capability, &'static str)> {
        vec![
            (Capability::ManyLinks, "a process has one stdin and one stdout, so one link"),
            (Capability::PeerAddress, "a pipe has no address"),
            (Capability::Strangers, "nobody but its parent reaches the pipes of a process"),
        ]
    }

    async fn start(&self, role: ServerRole) -> Result<Child, BoxError> {
        self.start_with(role, HeaderMap::new()).await
    }

    async fn start_with(&self, role: ServerRole, headers: HeaderMap) -> Result<Child, BoxError> {
        let mut client = Client::new("");
        for (name, value) in &headers {
            client = client.header(name.as_str(), value.to_str()?)?;
        }
        let config = Config::default().framing(self.0).max_message_bytes(role.max_frame());
        let (child, listener) = pair_of(client, &config);
        role.serve(listener);
        Ok(child)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_law_of_the_public_suite_is_kept_in_both_formats() {
    let suite = Suite::new().with(Pipes(Framing::Lines)).with(Pipes(Framing::Length));
    let results = suite.run(|_| {}).await;
    for tried in &results {
        eprintln!("{tried:?}");
    }
    let broken: Vec<_> = results.iter().filter(|tried| !tried.outcome.is_fine()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(!results.is_empty());
}
