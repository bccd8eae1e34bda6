//! What app code registered under a name, to be called by it.

use std::fmt;

use crate::name::{Names, Namespace};

/// A function, and the scope that registered it.
pub(crate) struct Registered<F> {
    owner: Namespace,
    /// Out while it runs.
    function: Option<F>,
}

impl<F> Registered<F> {
    pub(crate) fn new(owner: &Namespace, function: F) -> Self {
        Self { owner: owner.clone(), function: Some(function) }
    }

    /// The function, unless it runs.
    pub(crate) const fn function(&self) -> Option<&F> {
        self.function.as_ref()
    }
}

impl<F> Names<Registered<F>> {
    /// Who registered each.
    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> impl Iterator<Item = &Namespace> {
        self.iter().map(|(_, registered)| &registered.owner)
    }

    /// Takes a function out, for its call: nothing is borrowed while app code runs.
    pub(crate) fn lend(&mut self, name: &str) -> Option<(Namespace, F)> {
        let registered = self.get_mut(name)?;
        Some((registered.owner.clone(), registered.function.take()?))
    }

    /// Puts a function back where it was. It comes back itself, to be dropped once the borrow has ended, when it was
    /// removed meanwhile or another one took its place.
    #[must_use]
    pub(crate) fn give_back(&mut self, name: &str, function: F) -> Option<F> {
        match self.get_mut(name) {
            Some(registered) if registered.function.is_none() => {
                registered.function = Some(function);
                None
            }
            _ => Some(function),
        }
    }
}

impl<F> fmt::Debug for Registered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("owner", &self.owner).finish_non_exhaustive()
    }
}
