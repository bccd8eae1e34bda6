use std::time::Duration;

use serde::Deserialize;

use crate::config::{InvalidValue, check, duration};

/// What one session may use. Every field has a safe default.
///
/// What is over a limit is refused by name: the link closes with the code the field names, or the one
/// request or key is refused. Other sessions are not concerned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// One message from the client, in bytes; over it the link closes with 1009. The transport enforces it,
    /// and the session once more.
    pub message_bytes: usize,
    /// Nesting of arrays and objects in one input value; a deeper one is dropped with a log line. At most
    /// 127 makes sense: beyond it no value is ever read.
    pub depth: usize,
    /// Inputs that one session keeps, client data included; one more closes the link with 1008.
    pub inputs: usize,
    /// Bytes of an input's name; a longer one is dropped with a log line.
    pub name_bytes: usize,
    /// Requests whose handler is still at work; one more is answered with an error.
    pub requests: usize,
    /// Messages for the client that the link did not take yet, in bytes, after the newest value of each
    /// output has replaced the older ones; over it the link closes with 1008. One value or message that alone is
    /// larger is refused instead: an error of that output, request or call.
    pub outbound_bytes: usize,
    /// Runs of effects and outputs in one flush; over it the session ends with 1011 (decision 13).
    pub runs_per_flush: usize,
    /// One uploaded file, in bytes; a larger one is refused before it comes.
    pub upload_file_bytes: usize,
    /// All files of a session that lie on the disk or were announced, in bytes; an upload beyond that is refused.
    pub upload_bytes: usize,
    /// Files of one upload; one of more is refused.
    pub upload_files: usize,
    /// Uploads that were begun and not ended; one more is refused.
    pub upload_jobs: usize,
    /// How long an upload may rest: the body of a file that brings no bytes is refused, an upload whose next file does
    /// not come is forgotten, with the files that came.
    #[serde(with = "duration")]
    pub upload_timeout: Duration,
    /// How long a client may take to send `init`; over it the link closes with 1008.
    #[serde(with = "duration")]
    pub init_timeout: Duration,
    /// How long the link may take no message while some wait for it; over it the link is aborted.
    #[serde(with = "duration")]
    pub stall_timeout: Duration,
    /// How long the end of a session waits for asynchronous `on_ended` callbacks, and for the link to take
    /// the last messages.
    #[serde(with = "duration")]
    pub end_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Shiny's own pages stay far below; uploads go beside the link.
            message_bytes: 1024 * 1024,
            depth: 64,
            inputs: 10_000,
            name_bytes: 256,
            requests: 256,
            outbound_bytes: 16 * 1024 * 1024,
            runs_per_flush: 10_000,
            upload_file_bytes: 100 * 1024 * 1024,
            upload_bytes: 1024 * 1024 * 1024,
            upload_files: 256,
            // A page has one for each of its inputs at most.
            upload_jobs: 16,
            upload_timeout: Duration::from_secs(60),
            init_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(60),
            end_grace: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// Refuses values that cannot work.
    pub(crate) fn check(&self) -> Result<(), InvalidValue> {
        check::number("message_bytes", self.message_bytes, 1..=1 << 30)?;
        check::number("depth", self.depth, 1..=127)?;
        check::number("inputs", self.inputs, 1..=10_000_000)?;
        check::number("name_bytes", self.name_bytes, 1..=1 << 16)?;
        check::number("requests", self.requests, 1..=1_000_000)?;
        check::number("outbound_bytes", self.outbound_bytes, 1..=1 << 34)?;
        check::number("runs_per_flush", self.runs_per_flush, 1..=1_000_000_000)?;
        // As much as a disk may have.
        check::number("upload_file_bytes", self.upload_file_bytes, 1..=1 << 50)?;
        check::number("upload_bytes", self.upload_bytes, 1..=1 << 50)?;
        check::number("upload_files", self.upload_files, 1..=100_000)?;
        check::number("upload_jobs", self.upload_jobs, 1..=10_000)?;
        check::time("upload_timeout", self.upload_timeout)?;
        check::time("init_timeout", self.init_timeout)?;
        check::time("stall_timeout", self.stall_timeout)?;
        check::time("end_grace", self.end_grace)
    }
}
