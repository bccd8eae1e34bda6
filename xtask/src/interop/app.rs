//! The app that the peers talk to: one of everything that a client can see of a session.

use http::{Response, StatusCode};
use session_core::exchange::{Body, Request};
use session_core::link::{CloseCode, CloseReason};
use session_core::{App, Result, Session, safe};

/// The largest body that `echo` takes.
const MAX_BODY: usize = 1 << 20;

pub(super) fn app() -> App {
    App::new(session)
}

fn session(s: &Session<'_>) -> Result<()> {
    let n = s.input::<f64>("n")?;
    s.output("double", move |s| Ok((n.get(s)? * 2.0).to_string()))?;
    s.set_message_handler("add", |_s, (a, b): (f64, f64)| Ok(a + b))?;
    s.set_message_handler("announce", |s, (text,): (String,)| {
        s.send_custom_message("announcement", &text)
    })?;

    let echo = s.dynamic_route_async("echo", |_s, request: Request| {
        let (head, body) = request.into_parts();
        Ok(async move {
            let body =
                body.collect_up_to(MAX_BODY).await.map_err(|error| safe(error.to_string()))?;
            let answer = [format!("{} ", head.method).as_bytes(), &body].concat();
            Ok(Response::builder()
                .status(StatusCode::ACCEPTED)
                .header("content-type", "text/plain; charset=utf-8")
                .body(Body::from(answer))?)
        })
    })?;
    s.output("echo", move |_s| Ok(echo.clone()))?;

    let files = s.file_input("data")?;
    // Read at once: how the frames of an output that takes its time are put together depends on when it is done, and
    // every client must see the same.
    s.output("uploaded", move |s| {
        let mut told = Vec::new();
        for file in &*files.get(s)? {
            let letters = std::fs::read_to_string(file.path())?.chars().count();
            told.push(format!("{}, {}, {letters} letters", file.name(), file.media_type()));
        }
        Ok(told)
    })?;

    s.set_message_handler("open", |s, (id,): (String,)| panel(&s.module(id)?))?;
    s.set_message_handler("destroy", |s, (id,): (String,)| s.destroy_module(id))?;

    s.set_message_handler("leave", |s, (code, text): (u16, String)| {
        let code = CloseCode::new(code).ok_or_else(|| safe("no code to close with"))?;
        s.close_with(CloseReason::new(code, text));
        Ok(())
    })?;
    Ok(())
}

/// The module that comes and goes.
fn panel(s: &Session<'_>) -> Result<()> {
    let text = s.input::<String>("text")?;
    s.output("loud", move |s| Ok(text.get(s)?.to_uppercase()))?;
    s.on_destroy(|s| s.send_custom_message("announcement", "the panel is gone"));
    Ok(())
}
