use std::sync::mpsc;

use session_core::link::{
    CloseCode, Frame, Link, Listener, Receive, ReceiveExt, Transmit, TransmitExt,
};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Raw, config, listen, next_link, socket_url, within};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn last_words_arrive_although_the_client_kept_talking_and_the_server_is_gone() {
    let (tell, told) = mpsc::channel();
    let (talked, talking) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        let runtime = runtime();
        runtime.block_on(async {
            let (mut listener, address) = listen(config()).await;
            tell.send(address).unwrap();
            let (receive, mut transmit) = next_link(&mut listener).await.split();
            within(talking).await.unwrap();
            within(transmit.send(Frame::Binary(vec![7; 500_000].into()))).await.unwrap();
            within(transmit.close(CloseCode::DRAIN.into())).await.unwrap();
            drop(receive);
            within(listener.finish()).await;
        });
        drop(runtime);
    });
    let address = told.recv().unwrap();
    runtime().block_on(async {
        let client = within(transport_ws::connect(&socket_url(address))).await.unwrap();
        let (mut receive, mut transmit) = client.split();
        // Input that the server never reads: closing a socket that holds some resets it.
        within(transmit.send(Frame::Binary(vec![1; 30_000].into()))).await.unwrap();
        talked.send(()).unwrap();
        let last = within(receive.receive()).await.unwrap().unwrap();
        assert_eq!(last.as_bytes().len(), 500_000);
        assert_eq!(within(receive.receive()).await.unwrap(), None);
        assert_eq!(receive.close_reason(), Some(&CloseCode::DRAIN.into()));
    });
    server.join().unwrap();
}

#[tokio::test]
async fn clients_that_nobody_accepted_are_told_to_come_back_and_new_ones_are_refused() {
    let (mut listener, address) = listen(config()).await;
    let link = within(transport_ws::connect(&socket_url(address))).await.unwrap();
    let mut asking = Raw::connect(address).await;
    asking.write(format!("GET /session/7/x HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await;
    let mut idle = Raw::connect(address).await;
    idle.write(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await;
    assert!(idle.read_head().await.starts_with("HTTP/1.1 200 "));

    let finishing = tokio::spawn(async move { listener.finish().await });
    let (mut receive, transmit) = link.split();
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    assert_eq!(receive.close_reason().unwrap().code(), CloseCode::DRAIN);
    drop((receive, transmit));
    assert!(asking.read_head().await.starts_with("HTTP/1.1 503 "));
    assert_eq!(idle.read_rest().await, b"ok");
    within(finishing).await.unwrap();

    let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn finishing_waits_for_links_that_are_still_open() {
    let (mut listener, address) = listen(config()).await;
    let client = within(transport_ws::connect(&socket_url(address))).await.unwrap();
    let server = next_link(&mut listener).await;
    let mut finishing = std::pin::pin!(listener.finish());
    for _ in 0..100 {
        tokio::select! {
            biased;
            () = &mut finishing => panic!("a link is open"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(server);
    within(finishing).await;
    drop(client);
}

#[tokio::test]
async fn a_link_refuses_to_send_after_its_close() {
    let (client, server) = crate::support::pair(1000).await;
    let (_receive, mut transmit) = server.split();
    let reason = CloseCode::NORMAL.into();
    within(std::future::poll_fn(|cx| transmit.poll_close(cx, &reason))).await.unwrap();
    within(std::future::poll_fn(|cx| transmit.poll_close(cx, &reason))).await.unwrap();
    assert!(transmit.send(Frame::Text("late".into())).await.is_err());
    drop(client);
}
