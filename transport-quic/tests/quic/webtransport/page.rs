//! A browser that speaks HTTP/3 by hand, where no client would do what it does.

use http::StatusCode;
use quinn::{Connection, RecvStream, SendStream};
use web_transport_proto::{Capsule, ConnectRequest, ConnectResponse, Frame, Settings, VarInt};

use crate::raw::{self, Certificate, OPEN, head, quic};
use crate::support::within;

pub(crate) struct Browser {
    pub(crate) connection: Connection,
    _control: SendStream,
}

/// A session: the stream that asked for it.
pub(crate) struct Page {
    connection: Connection,
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
    id: VarInt,
}

impl Browser {
    pub(crate) async fn connect(certificate: &Certificate, url: &str) -> Self {
        let server = url.trim_start_matches("https://").split('/').next().unwrap();
        let config = quic(certificate.crypto(b"h3"));
        let connecting = raw::endpoint().connect_with(config, server.parse().unwrap(), "localhost");
        let connection = within(connecting.unwrap()).await.unwrap();
        let mut settings = Settings::default();
        settings.enable_webtransport(1);
        let mut control = within(connection.open_uni()).await.unwrap();
        within(settings.write(&mut control)).await.unwrap();
        Self { connection, _control: control }
    }

    /// What the server says of a request for a session.
    pub(crate) async fn ask(&self, url: &str, origin: &str) -> Result<Page, StatusCode> {
        let (mut send, mut recv) = within(self.connection.open_bi()).await.unwrap();
        let id = VarInt::from_u64(quinn::VarInt::from(send.id()).into_inner()).unwrap();
        let mut request = ConnectRequest::new(url.parse::<url::Url>().unwrap());
        request.headers.insert(http::header::ORIGIN, origin.parse().unwrap());
        within(request.write(&mut send)).await.unwrap();
        match within(ConnectResponse::read(&mut recv)).await {
            Ok(response) if response.status == StatusCode::OK => {
                Ok(Page { connection: self.connection.clone(), send, recv, id })
            }
            Ok(response) => Err(response.status),
            Err(web_transport_proto::ConnectError::WrongStatus(Some(status))) => Err(status),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn open(&self, url: &str) -> Page {
        self.ask(url, "http://localhost:8000").await.unwrap()
    }
}

impl Page {
    /// A stream of the session that begins with these bytes.
    pub(crate) async fn stream(&self, bytes: &[u8]) -> (SendStream, RecvStream) {
        stream(&self.connection, self.id, bytes).await
    }

    pub(crate) async fn link(&self) -> (SendStream, RecvStream) {
        self.stream(&head(OPEN)).await
    }

    /// Ends the session, and none of its streams.
    pub(crate) async fn end(&mut self, code: u32, reason: &str) {
        let mut capsule = Vec::new();
        Capsule::CloseWebTransportSession { code, reason: reason.to_owned() }.encode(&mut capsule);
        let mut frame = Vec::new();
        Frame::DATA.encode(&mut frame);
        VarInt::from_u32(capsule.len() as u32).encode(&mut frame);
        frame.extend(capsule);
        within(self.send.write_all(&frame)).await.unwrap();
        self.send.finish().unwrap();
    }
}

pub(crate) async fn stream(
    connection: &Connection,
    session: VarInt,
    bytes: &[u8],
) -> (SendStream, RecvStream) {
    let mut begin = Vec::new();
    Frame::WEBTRANSPORT.encode(&mut begin);
    session.encode(&mut begin);
    begin.extend(bytes);
    raw::open(connection, &begin).await
}
