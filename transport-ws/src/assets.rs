use std::collections::BTreeMap;

/// Bytes that are part of the program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: &'static [u8],
}

const CLIENT_JS: &str = include_str!("../assets/client.js");
const CLIENT_CSS: &str = include_str!("../assets/client.css");

/// The small client for browsers; a listener serves it at `client.js` below its mount.
#[must_use]
pub const fn client_js() -> &'static str {
    CLIENT_JS
}

/// The look that goes with [`client_js`]; a listener serves it at `client.css` below its mount.
#[must_use]
pub const fn client_css() -> &'static str {
    CLIENT_CSS
}

/// What every listener serves.
pub(crate) fn built_in() -> BTreeMap<String, Asset> {
    let scripts = [
        ("client.js", "text/javascript; charset=utf-8", CLIENT_JS),
        ("client.css", "text/css; charset=utf-8", CLIENT_CSS),
    ];
    scripts
        .into_iter()
        .map(|(path, media_type, text)| {
            (path.to_owned(), Asset { media_type, bytes: text.as_bytes() })
        })
        .collect()
}
