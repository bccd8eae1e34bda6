use session_core::link::{
    CloseCode, Connect, Frame, Link, Receive, ReceiveError, ReceiveExt, TransmitExt,
};
use transport_stdio::{Client, Config, Framing};

use crate::support::{Raw, next_link, pair, pair_of, text, within};

const LIMIT: usize = 100_000;

/// What a line becomes that a client writes and hangs up after.
async fn received(line: impl AsRef<[u8]>) -> Result<Option<Frame>, ReceiveError> {
    let (mut raw, mut listener) = Raw::connect(&Config::default().max_message_bytes(LIMIT));
    raw.write(line);
    raw.hang_up();
    let (mut receive, _transmit) = next_link(&mut listener).await.split();
    within(receive.receive()).await
}

#[tokio::test]
async fn a_line_is_a_text_as_it_stands() {
    for line in
        ["{\"method\":\"init\"}", "no JSON", " indented", "a\rb", "NUL \0 stays", "zażółć 🦀"]
    {
        assert_eq!(received(format!("{line}\n")).await.unwrap(), Some(text(line)), "{line:?}");
    }
}

#[tokio::test]
async fn a_carriage_return_before_the_newline_is_no_part_of_the_line() {
    assert_eq!(received("hello\r\n").await.unwrap(), Some(text("hello")));
    assert_eq!(received("hello\r\r\n").await.unwrap(), Some(text("hello\r")));
    assert_eq!(received("[\"text\",\"x\"]\r\n").await.unwrap(), Some(text("x")));
}

#[tokio::test]
async fn a_byte_order_mark_is_dropped_at_the_very_start_only() {
    let (mut raw, mut receive, _transmit, _listener) = Raw::opened(LIMIT, "\u{feff}first\n").await;
    raw.write("\u{feff}second\n");
    for expected in ["first", "\u{feff}second"] {
        assert_eq!(within(receive.receive()).await.unwrap(), Some(text(expected)));
    }
}

