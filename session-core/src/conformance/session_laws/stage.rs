//! The server's role: runs the app, and passes on what it notes.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::app::{Notes, app};
use crate::conformance::law::{Client, Failure, Served, Verdict, ensure};
use crate::conformance::parley::Parley;
use crate::{Limits, Server};

/// What the client says once the server is to shut down.
pub(super) const SHUT_DOWN: &str = "shut down";
/// What the server says when it has: whatever the app noted was said before.
const OVER: &str = "over";

/// The largest message of these sessions, in bytes: less than the largest frame of the link.
pub(super) const MESSAGE: usize = 64 << 10;

/// Runs the app.
pub(super) async fn serve(served: Served) -> Verdict {
    serve_with(served, |server| server.limits(limits())).await
}

/// Runs the app for one client at a time.
pub(super) async fn serve_one(served: Served) -> Verdict {
    serve_with(served, |server| server.limits(limits()).max_sessions(1)).await
}

/// Runs the app for clients that are quick.
pub(super) async fn serve_quickly(served: Served) -> Verdict {
    let init_timeout = Duration::from_millis(20);
    serve_with(served, |server| server.limits(Limits { init_timeout, ..limits() })).await
}

fn limits() -> Limits {
    Limits { message_bytes: MESSAGE, ..Limits::default() }
}

/// Runs the app on a server that differs.
pub(super) async fn serve_with(served: Served, server: impl FnOnce(Server) -> Server) -> Verdict {
    let Served { listener, mut parley, max_frame } = served;
    ensure!(MESSAGE < max_frame, "messages of {MESSAGE} bytes do not fit frames of {max_frame}");
    let (notes, mut noted) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    let serving =
        server(Server::new(app(Notes(notes)))).serve(listener, async move { drop(stopped.await) });
    let mut serving = std::pin::pin!(serving);
    let mut is_asked = true;
    loop {
        tokio::select! {
            () = &mut serving => break,
            Some(note) = noted.recv() => parley.say(note),
            word = parley.hear(), if is_asked => {
                is_asked = false;
                drop(stop.take());
                // A client that failed says nothing; its own verdict tells why.
                ensure!(word.as_deref().unwrap_or(SHUT_DOWN) == SHUT_DOWN, "unexpected {word:?}");
            }
        }
    }
    while let Ok(note) = noted.try_recv() {
        parley.say(note);
    }
    parley.say(OVER);
    Ok(())
}

/// What the app notes at the end of each session: its `on_ended` callback ran, and all it held is gone.
pub(super) const ENDED: [&str; 2] = ["ended", "gone"];

/// Lets the server shut down, and gives what the app noted since: nothing comes after that.
pub(super) async fn shut_down(parley: &mut Parley) -> Result<Vec<String>, Failure> {
    parley.say(SHUT_DOWN);
    let mut notes = Vec::new();
    loop {
        match parley.hear().await? {
            word if word == OVER => return Ok(notes),
            note => notes.push(note),
        }
    }
}

/// Ends a law whose one session leaves no notes but these before its usual last ones.
pub(super) async fn finish(mut client: Client, notes: &[&str]) -> Verdict {
    let noted = shut_down(&mut client.parley).await?;
    let expected: Vec<_> = notes.iter().chain(&ENDED).copied().collect();
    ensure!(noted == expected, "the app noted {noted:?} instead of {expected:?}");
    Ok(())
}
