use std::time::Duration;

use quinn::{ReadError, VarInt, WriteError};
use session_core::link::{CloseCode, Link, Receive, ReceiveError, ReceiveExt, TransmitExt};
use tokio::time::Instant;

use crate::raw::{
    self, BINARY, CLOSE, Certificate, OPEN, REQUEST, RESPONSE, TEXT, head, open, read_close,
    read_record, record,
};
use crate::support::{binary, echo_all, listen, next_link, received, stuff, text, within};

/// Whether the server still serves this connection.
async fn assert_alive(connection: &quinn::Connection) {
    let (mut send, mut recv) = open(connection, &head(OPEN)).await;
    within(send.write_all(&record(TEXT, b"alive"))).await.unwrap();
    assert_eq!(read_record(&mut recv).await, (TEXT, b"alive".to_vec()));
}

/// A server that echoes, and a connection to it.
async fn echoing() -> quinn::Connection {
    let certificate = Certificate::new();
    let listener = listen(certificate.config()).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    echo_all(listener);
    connection
}

#[tokio::test]
async fn the_wire_of_a_link_is_records_behind_a_head() {
    let connection = echoing().await;
    let bytes = [head(OPEN), record(TEXT, "zażółć".as_bytes()), record(BINARY, &[0, 255])].concat();
    let (mut send, mut recv) = open(&connection, &bytes).await;
    assert_eq!(read_record(&mut recv).await, (TEXT, "zażółć".as_bytes().to_vec()));
    assert_eq!(read_record(&mut recv).await, (BINARY, vec![0, 255]));
    within(send.write_all(&record(CLOSE, b"\x03\xe8bye"))).await.unwrap();
    send.finish().unwrap();
    // Answered with the same code.
    assert_eq!(read_record(&mut recv).await, (CLOSE, b"\x03\xe8".to_vec()));
    assert_eq!(within(recv.read_to_end(10)).await.unwrap(), b"");
}

#[tokio::test]
async fn a_link_that_comes_byte_by_byte_is_a_link() {
    let connection = echoing().await;
    let (mut send, mut recv) = within(connection.open_bi()).await.unwrap();
    for byte in [head(OPEN), record(TEXT, b"slow")].concat() {
        within(send.write_all(&[byte])).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(read_record(&mut recv).await, (TEXT, b"slow".to_vec()));
}

#[tokio::test]
async fn what_a_link_may_not_say_closes_it_with_the_code_that_says_so() {
    let connection = echoing().await;
    let cases = [
        (record(TEXT, &[0xff]), CloseCode::INVALID_DATA),
        (record(3, b""), CloseCode::PROTOCOL),
        (record(OPEN, br#"{"path":"/"}"#), CloseCode::PROTOCOL),
        (record(CLOSE, b"\x03"), CloseCode::PROTOCOL),
        (record(CLOSE, b"\x03\xee"), CloseCode::PROTOCOL),
        (record(CLOSE, b"\x03\xe8\xff"), CloseCode::PROTOCOL),
        // The header alone is enough.
        (vec![BINARY, 0xff, 0xff, 0xff, 0xff], CloseCode::TOO_BIG),
    ];
    for (bytes, code) in cases {
        let (_send, mut recv) = open(&connection, &[head(OPEN), bytes.clone()].concat()).await;
        assert_eq!(read_close(&mut recv).await, code.get(), "{bytes:?}");
    }
    assert_alive(&connection).await;
}

#[tokio::test]
async fn a_close_without_a_code_is_an_orderly_end() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let (_send, mut recv) = open(&connection, &[head(OPEN), record(CLOSE, b"")].concat()).await;
    let (mut receive, _transmit) = next_link(&mut listener).await.split();
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    assert_eq!(receive.close_reason(), None);
    assert_eq!(read_record(&mut recv).await, (CLOSE, vec![]));
}

#[tokio::test]
async fn a_stream_that_does_not_begin_as_one_must_is_given_up_and_the_others_go_on() {
    let connection = echoing().await;
    for bytes in [
        record(TEXT, b"no head"),
        record(99, b""),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        record(OPEN, &[b' '; 17 * 1024]),
        vec![REQUEST, 0xff, 0xff, 0xff, 0xff],
    ] {
        let (_send, mut recv) = open(&connection, &bytes).await;
        let error = within(recv.read_to_end(100)).await.unwrap_err();
        let expected = ReadError::Reset(VarInt::from_u32(3));
        assert_eq!(error, quinn::ReadToEndError::Read(expected), "{bytes:?}");
    }
    // What says what it wants to be is told what is wrong.
    for json in ["", "{}", r#"{"path":"x"}"#, r#"{"path":"/","more":1}"#, "\u{0}"] {
        let (_send, mut recv) = open(&connection, &record(OPEN, json.as_bytes())).await;
        assert_eq!(read_close(&mut recv).await, CloseCode::PROTOCOL.get());
        let (_send, mut recv) = open(&connection, &record(REQUEST, json.as_bytes())).await;
        let (kind, head) = read_record(&mut recv).await;
        assert_eq!(kind, RESPONSE);
        assert!(String::from_utf8(head).unwrap().contains("400"));
    }
    assert_alive(&connection).await;
}

#[tokio::test]
async fn streams_that_say_nothing_are_given_up_in_time_and_their_number_is_capped() {
    let certificate = Certificate::new();
    let mut config = certificate.config();
    config.max_streams_per_connection = 20;
    config.handshake_timeout = Duration::from_millis(300);
    let listener = listen(config).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    echo_all(listener);
    let begun = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(within(connection.open_bi()).await.unwrap());
    }
    // The last one makes all of them seen.
    within(silent[19].0.write_all(&[OPEN])).await.unwrap();
    let more = tokio::time::timeout(Duration::from_millis(50), connection.open_bi()).await;
    assert!(more.is_err(), "more streams than are allowed");
    for (mut send, mut recv) in silent {
        let error = within(recv.read(&mut [0; 1])).await.unwrap_err();
        assert_eq!(error, ReadError::Reset(VarInt::from_u32(4)));
        assert_eq!(within(send.stopped()).await.unwrap(), Some(VarInt::from_u32(4)));
        let _ = send.reset(VarInt::from_u32(0));
    }
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_alive(&connection).await;
}

#[tokio::test]
async fn a_reset_or_an_end_in_mid_message_is_no_orderly_end() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let cut = [head(OPEN), record(TEXT, b"cut in the middle")[..9].to_vec()].concat();
    for reset in [true, false] {
        let (mut send, mut recv) = open(&connection, &cut).await;
        let (mut receive, mut transmit) = next_link(&mut listener).await.split();
        if reset {
            send.reset(VarInt::from_u32(7)).unwrap();
        } else {
            send.finish().unwrap();
        }
        let error = within(receive.receive()).await.unwrap_err();
        assert!(matches!(error, ReceiveError::Aborted(_)), "{error}");
        assert!(transmit.send(text("nobody")).await.is_err());
        let error = within(recv.read(&mut [0; 1])).await.unwrap_err();
        assert!(matches!(error, ReadError::Reset(_)), "{error}");
    }
    // An end between two messages is none either.
    let (mut send, _recv) = open(&connection, &[head(OPEN), record(TEXT, b"whole")].concat()).await;
    send.finish().unwrap();
    let (mut receive, _transmit) = next_link(&mut listener).await.split();
    assert_eq!(received(&mut receive).await, text("whole"));
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Aborted(None)), "{error}");
}

