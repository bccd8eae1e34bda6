use std::net::SocketAddr;

use crate::support::{
    BINARY, BINARY_PART, CLOSE, LAST_PART, PART, Raw, TEXT, TEXT_PART, echo_server, frame,
};

/// The longest message of any case.
const LIMIT: usize = 4 << 20;

/// One case: what is written and what must come back, in this order.
pub(super) struct Case {
    number: String,
    steps: Vec<Step>,
    end: End,
}

enum Step {
    /// One write of the socket.
    Write(Vec<u8>),
    /// The next frame that comes back: its first byte and its payload.
    Read(u8, Vec<u8>),
}

/// How the connection ends once the steps are done; nothing may come in between, nor after it.
enum End {
    /// The case closes with 1000, and is answered with 1000.
    Closed,
    /// A close frame with this code, or without any, comes by itself: an answer to a close frame among the
    /// steps, or a refusal.
    Code(Option<u16>),
}

impl Case {
    pub(super) fn new(number: impl Into<String>) -> Self {
        Self { number: number.into(), steps: Vec::new(), end: End::Closed }
    }

    /// Writes all of it at once.
    pub(super) fn send(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step::Write(bytes.into()));
        self
    }

    /// Writes it in pieces of `size` bytes.
    pub(super) fn chopped(self, size: usize, bytes: &[u8]) -> Self {
        bytes.chunks(size).fold(self, Self::send)
    }

    /// Wants a frame back before anything else is written.
    pub(super) fn read(mut self, first: u8, payload: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step::Read(first, payload.into()));
        self
    }

    /// The peer must end it, with this code.
    pub(super) fn ends(mut self, code: impl Into<Option<u16>>) -> Self {
        self.end = End::Code(code.into());
        self
    }

    async fn run(self, address: SocketAddr) {
        let mut raw = Raw::upgrade(address).await;
        // Every write is a packet of its own, as far as the system lets us say so.
        raw.stream.set_nodelay(true).unwrap();
        for step in self.steps {
            match step {
                Step::Write(bytes) => {
                    raw.write(&bytes).await;
                    tokio::task::yield_now().await;
                }
                Step::Read(first, payload) => {
                    let (got, bytes) = raw.read_frame().await.expect("a frame");
                    assert_eq!((got, bytes.len()), (first, payload.len()), "kind and length");
                    assert!(bytes == payload, "the payload differs");
                }
            }
        }
        let code = match self.end {
            End::Closed => {
                raw.write(&close(1000)).await;
                Some(1000)
            }
            End::Code(code) => code,
        };
        assert_eq!(raw.read_close().await, (code, vec![]), "the end");
        assert_eq!(raw.read_rest().await, b"", "after the end");
    }
}

/// Plays the cases of a group, and says which of them failed.
pub(super) async fn play(cases: Vec<Case>, count: usize) {
    assert_eq!(cases.len(), count, "cases of this group");
    let address = echo_server(LIMIT).await;
    let mut failed = Vec::new();
    for case in cases {
        let number = case.number.clone();
        // In a task of its own, a case that panics lets the others run; its message is in the output.
        if tokio::spawn(case.run(address)).await.is_err() {
            failed.push(number);
        }
    }
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}

/// A close frame with a code.
pub(super) fn close(code: u16) -> Vec<u8> {
    frame(CLOSE, &code.to_be_bytes())
}

/// A message in frames of `size` bytes.
pub(super) fn fragments(kind: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (part, whole) = match kind {
        TEXT => (TEXT_PART, TEXT),
        BINARY => (BINARY_PART, BINARY),
        other => panic!("not the kind of a message: {other:#x}"),
    };
    let count = payload.len().div_ceil(size);
    let first = |index| match (index == 0, index + 1 == count) {
        (true, true) => whole,
        (true, false) => part,
        (false, true) => LAST_PART,
        (false, false) => PART,
    };
    let pieces = payload.chunks(size).enumerate();
    pieces.map(|(index, piece)| frame(first(index), piece)).collect()
}
