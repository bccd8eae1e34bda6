//! Bare quinn: the floor of QUIC.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig, TransportConfig,
};
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

const NAME: &str = "localhost";
const ALPN: &[u8] = b"bench";

/// The windows of our transport's defaults: what is compared is what a link costs, not how much it buffers.
fn transport() -> Arc<TransportConfig> {
    let ours = transport_quic::Config::default();
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(ours.max_streams_per_connection.into())
        .max_concurrent_uni_streams(0_u32.into())
        .stream_receive_window(ours.stream_window.into())
        .receive_window(ours.connection_window.into())
        .send_window(ours.send_window.into());
    Arc::new(transport)
}

/// Serves every stream of every connection.
pub(super) async fn serve<F>(stream: fn(SendStream, RecvStream) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let certified = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let certificate = certified.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport());
    let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into())?;
    println!("{} {}", endpoint.local_addr()?, STANDARD.encode(&certificate));
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            while let Ok((send, receive)) = connection.accept_bi().await {
                // A client that is gone is no news here.
                tokio::spawn(async move { drop(stream(send, receive).await) });
            }
        });
    }
    Ok(())
}

/// A client of that.
pub(super) struct Client {
    config: ClientConfig,
    address: SocketAddr,
}

impl Client {
    /// `said` is what the server said: its address and certificate.
    pub(super) fn new(said: &str) -> anyhow::Result<Self> {
        let (address, certificate) = said.split_once(' ').context("no certificate")?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(STANDARD.decode(certificate)?))?;
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        config.transport_config(transport());
        Ok(Self { config, address: address.parse()? })
    }

    /// A connection with a socket of its own, as ours have: a server takes more at a time from a socket that many
    /// share.
    pub(super) async fn open(&self) -> anyhow::Result<(Connection, SendStream, RecvStream)> {
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
        endpoint.set_default_client_config(self.config.clone());
        let connection = endpoint.connect(self.address, NAME)?.await?;
        let (send, receive) = connection.open_bi().await?;
        Ok((connection, send, receive))
    }
}
