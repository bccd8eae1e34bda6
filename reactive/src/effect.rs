//! What acts on changes.

use std::panic::Location;

use crate::graph::arena::flag;
use crate::graph::{Body, Hook};
use crate::key::{Key, identity};
use crate::{Cx, Interrupt};

/// A closure that runs once, and again after something it has read changes, when [`Graph::run_next`] gives it its turn.
/// A key: `Copy`, and reached through a [`Cx`]. On a destroyed effect every method is a no-op.
///
/// [`Graph::run_next`]: crate::Graph::run_next
pub struct Effect {
    pub(crate) key: Key,
    pub(crate) made_at: &'static Location<'static>,
}
identity!(Effect);

/// How an effect begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectOptions {
    /// Effects of higher priority run first (C2, E1).
    pub priority: i32,
    /// Whether it waits for [`Effect::resume`] (C10).
    pub suspended: bool,
}

pub(crate) struct EffectBody<F>(pub(crate) F);

impl<E: 'static, F> Body<E> for EffectBody<F>
where
    F: FnMut(&Cx<'_, E>) -> Result<(), Interrupt> + Send,
{
    fn run(&mut self, cx: &Cx<'_, E>) -> Result<(), Interrupt> {
        (self.0)(cx)
    }
}

impl Effect {
    /// Keeps it from running. If its turn comes meanwhile, it stays pending.
    pub fn suspend<E: 'static>(self, cx: &Cx<'_, E>) {
        let mut store = cx.graph.store.borrow_mut();
        if let Some(node) = store.node(self.key) {
            node.flags |= flag::SUSPENDED;
        }
    }

    /// Lets it run again. If something changed for it meanwhile, it is queued, with the priority it has now (C8, C11);
    /// otherwise nothing happens (C13).
    pub fn resume<E: 'static>(self, cx: &Cx<'_, E>) {
        let mut store = cx.graph.store.borrow_mut();
        if let Some(node) = store.node(self.key) {
            node.flags &= !flag::SUSPENDED;
            if node.state() != flag::CLEAN {
                store.queue_effect(self.key.index);
            }
        }
    }

    /// Changes its priority from the next time it is queued (C7).
    pub fn set_priority<E: 'static>(self, cx: &Cx<'_, E>, priority: i32) {
        let mut store = cx.graph.store.borrow_mut();
        if let Some(node) = store.node(self.key) {
            node.set_priority(priority);
        }
    }

    /// Calls back whenever something it has read changes, from the next time on (C14), once each time (C15), also while
    /// it is suspended (C11), and once when it is destroyed with nothing pending (C16). The callback takes no
    /// dependencies. If it fails, [`Graph::run_next`](crate::Graph::run_next) says so.
    pub fn on_invalidate<E: 'static, F>(self, cx: &Cx<'_, E>, callback: F)
    where
        F: FnMut(&Cx<'_, E>) -> Result<(), Interrupt> + Send + 'static,
    {
        let callback = Hook { is_once: false, call: Box::new(callback) };
        let mut store = cx.graph.store.borrow_mut();
        if let Some(node) = store.node(self.key) {
            node.flags |= flag::HOOKED;
            store.hooks.entry(self.key.index).or_default().push(callback);
        } else {
            drop(store);
            drop(callback);
        }
    }

    /// Frees it: it does not run any more, even if it is queued (C17). If it is running, that run goes on to its end
    /// (C19). A second time nothing happens (C16).
    pub fn destroy<E: 'static>(self, cx: &Cx<'_, E>) {
        cx.graph.destroy_node(self.key);
    }

    /// Whether it was not destroyed.
    pub fn is_alive<E: 'static>(self, cx: &Cx<'_, E>) -> bool {
        cx.graph.store.borrow_mut().node(self.key).is_some()
    }

    /// Where it was made.
    pub fn made_at(self) -> &'static Location<'static> {
        self.made_at
    }
}
