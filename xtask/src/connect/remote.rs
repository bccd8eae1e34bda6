//! The server at an address, whatever transport carries it.

use std::fmt;

use anyhow::{Context, bail};
use async_trait::async_trait;
use session_core::exchange::{BoxError, Request, Response};
use session_core::link::{AnyLink, Connect};

/// One of the transports that a native program links with. Behind it there is one code path for all of them.
#[derive(Debug)]
pub(crate) enum Remote {
    Ws(transport_ws::Endpoint),
    Quic(transport_quic::Connection),
    /// A child of this process.
    Stdio(transport_stdio::Child),
}

/// A header for the head of the link.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Header {
    name: String,
    value: String,
}

impl Header {
    /// Takes a line such as `Authorization: Bearer x` apart.
    pub(crate) fn parse(line: &str) -> anyhow::Result<Self> {
        let (name, value) = line
            .split_once(':')
            .with_context(|| format!("`{line}` is no header: write 'NAME: VALUE'"))?;
        Ok(Self { name: name.trim().to_ascii_lowercase(), value: value.trim().to_owned() })
    }
}

impl fmt::Debug for Header {
    /// Without the value, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Remote {
    /// Finds the transport of an address by its scheme; links are opened with these headers.
    pub(crate) async fn at(address: &str, headers: &[Header]) -> anyhow::Result<Self> {
        let context = || format!("cannot connect to {address}");
        match address.split_once(':') {
            Some(("ws" | "http", _)) => {
                let mut client = transport_ws::Client::new();
                for Header { name, value } in headers {
                    client = client.header(name, value)?;
                }
                Ok(Self::Ws(client.endpoint(address).with_context(context)?))
            }
            Some(("quic", _)) => {
                let mut client = transport_quic::Client::new();
                for Header { name, value } in headers {
                    client = client.header(name, value)?;
                }
                Ok(Self::Quic(client.connect(address).await.with_context(context)?))
            }
            Some(("stdio", command)) => {
                let words = words(command);
                let (program, args) = words.split_first().with_context(|| {
                    format!("`{address}` names no program: write 'stdio:PROGRAM ARGUMENT…'")
                })?;
                let mut client = transport_stdio::Client::new(program).args(args);
                for Header { name, value } in headers {
                    client = client.header(name, value)?;
                }
                Ok(Self::Stdio(client.spawn().with_context(context)?))
            }
            Some(("wss" | "https", _)) => bail!(
                "{address}: our WebSocket client has no TLS; connect to the server behind the proxy with ws://"
            ),
            _ => bail!(
                "`{address}` is no address: write ws://HOST:PORT/, http://HOST:PORT/ or \
                 quic://HOST:PORT/#sha256=HASH, as the server prints it, or 'stdio:PROGRAM ARGUMENT…'"
            ),
        }
    }

    /// Ends what is there for this client alone: a child, which is given time for it.
    pub(crate) async fn shut_down(self) -> anyhow::Result<()> {
        if let Self::Stdio(child) = self {
            child.shut_down().await.context("cannot wait for the program")?;
        }
        Ok(())
    }
}

/// A command line, taken apart at its spaces; quotes of either kind keep some together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[async_trait]
impl Connect for Remote {
    type Link = AnyLink;
    type Error = Unreachable;

    async fn link(&self) -> Result<AnyLink, Unreachable> {
        match self {
            Self::Ws(endpoint) => endpoint.link().await.map(AnyLink::new).map_err(Unreachable::new),
            Self::Quic(connection) => {
                connection.link().await.map(AnyLink::new).map_err(Unreachable::new)
            }
            Self::Stdio(child) => child.link().await.map(AnyLink::new).map_err(Unreachable::new),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Response, Unreachable> {
        match self {
            Self::Ws(endpoint) => endpoint.exchange(request).await.map_err(Unreachable::new),
            Self::Quic(connection) => connection.exchange(request).await.map_err(Unreachable::new),
            Self::Stdio(child) => child.exchange(request).await.map_err(Unreachable::new),
        }
    }
}

/// Why there is no link, or no response: the error of whichever transport it was.
#[derive(Debug)]
pub(crate) struct Unreachable(BoxError);

impl Unreachable {
    fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_address_is_told_what_one_is() {
        for (address, expected) in [
            ("127.0.0.1:8000", "ws://HOST:PORT/"),
            ("pigeon://x", "ws://HOST:PORT/"),
            ("https://example.com/", "has no TLS"),
            ("ws://", "cannot connect to ws://"),
            ("quic://127.0.0.1/", "it needs a port"),
            ("quic://127.0.0.1:1/#sha256=12", "64 hexadecimal digits"),
            ("stdio: ", "names no program"),
            ("stdio:/no/such/program", "cannot connect to stdio:/no/such/program"),
        ] {
            let error = format!("{:#}", Remote::at(address, &[]).await.unwrap_err());
            assert!(error.contains(expected), "{address}: {error}");
        }
    }

    #[test]
    fn a_command_line_is_taken_apart_at_its_spaces() {
        for (line, expected) in [
            ("app", vec!["app"]),
            ("  app  --set a=b ", vec!["app", "--set", "a=b"]),
            ("app 'two words' \"it's\" x\"y z\"", vec!["app", "two words", "it's", "xy z"]),
            ("app ''", vec!["app", ""]),
            (" ", vec![]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }
}
