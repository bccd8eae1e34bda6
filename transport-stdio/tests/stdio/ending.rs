use std::time::Duration;

use session_core::link::{
    CloseCode, CloseReason, Connect, Link, Listener, Receive, ReceiveError, ReceiveExt,
    TransmitError, TransmitExt,
};
use transport_stdio::{Config, ConnectError, Framing};

use crate::support::{FRAMINGS, Raw, next_link, pair, text, within};

const LIMIT: usize = 1 << 20;

#[tokio::test]
async fn a_script_that_hangs_up_between_two_lines_has_ended_in_good_order() {
    let (mut raw, mut receive, transmit, mut listener) = Raw::opened(LIMIT, "one\ntwo\n").await;
    raw.hang_up();
    for expected in ["one", "two"] {
        assert_eq!(within(receive.receive()).await.unwrap(), Some(text(expected)));
    }
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    assert!(receive.close_reason().is_none());
    drop((receive, transmit));
    assert!(within(listener.accept()).await.is_none());
    within(listener.finish()).await;
    assert_eq!(raw.rest().await, [r#"["close",1000]"#]);
}

#[tokio::test]
async fn the_end_of_the_input_in_mid_line_is_an_abort_and_the_torn_line_is_dropped() {
    let (mut raw, mut receive, _transmit, _listener) = Raw::opened(LIMIT, "one\n{\"met").await;
    raw.hang_up();
    assert_eq!(within(receive.receive()).await.unwrap(), Some(text("one")));
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Aborted(Some(_))), "{error}");
    assert_eq!(within(receive.receive()).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_said_open_ends_with_a_word_or_is_an_abort() {
    let (mut raw, mut receive, _transmit, _listener) =
        Raw::opened(LIMIT, "[\"open\"]\none\n").await;
    raw.hang_up();
    assert_eq!(within(receive.receive()).await.unwrap(), Some(text("one")));
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Aborted(None)), "{error}");
}

