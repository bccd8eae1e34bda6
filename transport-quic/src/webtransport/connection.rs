use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use quinn::{ConnectionError, RecvStream, SendStream};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use web_transport_proto::{ConnectError, ConnectRequest, Frame, Settings, StreamUni, VarInt};

use super::H3Code;
use super::session::{Asked, Ends, head, refuse};
use crate::serve::Host;

/// Sessions on one connection; a browser has a connection for each, as long as it knows the server by a hash.
const MAX_SESSIONS: u32 = 16;

/// One-way streams of a browser: its settings, two for the compression of headers, and some that mean nothing.
pub(crate) const MAX_UNI_STREAMS: u32 = 8;

/// Bytes of datagrams that may lie unread: one that fits into any packet. Nothing here reads them; but who says that
/// HTTP/3 has datagrams, as WebTransport must, has to take them (RFC 9297, 2.1.1), and clients hold a server to that.
pub(crate) const DATAGRAMS: usize = 1200;

/// Serves an HTTP/3 connection until the browser closes it or is lost, until it had no session for long, or, once
/// the listener stops, until its last session is over.
pub(crate) async fn serve(connection: quinn::Connection, host: Arc<Host>) {
    let mut http = Http3 {
        connection,
        host,
        sessions: HashMap::new(),
        running: JoinSet::new(),
        streams: JoinSet::new(),
    };
    match http.run().await {
        Ok(()) => http.connection.close(H3Code::NoError.into(), b""),
        Err(error) => {
            tracing::debug!(%error, peer = %http.connection.remote_address(), "a connection ended");
        }
    }
}

struct Http3 {
    connection: quinn::Connection,
    host: Arc<Host>,
    /// Where the streams of each go, by its number.
    sessions: HashMap<u64, mpsc::Sender<Ends>>,
    /// Each gives its number when it is over.
    running: JoinSet<u64>,
    /// Those that have not said yet what they are, and those that are of no use.
    streams: JoinSet<Option<Began>>,
}

/// What a stream has turned out to be.
enum Began {
    Session(Box<Asked>),
    /// One of the session with this number.
    Stream(u64, Ends),
    /// A request for something else.
    Other(Ends),
}

impl Http3 {
    async fn run(&mut self) -> Result<(), ConnectionError> {
        // Kept to the end: without its control stream a connection is broken.
        let _control = self.settings().await?;
        let idle_timeout = self.host.idle_timeout;
        let mut alarm = std::pin::pin!(sleep(idle_timeout));
        let mut stopping = false;
        loop {
            tokio::select! {
                opened = self.connection.accept_bi() => {
                    let limit = self.host.head_timeout;
                    let (connection, ends) = (self.connection.clone(), opened?);
                    self.streams.spawn(async move {
                        timeout(limit, begin(connection, ends)).await.unwrap_or_default()
                    });
                }
                opened = self.connection.accept_uni() => {
                    self.streams.spawn(ignore(opened?));
                }
                Some(began) = self.streams.join_next() => {
                    if let Ok(Some(began)) = began {
                        self.admit(began);
                    }
                }
                Some(ended) = self.running.join_next() => {
                    if let Ok(id) = ended {
                        self.sessions.remove(&id);
                    }
                    alarm.as_mut().reset(Instant::now() + idle_timeout);
                }
                () = self.host.stop.cancelled(), if !stopping => stopping = true,
                () = &mut alarm, if self.running.is_empty() => return Ok(()),
            }
            if stopping && self.running.is_empty() {
                return Ok(());
            }
        }
    }

    /// Says what this side can.
    async fn settings(&self) -> Result<SendStream, ConnectionError> {
        let mut settings = Settings::default();
        settings.enable_webtransport(MAX_SESSIONS);
        let mut bytes = Vec::new();
        settings.encode(&mut bytes);
        let told = async {
            let mut control = self.connection.open_uni().await?;
            // A stream that the browser refuses tells by its connection.
            let _ = control.write_all(&bytes).await;
            Ok(control)
        };
        timeout(self.host.head_timeout, told).await.map_err(|_| ConnectionError::TimedOut)?
    }

