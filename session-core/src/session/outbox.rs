//! What waits for the link: items in the order they happened, merged into as few frames as the client allows.
//!
//! The client handles the keys of one frame in an order of its own: first `recalculating`, then `values`
//! and `errors` (a *flush*), then `progress` drive the state of each output; so two items may share a frame
//! only if that order does not matter for them (decision 25). What is said of one output may overtake the
//! news that another one is out of date. One output's update is three frames rather than six, k outputs' are 2k + 1
//! rather than 3k + 3, as long as they run in the order in which they got out of date.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::link::{Frame, Text};
use crate::message::codec;
use crate::session::outputs::{OutputKey, Outputs};

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Item>,
    /// Outputs that are out of date, taken from the front of the queue: each frame has room for one.
    progress: VecDeque<(Arc<str>, bool)>,
    /// How often `progress` was queued, and how often it is in a frame.
    told: u64,
    sent: u64,
    /// Bytes that wait, the values of outputs apart.
    bytes: usize,
    /// Frames are cut from here; reused once the link has let go of them.
    buffer: BytesMut,
}

#[derive(Debug)]
pub(crate) enum Item {
    /// An output is out of date, or (persistent) works on its value in the background.
    Progress { output: Arc<str>, persistent: bool },
    /// An output starts (`true`) or stops (`false`) to run.
    /// `after`: the number of the `progress` that goes ahead of it, in a frame of its own.
    Recalculating { output: Arc<str>, running: bool, after: u64 },
    /// The session has, or no longer has, work at hand.
    Busy(bool),
    /// The results of one flush.
    Flush(Flush),
    /// A whole text frame.
    Text(Vec<u8>),
    /// A whole binary frame.
    Binary(Bytes),
}

/// The results of one flush. The outputs' values stay with the outputs until the frame is written, so that
/// the newest goes out.
#[derive(Debug, Default)]
pub(crate) struct Flush {
    pub(crate) outputs: Vec<OutputKey>,
    pub(crate) input_messages: Vec<Vec<u8>>,
}

/// What an item takes beside what it carries, in bytes, more or less: nothing that waits is free.
const BASE: usize = 64;

impl Item {
    /// An output stops to run. That it runs goes ahead of it anyway.
    pub(crate) fn stopped(output: &Arc<str>) -> Self {
        Self::Recalculating { output: output.clone(), running: false, after: 0 }
    }

    fn bytes(&self) -> usize {
        let carried = match self {
            Self::Progress { output, .. } | Self::Recalculating { output, .. } => output.len(),
            Self::Flush(flush) => flush.input_messages.iter().map(Vec::len).sum(),
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Busy(_) => 0,
        };
        BASE + carried
    }
}

impl Outbox {
    pub(crate) fn push(&mut self, item: Item) {
        if let (Item::Busy(busy), Some(Item::Busy(last))) = (&item, self.queue.back()) {
            // Busy and idle with nothing between them are no news.
            if busy != last {
                self.queue.pop_back();
                self.bytes -= BASE;
            }
            return;
        }
        self.bytes += item.bytes();
        self.told += u64::from(matches!(item, Item::Progress { .. }));
        self.queue.push_back(item);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.progress.is_empty()
    }

    /// The number of the latest `progress`.
    pub(crate) const fn told(&self) -> u64 {
        self.told
    }

    /// Takes an output out of the results that wait.
    pub(crate) fn withdraw(&mut self, output: OutputKey) {
        for item in &mut self.queue {
            if let Item::Flush(flush) = item {
                flush.outputs.retain(|key| *key != output);
            }
        }
    }

