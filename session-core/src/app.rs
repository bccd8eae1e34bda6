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
    pub(crate) test_mode: bool,
    #[cfg(feature = "watch")]
    pub(crate) watch: crate::watch::Watch,
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
            test_mode: false,
            #[cfg(feature = "watch")]
            watch: crate::watch::Watch::default(),
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

    /// Whether clients may ask for snapshots of their session (O2): its inputs but for passwords, what its outputs gave,
    /// and what the app exports for tests. False by default, and nothing but this turns it on: whoever has a session's id
    /// can then read what the page would not show.
    ///
    /// The URL is that of [`Session::test_snapshot_url`]; the answer is JSON with its keys in order:
    ///
    /// ```
    /// use session_core::{App, Body, testing::Client};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let app = App::new(|s| {
    ///     let n = s.input::<i64>("n")?;
    ///     let half = s.calc(move |s| Ok(n.get(s)? / 2));
    ///     s.export_test_value("half", move |s| half.get(s))
    /// });
    /// let mut client = Client::connect(app.test_mode(true)).await;
    /// client.set("n", 8).flush().await;
    /// let url = client.run(|s| s.test_snapshot_url()).await.unwrap().unwrap();
    /// let request = http::Request::get(format!("/{url}")).body(Body::empty()).unwrap();
    /// let body = client.fetch(request).await.unwrap().into_body().collect_up_to(1000).await.unwrap();
    /// assert_eq!(body, r#"{"export":{"half":4},"input":{"n":8},"output":{}}"#);
    /// # }
    /// ```
    #[must_use]
    pub const fn test_mode(mut self, is_on: bool) -> Self {
        self.settings.test_mode = is_on;
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
