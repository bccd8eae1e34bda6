//! The edge where a panic of app code becomes a failure (decision 15).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use reactive::{Failure, Interrupt};

use crate::Result;

/// Runs app code; a panic is a failure.
pub(crate) fn catch<T>(code: impl FnOnce() -> Result<T>) -> Result<T> {
    // Nothing of ours is borrowed while app code runs, and a closure that panicked is not called again
    // before its own state is made anew or it accepts it: the same contract as a thread's.
    catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Interrupt {
    let text = panic
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Interrupt::from(Panicked(text))
}

/// Whether this is what [`catch`] or [`Catch`] made of a panic, or the graph did.
pub(crate) fn is_panic(failure: &Failure) -> bool {
    failure.is_panic() || failure.downcast_ref::<Panicked>().is_some()
}

/// App code panicked.
#[derive(Debug, thiserror::Error)]
#[error("app code panicked: {0}")]
struct Panicked(String);

/// A future of app code; a panic in it is a failure.
pub(crate) struct Catch<F>(Pin<Box<F>>);

impl<F> Catch<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F, T> Future for Catch<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Err(panicked(&*panic))),
        }
    }
}
