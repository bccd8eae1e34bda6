use http::Uri;
use http::uri::{Authority, PathAndQuery};

use crate::error::ConnectError;

/// `quic://HOST:PORT/PATH?QUERY#sha256=HASH`.
#[derive(Debug, Clone)]
pub(crate) struct Url {
    pub(crate) authority: Authority,
    /// With the query.
    pub(crate) path: PathAndQuery,
    /// Of the only certificate to be trusted.
    pub(crate) hash: Option<[u8; 32]>,
}

impl Url {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        let invalid = |problem| ConnectError::Url { url: url.to_owned(), problem };
        let (address, fragment) = match url.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (url, None),
        };
        let hash = match fragment {
            None | Some("") => None,
            Some(fragment) => Some(
                fragment
                    .strip_prefix("sha256=")
                    .and_then(parse_hash)
                    .ok_or_else(|| invalid("behind # stands sha256= and 64 hexadecimal digits"))?,
            ),
        };
        let parts = address.parse::<Uri>().map_err(|_| invalid("it is not a URL"))?.into_parts();
        let (Some("quic"), Some(authority)) =
            (parts.scheme.as_ref().map(http::uri::Scheme::as_str), parts.authority)
        else {
            return Err(invalid("it does not begin with quic:// and a host"));
        };
        if authority.port_u16().is_none() {
            return Err(invalid("it needs a port"));
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { authority, path, hash })
    }

    /// The host, without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or_default()
    }

    /// The target of a request whose path counts from this URL.
    pub(crate) fn below(&self, path: &str) -> Result<Uri, ConnectError> {
        let target = format!("{}{path}", self.path.path().trim_end_matches('/'));
        let invalid = |_| ConnectError::Url { url: path.to_owned(), problem: "it is not a path" };
        target.parse::<PathAndQuery>().map(Uri::from).map_err(invalid)
    }
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_port_path_and_hash() {
        let url = format!("quic://[::1]:4433/app/?w=1#sha256={}", "0aFF".repeat(16));
        let url = Url::parse(&url).unwrap();
        assert_eq!((url.host(), url.port()), ("::1", 4433));
        assert_eq!(url.path, "/app/?w=1");
        assert_eq!(url.hash.unwrap()[..2], [0x0a, 0xff]);
        assert_eq!(url.below("/session/7/x?n=1").unwrap(), "/app/session/7/x?n=1");
        let url = Url::parse("quic://example.com:443").unwrap();
        assert_eq!((url.host(), url.path.as_str(), url.hash), ("example.com", "/", None));
        assert_eq!(url.below("/session/7/x").unwrap(), "/session/7/x");
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_url() {
        let long = format!("quic://h:1/#sha256={}", "é".repeat(32));
        for url in ["", "quic://", "http://h:1/", "quic://h/", "quic://h:1/#sha256=12", &long] {
            let error = Url::parse(url).unwrap_err().to_string();
            assert!(error.contains(url), "{error}");
        }
    }
}
