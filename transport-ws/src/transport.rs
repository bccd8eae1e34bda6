use async_trait::async_trait;
use session_core::config::{BindFailure, Transport};

use crate::config::Config;
use crate::content::Content;
use crate::listener::{BindError, WsListener, bind_with};

/// WebSocket and HTTP for programs whose transports a file chooses: `kind = "ws"`.
///
/// The table's other keys are the fields of [`Config`]; what a file cannot hold, the pages, is given here.
///
/// ```
/// use session_core::config::{Config, Transports};
///
/// # async fn run() -> Result<(), session_core::config::ConfigError> {
/// let page = "<!doctype html><script src=\"client.js\"></script>";
/// let transports = Transports::new().with(transport_ws::WebSocket::new().page("/", page));
/// let config = Config::from_toml("[[transport]]\nkind = \"ws\"\nlisten = \"127.0.0.1:0\"")?;
/// let listener = transports.bind(&config).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct WebSocket {
    content: Content,
}

impl WebSocket {
    /// Without a page; the browser client is served all the same.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves an HTML document at a path below the mount; `/` is the mount itself.
    #[must_use]
    pub fn page(mut self, path: &str, html: impl Into<String>) -> Self {
        self.content.page(path, html.into());
        self
    }

    /// Serves an HTML document that is made when it is asked for: for what is known only then, such as where the
    /// program's other transports listen. `html` is called for each request, within the runtime: it must not block.
    #[must_use]
    pub fn page_with(
        mut self,
        path: &str,
        html: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        self.content.page_with(path, html);
        self
    }

    /// Serves bytes that are part of the program at a path below the mount.
    #[must_use]
    pub fn asset(mut self, path: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        self.content.asset(path, media_type, bytes);
        self
    }
}

#[async_trait]
impl Transport for WebSocket {
    const KIND: &'static str = "ws";
    type Config = Config;
    type Listener = WsListener;

    async fn bind(&self, config: Config) -> Result<WsListener, BindFailure> {
        let config = Config { content: self.content.clone(), ..config };
        bind_with(config).await.map_err(|error| match error {
            BindError::Config(error) => BindFailure::of_key(error.key, error.problem),
            error => BindFailure::of_key("listen", error),
        })
    }
}
