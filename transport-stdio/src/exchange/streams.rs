use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Cut, Stream};
use crate::wire::Id;

/// The exchanges under way.
pub(crate) struct Streams(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_id: HashMap<Id, Arc<Stream>>,
    /// The number of the newest, at the client.
    last: u32,
    /// The peer says nothing more.
    over: bool,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Table::default()))
    }

    /// Held for one look-up.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, id: Id) -> Option<Arc<Stream>> {
        self.lock().by_id.get(&id).cloned()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    pub(crate) fn enter(&self, stream: &Arc<Stream>) {
        self.lock().by_id.insert(stream.id(), Arc::clone(stream));
    }

    /// Enters a stream under a number that is free; `None` when the peer says nothing more.
    pub(crate) fn enter_new(&self, stream: impl FnOnce(Id) -> Stream) -> Option<Arc<Stream>> {
        let mut table = self.lock();
        if table.over {
            return None;
        }
        let id = loop {
            table.last = table.last.wrapping_add(1);
            match Id::new(table.last) {
                Some(id) if !table.by_id.contains_key(&id) => break id,
                _ => {}
            }
        };
        let stream = Arc::new(stream(id));
        table.by_id.insert(id, Arc::clone(&stream));
        Some(stream)
    }

    /// Takes out whatever has the number.
    pub(crate) fn remove(&self, id: Id) -> Option<Arc<Stream>> {
        self.lock().by_id.remove(&id)
    }

    /// Takes a stream out, unless another has its number by now.
    pub(crate) fn leave(&self, stream: &Arc<Stream>) {
        let mut table = self.lock();
        if table.by_id.get(&stream.id()).is_some_and(|found| Arc::ptr_eq(found, stream)) {
            table.by_id.remove(&stream.id());
        }
    }

    /// The server: the client says nothing more. What its bodies lack is missing for good; what is sent to it goes on,
    /// as far as it gave credit.
    pub(crate) fn input_ended(&self, cut: &Cut) {
        let streams: Vec<_> = {
            let mut table = self.lock();
            table.over = true;
            table.by_id.values().cloned().collect()
        };
        for stream in streams {
            stream.deliver_end(Err(cut.clone()));
            stream.no_more_credit();
        }
    }

    /// Every exchange is over.
    pub(crate) fn cut_all(&self, cut: &Cut) {
        let streams = {
            let mut table = self.lock();
            table.over = true;
            mem::take(&mut table.by_id)
        };
        for stream in streams.into_values() {
            stream.cut(cut);
        }
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("count", &self.len()).finish_non_exhaustive()
    }
}
