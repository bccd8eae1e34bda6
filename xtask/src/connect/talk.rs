//! The conversation: what is typed goes to the session, what the session says goes to the screen.
//!
//! ```text
//!  lines ─► Command ─► outgoing ─► writer task ─► Transmit
//!  screen ◄─ Line ◄─ News ◄─ View ◄─ Receive             Connect::exchange ◄─ one task per transfer
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value as Json;
use session_core::exchange::{Body, Request};
use session_core::link::{Connect, Frame, Link, Receive, ReceiveExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::command::{Command, HELP};
use super::ending::Ending;
use super::outgoing::{Message, Outgoing, write};
use super::screen::{Line, Screen};
use super::text;
use super::transfer::{Moved, Transfers};
use super::upload::Upload;
use super::view::{Hidden, News, Page, View, visibility};

/// Messages that wait for the link before no further line is read.
const OUTGOING: usize = 16;

/// A session that is busy for longer than this is said to be.
const BUSY: Duration = Duration::from_secs(1);

/// How long the server may take to end its side after this one has left.
const FAREWELL: Duration = Duration::from_secs(5);

/// The request that every client of the demo may ask: what a page would send when it opens, and which outputs it has.
const PAGE: &str = "page";

/// How to talk.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// The outputs to show from the start; `None` asks the app for them.
    pub(super) show: Option<Vec<String>>,
    pub(super) pace: Pace,
    pub(super) at_end: AtEnd,
}

/// When the next line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// At once: a person sees what comes of it.
    AsTyped,
    /// When everything that the line before has caused is on the screen, so that a script reads like a conversation.
    InTurn,
}

/// What to do when there are no more lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtEnd {
    Leave,
    /// Show what changes until the server ends the session.
    Follow,
}

