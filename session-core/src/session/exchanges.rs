//! Requests beside the link: which part of the session answers each, and what becomes of the answer.

use std::pin::Pin;

use bytes::Bytes;
use http::{StatusCode, header};
use reactive::Interrupt;

use crate::exchange::{Body, BoxError, Exchange, Request, Responder, Response, plain};
use crate::session::tasks::Waiting;
use crate::{Result, Session};

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

impl Session<'_> {
    /// Answers one exchange.
    pub(crate) fn handle_exchange(&self, exchange: Exchange) {
        let (request, responder) = exchange.into_parts();
        if let Some(snapshot) = self.answer_snapshot(&request) {
            return responder.respond(snapshot);
        }
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
