//! Dialogs before the page.

use crate::session::page::html::Html;
use crate::session::page::{Typed, When};
use crate::{Result, Session};

/// A dialog before the page, in Bootstrap's markup. There is one at a time.
///
/// ```
/// use session_core::page::{Html, Modal, ModalSize};
///
/// let sure = Modal::new("All rows will be deleted.")
///     .title("Are you sure?")
///     .size(ModalSize::Small)
///     .easy_close()
///     .footer(
///         Modal::dismiss_button("Cancel")
///             + Html::raw("<button id=\"delete\" type=\"button\" class=\"btn btn-danger action-button\">Delete</button>"),
///     );
/// ```
#[derive(Debug, Clone)]
pub struct Modal {
    body: Html,
    title: Option<Html>,
    footer: Option<Html>,
    size: ModalSize,
    easy_close: bool,
    fade: bool,
}

/// How wide a dialog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ModalSize {
    /// Small.
    Small,
    /// As usual.
    #[default]
    Medium,
    /// Large.
    Large,
    /// Larger.
    ExtraLarge,
}

impl Modal {
    /// A dialog with a button that closes it.
    #[must_use]
    pub fn new(body: impl Into<Html>) -> Self {
        Self {
            body: body.into(),
            title: None,
            footer: Some(Self::dismiss_button("Dismiss")),
            size: ModalSize::Medium,
            easy_close: false,
            fade: true,
        }
    }

    /// With a title.
    #[must_use]
    pub fn title(mut self, title: impl Into<Html>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// With another footer than the button that closes it.
    #[must_use]
    pub fn footer(mut self, footer: impl Into<Html>) -> Self {
        self.footer = Some(footer.into());
        self
    }

    /// Without a footer: whether it can be closed is up to its body, [`easy_close`](Self::easy_close), and
    /// [`remove_modal`](Session::remove_modal).
    #[must_use]
    pub fn no_footer(mut self) -> Self {
        self.footer = None;
        self
    }

    /// How wide it is.
    #[must_use]
    pub const fn size(mut self, size: ModalSize) -> Self {
        self.size = size;
        self
    }

    /// A click beside it, or the escape key, closes it.
    #[must_use]
    pub const fn easy_close(mut self) -> Self {
        self.easy_close = true;
        self
    }

    /// It is there at once, rather than faded in.
    #[must_use]
    pub const fn no_fade(mut self) -> Self {
        self.fade = false;
        self
    }

    /// A button that closes the dialog it is in, without asking the server.
    #[must_use]
    pub fn dismiss_button(label: impl Into<Html>) -> Html {
        const BUTTON: &str = r#"<button class="btn btn-default" type="button" data-dismiss="modal" data-bs-dismiss="modal">"#;
        label.into().within(BUTTON, "</button>")
    }

    /// The client takes it out of the message as it is, so it has to show itself.
    fn into_html(self) -> Html {
        let fade = if self.fade { " fade" } else { "" };
        let keep = if self.easy_close { "" } else { KEEP };
        let size = match self.size {
            ModalSize::Small => " modal-sm",
            ModalSize::Medium => "",
            ModalSize::Large => " modal-lg",
            ModalSize::ExtraLarge => " modal-xl",
        };
        let mut html = Html::raw(format!(
            r#"<div id="shiny-modal" class="modal{fade}" tabindex="-1"{keep}><div class="modal-dialog{size}"><div class="modal-content">"#
        ));
        if let Some(title) = self.title {
            html.push(
                title
                    .within(r#"<div class="modal-header"><h4 class="modal-title">"#, "</h4></div>"),
            );
        }
        html.push(self.body.within(r#"<div class="modal-body">"#, "</div>"));
        if let Some(footer) = self.footer {
            html.push(footer.within(r#"<div class="modal-footer">"#, "</div>"));
        }
        html.push(Html::raw(format!("</div></div><script>{SHOW}</script></div>")));
        html
    }
}

/// Neither a click beside the dialog nor a key closes it: in the words of Bootstrap 3 and of Bootstrap 5.
const KEEP: &str = r#" data-backdrop="static" data-bs-backdrop="static" data-keyboard="false" data-bs-keyboard="false""#;

/// Bootstrap 5 has no plugin for jQuery by default, and the older ones have nothing else.
const SHOW: &str = "(function () {
  var modal = document.getElementById('shiny-modal');
  var own = window.bootstrap && window.bootstrap.Modal;
  if (own && !/^[34]\\./.test(own.VERSION)) new own(modal).show();
  else window.jQuery(modal).modal().focus();
})();";

impl Session<'_> {
    /// Shows a dialog before the page, at once, in the place of one that is there. Inputs and outputs in it come to life.
    ///
    /// It is the page's, the same from every scope (H9). Inputs in it have whole ids: see [`ns`](Self::ns).
    ///
    /// ```
    /// # use session_core::{StubSession, page::Modal};
    /// # let stub = StubSession::new();
    /// # let s = stub.session();
    /// s.show_modal(Modal::new("Nothing was found.").title("Search").easy_close())?;
    /// s.remove_modal()?;
    /// # Ok::<(), session_core::Interrupt>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DependencyError`](crate::page::DependencyError); *failed* when it is larger than
    /// [`Limits::outbound_bytes`](crate::Limits::outbound_bytes).
    pub fn show_modal(&self, modal: Modal) -> Result<()> {
        let message = self.html(modal.into_html())?;
        self.tell_page("modal", &Typed { r#type: "show", message }, When::Now)
    }

    /// Closes the dialog, at once; nothing happens if there is none.
    ///
    /// # Errors
    ///
    /// None; as the others of its kind.
    pub fn remove_modal(&self) -> Result<()> {
        self.tell_page("modal", &Typed { r#type: "remove", message: () }, When::Now)
    }
}
