//! Who may talk to the server: the checks of `Host` and `Origin`, made before anything is allocated.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};

use crate::config::{Config, MissingOrigin};

/// Names by which a loopback listener is known to its own machine.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

#[derive(Debug)]
pub(crate) struct Guard {
    /// `None` allows every host.
    hosts: Option<Vec<String>>,
    origins: Vec<String>,
    missing_origin: MissingOrigin,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request does not say which host it is for")]
    NoHost,
    #[error("the request is for a host that is not ours; `allowed_hosts` can name it")]
    ForeignHost,
    #[error("the page is of another origin; `allowed_origins` can name it")]
    ForeignOrigin,
    #[error("the request names no origin; `missing_origin` can allow it")]
    MissingOrigin,
}

impl Guard {
    /// The guard of a listener at `local`; a service within another server has no address of its own.
    pub(crate) fn new(config: &Config, local: Option<SocketAddr>) -> Self {
        let loopback = local.is_some_and(|local| is_loopback(local.ip()));
        let mut hosts: Vec<String> =
            config.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        if loopback {
            hosts.extend(LOOPBACK_NAMES.map(str::to_owned));
            hosts.extend(local.map(|local| host_of(local.ip())));
        }
        Self {
            hosts: (!hosts.is_empty()).then_some(hosts),
            origins: config.allowed_origins.clone(),
            missing_origin: config.missing_origin,
        }
    }

    /// Refuses a request for a host that is not ours (DNS rebinding).
    pub(crate) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let named = |authority: &Authority| {
            authority.as_str().find('@').is_none()
                && hosts.iter().any(|host| authority.host().eq_ignore_ascii_case(host))
        };
        let host = host(headers).ok_or(Refusal::NoHost)?;
        if named(&host) && uri.authority().is_none_or(named) {
            Ok(())
        } else {
            Err(Refusal::ForeignHost)
        }
    }

    /// Refuses a link that a page of another origin opens.
    pub(crate) fn check_origin(
        &self,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<(), Refusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            let allowed = match self.missing_origin {
                MissingOrigin::Allow => true,
                MissingOrigin::Refuse => false,
                MissingOrigin::Loopback => peer.is_some_and(|peer| is_loopback(peer.ip())),
            };
            return if allowed { Ok(()) } else { Err(Refusal::MissingOrigin) };
        };
        let allowed = origins.next().is_none()
            && origin.to_str().is_ok_and(|origin| {
                self.origins.iter().any(|allowed| {
                    allowed == "*" || allowed.trim_end_matches('/').eq_ignore_ascii_case(origin)
                }) || is_own(origin, headers)
            });
        if allowed { Ok(()) } else { Err(Refusal::ForeignOrigin) }
    }
}

/// Whether an origin is that of the host the request is for.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let Some(host) = host(headers) else { return false };
    let (default, authority) = match origin.split_once("://") {
        Some(("http", authority)) => (80, authority),
        Some(("https", authority)) => (443, authority),
        _ => return false,
    };
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    !authority.as_str().contains('@')
        && authority.host().eq_ignore_ascii_case(host.host())
        && authority.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
}

