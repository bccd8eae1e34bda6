//! Where there is no `poll`: the threads block in the system, so they end only when the peer hangs up; stray prints to
//! stdout are not kept from the wire.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Interrupts nothing here.
#[derive(Debug)]
pub(crate) struct Trigger;

/// Where bytes come from.
pub(crate) struct Input(Box<dyn Read + Send>);

/// Where bytes go.
pub(crate) struct Output(Mutex<Box<dyn Write + Send>>);

/// Stdin and stdout.
pub(crate) fn standard() -> io::Result<(io::Stdin, io::Stdout)> {
    Ok((io::stdin(), io::stdout()))
}

impl Input {
    pub(crate) fn new(input: impl Read + Send + 'static) -> io::Result<(Self, Trigger)> {
        Ok((Self(Box::new(input)), Trigger))
    }

    /// Waits for bytes.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(Some),
            }
        }
    }
}

impl Input {
    /// Waits for bytes and appends them, as many as there is capacity for.
    pub(crate) fn append(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let before = buffer.len();
        buffer.resize(buffer.capacity(), 0);
        let result = self.read(&mut buffer[before..]);
        let count = result.as_ref().map_or(0, |count| count.unwrap_or(0));
        buffer.truncate(before + count);
        result
    }
}

impl Output {
    pub(crate) fn new(output: impl Write + Send + 'static) -> io::Result<(Self, Trigger)> {
        Ok((Self(Mutex::new(Box::new(output))), Trigger))
    }

    /// Nothing can be written without the risk of waiting.
    pub(crate) fn try_write(&self, _slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Nothing is known of what the system takes.
    pub(crate) fn is_full(&self) -> bool {
        false
    }

    /// Writes something, however long that takes.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = loop {
            match output.write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        output.flush()?;
        Ok(count)
    }

    /// There is no way to make a write give up.
    pub(crate) fn set_patience(&self, _deadline: Instant) {}
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}
