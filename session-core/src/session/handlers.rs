//! Requests of the client, and the handlers that answer them.

use std::pin::Pin;

use bytes::Bytes;
use reactive::{Interrupt, safe};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::catch::catch;
use crate::message::codec;
use crate::name::Names;
use crate::session::registered::Registered;
use crate::session::tasks::Waiting;
use crate::session::uploads;
use crate::{Result, Session};

pub(crate) type Handlers = Names<Registered<Function>>;

pub(crate) type Function = Box<dyn FnMut(&Session<'_>, Args<'_>) -> Answer + Send>;

/// What a request comes with.
pub(crate) struct Args<'a> {
    pub(crate) json: &'a RawValue,
    pub(crate) blobs: Vec<Bytes>,
}

pub(crate) enum Answer {
    Ready(Result<Vec<u8>>),
    Later(Pin<Box<dyn Future<Output = Result<Vec<u8>>> + Send>>),
}

impl Answer {
    /// What the second step of a handler will give.
    fn later<T, Fut>(begun: Result<Fut>) -> Self
    where
        T: Serialize,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        match begun {
            Ok(future) => Self::Later(Box::pin(async move { Ok(codec::to_json(&future.await?)?) })),
            Err(failure) => Self::Ready(Err(failure)),
        }
    }
}

/// The app wants to answer what the session answers itself.
#[derive(Debug, thiserror::Error)]
#[error(
    "requests `{0}` are part of an upload, which the session answers itself: choose another name"
)]
struct Reserved(String);

