//! A message goes there and back.

use session_core::link::*;
#[tokio::test]
async fn echo() {
    let config = transport_ws::Config::new("127.0.0.1:0").page("/", "<p>");
    let mut listener = transport_ws::bind_with(config).await.unwrap();
    let url = format!("ws://{}/websocket/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Some(Incoming::Link(link)) = listener.accept().await {
            let (mut r, mut t) = link.split();
            while let Ok(Some(f)) = r.receive().await {
                t.send(f).await.unwrap();
            }
        }
    });
    let (mut r, mut t) = transport_ws::connect(&url).await.unwrap().split();
    for n in [0usize, 1, 125, 126, 127, 4000, 65535, 65536, 70000, 1 << 20] {
        let f = Frame::Binary((0..n).map(|i| i as u8).collect::<Vec<_>>().into());
        t.send(f.clone()).await.unwrap();
        assert!(r.receive().await.unwrap() == Some(f), "{n}");
    }
    t.close(CloseCode::NORMAL.into()).await.unwrap();
    assert_eq!(r.receive().await.unwrap(), None);
}
