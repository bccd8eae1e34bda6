//! Why a read gave no value.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Why a closure stops without a value. It travels up by `?`, through calcs, to the effect that began the run.
///
/// Any error turns into [`Interrupt::Failed`] by `?`. (For that reason this type is not itself an
/// [`Error`]; a failure kept in it is reached through [`Failure`].)
#[derive(Clone, Debug)]
pub enum Interrupt {
    /// The object, or its scope, is no more.
    Destroyed(Destroyed),
    /// There is nothing yet, and nothing to complain of: a value not set, a requirement not met.
    Silent,
    /// Leave the output as it is.
    Cancel,
    /// The result is being made; what was there before stays.
    InProgress,
    /// An error of the app: cached by the calc that raised it and cheap to clone.
    Failed(Failure),
}

impl Interrupt {
    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Whether it is the quiet kind, [`Silent`](Self::Silent) or its special case
    /// [`InProgress`](Self::InProgress) (D17).
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Silent | Self::InProgress)
    }

    /// The same kind of stop with nothing in it that could differ: two of these are no news to a reader.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Silent, Self::Silent)
            | (Self::Cancel, Self::Cancel)
            | (Self::InProgress, Self::InProgress) => true,
            (Self::Destroyed(a), Self::Destroyed(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destroyed(destroyed) => destroyed.fmt(f),
            Self::Silent => f.write_str("nothing to show yet"),
            Self::Cancel => f.write_str("cancelled"),
            Self::InProgress => f.write_str("in progress"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl<X: Error + Send + Sync + 'static> From<X> for Interrupt {
    fn from(error: X) -> Self {
        Self::Failed(Failure::new(error))
    }
}

impl From<Failure> for Interrupt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Destroyed> for Interrupt {
    fn from(destroyed: Destroyed) -> Self {
        Self::Destroyed(destroyed)
    }
}

/// An error of the app. A clone shares the error; the text of [`Display`](fmt::Display) is the error's own.
#[derive(Clone)]
pub struct Failure(Arc<Cause>);

enum Cause {
    Error(Box<dyn Error + Send + Sync>),
    Text(Box<str>),
    Panic(Box<str>),
}

impl Failure {
    /// Keeps an error.
    pub fn new<X: Error + Send + Sync + 'static>(error: X) -> Self {
        Self(Arc::new(Cause::Error(Box::new(error))))
    }

    /// Keeps a text that is no more than that.
    pub fn msg(text: impl Into<String>) -> Self {
        Self(Arc::new(Cause::Text(text.into().into_boxed_str())))
    }

    pub(crate) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a text");
        Self(Arc::new(Cause::Panic(text.into())))
    }

    /// Whether the closure panicked; the text is then the panic's.
    pub fn is_panic(&self) -> bool {
        matches!(*self.0, Cause::Panic(_))
    }

    /// The panic's text, if the closure panicked.
    pub fn panic_text(&self) -> Option<&str> {
        match &*self.0 {
            Cause::Panic(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the text may be shown to a client as it is: the error was made by [`safe`].
    pub fn is_safe(&self) -> bool {
        self.downcast_ref::<Safe>().is_some()
    }

    /// The kept error's own cause.
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error()?.source()
    }

    /// The kept error as its own type.
    pub fn downcast_ref<X: Error + 'static>(&self) -> Option<&X> {
        self.error()?.downcast_ref()
    }

    fn error(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            Cause::Error(error) => Some(&**error),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Cause::Error(error) => error.fmt(f),
            Cause::Text(text) | Cause::Panic(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Cause::Error(error) => f.debug_tuple("Failure").field(error).finish(),
            Cause::Text(text) => f.debug_tuple("Failure").field(text).finish(),
            Cause::Panic(text) => f.debug_struct("Failure").field("panic", text).finish(),
        }
    }
}

/// An error whose text may be shown to a client unsanitised.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Safe(Box<str>);

/// Makes an error whose text may be shown to a client as it is: `return Err(safe("no such table").into())`.
pub fn safe(text: impl Into<String>) -> Safe {
    Safe(text.into().into_boxed_str())
}

/// A read found its own object taken: it happened inside that object's own `with` or `update`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the object is in use by its own `with` or `update`")]
#[non_exhaustive]
pub struct InUse;

/// Calcs read one another deeper than the graph allows, most likely without an end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("calcs read one another more than {limit} deep")]
#[non_exhaustive]
pub struct TooDeep {
    /// The greatest depth the graph allows.
    pub limit: usize,
}

/// What an object of a graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A [`Value`](crate::Value).
    Value,
    /// A [`Calc`](crate::Calc).
    Calc,
    /// An [`Effect`](crate::Effect).
    Effect,
    /// A [`Scope`](crate::Scope).
    Scope,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "value",
            Self::Calc => "calc",
            Self::Effect => "effect",
            Self::Scope => "scope",
        })
    }
}

/// The object was destroyed, or was made in a scope that already was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destroyed {
    made_at: &'static Location<'static>,
    kind: Kind,
}

impl Destroyed {
    pub(crate) fn new(kind: Kind, made_at: &'static Location<'static>) -> Self {
        Self { made_at, kind }
    }

    /// What it was.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it was made.
    pub fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }
}

impl fmt::Display for Destroyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} made at {} was destroyed", self.kind, self.made_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_is_two_words() {
        assert!(size_of::<Interrupt>() <= 16);
        assert!(size_of::<Result<u64, Interrupt>>() <= 24);
    }

    #[test]
    fn only_an_error_made_by_safe_is_safe() {
        assert!(Failure::new(safe("no such table")).is_safe());
        assert!(!Failure::msg("no such table").is_safe());
        assert!(!Failure::new(std::io::Error::other("disk")).is_safe());
        assert_eq!(Failure::new(safe("no such table")).to_string(), "no such table");
    }
}
