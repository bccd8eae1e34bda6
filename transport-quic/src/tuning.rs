use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

use crate::config::Config;

/// What a connection is told about its windows and its patience. Quinn's own defaults leave a connection without a
/// bound, and allow datagrams and one-way streams, which nothing here reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// Streams the peer may have open.
    pub(crate) max_streams: u32,
    /// One-way streams the peer may have open. Only HTTP/3 has a use for them, but what is allowed is said before it is
    /// known who speaks it, and browsers insist on three.
    pub(crate) max_uni_streams: u32,
    /// Bytes of datagrams that may lie unread, the newest of them; `None` refuses all.
    pub(crate) datagrams: Option<usize>,
    /// Bytes of one stream the peer may send before they are read.
    pub(crate) stream_window: u32,
    /// Bytes of all streams the peer may send before they are read.
    pub(crate) connection_window: u32,
    /// Bytes under way to the peer.
    pub(crate) send_window: u32,
    pub(crate) idle_timeout: Duration,
    pub(crate) keep_alive: Option<Duration>,
}

impl Tuning {
    pub(crate) fn transport(self) -> TransportConfig {
        let idle = u32::try_from(self.idle_timeout.as_millis()).unwrap_or(u32::MAX);
        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_bidi_streams(self.max_streams.into())
            .max_concurrent_uni_streams(self.max_uni_streams.into())
            .datagram_receive_buffer_size(self.datagrams)
            .datagram_send_buffer_size(0)
            .stream_receive_window(self.stream_window.into())
            .receive_window(self.connection_window.into())
            .send_window(self.send_window.into())
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle))))
            .keep_alive_interval(self.keep_alive);
        transport
    }
}

impl From<&Config> for Tuning {
    fn from(config: &Config) -> Self {
        Self {
            max_streams: config.max_streams_per_connection,
            #[cfg(feature = "webtransport")]
            max_uni_streams: crate::webtransport::MAX_UNI_STREAMS,
            #[cfg(not(feature = "webtransport"))]
            max_uni_streams: 0,
            #[cfg(feature = "webtransport")]
            datagrams: Some(crate::webtransport::DATAGRAMS),
            #[cfg(not(feature = "webtransport"))]
            datagrams: None,
            stream_window: config.stream_window,
            connection_window: config.connection_window,
            send_window: config.send_window,
            idle_timeout: config.idle_timeout,
            keep_alive: Some(config.keep_alive_interval),
        }
    }
}
