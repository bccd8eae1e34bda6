//! A synchronous reactive graph.