#[tokio::test]
async fn open_is_answered_and_only_then_said() {
    let (mut raw, _receive, mut transmit, _listener) = Raw::opened(LIMIT, "[\"open\"]\n").await;
    assert_eq!(raw.line().await.unwrap(), r#"["open"]"#);
    within(transmit.send(text("x"))).await.unwrap();
    assert_eq!(raw.line().await.unwrap(), "x");
}

#[tokio::test]
async fn a_close_is_answered_and_nothing_is_sent_after_it() {
    let (mut raw, mut receive, mut transmit, _listener) =
        Raw::opened(LIMIT, "[\"close\",3000,\"enough\"]\nmore\n").await;
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    let reason = CloseReason::new(CloseCode::new(3000).unwrap(), "enough");
    assert_eq!(receive.close_reason(), Some(&reason));
    assert_eq!(raw.line().await.unwrap(), r#"["close",3000]"#);
    let error = within(transmit.send(text("too late"))).await.unwrap_err();
    assert!(matches!(error, TransmitError::Closed(_)), "{error}");
}

#[tokio::test]
async fn a_close_without_a_code_is_an_orderly_end_too() {
    let (_raw, mut receive, _transmit, _listener) = Raw::opened(LIMIT, "[\"close\"]\n").await;
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    assert!(receive.close_reason().is_none());
}

#[tokio::test]
async fn a_link_that_is_dropped_says_so_after_what_was_accepted() {
    let (mut raw, receive, mut transmit, listener) = Raw::opened(LIMIT, "hi\n").await;
    within(transmit.send(text("last"))).await.unwrap();
    drop((receive, transmit, listener));
    assert_eq!(raw.rest().await, ["last", r#"["abort"]"#]);
}

#[tokio::test]
async fn a_server_that_ends_without_a_word_has_aborted_the_link() {
    for framing in FRAMINGS {
        let (from_client, to_server) = std::io::pipe().unwrap();
        let (from_server, to_client) = std::io::pipe().unwrap();
        let child =
            transport_stdio::Client::new("").framing(framing).over(from_server, to_server).unwrap();
        let (mut receive, _transmit) = child.link().await.unwrap().split();
        drop((from_client, to_client));
        let error = within(receive.receive()).await.unwrap_err();
        assert!(matches!(error, ReceiveError::Aborted(_)), "{error}");
    }
}

#[tokio::test]
async fn records_just_end_for_nobody() {
    let config = Config::default().framing(Framing::Length);
    let (mut raw, mut listener) = Raw::connect(&config);
    raw.write(b"\x00\x00\x00\x00\x02hi");
    let (mut receive, _transmit) = next_link(&mut listener).await.split();
    assert_eq!(within(receive.receive()).await.unwrap(), Some(text("hi")));
    raw.hang_up();
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Aborted(None)), "{error}");
}

#[tokio::test]
async fn a_record_that_is_none_breaks_the_protocol() {
    for (record, what) in [
        (&b"\x03\x00\x00\x00\x00"[..], "a reserved kind"),
        (b"\x63\x00\x00\x00\x04\x00\x00\x00\x01", "an unknown kind"),
        (b"\x12\x00\x00\x00\x02\x00\x00", "a request without its number"),
        (b"\x15\x00\x00\x00\x04\x00\x00\x00\x00", "an exchange with the number 0"),
        (b"\x18\x00\x00\x00\x04\x00\x00\x00\x00", "a credit without its bytes"),
        (b"\x02\x00\x00\x00\x02\x03\xed", "a close that may not be sent"),
    ] {
        let config = Config::default().framing(Framing::Length);
        let (mut raw, mut listener) = Raw::connect(&config);
        raw.write(record);
        let (mut receive, _transmit) = next_link(&mut listener).await.split();
        let error = within(receive.receive()).await.unwrap_err();
        assert!(matches!(error, ReceiveError::Protocol(_)), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_end_ends_the_link_and_not_the_process() {
    let (mut raw, mut receive, mut transmit, _listener) = Raw::opened(LIMIT, "hi\n").await;
    raw.stop_reading();
    let error = loop {
        match within(transmit.send(text("anybody?"))).await {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    let TransmitError::Closed(Some(cause)) = error else { panic!("without a cause: {error}") };
    assert_eq!(cause.kind(), std::io::ErrorKind::BrokenPipe);
    raw.hang_up();
    while let Ok(Some(_)) = within(receive.receive()).await {}
}

#[tokio::test]
async fn input_without_a_word_of_the_link_is_no_link() {
    for input in ["", "\n\n", "[\"abort\"]\n", "torn"] {
        let (mut raw, mut listener) = Raw::connect(&Config::default());
        raw.write(input);
        raw.hang_up();
        assert!(within(listener.accept()).await.is_none(), "{input:?}");
        within(listener.finish()).await;
        assert_eq!(raw.rest().await, [""; 0]);
    }
}

#[tokio::test]
async fn the_listener_goes_on_until_the_link_is_done_with_whatever_the_input_does() {
    let (mut raw, mut receive, transmit, mut listener) = Raw::opened(LIMIT, "one\n").await;
    raw.hang_up();
    // `None` would stop a session that has not even seen its first frame.
    let mut accepting = Box::pin(listener.accept());
    assert!(tokio::select! {
        biased;
        _ = &mut accepting => false,
        frame = within(receive.receive()) => frame.unwrap() == Some(text("one")),
    });
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    drop((receive, transmit));
    assert!(within(accepting).await.is_none());
}

#[tokio::test]
async fn a_client_that_does_not_hang_up_after_its_link_is_given_up() {
    let mut config = Config::default();
    config.linger = Duration::from_millis(10);
    let (mut raw, mut listener) = Raw::connect(&config);
    raw.write("hi\n");
    let (receive, transmit) = next_link(&mut listener).await.split();
    within(transmit.close(CloseCode::GOING_AWAY.into())).await.unwrap();
    drop(receive);
    assert!(within(listener.accept()).await.is_none());
    within(listener.finish()).await;
}

#[tokio::test]
async fn a_link_that_nobody_took_is_told_to_come_back() {
    let (mut raw, mut listener) = Raw::connect(&Config::default());
    raw.write("{}\n[\"request\",1,{\"path\":\"/x\"}]\n[\"end\",1]\n");
    // Answered at once, so that everything before it was read by then.
    raw.write("[\"request\",2,{\"path\":\"relative\"}]\n");
    assert!(raw.line().await.unwrap().starts_with("[\"response\",2,{\"status\":400"));
    within(listener.finish()).await;
    let rest = raw.rest().await;
    assert!(rest.iter().any(|line| line.starts_with("[\"close\",1012,")), "{rest:?}");
    assert!(
        rest.iter().any(|line| line.starts_with("[\"response\",1,{\"status\":503")),
        "{rest:?}"
    );
}

#[tokio::test]
async fn a_second_link_is_a_typed_error() {
    let (child, _listener) = pair(Framing::Lines, LIMIT);
    let _link = child.link().await.unwrap();
    assert!(matches!(child.link().await, Err(ConnectError::LinkTaken)));
}
