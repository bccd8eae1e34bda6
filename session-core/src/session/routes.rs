//! Dynamic routes: requests beside the link that app code answers.

use std::future::poll_fn;

use bytes::Bytes;
use http::uri::{PathAndQuery, Uri};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_decode_str, utf8_percent_encode,
};
use tower_service::Service;

use crate::catch::catch;
use crate::exchange::{BoxError, Request};
use crate::name::Names;
use crate::random::hex;
use crate::session::exchanges::{Answer, Call, Function, IntoResponse, Reach};
use crate::session::registered::Registered;
use crate::{Result, Session};

pub(crate) type Routes = Names<Registered<Function>>;

/// What stands unquoted in the path of a route: as in RFC 3986, slashes too.
pub(crate) const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

impl Session<'_> {
    /// Serves `name` beside the link, for this session alone: any method, request and response streamed.
    ///
    /// `handler` runs in this scope and takes no dependencies; what it sets is flushed (decision 32). A
    /// failure or panic is a 500. The same name again replaces the handler, on URLs given out before too (K3).
    /// The answer to `HEAD` is sent without the body of the response, which is dropped unread.
    ///
    /// Returns the URL, relative to the page: `session/<id>/dynamic_route/<name>?nonce=<16 hex digits>`, with
    /// a new nonce each time, which is not checked and only keeps caches apart (K1, K2).
    ///
    /// A body that streams is the response's, not the scope's: it goes on when the scope is destroyed or the session
    /// ends, until its own end or until the client leaves, which drops it. One that is to end earlier is told so by
    /// the app, from [`on_destroy`](Self::on_destroy). A panic in it cuts the response.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId) for a name that is no id, in a module; at the root any name goes, and
    /// is quoted (K9).
    pub fn dynamic_route<R, F>(&self, name: &str, mut handler: F) -> Result<String>
    where
        R: IntoResponse,
        F: FnMut(&Session<'_>, Request) -> Result<R> + Send + 'static,
    {
        self.insert_route(
            name,
            Reach::Exact,
            Box::new(move |s, request| {
                Answer::Ready(catch(|| Ok(handler(s, request)?.into_response())))
            }),
        )
    }

    /// As [`dynamic_route`](Self::dynamic_route), in two steps (decision 5): `handler` returns a future that
    /// makes the response. It is dropped with this scope; the client then gets a 503.
    ///
    /// # Errors
    ///
    /// As [`dynamic_route`](Self::dynamic_route).
    pub fn dynamic_route_async<R, F, Fut>(&self, name: &str, mut handler: F) -> Result<String>
    where
        R: IntoResponse,
        F: FnMut(&Session<'_>, Request) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<R>> + Send + 'static,
    {
        self.insert_route(
            name,
            Reach::Exact,
            Box::new(move |s, request| match catch(|| handler(s, request)) {
                Ok(future) => {
                    Answer::Later(Box::pin(async move { Ok(future.await?.into_response()) }))
                }
                Err(failure) => Answer::Ready(Err(failure)),
            }),
        )
    }

    /// As [`dynamic_route_async`](Self::dynamic_route_async), answered by a service of the tower kind, for instance an
    /// `axum::Router`: `name` and everything below it.
    ///
    /// The service is mounted: it sees the path below `session/<id>/dynamic_route/<name>`, or `/` where nothing
    /// follows, and the query as it came. A route or service registered under a longer name goes first. A path that
    /// climbs (`..`, plain or quoted) or holds a NUL never reaches it. For each request a clone is made ready and
    /// called; that future belongs to this scope. An error of the service is a 500. A service has no session at hand:
    /// give it a [`handle`](Self::handle) if it needs one.
    ///
    /// Closures have a method of their own because the types of `|s, request|` are only inferred where a method asks
    /// for exactly such a closure, and not for a trait that closures and services might share.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use session_core::{App, testing::Client};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let app = App::new(|s| {
    ///     let router = Router::new().route("/hello", get(|| async { "hi" }));
    ///     let url = s.dynamic_route_service("api", router)?;
    ///     s.send_custom_message("api", &url)
    /// });
    /// let mut client = Client::connect(app).await;
    /// let url = client.model().custom()[0].1.as_str().unwrap().to_owned();
    /// let hello = url.replace("/api?", "/api/hello?");
    /// let request = http::Request::get(format!("/{hello}")).body(Default::default()).unwrap();
    /// let response = client.fetch(request).await.unwrap();
    /// assert_eq!(response.into_body().collect_up_to(100).await.unwrap(), "hi");
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`dynamic_route`](Self::dynamic_route).
    pub fn dynamic_route_service<S, B>(&self, name: &str, service: S) -> Result<String>
    where
        S: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.insert_route(
            name,
            Reach::Below,
            Box::new(move |_, request| match catch(|| Ok(service.clone())) {
                Ok(service) => Answer::Later(Box::pin(serve(service, request))),
                Err(failure) => Answer::Ready(Err(failure)),
            }),
        )
    }

    fn insert_route(&self, name: &str, reach: Reach, call: Call) -> Result<String> {
        let Some(key) = self.registered_name(name)? else { return Ok(String::new()) };
        let route = Registered::new(self.namespace(), Function { reach, call });
        let replaced = self.state().routes.borrow_mut().insert(&key, route);
        drop(replaced);
        let nonce = hex::<8>()?;
        let quoted = utf8_percent_encode(&key, PATH);
        Ok(format!("session/{}/dynamic_route/{quoted}?nonce={nonce}", self.id()))
    }

    /// Finds the route that answers `quoted`, the rest of the request's path: the one of exactly that name, or else the
    /// service with the longest name above it.
    pub(crate) fn find_route(&self, quoted: &str) -> Option<Found> {
        let routes = self.state().routes.borrow();
        let mut name = String::new();
        let (mut end, mut longest) = (0, None);
        for (nth, segment) in quoted.split('/').enumerate() {
            if nth > 0 {
                name.push('/');
                end += 1;
            }
            name.push_str(&percent_decode_str(segment).decode_utf8().ok()?);
            end += segment.len();
            let route = routes.get(&name).and_then(Registered::function);
            match route.map(|route| route.reach) {
                Some(Reach::Exact) if end == quoted.len() => longest = Some((name.len(), None)),
                Some(Reach::Below) => longest = Some((name.len(), Some(end))),
                _ => {}
            }
        }
        let (length, below) = longest?;
        name.truncate(length);
        let path = match below {
            None => None,
            Some(end) => Some(Below::new(quoted.get(end..)?)?),
        };
        Some(Found { key: name, path })
    }
}

