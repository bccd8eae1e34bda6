//! A server's role in a child process: the words of the roles, and the outcome, go through a socket beside the link.

use std::process::ExitCode;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::law::{Failure, Verdict};
use super::parley::Parley;
use super::server::{ServerRole, play};
use crate::exchange::BoxError;
use crate::link::{AnyListener, Listener};

/// The first argument of a child process.
const FLAG: &str = "--play";
const PASSED: &str = "passed";
const FAILED: &str = "failed ";
const WORD: &str = "word ";

/// Plays a server's role when the arguments of this process ask for it, and gives the code to exit with; `None` when
/// they do not.
///
/// `bind` makes the listener. Call it first thing in `main`, within a runtime of tokio with I/O and time.
///
/// ```no_run
/// # use std::process::ExitCode;
/// # async fn main_of_a_program() -> ExitCode {
/// use session_core::{conformance, link};
///
/// let bind = async { Ok(link::memory(1 << 20).1) }; // a listener on stdin and stdout, say
/// if let Some(code) = conformance::serve_child(bind).await {
///     return code;
/// }
/// # ExitCode::SUCCESS
/// # }
/// ```
pub async fn serve_child<L: Listener>(
    bind: impl Future<Output = Result<L, BoxError>>,
) -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, address, law, first] = &arguments[..] else { return None };
    if flag != FLAG {
        return None;
    }
    // Whoever waits at the other end of the socket sees it close, whatever is wrong here.
    let Ok(socket) = TcpStream::connect(address).await else { return Some(ExitCode::FAILURE) };
    let (parley, ours) = Parley::pair();
    let (to, mut talk) = talk(socket, ours);
    let playing = async {
        let mut any = AnyListener::new();
        any.push(bind.await?);
        play(law, first == "first", any, parley).await
    };
    let verdict = tokio::select! {
        verdict = playing => verdict,
        // Whoever asked has gone: nobody waits for this role any more.
        _ = &mut talk => return Some(ExitCode::FAILURE),
    };
    let line = match &verdict {
        Ok(()) => PASSED.to_owned(),
        Err(failure) => format!("{FAILED}{}", failure.to_string().replace('\n', " ")),
    };
    let _ = to.send(line);
    drop(to);
    let _ = talk.await;
    Some(if verdict.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The arguments for a child, and the task that passes on what it says.
pub(super) async fn arguments(role: ServerRole) -> Result<Vec<String>, BoxError> {
    let ServerRole { law, first, parley, mut verdict } = role;
    let door = TcpListener::bind("127.0.0.1:0").await?;
    let address = door.local_addr()?.to_string();
    tokio::spawn(async move {
        let outcome = async {
            let (socket, _) = door.accept().await?;
            relay(socket, parley).await
        };
        tokio::select! {
            outcome = outcome => {
                let _ = verdict.send(outcome);
            }
            // The client has failed: the child sees the socket close, and ends.
            () = verdict.closed() => {}
        }
    });
    let first = if first { "first" } else { "second" };
    Ok(vec![FLAG.to_owned(), address, law.to_owned(), first.to_owned()])
}

/// Passes words on, both ways, until the child gives its verdict.
async fn relay(socket: TcpStream, mut parley: Parley) -> Verdict {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else {
                    return Err(Failure::new("the server's process ended without a verdict"));
                };
                if line == PASSED {
                    return Ok(());
                } else if let Some(failure) = line.strip_prefix(FAILED) {
                    return Err(Failure::new(failure));
                } else if let Some(word) = line.strip_prefix(WORD) {
                    parley.say(word);
                }
            }
            Some(word) = parley.from.recv() => {
                write.write_all(format!("{WORD}{word}\n").as_bytes()).await?;
            }
        }
    }
}

/// In the child: passes words on, in a task that ends with the socket, or after the verdict.
fn talk(
    socket: TcpStream,
    mut parley: Parley,
) -> (mpsc::UnboundedSender<String>, tokio::task::JoinHandle<()>) {
    let (lines, mut outgoing) = mpsc::unbounded_channel::<String>();
    let task = tokio::spawn(async move {
        let (read, mut write) = socket.into_split();
        let mut incoming = BufReader::new(read).lines();
        let mut parley_is_open = true;
        loop {
            let line = tokio::select! {
                // What the role has said goes before its verdict.
                biased;
                word = parley.from.recv(), if parley_is_open => match word {
                    Some(word) => format!("{WORD}{word}"),
                    None => {
                        parley_is_open = false;
                        continue;
                    }
                },
                line = outgoing.recv() => match line {
                    Some(line) => line,
                    None => return,
                },
                line = incoming.next_line() => {
                    let Ok(Some(line)) = line else { return };
                    if let Some(word) = line.strip_prefix(WORD) {
                        parley.say(word);
                    }
                    continue;
                }
            };
            if write.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                return;
            }
        }
    });
    (lines, task)
}
