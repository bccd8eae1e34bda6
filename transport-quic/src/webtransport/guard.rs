//! Which pages may open a session: asked before anything is allocated.

use std::net::{IpAddr, SocketAddr};

use http::header::ORIGIN;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode};

use crate::config::Config;

#[derive(Debug)]
pub(crate) struct Guard {
    origins: Vec<String>,
    /// Only this machine reaches the listener, so the pages of its own servers may.
    loopback: bool,
    /// With a slash at both ends.
    mount: Option<String>,
}

/// Why a session is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the page is of another origin; `allowed_origins` can name it")]
    ForeignOrigin,
    #[error("the path is not below `mount`")]
    UnknownPath,
}

impl Refusal {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::UnknownPath => StatusCode::NOT_FOUND,
        }
    }
}

impl Guard {
    /// The guard of a listener at `local`.
    pub(crate) fn new(config: &Config, local: SocketAddr) -> Self {
        let mount = config.mount.as_ref().map(|mount| match mount.trim_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        });
        Self {
            origins: config.allowed_origins.clone(),
            loopback: local.ip().to_canonical().is_loopback(),
            mount,
        }
    }

    /// The path of sessions, `/` where every path is one.
    pub(crate) fn mount(&self) -> &str {
        self.mount.as_deref().unwrap_or("/")
    }

    pub(super) fn check(&self, request: &Parts) -> Result<(), Refusal> {
        self.check_path(request.uri.path())?;
        self.check_origin(&request.headers)
    }

    fn check_path(&self, path: &str) -> Result<(), Refusal> {
        let Some(mount) = &self.mount else { return Ok(()) };
        if path.starts_with(mount) || mount.strip_suffix('/') == Some(path) {
            Ok(())
        } else {
            Err(Refusal::UnknownPath)
        }
    }

    /// A browser always names the origin of the page. A program that names none is no page, and could as well come
    /// without HTTP/3.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(()) };
        let allowed = origins.next().is_none()
            && origin.to_str().is_ok_and(|origin| {
                self.origins.iter().any(|allowed| {
                    allowed == "*" || allowed.trim_end_matches('/').eq_ignore_ascii_case(origin)
                }) || self.loopback && is_of_this_machine(origin)
            });
        if allowed { Ok(()) } else { Err(Refusal::ForeignOrigin) }
    }
}

/// Whether a text can be the origin of a page.
pub(crate) fn is_origin(text: &str) -> bool {
    authority(text.trim_end_matches('/')).is_some()
}

fn is_of_this_machine(origin: &str) -> bool {
    authority(origin).is_some_and(|authority| {
        let host = authority.host();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
    })
}

fn authority(origin: &str) -> Option<Authority> {
    let (scheme, authority) = origin.split_once("://")?;
    if !matches!(scheme, "http" | "https") || authority.contains(['@', '/']) {
        return None;
    }
    authority.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn request(path: &'static str, origins: &[&'static str]) -> Parts {
        let mut request = http::Request::new(());
        *request.uri_mut() = http::Uri::from_static(path);
        for origin in origins {
            request.headers_mut().append(ORIGIN, HeaderValue::from_static(origin));
        }
        request.into_parts().0
    }

    fn guard(local: &str, change: impl FnOnce(&mut Config)) -> Guard {
        let mut config = Config::default();
        change(&mut config);
        Guard::new(&config, local.parse().unwrap())
    }

    #[test]
    fn a_loopback_listener_takes_pages_of_this_machine_and_no_others() {
        let guard = guard("127.0.0.1:4433", |_| {});
        for origin in
            ["http://localhost:8000", "http://127.0.0.1", "https://[::1]:8443", "http://LOCALHOST"]
        {
            assert_eq!(guard.check(&request("/", &[origin])), Ok(()), "{origin}");
        }
        for origin in [
            "https://evil.com",
            "null",
            "",
            "http://localhost.evil.com",
            "http://localhost@evil.com",
            "http://evil.com@localhost",
            "http://127.0.0.1.evil.com",
            "http://localhost/",
            "file://localhost",
            "localhost",
        ] {
            let refused = guard.check(&request("/", &[origin]));
            assert_eq!(refused, Err(Refusal::ForeignOrigin), "{origin}");
        }
        let two = request("/", &["http://localhost", "http://localhost"]);
        assert_eq!(guard.check(&two), Err(Refusal::ForeignOrigin));
    }

    #[test]
    fn a_public_listener_takes_the_origins_that_are_named() {
        let guard = guard("0.0.0.0:4433", |config| {
            config.allowed_origins = vec!["https://Shop.example/".to_owned()];
        });
        assert_eq!(guard.check(&request("/", &["https://shop.example"])), Ok(()));
        for origin in ["http://localhost", "http://shop.example", "https://shop.example.evil.com"] {
            assert!(guard.check(&request("/", &[origin])).is_err(), "{origin}");
        }
    }

    #[test]
    fn a_star_takes_every_page_and_a_program_names_none() {
        let all = guard("0.0.0.0:4433", |config| config.allowed_origins = vec!["*".to_owned()]);
        assert_eq!(all.check(&request("/", &["https://evil.com"])), Ok(()));
        assert_eq!(guard("0.0.0.0:4433", |_| {}).check(&request("/", &[])), Ok(()));
    }

    #[test]
    fn with_a_mount_other_paths_are_unknown() {
        let mounted = guard("127.0.0.1:1", |config| config.mount = Some("/app".to_owned()));
        for path in ["/app", "/app/", "/app/x?q=1"] {
            assert_eq!(mounted.check(&request(path, &[])), Ok(()), "{path}");
        }
        for path in ["/", "/apple", "/other/app/"] {
            assert_eq!(mounted.check(&request(path, &[])), Err(Refusal::UnknownPath), "{path}");
        }
        assert_eq!(guard("127.0.0.1:1", |_| {}).check(&request("/any", &[])), Ok(()));
    }
}
