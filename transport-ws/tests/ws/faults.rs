use std::process::Command;
use std::time::Duration;

use session_core::link::{CloseCode, Link, Listener, ReceiveError, ReceiveExt};
use tokio::time::Instant;

use crate::support::{
    PING, PONG, Raw, TEXT, assert_echoes, config, echo, echo_all, echo_server, frame, handshake,
    listen, next_link, socket_url, within,
};

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_and_delays_nobody() {
    let mut config = config();
    config.handshake_timeout = Duration::from_millis(300);
    let (mut listener, address) = listen(config).await;
    let begun = Instant::now();
    let mut slow = Raw::connect(address).await;
    slow.write(b"GET /websocket/ HTTP/1.1\r\nHost: ").await;
    let silent = Raw::connect(address).await;

    let quick = Raw::upgrade(address).await;
    let _link = next_link(&mut listener).await;
    assert!(begun.elapsed() < Duration::from_millis(300), "waited for the slow ones");

    for mut raw in [slow, silent] {
        let answer = raw.read_rest().await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{answer:?}");
    }
    assert!(begun.elapsed() >= Duration::from_millis(300));
    drop(quick);
}

#[tokio::test]
async fn garbage_does_not_stop_the_listener() {
    let (mut listener, address) = listen(config()).await;
    let garbage: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"",
    ];
    for bytes in garbage {
        let mut raw = Raw::connect(address).await;
        raw.write(bytes).await;
        drop(raw);
    }
    let _client = Raw::upgrade(address).await;
    next_link(&mut listener).await;
}

#[tokio::test]
async fn a_head_of_256_kib_or_10_000_lines_is_refused_with_431() {
    let (_listener, address) = listen(config()).await;
    let long = format!("X: {}\r\n", "x".repeat(256 * 1024));
    let many = "X: y\r\n".repeat(10_000);
    for lines in [long, many] {
        let mut raw = Raw::connect(address).await;
        // The answer may come, and the connection end, before all of it is sent.
        let request = handshake(address, &lines);
        let _ = tokio::io::AsyncWriteExt::write_all(&mut raw.stream, request.as_bytes()).await;
        let head = raw.read_head().await;
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 431 "), "{head}");
    }
    let mut raw = Raw::connect(address).await;
    raw.write(handshake(address, &format!("X: {}\r\n", "x".repeat(17 * 1024))).as_bytes()).await;
    let head = raw.read_head().await;
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
}

#[tokio::test]
async fn a_handshake_that_is_not_one_is_told_so() {
    let (_listener, address) = listen(config()).await;
    let good = handshake(address, "");
    for (from, to, status) in [
        ("Version: 13", "Version: 12", "426"),
        ("Sec-WebSocket-Version: 13\r\n", "", "426"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dG9vIHNob3J0", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "not base64", "400"),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive", "400"),
        ("GET ", "POST ", "405"),
        ("HTTP/1.1", "HTTP/1.0", "400"),
        ("Upgrade: websocket", "Upgrade: h2c", "404"),
        ("Upgrade: websocket\r\n", "", "404"),
        ("/websocket/", "/websocket", "404"),
        ("/websocket/", "/nowhere", "404"),
        ("Host: 127.0.0.1", "Host: evil.com", "403"),
    ] {
        assert!(good.contains(from), "{from}");
        let mut raw = Raw::connect(address).await;
        raw.write(good.replacen(from, to, 1).as_bytes()).await;
        let head = raw.read_head().await;
        let version = if to == "HTTP/1.0" { "HTTP/1.0" } else { "HTTP/1.1" };
        assert!(head.starts_with(&format!("{version} {status} ")), "{from} → {to}: {head}");
        assert_eq!(head.contains("sec-websocket-version: 13"), status == "426", "{head}");
    }
}

#[tokio::test]
async fn a_flood_of_pings_closes_with_1008_and_is_answered_by_a_few_pongs() {
    let mut raw = Raw::upgrade(echo_server(1000).await).await;
    let flood = frame(PING, b"flood").repeat(101);
    raw.write(&flood).await;
    let (code, pongs) = raw.read_close().await;
    assert_eq!(code, Some(CloseCode::POLICY.get()));
    assert!(pongs.len() < 50, "{} pongs", pongs.len());
    assert!(pongs.iter().all(|(first, _)| *first == PONG));
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_frame_is_no_orderly_end() {
    let (mut listener, address) = listen(config()).await;
    for reset in [true, false] {
        let mut raw = Raw::upgrade(address).await;
        let (mut receive, _open) = next_link(&mut listener).await.split();
        raw.write(&frame(TEXT, b"cut in the middle")[..9]).await;
        if reset {
            raw.stream.set_zero_linger().unwrap();
        }
        drop(raw);
        let error = within(receive.receive()).await.unwrap_err();
        assert!(matches!(error, ReceiveError::Aborted(_)), "{error}");
    }
}

#[tokio::test]
async fn an_end_without_a_close_frame_is_no_orderly_end() {
    let (mut listener, address) = listen(config()).await;
    let raw = Raw::upgrade(address).await;
    let (mut receive, _open) = next_link(&mut listener).await.split();
    drop(raw);
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Aborted(None)), "{error}");
}

