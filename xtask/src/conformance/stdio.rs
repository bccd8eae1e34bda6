use std::process::ExitCode;

use async_trait::async_trait;
use http::HeaderMap;
use session_core::conformance::{Capability, Fixture, ServerRole, serve_child};
use session_core::exchange::BoxError;
use transport_stdio::{Child, Client, Config, bind_with};

/// This program once more, as a child that serves on its stdin and stdout.
pub(super) struct Stdio;

#[async_trait]
impl Fixture for Stdio {
    type Client = Child;

    fn name(&self) -> &'static str {
        "stdio"
    }

    fn lacks(&self) -> Vec<(Capability, &'static str)> {
        vec![
            (Capability::ManyLinks, "a process has one stdin and one stdout"),
            (Capability::Strangers, "only who starts a process has its pipes"),
            (Capability::PeerAddress, "pipes have no addresses"),
        ]
    }

    async fn start(&self, role: ServerRole) -> Result<Child, BoxError> {
        self.start_with(role, HeaderMap::new()).await
    }

    async fn start_with(&self, role: ServerRole, headers: HeaderMap) -> Result<Child, BoxError> {
        let mut client = Client::new(std::env::current_exe()?).max_message_bytes(role.max_frame());
        for (name, value) in &headers {
            client = client.header(name.as_str(), value.to_str()?)?;
        }
        Ok(client.args(role.into_arguments().await?).spawn()?)
    }
}

/// Plays a server's role, when this process is such a child.
pub(super) fn play() -> anyhow::Result<Option<ExitCode>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bind = async {
        let mut config = Config::default();
        config.max_message_bytes = ServerRole::MAX_FRAME;
        Ok(bind_with(&config)?)
    };
    Ok(runtime.block_on(serve_child(bind)))
}
