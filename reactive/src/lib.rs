//! A synchronous reactive graph: values that are set, calcs that follow from them, effects that act on them, and
//! scopes that own and free all three. A graph belongs to one owner at a time and moves between threads as a whole;
//! it holds no lock, starts nothing by itself, and knows neither time nor tasks. Every closure receives a [`Cx`],
//! through which alone the graph is reached; every read is a `Result`, so that `?` carries *not there yet*, *destroyed*
//! and *failed* to whoever is to answer for it. A closure that panics is a failed read, never a broken graph.
//!
//! | | made by | runs | read by | tells its readers |
//! |---|---|---|---|---|
//! | [`Value`] | [`Cx::value`] | never | [`get`](Value::get), [`with`](Value::with), [`is_set`](Value::is_set) | when set to something else |
//! | [`Calc`] | [`Cx::calc`], [`Cx::calc_distinct`] | when read and out of date | [`get`](Calc::get), [`with`](Calc::with) | at once when out of date; a distinct one when its result differs |
//! | [`Effect`] | [`Cx::effect`], [`Cx::on_event`] | by [`Graph::run_next`], higher priority first, then first in, first out | nobody | – |
//! | [`Scope`] | [`Cx::child_scope`] | – | – | destroying it destroys everything made in it |
//!
//! ```
//! use reactive::Graph;
//!
//! let graph = Graph::new(());
//! let cx = graph.cx();
//! let count = cx.value(1);
//! let double = cx.calc(move |cx| Ok(count.get(cx)? * 2));
//! let seen = cx.value(0);
//! cx.effect(move |cx| {
//!     let now = double.get(cx)?;
//!     seen.set(cx, now)?;
//!     Ok(())
//! });
//!
//! graph.flush(100, |run| assert!(run.outcome.is_ok()))?;
//! assert_eq!(seen.get(&cx).ok(), Some(2));
//!
//! count.set(&cx, 21).ok();
//! graph.flush(100, |run| assert!(run.outcome.is_ok()))?;
//! assert_eq!(seen.get(&cx).ok(), Some(42));
//! # Ok::<(), reactive::Runaway>(())
//! ```

mod calc;
mod cx;
mod effect;
mod event;
mod graph;
mod interrupt;
mod key;
mod scope;
mod truthy;
mod value;

pub use calc::Calc;
pub use cx::Cx;
pub use effect::{Effect, EffectOptions};
pub use event::{Event, EventDatum, EventOptions, EventSource};
pub use graph::{Counts, DEFAULT_MAX_DEPTH, Graph, Run, Runaway};
pub use interrupt::{Destroyed, Failure, InUse, Interrupt, Kind, Safe, TooDeep, safe};
pub use scope::{CallbackKey, Scope};
pub use truthy::{Truthy, req, req_cancel, req_in_progress};
pub use value::{Change, ReadValue, Value};