impl Session<'_> {
    /// Answers requests `name` of the client with what `handler` returns.
    ///
    /// The arguments of the request, a list, are read as `A`: `()`, a tuple such as `(f64, String)`, or
    /// anything that reads a list. `handler` runs in this scope and takes no dependencies (J7, J8). A failure
    /// is an error response; its text is generic unless the error is [`safe`](crate::safe) (decision 31). The
    /// same name again replaces the former handler (J11).
    ///
    /// Returns the key that the client asks for: `name`, in a module after the module's namespace (J9).
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId) for a name that is no id, in a module; at the root any name goes but `uploadInit`
    /// and `uploadEnd`, which the session answers itself: those are a failure.
    pub fn set_message_handler<A, T, F>(&self, name: &str, mut handler: F) -> Result<String>
    where
        A: DeserializeOwned,
        T: Serialize,
        F: FnMut(&Session<'_>, A) -> Result<T> + Send + 'static,
    {
        self.insert_handler(
            name,
            Box::new(move |s, args| {
                Answer::Ready(catch(|| Ok(codec::to_json(&handler(s, args.without_blobs()?)?)?)))
            }),
        )
    }

    /// As [`set_message_handler`](Self::set_message_handler), for requests that carry blobs beside their arguments
    /// (decision 30): `makeRequest` of the Shiny client has a parameter for them. A request without any gives an empty
    /// list.
    ///
    /// Blobs share the memory of the frame they came in, which
    /// [`Limits::message_bytes`](crate::Limits::message_bytes) bounds. To a handler that takes none, a request with blobs
    /// is an error.
    ///
    /// # Errors
    ///
    /// As [`set_message_handler`](Self::set_message_handler).
    ///
    /// ```
    /// # session_core::App::new(|s| {
    /// s.set_message_handler_with_blobs("sizes", |_, (), blobs| {
    ///     Ok(blobs.iter().map(|blob| blob.len()).collect::<Vec<_>>())
    /// })?;
    /// # Ok(()) });
    /// ```
    pub fn set_message_handler_with_blobs<A, T, F>(
        &self,
        name: &str,
        mut handler: F,
    ) -> Result<String>
    where
        A: DeserializeOwned,
        T: Serialize,
        F: FnMut(&Session<'_>, A, Vec<Bytes>) -> Result<T> + Send + 'static,
    {
        self.insert_handler(
            name,
            Box::new(move |s, args| {
                Answer::Ready(catch(|| {
                    Ok(codec::to_json(&handler(s, arguments(args.json)?, args.blobs)?)?)
                }))
            }),
        )
    }

    /// As [`set_message_handler_with_blobs`](Self::set_message_handler_with_blobs), in two steps, like
    /// [`set_message_handler_async`](Self::set_message_handler_async).
    ///
    /// # Errors
    ///
    /// As [`set_message_handler`](Self::set_message_handler).
    pub fn set_message_handler_with_blobs_async<A, T, F, Fut>(
        &self,
        name: &str,
        mut handler: F,
    ) -> Result<String>
    where
        A: DeserializeOwned,
        T: Serialize,
        F: FnMut(&Session<'_>, A, Vec<Bytes>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.insert_handler(
            name,
            Box::new(move |s, args| {
                Answer::later(catch(|| handler(s, arguments(args.json)?, args.blobs)))
            }),
        )
    }

    /// As [`set_message_handler`](Self::set_message_handler), in two steps (decision 5): `handler` returns a
    /// future, which is driven beside everything else the session does. Other requests and inputs do not
    /// wait for it; its response goes out when it is done. It is dropped with this scope; the client then
    /// gets an error response.
    ///
    /// # Errors
    ///
    /// As [`set_message_handler`](Self::set_message_handler).
    pub fn set_message_handler_async<A, T, F, Fut>(
        &self,
        name: &str,
        mut handler: F,
    ) -> Result<String>
    where
        A: DeserializeOwned,
        T: Serialize,
        F: FnMut(&Session<'_>, A) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.insert_handler(
            name,
            Box::new(move |s, args| Answer::later(catch(|| handler(s, args.without_blobs()?)))),
        )
    }

    /// Answers requests `name` no longer: the client gets an error that names the method. Returns the key,
    /// whether there was a handler or not (J10).
    ///
    /// # Errors
    ///
    /// As [`set_message_handler`](Self::set_message_handler).
    pub fn remove_message_handler(&self, name: &str) -> Result<String> {
        let Some(key) = self.registered_name(name)? else { return Ok(String::new()) };
        let removed = self.state().handlers.borrow_mut().remove(&key);
        drop(removed);
        Ok(key)
    }

    fn insert_handler(&self, name: &str, function: Function) -> Result<String> {
        let Some(key) = self.registered_name(name)? else { return Ok(String::new()) };
        if uploads::is_built_in(&key) {
            return Err(Reserved(key).into());
        }
        let handler = Registered::new(self.namespace(), function);
        let replaced = self.state().handlers.borrow_mut().insert(&key, handler);
        drop(replaced);
        Ok(key)
    }

    /// Answers one request.
    pub(crate) fn handle_request(&self, method: &str, args: Args<'_>, tag: &str) {
        let state = self.state();
        if let Some(answer) = self.answer_upload(method, args.json) {
            return self.answer_request(method, tag, answer);
        }
        let lent = state.handlers.borrow_mut().lend(method);
        let Some((owner, mut function)) = lent else {
            return state.respond(tag, Err(&format!("Unknown method: {method}")));
        };
        let view = self.at(&owner);
        let answer = if state.tasks.borrow().requests() < state.limits.requests {
            function(&view, args)
        } else {
            Answer::Ready(Err(safe("too many requests are still at work").into()))
        };
        let replaced = state.handlers.borrow_mut().give_back(method, function);
        drop(replaced);
        match answer {
            Answer::Ready(answer) => view.answer_request(method, tag, answer),
            Answer::Later(future) => {
                let (method, tag) = (method.to_owned(), Box::<str>::from(tag));
                view.spawn(Waiting::Request(tag.clone()), future, move |s, answer| {
                    s.answer_request(&method, &tag, answer);
                });
            }
        }
    }

    fn answer_request(&self, method: &str, tag: &str, answer: Result<Vec<u8>>) {
        let answer = answer.and_then(|json| self.state().of_size(json));
        match answer {
            Ok(json) => self.state().respond(tag, Ok(&json)),
            // A quiet stop answers with an error that says nothing (J5).
            Err(Interrupt::Silent | Interrupt::Cancel | Interrupt::InProgress) => {
                self.state().respond(tag, Err(""));
            }
            Err(failure) => {
                let text = self.failure_text(&failure, "message handler", method);
                self.state().respond(tag, Err(&text));
            }
        }
    }
}

impl Args<'_> {
    /// The arguments, for a handler that takes nothing else.
    fn without_blobs<A: DeserializeOwned>(&self) -> Result<A> {
        if self.blobs.is_empty() {
            arguments(self.json)
        } else {
            Err(safe("this method takes no blobs").into())
        }
    }
}

/// The arguments of a request as the handler wants them.
fn arguments<A: DeserializeOwned>(args: &RawValue) -> Result<A> {
    let json = args.get();
    if !json.starts_with('[') {
        return Err(safe("the arguments of a request are a list").into());
    }
    // No arguments are `()`, which serde spells `null`.
    let empty = json[1..].trim_start() == "]";
    let parsed = serde_json::from_str(json);
    let parsed = if empty {
        parsed.or_else(|e| serde_json::from_str("null").map_err(|_| e))
    } else {
        parsed
    };
    // Whose fault it is can be told without telling anything of the app.
    parsed.map_err(|error| safe(format!("the arguments do not fit: {error}")).into())
}
