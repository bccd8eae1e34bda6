//! Bars that fill.

use std::ops::RangeInclusive;

use serde::Serialize;

use crate::name::Owned;
use crate::random::hex;
use crate::session::page::error::PageError;
use crate::session::page::{Number, Typed, When};
use crate::{Result, Session};

/// A panel in the corner of the page, with a bar that fills and two lines of text.
///
/// A `Copy` handle: the scope that made it owns the panel, and takes it away when it is destroyed.
///
/// ```
/// use session_core::{Result, Session, page::ProgressUpdate};
///
/// fn server(s: &Session<'_>) -> Result<()> {
///     let progress = s.progress()?;
///     progress.set(s, ProgressUpdate::new().value(0.0).message("Reading"))?;
///     for file in ["a.csv", "b.csv"] {
///         progress.set(s, ProgressUpdate::new().plus(0.5).detail(file))?;
///     }
///     progress.close(s)
/// }
/// # let _ = session_core::App::new(server);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The beginning of the session's id: in another session the same key is somebody else's.
    session: u64,
    /// `None` in a stub.
    key: Option<u64>,
}

/// What a progress panel says from now on. What is not given stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ProgressUpdate {
    value: Option<Step>,
    message: Option<String>,
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    To(f64),
    By(f64),
}

impl ProgressUpdate {
    /// An update that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far the work is, from 0 to 1 unless the progress was given another range. Beyond its ends it stays there.
    #[must_use]
    pub const fn value(mut self, value: f64) -> Self {
        self.value = Some(Step::To(value));
        self
    }

    /// How much further the work is than before.
    #[must_use]
    pub const fn plus(mut self, amount: f64) -> Self {
        self.value = Some(Step::By(amount));
        self
    }

    /// What is done, in plain text.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// More of it, in plain text that is set apart.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl From<f64> for ProgressUpdate {
    fn from(value: f64) -> Self {
        Self::new().value(value)
    }
}

/// The panels of a session that are open.
pub(crate) type Panels = Owned<Panel>;

#[derive(Debug)]
pub(crate) struct Panel {
    id: String,
    from: f64,
    to: f64,
    at: Option<f64>,
}

impl Panel {
    /// How much of the bar is full then, from 0 to 1.
    fn step(&mut self, step: Step) -> f64 {
        let at = match step {
            Step::To(value) => value,
            Step::By(amount) => self.at.unwrap_or(self.from) + amount,
        };
        let at = at.clamp(self.from, self.to);
        self.at = Some(at);
        (at - self.from) / (self.to - self.from)
    }
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    style: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Number>,
}

impl<'a> Message<'a> {
    const fn new(id: &'a str) -> Self {
        Self { id, style: "notification", message: None, detail: None, value: None }
    }
}

impl Progress {
    /// Says how far the work is, at once: a number, or an update with text. Nothing happens once it is closed, or in
    /// another session than its own.
    ///
    /// # Errors
    ///
    /// *Failed* when the text is larger than [`Limits::outbound_bytes`](crate::Limits::outbound_bytes).
    pub fn set(self, s: &Session<'_>, update: impl Into<ProgressUpdate>) -> Result<()> {
        let Some(key) = self.key_in(s) else { return Ok(()) };
        let ProgressUpdate { value, message, detail } = update.into();
        let (id, value) = {
            let mut page = s.state().page.borrow_mut();
            let Some((_, panel)) = page.progress.get_mut(key) else { return Ok(()) };
            (panel.id.clone(), value.map(|step| Number(panel.step(step))))
        };
        s.tell_progress("update", Message { message, detail, value, ..Message::new(&id) })
    }

    /// Fills the bar by `amount` more.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub fn inc(self, s: &Session<'_>, amount: f64) -> Result<()> {
        self.set(s, ProgressUpdate::new().plus(amount))
    }

    /// Takes the panel away, at once. Twice is once.
    ///
    /// # Errors
    ///
    /// None; as the others of its kind.
    pub fn close(self, s: &Session<'_>) -> Result<()> {
        let Some(key) = self.key_in(s) else { return Ok(()) };
        let closed = s.state().page.borrow_mut().progress.remove(key);
        match closed {
            Some((_, panel)) => s.tell_progress("close", Message::new(&panel.id)),
            None => Ok(()),
        }
    }

    fn key_in(self, s: &Session<'_>) -> Option<u64> {
        self.key.filter(|_| self.session == s.state().mark())
    }
}

impl Session<'_> {
    /// Opens a panel with a bar that fills from 0 to 1, at once. It closes when this scope is destroyed, if it was not
    /// closed before.
    ///
    /// From a future or another task, reach it through a [`handle`](Self::handle).
    ///
    /// # Errors
    ///
    /// *Failed* when the system has no randomness to give, which its id is made of.
    pub fn progress(&self) -> Result<Progress> {
        self.progress_in(0.0..=1.0)
    }

    /// As [`progress`](Self::progress), counting from one end of `range` to the other: `0.0..=15.0` for fifteen steps.
    ///
    /// # Errors
    ///
    /// [`PageError::ProgressRange`] unless the range is finite and its end after its start; otherwise as
    /// [`progress`](Self::progress).
    pub fn progress_in(&self, range: RangeInclusive<f64>) -> Result<Progress> {
        let (from, to) = range.into_inner();
        // Neither does NaN lie between two numbers.
        let fine = from < to && (to - from).is_finite();
        if !fine {
            return Err(PageError::ProgressRange { from, to }.into());
        }
        let state = self.state();
        if state.stub {
            return Ok(Progress { session: state.mark(), key: None });
        }
        let id = hex::<8>()?;
        self.tell_progress("open", Message::new(&id))?;
        let panel = Panel { id, from, to, at: None };
        let key = state.page.borrow_mut().progress.insert(self.namespace(), panel);
        Ok(Progress { session: state.mark(), key: Some(key) })
    }

    /// Takes the panels of scopes that are no more away.
    pub(super) fn close_panels(&self, panels: Vec<Panel>) {
        for panel in panels {
            if let Err(failure) = self.tell_progress("close", Message::new(&panel.id)) {
                tracing::error!(%failure, "a progress panel could not be closed");
            }
        }
    }

    fn tell_progress(&self, what: &'static str, message: Message<'_>) -> Result<()> {
        self.tell_page("progress", &Typed { r#type: what, message }, When::Now)
    }
}
