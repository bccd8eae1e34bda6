use std::fmt::Write;

/// A socket for pages, to be served as JavaScript: on pages whose URL has `?transport=webtransport` it gives our client
/// for browsers, and the unmodified Shiny client, a link over WebTransport in place of their WebSocket.
///
/// [`QuicListener::webtransport_script`](crate::QuicListener::webtransport_script) gives the element that loads it.
/// A program that serves its pages with `transport-ws`:
///
/// ```text
/// let quic = transport_quic::bind("127.0.0.1:4433").await?;
/// let script = quic.webtransport_script("webtransport.js");
/// let web = transport_ws::Config::new("127.0.0.1:8000")
///     .page("/", format!("<!doctype html><script src=\"client.js\"></script>{script}…"))
///     .asset("webtransport.js", "text/javascript", transport_quic::webtransport_js().as_bytes());
/// ```
///
/// It evaluates no code; a Content-Security-Policy allows it with the listener's origin in `connect-src`.
#[must_use]
pub const fn webtransport_js() -> &'static str {
    include_str!("../../assets/webtransport.js")
}

/// The element that loads the script, and tells it where the listener is.
pub(crate) fn tag(src: &str, url: &str, hash: Option<[u8; 32]>) -> String {
    let mut tag = format!("<script src=\"{}\" data-url=\"{}\"", escaped(src), escaped(url));
    if let Some(hash) = hash {
        tag.push_str(" data-certificate-hash=\"");
        for byte in hash {
            // Writing into a string does not fail.
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
    }
    tag.push_str("></script>");
    tag
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_told_for_a_certificate_that_nobody_signed() {
        let url = "https://127.0.0.1:4433/";
        assert_eq!(
            tag("a.js?v=1&w=\"", url, None),
            r#"<script src="a.js?v=1&amp;w=&quot;" data-url="https://127.0.0.1:4433/"></script>"#
        );
        let hash = format!("data-certificate-hash=\"{}\"", "0a".repeat(32));
        assert!(tag("a.js", url, Some([10; 32])).contains(&hash));
    }
}
