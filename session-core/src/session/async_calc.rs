//! Calcs in two steps.

use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use reactive::{Calc, Interrupt};

use crate::catch::Catch;
use crate::session::tasks::Waiting;
use crate::{Result, Session};

impl Session<'_> {
    /// As [`calc`](Self::calc), in two steps (decision 5): `f` runs like any calc's closure, when it is read and out of
    /// date, and returns a future that makes the result outside the graph, beside everything else the session does.
    ///
    /// Whoever reads it meanwhile gets *in progress*, which an output shows as such (M10), and runs again when the result
    /// is there. When something that `f` has read changes, the future is dropped; whoever reads it next starts it anew. It
    /// goes with the calc, too. An error of either step is kept as a result is, and given to all who read it.
    ///
    /// A future that has its result at hand is not waited for: then it reads as a plain calc.
    ///
    /// ```
    /// use session_core::{App, testing::Client};
    ///
    /// # async fn fetch(id: u32) -> std::io::Result<String> { tokio::task::yield_now().await; Ok(format!("row {id}")) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let app = App::new(|s| {
    ///     let id = s.input::<u32>("id")?;
    ///     let row = s.calc_async(move |s| {
    ///         let id = id.get(s)?;
    ///         Ok(async move { Ok(fetch(id).await?) })
    ///     });
    ///     s.output("row", move |s| row.get(s))?;
    ///     s.output("length", move |s| row.with(s, String::len))
    /// });
    /// let mut client = Client::connect(app).await;
    /// client.set("id", 7).show("row").show("length").flush().await;
    /// assert_eq!(client.output("row"), Ok("row 7".to_owned()));
    /// assert_eq!(client.output("length"), Ok(5));
    /// # }
    /// ```
    #[track_caller]
    pub fn calc_async<T, F, Fut>(&self, f: F) -> Calc<T>
    where
        T: Send + 'static,
        F: Fn(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let this = Arc::new(OnceLock::new());
        let of_run = Arc::clone(&this);
        let calc = self.calc(move |s| {
            let mut future = Catch::new(f(s)?);
            // Many a future has its result at hand; the others are polled again by the session's task.
            if let Some(result) = (&mut future).now_or_never() {
                return result;
            }
            // Nobody drives the futures of a stub.
            if !s.is_stub_session() {
                let of_run = Arc::clone(&of_run);
                s.await_while_valid(future, move |s, result| {
                    let Some(calc) = of_run.get() else { return };
                    if let Err(interrupt) = Calc::resolve(*calc, s, result) {
                        tracing::debug!(%interrupt, "what an async calc gave is dropped");
                    }
                });
            }
            Err(Interrupt::InProgress)
        });
        // It runs when it is read, and so after this.
        *this.get_or_init(|| calc)
    }

    /// Has a future driven for as long as what runs now, an effect or a calc, is valid.
    pub(crate) fn await_while_valid<T, Fut, Then>(&self, future: Fut, then: Then)
    where
        T: Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
        Then: FnOnce(&Session<'_>, Result<T>) + Send + 'static,
    {
        if let Some(task) = self.spawn(Waiting::Nobody, future, then) {
            self.cx().on_invalidate(move |cx| {
                cx.env().tasks.borrow_mut().cancel(task);
                Ok(())
            });
        }
    }
}
