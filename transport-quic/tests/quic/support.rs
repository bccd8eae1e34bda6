//! A listener on a free port, links and exchanges of it.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use session_core::exchange::Exchange;
use session_core::link::{
    Connect, Frame, Incoming, Link, Listener, Receive, ReceiveExt, Text, Transmit, TransmitExt,
};
use tokio::task::yield_now;
use tokio::time::timeout;
use transport_quic::{Client, Config, Connection, QuicLink, QuicListener, bind_with};

/// Long enough that only a test that hangs reaches it.
const HANGS: Duration = Duration::from_secs(30);

/// Fails instead of hanging.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(HANGS, future).await.expect("nothing happened for a long time")
}

pub(crate) fn config() -> Config {
    Config::new("127.0.0.1:0")
}

pub(crate) async fn listen(config: Config) -> QuicListener {
    bind_with(config).await.unwrap()
}

pub(crate) async fn connect(listener: &QuicListener) -> Connection {
    within(transport_quic::connect(&listener.address())).await.unwrap()
}

pub(crate) async fn next_link(listener: &mut QuicListener) -> QuicLink {
    match within(listener.accept()).await {
        Some(Incoming::Link(link)) => link,
        other => panic!("not a link: {other:?}"),
    }
}

pub(crate) async fn next_exchange(listener: &mut QuicListener) -> Exchange {
    match within(listener.accept()).await {
        Some(Incoming::Exchange(exchange)) => exchange,
        other => panic!("not an exchange: {other:?}"),
    }
}

/// Two ends of one link: the client's, the server's.
pub(crate) async fn pair(limit: usize) -> (QuicLink, QuicLink) {
    let mut config = config();
    config.max_message_bytes = limit;
    let mut listener = listen(config).await;
    let client = Client::new().max_message_bytes(limit);
    let connection = within(client.connect(&listener.address())).await.unwrap();
    let client = within(connection.link()).await.unwrap();
    let server = next_link(&mut listener).await;
    (client, server)
}

/// Each law holds whoever sends: client to server, server to client.
pub(crate) async fn both_ways<F>(limit: usize, law: impl Fn(QuicLink, QuicLink) -> F)
where
    F: Future<Output = ()>,
{
    let (client, server) = pair(limit).await;
    within(law(client, server)).await;
    let (client, server) = pair(limit).await;
    within(law(server, client)).await;
}

/// Echoes one link until it ends, and closes it as the contract asks.
pub(crate) async fn echo(link: QuicLink) {
    let (mut receive, mut transmit) = link.split();
    loop {
        match receive.receive().await {
            Ok(Some(frame)) => {
                if transmit.send(frame).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                if let Some(reason) = error.close_reason() {
                    let _ = transmit.close(reason).await;
                }
                return;
            }
        }
    }
}

/// Echoes every link of a listener.
pub(crate) fn echo_all(mut listener: QuicListener) {
    tokio::spawn(async move {
        while let Some(incoming) = listener.accept().await {
            if let Incoming::Link(link) = incoming {
                tokio::spawn(echo(link));
            }
        }
    });
}

/// The address of a server that echoes.
pub(crate) async fn echo_server(config: Config) -> String {
    let listener = listen(config).await;
    let address = listener.address();
    echo_all(listener);
    address
}

/// Sends one frame and wants it back.
pub(crate) async fn assert_echoes<R: Receive, T: Transmit>(receive: &mut R, transmit: &mut T) {
    let frame = text("still here");
    within(transmit.send(frame.clone())).await.unwrap();
    assert_eq!(within(receive.receive()).await.unwrap(), Some(frame));
}

/// A server that was reached echoes.
pub(crate) async fn assert_serves(url: &str) {
    let connection = within(transport_quic::connect(url)).await.unwrap();
    let (mut receive, mut transmit) = within(connection.link()).await.unwrap().split();
    assert_echoes(&mut receive, &mut transmit).await;
}

pub(crate) fn binary(length: usize) -> Frame {
    Frame::Binary((0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>().into())
}

pub(crate) fn text(text: &str) -> Frame {
    Frame::Text(Text::from(text.to_owned()))
}

pub(crate) async fn received<R: Receive>(receive: &mut R) -> Frame {
    within(receive.receive()).await.unwrap().expect("the link ended")
}

/// Sends until there is no room for more; how many frames went.
pub(crate) async fn stuff<T: Transmit>(transmit: &mut T, frame: &Frame) -> usize {
    let mut count = 0;
    let mut idle = 0;
    // What is full stays full while nobody reads: some hundred turns of the runtime are enough to see. The peer's
    // acknowledgements need a few of them.
    while idle < 500 {
        let ready = poll_fn(|cx| Poll::Ready(transmit.poll_ready(cx))).await;
        match ready {
            Poll::Ready(result) => {
                result.unwrap();
                transmit.start_send(frame.clone()).unwrap();
                count += 1;
                idle = 0;
            }
            Poll::Pending => {
                idle += 1;
                yield_now().await;
            }
        }
    }
    count
}
