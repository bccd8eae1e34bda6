//! The only place that knows the system: reading and writing that another thread can interrupt, and the standard
//! descriptors.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use other::{Input, Output, Trigger, standard};
#[cfg(unix)]
pub(crate) use unix::{Input, Output, Trigger, standard};
