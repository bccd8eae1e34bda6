use std::process::Stdio;
use std::time::Duration;

use http_body_util::BodyExt;
use session_core::link::{
    CloseCode, Connect, Frame, Link, Receive, ReceiveError, ReceiveExt, TransmitExt,
};
use transport_stdio::{Child, Client, Framing, SpawnError};

use crate::support::{FRAMINGS, example, get, text, within};

fn echo(framing: Framing) -> Client {
    let client = Client::new(example("echo")).framing(framing);
    if framing == Framing::Length { client.arg("--length") } else { client }
}

#[tokio::test]
async fn a_program_echoes_frames_and_answers_requests() {
    for framing in FRAMINGS {
        let child = echo(framing).spawn().unwrap();
        let (mut receive, mut transmit) = child.link().await.unwrap().split();
        for frame in [text("hello"), text("two\nlines"), Frame::Binary(vec![0; 300_000].into())] {
            within(transmit.send(frame.clone())).await.unwrap();
            assert!(within(receive.receive()).await.unwrap() == Some(frame));
        }
        let response = within(child.exchange(get("/zeros?bytes=1000000"))).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = within(response.into_body().collect()).await.unwrap().to_bytes();
        assert_eq!(body.len(), 1_000_000);
        within(transmit.close(CloseCode::NORMAL.into())).await.unwrap();
        assert_eq!(within(receive.receive()).await.unwrap(), None);
        assert_eq!(receive.close_reason().unwrap().code(), CloseCode::NORMAL);
        drop(receive);
        let status = within(child.shut_down()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn what_a_program_prints_goes_to_stderr_and_the_wire_stays_whole() {
    for framing in FRAMINGS {
        let (mut stderr, to_stderr) = std::io::pipe().unwrap();
        let child = echo(framing).arg("--prints").stderr(to_stderr).spawn().unwrap();
        let (mut receive, mut transmit) = child.link().await.unwrap().split();
        within(transmit.send(text("hello"))).await.unwrap();
        assert_eq!(within(receive.receive()).await.unwrap(), Some(text("hello")));
        within(transmit.close(CloseCode::NORMAL.into())).await.unwrap();
        drop(receive);
        // The example also sees for itself that its stdin is empty, and that it cannot bind twice.
        let status = within(child.shut_down()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
        let printed = std::io::read_to_string(&mut stderr).unwrap();
        assert_eq!(printed, "printed by Rust\nprinted by a child\n");
    }
}

#[tokio::test]
async fn an_app_is_driven_over_the_pipes() {
    for framing in FRAMINGS {
        let client = Client::new(example("double")).framing(framing).stderr(Stdio::null());
        let client = if framing == Framing::Length { client.arg("--length") } else { client };
        let child = client.spawn().unwrap();
        let (mut receive, mut transmit) = child.link().await.unwrap().split();
        let init = r#"{"method":"init","data":{"n":21,".clientdata_output_double_hidden":false}}"#;
        within(transmit.send(text(init))).await.unwrap();
        loop {
            let frame = within(receive.receive()).await.unwrap().expect("the app ended the link");
            if String::from_utf8_lossy(frame.as_bytes()).contains(r#""values":{"double":"42"}"#) {
                break;
            }
        }
        within(transmit.close(CloseCode::NORMAL.into())).await.unwrap();
        drop(receive);
        assert!(within(child.shut_down()).await.unwrap().unwrap().success());
    }
}

#[tokio::test]
async fn a_program_that_is_dropped_ends_and_leaves_no_zombie() {
    let child = echo(Framing::Lines).spawn().unwrap();
    let id = child.id().unwrap();
    let (mut receive, mut transmit) = child.link().await.unwrap().split();
    within(transmit.send(text("hello"))).await.unwrap();
    assert!(within(receive.receive()).await.unwrap().is_some());
    // The program lives for as long as its link.
    drop(child);
    within(transmit.send(text("still there"))).await.unwrap();
    assert_eq!(within(receive.receive()).await.unwrap(), Some(text("still there")));
    drop((receive, transmit));
    gone(id).await;
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_and_leaves_no_zombie() {
    let deaf = echo(Framing::Lines).arg("--deaf").grace(Duration::from_millis(50)).spawn().unwrap();
    let id = deaf.id().unwrap();
    answers(&deaf).await;
    drop(deaf);
    gone(id).await;

    let deaf = echo(Framing::Lines).arg("--deaf").grace(Duration::from_millis(50)).spawn().unwrap();
    answers(&deaf).await;
    let status = within(deaf.shut_down()).await.unwrap().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
}

#[tokio::test]
async fn a_program_that_never_reads_its_input_is_killed_too() {
    let sleeper =
        Client::new("sleep").arg("1000").grace(Duration::from_millis(50)).spawn().unwrap();
    let id = sleeper.id().unwrap();
    let (_receive, mut transmit) = sleeper.link().await.unwrap().split();
    let much = text(&"x".repeat(1 << 20));
    assert!(tokio::time::timeout(Duration::from_millis(50), transmit.send(much)).await.is_err());
    within(sleeper.shut_down()).await.unwrap();
    gone(id).await;
}

#[tokio::test]
async fn a_program_that_dies_has_aborted_its_link_and_its_exchanges() {
    let child = Client::new("sh").args(["-c", "read line; exit 3"]).spawn().unwrap();
    let (mut receive, mut transmit) = child.link().await.unwrap().split();
    let asked = child.exchange(get("/never"));
    let (asked, end) = within(async { tokio::join!(asked, receive.receive()) }).await;
    assert!(matches!(end, Err(ReceiveError::Aborted(None))), "{end:?}");
    let error = asked.unwrap_err();
    assert!(matches!(error, transport_stdio::ConnectError::Cut(_)), "{error:?}");
    while within(transmit.send(text("anybody?"))).await.is_ok() {}
    drop((receive, transmit));
    let status = within(child.shut_down()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[tokio::test]
async fn a_client_that_dies_looks_like_one_that_died() {
    // A server of this process, a client that the system kills: a shell that says `open` and hangs up.
    let (from_client, to_server) = std::io::pipe().unwrap();
    let (_from_server, to_client) = std::io::pipe().unwrap();
    let config = transport_stdio::Config::default();
    let mut listener = transport_stdio::bind_over(from_client, to_client, &config).unwrap();
    let status = std::process::Command::new("sh")
        .args(["-c", "echo '[\"open\"]'; echo hello; kill -9 $$"])
        .stdout(to_server)
        .status()
        .unwrap();
    assert!(!status.success());
    let (mut receive, _transmit) = crate::support::next_link(&mut listener).await.split();
    assert_eq!(within(receive.receive()).await.unwrap(), Some(text("hello")));
    let error = within(receive.receive()).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Aborted(None)), "{error}");
}

#[tokio::test]
async fn a_program_that_is_none_is_a_typed_error() {
    let error = Client::new("/nowhere/no-such-program").spawn().unwrap_err();
    let SpawnError::Program { program, .. } = &error else { panic!("{error}") };
    assert_eq!(program, "/nowhere/no-such-program");
    assert!(error.to_string().contains("/nowhere/no-such-program"), "{error}");
}

async fn answers(child: &Child) {
    within(child.exchange(get("/zeros?bytes=1"))).await.unwrap();
}

/// Waits until a process is gone, not only dead: a zombie has a folder in `/proc`.
async fn gone(id: u32) {
    let folder = std::path::PathBuf::from(format!("/proc/{id}"));
    within(async {
        while folder.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