#[tokio::test]
async fn a_client_that_stays_silent_is_pinged_and_then_given_up() {
    let mut config = config();
    config.ping_interval = Duration::from_millis(20);
    config.missed_pings = 3;
    let (mut listener, address) = listen(config).await;
    let mut raw = Raw::upgrade(address).await;
    let (mut receive, _open) = next_link(&mut listener).await.split();
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::TimedOut), "{error}");
    for _ in 0..3 {
        assert_eq!(raw.read_frame().await, Some((PING, vec![])));
    }
    assert_eq!(raw.read_frame().await, None, "no close frame for the dead");
}

#[tokio::test]
async fn any_byte_from_the_client_is_a_sign_of_life() {
    let mut config = config();
    // Twenty missed pings: a busy machine may be late with one byte, but not with all forty-six.
    config.ping_interval = Duration::from_millis(10);
    config.missed_pings = 20;
    let (mut listener, address) = listen(config).await;
    let mut raw = Raw::upgrade(address).await;
    let link = next_link(&mut listener).await;
    let echoing = tokio::spawn(echo(link));
    let slow = frame(TEXT, &[b'x'; 40]);
    // One byte of a frame for each ping, which itself stays unanswered.
    for byte in &slow {
        assert_eq!(raw.read_frame().await, Some((PING, vec![])));
        raw.write(&[*byte]).await;
    }
    while let Some((first, payload)) = raw.read_frame().await {
        if first == TEXT {
            assert_eq!(payload, [b'x'; 40]);
            break;
        }
    }
    echoing.abort();
}

#[tokio::test]
async fn a_session_that_does_not_poll_for_long_does_not_take_its_client_for_dead() {
    let mut config = config();
    config.ping_interval = Duration::from_millis(20);
    config.missed_pings = 10;
    let (mut listener, address) = listen(config).await;
    let mut raw = Raw::upgrade(address).await;
    let (mut receive, _open) = next_link(&mut listener).await.split();
    // Sleeps: twenty beats in which nobody could have pinged.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let receiving = tokio::spawn(async move { receive.receive().await });
    assert_eq!(raw.read_frame().await, Some((PING, vec![])));
    raw.write(&frame(TEXT, b"alive")).await;
    assert!(within(receiving).await.unwrap().unwrap().is_some());
}

#[tokio::test]
async fn over_the_cap_a_client_gets_503_and_the_others_are_unharmed() {
    let mut config = config();
    config.max_connections = 1;
    let (mut listener, address) = listen(config).await;
    let first = transport_ws::connect(&socket_url(address)).await.unwrap();
    let server = next_link(&mut listener).await;
    let echoing = tokio::spawn(echo(server));

    let mut second = Raw::connect(address).await;
    second.write(handshake(address, "").as_bytes()).await;
    let head = second.read_head().await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("retry-after: "), "{head}");
    assert_echoes(first).await;

    within(echoing).await.unwrap();
    let mut third = Raw::upgrade(address).await;
    echo_all(listener);
    third.write(&frame(TEXT, b"room again")).await;
    assert_eq!(third.read_frame().await, Some((TEXT, b"room again".to_vec())));
}

#[tokio::test]
async fn a_dropped_listener_refuses_clients_and_its_links_live_on() {
    let (mut listener, address) = listen(config()).await;
    let client = transport_ws::connect(&socket_url(address)).await.unwrap();
    let server = next_link(&mut listener).await;
    drop(listener);
    tokio::spawn(echo(server));
    assert_echoes(client).await;
    // The port is closed by a task that the drop only tells to.
    within(async { while transport_ws::connect(&socket_url(address)).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let (_listener, address) = listen(config()).await;
    let error = transport_ws::bind(address.to_string()).await.unwrap_err().to_string();
    assert!(error.contains(&address.to_string()), "{error}");
    assert!(error.contains("in use") && error.contains("`listen`"), "{error}");
}

#[tokio::test]
async fn waiting_for_a_client_can_be_torn() {
    let (mut listener, address) = listen(config()).await;
    let connecting = tokio::spawn(async move {
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(Raw::upgrade(address).await);
        }
        clients
    });
    let mut links = Vec::new();
    while links.len() < 20 {
        tokio::select! {
            biased;
            incoming = listener.accept() => links.push(incoming.unwrap()),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(within(connecting).await.unwrap().len(), 20);
}

/// Says, in the process started below, that it has few file descriptors.
const FEW: &str = "TRANSPORT_WS_TEST_FEW_DESCRIPTORS";

#[tokio::test]
async fn a_process_without_file_descriptors_waits_and_recovers() {
    if std::env::var_os(FEW).is_none() {
        // The limit is of a process, so this test runs in one of its own.
        let name = std::thread::current().name().unwrap().to_owned();
        let output = Command::new("sh")
            .args(["-c", "ulimit -n 40 && exec \"$0\" --exact \"$1\" --nocapture"])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(FEW, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        return;
    }
    let (mut listener, address) = listen(config()).await;
    let mut first = Raw::upgrade(address).await;
    let mut links = vec![next_link(&mut listener).await];
    // Clients take the descriptors until none is left for the server's side.
    let mut sockets = Vec::new();
    while let Ok(stream) = tokio::net::TcpStream::connect(address).await {
        sockets.push(stream);
    }
    // The established link still works.
    let echoing = tokio::spawn(echo(links.pop().unwrap()));
    first.write(&frame(TEXT, b"still here")).await;
    assert_eq!(first.read_frame().await, Some((TEXT, b"still here".to_vec())));
    // With descriptors again, so does everything.
    drop(sockets);
    let _late = Raw::upgrade(address).await;
    within(listener.accept()).await.unwrap();
    echoing.abort();
}