#[tokio::test]
async fn a_word_carries_what_cannot_stand_as_a_line() {
    for (line, frame) in [
        (r#"["text",""]"#, text("")),
        (r#"["text","two\nlines"]"#, text("two\nlines")),
        (r#"[ "text" , "[\"close\"]" ]"#, text("[\"close\"]")),
        (r#"["binary",""]"#, Frame::Binary(Vec::new().into())),
        (r#"["binary","AP8="]"#, Frame::Binary(vec![0, 255].into())),
        (r#"["binary",{"text":"as it is"}]"#, Frame::Binary("as it is".into())),
    ] {
        assert_eq!(received(format!("{line}\n")).await.unwrap(), Some(frame), "{line}");
    }
}

#[tokio::test]
async fn what_a_server_sends_is_a_line_wherever_it_can_be() {
    let (mut raw, _receive, mut transmit, _listener) = Raw::opened(LIMIT, "hi\n").await;
    for (frame, line) in [
        (text("{\"a\":1}"), "{\"a\":1}"),
        (text("a\rb \u{0} ł"), "a\rb \u{0} ł"),
        (text(""), r#"["text",""]"#),
        (text(" \t "), r#"["text"," \t "]"#),
        (text("[1]"), r#"["text","[1]"]"#),
        (text("a\nb"), r#"["text","a\nb"]"#),
        (text("end\r"), r#"["text","end\r"]"#),
        (text("\u{feff}mark"), "[\"text\",\"\u{feff}mark\"]"),
        (Frame::Binary(vec![0, 255, 7].into()), r#"["binary","AP8H"]"#),
        (Frame::Binary(Vec::new().into()), r#"["binary",""]"#),
    ] {
        within(transmit.send(frame)).await.unwrap();
        assert_eq!(raw.line().await.unwrap(), line);
    }
}

#[tokio::test]
async fn a_text_of_which_every_byte_is_escaped_crosses_at_the_limit() {
    for framing in [Framing::Lines, Framing::Length] {
        let (child, mut listener) = pair(framing, LIMIT);
        let ((_, mut transmit), (mut receive, _open)) =
            crate::support::links(&child, &mut listener).await;
        let frame = text(&"\u{1}\n".repeat(LIMIT / 2));
        let expected = frame.clone();
        let (sent, got) =
            within(async { tokio::join!(transmit.send(frame), receive.receive()) }).await;
        sent.unwrap();
        assert!(got.unwrap() == Some(expected));
    }
}

#[tokio::test]
async fn invalid_utf8_is_told_from_a_broken_word() {
    for line in [&b"caf\xe9\n"[..], b"[\"text\",\"caf\xe9\"]\n", b"\xff\n"] {
        let error = received(line).await.unwrap_err();
        assert!(matches!(error, ReceiveError::NotUtf8), "{error}");
        assert_eq!(error.close_reason().unwrap().code(), CloseCode::INVALID_DATA);
    }
}

#[tokio::test]
async fn a_word_that_is_none_breaks_the_protocol() {
    for line in [
        "[",
        "[]",
        "[1]",
        "[\"shout\"]",
        "[\"text\"]",
        "[\"text\",1]",
        "[\"text\",\"x\",\"more\"]",
        "[\"text\",\"x\"] trailing",
        "[\"text\",\"\\ud800\"]",
        "[\"binary\",\"###\"]",
        "[\"binary\",{\"bytes\":\"x\"}]",
        "[\"close\",1005]",
        "[\"close\",\"bye\"]",
        "[\"request\",0,{}]",
        "[\"request\",-1,{}]",
        "[\"request\",4294967296,{}]",
        "[\"request\",1]",
        "[\"data\",0,\"\"]",
        "[\"data\",1,5]",
        "[\"end\"]",
        "[\"response\",1,{\"status\":200}]",
        "[\"credit\",1]",
        "[\"credit\",1,-5]",
    ] {
        let error = received(format!("{line}\n")).await.unwrap_err();
        assert!(matches!(error, ReceiveError::Protocol(_)), "{line}: {error}");
        assert_eq!(error.close_reason().unwrap().code(), CloseCode::PROTOCOL);
    }
    let long = format!("[\"close\",1000,\"{}\"]\n", "x".repeat(124));
    assert!(matches!(received(long).await, Err(ReceiveError::Protocol(_))));
}

#[tokio::test]
async fn the_text_of_a_refusal_never_has_what_the_client_wrote() {
    for line in ["[\"secret\"]\n", "[\"text\",secret]\n", "[\"request\",1,secret]\n"] {
        let error = received(line).await.unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_line_at_the_limit_arrives_and_a_longer_one_does_not() {
    let most = "x".repeat(LIMIT);
    assert!(received(format!("{most}\r\n")).await.unwrap() == Some(text(&most)));
    for line in [
        format!("{most}x\n"),
        format!("{most}{most}{most}\n"),
        format!("[\"text\",\"{most}x\"]\n"),
        format!("[\"binary\",\"{}\"]\n", "AAAA".repeat(LIMIT / 3 + 1)),
    ] {
        let (mut raw, mut listener) = Raw::connect(&Config::default().max_message_bytes(LIMIT));
        let writing = raw.write_much(line.into_bytes());
        let reading = async {
            let (mut receive, transmit) = next_link(&mut listener).await.split();
            let error = within(receive.receive()).await.unwrap_err();
            assert!(matches!(error, ReceiveError::TooLarge { limit: LIMIT }), "{error}");
            assert_eq!(receive.receive().await.unwrap(), None);
            assert!(receive.close_reason().is_none());
            within(transmit.close(error.close_reason().unwrap())).await.unwrap();
        };
        // Whether all of it could be written says nothing.
        let _ = tokio::join!(writing, reading);
        drop(listener);
        let last = raw.rest().await.pop().unwrap();
        assert!(last.starts_with("[\"close\",1009,"), "{last}");
    }
}

#[tokio::test]
async fn a_line_without_end_is_refused_at_the_limit_not_at_its_end() {
    let (mut raw, mut receive, _transmit, _listener) = Raw::opened(LIMIT, "hi\n").await;
    assert_eq!(within(receive.receive()).await.unwrap(), Some(text("hi")));
    let _ = raw.write_much(vec![b'x'; 3 * LIMIT]).await;
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn blank_lines_are_nothing() {
    assert_eq!(received("\n\r\n \t\r\n\t\n{}\n").await.unwrap(), Some(text("{}")));
}

#[tokio::test]
async fn an_open_may_carry_the_head_of_a_request() {
    for framing in [Framing::Lines, Framing::Length] {
        let client = Client::new("").header("x-word", "a word").unwrap();
        let (child, mut listener) = pair_of(client, &Config::default().framing(framing));
        assert!(!format!("{child:?}").contains("a word"), "a header may be a secret");
        let (link, server) = tokio::join!(child.link(), next_link(&mut listener));
        assert_eq!(server.peer().header("x-word"), Some("a word"), "{framing:?}");
        assert!(link.unwrap().peer().request.is_none());
    }
    let (mut raw, mut listener) = Raw::connect(&Config::default());
    raw.write("[\"open\",{\"path\":\"/x?y=1\"}]\n");
    let link = next_link(&mut listener).await;
    assert_eq!(link.peer().request.as_ref().unwrap().uri, "/x?y=1");
}

#[tokio::test]
async fn a_link_without_a_head_has_no_request() {
    for line in ["hello\n", "[\"open\"]\n"] {
        let (mut raw, mut listener) = Raw::connect(&Config::default());
        raw.write(line);
        assert!(next_link(&mut listener).await.peer().request.is_none(), "{line}");
    }
}

#[tokio::test]
async fn a_head_that_is_none_or_comes_too_late_breaks_the_protocol() {
    for lines in [
        "[\"open\",3]\n",
        "[\"open\",{\"path\":\"relative\"}]\n",
        "hello\n[\"open\",{\"path\":\"/\"}]\n",
        "[\"open\"]\n[\"open\",{\"path\":\"/\"}]\n",
        "[\"open\",{\"path\":\"/\"},1]\n",
    ] {
        let (mut raw, mut listener) = Raw::connect(&Config::default());
        raw.write(lines);
        let (mut receive, _transmit) = next_link(&mut listener).await.split();
        let error = loop {
            match within(receive.receive()).await {
                Ok(frame) => assert!(frame.is_some(), "{lines}"),
                Err(error) => break error,
            }
        };
        let reason = error.close_reason().unwrap();
        assert_eq!(reason.code(), CloseCode::PROTOCOL, "{lines} {reason}");
    }
}