/// Talks until either side ends the session.
///
/// # Errors
///
/// When there is no link, when the server speaks something else, or when nothing can be written to the screen.
pub(super) async fn talk<C: Connect, O: Write, E: Write>(
    remote: Arc<C>,
    mut lines: mpsc::Receiver<String>,
    screen: Screen<O, E>,
    manner: Manner,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<(Ending, Screen<O, E>)> {
    let link = remote.link().await.context("there is no link")?;
    let (mut receive, transmit) = link.split();
    let (writer, messages) = mpsc::channel(1);
    let mut writing = JoinSet::new();
    writing.spawn(write(transmit, messages));

    let mut talk = Talk::new(remote, screen, manner);
    talk.begin();
    let mut stop = std::pin::pin!(stop);
    let mut reading = true;
    let ending = loop {
        let busy = talk.busy.unwrap_or_else(Instant::now);
        let leaving = talk.leaving.unwrap_or_else(Instant::now);
        tokio::select! {
            received = receive.receive() => match received {
                Ok(Some(frame)) => talk.take(&frame)?,
                _ if talk.leaving.is_some() => break Ending::Left,
                Ok(None) => break Ending::Closed(receive.close_reason().cloned()),
                Err(error) => break Ending::Lost(error),
            },
            permit = writer.reserve(), if !talk.outgoing.is_empty() => match (permit, talk.outgoing.next()) {
                (Ok(permit), Some(message)) => permit.send(message),
                // The link is gone, and the receiving half will say how.
                _ => talk.outgoing.clear(),
            },
            line = lines.recv(), if reading && talk.is_ready() => match line {
                Some(line) => talk.line(&line)?,
                None => {
                    reading = false;
                    if talk.manner.at_end == AtEnd::Leave {
                        talk.leave();
                    }
                }
            },
            moved = talk.transfers.moved(), if !talk.transfers.is_empty() => talk.moved(moved)?,
            () = sleep_until(busy), if talk.busy.is_some() => talk.say_busy()?,
            () = sleep_until(leaving), if talk.leaving.is_some() => break Ending::Left,
            () = &mut stop, if talk.leaving.is_none() => talk.leave(),
        }
        if talk.leaving.is_some() {
            reading = false;
        }
    };
    // A server that has left is not waited for.
    let _ = writer.try_send(Message::Close);
    drop(writer);
    let _ = timeout(FAREWELL, writing.join_next()).await;
    // So that nothing holds the remote any more.
    talk.transfers.shut_down().await;
    talk.screen.bar("")?;
    Ok((ending, talk.screen))
}

/// What a request was for.
#[derive(Debug)]
enum Asked {
    /// For the person, who sees it written like this.
    Call(String),
    /// To announce files.
    Begin(Upload),
    /// To give files to their input; the input, and the files in words.
    End(String, String),
    /// What there is to show.
    Page,
    /// To know when what was sent before is done: answers come in turn. These outputs were shown with it.
    Turn(Vec<String>),
}

struct Talk<C, O, E> {
    remote: Arc<C>,
    screen: Screen<O, E>,
    manner: Manner,
    view: View,
    outgoing: Outgoing,
    asked: BTreeMap<u64, Asked>,
    transfers: Transfers,
    /// When to say that the session is busy.
    busy: Option<Instant>,
    said_busy: Option<Instant>,
    /// Until when the server may say farewell.
    leaving: Option<Instant>,
}

impl<C: Connect, O: Write, E: Write> Talk<C, O, E> {
    fn new(remote: Arc<C>, screen: Screen<O, E>, manner: Manner) -> Self {
        Self {
            remote,
            screen,
            manner,
            view: View::default(),
            outgoing: Outgoing::default(),
            asked: BTreeMap::new(),
            transfers: Transfers::default(),
            busy: None,
            said_busy: None,
            leaving: None,
        }
    }

    fn begin(&mut self) {
        let shown = self.manner.show.clone();
        let data = visibility(shown.iter().flatten(), Hidden::No);
        self.outgoing.init(&data);
        match shown {
            Some(outputs) => self.ask("", &[], Asked::Turn(outputs)),
            None => self.ask(PAGE, &[], Asked::Page),
        }
    }

    /// Whether the next line may be read.
    fn is_ready(&self) -> bool {
        match self.manner.pace {
            Pace::AsTyped => self.outgoing.len() < OUTGOING,
            Pace::InTurn => {
                self.outgoing.is_empty()
                    && self.asked.is_empty()
                    && self.transfers.is_empty()
                    && !self.view.is_working()
            }
        }
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        self.screen.typed();
        match Command::parse(line) {
            Ok(Command::Nothing) => {}
            Ok(Command::Set { name, value }) => {
                let (key, value) = self.view.input(&name, value);
                self.outgoing.update([(key, value)]);
                self.turn();
            }
            Ok(Command::Call { method, args }) => {
                let shown: Vec<_> = args.iter().map(ToString::to_string).collect();
                let shown = text::plain(&format!("{method}({})", shown.join(", ")));
                self.ask(&method, &args, Asked::Call(shown));
            }
            Ok(Command::Get { path, file }) => self.get(path, file)?,
            Ok(Command::Upload { input, files }) => self.upload(&input, files)?,
            Ok(Command::Show(outputs)) => {
                self.outgoing.update(visibility(&outputs, Hidden::No));
                self.ask("", &[], Asked::Turn(outputs));
            }
            Ok(Command::Hide(outputs)) => {
                for output in &outputs {
                    self.view.forget(output);
                }
                self.outgoing.update(visibility(&outputs, Hidden::Yes));
                self.turn();
            }
            Ok(Command::Print(output)) => match self.view.shows(&output) {
                Some(Ok(value)) => {
                    let whole = text::whole(value);
                    self.said(format!("{} = {whole}", text::plain(&output)))?;
                }
                Some(Err(error)) => {
                    let error = text::plain(error);
                    self.said(format!("{} ! {error}", text::plain(&output)))?;
                }
                None => self.aside(format!("{} shows nothing", text::plain(&output)))?,
            },
            Ok(Command::Help) => {
                for line in HELP.lines() {
                    self.aside(line)?;
                }
            }
            Ok(Command::Quit) => self.leave(),
            Err(no_command) => self.aside(format!("{no_command}: {}", text::plain(line)))?,
        }
        Ok(())
    }

    /// A request is answered after everything that was sent before it has had its effect, whatever its method:
    /// that there is none by its name is an answer, too.
    fn turn(&mut self) {
        if self.manner.pace == Pace::InTurn {
            self.ask("", &[], Asked::Turn(Vec::new()));
        }
    }

    fn ask(&mut self, method: &str, args: &[Json], asked: Asked) {
        let tag = self.outgoing.request(method, args);
        self.asked.insert(tag, asked);
    }

    fn get(&mut self, path: String, file: PathBuf) -> anyhow::Result<()> {
        let Some(url) = self.view.url(&path) else {
            let path = text::plain(&path);
            return self
                .said(format!("{path} ! no path, and the session gave out nothing by that name"));
        };
        let request: Request = match http::Request::get(url).body(Body::empty()) {
            Ok(request) => request,
            Err(error) => return self.said(format!("{} ! {error}", text::plain(&path))),
        };
        self.transfers.begin(self.remote.clone(), request, path, file);
        Ok(())
    }

    fn upload(&mut self, input: &str, files: Vec<PathBuf>) -> anyhow::Result<()> {
        match Upload::of(input.to_owned(), files) {
            Ok(upload) => {
                self.ask("uploadInit", &upload.announcement(), Asked::Begin(upload));
                Ok(())
            }
            Err(error) => self.failed(input, &error),
        }
    }

    /// Says why something did not work.
    fn failed(&mut self, name: &str, error: &anyhow::Error) -> anyhow::Result<()> {
        self.said(format!("{} ! {}", text::plain(name), text::plain(&format!("{error:#}"))))
    }

    fn moved(&mut self, moved: Moved) -> anyhow::Result<()> {
        match moved {
            Moved::On(bar) => Ok(self.screen.bar(&bar)?),
            Moved::Done { name, outcome } => {
                self.screen.bar("")?;
                match outcome {
                    Ok(done) => self.said(format!("{} = {done}", text::plain(&name))),
                    Err(error) => self.failed(&name, &error),
                }
            }
            Moved::Sent { upload, outcome } => {
                self.screen.bar("")?;
                match outcome {
                    Ok(()) => {
                        let end = Asked::End(upload.input().to_owned(), upload.words());
                        self.ask("uploadEnd", &upload.conclusion(), end);
                        Ok(())
                    }
                    Err(error) => self.failed(upload.input(), &error),
                }
            }
        }
    }

    fn take(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let mut inputs = Vec::new();
        for news in self.view.take(frame)? {
            if let Some(line) = Line::of(&news) {
                self.screen.write(&line)?;
            }
            match news {
                News::Answer { tag, answer } => self.answered(tag, answer)?,
                // A page would show it in the field, and say so.
                News::Input { name, value } => inputs.push(self.view.input(&name, value)),
                News::Busy(true) => self.busy = Some(Instant::now() + BUSY),
                News::Busy(false) => self.say_idle()?,
                _ => {}
            }
        }
        if !inputs.is_empty() {
            self.outgoing.update(inputs);
            self.turn();
        }
        Ok(())
    }

    fn answered(&mut self, tag: u64, answer: Result<Json, String>) -> anyhow::Result<()> {
        match (self.asked.remove(&tag), answer) {
            (Some(Asked::Call(call)), Ok(value)) => {
                self.said(format!("{call} = {}", text::whole(&value)))
            }
            (Some(Asked::Call(call)), Err(error)) => {
                self.said(format!("{call} ! {}", text::plain(&error)))
            }
            (Some(Asked::Begin(mut upload)), Ok(begun)) => match upload.begin(begun) {
                Ok(()) => {
                    self.transfers.send(self.remote.clone(), upload);
                    Ok(())
                }
                Err(error) => self.failed(upload.input(), &error),
            },
            (Some(Asked::Begin(upload)), Err(error)) => {
                self.failed(upload.input(), &anyhow::Error::msg(error))
            }
            (Some(Asked::End(input, files)), Ok(_)) => {
                // What it causes comes after the answer.
                self.turn();
                self.said(format!("{} = {files}", text::plain(&input)))
            }
            (Some(Asked::End(input, _)), Err(error)) => {
                self.failed(&input, &anyhow::Error::msg(error))
            }
            (Some(Asked::Page), Ok(page)) => {
                let page: Page = serde_json::from_value(page)
                    .with_context(|| format!("the app's answer to `{PAGE}` cannot be read"))?;
                self.view.learn(&page);
                self.outgoing.update(visibility(&page.outputs, Hidden::No));
                self.outgoing.update(page.inputs);
                self.turn();
                Ok(())
            }
            (Some(Asked::Page), Err(_)) => self.aside(
                "the app does not tell which outputs it has (no answer to the request `page`): \
                 `show name` shows one",
            ),
            (Some(Asked::Turn(outputs)), _) => {
                for output in outputs {
                    if self.view.shows(&output).is_none() && !self.view.is_working() {
                        let output = text::plain(&output);
                        self.aside(format!(
                            "{output} shows nothing yet: inputs that it reads are not set, or there is no such output"
                        ))?;
                    }
                }
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }

    fn say_busy(&mut self) -> anyhow::Result<()> {
        self.said_busy = self.busy.take();
        self.aside("the session is busy")
    }

    fn say_idle(&mut self) -> anyhow::Result<()> {
        self.busy = None;
        match self.said_busy.take() {
            Some(since) => {
                let seconds = (since.elapsed() + BUSY).as_secs();
                self.aside(format!("the session is done, after {seconds} s"))
            }
            None => Ok(()),
        }
    }

    fn leave(&mut self) {
        self.leaving = Some(Instant::now() + FAREWELL);
        self.outgoing.close();
    }

    fn said(&mut self, text: String) -> anyhow::Result<()> {
        Ok(self.screen.write(&Line::Said(text))?)
    }

    fn aside(&mut self, text: impl Into<String>) -> anyhow::Result<()> {
        Ok(self.screen.write(&Line::Aside(text.into()))?)
    }
}

#[cfg(test)]
mod tests;
