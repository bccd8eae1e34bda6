//! An app that does what its client asks, and notes what the client cannot see.

use std::fmt;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::{Notify, mpsc};

use crate::link::CloseCode;
use crate::page::{Html, InsertUi};
use crate::{App, CloseReason, Interrupt, Reconnect, Request, Response, Result, Session, safe};

pub(super) mod downloads;
mod module;
pub(super) mod page;
pub(super) mod uploads;
mod work;

/// Where an app notes what the client cannot see; a clone is the same place.
#[derive(Debug, Clone)]
pub(super) struct Notes(pub(super) mpsc::UnboundedSender<String>);

impl Notes {
    /// Nobody may read them any more; no harm.
    fn add(&self, note: impl fmt::Display) {
        let _ = self.0.send(note.to_string());
    }

    /// A closure that notes this.
    fn that(&self, note: &str) -> impl Fn(&Session<'_>) -> Result<()> + Send + use<> {
        let (notes, note) = (self.clone(), note.to_owned());
        move |_| {
            notes.add(&note);
            Ok(())
        }
    }

    /// Something that notes when it is dropped.
    fn when_dropped(&self, note: &str) -> Guard {
        Guard { notes: self.clone(), note: note.to_owned() }
    }
}

struct Guard {
    notes: Notes,
    note: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.notes.add(&self.note);
    }
}

pub(super) fn app(notes: Notes) -> App {
    App::new(move |s: &Session<'_>| {
        s.on_ended(notes.that("ended"));
        // Whatever the session holds is gone with it.
        let guard = notes.when_dropped("gone");
        s.effect(move |_| {
            let _ = &guard;
            Ok(())
        });
        outputs(s, &notes)?;
        requests(s)?;
        messages(s)?;
        page::requests(s)?;
        flushes(s, &notes)?;
        routes(s)?;
        downloads::requests(s, &notes)?;
        uploads::requests(s)?;
        outside(s)?;
        identity(s)?;
        ends(s)?;
        work::work(s, &notes)?;
        module::requests(s, &notes)
    })
}

fn outputs(s: &Session<'_>, notes: &Notes) -> Result<()> {
    let n = s.input::<i64>("n")?;
    s.output("double", move |s| match n.get(s)? {
        0 => Err(Interrupt::Silent),
        13 => Err(Interrupt::Cancel),
        99 => Err(std::io::Error::other("a secret").into()),
        n if n < 0 => Err(safe("n is negative").into()),
        n => Ok(n * 2),
    })?;
    let half = s.calc(move |s| Ok(n.get(s)? / 2));
    let seen = notes.clone();
    s.output("half", move |s| {
        let half = half.get(s)?;
        seen.add(format!("half {half}"));
        Ok(half)
    })?;
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    s.output_async("later", move |s| {
        let (n, released) = (n.get(s)?, Arc::clone(&released));
        Ok(async move {
            released.notified().await;
            Ok(n + 1)
        })
    })?;
    s.set_message_handler("release output", move |_, ()| {
        release.notify_one();
        Ok(())
    })?;
    Ok(())
}

fn requests(s: &Session<'_>) -> Result<()> {
    s.set_message_handler("nothing", |_, ()| Ok(()))?;
    s.set_message_handler("echo", |_, (value,): (serde_json::Value,)| Ok(value))?;
    s.set_message_handler("add", |_, (a, b): (f64, f64)| Ok(a + b))?;
    s.set_message_handler("fail", |_, ()| -> Result<()> {
        Err(std::io::Error::other("a secret").into())
    })?;
    s.set_message_handler("fail safely", |_, ()| -> Result<()> { Err(safe("no secret").into()) })?;
    s.set_message_handler("stop quietly", |_, ()| -> Result<()> { Err(Interrupt::Silent) })?;
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    s.set_message_handler_async("wait", move |_, (word,): (String,)| {
        let released = Arc::clone(&released);
        Ok(async move {
            released.notified().await;
            Ok(word)
        })
    })?;
    s.set_message_handler("release request", move |_, ()| {
        release.notify_one();
        Ok(())
    })?;
    s.set_message_handler("forget", |s, (name,): (String,)| s.remove_message_handler(&name))?;
    Ok(())
}

