//! What changes outside the session, looked at again and again.

use std::time::Duration;

use reactive::{Calc, EffectOptions, Interrupt, Value};

use crate::{Result, Session};

/// How often something is looked at.
///
/// A [`Duration`] turns into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollOptions {
    /// How long to wait after each look.
    pub interval: Duration,
    /// The priority of the effect that looks: one with a higher priority runs first.
    pub priority: i32,
}

impl PollOptions {
    /// A look each `interval`, with priority 0.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self { interval, priority: 0 }
    }

    /// With another priority.
    #[must_use]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }
}

impl From<Duration> for PollOptions {
    fn from(interval: Duration) -> Self {
        Self::every(interval)
    }
}

/// What the latest look found. A failed one differs from the one before if its text does, so that readers are told of
/// each failure once.
pub(crate) struct Look<C>(pub(crate) Result<C>);

impl<C: PartialEq> PartialEq for Look<C> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Ok(a), Ok(b)) => a == b,
            (Err(Interrupt::Failed(a)), Err(Interrupt::Failed(b))) => {
                a.to_string() == b.to_string()
            }
            (Err(a), Err(b)) => std::mem::discriminant(a) == std::mem::discriminant(b),
            _ => false,
        }
    }
}

impl<C> Look<C> {
    fn outcome(&self) -> Result<()> {
        self.0.as_ref().map(|_| ()).map_err(Interrupt::clone)
    }
}

impl Session<'_> {
    /// A calc that gives what `read` gives, and is out of date whenever `check`, which is cheap, gives something else
    /// than the time before (E16). `check` runs now, in the next flush, and each time the interval has passed since
    /// (E15); `read` runs when the calc is read.
    ///
    /// What either reads is a dependency: when it changes, there is no waiting for the interval (E17). An error of
    /// `check` is given to whoever reads the calc, until a look succeeds; the looks go on (E18, E21).
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering::Relaxed}};
    /// use std::time::Duration;
    /// use session_core::{App, testing::Client};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let version = Arc::new(AtomicU64::new(1)); // of something that others change
    /// let seen = version.clone();
    /// let app = App::new(move |s| {
    ///     let (check, read) = (seen.clone(), seen.clone());
    ///     let rows = s.poll(
    ///         Duration::from_secs(1),
    ///         move |_| Ok(check.load(Relaxed)),
    ///         move |_| Ok(format!("rows of version {}", read.load(Relaxed))),
    ///     )?;
    ///     s.output("rows", move |s| rows.get(s))
    /// });
    /// let mut client = Client::connect(app).await;
    /// client.show("rows").flush().await;
    /// version.store(2, Relaxed);
    /// client.advance(Duration::from_secs(1)).await;
    /// assert_eq!(client.output("rows"), Ok("rows of version 2".to_owned()));
    /// # }
    /// ```
    ///
    /// What `check` gives has to be comparable, and a comparison says yes or no (E20):
    ///
    /// ```compile_fail,E0277
    /// # // spec: E20
    /// # session_core::App::new(|s| {
    /// struct Version;
    /// s.poll(std::time::Duration::from_secs(1), |_| Ok(Version), |_| Ok(()))?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// What `check` gives when it runs now (E19).
    #[track_caller]
    pub fn poll<C, T, Check, Read>(
        &self,
        options: impl Into<PollOptions>,
        check: Check,
        read: Read,
    ) -> Result<Calc<T>>
    where
        C: PartialEq + Send + 'static,
        T: Send + 'static,
        Check: Fn(&Session<'_>) -> Result<C> + Send + 'static,
        Read: Fn(&Session<'_>) -> Result<T> + Send + 'static,
    {
        let PollOptions { interval, priority } = options.into();
        let seen = self.value(Look(Ok(check(&self.isolate())?)));
        self.effect_with(EffectOptions { priority, suspended: false }, move |s| {
            seen.set(s, Look(check(s)))?;
            s.invalidate_later(interval)
        });
        Ok(self.calc(move |s| {
            seen.with(s, Look::outcome)??;
            read(s)
        }))
    }

    /// As [`poll`](Self::poll), with a check in two steps (decision 5): `check` reads what it depends on and returns a
    /// future, which is driven beside everything else the session does. The interval begins when it is done. Until the
    /// first look is done, whoever reads the calc gets *in progress*; it is a look like any other (E24).
    #[track_caller]
    pub fn poll_async<C, T, Check, Fut, Read>(
        &self,
        options: impl Into<PollOptions>,
        check: Check,
        read: Read,
    ) -> Calc<T>
    where
        C: PartialEq + Send + 'static,
        T: Send + 'static,
        Check: Fn(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<C>> + Send + 'static,
        Read: Fn(&Session<'_>) -> Result<T> + Send + 'static,
    {
        let looks = self.look_again_and_again(options.into(), check);
        self.calc(move |s| {
            looks.with(s, |_| ())?;
            read(s)
        })
    }

    /// Looks in the next flush, and again and again.
    pub(crate) fn look_again_and_again<C, Check, Fut>(
        &self,
        options: PollOptions,
        check: Check,
    ) -> Looks<C>
    where
        C: PartialEq + Send + 'static,
        Check: Fn(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<C>> + Send + 'static,
    {
        let PollOptions { interval, priority } = options;
        let looks = Looks { seen: self.value_unset(), wanted: self.value(0), done: self.value(0) };
        self.effect_with(EffectOptions { priority, suspended: false }, move |s| {
            looks.wanted.get(s)?;
            match check(s) {
                Ok(future) => s.await_while_valid(future, move |s, found| {
                    // It may be gone with its scope, and then nobody wants it.
                    let _ = looks.found(s, found);
                }),
                Err(interrupt) => looks.found(s, Err(interrupt))?,
            }
            Ok(())
        });
        // The interval is counted by an effect of its own: a look that takes longer is not to be cut short by it.
        let mut counted = 0;
        self.effect(move |s| {
            let done = looks.done.get(s)?;
            if done == 0 {
                return Ok(());
            }
            if done == counted {
                return looks.want(s);
            }
            counted = done;
            s.invalidate_later(interval)
        });
        looks
    }
}

/// Looks that are being taken.
pub(crate) struct Looks<C> {
    seen: Value<Look<C>>,
    /// Raised for another look.
    wanted: Value<u64>,
    /// How many are done.
    pub(crate) done: Value<u64>,
}

impl<C> Clone for Looks<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Looks<C> {}

impl<C: PartialEq + Send + 'static> Looks<C> {
    fn found(self, s: &Session<'_>, found: Result<C>) -> Result<()> {
        self.seen.set(s, Look(found))?;
        self.done.update(s, |done| *done += 1)?;
        Ok(())
    }

    /// Asks for another look.
    pub(crate) fn want(self, s: &Session<'_>) -> Result<()> {
        self.wanted.update(s, |wanted| *wanted += 1)?;
        Ok(())
    }

    /// What `read` makes of what the latest look found; takes a dependency on its being something else.
    pub(crate) fn with<R>(self, s: &Session<'_>, read: impl FnOnce(&C) -> R) -> Result<R> {
        let found = self.seen.with(s, |look| look.0.as_ref().map(read).map_err(Interrupt::clone));
        match found {
            Ok(found) => found,
            // There was no look yet.
            Err(Interrupt::Silent) => Err(Interrupt::InProgress),
            Err(interrupt) => Err(interrupt),
        }
    }
}
