//! Server-driven reactive sessions, whatever carries them.
//!
//! The server holds the state, a reactive graph recomputes what changed, and the client at the other end of
//! a link is kept in step. An app is a function from [`Session`] to outputs; a transport is whatever
//! implements [`link::Listener`].
//!
//! ```text
//!  wire ─► Receive ─► driver ─► message ─► session ─► inputs ─► graph: mark, run, pull
//!  wire ◄─ Transmit ◄─ driver ◄─ outbox ◄─ outputs ◄──────────────────────┘
//! ```
//!
//! ```
//! use session_core::{App, Session, testing::Client};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = App::new(|s: &Session<'_>| {
//!     let n = s.input::<f64>("n")?;
//!     s.output("double", move |s| Ok((n.get(s)? * 2.0).to_string()))
//! });
//! let mut client = Client::connect(app).await;
//! client.set("n", 21.0).show("double").flush().await;
//! assert_eq!(client.output::<String>("double"), Ok("42".into()));
//! # }
//! ```

mod app;
mod catch;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod driver;
pub mod exchange;
mod handle;
mod limits;
pub mod link;
mod message;
mod name;
mod random;
mod server;
mod session;
mod shared;
mod stub;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "watch")]
mod watch;

pub use reactive::{
    Calc, Destroyed, Effect, EffectOptions, Event, EventDatum, EventOptions, EventSource, Failure,
    Interrupt, ReadValue, Safe, Truthy, Value, req, req_cancel, req_in_progress, safe,
};

pub use crate::app::{App, OnEffectError, Result};
pub use crate::exchange::{Body, Request, Response};
pub use crate::handle::{SessionEnded, SessionHandle};
pub use crate::limits::Limits;
pub use crate::link::{CloseCode, CloseReason, Identity, Refusal};
pub use crate::name::{AbsoluteId, Id, InvalidId, Namespace};
pub use crate::server::{Server, shutdown_on_signals};
pub use crate::session::Session;
pub use crate::session::callbacks::Registration;
pub use crate::session::client_data::{ClientData, Font, NoCurrentOutput, OutputData, PageUrl};
pub use crate::session::downloads::{Download, InvalidDownload};
pub use crate::session::exchanges::IntoResponse;
pub use crate::session::extended_task::{
    ExtendedTask, ExtendedTaskOptions, QueueFull, TaskStatus, WhenGone,
};
pub use crate::session::file_reader::FilePath;
pub use crate::session::inputs::{
    Action, Date, DateTime, Input, InvalidDate, InvalidInputType, Password,
};
pub use crate::session::notify::{Notify, notify};
pub use crate::session::page;
pub use crate::session::poll::PollOptions;
pub use crate::session::reconnect::Reconnect;
pub use crate::session::render::{OutputOptions, OutputValue};
pub use crate::session::state::State;
pub use crate::session::uploads::file::UploadedFile;
pub use crate::session::uploads::input::FileInput;
pub use crate::shared::Shared;
pub use crate::stub::StubSession;
