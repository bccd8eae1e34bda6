use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, StatusCode, Uri, Version};
use session_core::link::PeerInfo;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use web_transport_proto::{
    Capsule, ConnectRequest, ConnectResponse, Frame, Http3CapsuleReader, VarInt,
};

use super::Membership;
use crate::carrier::Carrier;
use crate::serve::{Host, serve};
use crate::stream::{Owner, RecvStream, SendStream, StreamError};
use crate::wire::Code;

/// The two directions of a stream that a browser opened.
pub(super) type Ends = (quinn::SendStream, quinn::RecvStream);

/// One session of a page.
#[derive(Debug)]
pub(crate) struct Session {
    connection: quinn::Connection,
    /// Who opened it.
    peer: PeerInfo,
    streams: mpsc::Receiver<Ends>,
    /// Cancelled when either side has ended it.
    over: CancellationToken,
    /// Of the stream that asked for the session: its end is the session's.
    send: quinn::SendStream,
    linger: Duration,
}

impl Session {
    pub(crate) async fn accept(&mut self) -> Result<(SendStream, RecvStream), StreamError> {
        let (send, recv) = tokio::select! {
            biased;
            () = self.over.cancelled() => return Err(StreamError::SessionOver),
            stream = self.streams.recv() => stream.ok_or(StreamError::Ended)?,
        };
        let owner = || Owner::Session(Membership::new(self.over.clone()));
        Ok((SendStream::new(send, owner()), RecvStream::new(recv, owner())))
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// Who opened it, and from where now.
    pub(crate) fn peer_info(&self) -> PeerInfo {
        let mut peer = self.peer.clone();
        peer.address = Some(self.peer());
        peer
    }

    /// Tells the page, and waits until the browser has it.
    pub(crate) async fn close(mut self, code: Code, reason: &'static str) {
        let told = async {
            self.send.write_all(&close_frame(code, reason)).await.ok()?;
            self.send.finish().ok()?;
            self.send.stopped().await.ok()
        };
        // A browser that does not even take this is gone.
        let _ = timeout(self.linger, told).await;
        self.over.cancel();
    }
}

/// A request for a session that may be let in, or refused.
pub(super) struct Asked {
    connection: quinn::Connection,
    ends: Ends,
    pub(super) request: Parts,
}

impl Asked {
    pub(super) fn new(connection: quinn::Connection, ends: Ends, request: Parts) -> Self {
        Self { connection, ends, request }
    }

    /// The number of the session, by which its streams name it.
    pub(super) fn id(&self) -> u64 {
        quinn::VarInt::from(self.ends.0.id()).into_inner()
    }

    /// Lets the page in, if the server does, and serves the session until it is over.
    pub(super) async fn serve(self, streams: mpsc::Receiver<Ends>, host: Arc<Host>) {
        let Self { connection, ends, request } = self;
        let mut peer = PeerInfo::new(Some(connection.remote_address()), Some(request));
        if let Some(gate) = host.gate.get() {
            let refused = tokio::select! {
                answer = gate.ask(&mut peer) => answer.err().map(|refusal| refusal.status()),
                () = host.stop.cancelled() => Some(StatusCode::SERVICE_UNAVAILABLE),
            };
            if let Some(status) = refused {
                return refuse(ends, status, host.head_timeout).await;
            }
        }
        let (mut send, recv) = ends;
        if !answer(&mut send, ConnectResponse::OK, host.head_timeout).await {
            return;
        }
        let over = CancellationToken::new();
        let session = Session {
            connection,
            peer,
            streams,
            over: over.clone(),
            send,
            linger: host.rules.linger,
        };
        let watching = async {
            until_over(recv).await;
            over.cancel();
            // The streams are told, then whoever serves the session.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serve(Carrier::WebTransport(Box::new(session)), host) => {}
            () = watching => {}
        }
        over.cancel();
    }

    pub(super) async fn refuse(self, status: StatusCode, limit: Duration) {
        refuse(self.ends, status, limit).await;
    }
}

/// Answers a request with a status alone, and waits until the browser has it.
pub(super) async fn refuse((mut send, recv): Ends, status: StatusCode, limit: Duration) {
    if answer(&mut send, ConnectResponse::new(status), limit).await {
        // It fails only when the stream is at an end already.
        let _ = send.finish();
        let _ = timeout(limit, send.stopped()).await;
    }
    drop(recv);
}

async fn answer(send: &mut quinn::SendStream, response: ConnectResponse, limit: Duration) -> bool {
    matches!(timeout(limit, response.write(send)).await, Ok(Ok(())))
}

/// Reads what comes on the stream that asked for a session: its end, or the capsule that says why, ends the session.
async fn until_over(recv: quinn::RecvStream) {
    let mut capsules = Http3CapsuleReader::new(recv);
    loop {
        match capsules.read().await {
            Ok(Some(Capsule::CloseWebTransportSession { code, reason })) => {
                tracing::debug!(code, reason, "a page ended its session");
                return;
            }
            // Those that nobody here knows are to be ignored.
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "a page gave up its session");
                return;
            }
        }
    }
}

/// The head of a request for a session, as other transports have the heads of theirs.
pub(super) fn head(request: ConnectRequest) -> Option<Parts> {
    let target = match request.url.query() {
        Some(query) => format!("{}?{query}", request.url.path()),
        None => request.url.path().to_owned(),
    };
    let mut head = http::Request::new(());
    *head.method_mut() = Method::CONNECT;
    *head.version_mut() = Version::HTTP_3;
    *head.uri_mut() = Uri::from(PathAndQuery::try_from(target).ok()?);
    *head.headers_mut() = request.headers;
    let host = HeaderValue::try_from(request.url.authority()).ok()?;
    head.headers_mut().insert(HOST, host);
    Some(head.into_parts().0)
}

/// A capsule that ends a session, within its frame.
fn close_frame(code: Code, reason: &str) -> Bytes {
    let mut capsule = Vec::new();
    let code = code as u32;
    Capsule::CloseWebTransportSession { code, reason: reason.to_owned() }.encode(&mut capsule);
    let mut frame = Vec::with_capacity(capsule.len() + 2 * VarInt::MAX_SIZE);
    Frame::DATA.encode(&mut frame);
    // The reasons are our own, and short.
    VarInt::from_u32(u32::try_from(capsule.len()).unwrap_or(u32::MAX)).encode(&mut frame);
    frame.put_slice(&capsule);
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_is_closed_with_a_frame_that_says_why() {
        let frame = close_frame(Code::Done, "no streams");
        let mut capsules = Http3CapsuleReader::new(&frame[..]);
        let expected =
            Capsule::CloseWebTransportSession { code: 0, reason: "no streams".to_owned() };
        assert_eq!(capsules.read().await.unwrap(), Some(expected));
        assert_eq!(capsules.read().await.unwrap(), None);
    }
}
