//! The session as app code sees it.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use reactive::{
    Calc, Cx, Effect, EffectOptions, EventOptions, EventSource, Failure, Interrupt, Value,
};

use crate::Result;
use crate::app::OnEffectError;
use crate::catch::is_panic;
use crate::handle::SessionHandle;
use crate::link::{CloseCode, CloseReason, PeerInfo};
use crate::name::{Id, InvalidId, Namespace};
use crate::session::notify::Notify;
use crate::session::state::State;

mod async_calc;
pub(crate) mod callbacks;
pub(crate) mod client_data;
mod destroy;
pub(crate) mod downloads;
mod events;
pub(crate) mod exchanges;
pub(crate) mod extended_task;
pub(crate) mod file_reader;
pub(crate) mod handlers;
pub(crate) mod inputs;
pub(crate) mod machine;
pub(crate) mod messages;
pub(crate) mod notify;
pub(crate) mod outbox;
pub(crate) mod outputs;
pub mod page;
pub(crate) mod poll;
pub(crate) mod reconnect;
mod registered;
pub(crate) mod render;
pub(crate) mod routes;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod tasks;
pub(crate) mod timers;
pub(crate) mod uploads;

/// One scope of one running session: the root, or a module; or a stub that stands for one.
///
/// Every closure that an app registers gets the view of the scope that registered it. It is also the
/// reactive context: reading a [`Value`], a [`Calc`] or an input takes it, and inside an effect, calc or
/// output a read takes a dependency.
///
/// There is no current session to be found in the background: whoever needs one is given it (H13).
///
/// ```
/// fn leave(s: &session_core::Session<'_>) {
///     s.close();
/// }
/// ```
/// ```compile_fail,E0061
/// # // spec: H13
/// fn leave() {
///     session_core::Session::close();
/// }
/// ```
pub struct Session<'a> {
    cx: Cx<'a, State>,
    namespace: Namespace,
    /// The whole id of the output whose closure this view was made for.
    output: Option<&'a str>,
}

impl<'a> Session<'a> {
    pub(crate) const fn new(cx: Cx<'a, State>, namespace: Namespace) -> Self {
        Self { cx, namespace, output: None }
    }

    /// The same view, for the closure of an output.
    fn for_output<'b>(&'b self, id: &'b str) -> Session<'b> {
        Session { cx: self.cx, namespace: self.namespace.clone(), output: Some(id) }
    }