/// Which route answers.
pub(crate) struct Found {
    pub(crate) key: String,
    /// What a service is to see.
    pub(crate) path: Option<Below>,
}

/// A path below a mounted service.
pub(crate) struct Below(String);

impl Below {
    /// Parses what follows the name of the service; `None` where it climbs.
    fn new(quoted: &str) -> Option<Self> {
        let path: Vec<u8> = percent_decode(quoted.as_bytes()).collect();
        let climbs = path
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .any(|segment| segment == b"." || segment == b"..");
        if climbs || path.contains(&0) {
            return None;
        }
        Some(Self(if quoted.is_empty() { "/".to_owned() } else { quoted.to_owned() }))
    }

    /// In place of the path of `uri`.
    pub(crate) fn into_uri(self, uri: &Uri) -> Option<Uri> {
        let mut path = self.0;
        if let Some(query) = uri.query() {
            path.push('?');
            path.push_str(query);
        }
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
        Uri::from_parts(parts).ok()
    }
}

async fn serve<S, B>(mut service: S, request: Request) -> Result<crate::Response>
where
    S: Service<Request, Response = http::Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(ServiceFailed::new)?;
    let response = service.call(request).await.map_err(ServiceFailed::new)?;
    Ok(response.into_response())
}

/// The service of a route gave an error in place of a response.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct ServiceFailed(BoxError);

impl ServiceFailed {
    fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}
