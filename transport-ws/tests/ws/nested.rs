use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use axum::routing::get;
use session_core::exchange::Body;
use session_core::link::{Incoming, Link, Listener};
use tokio::net::TcpListener;
use transport_ws::{Client, PeerAddress, WsListener};

use crate::support::{assert_echoes, config, echo, next_exchange, within};

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// Tells the service who the client is, as only the server around it knows.
async fn tell_peer(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> axum::response::Response {
    request.extensions_mut().insert(PeerAddress(peer));
    next.run(request).await
}

fn app() -> (Router, WsListener) {
    let (service, listener) = transport_ws::service(&config()).unwrap();
    let router = Router::new()
        .route("/", get(|| async { "the user's own" }))
        .nest_service("/app", service)
        .layer(middleware::from_fn(tell_peer));
    (router, listener)
}

async fn get_text(address: SocketAddr, path: &str) -> String {
    let request = http::Request::builder().uri(path).body(Body::empty()).unwrap();
    let response =
        within(transport_ws::exchange(&format!("http://{address}"), request)).await.unwrap();
    let bytes = response.into_body().collect_up_to(1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn page_link_and_exchange_work_below_a_prefix_of_a_users_router() {
    let (router, mut listener) = app();
    let address = serve(router).await;
    assert_eq!(get_text(address, "/").await, "the user's own");
    assert!(get_text(address, "/app/").await.contains("<title>test</title>"));
    assert_eq!(get_text(address, "/app/client.js").await, transport_ws::client_js());

    let url = format!("ws://{address}/app/websocket/");
    let client = within(transport_ws::connect(&url)).await.unwrap();
    let Some(Incoming::Link(server)) = within(listener.accept()).await else { panic!("no link") };
    assert!(server.peer().address.unwrap().ip().is_loopback());
    tokio::spawn(echo(server));
    assert_echoes(client).await;

    let getting = tokio::spawn(async move { get_text(address, "/app/session/7/download/x").await });
    let (request, responder) = next_exchange(&mut listener).await.into_parts();
    assert_eq!(request.uri(), "/session/7/download/x");
    responder.respond(http::Response::new("answered".into()));
    assert_eq!(within(getting).await.unwrap(), "answered");
}

#[tokio::test]
async fn the_service_can_be_the_fallback_of_a_router() {
    let (service, mut listener) = transport_ws::service(&config()).unwrap();
    let router = Router::new().route("/api", get(|| async { "api" })).fallback_service(service);
    let address = serve(router).await;
    assert_eq!(get_text(address, "/api").await, "api");
    assert!(get_text(address, "/").await.contains("<title>test</title>"));
    // Nobody told the service who the client is, so only a page may open a link.
    let url = format!("ws://{address}/websocket/");
    within(transport_ws::connect(&url)).await.unwrap_err();
    let page = Client::new().header("origin", &format!("http://{address}")).unwrap();
    let client = within(page.connect(&url)).await.unwrap();
    let Some(Incoming::Link(server)) = within(listener.accept()).await else { panic!("no link") };
    tokio::spawn(echo(server));
    assert_echoes(client).await;
}

#[tokio::test]
async fn a_service_without_a_server_never_accepts_again() {
    let (service, mut listener) = transport_ws::service(&config()).unwrap();
    drop(service);
    assert!(within(listener.accept()).await.is_none());
}
