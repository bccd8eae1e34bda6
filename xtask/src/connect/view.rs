//! What the client has seen of its session: frames go in, news for a person come out.
//!
//! Not [`session_core::testing::ClientModel`], which follows the Shiny client step by step to find the frame that it
//! would throw away. A client for people wants less of that, and what changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use session_core::link::Frame;

use super::text::unescaped;

/// The client's side of one session.
#[derive(Debug, Default)]
pub(super) struct View {
    session: Option<String>,
    outputs: BTreeMap<String, Result<Json, String>>,
    /// Outputs whose value is worked on in the background.
    working: BTreeSet<String>,
    /// What was given out for download: the URL by its last part.
    links: BTreeMap<String, String>,
    /// Inputs whose name goes with a type on the wire: `minimum` → `minimum:shiny.number`.
    keys: BTreeMap<String, String>,
}

/// Something that a person, or the conversation, wants to know.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum News {
    /// An output shows another value, or another error. With what it offers for download.
    Output { name: String, shows: Result<Json, String>, links: Vec<String> },
    /// An output will show a value later.
    Working(String),
    /// The answer to a request.
    Answer { tag: u64, answer: Result<Json, String> },
    /// The server gives an input another value.
    Input { name: String, value: Json },
    /// The server has a message for the page.
    Message { kind: String, message: Json },
    /// The same, as bytes.
    Bytes { kind: String, length: usize },
    /// The session has work at hand, or no longer has.
    Busy(bool),
}

/// What the demo answers to the request `page`: what a page would send when it opens, and which outputs it has.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) inputs: Map<String, Json>,
    #[serde(default)]
    pub(super) outputs: Vec<String>,
}

/// The server sent what is no message of a session.
#[derive(Debug, thiserror::Error)]
#[error("the server sent what is no message of a session")]
pub(super) struct NoMessage(#[from] serde_json::Error);

impl View {
    /// Takes a frame of the server.
    pub(super) fn take(&mut self, frame: &Frame) -> Result<Vec<News>, NoMessage> {
        match frame {
            Frame::Text(text) => {
                let message: Map<String, Json> = serde_json::from_str(text.as_str())?;
                Ok(self.message(&message))
            }
            Frame::Binary(bytes) => {
                // The length of the kind, the kind, the bytes.
                let kind =
                    bytes.split_first().and_then(|(&length, rest)| rest.get(..length.into()));
                let kind = String::from_utf8_lossy(kind.unwrap_or_default()).into_owned();
                let length = bytes.len().saturating_sub(1 + kind.len());
                Ok(vec![News::Bytes { kind, length }])
            }
        }
    }

    fn message(&mut self, message: &Map<String, Json>) -> Vec<News> {
        let mut news = Vec::new();
        if let Some(id) = message.get("config").and_then(|config| config["sessionId"].as_str()) {
            self.session = Some(id.to_owned());
        }
        if let Some(name) = message.get("recalculating").and_then(|it| it["name"].as_str()) {
            self.working.remove(name);
        }
        for (name, value) in object(message, "values") {
            self.output(name, Ok(value.clone()), &mut news);
        }
        for (name, error) in object(message, "errors") {
            let text = error["message"].as_str().unwrap_or_default();
            self.output(name, Err(text.to_owned()), &mut news);
        }
        for input in message.get("inputMessages").and_then(Json::as_array).into_iter().flatten() {
            if let (Some(name), Some(value)) = (input["id"].as_str(), input["message"].get("value"))
            {
                news.push(News::Input { name: name.to_owned(), value: value.clone() });
            }
        }
        if let Some(progress) = message.get("progress") {
            let about = &progress["message"];
            if let (Some(name), Some(true)) = (about["id"].as_str(), about["persistent"].as_bool())
                && self.working.insert(name.to_owned())
            {
                news.push(News::Working(name.to_owned()));
            }
        }
        for (kind, message) in object(message, "custom") {
            self.find_links(message);
            news.push(News::Message { kind: kind.clone(), message: message.clone() });
        }
        if let Some(response) = message.get("response") {
            let answer = match response.get("value") {
                Some(value) => Ok(value.clone()),
                None => Err(response["error"].as_str().unwrap_or_default().to_owned()),
            };
            if let Some(tag) = response["tag"].as_u64() {
                if let Ok(value) = &answer {
                    self.find_links(value);
                }
                news.push(News::Answer { tag, answer });
            }
        }
        if let Some(busy) = message.get("busy") {
            news.push(News::Busy(busy == "busy"));
        }
        news
    }

    fn output(&mut self, name: &str, shows: Result<Json, String>, news: &mut Vec<News>) {
        self.working.remove(name);
        match self.outputs.get(name) {
            Some(known) if *known == shows => return,
            // An output whose inputs are not there yet says so with nothing.
            None if shows == Ok(Json::Null) => return,
            _ => {}
        }
        let links = shows.as_ref().map_or_else(|_| Vec::new(), |value| self.find_links(value));
        self.outputs.insert(name.to_owned(), shows.clone());
        news.push(News::Output { name: name.to_owned(), shows, links });
    }

    /// Remembers the URLs of this session in a value, and gives the names they go by.
    fn find_links(&mut self, value: &Json) -> Vec<String> {
        let mut names = Vec::new();
        let Some(session) = &self.session else { return names };
        let beginning = format!("session/{session}/");
        let mut texts = vec![value];
        while let Some(value) = texts.pop() {
            match value {
                Json::String(text) => {
                    for (at, _) in text.match_indices(&beginning) {
                        let url = &text[at..];
                        let end = url.find(|c: char| c.is_whitespace() || "\"'<>\\)".contains(c));
                        let url = unescaped(&url[..end.unwrap_or(url.len())]);
                        // The action, and then the name: dynamic_route/rows.csv?nonce=…
                        let name = url[beginning.len()..].split_once('/').map_or("", |(_, it)| it);
                        let name = name.split('?').next().unwrap_or_default().to_owned();
                        if !name.is_empty() {
                            self.links.insert(name.clone(), url);
                            names.push(name);
                        }
                    }
                }
                Json::Array(list) => texts.extend(list),
                Json::Object(parts) => texts.extend(parts.values()),
                _ => {}
            }
        }
        names
    }

    /// Where to find what goes by `name`, or stands at that path; `None` for a name that was not given out.
    pub(super) fn url(&self, name: &str) -> Option<String> {
        let url = match self.links.get(name) {
            Some(url) => url,
            None if name.contains('/') => name,
            None => return None,
        };
        Some(format!("/{}", url.trim_start_matches('/')))
    }

    /// What an output shows now.
    pub(super) fn shows(&self, output: &str) -> Option<&Result<Json, String>> {
        self.outputs.get(output)
    }

    /// Whether some value is still worked on.
    pub(super) fn is_working(&self) -> bool {
        !self.working.is_empty()
    }

    /// Forgets an output that was hidden: shown again, it is news.
    pub(super) fn forget(&mut self, output: &str) {
        self.outputs.remove(output);
        self.working.remove(output);
    }

    /// Learns the types that inputs have on the wire.
    pub(super) fn learn(&mut self, page: &Page) {
        for key in page.inputs.keys() {
            if let Some((name, _)) = key.split_once(':') {
                self.keys.insert(name.to_owned(), key.clone());
            }
        }
    }

    /// An input as a page would send it: with its type, and an emptied field of numbers as no number.
    pub(super) fn input(&self, name: &str, value: Json) -> (String, Json) {
        let key = self.keys.get(name).map_or(name, String::as_str).to_owned();
        let value = match value {
            Json::String(text) if key.ends_with(":shiny.number") => {
                text.trim().parse().map_or(Json::Null, |number: serde_json::Number| number.into())
            }
            value => value,
        };
        (key, value)
    }
}

fn object<'a>(
    message: &'a Map<String, Json>,
    key: &str,
) -> impl Iterator<Item = (&'a String, &'a Json)> {
    message.get(key).and_then(Json::as_object).into_iter().flatten()
}

