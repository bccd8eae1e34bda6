//! Inputs whose last word is to be forgotten.

use serde::Serialize;

use crate::name::Id;
use crate::session::page::When;
use crate::{Result, Session};

#[derive(Serialize)]
struct Frozen<'a> {
    ids: [&'a str; 1],
}

#[derive(Serialize)]
struct ResetBrush<'a> {
    #[serde(rename = "brushId")]
    brush_id: &'a str,
}

impl Session<'_> {
    /// Forgets what the client last said of the input `id` of this scope: it reads as unset until the client says
    /// something of it, and the client, told at once, says it even if it is the same again.
    ///
    /// For an input that is about to change because of another: without it, whatever reads both would first see the new
    /// datum of one beside the old one of the other. Who reads the input is not invalidated (A12); who runs for another
    /// reason meets a quiet stop.
    ///
    /// ```
    /// use session_core::{Result, Session, page::SelectUpdate};
    ///
    /// fn server(s: &Session<'_>) -> Result<()> {
    ///     let country = s.input::<String>("country")?;
    ///     s.effect(move |s| {
    ///         let cities = if country.get(s)? == "Italy" { ["Rome", "Milan"] } else { ["Paris", "Lyon"] };
    ///         s.freeze_input("city")?;
    ///         s.update_input("city", SelectUpdate::new().choices(cities))
    ///     });
    ///     Ok(())
    /// }
    /// # let _ = session_core::App::new(server);
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn freeze_input(&self, id: impl Id) -> Result<()> {
        let id = id.resolve(self.namespace())?;
        self.freeze_value(&id);
        self.tell_page("frozen", &Frozen { ids: [&id] }, When::Now)
    }

    /// Takes the selection of a plot's brush away, at once; `id` is that of the brush in this scope.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn reset_brush(&self, id: impl Id) -> Result<()> {
        let id = id.resolve(self.namespace())?;
        self.tell_page("resetBrush", &ResetBrush { brush_id: &id }, When::Now)
    }
}
