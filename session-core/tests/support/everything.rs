//! A module that uses every category of what a scope can own: to be destroyed, and weighed.

use std::future::pending;
use std::time::Duration;

use session_core::page::{Html, HtmlDependency, Notification};
use session_core::{Download, ExtendedTask, Result, Session, Shared, UploadedFile};

/// What a module of this kind adds to a graph, in values, calcs and effects.
pub(crate) const NODES: usize = 20;

/// Makes the module `id` of `s`. `shared` is the server's.
pub(crate) fn module(s: &Session<'_>, id: &str, shared: &Shared<u32>) -> Result<()> {
    let m = &s.module(id)?;
    graph(m, shared)?;
    tasks(m)?;
    outputs(m)?;
    requests(m)?;
    page(m)?;
    m.on_flush(|_| Ok(()));
    m.on_every_flush(|_| Ok(()));
    m.on_flushed(|_| Ok(()));
    m.on_every_flushed(|_| Ok(()));
    m.on_ended(|_| Ok(()));
    m.on_destroy(|_| Ok(()));
    m.export_test_value("exported", |_| Ok(1))?;
    m.snapshot_input_with("x", |json| json)?;
    m.snapshot_output_with("shown", |json| json)?;
    let inner = m.module("inner")?;
    let x = inner.input::<u32>("x")?;
    inner.output("shown", move |s| x.get(s))
}

/// Values, calcs, effects, timers, inputs, client data.
fn graph(m: &Session<'_>, shared: &Shared<u32>) -> Result<()> {
    let (x, search) = (m.input::<u32>("x")?, m.client_data().search());
    let (value, unset) = (m.value(1_u32), m.value_unset::<u32>());
    let sum = m.calc(move |s| Ok(value.get(s)? + x.get(s).unwrap_or_default()));
    let is_large = m.calc_distinct(move |s| Ok(sum.get(s)? > 10));
    let polled = m.poll(Duration::from_secs(3600), |_| Ok(1_u8), move |s| sum.get(s))?;
    let shared = shared.clone();
    m.effect(move |s| {
        s.invalidate_later(Duration::from_secs(3600))?;
        is_large.get(s)?;
        polled.get(s)?;
        let _ = (unset.get(s), search.get(s));
        shared.get(s).map(drop)
    })
    .on_invalidate(m, |_| Ok(()));
    m.on_event(x, |_, _| Ok(()));
    Ok(())
}

/// Futures at work.
fn tasks(m: &Session<'_>) -> Result<()> {
    m.effect_async(|_| Ok(pending()));
    let slow = m.calc_async(|_| Ok(pending::<Result<u32>>()));
    m.effect(move |s| slow.get(s).map(drop));
    let task: ExtendedTask<u32, u32> = m.extended_task(|_| pending());
    task.invoke(m, 1)?;
    task.invoke(m, 2)
}

fn outputs(m: &Session<'_>) -> Result<()> {
    let x = m.input::<u32>("x")?;
    m.output("shown", move |s| {
        let width = s.current_output()?.width();
        Ok((x.get(s)?, width.get_if_set(s).ok()))
    })?;
    m.output_async("slow", |_| Ok(pending::<Result<u32>>()))
}

/// Handlers, routes, downloads, uploads.
fn requests(m: &Session<'_>) -> Result<()> {
    m.set_message_handler("ask", |_, ()| Ok(1))?;
    m.set_message_handler_async("wait", |_, ()| Ok(pending::<Result<u32>>()))?;
    m.set_message_handler_with_blobs("take", |_, (), blobs| Ok(blobs.len()))?;
    m.dynamic_route("route", |_, _| Ok("here"))?;
    m.dynamic_route_async("later", |_, _| Ok(pending::<Result<String>>()))?;
    m.download("rows", Download::text(|_| Ok("rows")).filename("rows.csv"))?;
    let file = m.file_input("file")?;
    m.on_event(file, |_, files| {
        let _bytes: u64 = files.iter().map(UploadedFile::size).sum();
        Ok(())
    });
    Ok(())
}

fn page(m: &Session<'_>) -> Result<()> {
    m.progress()?.set(m, 0.5)?;
    // By an id, so that the page of a test that makes many has one rather than all of them.
    m.show_notification(Notification::new("made").id(m.ns("made")?))?;
    let library = HtmlDependency::new("everything", "1").file("a.css", "").stylesheet("a.css");
    m.html(Html::text("styled").with(library)).map(drop)
}