    /// The output whose closure this view was made for.
    const fn rendering(&self) -> Option<&'a str> {
        self.output
    }

    pub(crate) fn state(&self) -> &'a State {
        self.cx.env()
    }

    pub(crate) const fn cx(&self) -> &Cx<'a, State> {
        &self.cx
    }

    /// The root's context, which takes dependencies for whatever runs now.
    pub(crate) fn root_cx(&self) -> Cx<'a, State> {
        let root = self.cx.graph().cx().scope();
        self.cx.in_scope(root).unwrap_or(self.cx)
    }

    /// The same session seen from another scope, taking no dependencies. Looking from a scope does not make it.
    pub(crate) fn at(&self, namespace: &Namespace) -> Self {
        let root = self.cx.graph().cx();
        let scope = self.state().modules.borrow().get(namespace.as_str()).copied();
        let cx = scope.and_then(|scope| root.in_scope(scope).ok()).unwrap_or(root);
        Self::new(cx, namespace.clone())
    }

    /// The reactive scope of a namespace, made if there is none.
    fn scope_of(&self, namespace: &Namespace) -> reactive::Scope {
        let root = self.cx.graph().cx();
        let Some(parent) = namespace.parent() else { return root.scope() };
        let known = self.state().modules.borrow().get(namespace.as_str()).copied();
        known.filter(|scope| scope.is_alive(&root)).unwrap_or_else(|| {
            let parent = self.scope_of(&parent);
            let scope = root.in_scope(parent).unwrap_or(root).child_scope();
            self.state().modules.borrow_mut().insert(namespace.as_str(), scope);
            scope
        })
    }

    /// This scope's context for what is about to be made. A view names a scope: what is made through it after
    /// the scope was destroyed belongs to the scope that comes next (I3, I30).
    fn live_cx(&self) -> Cx<'a, State> {
        let scope = self.cx.scope();
        // Without a scope of its own, a view stands on the root's.
        let stands = self.namespace.is_root() || scope != self.cx.graph().cx().scope();
        if stands && scope.is_alive(&self.cx) {
            return self.cx;
        }
        self.cx.in_scope(self.scope_of(&self.namespace)).unwrap_or(self.cx)
    }

    /// The secret that names the session: 64 hexadecimal digits, or `stub`.
    #[must_use]
    pub fn id(&self) -> &'a str {
        &self.state().id
    }

    /// Whether this is a stub: everything can be called, nothing reaches a client (L1).
    #[must_use]
    pub fn is_stub_session(&self) -> bool {
        self.state().stub
    }

    /// Where this scope stands.
    #[must_use]
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The whole id of `id` in this scope, as on the wire and in the page.
    ///
    /// # Errors
    ///
    /// [`InvalidId`].
    pub fn ns(&self, id: impl Id) -> Result<String, InvalidId> {
        id.resolve(&self.namespace)
    }

    /// Who is at the other end of the link: its address and the head of the request that opened the link, as far as the
    /// transport has them, and the [`Identity`](crate::Identity) it was let in with. The same in every scope.
    #[must_use]
    pub fn peer(&self) -> &'a PeerInfo {
        &self.state().peer
    }

    /// The user whose session this is, as a trusted proxy or [`Server::authenticate`](crate::Server::authenticate) found;
    /// `None` for nobody in particular. The same in every scope (G32).
    #[must_use]
    pub fn user(&self) -> Option<&'a str> {
        self.peer().identity().user()
    }

    /// The groups that the [`user`](Self::user) is in.
    #[must_use]
    pub fn groups(&self) -> &'a [String] {
        self.peer().identity().groups()
    }

    /// A handle for work outside the session: `Send + Sync`, for other tasks and threads.
    #[must_use]
    pub fn handle(&self) -> SessionHandle {
        SessionHandle::new(self.state().commands.clone(), self.namespace.clone())
    }

    /// The scope `id` within this one. The same id gives the same scope (H2) until it is destroyed.
    ///
    /// # Errors
    ///
    /// [`InvalidId`].
    pub fn module(&self, id: impl Id) -> Result<Self> {
        let namespace = id.resolve_module(&self.namespace)?;
        let scope = self.scope_of(&namespace);
        Ok(Self { cx: self.cx.in_scope(scope)?, namespace, output: self.output })
    }

    /// The root of the session (H3).
    #[must_use]
    pub fn root(&self) -> Self {
        Self { cx: self.root_cx(), namespace: Namespace::ROOT, output: self.output }
    }

    /// The same scope, taking no dependencies (D1).
    #[must_use]
    pub fn isolate(&self) -> Self {
        Self { cx: self.cx.isolate(), namespace: self.namespace.clone(), output: self.output }
    }

    /// A value that this scope owns.
    #[track_caller]
    pub fn value<T: Send + 'static>(&self, datum: T) -> Value<T> {
        self.live_cx().value(datum)
    }

    /// A value that this scope owns, with nothing in it yet.
    #[track_caller]
    pub fn value_unset<T: Send + 'static>(&self) -> Value<T> {
        self.live_cx().value_unset()
    }

    /// A cached computation: runs when it is read and something it read has changed (group B).
    #[track_caller]
    pub fn calc<T, F>(&self, f: F) -> Calc<T>
    where
        T: Send + 'static,
        F: Fn(&Session<'_>) -> Result<T> + Send + 'static,
    {
        let namespace = self.namespace.clone();
        self.live_cx().calc(move |cx| f(&Session::new(*cx, namespace.clone())))
    }

    /// As [`calc`](Self::calc); its readers run again only if its value really changed (decision 8).
    #[track_caller]
    pub fn calc_distinct<T, F>(&self, f: F) -> Calc<T>
    where
        T: PartialEq + Send + 'static,
        F: Fn(&Session<'_>) -> Result<T> + Send + 'static,
    {
        let namespace = self.namespace.clone();
        self.live_cx().calc_distinct(move |cx| f(&Session::new(*cx, namespace.clone())))
    }

    /// Runs `f` in the next flush, and again in every flush before which something it read has changed
    /// (group C).
    ///
    /// A failure ends the session with 1011, unless the app chose to log it (decision 11).
    #[track_caller]
    pub fn effect<F>(&self, f: F) -> Effect
    where
        F: FnMut(&Session<'_>) -> Result<()> + Send + 'static,
    {
        self.effect_with(EffectOptions::default(), f)
    }

    /// As [`effect`](Self::effect), with options.
    #[track_caller]
    pub fn effect_with<F>(&self, options: EffectOptions, mut f: F) -> Effect
    where
        F: FnMut(&Session<'_>) -> Result<()> + Send + 'static,
    {
        let namespace = self.namespace.clone();
        self.live_cx().effect_with(options, move |cx| f(&Session::new(*cx, namespace.clone())))
    }

    /// As [`effect`](Self::effect), in two steps (decision 5): `f` reads what it depends on and returns a future, which
    /// is driven beside everything else the session does. It is dropped when a dependency changes, and with the effect.
    ///
    /// A failure of either step ends the session with 1011, unless the app chose to log it.
    #[track_caller]
    pub fn effect_async<F, Fut>(&self, mut f: F) -> Effect
    where
        F: FnMut(&Session<'_>) -> Result<Fut> + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let this = Arc::new(OnceLock::new());
        let of_run = Arc::clone(&this);
        let effect = self.effect(move |s| {
            let future = f(s)?;
            let of_run = Arc::clone(&of_run);
            s.await_while_valid(future, move |s, outcome| {
                if let Some(effect) = of_run.get() {
                    s.judge_effect(*effect, &outcome);
                }
            });
            Ok(())
        });
        // It runs in a flush, and so after this.
        *this.get_or_init(|| effect)
    }

    /// What follows from how an effect ended (decisions 11 and 12).
    pub(crate) fn judge_effect(&self, effect: Effect, outcome: &Result<()>) {
        let made_at = effect.made_at();
        match outcome {
            Ok(()) | Err(Interrupt::Silent | Interrupt::InProgress | Interrupt::Cancel) => {}
            Err(Interrupt::Destroyed(destroyed)) => {
                tracing::warn!(%made_at, %destroyed, "an effect stops: what it reads is no more");
                effect.destroy(&self.cx);
            }
            Err(Interrupt::Failed(failure)) => {
                tracing::error!(%made_at, %failure, "an effect failed");
                if let Some(notify) = failure.downcast_ref::<Notify>() {
                    self.show_notify(notify);
                    if notify.closes() {
                        self.state().fail();
                    }
                    return;
                }
                if is_panic(failure) || self.state().settings.on_effect_error == OnEffectError::End
                {
                    self.state().fail();
                }
            }
        }
    }

    /// Runs `f` with what `source` gives whenever the source changes, and for nothing else that `f` reads;
    /// not while the source is unset, `null`, or a button never clicked (D4 to D7).
    #[track_caller]
    pub fn on_event<S, F>(&self, source: S, f: F) -> Effect
    where
        S: EventSource<State> + Send + 'static,
        F: FnMut(&Session<'_>, S::Item) -> Result<()> + Send + 'static,
    {
        self.on_event_with(source, EventOptions::default(), f)
    }

    /// As [`on_event`](Self::on_event), with options.
    #[track_caller]
    pub fn on_event_with<S, F>(&self, source: S, options: EventOptions, mut f: F) -> Effect
    where
        S: EventSource<State> + Send + 'static,
        F: FnMut(&Session<'_>, S::Item) -> Result<()> + Send + 'static,
    {
        let namespace = self.namespace.clone();
        self.live_cx().on_event_with(options, source, move |cx, item| {
            f(&Session::new(*cx, namespace.clone()), item)
        })
    }

    /// Ends the session with 1001, as the reference does by default: once the closure that runs now is
    /// through, `on_ended` callbacks run, then everything is destroyed (decision 16). Nothing that is sent
    /// from now on reaches the client (G23).
    pub fn close(&self) {
        self.close_with(CloseCode::GOING_AWAY);
    }

    /// As [`close`](Self::close), with another code, and a text if you like. The first reason stands.
    pub fn close_with(&self, reason: impl Into<CloseReason>) {
        if !self.is_stub_session() {
            self.state().end_with(reason.into());
            self.state().mute();
        }
    }

    /// The key under which something called `name` is registered; `None` in a stub.
    fn registered_name(&self, name: &str) -> Result<Option<String>, InvalidId> {
        if self.namespace.is_root() {
            return Ok((!self.is_stub_session()).then(|| name.to_owned()));
        }
        let key = name.resolve(&self.namespace)?;
        Ok((!self.is_stub_session()).then_some(key))
    }

    /// What the client may read of a failure, which is logged whole (decision 31).
    fn failure_text(&self, interrupt: &Interrupt, what: &str, name: &str) -> String {
        let settings = &self.state().settings;
        let safe = interrupt.failure().is_some_and(Failure::is_safe);
        tracing::warn!(%interrupt, what, name, "app code failed");
        if safe || !settings.sanitize_errors { interrupt.to_string() } else { GENERIC.to_owned() }
    }
}

/// What a client reads of a failure that is not marked safe; Shiny's own words, which its users search for.
const GENERIC: &str =
    "An error has occurred. Check your logs or contact the app author for clarification.";

/// A session is a reactive context.
impl<'a> Deref for Session<'a> {
    type Target = Cx<'a, State>;

    fn deref(&self) -> &Cx<'a, State> {
        &self.cx
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("namespace", &self.namespace)
            .field("stub", &self.is_stub_session())
            .finish_non_exhaustive()
    }
}
