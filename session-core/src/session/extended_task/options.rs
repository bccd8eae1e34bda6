//! How an extended task works, and where it stands.

/// Where an [`ExtendedTask`](crate::ExtendedTask) stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// It was never called (F1).
    Initial,
    /// A call is at work, or is being cancelled (F8).
    Running,
    /// The latest call gave a value.
    Success,
    /// The latest call failed, or stopped silently (F18).
    Error,
    /// The latest call was cancelled, and its future is dropped (F7).
    Cancelled,
}

/// What becomes of a call at work when the scope of its task is destroyed, or the session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenGone {
    /// Its future is dropped where it waits.
    #[default]
    Drop,
    /// It runs to its end, in a task of its own of the runtime; what it gives is dropped without an error. A server that
    /// stops waits for it as long as [`Server::drain`](crate::Server::drain) says. Calls that wait in the queue are
    /// dropped all the same: they have not begun.
    RunToEnd,
}

/// How an [`ExtendedTask`](crate::ExtendedTask) works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtendedTaskOptions {
    /// What becomes of a call at work when its scope goes.
    pub when_gone: WhenGone,
    /// Calls that may wait for those before them; one more is [`QueueFull`]. 1,024 by default: a client's clicks end in
    /// this queue, and it must not grow with them for ever.
    pub queue: usize,
}

impl Default for ExtendedTaskOptions {
    fn default() -> Self {
        Self { when_gone: WhenGone::Drop, queue: 1024 }
    }
}

impl ExtendedTaskOptions {
    /// With another answer to the end of its scope.
    #[must_use]
    pub const fn when_gone(mut self, then: WhenGone) -> Self {
        self.when_gone = then;
        self
    }

    /// With room for `calls` that wait.
    #[must_use]
    pub const fn queue(mut self, calls: usize) -> Self {
        self.queue = calls;
        self
    }
}

/// An [`ExtendedTask`](crate::ExtendedTask) has as many calls waiting as [`ExtendedTaskOptions::queue`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} calls of the extended task are waiting already")]
#[non_exhaustive]
pub struct QueueFull {
    /// How many may wait.
    pub limit: usize,
}
