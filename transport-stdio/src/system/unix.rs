use std::fs::File;
use std::io::{self, IoSlice, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::PIPE_BUF;

/// Interrupts, for good, once it is dropped.
#[derive(Debug)]
pub(crate) struct Trigger {
    _pipe: PipeWriter,
}

/// Where bytes come from.
///
/// The descriptor is never made non-blocking: that would be seen by every process that shares it.
#[derive(Debug)]
pub(crate) struct Input {
    fd: OwnedFd,
    interrupt: PipeReader,
}

/// Where bytes go.
#[derive(Debug)]
pub(crate) struct Output {
    fd: OwnedFd,
    interrupt: PipeReader,
    /// By when waiting ends, once it was interrupted.
    patience: OnceLock<Instant>,
    is_pipe: bool,
    /// The last write was cut short, so that the next has to wait.
    full: AtomicBool,
    /// The system can be asked to write only what does not wait.
    #[cfg(target_os = "linux")]
    nowait: AtomicBool,
}

/// Copies of stdin and stdout, which from now on belong to the wire alone: reading stdin gives its end, and what is
/// written to stdout goes to stderr.
pub(crate) fn standard() -> io::Result<(OwnedFd, OwnedFd)> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let input = stdin.as_fd().try_clone_to_owned()?;
    let output = stdout.as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(stderr.as_fd())?;
    Ok((input, output))
}

impl Input {
    pub(crate) fn new(fd: impl Into<OwnedFd>) -> io::Result<(Self, Trigger)> {
        let (interrupt, pipe) = io::pipe()?;
        Ok((Self { fd: fd.into(), interrupt }, Trigger { _pipe: pipe }))
    }

    /// Waits for bytes; how many there are, or `None` once interrupted.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.wait_and(|fd| rustix::io::read(fd, &mut *buffer))
    }

    /// Waits for bytes and appends them, as many as there is capacity for.
    pub(crate) fn append(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        self.wait_and(|fd| rustix::io::read(fd, rustix::buffer::spare_capacity(buffer)))
    }

    fn wait_and(
        &self,
        mut read: impl FnMut(&OwnedFd) -> rustix::io::Result<usize>,
    ) -> io::Result<Option<usize>> {
        loop {
            let mut fds =
                [PollFd::new(&self.fd, PollFlags::IN), PollFd::new(&self.interrupt, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if !fds[1].revents().is_empty() {
                return Ok(None);
            }
            match read(&self.fd) {
                Ok(count) => return Ok(Some(count)),
                // Somebody else made the descriptor non-blocking, or was faster.
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Output {
    pub(crate) fn new(fd: impl Into<OwnedFd>) -> io::Result<(Self, Trigger)> {
        let (interrupt, pipe) = io::pipe()?;
        let file = File::from(fd.into());
        let is_pipe = file.metadata()?.file_type().is_fifo();
        let output = Self {
            fd: file.into(),
            interrupt,
            patience: OnceLock::new(),
            is_pipe,
            full: AtomicBool::new(false),
            #[cfg(target_os = "linux")]
            nowait: AtomicBool::new(true),
        };
        Ok((output, Trigger { _pipe: pipe }))
    }

    /// Writes what the system takes at once.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] when it takes nothing, or cannot be asked without the risk of waiting.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.write_at_once(slices)?;
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        self.full.store(count < all, Ordering::Relaxed);
        Ok(count)
    }

    /// Whether the last write was cut short: trying again is of little use.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn write_at_once(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if self.nowait.load(Ordering::Relaxed) {
            match self.write_nowait(slices) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    self.nowait.store(false, Ordering::Relaxed);
                }
                result => return result,
            }
        }
        // A pipe with any room at all takes this much; who else writes to it is asked not to.
        if self.is_pipe && self.wait(Some(Instant::now()))? {
            return self.write_piece(slices);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Writes something, however long that takes; gives up when its patience is over.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            if !self.full.swap(false, Ordering::Relaxed) {
                match self.try_write(slices) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
            }
            if !self.wait(self.patience.get().copied())? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.blocks() {
                return self.write_piece(slices);
            }
        }
    }

    /// Lets a write that waits go on until `deadline`, and then fail. The trigger has to be dropped after it.
    pub(crate) fn set_patience(&self, deadline: Instant) {
        let _ = self.patience.set(deadline);
    }

    /// Whether writing may wait, whatever it is asked.
    fn blocks(&self) -> bool {
        #[cfg(target_os = "linux")]
        return !self.nowait.load(Ordering::Relaxed);
        #[cfg(not(target_os = "linux"))]
        true
    }

    #[cfg(target_os = "linux")]
    fn write_nowait(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        use rustix::io::ReadWriteFlags;
        loop {
            match rustix::io::pwritev2(&self.fd, slices, u64::MAX, ReadWriteFlags::NOWAIT) {
                Err(Errno::INTR) => {}
                // Not this kind of descriptor, or not this kernel.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                    return Err(io::ErrorKind::Unsupported.into());
                }
                result => return Ok(result?),
            }
        }
    }

    /// Writes no more than a pipe takes at once when it takes anything.
    fn write_piece(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let piece = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        let piece = &piece[..piece.len().min(PIPE_BUF)];
        loop {
            match rustix::io::write(&self.fd, piece) {
                Err(Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Waits until there is room; whether there is. Without a deadline, an interruption gives one.
    fn wait(&self, mut deadline: Option<Instant>) -> io::Result<bool> {
        loop {
            let (timeout, heeds_interrupt) = match deadline {
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    let left = Timespec::try_from(left).map_err(io::Error::other)?;
                    (Some(left), false)
                }
                None => (None, true),
            };
            let mut fds = [
                PollFd::new(&self.fd, PollFlags::OUT),
                PollFd::new(&self.interrupt, PollFlags::IN),
            ];
            let watched = if heeds_interrupt { &mut fds[..] } else { &mut fds[..1] };
            match poll(watched, timeout.as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) if !fds[0].revents().is_empty() => return Ok(true),
                Ok(_) => deadline = Some(self.patience.get().copied().unwrap_or_else(Instant::now)),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
