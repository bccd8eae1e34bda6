//! What the Shiny client does with the frames it gets, as far as a session can tell: a checker.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value as Json};

mod change;
mod page;
mod panel;
#[cfg(test)]
mod tests;

pub use change::{TabChange, TabPlace, UiChange};
pub use panel::{ShownModal, ShownNotification, ShownProgress};

/// The client's side of a session: the state machine of every output, what the page shows, and what else it was told.
///
/// Follows the unmodified Shiny client: an illegal step, which that client answers by throwing the frame
/// away, is an error here; so is a message for the page that the client could make nothing of.
///
/// ```
/// use session_core::{App, page::Notification, testing::Client};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = App::new(|s| {
///     s.set_message_handler("save", |s, ()| {
///         s.show_notification(Notification::new("Saved.").id("saved"))
///     })?;
///     Ok(())
/// });
/// let mut client = Client::connect(app).await;
/// client.call("save", ()).await.unwrap();
/// assert_eq!(client.model().notifications()["saved"].html, "Saved.");
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ClientModel {
    outputs: BTreeMap<String, OutputState>,
    values: BTreeMap<String, Json>,
    errors: BTreeMap<String, String>,
    responses: Vec<(Json, Result<Json, String>)>,
    custom: Vec<(String, Json)>,
    input_messages: Vec<(String, Json)>,
    busy: bool,
    session_id: Option<String>,
    page: page::Page,
}

/// Where the client stands with one output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputState {
    /// Nothing was said of it.
    #[default]
    Initial,
    /// It runs.
    Running,
    /// It has run; a flush will say what it gave.
    Idle,
    /// It shows a value.
    Value,
    /// It shows an error.
    Error,
    /// It ran and gave nothing.
    Cancel,
    /// It is worked on in the background.
    Persistent,
    /// What it shows is out of date.
    Invalidated,
}

/// A frame that the client would not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalStep(String);

impl fmt::Display for IllegalStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IllegalStep {}

impl ClientModel {
    /// Takes one text frame.
    ///
    /// # Errors
    ///
    /// [`IllegalStep`] where the client would throw the frame away, or could make nothing of it.
    pub fn take(&mut self, text: &str) -> Result<(), IllegalStep> {
        let frame: Map<String, Json> = serde_json::from_str(text)
            .map_err(|error| IllegalStep(format!("not a JSON object ({error}): {text}")))?;
        if self.session_id.is_none() && !frame.contains_key("config") {
            return Err(IllegalStep(format!("the first frame is not config: {text}")));
        }
        // The state machine's own order, whatever the order of the keys.
        if let Some(recalculating) = frame.get("recalculating") {
            self.recalculating(recalculating)?;
        }
        if let (Some(Json::Object(values)), Some(Json::Object(errors))) =
            (frame.get("values"), frame.get("errors"))
        {
            self.flush(values, errors)?;
        }
        if let Some(progress) = frame.get("progress") {
            self.output_progress(progress)?;
        }
        self.page.take(&frame)?;
        self.show(&frame);
        Ok(())
    }

    fn recalculating(&mut self, message: &Json) -> Result<(), IllegalStep> {
        let output = text(message, "name")?;
        let state = self.outputs.entry(output.to_owned()).or_default();
        *state = match (text(message, "status")?, *state) {
            ("recalculating", OutputState::Initial | OutputState::Invalidated) => {
                OutputState::Running
            }
            ("recalculated", OutputState::Running) => OutputState::Idle,
            (status, state) => {
                return Err(IllegalStep(format!("{output:?} is {status} but was {state:?}")));
            }
        };
        Ok(())
    }

    fn flush(
        &mut self,
        values: &Map<String, Json>,
        errors: &Map<String, Json>,
    ) -> Result<(), IllegalStep> {
        for (output, next) in values
            .keys()
            .map(|key| (key, OutputState::Value))
            .chain(errors.keys().map(|key| (key, OutputState::Error)))
        {
            let state = self.outputs.entry(output.clone()).or_default();
            if *state != OutputState::Idle {
                return Err(IllegalStep(format!("a result for {output:?}, which was {state:?}")));
            }
            *state = next;
        }
        for (output, state) in &mut self.outputs {
            match state {
                OutputState::Running => {
                    return Err(IllegalStep(format!("a flush while {output:?} runs")));
                }
                OutputState::Idle => *state = OutputState::Cancel,
                _ => {}
            }
        }
        Ok(())
    }

