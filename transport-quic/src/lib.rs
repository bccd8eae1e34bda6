//! Sessions over QUIC. Reserved: this crate has no transport yet and exports nothing.
