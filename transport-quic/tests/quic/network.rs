use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_core::link::{CloseCode, Connect, Frame, Link, ReceiveExt, TransmitExt};
use tokio::task::yield_now;

use crate::proxy::{Proxy, Weather};
use crate::support::{
    assert_echoes, binary, config, connect, echo, echo_server, listen, next_link, received, text,
    within,
};

#[tokio::test]
async fn loss_reordering_and_duplicates_change_no_frame() {
    let mut listener = listen(config()).await;
    let weather = Weather { lost: 10, late: 10, twice: 10, one_way: false };
    let proxy = Proxy::new(listener.local_addr(), weather).await;
    let url = proxy.through(&session_core::link::Listener::address(&listener));
    let connection = within(transport_quic::connect(&url)).await.unwrap();
    let (mut receive, mut transmit) = connection.link().await.unwrap().split();
    let echoing = tokio::spawn(echo(next_link(&mut listener).await));
    let frames: Vec<Frame> = (0..100)
        .map(|n| if n % 2 == 0 { text(&n.to_string()) } else { binary(n * 211) })
        .chain([binary(300_000)])
        .collect();
    let expected = frames.clone();
    let sending = async {
        for frame in frames {
            transmit.send(frame).await.unwrap();
        }
        transmit.close(CloseCode::NORMAL.into()).await.unwrap();
    };
    let receiving = async {
        for (index, frame) in expected.into_iter().enumerate() {
            assert!(received(&mut receive).await == frame, "frame {index}");
        }
        assert_eq!(receive.receive().await.unwrap(), None);
    };
    within(async { tokio::join!(sending, receiving) }).await;
    within(echoing).await.unwrap();
    let seen = proxy.seen();
    assert!(seen.lost > 10 && seen.late > 10 && seen.twice > 10, "too fine a weather: {seen:?}");
}

#[tokio::test]
async fn a_client_that_changes_networks_keeps_its_links() {
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let (mut receive, mut transmit) = connection.link().await.unwrap().split();
    tokio::spawn(echo(next_link(&mut listener).await));
    assert_echoes(&mut receive, &mut transmit).await;
    for _ in 0..3 {
        let before = connection.local_addr().unwrap();
        connection.rebind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        assert_ne!(connection.local_addr().unwrap(), before);
        assert_echoes(&mut receive, &mut transmit).await;
        transmit.send(binary(200_000)).await.unwrap();
        assert_eq!(received(&mut receive).await, binary(200_000));
    }
    assert!(connection.rebind(SocketAddr::from(([192, 0, 2, 1], 0))).is_err());
    assert_echoes(&mut receive, &mut transmit).await;
}

#[tokio::test]
async fn a_router_that_gives_the_client_another_port_is_not_noticed() {
    let mut listener = listen(config()).await;
    let proxy = Proxy::new(listener.local_addr(), Weather::default()).await;
    let url = proxy.through(&session_core::link::Listener::address(&listener));
    let connection = within(transport_quic::connect(&url)).await.unwrap();
    let (mut receive, mut transmit) = connection.link().await.unwrap().split();
    tokio::spawn(echo(next_link(&mut listener).await));
    for _ in 0..3 {
        assert_echoes(&mut receive, &mut transmit).await;
        proxy.move_client().await;
        assert_echoes(&mut receive, &mut transmit).await;
    }
}

#[tokio::test]
async fn fifty_megabytes_reach_a_reader_that_is_always_behind() {
    const FRAMES: usize = 800;
    let mut listener = listen(config()).await;
    let connection = connect(&listener).await;
    let (mut receive, _open) = connection.link().await.unwrap().split();
    let (_back, mut transmit) = next_link(&mut listener).await.split();
    let sent = Arc::new(AtomicUsize::new(0));
    let sending = {
        let sent = Arc::clone(&sent);
        tokio::spawn(async move {
            for n in 0..FRAMES {
                transmit.send(binary(65_536 + n)).await.unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
            }
            transmit.close(CloseCode::NORMAL.into()).await.unwrap();
        })
    };
    let mut read = 0;
    while read < FRAMES {
        // Until the sender has to wait.
        let (mut before, mut idle) = (0, 0);
        while idle < 100 {
            yield_now().await;
            let now = sent.load(Ordering::Relaxed);
            idle = if now == before { idle + 1 } else { 0 };
            before = now;
        }
        // The client's window, what waits beside it, and a frame on either side.
        assert!(before - read <= 20, "{before} were taken when {read} were read");
        for _ in 0..8.min(FRAMES - read) {
            assert!(received(&mut receive).await == binary(65_536 + read), "frame {read}");
            read += 1;
        }
    }
    assert_eq!(within(receive.receive()).await.unwrap(), None);
    within(sending).await.unwrap();
}

#[tokio::test]
async fn datagrams_that_are_none_are_ignored() {
    let url = echo_server(config()).await;
    let address: SocketAddr =
        url.trim_start_matches("quic://").split('/').next().unwrap().parse().unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut noise = 1_u32;
    let mut byte = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    };
    for length in [0, 1, 20, 1200, 1472, 9000, 65_507] {
        for first in [0x00, 0x40, 0xc0, 0xc3, 0xe0, 0xf0, 0xff] {
            let mut datagram: Vec<u8> = (0..length).map(|_| byte()).collect();
            if let Some(start) = datagram.first_mut() {
                *start = first;
            }
            // A long header of version 1 with a connection id, then noise.
            if length > 20 {
                datagram[1..7].copy_from_slice(&[0, 0, 0, 1, 8, 1]);
            }
            socket.send_to(&datagram, address).await.unwrap();
        }
    }
    crate::support::assert_serves(&url).await;
}
