use session_core::config::{Config, Transports};
use session_core::link::Listener;
use transport_quic::Quic;

use crate::raw::Certificate;
use crate::support::{assert_serves, config, listen, within};

async fn bind(table: &str) -> Result<impl Listener, String> {
    let transports = Transports::new().with(Quic::new());
    let config = Config::from_toml(&format!("[[transport]]\nkind = \"quic\"\n{table}"))
        .map_err(|error| error.to_string())?;
    transports.bind(&config).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_file_chooses_the_address_and_the_limits() {
    let listener = bind("listen = \"127.0.0.1:0\"\nidle_timeout = \"1m\"\nmax_connections = 5");
    let mut listener = listener.await.unwrap();
    let url = listener.address();
    assert!(url.contains("#sha256="), "{url}");
    let connection = within(transport_quic::connect(&url)).await.unwrap();
    let opening = session_core::link::Connect::link(&connection);
    let (link, accepted) = tokio::join!(opening, listener.accept());
    assert!(link.is_ok() && accepted.is_some());
}

#[tokio::test]
async fn a_development_certificate_that_is_kept_has_the_same_hash_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = || config().development_certificate(folder.path().join("dev.pem"));
    let first = listen(config()).await;
    let second = listen(config()).await;
    assert_eq!(first.certificate_hash(), second.certificate_hash());
    let other = listen(crate::support::config()).await;
    assert_ne!(first.certificate_hash(), other.certificate_hash());
    let url = second.address();
    crate::support::echo_all(second);
    assert_serves(&url).await;
}

#[tokio::test]
async fn what_a_file_says_wrong_is_named_by_key_and_value() {
    let taken = listen(config()).await;
    let (one, other) = (Certificate::new(), Certificate::new());
    let pair = |certificate: &std::path::Path, key: &std::path::Path| {
        format!(
            "listen = \"127.0.0.1:0\"\ncertificate = {:?}\nkey = {:?}",
            certificate.to_str().unwrap(),
            key.to_str().unwrap()
        )
    };
    let none = std::path::Path::new("/no/such.pem");
    for (table, expected) in [
        ("listne = \"x\"".to_owned(), vec!["listne"]),
        ("max_message_bytes = 0".to_owned(), vec!["max_message_bytes = 0"]),
        ("max_message_bytes = \"1M\"".to_owned(), vec!["max_message_bytes", "1M"]),
        ("stream_window = -1".to_owned(), vec!["stream_window", "-1"]),
        ("idle_timeout = \"soon\"".to_owned(), vec!["idle_timeout", "soon", "10s"]),
        ("linger = \"0s\"".to_owned(), vec!["linger = \"0s\""]),
        (format!("listen = \"{}\"", taken.local_addr()), vec!["listen", "in use"]),
        ("listen = \"nonsense\"".to_owned(), vec!["listen = \"nonsense\""]),
        ("listen = \"192.0.2.1:0\"".to_owned(), vec!["listen = \"192.0.2.1:0\""]),
        ("certificate = \"a.pem\"".to_owned(), vec!["certificate = \"a.pem\"", "`key`"]),
        ("key = \"a.pem\"".to_owned(), vec!["key = \"a.pem\"", "`certificate`"]),
        (pair(none, &one.key), vec!["certificate = \"/no/such.pem\""]),
        (pair(&one.certificate, none), vec!["key = \"/no/such.pem\""]),
        (pair(&one.key, &one.key), vec!["certificate = ", "no certificate"]),
        (pair(&one.certificate, &one.certificate), vec!["key = "]),
        (pair(&one.certificate, &other.key), vec!["key = ", "not that of the certificate"]),
        (
            format!("development_certificate = {:?}", one.certificate.to_str().unwrap()),
            vec!["development_certificate = ", "not a development certificate"],
        ),
    ] {
        let Err(error) = bind(&table).await else { panic!("{table} was taken") };
        for part in expected {
            assert!(error.contains(part), "{table}: {error}");
        }
    }
}
