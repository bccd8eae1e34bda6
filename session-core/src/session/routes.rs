//! Dynamic routes: requests beside the link, answered in the session.

use std::pin::Pin;

use bytes::Bytes;
use http::{StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reactive::Interrupt;

use crate::catch::catch;
use crate::exchange::{Body, BoxError, Exchange, Request, Responder, Response, plain};
use crate::name::{Names, Namespace};
use crate::random::hex;
use crate::session::registered::Registered;
use crate::session::tasks::Waiting;
use crate::{Result, Session};

pub(crate) type Routes = Names<Registered<Function>>;

pub(crate) type Function = Box<dyn FnMut(&Session<'_>, Request) -> Answer + Send>;

pub(crate) enum Answer {
    Ready(Result<Response>),
    Later(Pin<Box<dyn Future<Output = Result<Response>> + Send>>),
}

/// What the handler of a route may return.
pub trait IntoResponse {
    /// As a response; 200 unless it says otherwise.
    fn into_response(self) -> Response;
}

impl<B> IntoResponse for http::Response<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn into_response(self) -> Response {
        self.map(Body::new)
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        plain(StatusCode::OK, self)
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        plain(StatusCode::OK, self)
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        Response::new(self.into())
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Response::new(self.into())
    }
}

/// The one answer to everything that is not there: a session, an action, a route (decision 32).
pub(crate) fn not_found() -> Response {
    let mut response = Response::new(Body::from("{\"detail\":\"Not Found\"}"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// `session/<id>/<action>/<name>`, taken apart; `None` for any other path.
pub(crate) fn parse_path(path: &str) -> Option<(&str, &str, &str)> {
    let rest = path.trim_start_matches('/').strip_prefix("session/")?;
    let (session, rest) = rest.split_once('/')?;
    let (action, name) = rest.split_once('/')?;
    Some((session, action, name))
}

/// What stands unquoted in the path of a route: as in RFC 3986, slashes too.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

impl Session<'_> {
    /// Serves `name` beside the link, for this session alone: any method, request and response streamed.
    ///
    /// `handler` runs in this scope and takes no dependencies; what it sets is flushed (decision 32). A
    /// failure or panic is a 500. The same name again replaces the handler, on URLs given out before too (K3).
    ///
    /// Returns the URL, relative to the page: `session/<id>/dynamic_route/<name>?nonce=<16 hex digits>`, with
    /// a new nonce each time, which is not checked and only keeps caches apart (K1, K2).
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
            Box::new(move |s, request| match catch(|| handler(s, request)) {
                Ok(future) => {
                    Answer::Later(Box::pin(async move { Ok(future.await?.into_response()) }))
                }
                Err(failure) => Answer::Ready(Err(failure)),
            }),
        )
    }

    fn insert_route(&self, name: &str, function: Function) -> Result<String> {
        let Some(key) = self.registered_name(name)? else { return Ok(String::new()) };
        let route = Registered::new(self.namespace(), function);
        let replaced = self.state().routes.borrow_mut().insert(&key, route);
        drop(replaced);
        let nonce = hex::<8>()?;
        let quoted = utf8_percent_encode(&key, PATH);
        Ok(format!("session/{}/dynamic_route/{quoted}?nonce={nonce}", self.id()))
    }

    /// Answers one exchange.
    pub(crate) fn handle_exchange(&self, exchange: Exchange) {
        let (request, responder) = exchange.into_parts();
        let taken = match parse_path(request.uri().path()) {
            Some((_, "dynamic_route", name)) => self.take_route(name),
            _ => None,
        };
        let Some((key, owner, mut function)) = taken else {
            return responder.respond(not_found());
        };
        let state = self.state();
        state.begin_work();
        let view = self.at(&owner);
        let answer = function(&view, request);
        let replaced = state.routes.borrow_mut().give_back(&key, function);
        drop(replaced);
        match answer {
            Answer::Ready(answer) => view.answer_exchange(&key, responder, answer),
            Answer::Later(future) => {
                view.spawn(Waiting::Exchange, future, move |s, answer| {
                    s.answer_exchange(&key, responder, answer);
                });
            }
        }
    }

    fn take_route(&self, quoted: &str) -> Option<(String, Namespace, Function)> {
        let key = percent_decode_str(quoted).decode_utf8().ok()?.into_owned();
        let (owner, function) = self.state().routes.borrow_mut().lend(&key)?;
        Some((key, owner, function))
    }

    fn answer_exchange(&self, key: &str, responder: Responder, answer: Result<Response>) {
        self.state().end_work();
        responder.respond(match answer {
            Ok(response) => response,
            Err(Interrupt::Silent | Interrupt::Cancel | Interrupt::InProgress) => {
                plain(StatusCode::INTERNAL_SERVER_ERROR, "")
            }
            Err(failure) => plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                self.failure_text(&failure, "dynamic route", key),
            ),
        });
    }
}
