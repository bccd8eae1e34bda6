//! `cargo xtask connect`: a client for people, and the example of a native client.
//!
//! `talk` is the conversation, written against [`session_core::link::Connect`]: whatever transport carries it, the
//! code is the same; `remote` finds the one that an address names. `command` reads what is typed, `outgoing` has what waits
//! to be sent, `view` reads what the server sends, `screen` writes what comes of it, `transfer` has what goes beside the
//! link, down and, with `upload`, up, `ending` has the close codes in words.

mod command;
mod ending;
mod outgoing;
mod remote;
mod screen;
mod talk;
mod text;
mod transfer;
mod upload;
mod view;

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;

use anyhow::{Context, bail};
use session_core::shutdown_on_signals;
use tokio::sync::mpsc;

pub(crate) use remote::{Header, Remote};
use screen::{Line, Screen};
use talk::{AtEnd, Manner, Pace, talk};

const USAGE: &str = "\
usage: cargo xtask connect ADDRESS [--show NAME,…] [--header 'NAME: VALUE']… [--follow]

A session without a browser. Shows outputs as they change, and takes a line for everything that a page could do;
`help` tells which. The demo's outputs are shown from the start: its message handler `page` tells which there are, and
what its inputs begin with. An app without such a handler shows what `show NAME` or `--show` asks for.

  ADDRESS        ws://HOST:PORT/, http://HOST:PORT/ or quic://HOST:PORT/#sha256=HASH, as the server prints it;
                 'stdio:PROGRAM ARGUMENT…' starts a program that speaks over its stdin and stdout
  --show NAME,…  shows these outputs, and asks for no others
  --header LINE  sends a header with the head of the link, such as 'Authorization: Bearer TOKEN'
  --follow       stays when the input has come to its end, until the server ends the session

Outputs, answers and messages of the session go to stdout, everything else to stderr. Where the input is no terminal,
the next line is read when everything that the one before has caused is there:

  printf 'text=noble\\ncall describe mass\\nget rows.csv > noble.csv\\n' | cargo xtask connect http://127.0.0.1:8000/

Ends with 0 after an orderly end (quit, close codes 1000, 1001, 1012 and those of apps), with 1 after a refusal or an
abort.";

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let Some(options) = Options::parse(args)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start tokio")?;
    runtime.block_on(connect(options))
}

async fn connect(options: Options) -> anyhow::Result<()> {
    let remote = Arc::new(Remote::at(&options.address, &options.headers).await?);
    let mut screen = Screen::of_process();
    let pace = match io::stdin().is_terminal() {
        true => {
            let hello = "`help` tells what can be typed, Ctrl+D ends it";
            screen.write(&Line::Aside(format!("{}: {hello}", options.address)))?;
            Pace::AsTyped
        }
        false => Pace::InTurn,
    };
    let manner = Manner { show: options.show, pace, at_end: options.at_end };
    let stop = shutdown_on_signals();
    let (ending, mut screen) = talk(remote.clone(), lines()?, screen, manner, stop).await?;
    if let Some(remote) = Arc::into_inner(remote) {
        remote.shut_down().await?;
    }
    if !ending.is_orderly() {
        bail!(ending.words());
    }
    Ok(screen.write(&Line::Aside(ending.words()))?)
}

/// The lines of stdin. The thread is not joined: nothing ends the wait for a line, but the end of the process.
fn lines() -> anyhow::Result<mpsc::Receiver<String>> {
    let (sender, receiver) = mpsc::channel(1);
    let read = move || {
        let mut stdin = io::stdin().lock();
        let mut line = Vec::new();
        while matches!(stdin.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).into_owned();
            if sender.blocking_send(text).is_err() {
                return;
            }
            line.clear();
        }
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(read).context("no thread")?;
    Ok(receiver)
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    address: String,
    show: Option<Vec<String>>,
    headers: Vec<Header>,
    at_end: AtEnd,
}

impl Options {
    /// `None` asks for the usage.
    fn parse(args: &[String]) -> anyhow::Result<Option<Self>> {
        let (mut address, mut show, mut at_end) = (None, None, AtEnd::Leave);
        let mut headers = Vec::new();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--show" => {
                    let names = args.next();
                    let names =
                        names.with_context(|| format!("`--show` needs names\n\n{USAGE}"))?;
                    let names = names.split(',').filter(|name| !name.is_empty());
                    let show: &mut Vec<String> = show.get_or_insert_default();
                    show.extend(names.map(ToOwned::to_owned));
                }
                "--header" => {
                    let line = args.next().with_context(|| {
                        format!("`--header` needs a header, 'NAME: VALUE'\n\n{USAGE}")
                    })?;
                    headers.push(Header::parse(line)?);
                }
                "--follow" => at_end = AtEnd::Follow,
                "--help" | "-h" => return Ok(None),
                option if option.starts_with('-') => {
                    bail!("`connect` does not take `{option}`\n\n{USAGE}")
                }
                _ if address.is_some() => {
                    bail!("one address at a time, not `{arg}` too\n\n{USAGE}")
                }
                _ => address = Some(arg.clone()),
            }
        }
        let address = address.with_context(|| format!("`connect` needs an address\n\n{USAGE}"))?;
        Ok(Some(Self { address, show, headers, at_end }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        let args: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
        Options::parse(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_all_that_is_needed() {
        let options = parse("ws://a/").unwrap().unwrap();
        assert_eq!(
            options,
            Options {
                address: "ws://a/".into(),
                show: None,
                headers: Vec::new(),
                at_end: AtEnd::Leave
            }
        );
        let options = parse("--follow --show a,b ws://a/ --show c").unwrap().unwrap();
        assert_eq!(options.show, Some(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(options.at_end, AtEnd::Follow);
        assert_eq!(parse("--help"), Ok(None));
    }

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let args = ["ws://a/", "--header", "Authorization: Bearer x:y"].map(str::to_owned);
        let options = Options::parse(&args).unwrap().unwrap();
        assert_eq!(options.headers, [Header::parse("authorization:Bearer x:y").unwrap()]);
        assert!(!format!("{options:?}").contains("x:y"), "it may be a secret");
        assert!(parse("ws://a/ --header nothing").unwrap_err().contains("NAME: VALUE"));
    }

    #[test]
    fn what_is_not_taken_is_told_with_the_usage() {
        for line in ["", "a b", "--colour a", "a --show", "a --header"] {
            assert!(parse(line).unwrap_err().contains("usage: cargo xtask connect"), "{line}");
        }
    }
}
