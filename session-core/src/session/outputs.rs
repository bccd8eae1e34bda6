//! The outputs of a session: what each last gave, and where the client stands with it.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use reactive::Effect;

use crate::message::codec;
use crate::name::{Names, Namespace};

/// One registration of an output; never reused, so that a late result finds out that it is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputKey {
    index: usize,
    serial: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Outputs {
    slots: Vec<Option<Output>>,
    free: Vec<usize>,
    names: Names<OutputKey>,
    next_serial: u64,
    /// Bytes of values that wait in the outbox.
    queued_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Output {
    serial: u64,
    pub(crate) name: Arc<str>,
    /// The observer that renders it; set right after registration.
    pub(crate) effect: Option<Effect>,
    pub(crate) suspend_when_hidden: bool,
    /// Where the client's state machine will be once everything in the outbox is delivered.
    pub(crate) client: ClientState,
    /// The number of the latest `progress` of this name, as the outbox counts them: it goes ahead of whatever the
    /// client is told next of this output.
    pub(crate) told: u64,
    /// What the newest run gave.
    outcome: Outcome,
    /// The JSON of a value, or the text of an error.
    content: Vec<u8>,
    /// Its result waits in the outbox: a newer one takes its place without another round (newest wins).
    pub(crate) queued: bool,
    /// Its result belongs to the flush at hand, where a newer one takes its place likewise.
    pub(crate) listed: bool,
    /// The future at work on its value.
    pub(crate) task: Option<u64>,
}

/// The client's state machine of one output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientState {
    /// Never ran, or the client is told that it is out of date: may start to run.
    Ready,
    /// Runs.
    Running,
    /// Has run; its result, if any, is in the next flush.
    Done,
    /// Works on its value in the background.
    Persistent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Nothing,
    Value,
    Error,
}

/// What one run of an output came to, ready for the wire.
#[derive(Debug)]
pub(crate) enum Rendered {
    /// A value as JSON.
    Value(Vec<u8>),
    /// An error's text, fit for the client.
    Error(String),
    /// Neither: the client keeps what it shows.
    Cancel,
}

impl Output {
    /// Whether its result has yet to go out: a newer one takes its place, and the client is not told of the run.
    pub(crate) const fn waits(&self) -> bool {
        self.queued || self.listed
    }
}

impl Outputs {
    /// Adds an output; `told` is the number of the latest `progress` of all.
    pub(crate) fn insert(&mut self, name: &str, suspend_when_hidden: bool, told: u64) -> OutputKey {
        let serial = self.next_serial;
        self.next_serial += 1;
        let output = Output {
            serial,
            name: name.into(),
            effect: None,
            suspend_when_hidden,
            client: ClientState::Ready,
            told,
            outcome: Outcome::Nothing,
            content: Vec::new(),
            queued: false,
            listed: false,
            task: None,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index] = Some(output);
                index
            }
            None => {
                self.slots.push(Some(output));
                self.slots.len() - 1
            }
        };
        let key = OutputKey { index, serial };
        self.names.insert(name, key);
        key
    }

    pub(crate) fn get(&self, key: OutputKey) -> Option<&Output> {
        self.slots.get(key.index)?.as_ref().filter(|output| output.serial == key.serial)
    }

    pub(crate) fn get_mut(&mut self, key: OutputKey) -> Option<&mut Output> {
        self.slots.get_mut(key.index)?.as_mut().filter(|output| output.serial == key.serial)
    }

    pub(crate) fn named(&self, name: &str) -> Option<(OutputKey, &Output)> {
        let key = *self.names.get(name)?;
        Some((key, self.get(key)?))
    }

    /// Takes the output `name` out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Output> {
        let key = self.names.remove(name)?;
        self.free_slot(key)
    }

    /// Takes the outputs within a namespace out.
    pub(crate) fn remove_within(&mut self, within: &Namespace) -> Vec<Output> {
        let keys = self.names.remove_within(within);
        keys.into_iter().filter_map(|key| self.free_slot(key)).collect()
    }

    fn free_slot(&mut self, key: OutputKey) -> Option<Output> {
        self.get(key)?;
        let output = self.slots.get_mut(key.index)?.take()?;
        self.free.push(key.index);
        if output.queued {
            self.queued_bytes -= output.content.len();
        }
        Some(output)
    }

    /// The namespace of each, and the bytes of its value that wait.
    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> impl Iterator<Item = (Namespace, usize)> {
        self.slots.iter().flatten().map(|output| {
            let waiting = if output.queued { output.content.len() } else { 0 };
            (Namespace::of(&output.name), waiting)
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Keeps what a run gave.
    pub(crate) fn store(&mut self, key: OutputKey, rendered: Rendered) {
        let Some(output) = self.get_mut(key) else { return };
        let former = if output.queued { output.content.len() } else { 0 };
        (output.outcome, output.content) = match rendered {
            Rendered::Value(json) => (Outcome::Value, json),
            Rendered::Error(text) => (Outcome::Error, text.into_bytes()),
            // A result that waits is what the client will show, and is kept.
            Rendered::Cancel if output.waits() => return,
            Rendered::Cancel => (Outcome::Nothing, Vec::new()),
        };
        if output.queued {
            let now = output.content.len();
            self.queued_bytes = self.queued_bytes - former + now;
        }
    }

    /// Takes back a result that waits.
    pub(crate) fn withdraw(&mut self, key: OutputKey) {
        let Some(output) = self.get_mut(key) else { return };
        let content = std::mem::take(&mut output.content);
        output.outcome = Outcome::Nothing;
        output.listed = false;
        if std::mem::take(&mut output.queued) {
            self.queued_bytes -= content.len();
        }
    }

    /// Marks the results of a flush as waiting in the outbox.
    pub(crate) fn queue(&mut self, keys: &[OutputKey]) {
        for key in keys {
            let Some(output) = self.get_mut(*key) else { continue };
            output.listed = false;
            output.queued = true;
            let bytes = output.content.len();
            self.queued_bytes += bytes;
        }
    }

    pub(crate) fn write_values(&self, out: &mut BytesMut, keys: &[OutputKey]) {
        let mut lead: &[u8] = b"\"";
        for output in keys.iter().filter_map(|key| self.get(*key)) {
            if output.outcome == Outcome::Value {
                out.extend_from_slice(lead);
                codec::name(out, &output.name);
                out.extend_from_slice(b"\":");
                out.extend_from_slice(&output.content);
                lead = b",\"";
            }
        }
    }

    pub(crate) fn write_errors(&self, out: &mut BytesMut, keys: &[OutputKey]) {
        let mut lead: &[u8] = b"\"";
        for output in keys.iter().filter_map(|key| self.get(*key)) {
            if output.outcome == Outcome::Error {
                out.extend_from_slice(lead);
                codec::name(out, &output.name);
                out.extend_from_slice(br#"":{"message":"#);
                codec::json(out.writer(), &*String::from_utf8_lossy(&output.content));
                out.extend_from_slice(br#","call":null,"type":null}"#);
                lead = b",\"";
            }
        }
    }

    /// The results of a flush are on their way.
    pub(crate) fn written(&mut self, keys: &[OutputKey]) {
        for key in keys {
            let Some(output) = self.get_mut(*key) else { continue };
            if std::mem::take(&mut output.queued) {
                let bytes = output.content.len();
                // The client has it now.
                output.content = Vec::new();
                output.outcome = Outcome::Nothing;
                self.queued_bytes -= bytes;
            }
        }
    }
}
