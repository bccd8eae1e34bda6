use async_trait::async_trait;
use http::HeaderMap;

use super::{Capability, Fixture, ServerRole};
use crate::exchange::BoxError;
use crate::link::{self, Connector};

/// The reference: links in memory.
#[derive(Debug, Clone, Copy)]
pub struct Memory;

#[async_trait]
impl Fixture for Memory {
    type Client = Connector;

    fn name(&self) -> &'static str {
        "memory"
    }

    fn lacks(&self) -> Vec<(Capability, &'static str)> {
        vec![
            (Capability::Strangers, "nobody gets at memory uninvited"),
            (Capability::PeerAddress, "memory has no addresses"),
        ]
    }

    async fn start(&self, role: ServerRole) -> Result<Connector, BoxError> {
        let (connector, listener) = link::memory(role.max_frame());
        role.serve(listener);
        Ok(connector)
    }

    async fn start_with(
        &self,
        role: ServerRole,
        headers: HeaderMap,
    ) -> Result<Connector, BoxError> {
        let mut request = http::Request::new(());
        *request.headers_mut() = headers;
        Ok(self.start(role).await?.request(request.into_parts().0))
    }
}
