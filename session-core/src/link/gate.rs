use std::borrow::Cow;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::StatusCode;
use tokio::time::timeout;

use super::{CloseCode, CloseReason, Identity, PeerInfo};
use crate::exchange::{Response, plain};

/// How long a question may take, unless told otherwise: more than any answer needs that a user waits for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom a server lets in: asked once for each link, before there is a session.
///
/// A server hands its gate to the listener, see [`Listener::guard`](super::Listener::guard). Transports and their tests make
/// their own with [`Gate::new`].
///
/// ```
/// use session_core::Identity;
/// use session_core::link::{Gate, PeerInfo, Refusal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let gate = Gate::new(|peer: PeerInfo| async move {
///     match peer.bearer_token() {
///         Some("secret") => Ok(Identity::new("ann")),
///         _ => Err(Refusal::unauthorized("a token is needed")),
///     }
/// });
/// let mut peer = PeerInfo::default();
/// let refusal = gate.ask(&mut peer).await.unwrap_err();
/// assert_eq!(refusal.status(), 401);
/// # }
/// ```
#[derive(Clone)]
pub struct Gate {
    hook: Arc<Hook>,
    patience: Duration,
}

type Hook = dyn Fn(PeerInfo) -> Asked + Send + Sync;
type Asked = Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send>>;

impl Gate {
    /// A gate that asks `hook`, for ten seconds at most.
    pub fn new<F, Fut>(hook: F) -> Self
    where
        F: Fn(PeerInfo) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, Refusal>> + Send + 'static,
    {
        Self { hook: Arc::new(move |peer| Box::pin(hook(peer))), patience: PATIENCE }
    }

    /// With another bound on how long the hook may take.
    #[must_use]
    pub const fn timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Asks whether this peer may have a session; what was found is its [`identity`](PeerInfo::identity) from then on. A peer
    /// that was let in before is not asked again, so that a transport whose links share a handshake asks once for all.
    ///
    /// Must be called within a runtime of tokio.
    ///
    /// # Errors
    ///
    /// The [`Refusal`], which has been logged. A hook that panics refuses with 500, one that takes too long with 503.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: the hook's future is dropped, and the peer is as it was.
    pub async fn ask(&self, peer: &mut PeerInfo) -> Result<(), Refusal> {
        if peer.is_admitted() {
            return Ok(());
        }
        let question = peer.clone();
        // The call too: a hook may panic before it gives a future.
        let asked = AssertUnwindSafe(async { (self.hook)(question).await }).catch_unwind();
        let answer = match timeout(self.patience, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                tracing::error!("the authentication hook panicked");
                Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, FAILED))
            }
            Err(_) => {
                tracing::error!(limit = ?self.patience, "the authentication hook takes too long");
                Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "try again later"))
            }
        };
        match answer {
            Ok(identity) => {
                peer.admit(identity);
                Ok(())
            }
            Err(refusal) => {
                match &refusal.cause {
                    Some(cause) => tracing::error!(?peer, cause, "the authentication hook failed"),
                    None => tracing::info!(?peer, %refusal, "a link was refused"),
                }
                Err(refusal)
            }
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// What a client may read of a hook that failed.
const FAILED: &str = "who you are could not be found out";

/// Why a link is turned away: a status of HTTP, and a sentence that the client may read.
///
/// Transports with a handshake of HTTP answer it with the status; on the others the link is closed with
/// [`close_reason`](Self::close_reason).
///
/// Within a hook, `?` makes of any error a refusal with 500, whose cause is logged and not told to the client.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    text: Cow<'static, str>,
    /// For the log.
    cause: Option<String>,
}

impl Refusal {
    /// A refusal with a status of 400 or more; any other stands for 403.
    #[must_use]
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        let refuses = status.is_client_error() || status.is_server_error();
        let status = if refuses { status } else { StatusCode::FORBIDDEN };
        Self { status, text: text.into(), cause: None }
    }

    /// The client has yet to say who it is: 401.
    #[must_use]
    pub fn unauthorized(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, text)
    }

    /// The client is known, and may not: 403.
    #[must_use]
    pub fn forbidden(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What transports without statuses close the link with: a text that begins with the number of the status, and 1008 for
    /// a refusal, 1013 for one that is worth another try (503), 1011 for a failure of the server (any other from 500 on).
    #[must_use]
    pub fn close_reason(&self) -> CloseReason {
        let code = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => CloseCode::OVERLOAD,
            status if status.is_server_error() => CloseCode::APP_FAILED,
            _ => CloseCode::POLICY,
        };
        CloseReason::new(code, self.to_string())
    }

    /// What transports with a handshake of HTTP answer: the status, and the sentence as plain text. A 401 names `Bearer` as
    /// the scheme to come back with.
    #[must_use]
    pub fn to_response(&self) -> Response {
        let mut response = plain(self.status, self.text.clone().into_owned());
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl fmt::Display for Refusal {
    /// `401 a token is needed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.text)
    }
}

/// Not an error itself, so that every error can become one.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            cause.push_str(": ");
            cause.push_str(&error.to_string());
            source = error.source();
        }
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, text: FAILED.into(), cause: Some(cause) }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    async fn refused(gate: &Gate) -> (u16, CloseCode) {
        let refusal = gate.ask(&mut PeerInfo::default()).await.unwrap_err();
        (refusal.status().as_u16(), refusal.close_reason().code())
    }

    // fault: S6
    #[tokio::test(start_paused = true)]
    async fn a_hook_that_fails_panics_or_hangs_lets_nobody_in() {
        let fails = Gate::new(|_| async { Ok(Identity::new(String::from_utf8(vec![0xff])?)) });
        assert_eq!(refused(&fails).await, (500, CloseCode::APP_FAILED));
        let panics = Gate::new(|_| async { panic!("in the future") });
        assert_eq!(refused(&panics).await, (500, CloseCode::APP_FAILED));
        let panics_at_once = Gate::new(|peer: PeerInfo| {
            assert!(peer.address.is_some(), "before the future");
            ready(Ok(Identity::anonymous()))
        });
        assert_eq!(refused(&panics_at_once).await, (500, CloseCode::APP_FAILED));
        let hangs = Gate::new(|_| pending());
        assert_eq!(refused(&hangs).await, (503, CloseCode::OVERLOAD));
    }

    #[tokio::test]
    async fn what_a_hook_fails_with_is_not_told() {
        let gate = Gate::new(|_| async { Err(std::io::Error::other("the secret").into()) });
        let refusal = gate.ask(&mut PeerInfo::default()).await.unwrap_err();
        assert!(!refusal.to_string().contains("secret"));
        assert!(refusal.cause.unwrap().contains("secret"));
    }

    #[tokio::test]
    async fn a_peer_that_was_let_in_is_not_asked_again() {
        let mut peer = PeerInfo::default();
        Gate::new(|_| ready(Ok(Identity::new("ann")))).ask(&mut peer).await.unwrap();
        assert_eq!(peer.identity().user(), Some("ann"));
        Gate::new(|_| ready(Err(Refusal::forbidden("")))).ask(&mut peer).await.unwrap();
    }

    #[test]
    fn a_status_that_refuses_nothing_stands_for_403() {
        assert_eq!(Refusal::new(StatusCode::OK, "").status(), 403);
        assert_eq!(Refusal::new(StatusCode::FOUND, "").status(), 403);
        let reason = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "later").close_reason();
        assert_eq!((reason.code(), reason.text()), (CloseCode::POLICY, "429 later"));
    }
}
