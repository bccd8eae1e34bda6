//! What a test sees of a session at one moment: inputs, outputs and exported values, as JSON (group O).

use std::collections::BTreeMap;

use http::{Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::catch::catch;
use crate::exchange::{Request, Response, plain};
use crate::name::{Id, Names, Namespace};
use crate::random::hex;
use crate::session::exchanges::not_found;
use crate::session::outputs::Rendered;
use crate::session::registered::Registered;
use crate::{Result, Session};

#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    exports: Names<Registered<Export>>,
    inputs: Names<Registered<Filter>>,
    outputs: Names<Registered<Filter>>,
    /// What each output last gave, as long as that was something (O3).
    kept: Names<Json>,
}

type Export = Box<dyn FnMut(&Session<'_>) -> Result<Json> + Send>;
type Filter = Box<dyn FnMut(Json) -> Json + Send>;

/// Which filters: those of the inputs, or those of the outputs.
type Filters = fn(&mut Snapshot) -> &mut Names<Registered<Filter>>;

/// What of a scope is taken apart here, to be dropped once nothing is borrowed.
#[derive(Debug)]
pub(crate) struct Removed {
    _exports: Vec<Registered<Export>>,
    _filters: Vec<Registered<Filter>>,
}

impl Snapshot {
    const fn inputs(&mut self) -> &mut Names<Registered<Filter>> {
        &mut self.inputs
    }

    const fn outputs(&mut self) -> &mut Names<Registered<Filter>> {
        &mut self.outputs
    }

    pub(crate) fn remove_within(&mut self, within: &Namespace) -> Removed {
        let mut filters = self.inputs.remove_within(within);
        filters.extend(self.outputs.remove_within(within));
        Removed { _exports: self.exports.remove_within(within), _filters: filters }
    }

    /// Keeps what a run of an output gave. The client forgets a value when the output has nothing to show; a test does
    /// not (O3).
    pub(crate) fn keep(&mut self, output: &str, rendered: &Rendered) {
        let kept = match rendered {
            Rendered::Value(json) => serde_json::from_slice(json).unwrap_or_default(),
            Rendered::Error(text) => json!({ "__shiny_output_error__": text }),
            Rendered::Cancel => return,
        };
        self.kept.insert(output, kept);
    }

    /// An output is no more.
    pub(crate) fn forget(&mut self, output: &str) {
        self.kept.remove(output);
    }

    /// Who registered each.
    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> impl Iterator<Item = &Namespace> {
        self.exports.owners().chain(self.inputs.owners()).chain(self.outputs.owners())
    }

    /// Values and filters that app code registered.
    #[cfg(feature = "testing")]
    pub(crate) fn len(&self) -> usize {
        self.exports.len() + self.inputs.len() + self.outputs.len()
    }
}

/// A part of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Input,
    Output,
    Export,
}

impl Block {
    const ALL: [Self; 3] = [Self::Input, Self::Output, Self::Export];

    const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Export => "export",
        }
    }
}

