//! The public suite over a session: its server is the listener's, its client a session of `web-transport-quinn`, with
//! links and exchanges of this crate on its streams.

use std::mem;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use session_core::conformance::{Fixture, ServerRole, Suite};
use session_core::exchange::{BoxError, Request, Response};
use session_core::link::{Connect, PeerInfo};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web_transport_quinn::proto::ConnectRequest;
use web_transport_quinn::{ClientBuilder, ClientError};

use super::Membership;
use crate::error::ConnectError;
use crate::link::{Opener, QuicLink, Rules};
use crate::stream::{Owner, RecvStream, SendStream, StreamError};
use crate::wire::{self, Code, OPEN};
use crate::{Config, bind_with, exchange};

struct WebTransport;

struct Page {
    /// Its end would be that of every stream. A server that refuses it says so to whoever wants a stream of it.
    session: Result<web_transport_quinn::Session, ClientError>,
    over: CancellationToken,
    streams: TaskTracker,
    rules: Rules,
}

#[async_trait]
impl Fixture for WebTransport {
    type Client = Page;

    fn name(&self) -> &'static str {
        "webtransport"
    }

    async fn start(&self, role: ServerRole) -> Result<Page, BoxError> {
        self.start_with(role, HeaderMap::new()).await
    }

    async fn start_with(&self, role: ServerRole, headers: HeaderMap) -> Result<Page, BoxError> {
        let mut config = Config::new("127.0.0.1:0");
        config.max_message_bytes = role.max_frame();
        let listener = bind_with(config).await?;
        let hashes = vec![listener.certificate_hash().to_vec()];
        let url = listener.webtransport_url().parse::<url::Url>()?;
        let linger = Duration::from_secs(5);
        let rules = Rules { opener: Opener::Us, max_message: role.max_frame(), linger };
        role.serve(listener);
        let client = ClientBuilder::new().with_server_certificate_hashes(hashes)?;
        Ok(Page {
            session: client.connect(ConnectRequest::new(url).with_headers(headers)).await,
            over: CancellationToken::new(),
            streams: TaskTracker::new(),
            rules,
        })
    }

    async fn disturb(&self, page: &Page) -> Result<(), BoxError> {
        // Of a session that is not there, no frame of HTTP/3, the head of a request that never comes.
        for garbage in [&[0x40, 0x41, 0x3f, 1][..], &[0xff; 64], &[1, 0x40]] {
            let (mut send, _recv) = page.connection()?.open_bi().await?;
            send.write_all(garbage).await?;
        }
        Ok(())
    }
}

impl Page {
    fn connection(&self) -> Result<&quinn::Connection, ConnectError> {
        match &self.session {
            Ok(session) => Ok(session),
            Err(error) => Err(ConnectError::Io(std::io::Error::other(error.clone()))),
        }
    }

    async fn open(&self) -> Result<(SendStream, RecvStream), ConnectError> {
        let (mut send, recv) = self.connection()?.open_bi().await.map_err(StreamError::from)?;
        // A stream of the session that the first stream of the connection has asked for.
        send.write_all(&[0x40, 0x41, 0]).await.map_err(StreamError::from)?;
        let owner = || Owner::Session(Membership::new(self.over.clone()));
        Ok((SendStream::new(send, owner()), RecvStream::new(recv, owner())))
    }
}

#[async_trait]
impl Connect for Page {
    type Link = QuicLink;
    type Error = ConnectError;

    async fn link(&self) -> Result<QuicLink, ConnectError> {
        let token = self.streams.token();
        let (mut send, recv) = self.open().await?;
        send.write_all(wire::head(OPEN, br#"{"path":"/"}"#)?).await?;
        let peer = PeerInfo::new(Some(self.connection()?.remote_address()), None);
        Ok(QuicLink::new((send, recv), Bytes::new(), peer, self.rules, token))
    }

    async fn exchange(&self, request: Request) -> Result<Response, ConnectError> {
        let token = self.streams.token();
        exchange::ask(self.open().await?, request, token).await
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let Ok(session) = &self.session else { return };
        let session = session.clone();
        let streams = mem::take(&mut self.streams);
        Handle::current().spawn(async move {
            streams.close();
            streams.wait().await;
            quinn::Connection::close(&session, Code::Done.into(), b"");
            drop(session);
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_law_of_the_public_suite_is_kept_over_webtransport() {
    let results = Suite::new().with(WebTransport).run(|_| {}).await;
    let broken: Vec<_> = results.iter().filter(|tried| !tried.outcome.is_fine()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(!results.is_empty());
}
