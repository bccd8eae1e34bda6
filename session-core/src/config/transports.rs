use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

use super::error::chain;
use super::nearest::nearest;
use super::{Config, ConfigError, Transport};
use crate::link::AnyListener;

/// The transports a program can be told to use.
#[derive(Default)]
pub struct Transports {
    kinds: BTreeMap<&'static str, Box<dyn AnyTransport>>,
}

impl Transports {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// And this one; of two of the same kind, the later.
    #[must_use]
    pub fn with<T: Transport>(mut self, transport: T) -> Self {
        self.kinds.insert(T::KIND, Box::new(transport));
        self
    }

    /// Starts every transport of a configuration, in order; all or none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first that does not start.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, nothing listens.
    pub async fn bind(&self, config: &Config) -> Result<AnyListener, ConfigError> {
        let mut listener = AnyListener::new();
        for at in 0..config.transports.len() {
            self.bind_one(config, at, &mut listener).await?;
        }
        Ok(listener)
    }

    async fn bind_one(
        &self,
        config: &Config,
        at: usize,
        into: &mut AnyListener,
    ) -> Result<(), ConfigError> {
        let mut table = config.transports[at].clone();
        let kind = table.remove("kind");
        let refuse = |problem: String| {
            Err(config.error(format!("transport[{at}].kind"), kind.as_ref(), problem))
        };
        let name = match &kind {
            Some(toml::Value::String(name)) => name,
            Some(_) => return refuse(format!("must be a text: {}", self.known())),
            None => return refuse(format!("a transport needs a kind: {}", self.known())),
        };
        let Some(transport) = self.kinds.get(name.as_str()) else {
            let meant = nearest(name, self.kinds.keys().copied());
            let meant = meant.map(|meant| format!(" (did you mean \"{meant}\"?)"));
            return refuse(format!(
                "this program has no such transport, only {}{}",
                self.known(),
                meant.unwrap_or_default()
            ));
        };
        transport.bind(Source { config, at, table }, into).await
    }

    /// The kinds there are, for a person.
    fn known(&self) -> String {
        match self.kinds.len() {
            0 => "none at all".to_owned(),
            _ => self.kinds.keys().copied().collect::<Vec<_>>().join(", "),
        }
    }
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.keys()).finish()
    }
}

/// One transport's table without its kind, and where it is from.
struct Source<'a> {
    config: &'a Config,
    at: usize,
    table: toml::Table,
}

impl Source<'_> {
    fn error(&self, key: Option<&str>, problem: String) -> ConfigError {
        let Self { config, at, table } = self;
        let Some(key) = key else {
            return config.error(format!("transport[{at}]"), None, problem);
        };
        let value = table.get(key);
        // Two tables that want the same address get in each other's way.
        let same = config.transports[..*at]
            .iter()
            .position(|before| value.is_some_and(|value| before.get(key) == Some(value)));
        let same = same.map(|before| format!("; transport[{before}].{key} is the same"));
        let problem = problem + &same.unwrap_or_default();
        config.error(format!("transport[{at}].{key}"), value, problem)
    }
}

/// [`Transport`] without its types, so that one map holds them all.
#[async_trait]
trait AnyTransport: Send + Sync {
    async fn bind(&self, source: Source<'_>, into: &mut AnyListener) -> Result<(), ConfigError>;
}

#[async_trait]
impl<T: Transport> AnyTransport for T {
    async fn bind(&self, source: Source<'_>, into: &mut AnyListener) -> Result<(), ConfigError> {
        let key = format!("transport[{}]", source.at);
        let config = source.config.read(&key, source.table.clone())?;
        let listener = Transport::bind(self, config).await;
        into.push(listener.map_err(|failure| source.error(failure.key, chain(&*failure.source)))?);
        Ok(())
    }
}
