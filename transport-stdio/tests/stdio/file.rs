use session_core::config::{Config, Transports};
use transport_stdio::Stdio;

/// What a start fails with. Values are looked at before stdin and stdout are taken, which are this test's own.
async fn refused(key: &str) -> String {
    let file = format!("[[transport]]\nkind = \"stdio\"\n{key}\n");
    let config = Config::from_toml(&file).unwrap();
    Transports::new().with(Stdio).bind(&config).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_value_that_cannot_work_is_named_with_its_key() {
    for (key, named) in [
        ("framing = \"xml\"", "transport[0].framing = \"xml\""),
        ("max_message_bytes = 0", "transport[0].max_message_bytes = 0"),
        ("max_message_bytes = \"1 MiB\"", "transport[0].max_message_bytes = \"1 MiB\""),
        ("max_exchanges = 100000000", "transport[0].max_exchanges = 100000000"),
        ("exchange_window_bytes = 1", "transport[0].exchange_window_bytes = 1"),
        ("linger = \"0s\"", "transport[0].linger = \"0s\""),
        ("listen = \"127.0.0.1:1\"", "listen"),
    ] {
        let error = refused(key).await;
        assert!(error.contains(named), "{key}: {error}");
    }
}
