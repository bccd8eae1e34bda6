//! What an app does that takes its time: an extended task, an async calc. Both wait to be let go on.

use std::sync::Arc;

use tokio::sync::Notify;

use super::Notes;
use crate::{Result, Session, safe};

pub(super) fn work(s: &Session<'_>, notes: &Notes) -> Result<()> {
    task(s, notes)?;
    calc(s)?;
    s.set_message_handler_with_blobs("weigh", |_, (word,): (String,), blobs| {
        let weights: Vec<_> = blobs
            .iter()
            .map(|blob| blob.iter().map(|byte| u64::from(*byte)).sum::<u64>())
            .collect();
        Ok((word, weights))
    })?;
    Ok(())
}

fn task(s: &Session<'_>, notes: &Notes) -> Result<()> {
    let release = Arc::new(Notify::new());
    let (released, notes) = (Arc::clone(&release), notes.clone());
    let task = s.extended_task(move |n: i64| {
        let (released, dropped) = (Arc::clone(&released), notes.when_dropped("call over"));
        async move {
            released.notified().await;
            drop(dropped);
            if n < 0 { Err(safe("n is negative").into()) } else { Ok(n * 10) }
        }
    });
    s.output("task", move |s| task.result(s))?;
    s.output("task_status", move |s| Ok(format!("{:?}", task.status(s)?)))?;
    s.set_message_handler("call task", move |s, (n,): (i64,)| task.invoke(s, n))?;
    s.set_message_handler("cancel task", move |s, ()| task.cancel(s))?;
    s.set_message_handler("release task", move |_, ()| {
        release.notify_one();
        Ok(())
    })?;
    Ok(())
}

fn calc(s: &Session<'_>) -> Result<()> {
    let n = s.input::<i64>("n")?;
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let square = s.calc_async(move |s| {
        let (n, released) = (n.get(s)?, Arc::clone(&released));
        Ok(async move {
            released.notified().await;
            Ok(n * n)
        })
    });
    s.output("square", move |s| square.get(s))?;
    s.output("square_and_one", move |s| square.with(s, |square| square + 1))?;
    s.set_message_handler("release calc", move |_, ()| {
        release.notify_one();
        Ok(())
    })?;
    Ok(())
}
