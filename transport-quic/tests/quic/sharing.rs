use session_core::exchange::Body;
use session_core::link::{
    CloseCode, Connect, Incoming, Link, Listener, Receive, ReceiveExt, TransmitExt,
};

use crate::support::{
    assert_echoes, binary, config, connect, echo, listen, next_exchange, next_link, received,
    stuff, within,
};

#[tokio::test]
async fn a_link_does_not_feel_what_happens_to_another_of_its_connection() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let mut links = Vec::new();
    for _ in 0..5 {
        let client = connection.link().await.unwrap();
        links.push((client, next_link(&mut listener).await));
    }
    let (_full_client, full) = links.pop().unwrap();
    let (_full_in, mut full_out) = full.split();
    within(stuff(&mut full_out, &binary(60_000))).await;

    let (aborted, _its_server) = links.pop().unwrap();
    drop(aborted);

    let (closed, _its_server) = links.pop().unwrap();
    let (_its_in, its_out) = closed.split();
    within(its_out.close(CloseCode::NORMAL.into())).await.unwrap();

    let (violating, its_server) = links.pop().unwrap();
    tokio::spawn(echo(its_server));
    let (mut its_in, mut its_out) = violating.split();
    let _ = its_out.send(binary(2 << 20)).await;
    assert_eq!(within(its_in.receive()).await.unwrap(), None);
    assert_eq!(its_in.close_reason().unwrap().code(), CloseCode::TOO_BIG);

    let (healthy, its_server) = links.pop().unwrap();
    drop((listener, connection));
    tokio::spawn(echo(its_server));
    let (mut receive, mut transmit) = healthy.split();
    assert_echoes(&mut receive, &mut transmit).await;
}

#[tokio::test]
async fn links_that_are_not_read_hold_up_no_other_although_their_windows_are_full() {
    let mut config = config();
    config.max_streams_per_connection = 10;
    config.stream_window = 64 * 1024;
    config.connection_window = 10 * 64 * 1024;
    let mut listener = listen(config).await;
    let connection = connect(&listener).await;
    let mut stuck = Vec::new();
    for _ in 0..9 {
        let (receive, mut transmit) = connection.link().await.unwrap().split();
        within(stuff(&mut transmit, &binary(30_000))).await;
        stuck.push((receive, transmit, next_link(&mut listener).await));
    }
    let (mut receive, mut transmit) = connection.link().await.unwrap().split();
    tokio::spawn(echo(next_link(&mut listener).await));
    assert_echoes(&mut receive, &mut transmit).await;
}

#[tokio::test]
async fn over_the_cap_of_streams_a_client_waits_for_one_to_end() {
    let mut config = config();
    config.max_streams_per_connection = 1;
    let mut listener = listen(config).await;
    let connection = connect(&listener).await;
    let first = connection.link().await.unwrap();
    let server = next_link(&mut listener).await;
    let mut second = Box::pin(connection.link());
    tokio::select! {
        biased;
        second = &mut second => panic!("{second:?}"),
        () = async { for _ in 0..100 { tokio::task::yield_now().await } } => {}
    }
    drop((first, server));
    within(second).await.unwrap();
}

#[tokio::test]
async fn many_links_and_exchanges_share_a_connection() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    tokio::spawn(async move {
        while let Some(incoming) = listener.accept().await {
            match incoming {
                Incoming::Link(link) => drop(tokio::spawn(echo(link))),
                Incoming::Exchange(exchange) => {
                    let (request, responder) = exchange.into_parts();
                    responder.respond(http::Response::new(request.into_body()));
                }
                _ => {}
            }
        }
    });
    let mut tasks = Vec::new();
    for n in 0..30 {
        let connection = connection.clone();
        tasks.push(tokio::spawn(async move {
            let (mut receive, mut transmit) = connection.link().await.unwrap().split();
            for size in [0, 100, 5000, 300_000] {
                transmit.send(binary(size + n)).await.unwrap();
                assert_eq!(received(&mut receive).await, binary(size + n));
            }
            transmit.close(CloseCode::NORMAL.into()).await.unwrap();
            assert_eq!(receive.receive().await.unwrap(), None);
        }));
    }
    for n in 0..200 {
        let connection = connection.clone();
        tasks.push(tokio::spawn(async move {
            let body = binary(n * 997).into_bytes();
            let request =
                http::Request::post("/session/7/echo").body(Body::from(body.clone())).unwrap();
            let response = connection.exchange(request).await.unwrap();
            assert_eq!(response.into_body().collect_up_to(1 << 20).await.unwrap(), body);
        }));
    }
    for task in tasks {
        within(task).await.unwrap();
    }
}

#[tokio::test]
async fn a_download_that_is_not_read_delays_no_link() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let request = http::Request::get("/session/7/big").body(Body::empty()).unwrap();
    let (response, ()) = tokio::join!(connection.exchange(request), async {
        let exchange = next_exchange(&mut listener).await;
        exchange.respond(http::Response::new(binary(8 << 20).into_bytes().into()));
    });
    let response = response.unwrap();
    let (mut receive, mut transmit) = connection.link().await.unwrap().split();
    tokio::spawn(echo(next_link(&mut listener).await));
    assert_echoes(&mut receive, &mut transmit).await;
    let body = within(response.into_body().collect_up_to(16 << 20)).await.unwrap();
    assert!(body == binary(8 << 20).into_bytes());
}

#[tokio::test]
async fn a_connection_lasts_as_long_as_a_link_of_it_and_then_is_closed() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let client = connection.link().await.unwrap();
    let server = next_link(&mut listener).await;
    drop(connection);
    let echoing = tokio::spawn(echo(server));
    let (mut receive, mut transmit) = client.split();
    assert_echoes(&mut receive, &mut transmit).await;
    transmit.close(CloseCode::NORMAL.into()).await.unwrap();
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    within(echoing).await.unwrap();
    drop(receive);
    // Nothing is left to wait for once the client has closed the connection; the idle timeout is far longer.
    within(listener.finish()).await;
}

#[tokio::test]
async fn a_connection_can_be_waited_for_until_all_of_it_is_delivered() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let (receive, mut transmit) = connection.link().await.unwrap().split();
    let (mut arriving, reply) = next_link(&mut listener).await.split();
    within(transmit.send(binary(100_000))).await.unwrap();
    within(transmit.close(CloseCode::NORMAL.into())).await.unwrap();
    drop(receive);
    let closing = tokio::spawn(connection.close());
    assert_eq!(received(&mut arriving).await, binary(100_000));
    assert_eq!(within(arriving.receive()).await.unwrap(), None);
    assert_eq!(arriving.close_reason(), Some(&CloseCode::NORMAL.into()));
    drop(reply);
    within(closing).await.unwrap();
}
