//! Whom the server lets in, asked before a request is upgraded.

use std::sync::Arc;
use std::time::Duration;

use session_core::Identity;
use session_core::link::{Gate, Link, Listener, PeerInfo, Refusal};
use tokio::sync::Notify;
use transport_ws::{Client, ConnectError};

use crate::support::{Raw, config, handshake, listen, next_link, socket_url, within};

fn only_ann() -> Gate {
    Gate::new(|peer: PeerInfo| async move {
        match peer.bearer_token() {
            Some("ann") if peer.address.is_some() => Ok(Identity::new("ann")),
            _ => Err(Refusal::unauthorized("a token is needed")),
        }
    })
}

// spec: G32
#[tokio::test]
async fn the_answer_to_the_handshake_is_the_status_of_the_refusal() {
    let (mut listener, address) = listen(config()).await;
    listener.guard(only_ann());
    let url = socket_url(address);
    let refused = within(transport_ws::connect(&url)).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { status: 401 }), "{refused}");

    let mut raw = Raw::connect(address).await;
    raw.write(handshake(address, "").as_bytes()).await;
    let head = raw.read_head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 401"), "{head}");
    assert!(head.contains("www-authenticate: bearer"), "{head}");

    let client = Client::new().header("authorization", "Bearer ann").unwrap();
    assert!(!format!("{client:?}").contains("ann"), "a header may be a secret");
    let _open = within(client.connect(&url)).await.unwrap();
    let link = next_link(&mut listener).await;
    assert_eq!(link.peer().identity().user(), Some("ann"));
    assert_eq!(link.peer().bearer_token(), Some("ann"));
}

// spec: G32
#[tokio::test]
async fn a_client_that_is_being_asked_for_does_not_keep_the_listener_from_finishing() {
    let (mut listener, address) = listen(config()).await;
    let asked = Arc::new(Notify::new());
    let tells = Arc::clone(&asked);
    let never = Gate::new(move |_| {
        tells.notify_one();
        std::future::pending()
    });
    listener.guard(never.timeout(Duration::from_secs(3600)));
    let url = socket_url(address);
    let client = tokio::spawn(async move { transport_ws::connect(&url).await });
    within(asked.notified()).await;
    within(listener.finish()).await;
    let refused = within(client).await.unwrap().unwrap_err();
    assert!(matches!(refused, ConnectError::Refused { status: 503 }), "{refused}");
}
