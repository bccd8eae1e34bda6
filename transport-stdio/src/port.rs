//! Two pipes and the two threads that work on them: what both ends of the wire have in common.
//!
//! | file | what |
//! |---|---|
//! | `inbound` | frames that arrived, until the link takes them |
//! | `outbound` | everything on its way out, and who writes it |
//! | `reader` | the thread `stdio-read`: takes the input apart and hands it on |
//! | `hold` | who still needs the pipes, and how the threads end |
//!
//! # What a frame costs
//!
//! Five calls of the system for one that comes and goes alone: the reader's `poll` and `read`, the wake of the task and
//! its `epoll_wait`, and one `pwritev2` by the task itself, which need not call the writer for what a pipe takes at
//! once. A loop that blocks in `read` and `write` makes two of them and no switch of threads, which is what the rest is
//! spent on: of the samples of an echo of 100 bytes, 87 of 100 are in the kernel's sleeping and waking. Frames that
//! come together share all but the last, those that are started between two flushes that one too, and a long frame
//! costs what the pipe does.

use std::io;
use std::sync::{Arc, Weak};
use std::thread;

use tokio_util::sync::CancellationToken;

use crate::config::Framing;
use crate::exchange::Streams;
use crate::system::{Input, Output, Trigger};

mod hold;
mod inbound;
mod outbound;
mod reader;

pub(crate) use hold::{Ending, Hold, Threads};
pub(crate) use inbound::{End, Inbound, Taken};
pub(crate) use outbound::Outbound;
pub(crate) use reader::{Door, Role};

/// What the threads and everyone else share.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) streams: Streams,
    /// How much of a request's body may wait for the app, in bytes.
    pub(crate) body_window: usize,
}

/// How an end is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) framing: Framing,
    pub(crate) max_message: usize,
    pub(crate) body_window: usize,
}

/// A pipe in, a pipe out, and what interrupts waiting for either.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) input: (Input, Trigger),
    pub(crate) output: (Output, Trigger),
}

/// Starts the threads.
pub(crate) fn start(
    pipes: Pipes,
    rules: Rules,
    role: Role,
    ending: Ending,
) -> io::Result<Arc<Hold>> {
    let Pipes { input: (input, stop), output: (output, trigger) } = pipes;
    let port = Arc::new(Port {
        inbound: Inbound::new(),
        outbound: Outbound::new(rules.framing, output, trigger),
        streams: Streams::new(),
        body_window: rules.body_window,
    });
    let done = CancellationToken::new();
    let write = {
        let (port, done) = (Arc::clone(&port), done.clone().drop_guard());
        thread::Builder::new().name("stdio-write".to_owned()).spawn(move || {
            port.outbound.run();
            drop((port, done));
        })?
    };
    let hold = Hold::new(Arc::clone(&port), stop, ending);
    let weak: Weak<Hold> = Arc::downgrade(&hold);
    let heard = CancellationToken::new();
    let read = {
        let heard = heard.clone().drop_guard();
        thread::Builder::new().name("stdio-read".to_owned()).spawn(move || {
            reader::run(input, &port, &weak, rules, role);
            drop((port, weak, heard));
        })?
    };
    hold.set_threads(Threads { read, heard, write, done });
    Ok(hold)
}
