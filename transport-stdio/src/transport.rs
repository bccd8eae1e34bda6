use async_trait::async_trait;
use session_core::config::{BindFailure, Transport};

use crate::config::Config;
use crate::error::BindError;
use crate::listener::{StdioListener, bind_with};

/// Stdin and stdout for programs whose transports a file chooses: `kind = "stdio"`.
///
/// The table's other keys are the fields of [`Config`].
///
/// ```
/// use session_core::config::{Config, Transports};
///
/// # async fn run() -> Result<(), session_core::config::ConfigError> {
/// let transports = Transports::new().with(transport_stdio::Stdio);
/// let config = Config::from_toml("[[transport]]\nkind = \"stdio\"\nframing = \"lines\"")?;
/// let listener = transports.bind(&config).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Stdio;

#[async_trait]
impl Transport for Stdio {
    const KIND: &'static str = "stdio";
    type Config = Config;
    type Listener = StdioListener;

    async fn bind(&self, config: Config) -> Result<StdioListener, BindFailure> {
        bind_with(&config).map_err(|error| match error {
            BindError::Config(error) => BindFailure::of_key(error.key, error.problem),
            error => error.into(),
        })
    }
}
