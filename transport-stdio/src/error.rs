use std::io;

use session_core::config::InvalidValue;
use session_core::exchange::head::InvalidHead;

use crate::exchange::Cut;

/// Why a listener could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A value of the configuration cannot work.
    #[error("the configuration cannot work")]
    Config(#[from] InvalidValue),
    /// Another listener of this process has them: a process has one stdin and one stdout.
    #[error("stdin and stdout are in use: bind one stdio transport in a process")]
    InUse,
    /// There is no runtime to run exchanges on.
    #[error("there is no runtime of tokio here: bind within one")]
    NoRuntime,
    /// The system refused something.
    #[error("stdin and stdout cannot be taken over")]
    Io(#[from] io::Error),
}

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The system does not run the program.
    #[error("{program} cannot be started")]
    Program {
        /// The program, as given.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A limit cannot work.
    #[error("the client's limits cannot work")]
    Config(#[from] InvalidValue),
    /// The system refused a pipe or a thread.
    #[error("the pipes to the program cannot be set up")]
    Io(#[from] io::Error),
}

/// Why there is no link, or no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The link was given out already: a process has one.
    #[error(
        "a child has one link, which was taken before: start another child for another session"
    )]
    LinkTaken,
    /// The peer has ended, or takes nothing any more.
    #[error("the peer has ended")]
    Ended(#[source] io::Error),
    /// The exchange was cut short before its response.
    #[error("there is no response")]
    Cut(#[from] Cut),
    /// The request has more headers than can be sent.
    #[error(
        "the head of the request is {length} bytes long, more than the {limit} that can be sent"
    )]
    HeadTooLarge {
        /// Its length, in bytes of JSON.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A header cannot be sent.
    #[error("{name} is not a header that can be sent")]
    Header {
        /// Its name.
        name: String,
    },
    /// The request has a head that cannot be sent.
    #[error("the request has a head that cannot be sent")]
    Head(#[from] InvalidHead),
}