fn messages(s: &Session<'_>) -> Result<()> {
    s.set_message_handler("send", |s, (kind,): (String,)| match &*kind {
        "custom" => {
            s.send_custom_message("note", &json!({ "text": "é √ \u{1f600}", "n": [1, null] }))
        }
        "binary" => s.send_binary_message("bytes", &(0..=255).collect::<Vec<u8>>()),
        "input" => {
            s.send_input_message("n", &json!({ "value": 1 }))?;
            s.send_input_message("n", &json!({ "value": 2 }))
        }
        "ui" => {
            s.insert_ui(InsertUi::new("#place", Html::raw("<p id=\"new\">new</p>")))?;
            s.remove_ui("#new")
        }
        "reconnect" => {
            s.allow_reconnect(Reconnect::Yes);
            Ok(())
        }
        _ => Err(safe("there is no such kind of message").into()),
    })?;
    Ok(())
}

fn flushes(s: &Session<'_>, notes: &Notes) -> Result<()> {
    let notes = notes.clone();
    let flushes = s.value(0);
    s.output("flushes", move |s| flushes.get(s))?;
    s.set_message_handler("note this flush", move |s, ()| {
        let (before, after) = (notes.clone(), notes.clone());
        s.on_flush(move |s| {
            before.add("flush");
            s.send_custom_message("flush", &())
        });
        s.on_flushed(move |s| {
            after.add("flushed");
            s.send_custom_message("flushed", &())
        });
        s.on_flush(notes.that("cancelled")).cancel(s);
        flushes.set(s, flushes.get(s)? + 1)?;
        Ok(())
    })?;
    Ok(())
}

fn routes(s: &Session<'_>) -> Result<()> {
    let hits = s.value(0);
    s.output("hits", move |s| hits.get(s))?;
    s.set_message_handler("route", move |s, (name, word): (String, String)| {
        s.dynamic_route(&name, move |s, request| {
            hits.set(s, hits.get(s)? + 1)?;
            Ok(format!("{word} {}", request.method()))
        })
    })?;
    s.set_message_handler("echo route", |s, ()| {
        s.dynamic_route_async("echo", |_, request: Request| {
            Ok(async move {
                let (parts, body) = request.into_parts();
                let mut response = Response::new(body);
                *response.status_mut() = http::StatusCode::ACCEPTED;
                if let Some(word) = parts.headers.get("x-word") {
                    response.headers_mut().insert("x-word", word.clone());
                }
                Ok(response)
            })
        })
    })?;
    s.set_message_handler("failing route", |s, ()| {
        s.dynamic_route("fails", |_, _| -> Result<Response> {
            Err(std::io::Error::other("a secret").into())
        })
    })?;
    Ok(())
}

fn outside(s: &Session<'_>) -> Result<()> {
    let word = s.value(String::new());
    s.output("word", move |s| word.get(s))?;
    s.set_message_handler("from outside", move |s, (text,): (String,)| {
        let handle = s.handle();
        tokio::spawn(async move { handle.run(move |s| word.set(s, text)).await });
        Ok(())
    })?;
    Ok(())
}

fn identity(s: &Session<'_>) -> Result<()> {
    s.set_message_handler("who", |s, ()| {
        let who = |s: &Session<'_>| (s.user().map(str::to_owned), s.groups().to_vec());
        let m = s.module("who")?;
        let known = (who(s), who(&m));
        m.destroy();
        Ok(known)
    })?;
    s.set_message_handler("header", |s, (name,): (String,)| {
        Ok(s.peer().header(&name).map(str::to_owned))
    })?;
    Ok(())
}

fn ends(s: &Session<'_>) -> Result<()> {
    s.set_message_handler("close", |s, ()| {
        s.close();
        Ok(())
    })?;
    s.set_message_handler("close with", |s, (code, text): (u16, String)| {
        let code = CloseCode::new(code).ok_or_else(|| safe("no such code"))?;
        s.close_with(CloseReason::new(code, text));
        s.send_custom_message("too late", &())
    })?;
    s.set_message_handler("fail in an effect", |s, ()| {
        s.effect(|_| Err(std::io::Error::other("a secret").into()));
        Ok(())
    })?;
    Ok(())
}
