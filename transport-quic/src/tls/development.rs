use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;

use super::{CertificateError, Identity};
use crate::config::Config;

/// The key of the configuration that names the file.
const KEY: &str = "development_certificate";

/// A browser takes a certificate by its hash only when it is valid for two weeks at most, and on this curve.
const LIFE: Duration = Duration::from_secs(13 * 24 * 3600);

/// Certificates count from a little earlier: clocks differ.
const SLACK: Duration = Duration::from_secs(12 * 3600);

/// What a certificate must be good for still when a server starts with it.
const MARGIN: Duration = Duration::from_secs(24 * 3600);

/// The first line of the file. A file without it is somebody's own, and never written over.
const TITLE: &str =
    "# Development certificate of transport-quic. It is made anew when it is about to expire.";

/// What the second line begins with; seconds since 1970 follow.
const NOT_AFTER: &str = "# not after: ";

/// The development certificate of a configuration: out of its file, or made, and kept in it.
pub(super) fn identity(config: &Config) -> Result<Identity, CertificateError> {
    let now = SystemTime::now();
    let Some(path) = &config.development_certificate else {
        return Made::new(config, now)
            .and_then(|made| parse(&made.text))
            // There is no file; the key is where to set one.
            .map_err(|problem| CertificateError::new(KEY, Path::new("(in memory)"), problem));
    };
    let failed = |problem: String| CertificateError::new(KEY, path, problem);
    match fs::read_to_string(path) {
        Ok(text) => match not_after(&text) {
            Some(not_after) if now + MARGIN < not_after => return parse(&text).map_err(failed),
            Some(_) => tracing::info!(path = %path.display(), "a development certificate expires"),
            None => {
                let problem = "is not a development certificate that was made here: name another \
                               file, or remove this one";
                return Err(failed(problem.to_owned()));
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error.to_string())),
    }
    let made = Made::new(config, now).map_err(failed)?;
    keep(path, &made.text).map_err(|error| failed(error.to_string()))?;
    parse(&made.text).map_err(failed)
}

/// A new certificate with its key, as the text of a file.
struct Made {
    text: String,
}

impl Made {
    fn new(config: &Config, now: SystemTime) -> Result<Self, String> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if let Some((host, _)) = config.listen.rsplit_once(':') {
            let host = host.trim_matches(['[', ']']);
            let is_any = host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
            if !host.is_empty() && !is_any && !names.iter().any(|name| name == host) {
                names.push(host.to_owned());
            }
        }
        let not_after = now + LIFE;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|e| e.to_string())?;
        let mut params = CertificateParams::new(names).map_err(|e| e.to_string())?;
        params.distinguished_name.push(DnType::CommonName, "transport-quic development");
        params.not_before = OffsetDateTime::from(now - SLACK);
        params.not_after = OffsetDateTime::from(not_after);
        let certificate = params.self_signed(&key).map_err(|error| error.to_string())?;
        let seconds = not_after.duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        let text = format!(
            "{TITLE}\n{NOT_AFTER}{}\n{}{}",
            seconds.as_secs(),
            certificate.pem(),
            key.serialize_pem()
        );
        Ok(Self { text })
    }
}

fn parse(text: &str) -> Result<Identity, String> {
    let certificate = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|e| e.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(Identity { chain: vec![certificate], key, is_development: true })
}

/// When the certificate of a file that was made here expires.
fn not_after(text: &str) -> Option<SystemTime> {
    let mut lines = text.lines();
    lines.next().filter(|line| *line == TITLE)?;
    let seconds = lines.next()?.strip_prefix(NOT_AFTER)?.parse().ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Puts a text where `path` says, whole or not at all, readable by this user alone.
fn keep(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    let mut options = OpenOptions::new();
    // Never into a file that is there: it could be another's to read.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Of a start that was cut short.
    let _ = fs::remove_file(beside);
    let written = options.open(beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let kept = written.and_then(|()| fs::rename(beside, path));
    if kept.is_err() {
        // What is left of it is of no use; why it failed is told already.
        let _ = fs::remove_file(beside);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: SystemTime) -> String {
        Made::new(&Config::default(), now).unwrap().text
    }

    #[test]
    fn a_certificate_says_itself_when_it_expires() {
        let now = SystemTime::now();
        let expiry = not_after(&at(now)).unwrap();
        assert!(expiry > now + Duration::from_secs(12 * 24 * 3600));
        // What browsers allow.
        assert!(expiry.duration_since(now - SLACK).unwrap() <= Duration::from_secs(14 * 24 * 3600));
    }

    #[test]
    fn a_certificate_is_kept_until_shortly_before_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.pem");
        let config = Config::default().development_certificate(&path);
        let first = identity(&config).unwrap();
        assert!(first.is_development);
        assert_eq!(identity(&config).unwrap().hash(), first.hash(), "it is not kept");

        let nearly_over = SystemTime::now() - (LIFE - MARGIN);
        keep(&path, &at(nearly_over)).unwrap();
        let old = parse(&fs::read_to_string(&path).unwrap()).unwrap().hash();
        let renewed = identity(&config).unwrap().hash();
        assert_ne!(renewed, old, "it is not renewed");
        assert_eq!(identity(&config).unwrap().hash(), renewed);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something is left over");
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.pem");
        identity(&Config::default().development_certificate(&path)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_was_not_made_here_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.pem");
        for text in ["", "-----BEGIN CERTIFICATE-----\nmine", TITLE] {
            fs::write(&path, text).unwrap();
            let config = Config::default().development_certificate(&path);
            let error = identity(&config).unwrap_err();
            assert_eq!(error.key, KEY);
            assert!(error.to_string().contains("mine.pem"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_place_where_no_file_can_be_is_named() {
        let config = Config::default().development_certificate("/no/such/folder/dev.pem");
        let error = identity(&config).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/dev.pem"), "{error}");
    }

    #[test]
    fn without_a_file_every_start_has_its_own() {
        let config = Config::default();
        assert_ne!(identity(&config).unwrap().hash(), identity(&config).unwrap().hash());
    }
}
