//! What identifies an object of a graph: a place in an arena and the generation of that place.

/// No index at all: the end of a list, or a key that never named anything.
pub(crate) const NONE: u32 = u32::MAX;

/// Names one tenant of a slot; once the slot's generation has moved on, it names nothing for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Key {
    /// The key of what was made in a scope that is no more: stale from the start.
    pub(crate) const STALE: Self = Self { index: NONE, generation: 0 };
}

/// Gives a public key type (fields `key` and `made_at`) the traits of an identity.
/// They are written out because a derive would ask the same of the datum's type.
macro_rules! identity {
    ($name:ident $(<$t:ident>)?) => {
        impl $(<$t>)? Clone for $name $(<$t>)? {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl $(<$t>)? Copy for $name $(<$t>)? {}
        impl $(<$t>)? PartialEq for $name $(<$t>)? {
            fn eq(&self, other: &Self) -> bool {
                self.key == other.key
            }
        }
        impl $(<$t>)? Eq for $name $(<$t>)? {}
        impl $(<$t>)? std::hash::Hash for $name $(<$t>)? {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.key.hash(state);
            }
        }
        impl $(<$t>)? std::fmt::Debug for $name $(<$t>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(
                    f,
                    concat!(stringify!($name), "({}v{}, made at {})"),
                    self.key.index, self.key.generation, self.made_at
                )
            }
        }
    };
}
pub(crate) use identity;