#[tokio::test]
async fn a_client_that_stops_the_stream_in_mid_message_ends_the_sending_and_not_the_receiving() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let (mut send, mut recv) = open(&connection, &head(OPEN)).await;
    let (mut receive, mut transmit) = next_link(&mut listener).await.split();
    within(stuff(&mut transmit, &binary(60_000))).await;
    within(recv.read(&mut [0; 100])).await.unwrap();
    recv.stop(VarInt::from_u32(9)).unwrap();
    within(async { while transmit.send(binary(60_000)).await.is_ok() {} }).await;
    assert!(within(transmit.close(CloseCode::NORMAL.into())).await.is_err());
    within(send.write_all(&record(TEXT, b"still talking"))).await.unwrap();
    assert_eq!(received(&mut receive).await, text("still talking"));
}

#[tokio::test]
async fn a_close_the_client_never_takes_is_not_delivered() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let (send, mut recv) = open(&connection, &head(OPEN)).await;
    let (_receive, mut transmit) = next_link(&mut listener).await.split();
    within(stuff(&mut transmit, &binary(60_000))).await;
    recv.stop(VarInt::from_u32(9)).unwrap();
    let error = within(transmit.close(CloseCode::NORMAL.into())).await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
    drop(send);
}

#[tokio::test]
async fn a_link_that_was_closed_is_kept_for_the_client_no_longer_than_it_lingers() {
    let certificate = Certificate::new();
    let mut config = certificate.config();
    config.linger = Duration::from_millis(200);
    let mut listener = listen(config).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let (mut send, mut recv) = open(&connection, &head(OPEN)).await;
    let (receive, transmit) = next_link(&mut listener).await.split();
    within(transmit.close(CloseCode::NORMAL.into())).await.unwrap();
    drop(receive);
    assert_eq!(read_close(&mut recv).await, 1000);
    // The client goes on as if nothing had been said.
    let error = within(async {
        loop {
            if let Err(error) = send.write_all(&record(TEXT, b"more")).await {
                break error;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(matches!(error, WriteError::Stopped(_)), "{error}");
}

#[tokio::test]
async fn a_silent_client_is_given_up_and_its_links_time_out() {
    let certificate = Certificate::new();
    let mut config = certificate.config();
    config.idle_timeout = Duration::from_millis(400);
    config.keep_alive_interval = Duration::from_millis(100);
    let mut listener = listen(config).await;
    // A network that ends: nothing of the client comes any more.
    let proxy = crate::proxy::Proxy::new(listener.local_addr(), Default::default()).await;
    let connection = raw::connect(&certificate, proxy.address).await;
    let (_send, _recv) = open(&connection, &head(OPEN)).await;
    let (mut receive, mut transmit) = next_link(&mut listener).await.split();
    drop(proxy);
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::TimedOut), "{error}");
    assert!(within(transmit.send(text("nobody"))).await.is_err());
}

#[tokio::test]
async fn a_client_with_nothing_to_say_is_kept_alive_as_long_as_it_has_a_link() {
    let certificate = Certificate::new();
    let mut config = certificate.config();
    config.idle_timeout = Duration::from_millis(400);
    config.keep_alive_interval = Duration::from_millis(100);
    let mut listener = listen(config).await;
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let (mut send, recv) = open(&connection, &head(OPEN)).await;
    let (mut receive, transmit) = next_link(&mut listener).await.split();
    // Sleeps: three times as long as a silent client would be let live.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    within(send.write_all(&record(TEXT, b"awake"))).await.unwrap();
    assert_eq!(received(&mut receive).await, text("awake"));
    // Without a stream there is nothing to keep it for.
    drop((send, recv, receive, transmit));
    within(connection.closed()).await;
}
