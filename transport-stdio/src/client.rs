use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use session_core::exchange::{Request, Response, head};
use session_core::link::{Connect, PeerInfo};
use tokio::sync::oneshot;

use crate::config::{Config, Framing};
use crate::error::{ConnectError, SpawnError};
use crate::exchange::ask;
use crate::link::StdioLink;
use crate::port::{self, Ending, Hold, Pipes, Role, Rules};
use crate::process::Process;
use crate::system::{Input, Output};
use crate::wire::{BODY_WINDOW, MAX_HEAD};

/// How a program is started whose stdin and stdout are the wire.
///
/// ```no_run
/// use session_core::link::{Connect, Link, ReceiveExt};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let child = transport_stdio::Client::new("./app").arg("--quiet").spawn()?;
/// let (mut receive, transmit) = child.link().await?.split();
/// let hello = receive.receive().await?;
/// # Ok(())
/// # }
/// ```
pub struct Client {
    command: Command,
    framing: Framing,
    max_message_bytes: usize,
    headers: HeaderMap,
    grace: Duration,
}

impl Client {
    /// A program by its path, or by its name on the path of the system; messages of up to 16 MiB are received, its
    /// stderr is this process's own.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self::from(Command::new(program))
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With another place for what the program says on stderr.
    #[must_use]
    pub fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stderr(to);
        self
    }

    /// With another format of the wire, the one the program uses.
    #[must_use]
    pub const fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// The largest message to receive, in bytes.
    #[must_use]
    pub const fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Sends a header with the head of the link, for instance `authorization`.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Header`] when the name or the value cannot stand in a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, ConnectError> {
        let Some((key, value)) = head::header(name, value) else {
            return Err(ConnectError::Header { name: name.to_owned() });
        };
        self.headers.append(key, value);
        Ok(self)
    }

    /// How long the program may take to end once it was told to, before it is killed; 5 s by default.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    ///
    /// [`SpawnError`].
    pub fn spawn(mut self) -> Result<Child, SpawnError> {
        self.check()?;
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = self.command.spawn().map_err(|source| SpawnError::Program {
            program: self.command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let process = Process::new(child, self.grace);
        let pipes = (|| {
            let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
            let input = Input::new(stdout.ok_or_else(missing)?)?;
            Ok(Pipes { input, output: Output::new(stdin.ok_or_else(missing)?)? })
        })();
        match pipes {
            Ok(pipes) => self.start(pipes, Some(process)),
            Err(error) => {
                process.end(None, None);
                Err(SpawnError::Io(error))
            }
        }
    }

    /// Uses descriptors of your own, such as the ends of pipes or of a socket: no program is started.
    ///
    /// # Errors
    ///
    /// [`SpawnError`].
    #[cfg(unix)]
    pub fn over(
        self,
        input: impl Into<std::os::fd::OwnedFd>,
        output: impl Into<std::os::fd::OwnedFd>,
    ) -> Result<Child, SpawnError> {
        self.check()?;
        let pipes = Pipes { input: Input::new(input)?, output: Output::new(output)? };
        self.start(pipes, None)
    }

    fn check(&self) -> Result<(), SpawnError> {
        let limits = Config::default().max_message_bytes(self.max_message_bytes);
        Ok(limits.check()?)
    }

    fn start(self, pipes: Pipes, process: Option<Process>) -> Result<Child, SpawnError> {
        let id = process.as_ref().map(Process::id);
        let rules = Rules {
            framing: self.framing,
            max_message: self.max_message_bytes,
            body_window: BODY_WINDOW,
        };
        let ending = Ending { linger: self.grace, process };
        let hold = port::start(pipes, rules, Role::Client, ending)?;
        Ok(Child { hold, id, headers: self.headers, link_taken: AtomicBool::new(false) })
    }
}

impl From<Command> for Client {
    /// With everything the command says, its stdin and stdout apart.
    fn from(command: Command) -> Self {
        Self {
            command,
            framing: Framing::Lines,
            max_message_bytes: 16 << 20,
            headers: HeaderMap::new(),
            grace: Duration::from_secs(5),
        }
    }
}

/// A program at the other end of two pipes, and the client's side of the transport to it.
///
/// The program runs for as long as this, its link, or an exchange is in use. With the last of them its input ends; it
/// has a while to end by itself, and is then killed. Either way it is waited for, in a thread, so that no zombie is
/// left.
pub struct Child {
    hold: Arc<Hold>,
    id: Option<u32>,
    headers: HeaderMap,
    link_taken: AtomicBool,
}

impl Child {
    /// The number of the process, where one was started.
    #[must_use]
    pub const fn id(&self) -> Option<u32> {
        self.id
    }

    /// Ends the program, whatever still uses it: what waits to be written is, its input ends, and when it has not ended
    /// within the grace it is killed. Gives its exit status, `None` where no program was started. The threads have
    /// ended then.
    ///
    /// # Errors
    ///
    /// When the system cannot wait for the program.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, the program ends all the same.
    pub async fn shut_down(self) -> io::Result<Option<ExitStatus>> {
        let Some((process, threads)) = self.hold.end() else { return Ok(None) };
        let Some(process) = process else {
            if let Some(threads) = threads {
                threads.ended().await;
            }
            return Ok(None);
        };
        let (tell, told) = oneshot::channel();
        process.end(threads, Some(tell));
        match told.await {
            Ok(status) => status.map(Some),
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Child {
    /// The head of the link's request, if there is anything to say with it.
    fn head(&self) -> Result<Option<Vec<u8>>, ConnectError> {
        if self.headers.is_empty() {
            return Ok(None);
        }
        let mut request = http::Request::new(());
        request.headers_mut().clone_from(&self.headers);
        let head = head::encode_request(&request.into_parts().0)?;
        if head.len() > MAX_HEAD {
            return Err(ConnectError::HeadTooLarge { length: head.len(), limit: MAX_HEAD });
        }
        Ok(Some(head))
    }
}

impl fmt::Debug for Child {
    /// Without the headers, which may carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    /// Without the headers, which may carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("program", &self.command.get_program())
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Connect for Child {
    type Link = StdioLink;
    type Error = ConnectError;

    /// The one link of the process.
    async fn link(&self) -> Result<StdioLink, ConnectError> {
        let head = self.head()?;
        if self.link_taken.swap(true, Ordering::SeqCst) {
            return Err(ConnectError::LinkTaken);
        }
        let outbound = &self.hold.port().outbound;
        outbound.open(head.as_deref());
        // The server answers, and gives credit: its window counts from the first frame.
        outbound.grant(0);
        Ok(StdioLink::new(Arc::clone(&self.hold), PeerInfo::default(), None, None))
    }

    /// Must be called within a runtime of tokio.
    async fn exchange(&self, request: Request) -> Result<Response, ConnectError> {
        ask(&self.hold, request).await
    }
}
