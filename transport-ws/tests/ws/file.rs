use session_core::config::{Config, Transports};
use session_core::link::Listener;
use transport_ws::WebSocket;

use crate::support::{listen, within};

async fn bind(table: &str) -> Result<impl Listener, String> {
    let transports = Transports::new().with(WebSocket::new().page("/", "<p>from code"));
    let config = Config::from_toml(&format!("[[transport]]\nkind = \"ws\"\n{table}"))
        .map_err(|error| error.to_string())?;
    transports.bind(&config).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_file_chooses_the_address_and_the_program_brings_the_page() {
    let listener = bind("listen = \"127.0.0.1:0\"\nping_interval = \"5s\"").await.unwrap();
    let request = http::Request::builder().uri("/").body("".into()).unwrap();
    let response = within(transport_ws::exchange(&listener.address(), request)).await.unwrap();
    let body = response.into_body().collect_up_to(100).await.unwrap();
    assert_eq!(body, "<p>from code");
}

#[tokio::test]
async fn what_a_file_says_wrong_is_named_by_key_and_value() {
    let (_taken, address) = listen(crate::support::config()).await;
    for (table, expected) in [
        ("listne = \"x\"".to_owned(), vec!["listne"]),
        ("max_message_bytes = 0".to_owned(), vec!["max_message_bytes = 0"]),
        ("max_message_bytes = \"1M\"".to_owned(), vec!["max_message_bytes", "1M"]),
        ("ping_interval = \"soon\"".to_owned(), vec!["ping_interval", "soon", "10s"]),
        ("ping_interval = \"0s\"".to_owned(), vec!["ping_interval = \"0s\""]),
        ("missing_origin = \"maybe\"".to_owned(), vec!["missing_origin", "maybe", "loopback"]),
        ("folders = { lib = \"/no/such\" }".to_owned(), vec!["folders", "/no/such"]),
        (format!("listen = \"{address}\""), vec!["listen", "in use"]),
        ("listen = \"nonsense\"".to_owned(), vec!["listen = \"nonsense\""]),
    ] {
        let Err(error) = bind(&table).await else { panic!("{table} was taken") };
        for part in expected {
            assert!(error.contains(part), "{table}: {error}");
        }
    }
}
