//! What the client says of its page and of each output on it, as reactive reads.

use std::fmt;

use reactive::Interrupt;
use serde::Deserialize;

use crate::name::{Id, InvalidId};
use crate::session::inputs::{CLIENT_DATA, Input, OUTPUT_DATA};
use crate::{Result, Session};

impl<'a> Session<'a> {
    /// What the client says of its page, the same in every scope, and of the outputs on it.
    ///
    /// Everything is the client's word, and unset until it comes: the URL with `init`, the size of an output once the page
    /// has laid it out. In a stub it never comes (L11).
    ///
    /// ```
    /// use session_core::{App, Session};
    ///
    /// let app = App::new(|s: &Session<'_>| {
    ///     let search = s.client_data().search(); // `Copy`, as every input is
    ///     s.output("greeting", move |s| Ok(format!("you came with {}", search.get(s)?)))?;
    ///     s.output("chart", |s| {
    ///         let this = s.current_output()?; // whatever it is called, in whatever module
    ///         Ok(format!("<svg width={} height={}>", this.width().get(s)?, this.height().get(s)?))
    ///     })
    /// });
    /// # let _ = app;
    /// ```
    #[must_use]
    pub const fn client_data(&self) -> ClientData<'_, 'a> {
        ClientData { session: self }
    }

    /// What the client says of the output that is being rendered (M16): within the closure of an output, its first step if
    /// it has two, through the view that the closure was given. Not within a calc that the output reads, which may have
    /// several readers.
    ///
    /// # Errors
    ///
    /// [`NoCurrentOutput`] anywhere else, and in a stub.
    pub fn current_output(&self) -> Result<OutputData<'_, 'a>, NoCurrentOutput> {
        let id = self.rendering().ok_or(NoCurrentOutput(()))?;
        Ok(OutputData { session: self, id: id.to_owned() })
    }
}

/// What the client says of its page. See [`Session::client_data`].
///
/// The parts of the URL are those of the browser's `location`.
#[derive(Clone, Copy)]
pub struct ClientData<'s, 'a> {
    session: &'s Session<'a>,
}

impl<'s, 'a> ClientData<'s, 'a> {
    fn page<T>(self, key: &str) -> Input<T> {
        self.session.input_named(&format!("{CLIENT_DATA}{key}"))
    }

    /// Pixels of the screen for each CSS pixel.
    #[must_use]
    pub fn pixel_ratio(self) -> Input<f64> {
        self.page("pixelratio")
    }

    /// The URL of the page as a whole.
    #[must_use]
    pub fn url(self) -> PageUrl {
        PageUrl {
            protocol: self.protocol(),
            hostname: self.hostname(),
            port: self.port(),
            pathname: self.pathname(),
            search: self.search(),
            hash: self.hash(),
        }
    }

    /// `http:` or `https:`.
    #[must_use]
    pub fn protocol(self) -> Input<String> {
        self.page("url_protocol")
    }

    /// The host without its port.
    #[must_use]
    pub fn hostname(self) -> Input<String> {
        self.page("url_hostname")
    }

    /// The port in digits; empty for the protocol's own.
    #[must_use]
    pub fn port(self) -> Input<String> {
        self.page("url_port")
    }

    /// The path, from its first slash on.
    #[must_use]
    pub fn pathname(self) -> Input<String> {
        self.page("url_pathname")
    }

    /// The query with its question mark, or nothing. It changes with the page's history.
    #[must_use]
    pub fn search(self) -> Input<String> {
        self.page("url_search")
    }

    /// The fragment with its `#`, or nothing. It changes as the user follows links within the page.
    #[must_use]
    pub fn hash(self) -> Input<String> {
        self.page("url_hash")
    }

    /// The fragment that the page was loaded with.
    #[must_use]
    pub fn initial_hash(self) -> Input<String> {
        self.page("url_hash_initial")
    }

    /// What the client says of the output `id` of this scope.
    ///
    /// # Errors
    ///
    /// [`InvalidId`].
    pub fn output(self, id: impl Id) -> Result<OutputData<'s, 'a>, InvalidId> {
        let id = id.resolve(self.session.namespace())?;
        Ok(OutputData { session: self.session, id })
    }
}

/// What the client says of one output. See [`ClientData::output`] and [`Session::current_output`].
///
/// Sizes are there for outputs whose page asks for them, as images and plots do (`shiny-report-size`), colours and fonts
/// for those that are drawn to match the page (`shiny-report-theme`); what the client has no word for is unset, or
/// `null`, and reading it stops silently unless it is read with [`Input::get_if_set`].
#[derive(Clone)]
pub struct OutputData<'s, 'a> {
    session: &'s Session<'a>,
    id: String,
}

impl OutputData<'_, '_> {
    fn of<T>(&self, key: &str) -> Input<T> {
        self.session.input_named(&format!("{OUTPUT_DATA}{}_{key}", self.id))
    }

    /// The whole id of the output, as on the wire.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its width, in CSS pixels.
    #[must_use]
    pub fn width(&self) -> Input<f64> {
        self.of("width")
    }

    /// Its height, in CSS pixels.
    #[must_use]
    pub fn height(&self) -> Input<f64> {
        self.of("height")
    }

    /// Whether it is on the page and not seen.
    #[must_use]
    pub fn hidden(&self) -> Input<bool> {
        self.of("hidden")
    }

    /// The colour behind it, as CSS has it.
    #[must_use]
    pub fn background(&self) -> Input<String> {
        self.of("bg")
    }

    /// The colour of text in it.
    #[must_use]
    pub fn foreground(&self) -> Input<String> {
        self.of("fg")
    }

    /// The colour of links in it.
    #[must_use]
    pub fn accent(&self) -> Input<String> {
        self.of("accent")
    }

    /// The font of text in it.
    #[must_use]
    pub fn font(&self) -> Input<Font> {
        self.of("font")
    }
}

/// The URL of the page, read as a whole. `Copy`, as the inputs it is made of.
#[derive(Debug, Clone, Copy)]
pub struct PageUrl {
    protocol: Input<String>,
    hostname: Input<String>,
    port: Input<String>,
    pathname: Input<String>,
    search: Input<String>,
    hash: Input<String>,
}

impl PageUrl {
    /// The URL as it stands in the browser's address line; takes a dependency on each part.
    ///
    /// # Errors
    ///
    /// As [`Input::get`].
    pub fn get(self, s: &Session<'_>) -> Result<String, Interrupt> {
        let (protocol, hostname, port) =
            (self.protocol.get(s)?, self.hostname.get(s)?, self.port.get(s)?);
        let (pathname, search, hash) =
            (self.pathname.get(s)?, self.search.get(s)?, self.hash.get(s)?);
        let colon = if port.is_empty() { "" } else { ":" };
        Ok(format!("{protocol}//{hostname}{colon}{port}{pathname}{search}{hash}"))
    }
}

/// The font of an output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Font {
    /// The names of families, the first choice first.
    #[serde(default)]
    pub families: Vec<String>,
    /// The size as CSS has it, `16px` say.
    #[serde(default)]
    pub size: Option<String>,
}

/// Nothing is rendered here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no current output here: ask within the closure of an output, through the session it is given, or name the \
     output with client_data().output(id)"
)]
pub struct NoCurrentOutput(());

impl fmt::Debug for ClientData<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientData")
    }
}

impl fmt::Debug for OutputData<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputData").field("id", &self.id).finish_non_exhaustive()
    }
}
