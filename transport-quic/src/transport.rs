use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use session_core::config::{BindFailure, Transport};

use crate::config::Config;
use crate::listener::{BindError, QuicListener, bind_with};

/// QUIC for programs whose transports a file chooses: `kind = "quic"`.
///
/// The table's other keys are the fields of [`Config`].
///
/// ```
/// use session_core::config::{Config, Transports};
///
/// # async fn run() -> Result<(), session_core::config::ConfigError> {
/// let transports = Transports::new().with(transport_quic::Quic::new());
/// let config = Config::from_toml("[[transport]]\nkind = \"quic\"\nlisten = \"127.0.0.1:0\"")?;
/// let listener = transports.bind(&config).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Quic {
    on_bound: Option<Arc<Told>>,
}

impl Quic {
    /// With nothing but what the file says.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls a function with each listener, once it is bound: for a program that tells others where it is, and by
    /// which certificate it is known.
    #[must_use]
    pub fn on_bound(mut self, told: impl Fn(&QuicListener) + Send + Sync + 'static) -> Self {
        self.on_bound = Some(Arc::new(told));
        self
    }
}

impl fmt::Debug for Quic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Quic")
    }
}

/// What is called with a listener.
type Told = dyn Fn(&QuicListener) + Send + Sync;

#[async_trait]
impl Transport for Quic {
    const KIND: &'static str = "quic";
    type Config = Config;
    type Listener = QuicListener;

    async fn bind(&self, config: Config) -> Result<QuicListener, BindFailure> {
        let listener = bind_with(config).await.map_err(|error| match error {
            BindError::Config(error) => BindFailure::of_key(error.key, error.problem),
            BindError::Certificate(error) => BindFailure::of_key(error.key, error.problem),
            BindError::Tls(_) => error.into(),
            error => BindFailure::of_key("listen", error),
        })?;
        if let Some(told) = &self.on_bound {
            told(&listener);
        }
        Ok(listener)
    }
}
