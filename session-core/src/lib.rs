//! Server-driven reactive sessions, whatever carries them.

pub mod exchange;
pub mod link;
