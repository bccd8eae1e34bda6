use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quinn::{ConnectionError, Endpoint};
use rustls::NamedGroup;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore};
use rustls::client::{Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use session_core::link::{Connect, Link, Listener};
use transport_quic::{Client, ConnectError};

use crate::proxy::{Proxy, Weather};
use crate::raw::{self, ALPN, Certificate, OPEN, TEXT, head, quic, read_record, record};
use crate::support::{
    assert_echoes, assert_serves, config, connect, echo_all, echo_server, listen, next_link, within,
};

/// A certificate for a name that expired in the last century.
fn expired() -> Certificate {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(1998, 1, 1);
    params.not_after = rcgen::date_time_ymd(1999, 1, 1);
    let made = params.self_signed(&key).unwrap();
    Certificate::write(&made.pem(), &key.serialize_pem())
}

async fn refusal(client: &Client, url: &str) -> ConnectError {
    within(client.connect(url)).await.expect_err("it was taken")
}

#[tokio::test]
async fn a_client_trusts_the_certificate_whose_hash_it_knows_and_no_other() {
    let listener = listen(config()).await;
    let url = format!("quic://{}/", listener.local_addr());
    let client = Client::new().certificate_hash(listener.certificate_hash());
    within(client.connect(&url)).await.unwrap();
    assert_eq!(listener.address().split('#').next(), Some(&*url));
    connect(&listener).await;

    for client in [Client::new(), Client::new().certificate_hash([7; 32])] {
        let error = refusal(&client, &url).await;
        assert!(matches!(error, ConnectError::Untrusted(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_client_with_roots_trusts_what_they_signed_for_the_name_it_asks_for() {
    let certificate = Certificate::new();
    let listener = listen(certificate.config()).await;
    let port = listener.local_addr().port();
    let client = Client::new().roots(&certificate.pem()).unwrap();
    within(client.connect(&format!("quic://localhost:{port}"))).await.unwrap();
    assert!(!listener.address().contains('#'), "a hash is for development certificates");

    let other_name = refusal(&client, &format!("quic://127.0.0.1:{port}")).await;
    assert!(matches!(other_name, ConnectError::Untrusted(_)), "{other_name:?}");
    let stranger = Client::new().roots(&Certificate::new().pem()).unwrap();
    let error = refusal(&stranger, &format!("quic://localhost:{port}")).await;
    assert!(matches!(error, ConnectError::Untrusted(_)), "{error:?}");
}

#[tokio::test]
async fn a_client_does_not_trust_a_certificate_that_expired() {
    let certificate = expired();
    let listener = listen(certificate.config()).await;
    let client = Client::new().roots(&certificate.pem()).unwrap();
    let url = format!("quic://localhost:{}", listener.local_addr().port());
    let error = refusal(&client, &url).await;
    assert!(matches!(&error, ConnectError::Untrusted(why) if why.contains("xpired")), "{error:?}");
}

#[test]
fn roots_that_are_none_are_refused() {
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in [&b""[..], b"nothing", broken] {
        let error = Client::new().roots(pem).unwrap_err();
        assert!(matches!(error, ConnectError::Roots(_)), "{error}");
    }
}

#[tokio::test]
async fn who_speaks_another_protocol_gets_no_connection() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    for alpn in [&b"hq-interop"[..], b"sdrs/0"] {
        let config = quic(certificate.crypto(alpn));
        let connecting =
            raw::endpoint().connect_with(config, listener.local_addr(), "localhost").unwrap();
        let error = within(connecting).await.unwrap_err();
        assert!(matches!(error, ConnectionError::ConnectionClosed(_)), "{error}");
    }
    // Nothing of them reached the server.
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let _stream = raw::open(&connection, &head(OPEN)).await;
    next_link(&mut listener).await;
}

#[tokio::test]
async fn a_client_says_when_the_server_speaks_another_protocol() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut crypto = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap(),
        )
        .unwrap();
    crypto.alpn_protocols = vec![b"h3".to_vec()];
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(crypto).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let server = Endpoint::server(config, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = server.local_addr().unwrap();
    let accepting = tokio::spawn(async move { server.accept().await.unwrap().await });
    let error = refusal(&Client::new(), &format!("quic://{address}")).await;
    assert!(matches!(error, ConnectError::Protocol), "{error:?}");
    assert!(within(accepting).await.unwrap().is_err());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_given_up_in_time() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = Client::new().handshake_timeout(Duration::from_millis(200));
    let error = refusal(&client, &format!("quic://{}", socket.local_addr().unwrap())).await;
    assert!(matches!(error, ConnectError::TimedOut), "{error:?}");
    let error = refusal(&client, "quic://no-such-host.invalid:4433").await;
    assert!(matches!(error, ConnectError::Io(_)), "{error:?}");
}

#[tokio::test]
async fn the_peer_is_known_by_its_address_and_the_head_of_its_link() {
    let mut listener = listen(config()).await;
    let url = listener.address().replace("/#", "/some/page/?w=1#");
    let client = Client::new().header("x-user", "ada").unwrap();
    let connection = within(client.connect(&url)).await.unwrap();
    let link = within(connection.link()).await.unwrap();
    assert_eq!(link.peer().address, Some(listener.local_addr()));
    let link = next_link(&mut listener).await;
    assert!(link.peer().address.unwrap().ip().is_loopback());
    let request = link.peer().request.as_ref().unwrap();
    assert_eq!(request.uri, "/some/page/?w=1");
    assert_eq!(request.headers["x-user"], "ada");
    assert!(Client::new().header("x user", "ada").is_err());
}

/// Remembers tickets as a client does that wants to send early, and whether any of them would let it.
#[derive(Debug)]
struct Tickets {
    cache: ClientSessionMemoryCache,
    all: AtomicUsize,
    early: AtomicUsize,
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.cache.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.cache.kx_hint(server_name)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.all.fetch_add(1, Ordering::Relaxed);
        if value.max_early_data_size() > 0 {
            self.early.fetch_add(1, Ordering::Relaxed);
        }
        self.cache.insert_tls13_ticket(name, value);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.cache.take_tls13_ticket(name)
    }
}

#[tokio::test]
async fn nobody_can_send_before_the_handshake_is_done() {
    let certificate = Certificate::new();
    let listener = listen(certificate.config()).await;
    let server = listener.local_addr();
    echo_all(listener);
    let tickets = Arc::new(Tickets {
        cache: ClientSessionMemoryCache::new(8),
        all: AtomicUsize::new(0),
        early: AtomicUsize::new(0),
    });
    let mut crypto = certificate.crypto(ALPN);
    crypto.enable_early_data = true;
    crypto.resumption = rustls::client::Resumption::store(Arc::clone(&tickets) as _);
    let endpoint = raw::endpoint();
    let config = quic(crypto);
    let connection =
        within(endpoint.connect_with(config.clone(), server, "localhost").unwrap()).await.unwrap();
    // Whoever was answered has been sent the tickets too.
    let bytes = [head(OPEN), record(TEXT, b"hello")].concat();
    let (_send, mut recv) = raw::open(&connection, &bytes).await;
    read_record(&mut recv).await;
    assert!(tickets.all.load(Ordering::Relaxed) > 0, "there is no ticket to try it with");
    assert_eq!(tickets.early.load(Ordering::Relaxed), 0);

    let again = endpoint.connect_with(config, server, "localhost").unwrap();
    let connecting = again.into_0rtt().err().expect("the client may send early");
    within(connecting).await.unwrap();
}

/// A client whose handshake stays half done: it never hears of the server.
async fn half_done(url: &str, server: SocketAddr) -> (Proxy, tokio::task::JoinHandle<()>) {
    let proxy = Proxy::new(server, Weather { one_way: true, ..Weather::default() }).await;
    let url = proxy.through(url);
    let connecting = tokio::spawn(async move {
        let _ = Client::new().handshake_timeout(Duration::from_secs(60)).connect(&url).await;
    });
    within(async {
        while proxy.seen().to_server == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    (proxy, connecting)
}

#[tokio::test]
async fn handshakes_that_are_never_done_are_cut_and_delay_nobody() {
    let mut config = config();
    config.handshake_timeout = Duration::from_millis(300);
    config.max_connections = 4;
    let listener = listen(config).await;
    let (url, server) = (listener.address(), listener.local_addr());
    echo_all(listener);
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(half_done(&url, server).await);
    }
    // All places are taken, until the silent ones are given up.
    within(async {
        while let Err(error) = transport_quic::connect(&url).await {
            assert!(matches!(error, ConnectError::Refused), "{error:?}");
        }
    })
    .await;
    for (_proxy, connecting) in silent {
        connecting.abort();
    }
}

#[tokio::test]
async fn under_load_clients_must_show_where_they_are_and_over_the_cap_they_are_refused() {
    let mut config = config();
    config.max_incoming = 2;
    let listener = listen(config).await;
    let (url, server) = (listener.address(), listener.local_addr());
    echo_all(listener);

    let calm = Proxy::new(server, Weather { twice: 100, ..Weather::default() }).await;
    assert_serves(&calm.through(&url)).await;
    assert_eq!(calm.seen().retries, 0, "nobody else is there");

    let first = half_done(&url, server).await;
    let busy = Proxy::new(server, Weather { twice: 100, ..Weather::default() }).await;
    assert_serves(&busy.through(&url)).await;
    assert!(busy.seen().retries > 0, "it was let in on its word");

    // One that has shown where it is, and then falls silent, takes the second place; who comes then is refused.
    let mut config = crate::support::config();
    config.max_incoming = 1;
    let listener = listen(config).await;
    let (url, server) = (listener.address(), listener.local_addr());
    let second = half_done(&url, server).await;
    let full = Proxy::new(server, Weather { twice: 100, ..Weather::default() }).await;
    let error = refusal(&Client::new(), &full.through(&url)).await;
    assert!(matches!(error, ConnectError::Refused), "{error:?}");
    assert!(full.seen().retries > 0);
    first.1.abort();
    second.1.abort();
}

#[tokio::test]
async fn over_the_cap_a_client_is_refused_and_the_others_are_unharmed() {
    let mut config = config();
    config.max_connections = 1;
    let url = echo_server(config).await;
    let first = within(transport_quic::connect(&url)).await.unwrap();
    let (mut receive, mut transmit) = within(first.link()).await.unwrap().split();
    let error = refusal(&Client::new(), &url).await;
    assert!(matches!(error, ConnectError::Refused), "{error:?}");
    assert_echoes(&mut receive, &mut transmit).await;
    drop((first, receive, transmit));
    within(async { while transport_quic::connect(&url).await.is_err() {} }).await;
}

#[tokio::test]
async fn waiting_for_a_client_can_be_torn() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let opening = tokio::spawn(async move {
        let mut links = Vec::new();
        for _ in 0..20 {
            links.push(connection.link().await.unwrap());
        }
        links
    });
    let mut links = Vec::new();
    while links.len() < 20 {
        tokio::select! {
            biased;
            incoming = listener.accept() => links.push(incoming.unwrap()),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(within(opening).await.unwrap().len(), 20);
}