/// What tells the server that outputs are on the screen, or are not.
pub(super) fn visibility<'a>(
    outputs: impl IntoIterator<Item = &'a String>,
    hidden: Hidden,
) -> Map<String, Json> {
    let key = |name: &String| format!(".clientdata_output_{name}_hidden");
    outputs.into_iter().map(|name| (key(name), (hidden == Hidden::Yes).into())).collect()
}

/// Whether an output is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn take(view: &mut View, message: &Json) -> Vec<News> {
        view.take(&Frame::Text(message.to_string().into())).unwrap()
    }

    fn output(name: &str, shows: Result<Json, String>) -> News {
        News::Output { name: name.to_owned(), shows, links: Vec::new() }
    }

    fn values(values: &Json) -> Json {
        json!({ "values": values, "errors": {}, "inputMessages": [] })
    }

    #[test]
    fn an_output_is_news_when_it_changes() {
        let mut view = View::default();
        assert_eq!(take(&mut view, &values(&json!({"a": 1, "b": "x"}))).len(), 2);
        assert_eq!(
            take(&mut view, &values(&json!({"a": 2, "b": "x"}))),
            [output("a", Ok(json!(2)))]
        );
        let errors =
            json!({ "values": {}, "errors": {"a": {"message": "no"}}, "inputMessages": [] });
        assert_eq!(take(&mut view, &errors), [output("a", Err("no".into()))]);
        assert_eq!(take(&mut view, &errors), []);
        assert_eq!(view.shows("b"), Some(&Ok(json!("x"))));
        assert_eq!(
            take(&mut view, &values(&json!({"c": null, "b": null}))),
            [output("b", Ok(Json::Null))]
        );
        assert_eq!(view.shows("c"), None);
        view.forget("b");
        assert_eq!(take(&mut view, &values(&json!({"b": "x"}))), [output("b", Ok(json!("x")))]);
    }

    #[test]
    fn an_output_works_until_it_runs_again_or_shows_something() {
        let working = json!({ "progress": { "type": "binding", "message": { "id": "a", "persistent": true } } });
        let stale = json!({ "progress": { "type": "binding", "message": { "id": "a" } } });
        let runs = json!({ "recalculating": { "name": "a", "status": "recalculating" } });
        let mut view = View::default();
        for end in [runs, values(&json!({"a": 1})), values(&json!({"a": 1}))] {
            assert_eq!(take(&mut view, &working), [News::Working("a".into())]);
            assert_eq!(take(&mut view, &working), [], "that is known");
            assert_eq!(take(&mut view, &stale), []);
            assert!(view.is_working());
            take(&mut view, &end);
            assert!(!view.is_working());
        }
    }

    #[test]
    fn answers_messages_and_inputs_are_news() {
        let mut view = View::default();
        let news = take(&mut view, &json!({"response": {"tag": 3, "value": null}}));
        assert_eq!(news, [News::Answer { tag: 3, answer: Ok(Json::Null) }]);
        let news = take(&mut view, &json!({"response": {"tag": 4, "error": "no"}}));
        assert_eq!(news, [News::Answer { tag: 4, answer: Err("no".into()) }]);
        let news = take(&mut view, &json!({"custom": {"hi": [1]}}));
        assert_eq!(news, [News::Message { kind: "hi".into(), message: json!([1]) }]);
        let inputs =
            json!([{"id": "n", "message": {"value": 5}}, {"id": "m", "message": {"label": "x"}}]);
        let news = take(&mut view, &json!({"values": {}, "errors": {}, "inputMessages": inputs}));
        assert_eq!(news, [News::Input { name: "n".into(), value: json!(5) }]);
        assert_eq!(take(&mut view, &json!({"busy": "busy"})), [News::Busy(true)]);
        let news = view.take(&Frame::Binary(vec![2, b'h', b'i', 0, 1, 2].into())).unwrap();
        assert_eq!(news, [News::Bytes { kind: "hi".into(), length: 3 }]);
    }

    #[test]
    fn bytes_of_any_shape_do_no_harm() {
        let mut view = View::default();
        for bytes in [vec![], vec![9], vec![3, b'a'], vec![1, 0xff, 1]] {
            assert_eq!(view.take(&Frame::Binary(bytes.into())).unwrap().len(), 1);
        }
        for text in ["", "[]", "{"] {
            assert!(view.take(&Frame::Text(text.into())).is_err(), "{text}");
        }
        for odd in [
            json!({"values": 3, "errors": []}),
            json!({"response": {"tag": {}}}),
            json!({"progress": null}),
        ] {
            assert_eq!(take(&mut view, &odd), []);
        }
    }

    #[test]
    fn what_the_session_serves_goes_by_its_last_part() {
        let mut view = View::default();
        take(&mut view, &json!({"config": {"sessionId": "ab12"}}));
        let html = r#"<a href="session/ab12/dynamic_route/rows.csv?nonce=1&amp;x=2">Download</a> session/other/dynamic_route/x"#;
        let news = take(&mut view, &values(&json!({"download": html})));
        let [News::Output { links, .. }] = &news[..] else { panic!("{news:?}") };
        assert_eq!(links, &["rows.csv"]);
        assert_eq!(
            view.url("rows.csv").unwrap(),
            "/session/ab12/dynamic_route/rows.csv?nonce=1&x=2"
        );
        assert_eq!(
            view.url("session/ab12/dynamic_route/y").unwrap(),
            "/session/ab12/dynamic_route/y"
        );
        assert_eq!(view.url("/x").unwrap(), "/x");
        take(
            &mut view,
            &json!({"response": {"tag": 1, "value": {"at": ["session/ab12/dynamic_route/m-y/z"]}}}),
        );
        assert_eq!(view.url("m-y/z").unwrap(), "/session/ab12/dynamic_route/m-y/z");
    }

    #[test]
    fn inputs_are_sent_with_the_types_that_the_page_gave_them() {
        let mut view = View::default();
        assert_eq!(view.input("n", json!("")), ("n".into(), json!("")));
        let inputs = json!({"n:shiny.number": null, "add:shiny.action": 0, "text": ""});
        let page: Page = serde_json::from_value(json!({ "inputs": inputs })).unwrap();
        view.learn(&page);
        assert_eq!(view.input("n", json!("")), ("n:shiny.number".into(), Json::Null));
        assert_eq!(view.input("n", json!("2.5")), ("n:shiny.number".into(), json!(2.5)));
        assert_eq!(view.input("n", json!(3)), ("n:shiny.number".into(), json!(3)));
        assert_eq!(view.input("add", json!(1)), ("add:shiny.action".into(), json!(1)));
        assert_eq!(view.input("text", json!("a")), ("text".into(), json!("a")));
    }
}
