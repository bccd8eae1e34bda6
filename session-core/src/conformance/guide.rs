//! Write your own transport.
//!
//! Anything that carries bytes both ways, in order, can carry sessions. What a transport has to give is two traits:
//! [`Listener`](crate::link::Listener) for the server, [`Connect`](crate::link::Connect) for the client. Both deal in
//! [`Link`](crate::link::Link)s, and in exchanges beside them.
//!
//! 1. **Decide what a link is** and what an exchange is: a connection or a stream of its own each, if there is such a
//!    thing. If links share one, a link that is not read must not hold up another (law 8).
//! 2. **Frame it.** A wire without messages of its own takes [`link::framing`](crate::link::framing), whose decoder
//!    keeps what has arrived when a read is dropped (law 3) and refuses a frame by its header (law 2). A wire without
//!    HTTP takes [`exchange::head`](crate::exchange::head).
//! 3. **Say the end.** An orderly end is something the peer has *said*: a stream that just ends, as it does when a
//!    process is killed, is an abort (laws 4 and 5). Know when what you have sent is out of your hands: where closing
//!    can throw away what the peer has not read, `poll_close` or what runs after it has to wait.
//! 4. **Bound everything.** `poll_ready` waits once a few tens of KiB are not taken (law 6), queues have a length, and
//!    who does not say what it wants is shown out after a while.
//! 5. **Keep the halves apart.** Each is polled without the other (law 7). If one has to write for the other, such as
//!    answers to pings, a write that waits must wake them both.
//! 6. **Do the work in tasks** and let `accept` be a channel: it is cancel-safe then, and a slow handshake delays no
//!    other. `finish` closes that channel, and waits for the tasks.
//! 7. **Say who comes.** What a client says of itself when it opens a link, such as a token, belongs into the
//!    [`PeerInfo`](crate::link::PeerInfo), with its address. A handshake that can answer with a status asks the gate that
//!    [`Listener::guard`](crate::link::Listener::guard) is given; without one there is nothing to do, as the server asks for
//!    each link it gets.
//! 8. **Let the suite judge.** Implement [`Fixture`](super::Fixture), which starts a server and gives a client, and
//!    make `fn main() -> ExitCode { Suite::new().with(Mine).main() }`. Say what the transport lacks by its nature with
//!    [`Capability`](super::Capability); nothing else is an excuse.
//!
//! What follows is a whole transport, over a Unix domain socket, which keeps every law.
//!
//! # `transport.rs`: who listens, who connects
#![doc = concat!("```text\n", include_str!("../../tests/unix_socket/transport.rs"), "\n```")]
//! # `transport/link.rs`: the two halves
#![doc = concat!("```text\n", include_str!("../../tests/unix_socket/transport/link.rs"), "\n```")]
//! # `transport/records.rs`: records on a socket
#![doc = concat!("```text\n", include_str!("../../tests/unix_socket/transport/records.rs"), "\n```")]
//! # `transport/exchange.rs`: a request and its response
#![doc = concat!("```text\n", include_str!("../../tests/unix_socket/transport/exchange.rs"), "\n```")]
//! # `main.rs`: the fixture, and the run
#![doc = concat!("```text\n", include_str!("../../tests/unix_socket/main.rs"), "\n```")]
