//! Requests beside the link: which part of the session answers each, and what becomes of the answer.

use std::cell::RefCell;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::StreamBody;
use reactive::Interrupt;

use crate::exchange::{Body, BoxError, Exchange, Request, Responder, Response, plain};
use crate::name::{Names, Namespace};
use crate::session::registered::Registered;
use crate::session::state::State;
use crate::session::tasks::Waiting;
use crate::{Result, Session};

/// What answers the requests to one name.
pub(crate) struct Function {
    pub(crate) reach: Reach,
    pub(crate) call: Call,
}

pub(crate) type Call = Box<dyn FnMut(&Session<'_>, Request) -> Answer + Send>;

/// Which paths a function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Its name.
    Exact,
    /// Its name, and everything below.
    Below,
}

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
    let json = HeaderValue::from_static("application/json");
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

/// What app code registered, to answer requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Routes,
    Downloads,
}

impl Table {
    const fn of(self, state: &State) -> &RefCell<Names<Registered<Function>>> {
        match self {
            Self::Routes => &state.routes,
            Self::Downloads => &state.downloads,
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Routes => "dynamic route",
            Self::Downloads => "download",
        }
    }
}

/// Where the answer to a request goes.
#[derive(Debug)]
pub(crate) struct Reply {
    responder: Responder,
    is_head: bool,
}

impl Reply {
    /// Answers; a `HEAD` without the body, as not every transport knows what that means.
    pub(crate) fn respond(self, response: Response) {
        self.responder.respond(if self.is_head { head_of(response) } else { response });
    }
}

/// A request that has found who answers it, and waits.
struct Asked {
    table: Table,
    key: String,
    reply: Reply,
}

impl Session<'_> {
    /// Answers one exchange.
    pub(crate) fn handle_exchange(&self, exchange: Exchange) {
        let (request, responder) = exchange.into_parts();
        let reply = Reply { responder, is_head: request.method() == Method::HEAD };
        let Some((_, action, name)) = parse_path(request.uri().path()) else {
            return reply.respond(not_found());
        };
        let name = name.to_owned();
        match action {
            "dynamic_route" => self.call(Table::Routes, &name, request, reply),
            "download" => self.call(Table::Downloads, &name, request, reply),
            "upload" => self.receive_upload(&name, request, reply),
            "lib" => self.answer_library(&name, &request, reply),
            "dataobj" => reply.respond(self.answer_snapshot(&name, &request)),
            _ => reply.respond(not_found()),
        }
    }

    /// Has what app code registered answer a request to `quoted`, the rest of its path.
    fn call(&self, table: Table, quoted: &str, mut request: Request, reply: Reply) {
        let Some((key, owner, mut function)) = self.take_function(table, quoted, &mut request)
        else {
            return reply.respond(not_found());
        };
        let asked = Asked { table, key, reply };
        self.state().begin_work();
        let view = self.at(&owner);
        let answer = (function.call)(&view, request);
        let replaced = table.of(self.state()).borrow_mut().give_back(&asked.key, function);
        drop(replaced);
        match answer {
            Answer::Ready(answer) => view.answer_exchange(asked, answer),
            Answer::Later(future) => {
                view.spawn(Waiting::Exchange, future, move |s, answer| {
                    s.answer_exchange(asked, answer);
                });
            }
        }
    }

    /// Takes out what answers a request; its key, and who registered it. The path becomes what the function is to see.
    fn take_function(
        &self,
        table: Table,
        quoted: &str,
        request: &mut Request,
    ) -> Option<(String, Namespace, Function)> {
        let key = match table {
            Table::Routes => {
                let found = self.find_route(quoted)?;
                if let Some(path) = found.path {
                    *request.uri_mut() = path.into_uri(request.uri())?;
                }
                found.key
            }
            Table::Downloads => self.find_download(request.method(), quoted)?,
        };
        let (owner, function) = table.of(self.state()).borrow_mut().lend(&key)?;
        Some((key, owner, function))
    }

    fn answer_exchange(&self, asked: Asked, answer: Result<Response>) {
        self.state().end_work();
        asked.reply.respond(match answer {
            Ok(response) => response,
            Err(Interrupt::Silent | Interrupt::Cancel | Interrupt::InProgress) => {
                plain(StatusCode::INTERNAL_SERVER_ERROR, "")
            }
            Err(failure) => plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                self.failure_text(&failure, asked.table.what(), &asked.key),
            ),
        });
    }
}

/// The response without its body, which is dropped unread.
fn head_of(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if let Some(length) = http_body::Body::size_hint(&body).exact() {
        head.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    // Of no known length, or a transport would announce that there are 0 bytes.
    let nothing = StreamBody::new(stream::empty::<Result<http_body::Frame<Bytes>, BoxError>>());
    Response::from_parts(head, Body::new(nothing))
}