    fn admit(&mut self, began: Began) {
        match began {
            Began::Stream(id, ends) => {
                let Some(session) = self.sessions.get(&id) else {
                    return give_up(ends, H3Code::BufferedStreamRejected);
                };
                if let Err(full) = session.try_send(ends) {
                    give_up(full.into_inner(), H3Code::ExcessiveLoad);
                }
            }
            Began::Session(asked) => self.admit_session(asked),
            Began::Other(ends) => {
                let limit = self.host.head_timeout;
                self.streams.spawn(async move {
                    refuse(ends, StatusCode::NOT_FOUND, limit).await;
                    None
                });
            }
        }
    }

    fn admit_session(&mut self, asked: Box<Asked>) {
        let limit = self.host.head_timeout;
        let refusal = match self.host.guard.check(&asked.request) {
            Err(refusal) => {
                let origin = asked.request.headers.get(http::header::ORIGIN);
                tracing::warn!(?origin, path = asked.request.uri.path(), "refused: {refusal}");
                Some(refusal.status())
            }
            Ok(()) if self.sessions.len() >= MAX_SESSIONS as usize => {
                Some(StatusCode::TOO_MANY_REQUESTS)
            }
            Ok(()) if self.host.stop.is_cancelled() => Some(StatusCode::SERVICE_UNAVAILABLE),
            Ok(()) => None,
        };
        if let Some(status) = refusal {
            self.streams.spawn(async move {
                asked.refuse(status, limit).await;
                None
            });
            return;
        }
        let id = asked.id();
        // As many as there can be: none is turned away for being one of a burst.
        let (sender, streams) = mpsc::channel(self.host.max_streams);
        self.sessions.insert(id, sender);
        let host = Arc::clone(&self.host);
        self.running.spawn(async move {
            asked.serve(streams, host).await;
            id
        });
    }
}

/// Reads what a stream says it is.
async fn begin(connection: quinn::Connection, (send, mut recv): Ends) -> Option<Began> {
    let kind = VarInt::read(&mut recv).await.ok()?;
    if Frame(kind) == Frame::WEBTRANSPORT {
        let id = VarInt::read(&mut recv).await.ok()?;
        return Some(Began::Stream(id.into_inner(), (send, recv)));
    }
    // A request: what was read is given back to whoever reads it.
    let mut first = Vec::with_capacity(VarInt::MAX_SIZE);
    kind.encode(&mut first);
    let request = ConnectRequest::read(&mut first.as_slice().chain(&mut recv)).await;
    let ends = (send, recv);
    match request.map(head) {
        Ok(Some(head)) => Some(Began::Session(Box::new(Asked::new(connection, ends, head)))),
        Err(ConnectError::WrongMethod(_) | ConnectError::WrongProtocol(_)) => {
            Some(Began::Other(ends))
        }
        Ok(None) | Err(_) => {
            give_up(ends, H3Code::RequestIncomplete);
            None
        }
    }
}

/// Reads a one-way stream to no purpose: what it says of settings and compression is not asked for.
async fn ignore(mut recv: RecvStream) -> Option<Began> {
    let kind = VarInt::read(&mut recv).await.ok()?;
    match StreamUni(kind) {
        StreamUni::CONTROL | StreamUni::QPACK_ENCODER | StreamUni::QPACK_DECODER => {
            while let Ok(Some(_)) = recv.read_chunk(usize::MAX, true).await {}
        }
        // It fails only when the stream is at an end already.
        _ => drop(recv.stop(H3Code::StreamCreationError.into())),
    }
    None
}

fn give_up((mut send, mut recv): Ends, code: H3Code) {
    // They fail only when the stream is at an end already.
    let _ = send.reset(code.into());
    let _ = recv.stop(code.into());
}
