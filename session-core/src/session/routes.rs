//! Dynamic routes: requests beside the link that app code answers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::catch::catch;
use crate::exchange::Request;
use crate::name::{Names, Namespace};
use crate::random::hex;
use crate::session::exchanges::{Answer, Function, IntoResponse};
use crate::session::registered::Registered;
use crate::{Result, Session};

pub(crate) type Routes = Names<Registered<Function>>;

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

    /// Takes the handler out that answers `quoted`, the rest of the request's path; its key and who registered it.
    pub(crate) fn take_route(&self, quoted: &str) -> Option<(String, Namespace, Function)> {
        let key = percent_decode_str(quoted).decode_utf8().ok()?.into_owned();
        let (owner, function) = self.state().routes.borrow_mut().lend(&key)?;
        Some((key, owner, function))
    }
}
