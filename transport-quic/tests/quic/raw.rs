//! A client that speaks QUIC by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use transport_quic::Config;

use crate::support::{config, within};

pub(crate) const TEXT: u8 = 0;
pub(crate) const BINARY: u8 = 1;
pub(crate) const CLOSE: u8 = 2;
pub(crate) const OPEN: u8 = 16;
pub(crate) const REQUEST: u8 = 17;
pub(crate) const RESPONSE: u8 = 18;

/// The protocol of the crate, spelled out: it is what other programs write.
pub(crate) const ALPN: &[u8] = b"sdrs/1";

pub(crate) fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![kind];
    record.extend((payload.len() as u32).to_be_bytes());
    record.extend(payload);
    record
}

/// The head of a link, or of an exchange.
pub(crate) fn head(kind: u8) -> Vec<u8> {
    record(kind, br#"{"path":"/"}"#)
}

/// A certificate of its own for `localhost`, in files.
pub(crate) struct Certificate {
    _folder: TempDir,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Self::write(&made.cert.pem(), &made.signing_key.serialize_pem())
    }

    pub(crate) fn write(certificate: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (certificate, key) = (file("certificate.pem", certificate), file("key.pem", key));
        Self { _folder: folder, certificate, key }
    }

    pub(crate) fn config(&self) -> Config {
        config().certificate(&self.certificate, &self.key)
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        std::fs::read(&self.certificate).unwrap()
    }

    pub(crate) fn crypto(&self, alpn: &[u8]) -> rustls::ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut crypto = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        crypto.alpn_protocols = vec![alpn.to_vec()];
        crypto
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap()
}

pub(crate) fn quic(crypto: rustls::ClientConfig) -> ClientConfig {
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(crypto).unwrap()))
}

/// A connection that is not the crate's.
pub(crate) async fn connect(certificate: &Certificate, server: SocketAddr) -> Connection {
    let config = quic(certificate.crypto(ALPN));
    within(endpoint().connect_with(config, server, "localhost").unwrap()).await.unwrap()
}

/// A stream that begins with these bytes.
pub(crate) async fn open(connection: &Connection, bytes: &[u8]) -> (SendStream, RecvStream) {
    let (mut send, recv) = within(connection.open_bi()).await.unwrap();
    within(send.write_all(bytes)).await.unwrap();
    (send, recv)
}

pub(crate) async fn read_record(recv: &mut RecvStream) -> (u8, Vec<u8>) {
    let mut header = [0; 5];
    within(recv.read_exact(&mut header)).await.unwrap();
    let [kind, length @ ..] = header;
    let mut payload = vec![0; u32::from_be_bytes(length) as usize];
    within(recv.read_exact(&mut payload)).await.unwrap();
    (kind, payload)
}

/// Skips frames until the record that closes; its code.
pub(crate) async fn read_close(recv: &mut RecvStream) -> u16 {
    loop {
        if let (CLOSE, payload) = read_record(recv).await {
            return u16::from_be_bytes(*payload.first_chunk().unwrap());
        }
    }
}
