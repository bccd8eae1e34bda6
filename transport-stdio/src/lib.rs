//! Sessions over stdio. Reserved: this crate has no transport yet and exports nothing.
