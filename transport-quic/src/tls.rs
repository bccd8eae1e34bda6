//! Certificates, and what the handshakes of both sides accept.
//!
//! | file | what |
//! |---|---|
//! | `development` | a certificate for want of one |
//! | `pinned` | a server known by the hash of its certificate |

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use ring::digest;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, version};

use crate::config::Config;
use crate::wire::ALPN;

mod development;
mod pinned;

use pinned::Pinned;

/// A certificate and its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Clients know it by its hash, not by who signed it.
    pub(crate) is_development: bool,
}

/// A certificate or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", .path.display())]
pub struct CertificateError {
    /// The key of the configuration that names the file.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl Identity {
    /// What a configuration names; a development certificate where it names none.
    pub(crate) fn load(config: &Config) -> Result<Self, CertificateError> {
        match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => Self::read(certificate, key),
            _ => development::identity(config),
        }
    }

    fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| CertificateError::new("certificate", certificate, error))?;
        if chain.is_empty() {
            let problem = "there is no certificate in it: it must be in PEM";
            return Err(CertificateError::new("certificate", certificate, problem));
        }
        let key_der = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| CertificateError::new("key", key, error))?;
        let identity = Self { chain, key: key_der, is_development: false };
        identity.server_crypto().map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let problem =
                    format!("the key is not that of the certificate in {}", certificate.display());
                CertificateError::new("key", key, problem)
            }
            error => CertificateError::new("certificate", certificate, error),
        })?;
        Ok(identity)
    }

    /// SHA-256 of the certificate.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.chain.first().map_or([0; 32], hash)
    }

    /// What the server brings to a handshake. Early data is refused: it could be played back.
    pub(crate) fn server_crypto(&self) -> Result<rustls::ServerConfig, rustls::Error> {
        let mut crypto = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        crypto.max_early_data_size = 0;
        crypto.alpn_protocols = vec![ALPN.to_vec()];
        #[cfg(feature = "webtransport")]
        crypto.alpn_protocols.push(crate::webtransport::ALPN.to_vec());
        Ok(crypto)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("is_development", &self.is_development).finish()
    }
}

impl CertificateError {
    fn new(key: &'static str, path: &Path, problem: impl fmt::Display) -> Self {
        Self { key, path: path.to_owned(), problem: problem.to_string() }
    }
}

/// What quinn makes of a server's part.
pub(crate) fn quic_server(crypto: rustls::ServerConfig) -> Result<QuicServerConfig, rustls::Error> {
    QuicServerConfig::try_from(crypto).map_err(no_initial_cipher)
}

/// Whom a client trusts.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// Those that the system trusts.
    System,
    /// Those that these have signed.
    Roots(Arc<RootCertStore>),
    /// The one certificate with this SHA-256.
    Hash([u8; 32]),
}

impl Trust {
    /// What a client brings to a handshake. Without early data: it could be played back.
    pub(crate) fn client_crypto(&self) -> Result<QuicClientConfig, rustls::Error> {
        let builder = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13])?;
        let mut crypto = match self {
            Self::System => builder.with_root_certificates(system_roots()),
            Self::Roots(roots) => builder.with_root_certificates(Arc::clone(roots)),
            Self::Hash(hash) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Pinned::new(*hash, provider()))),
        }
        .with_no_client_auth();
        crypto.alpn_protocols = vec![ALPN.to_vec()];
        QuicClientConfig::try_from(crypto).map_err(no_initial_cipher)
    }
}

/// SHA-256 of a certificate.
pub(crate) fn hash(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
    hash
}

/// Passed wherever one is needed: a process may have others, and then no default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "a root certificate of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    // Some systems keep one that nobody can parse; the others are as good.
    roots.add_parsable_certificates(found.certs);
    roots
}

fn no_initial_cipher(error: impl fmt::Display) -> rustls::Error {
    rustls::Error::General(error.to_string())
}
