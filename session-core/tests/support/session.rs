//! What the tests of a session share: a log of what happened, an idle client, and the usual outputs and requests.

#![allow(dead_code, reason = "not every file of tests needs all of it")]

use std::sync::{Arc, Mutex, PoisonError};

use session_core::testing::Client;
use session_core::{App, Body, OutputOptions, Request, Result, Session};

/// Lines that closures of an app write down; a clone is the same log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a line is whatever is at hand, or a reference to it"
    )]
    pub(crate) fn add(&self, line: impl ToString) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_string());
    }

    /// A closure that writes `line`.
    pub(crate) fn says(
        &self,
        line: &'static str,
    ) -> impl Fn(&Session<'_>) -> Result<()> + Send + Sync + use<> {
        let log = self.clone();
        move |_| {
            log.add(line);
            Ok(())
        }
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A client of a session in which nothing was made yet.
pub(crate) async fn idle() -> Client {
    Client::connect(App::new(|_| Ok(()))).await
}

/// Runs `f` in the root scope, as work from outside, and lets the session do what follows.
pub(crate) async fn run<T, F>(client: &mut Client, f: F) -> T
where
    T: Send + 'static,
    F: FnOnce(&Session<'_>) -> Result<T> + Send + 'static,
{
    client.run(f).await.unwrap().unwrap()
}

/// An output that runs whether it is seen or not.
pub(crate) fn always() -> OutputOptions {
    OutputOptions::default().suspend_when_hidden(false)
}

/// A request for the URL of a route.
pub(crate) fn get(url: &str) -> Request {
    http::Request::get(format!("/{url}")).body(Body::empty()).unwrap()
}

/// Writes down that it was dropped.
pub(crate) struct Dropped(pub(crate) Log);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add("dropped");
    }
}