    fn output_progress(&mut self, progress: &Json) -> Result<(), IllegalStep> {
        if progress["type"] != "binding" {
            return Ok(());
        }
        let message = &progress["message"];
        let output = text(message, "id")?;
        let persistent = message["persistent"] == true;
        let state = self.outputs.entry(output.to_owned()).or_default();
        *state = match (persistent, *state) {
            (true, OutputState::Running) => OutputState::Persistent,
            (
                false,
                OutputState::Value
                | OutputState::Error
                | OutputState::Cancel
                | OutputState::Persistent
                | OutputState::Idle,
            ) => OutputState::Invalidated,
            (_, state) => {
                return Err(IllegalStep(format!(
                    "progress of {output:?} (persistent: {persistent}), which was {state:?}"
                )));
            }
        };
        Ok(())
    }

    fn show(&mut self, frame: &Map<String, Json>) {
        for (key, value) in frame.get("values").and_then(Json::as_object).into_iter().flatten() {
            self.errors.remove(key);
            self.values.insert(key.clone(), value.clone());
        }
        for (key, error) in frame.get("errors").and_then(Json::as_object).into_iter().flatten() {
            self.values.remove(key);
            let text = error["message"].as_str().unwrap_or_default();
            self.errors.insert(key.clone(), text.to_owned());
        }
        for message in frame.get("inputMessages").and_then(Json::as_array).into_iter().flatten() {
            let id = message["id"].as_str().unwrap_or_default();
            self.input_messages.push((id.to_owned(), message["message"].clone()));
        }
        for (kind, message) in frame.get("custom").and_then(Json::as_object).into_iter().flatten() {
            self.custom.push((kind.clone(), message.clone()));
        }
        if let Some(response) = frame.get("response").and_then(Json::as_object) {
            let answer = match response.get("value") {
                Some(value) => Ok(value.clone()),
                None => Err(response["error"].as_str().unwrap_or_default().to_owned()),
            };
            self.responses.push((response["tag"].clone(), answer));
        }
        if let Some(busy) = frame.get("busy") {
            self.busy = busy == "busy";
        }
        if let Some(id) = frame.get("config").and_then(|config| config["sessionId"].as_str()) {
            self.session_id = Some(id.to_owned());
        }
    }

    /// Where the client stands with an output.
    #[must_use]
    pub fn state(&self, output: &str) -> OutputState {
        self.outputs.get(output).copied().unwrap_or_default()
    }

    /// What an output shows: a value, an error's text, or nothing.
    #[must_use]
    pub fn shows(&self, output: &str) -> Option<Result<&Json, &str>> {
        match self.errors.get(output) {
            Some(error) => Some(Err(error)),
            None => self.values.get(output).map(Ok),
        }
    }

    /// Every value shown, by output.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, Json> {
        &self.values
    }

    /// Every error shown, by output.
    #[must_use]
    pub const fn errors(&self) -> &BTreeMap<String, String> {
        &self.errors
    }

    /// Responses in the order they came, by tag.
    pub fn responses(&self) -> &[(Json, Result<Json, String>)] {
        &self.responses
    }

    /// Custom messages in the order they came.
    #[must_use]
    pub fn custom(&self) -> &[(String, Json)] {
        &self.custom
    }

    /// Messages to inputs in the order they came.
    #[must_use]
    pub fn input_messages(&self) -> &[(String, Json)] {
        &self.input_messages
    }

    /// Whether the page says that the session is busy.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.busy
    }

    /// The id the session gave itself.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }
}

fn text<'a>(message: &'a Json, key: &str) -> Result<&'a str, IllegalStep> {
    message[key].as_str().ok_or_else(|| IllegalStep(format!("no {key} in {message}")))
}
