use tokio::net::TcpListener;

use crate::support::{
    BINARY, BINARY_PART, CLOSE, LAST_PART, PART, PING, PONG, Raw, TEXT, TEXT_PART, echo_server,
    frame, within,
};

const LIMIT: usize = 10_000;

/// Writes bytes to an echo server; what comes back before the close frame, and its code.
async fn answer(bytes: &[u8]) -> (Option<u16>, Vec<(u8, Vec<u8>)>) {
    let mut raw = Raw::upgrade(echo_server(LIMIT).await).await;
    raw.write(bytes).await;
    let answer = raw.read_close().await;
    assert_eq!(raw.read_rest().await, b"", "nothing follows a close frame");
    answer
}

/// Writes bytes that break the protocol; the code of the close frame.
async fn refusal(bytes: &[u8]) -> Option<u16> {
    let (code, before) = answer(bytes).await;
    assert_eq!(before, [], "{bytes:02x?}");
    code
}

/// The frames that come back for some bytes, followed by a close.
async fn echoed(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (code, frames) = answer(&[bytes, &frame(CLOSE, &1000_u16.to_be_bytes())].concat()).await;
    assert_eq!(code, Some(1000), "{bytes:02x?}");
    frames
}

#[tokio::test]
async fn a_frame_without_a_mask_closes_with_1002() {
    assert_eq!(refusal(&[TEXT, 2, b'h', b'i']).await, Some(1002));
    assert_eq!(refusal(&[PING, 0]).await, Some(1002));
}

#[tokio::test]
async fn a_reserved_bit_closes_with_1002() {
    for bit in [0x10, 0x20, 0x40] {
        for first in [TEXT, BINARY, PING, CLOSE] {
            assert_eq!(refusal(&frame(first | bit, b"")).await, Some(1002), "{first:x} {bit:x}");
        }
    }
}

#[tokio::test]
async fn an_unknown_opcode_closes_with_1002() {
    for opcode in (3..8).chain(11..16) {
        assert_eq!(refusal(&frame(0x80 | opcode, b"")).await, Some(1002), "{opcode}");
    }
}

#[tokio::test]
async fn a_control_frame_in_pieces_or_too_long_closes_with_1002() {
    for first in [PING, PONG, CLOSE] {
        assert_eq!(refusal(&frame(first & 0x0f, b"")).await, Some(1002), "{first:x}");
        assert_eq!(refusal(&frame(first, &[b'x'; 126])).await, Some(1002), "{first:x}");
    }
}

#[tokio::test]
async fn a_length_in_more_bytes_than_it_needs_closes_with_1002() {
    assert_eq!(refusal(&[TEXT, 0xfe, 0, 125]).await, Some(1002));
    assert_eq!(refusal(&[TEXT, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]).await, Some(1002));
}

#[tokio::test]
async fn pieces_out_of_order_close_with_1002() {
    assert_eq!(refusal(&frame(LAST_PART, b"x")).await, Some(1002));
    assert_eq!(refusal(&frame(PART, b"x")).await, Some(1002));
    let twice = [frame(TEXT_PART, b"a"), frame(TEXT, b"b")].concat();
    assert_eq!(refusal(&twice).await, Some(1002));
    let after = [frame(TEXT_PART, b"a"), frame(LAST_PART, b"b"), frame(LAST_PART, b"c")].concat();
    assert_eq!(answer(&after).await, (Some(1002), vec![(TEXT, b"ab".to_vec())]));
}

#[tokio::test]
async fn pieces_become_one_message_with_pings_answered_in_between() {
    let pieces = [
        frame(TEXT_PART, b"fo"),
        frame(PING, b"between"),
        frame(PART, b""),
        frame(PART, b"ob"),
        frame(PONG, b"unasked"),
        frame(LAST_PART, b"ar"),
    ];
    let mut frames = echoed(&pieces.concat()).await;
    frames.sort();
    assert_eq!(frames, [(TEXT, b"foobar".to_vec()), (PONG, b"between".to_vec())]);
}

#[tokio::test]
async fn a_ping_of_any_lawful_length_comes_back() {
    for length in [0, 1, 124, 125] {
        let frames = echoed(&frame(PING, &vec![0xfe; length])).await;
        assert_eq!(frames, [(PONG, vec![0xfe; length])]);
    }
}

#[tokio::test]
async fn a_text_that_is_not_utf_8_closes_with_1007() {
    for bytes in [
        &b"\xff"[..],
        b"a\x80b",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"cut off \xe2\x82",
    ] {
        assert_eq!(refusal(&frame(TEXT, bytes)).await, Some(1007), "{bytes:02x?}");
    }
}

