//! Sessions over WebSocket and HTTP.