    /// Bytes that wait, the values of outputs apart.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Merges the next items into one frame and takes them out; `None` when nothing waits.
    pub(crate) fn next_frame(&mut self, outputs: &mut Outputs) -> Option<Frame> {
        let mut merged = Merged { sent: self.sent, ..Merged::default() };
        if let Some((output, persistent)) = self.progress.pop_front() {
            self.take_progress(&mut merged, output, persistent);
        }
        while let Some(item) = self.queue.front() {
            if !merged.takes(item) {
                break;
            }
            let Some(item) = self.queue.pop_front() else { break };
            if !matches!(item, Item::Progress { .. }) {
                self.bytes -= item.bytes();
            }
            match item {
                Item::Progress { output, persistent } if merged.progress.is_none() => {
                    self.take_progress(&mut merged, output, persistent);
                }
                Item::Progress { output, persistent } => {
                    self.progress.push_back((output, persistent));
                }
                Item::Recalculating { output, running, .. } => {
                    merged.recalculating = Some((output, running));
                }
                Item::Busy(busy) => merged.busy = Some(busy),
                Item::Flush(flush) => merged.flush = Some(flush),
                Item::Text(text) => return Some(Frame::Text(Text::written(text.into()))),
                Item::Binary(bytes) => return Some(Frame::Binary(bytes)),
            }
        }
        if merged.is_empty() {
            return None;
        }
        merged.write(&mut self.buffer, outputs);
        let frame = self.buffer.split().freeze();
        if self.is_empty() && self.buffer.capacity() > KEEP {
            // An idle session keeps no buffer that is large.
            self.buffer = BytesMut::new();
        }
        Some(Frame::Text(Text::written(frame)))
    }

    fn take_progress(&mut self, merged: &mut Merged, output: Arc<str>, persistent: bool) {
        self.sent += 1;
        self.bytes -= BASE + output.len();
        merged.progress = Some((output, persistent));
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.progress = VecDeque::new();
        self.sent = self.told;
        self.bytes = 0;
    }
}

/// Largest buffer kept between flushes, in bytes: a page's usual flush fits.
const KEEP: usize = 4096;

/// The frame that is being put together.
#[derive(Debug, Default)]
struct Merged {
    /// How many `progress` are in earlier frames.
    sent: u64,
    progress: Option<(Arc<str>, bool)>,
    recalculating: Option<(Arc<str>, bool)>,
    busy: Option<bool>,
    flush: Option<Flush>,
}

impl Merged {
    const fn is_empty(&self) -> bool {
        self.progress.is_none()
            && self.recalculating.is_none()
            && self.busy.is_none()
            && self.flush.is_none()
    }

    /// Whether the client would do the same with `item` in this frame as with `item` in the next.
    fn takes(&self, item: &Item) -> bool {
        if self.flush.is_some() {
            return false;
        }
        match item {
            // Handled after everything else of a frame, so the first goes into this one, the others wait for the next.
            Item::Progress { .. } => true,
            // Handled before the frame's progress, so what the same output was told before is in an earlier frame.
            Item::Recalculating { after, .. } => {
                self.recalculating.is_none() && *after <= self.sent
            }
            Item::Busy(_) => self.busy.is_none(),
            // Handled before the frame's progress.
            Item::Flush(_) => self.progress.is_none(),
            Item::Text(_) | Item::Binary(_) => self.is_empty(),
        }
    }

    fn write(self, out: &mut BytesMut, outputs: &mut Outputs) {
        let start = out.len();
        if let Some((output, persistent)) = self.progress {
            out.extend_from_slice(br#","progress":{"type":"binding","message":{"id":""#);
            codec::name(out, &output);
            out.extend_from_slice(if persistent { br#"","persistent":true}}"# } else { br#""}}"# });
        }
        if let Some((output, running)) = self.recalculating {
            out.extend_from_slice(br#","recalculating":{"name":""#);
            codec::name(out, &output);
            out.extend_from_slice(if running {
                br#"","status":"recalculating"}"#
            } else {
                br#"","status":"recalculated"}"#
            });
        }
        if let Some(busy) = self.busy {
            out.extend_from_slice(if busy { br#","busy":"busy""# } else { br#","busy":"idle""# });
        }
        if let Some(flush) = self.flush {
            out.extend_from_slice(br#","values":{"#);
            outputs.write_values(out, &flush.outputs);
            out.extend_from_slice(br#"},"errors":{"#);
            outputs.write_errors(out, &flush.outputs);
            out.extend_from_slice(br#"},"inputMessages":["#);
            for (index, message) in flush.input_messages.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b"," });
                out.extend_from_slice(message);
            }
            out.extend_from_slice(b"]");
            outputs.written(&flush.outputs);
        }
        out.extend_from_slice(b"}");
        // What comes first has no comma before it.
        out[start] = b'{';
    }
}
