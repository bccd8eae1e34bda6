use std::sync::mpsc;
use std::time::Duration;

use session_core::exchange::Body;
use session_core::link::{
    CloseCode, Connect, Frame, Link, Listener, Receive, ReceiveExt, TransmitExt,
};
use tokio::runtime::{Builder, Runtime};
use transport_quic::{Client, ConnectError};

use crate::proxy::{Proxy, Weather};
use crate::raw::{self, Certificate, OPEN, REQUEST, RESPONSE, read_close, read_record};
use crate::support::{
    assert_echoes, config, connect, echo, listen, next_exchange, next_link, within,
};

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
            let mut listener = listen(config()).await;
            tell.send(listener.address()).unwrap();
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
        let connection = within(transport_quic::connect(&address)).await.unwrap();
        let (mut receive, mut transmit) = within(connection.link()).await.unwrap().split();
        // Input that the server never reads.
        within(transmit.send(Frame::Binary(vec![1; 30_000].into()))).await.unwrap();
        talked.send(()).unwrap();
        let last = within(receive.receive()).await.unwrap().unwrap();
        assert_eq!(last.as_bytes().len(), 500_000);
        assert_eq!(within(receive.receive()).await.unwrap(), None);
        assert_eq!(receive.close_reason(), Some(&CloseCode::DRAIN.into()));
        drop((receive, transmit));
        within(connection.close()).await;
    });
    server.join().unwrap();
}

#[tokio::test]
async fn a_response_arrives_whole_although_the_server_finishes_at_once() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let request = http::Request::get("/session/7/x").body(Body::empty()).unwrap();
    let asking = tokio::spawn(async move {
        let response = connection.exchange(request).await.unwrap();
        response.into_body().collect_up_to(1 << 20).await.unwrap()
    });
    next_exchange(&mut listener).await.respond(http::Response::new(vec![7; 500_000].into()));
    within(listener.finish()).await;
    assert_eq!(within(asking).await.unwrap().len(), 500_000);
}

#[tokio::test]
async fn clients_that_nobody_accepted_are_told_to_come_back_and_new_ones_are_refused() {
    let certificate = Certificate::new();
    let mut listener = listen(certificate.config()).await;
    let url = listener.address();
    let connection = raw::connect(&certificate, listener.local_addr()).await;
    let (mut link, mut from_link) = raw::open(&connection, &raw::head(OPEN)).await;
    let (mut asking, mut answer) = raw::open(&connection, &raw::head(REQUEST)).await;
    asking.finish().unwrap();
    // Acknowledged: the server has both.
    within(asking.stopped()).await.unwrap();
    let finishing = tokio::spawn(async move { listener.finish().await });
    assert_eq!(read_close(&mut from_link).await, CloseCode::DRAIN.get());
    let (kind, head) = read_record(&mut answer).await;
    assert_eq!(kind, RESPONSE);
    assert!(String::from_utf8(head).unwrap().contains("503"));

    let error = within(transport_quic::connect(&url)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused), "{error:?}");
    link.finish().unwrap();
    within(finishing).await.unwrap();
    let ended = within(connection.closed()).await;
    assert!(ended.to_string().contains("shutting down"), "{ended}");
}

#[tokio::test]
async fn a_link_that_is_opened_while_the_server_finishes_is_told_to_come_back() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let open = within(connection.link()).await.unwrap();
    let server = next_link(&mut listener).await;
    let finishing = tokio::spawn(async move { listener.finish().await });
    tokio::task::yield_now().await;
    let (mut receive, _transmit) = within(connection.link()).await.unwrap().split();
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    assert_eq!(receive.close_reason().unwrap().code(), CloseCode::DRAIN);
    drop((open, server));
    within(finishing).await.unwrap();
}

#[tokio::test]
async fn finishing_waits_for_links_that_are_still_open() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let client = within(connection.link()).await.unwrap();
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
async fn finishing_does_not_wait_for_a_handshake_that_is_half_done() {
    let mut listener = listen(config()).await;
    let weather = Weather { one_way: true, ..Weather::default() };
    let proxy = Proxy::new(listener.local_addr(), weather).await;
    let url = proxy.through(&listener.address());
    let connecting = tokio::spawn(async move { Client::new().connect(&url).await });
    within(async {
        while proxy.seen().to_server == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Far less than the ten seconds a handshake may take.
    let finished = tokio::time::timeout(Duration::from_secs(5), listener.finish()).await;
    assert!(finished.is_ok(), "it waited");
    connecting.abort();
}

#[tokio::test]
async fn a_dropped_listener_refuses_clients_and_its_links_live_on() {
    let mut listener = listen(config()).await;
    let url = listener.address();
    let connection = connect(&listener).await;
    let (mut receive, mut transmit) = within(connection.link()).await.unwrap().split();
    let server = next_link(&mut listener).await;
    drop(listener);
    let echoing = tokio::spawn(echo(server));
    assert_echoes(&mut receive, &mut transmit).await;
    let error = within(transport_quic::connect(&url)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused), "{error:?}");
    assert_echoes(&mut receive, &mut transmit).await;
    // With the last link goes the connection, and with that the socket.
    within(transmit.close(CloseCode::NORMAL.into())).await.unwrap();
    within(echoing).await.unwrap();
    let address = url.trim_start_matches("quic://").split('/').next().unwrap();
    within(async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