/// The one host a request is for.
fn host(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?.parse().ok()?;
    hosts.next().is_none().then_some(host)
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn host_of(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn guard(config: &Config) -> Guard {
        Guard::new(config, "127.0.0.1:8000".parse().ok())
    }

    #[test]
    fn a_page_of_the_same_host_is_at_home() {
        let guard = guard(&Config::default());
        for (host, origin) in [
            ("localhost:8000", "http://localhost:8000"),
            ("LOCALHOST:8000", "http://localhost:8000"),
            ("example.com", "https://example.com"),
            ("example.com", "http://example.com"),
            ("example.com:443", "https://example.com"),
            ("[::1]:8000", "http://[::1]:8000"),
        ] {
            let headers = headers(&[(HOST, host), (ORIGIN, origin)]);
            assert_eq!(guard.check_origin(&headers, None), Ok(()), "{host} {origin}");
        }
    }

    #[test]
    fn foreign_null_and_look_alike_origins_are_refused() {
        let guard = guard(&Config::default());
        for origin in [
            "http://evil.com",
            "null",
            "",
            "http://localhost",
            "http://localhost:8001",
            "http://localhost:8000.evil.com",
            "http://localhost:8000@evil.com",
            "http://evil.com@localhost:8000",
            "http://localhost.:8000",
            "http://localhost:8000/",
            "file://localhost:8000",
            "localhost:8000",
        ] {
            let headers = headers(&[(HOST, "localhost:8000"), (ORIGIN, origin)]);
            assert_eq!(guard.check_origin(&headers, None), Err(Refusal::ForeignOrigin), "{origin}");
        }
    }

    #[test]
    fn two_origins_are_none() {
        let guard = guard(&Config::default());
        let mut headers = headers(&[(HOST, "localhost"), (ORIGIN, "http://localhost")]);
        headers.append(ORIGIN, HeaderValue::from_static("http://localhost"));
        assert_eq!(guard.check_origin(&headers, None), Err(Refusal::ForeignOrigin));
    }

    #[test]
    fn a_named_origin_is_allowed_and_no_other() {
        let mut config = Config::default();
        config.allowed_origins.push("https://shop.example".to_owned());
        let guard = guard(&config);
        let from = |origin| headers(&[(HOST, "localhost:8000"), (ORIGIN, origin)]);
        assert_eq!(guard.check_origin(&from("https://shop.example"), None), Ok(()));
        assert!(guard.check_origin(&from("http://shop.example"), None).is_err());
        assert!(guard.check_origin(&from("https://shop.example.evil.com"), None).is_err());
    }

    #[test]
    fn a_missing_origin_is_allowed_by_configuration_only() {
        let near = "127.0.0.1:5000".parse().ok();
        let mapped = "[::ffff:127.0.0.1]:5000".parse().ok();
        let far = "192.0.2.1:5000".parse().ok();
        let none = HeaderMap::new();
        for (missing_origin, expected) in [
            (MissingOrigin::Loopback, [true, true, false, false]),
            (MissingOrigin::Allow, [true; 4]),
            (MissingOrigin::Refuse, [false; 4]),
        ] {
            let guard = guard(&Config { missing_origin, ..Config::default() });
            let allowed =
                [near, mapped, far, None].map(|peer| guard.check_origin(&none, peer).is_ok());
            assert_eq!(allowed, expected, "{missing_origin:?}");
        }
    }

    #[test]
    fn a_loopback_listener_answers_to_loopback_names_only() {
        let mut config = Config::default();
        config.allowed_hosts.push("App.example".to_owned());
        let guard = guard(&config);
        let check =
            |host| guard.check_host(&Uri::from_static("/"), &headers(&[(HOST, host)])).is_ok();
        for host in ["localhost", "localhost:1", "127.0.0.1:8000", "[::1]:8000", "app.example"] {
            assert!(check(host), "{host}");
        }
        for host in ["evil.com", "localhost.evil.com", "127.0.0.1.evil.com:8000", "u@localhost", ""]
        {
            assert!(!check(host), "{host}");
        }
        assert_eq!(
            guard.check_host(&Uri::from_static("/"), &HeaderMap::new()),
            Err(Refusal::NoHost)
        );
        let absolute = Uri::from_static("http://evil.com/");
        assert!(guard.check_host(&absolute, &headers(&[(HOST, "localhost")])).is_err());
    }

    #[test]
    fn a_public_listener_answers_to_any_name_until_some_are_given() {
        let public = "0.0.0.0:80".parse().ok();
        let check = |config: &Config, host| {
            Guard::new(config, public)
                .check_host(&Uri::from_static("/"), &headers(&[(HOST, host)]))
                .is_ok()
        };
        let mut config = Config::default();
        assert!(check(&config, "anything.example"));
        config.allowed_hosts.push("app.example".to_owned());
        assert!(check(&config, "app.example"));
        assert!(!check(&config, "anything.example"));
    }
}
