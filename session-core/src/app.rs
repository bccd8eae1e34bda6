use std::fmt;
use std::sync::Arc;

use reactive::Interrupt;

use crate::Session;
use crate::session::inputs::types::InputTypes;

/// What closures of an app return: a value, or why there is none.
///
/// `?` turns any error into a failure, and carries the quiet stops along.
pub type Result<T, E = Interrupt> = std::result::Result<T, E>;

/// What a session runs: a function from session to outputs, called once per session after `init`.
///
/// ```
/// use session_core::{App, Session};
///
/// let app = App::new(|s: &Session<'_>| {
///     let n = s.input::<f64>("n")?;
///     s.output("double", move |s| Ok((n.get(s)? * 2.0).to_string()))
/// });
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct App {
    start: Arc<Start>,
    settings: Settings,
}

type Start = dyn Fn(&Session<'_>) -> Result<()> + Send + Sync;

/// What an app chooses once for all its sessions.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) sanitize_errors: bool,
    pub(crate) on_effect_error: OnEffectError,
    pub(crate) input_types: InputTypes,
}

/// What a failure that escapes an effect does (decision 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnEffectError {
    /// It ends the session with 1011.
    #[default]
    End,
    /// It is logged, and the session goes on. A panic ends the session all the same.
    Log,
}

impl App {
    /// An app that runs `start` for every session.
    ///
    /// `start` may read inputs, which are those of `init` (G2). A failure or panic ends that session with
    /// 1011 (G6).
    pub fn new<F>(start: F) -> Self
    where
        F: Fn(&Session<'_>) -> Result<()> + Send + Sync + 'static,
    {
        let settings = Settings {
            sanitize_errors: true,
            on_effect_error: OnEffectError::End,
            input_types: InputTypes::default(),
        };
        Self { start: Arc::new(start), settings }
    }

    /// Whether clients see a generic text in place of errors that are not marked
    /// [`safe`](crate::safe); true by default (decision 31).
    #[must_use]
    pub const fn sanitize_errors(mut self, sanitize: bool) -> Self {
        self.settings.sanitize_errors = sanitize;
        self
    }

    /// What a failure that escapes an effect does.
    #[must_use]
    pub const fn on_effect_error(mut self, then: OnEffectError) -> Self {
        self.settings.on_effect_error = then;
        self
    }

    pub(crate) const fn input_types_mut(&mut self) -> &mut InputTypes {
        &mut self.settings.input_types
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings.clone()
    }

    pub(crate) fn start(&self, s: &Session<'_>) -> Result<()> {
        (self.start)(s)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}