#[tokio::test]
async fn a_text_is_checked_across_its_pieces() {
    let euro = "€".as_bytes();
    let good =
        [frame(TEXT_PART, &euro[..1]), frame(PART, &euro[1..2]), frame(LAST_PART, &euro[2..])];
    assert_eq!(echoed(&good.concat()).await, [(TEXT, euro.to_vec())]);
    let bad = [frame(TEXT_PART, &euro[..2]), frame(LAST_PART, b"x")];
    assert_eq!(refusal(&bad.concat()).await, Some(1007));
    let cut = [frame(TEXT_PART, b"ok"), frame(LAST_PART, &euro[..2])];
    assert_eq!(refusal(&cut.concat()).await, Some(1007));
}

#[tokio::test]
async fn a_binary_message_may_hold_anything() {
    let every: Vec<u8> = (0..=255).rev().collect();
    let pieces = [frame(BINARY_PART, &every[..100]), frame(LAST_PART, &every[100..])];
    assert_eq!(echoed(&pieces.concat()).await, [(BINARY, every)]);
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009_before_it_comes() {
    let mut declared = vec![BINARY, 0xff];
    declared.extend((1_u64 << 63).to_be_bytes());
    assert_eq!(refusal(&declared).await, Some(1009));
    assert_eq!(refusal(&frame(BINARY, &[0; LIMIT + 1])[..4]).await, Some(1009));
    assert_eq!(echoed(&frame(BINARY, &[7; LIMIT])).await, [(BINARY, vec![7; LIMIT])]);
}

#[tokio::test]
async fn endless_pieces_close_with_1009_once_their_sum_passes_the_limit() {
    let mut raw = Raw::upgrade(echo_server(LIMIT).await).await;
    raw.write(&frame(BINARY_PART, &[1; 1024])).await;
    for _ in 0..8 {
        raw.write(&frame(PART, &[1; 1024])).await;
    }
    raw.write(&frame(PART, &[1; 1024])).await;
    assert_eq!(raw.read_close().await, (Some(1009), vec![]));
}

#[tokio::test]
async fn a_close_is_answered_with_its_own_code() {
    for code in [1000_u16, 1001, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999] {
        let body = [&code.to_be_bytes()[..], "bye €".as_bytes()].concat();
        assert_eq!(answer(&frame(CLOSE, &body)).await, (Some(code), vec![]));
    }
    assert_eq!(answer(&frame(CLOSE, b"")).await, (None, vec![]));
    let longest = [&1000_u16.to_be_bytes()[..], &[b'x'; 123]].concat();
    assert_eq!(answer(&frame(CLOSE, &longest)).await, (Some(1000), vec![]));
}

#[tokio::test]
async fn a_close_that_makes_no_sense_is_a_violation_and_no_orderly_end() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        assert_eq!(refusal(&frame(CLOSE, &code.to_be_bytes())).await, Some(1002), "{code}");
    }
    assert_eq!(refusal(&frame(CLOSE, b"\x03")).await, Some(1002));
    assert_eq!(refusal(&frame(CLOSE, b"\x03\xe8\xff\xfe")).await, Some(1007));
}

#[tokio::test]
async fn what_follows_a_close_is_ignored() {
    let bytes = [
        frame(TEXT, b"before"),
        frame(CLOSE, &1000_u16.to_be_bytes()),
        frame(TEXT, b"after"),
        frame(PING, b"after"),
        vec![0xff; 100],
    ];
    assert_eq!(answer(&bytes.concat()).await, (Some(1000), vec![(TEXT, b"before".to_vec())]));
}

#[tokio::test]
async fn bytes_that_come_along_with_the_handshake_are_not_lost() {
    let address = echo_server(LIMIT).await;
    let mut raw = Raw::connect(address).await;
    let mut bytes = crate::support::handshake(address, "").into_bytes();
    bytes.extend(frame(TEXT, b"early"));
    raw.write(&bytes).await;
    assert!(raw.read_head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(raw.read_frame().await, Some((TEXT, b"early".to_vec())));
}

#[tokio::test]
async fn a_client_refuses_a_server_that_did_not_understand_its_key() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut raw = Raw { stream };
        assert!(raw.read_head().await.contains("sec-websocket-key: "));
        raw.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n").await;
        raw.write(b"Upgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n").await;
        raw.read_rest().await;
    });
    let error = within(transport_ws::connect(&url)).await.unwrap_err();
    assert!(matches!(error, transport_ws::ConnectError::NotWebSocket), "{error}");
}
