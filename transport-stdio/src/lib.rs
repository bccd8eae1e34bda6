//! Sessions over stdin and stdout: the program is a child, and its two pipes are the wire.
//!
//! One link, and any number of exchanges, interleaved on the same pipes. By default everything is a line. A line that
//! begins with `[` is one of the transport's own words, a JSON array; **every other line is one text frame of the link,
//! as it stands**. Messages of sessions are JSON objects, so a shell script can write them and read what comes back:
//!
//! ```sh
//! printf '%s\n' '{"method":"init","data":{"n":21,".clientdata_output_double_hidden":false}}' | ./app
//! ```
//!
//! Ten lines of Python that set an input and wait for an output:
//!
//! ```python
//! import json, subprocess
//!
//! app = subprocess.Popen(["./app"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
//! init = {"method": "init", "data": {"n": 21, ".clientdata_output_double_hidden": False}}
//! print(json.dumps(init), file=app.stdin)
//! for line in app.stdout:
//!     if not line.startswith("[") and "double" in (values := json.loads(line).get("values", {})):
//!         print(values["double"])                             # 42
//!         print('["close",1000]', file=app.stdin)
//!         break
//! ```
//!
//! | word | who | what |
//! |---|---|---|
//! | `["text","…"]` | both | a text frame that is no line by itself: it is blank, begins with `[` or a byte order mark, has a newline, or ends in a carriage return |
//! | `["binary","<base64>"]` | both | a binary frame |
//! | `["close",1000,"why"]` | both | the orderly end of the link; code and text may be left out |
//! | `["abort"]` | both | the link ends without order |
//! | `["open"]` | both | this end always ends its link with a word, and gives credit for frames; the server says it only in answer. A client that opens the link with it may add the head of a request, `{"path":"/","headers":[["authorization","Bearer …"]]}`: what the app sees of its peer, and what a server asks for that lets in only whom it knows |
//! | `["request",1,{"path":"/…"}]` | client | begins an exchange, under a number that no other under way has; `method` (GET) and `headers`, a list of pairs, may be given |
//! | `["response",1,{"status":200,…}]` | server | begins the response |
//! | `["data",1,"<base64>"]` | both | a piece of the body; `{"text":"…"}` in place of the base64 is understood too |
//! | `["end",1]` | both | the body is complete; the response's ends the exchange |
//! | `["reset",1,"why"]` | both | the exchange is cancelled, or failed |
//! | `["stop",1]` | server | no more of the request's body is wanted; the response may still come |
//! | `["credit",1,65536]` | both | so many more bytes of the body may be sent, beyond the first 256 KiB; number 0 is the link, whose frames cost 64 bytes more than they have |
//!
//! Numbers that are not, or not any more, under way are ignored, so that words may cross. A carriage return before the
//! newline and a byte order mark before the first line are dropped; a NUL is a character like any other. A line over the
//! limit, invalid UTF-8, or a word that is none ends the link with 1009, 1007 or 1002, and nothing is read beyond it.
//!
//! With `framing = "length"` the same words are records of [`session_core::link::framing`], in the order of the table
//! from `open` on: `open` 16, `abort` 17, `request` 18, `response` 19, `data` 20, `end` 21, `stop` 22, `reset` 23,
//! `credit` 24; those of an exchange begin with its number, four bytes big endian.
//!
//! # Beginnings and ends
//!
//! The session begins with the client's first frame (or `open`), not with the process, so that a client may come for
//! exchanges alone.
//!
//! A script ends by hanging up: the end of the input between two lines is an orderly end of the link, as if it had said
//! `close`; in the middle of a line it is an abort, and what came of the line is dropped. For whoever said `open`, as
//! [`Child`] does, only `close` is an orderly end, so that a client that is killed does not look like one that was done.
//! The server owes the word always: a process that ends, crashes or is killed without it aborted the link. Frames of
//! length have no such leniency.
//!
//! After the link's end the process waits [`Config::linger`] for the client to hang up; exchanges go on until then.
//! Rust ignores `SIGPIPE`: when the client has closed its end, the link ends and the process lives. A program whose
//! `main` is not Rust's has to ignore the signal itself.
//!
//! # Pipes
//!
//! Two threads, `stdio-read` and `stdio-write`, move the bytes; [`Listener::finish`](session_core::link::Listener)
//! joins them. Neither pipe is ever made non-blocking, since other processes may share it. Frames go ahead of bodies,
//! whose pieces are at most 16 KiB, so a download delays a frame by one piece and what is in the pipe already. What a
//! peer may have buffered here is bounded for the link and for each exchange; a client that does not say `open` shares
//! one bound: while its frames are not taken, nothing else of it is read.
//!
//! Where there is no `poll(2)` the threads end only when the peer hangs up, and stray prints are not kept from stdout.
//!
//! ```
//! use session_core::link::{CloseCode, Connect, Frame, Incoming, Link, Listener, ReceiveExt, TransmitExt};
//! use transport_stdio::{Client, Config, bind_over};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(unix)] {
//! // In a program of your own: `transport_stdio::bind()`, and `Client::new("./program").spawn()` in its parent.
//! let (from_client, to_server) = std::io::pipe()?;
//! let (from_server, to_client) = std::io::pipe()?;
//! let mut listener = bind_over(from_client, to_client, &Config::default())?;
//! let client = Client::new("").over(from_server, to_server)?;
//!
//! let (mut from_server, mut to_server) = client.link().await?.split();
//! to_server.send(Frame::Text("hello".into())).await?;
//!
//! let Some(Incoming::Link(link)) = listener.accept().await else { return Ok(()) };
//! let (mut from_client, mut to_client) = link.split();
//! if let Some(frame) = from_client.receive().await? {
//!     to_client.send(frame).await?;
//! }
//! to_client.close(CloseCode::GOING_AWAY.into()).await?;
//!
//! assert_eq!(from_server.receive().await?, Some(Frame::Text("hello".into())));
//! assert_eq!(from_server.receive().await?, None);
//! # }
//! # Ok(())
//! # }
//! ```

mod client;
mod config;
mod error;
mod exchange;
mod link;
mod listener;
mod port;
mod process;
mod system;
mod transport;
mod wire;

pub use client::{Child, Client};
pub use config::{Config, Framing};
pub use error::{BindError, ConnectError, SpawnError};
pub use exchange::Cut;
pub use link::{StdioLink, StdioReceive, StdioTransmit};
#[cfg(unix)]
pub use listener::bind_over;
pub use listener::{StdioListener, bind, bind_with};
pub use transport::Stdio;