impl Session<'_> {
    /// Shows `value` in the test snapshots of the session, under `name` after this scope's namespace (O4). It is
    /// computed when a snapshot is asked for, in this scope, and takes no dependencies. The same name again replaces it;
    /// it goes with the scope.
    ///
    /// Does nothing unless [`App::test_mode`](crate::App::test_mode) is on (O2).
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn export_test_value<T, F>(&self, name: impl Id, mut value: F) -> Result<()>
    where
        T: Serialize,
        F: FnMut(&Session<'_>) -> Result<T> + Send + 'static,
    {
        let name = name.resolve(self.namespace())?;
        if self.records_tests() {
            let export: Export = Box::new(move |s| Ok(serde_json::to_value(value(s)?)?));
            let export = Registered::new(self.namespace(), export);
            let replaced = self.state().snapshot.borrow_mut().exports.insert(&name, export);
            drop(replaced);
        }
        Ok(())
    }

    /// Has the value of the input `id` of this scope go through `filter` on its way into a test snapshot: for times,
    /// paths and the like, which are never the same twice. Does nothing unless
    /// [`App::test_mode`](crate::App::test_mode) is on.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn snapshot_input_with<F>(&self, id: impl Id, filter: F) -> Result<()>
    where
        F: FnMut(Json) -> Json + Send + 'static,
    {
        self.insert_filter(Snapshot::inputs, id, Box::new(filter))
    }

    /// As [`snapshot_input_with`](Self::snapshot_input_with), for the value of an output. An error is shown as it is.
    ///
    /// # Errors
    ///
    /// [`InvalidId`](crate::InvalidId).
    pub fn snapshot_output_with<F>(&self, id: impl Id, filter: F) -> Result<()>
    where
        F: FnMut(Json) -> Json + Send + 'static,
    {
        self.insert_filter(Snapshot::outputs, id, Box::new(filter))
    }

    fn insert_filter(&self, filters: Filters, id: impl Id, filter: Filter) -> Result<()> {
        let id = id.resolve(self.namespace())?;
        if self.records_tests() {
            let filter = Registered::new(self.namespace(), filter);
            let replaced = filters(&mut self.state().snapshot.borrow_mut()).insert(&id, filter);
            drop(replaced);
        }
        Ok(())
    }

    /// The URL of the session's test snapshots, relative to the page, as a nonce makes it new each time. To it may be
    /// added which parts to show, `&input=1&output=1&export=1`, or which entries of a part, `&output=plot,table`;
    /// everything otherwise. Unless [`App::test_mode`](crate::App::test_mode) is on, a request for it is answered with
    /// 404.
    ///
    /// # Errors
    ///
    /// *Failed* when the system has no randomness to give.
    pub fn test_snapshot_url(&self) -> Result<String> {
        let nonce = hex::<8>()?;
        Ok(format!("session/{}/dataobj/shinytest?w=&nonce={nonce}", self.id()))
    }

    pub(crate) fn records_tests(&self) -> bool {
        self.state().settings.test_mode && !self.is_stub_session()
    }

    /// Answers a request for the data object `name`, of which there is one: the snapshot, while tests are recorded.
    pub(crate) fn answer_snapshot(&self, name: &str, request: &Request) -> Response {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if name != "shinytest" || !reads || !self.records_tests() {
            return not_found();
        }
        let query = Query::parse(request.uri().query().unwrap_or_default());
        if let Some(problem) = query.problem() {
            return plain(StatusCode::BAD_REQUEST, problem);
        }
        let blocks = Block::ALL.into_iter().filter_map(|block| {
            let wanted = query.wants(block)?;
            let mut entries = self.snapshot_of(block);
            if let Some(names) = wanted {
                entries.retain(|name, _| names.iter().any(|wanted| wanted == name));
            }
            Some((block.name(), entries))
        });
        // A sorted map of sorted maps: what is the same reads the same.
        let body = json!(blocks.collect::<BTreeMap<_, _>>()).to_string();
        let mut response = Response::new(body.into());
        let json = header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    fn snapshot_of(&self, block: Block) -> BTreeMap<String, Json> {
        let snapshot = &self.state().snapshot;
        match block {
            // What the client said of its inputs: not of itself, and no passwords.
            Block::Input => self.filtered(Snapshot::inputs, self.known_inputs()),
            Block::Output => {
                let kept = snapshot.borrow().kept.iter().map(own).collect();
                self.filtered(Snapshot::outputs, kept)
            }
            Block::Export => {
                let names: Vec<_> =
                    snapshot.borrow().exports.iter().map(|(name, _)| name.to_owned()).collect();
                names.into_iter().filter_map(|name| self.exported(name)).collect()
            }
        }
    }

    fn filtered(&self, filters: Filters, all: Vec<(String, Json)>) -> BTreeMap<String, Json> {
        let one = |(name, json): (String, Json)| {
            let json = self.filter(filters, &name, json);
            (name, json)
        };
        all.into_iter().map(one).collect()
    }

    fn filter(&self, filters: Filters, name: &str, json: Json) -> Json {
        if json.get("__shiny_output_error__").is_some() {
            return json;
        }
        let snapshot = &self.state().snapshot;
        let lent = filters(&mut snapshot.borrow_mut()).lend(name);
        let Some((_, mut filter)) = lent else { return sorted(json) };
        let json = catch(|| Ok(filter(json))).unwrap_or_else(|failure| {
            let text = self.failure_text(&failure, "filter of a test snapshot", name);
            json!({ "__shiny_snapshot_preprocess_error__": text })
        });
        let replaced = filters(&mut snapshot.borrow_mut()).give_back(name, filter);
        drop(replaced);
        sorted(json)
    }

    fn exported(&self, name: String) -> Option<(String, Json)> {
        let snapshot = &self.state().snapshot;
        let (owner, mut export) = snapshot.borrow_mut().exports.lend(&name)?;
        let view = self.at(&owner);
        let json = catch(|| export(&view)).unwrap_or_else(|failure| {
            let text = self.failure_text(&failure, "exported test value", &name);
            json!({ "__shiny_serialization_error__": text })
        });
        let replaced = snapshot.borrow_mut().exports.give_back(&name, export);
        drop(replaced);
        Some((name, sorted(json)))
    }
}

fn own((name, json): (&str, &Json)) -> (String, Json) {
    (name.to_owned(), json.clone())
}

/// With the keys of every object in order, however the maps of this build keep them.
fn sorted(json: Json) -> Json {
    match json {
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        Json::Object(map) => {
            let map: BTreeMap<_, _> = map.into_iter().collect();
            map.into_iter().map(|(key, item)| (key, sorted(item))).collect::<Map<_, _>>().into()
        }
        json => json,
    }
}

/// What a snapshot is asked for.
struct Query(BTreeMap<String, String>);

impl Query {
    fn parse(query: &str) -> Self {
        let decoded = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(key, value)| (decoded(key), decoded(value))).collect())
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// What is wrong with it.
    fn problem(&self) -> Option<&'static str> {
        if self.get("format").is_some_and(|format| format != "json") {
            return Some("the format of a snapshot is json");
        }
        // The order is the one it asks for anyway.
        let odd_order = self.get("sortC").is_some_and(|sort| sort != "1");
        odd_order.then_some("sortC is 1, or is not given")
    }

    /// Whether a part is wanted, and which entries of it: all for `Some(None)`.
    fn wants(&self, block: Block) -> Option<Option<Vec<&str>>> {
        match self.get(block.name()) {
            Some("1") => Some(None),
            Some(names) => Some(Some(names.split(',').collect())),
            None => {
                let names_another = Block::ALL.iter().any(|other| self.get(other.name()).is_some());
                (!names_another).then_some(None)
            }
        }
    }
}
