//! Closures that wait for an event rather than for whatever they read.

use std::cell::Cell;

use crate::{Calc, Cx, Effect, EffectOptions, Interrupt, ReadValue, Value};

/// What can be waited for: a value, a calc, or several of them in a tuple, of which any one is enough (D6).
pub trait EventSource<E: 'static> {
    /// What the event carries.
    type Item;

    /// Reads the source, which becomes a dependency.
    ///
    /// # Errors
    /// Those of the read. A silent stop means that the event has not happened yet (D11).
    fn read(&self, cx: &Cx<'_, E>) -> Result<Event<Self::Item>, Interrupt>;
}

/// What was read from an [`EventSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<T> {
    /// What it carries.
    pub item: T,
    /// Whether it says that nothing has happened yet: of several sources, all (D5).
    pub is_none: bool,
}

/// What an event can carry.
pub trait EventDatum {
    /// Whether it says that nothing has happened yet. Zero does not (D7).
    fn is_none(&self) -> bool {
        false
    }
}

/// When an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventOptions {
    /// Skip while there is none (D5); otherwise run for that too (D8).
    pub ignore_none: bool,
    /// Skip the first one (D9). A source that is not set yet does not use this up (D10).
    pub ignore_init: bool,
    /// The priority of the effect.
    pub priority: i32,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self { ignore_none: true, ignore_init: false, priority: 0 }
    }
}

impl<'g, E: 'static> Cx<'g, E> {
    /// Makes an effect that runs when `source` changes, and for nothing else (D4): the handler takes no dependencies.
    ///
    /// An event needs a source (D14), which is something to read, not to await (D15):
    /// ```compile_fail,E0277
    /// # // spec: D14
    /// let graph = reactive::Graph::new(());
    /// graph.cx().on_event((), |_cx, _item| Ok(()));
    /// ```
    /// ```compile_fail,E0277
    /// # // spec: D14
    /// # let graph = reactive::Graph::new(());
    /// graph.cx().on_event("a button", |_cx, _item| Ok(()));
    /// ```
    /// ```compile_fail,E0277
    /// # // spec: D15
    /// # let graph = reactive::Graph::new(());
    /// graph.cx().on_event(async { 1 }, |_cx, _item| Ok(()));
    /// ```
    #[track_caller]
    pub fn on_event<S, F>(&self, source: S, handler: F) -> Effect
    where
        S: EventSource<E> + Send + 'static,
        F: FnMut(&Cx<'_, E>, S::Item) -> Result<(), Interrupt> + Send + 'static,
    {
        self.on_event_with(EventOptions::default(), source, handler)
    }

    /// Like [`on_event`](Self::on_event), with options.
    #[track_caller]
    pub fn on_event_with<S, F>(&self, options: EventOptions, source: S, mut handler: F) -> Effect
    where
        S: EventSource<E> + Send + 'static,
        F: FnMut(&Cx<'_, E>, S::Item) -> Result<(), Interrupt> + Send + 'static,
    {
        let gate = Gate::new(options);
        let effect = EffectOptions { priority: options.priority, suspended: false };
        self.effect_with(effect, move |cx| {
            let item = gate.pass(&source, cx)?;
            handler(&cx.isolate(), item)
        })
    }

    /// Makes a calc that is computed when `source` changes, and for nothing else (D12). Before that, and when the event
    /// is skipped, its readers stop silently (D13).
    #[track_caller]
    pub fn calc_on_event<S, T, F>(&self, source: S, handler: F) -> Calc<T>
    where
        S: EventSource<E> + Send + 'static,
        T: Send + 'static,
        F: Fn(&Cx<'_, E>, S::Item) -> Result<T, Interrupt> + Send + 'static,
    {
        self.calc_on_event_with(EventOptions::default(), source, handler)
    }

    /// Like [`calc_on_event`](Self::calc_on_event), with options; the priority means nothing to a calc.
    #[track_caller]
    pub fn calc_on_event_with<S, T, F>(
        &self,
        options: EventOptions,
        source: S,
        handler: F,
    ) -> Calc<T>
    where
        S: EventSource<E> + Send + 'static,
        T: Send + 'static,
        F: Fn(&Cx<'_, E>, S::Item) -> Result<T, Interrupt> + Send + 'static,
    {
        let gate = Gate::new(options);
        self.calc(move |cx| {
            let item = gate.pass(&source, cx)?;
            handler(&cx.isolate(), item)
        })
    }
}

struct Gate {
    options: EventOptions,
    initialised: Cell<bool>,
}

impl Gate {
    fn new(options: EventOptions) -> Self {
        Self { options, initialised: Cell::new(false) }
    }

    /// The item of an event that counts.
    fn pass<E: 'static, S: EventSource<E>>(
        &self,
        source: &S,
        cx: &Cx<'_, E>,
    ) -> Result<S::Item, Interrupt> {
        let event = source.read(cx)?;
        let is_init = !self.initialised.replace(true);
        let is_skipped =
            (is_init && self.options.ignore_init) || (self.options.ignore_none && event.is_none);
        if is_skipped { Err(Interrupt::Silent) } else { Ok(event.item) }
    }
}

macro_rules! source_of_its_datum {
    ($($name:ident)*) => {$(
        impl<E: 'static, T: EventDatum + Clone + Send + 'static> EventSource<E> for $name<T> {
            type Item = T;

            fn read(&self, cx: &Cx<'_, E>) -> Result<Event<T>, Interrupt> {
                let item = self.get(cx)?;
                let is_none = item.is_none();
                Ok(Event { item, is_none })
            }
        }
    )*};
}
source_of_its_datum!(Value ReadValue Calc);

macro_rules! sources {
    ($($name:ident $at:tt)*) => {
        impl<E: 'static, $($name: EventSource<E>),*> EventSource<E> for ($($name,)*) {
            type Item = ($($name::Item,)*);

            fn read(&self, cx: &Cx<'_, E>) -> Result<Event<Self::Item>, Interrupt> {
                let events = ($(self.$at.read(cx)?,)*);
                let is_none = $(events.$at.is_none)&&*;
                Ok(Event { item: ($(events.$at.item,)*), is_none })
            }
        }

        impl<$($name: EventDatum),*> EventDatum for ($($name,)*) {
            fn is_none(&self) -> bool {
                $(self.$at.is_none())&&*
            }
        }
    };
}
sources!(A 0);
sources!(A 0 B 1);
sources!(A 0 B 1 C 2);
sources!(A 0 B 1 C 2 D 3);

macro_rules! always_an_event {
    ($($datum:ty)*) => {$(
        impl EventDatum for $datum {}
    )*};
}
always_an_event!(() bool char String &'static str);
always_an_event!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

impl<T> EventDatum for Vec<T> {}

impl<T> EventDatum for Option<T> {
    fn is_none(&self) -> bool {
        self.is_none()
    }
}
