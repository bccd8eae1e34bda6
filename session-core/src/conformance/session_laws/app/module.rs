use std::time::Duration;

use super::Notes;
use crate::{Result, Session};

/// How often a module ticks.
const TICK: Duration = Duration::from_millis(5);
/// Several of a module's ticks.
const ALARM: Duration = Duration::from_millis(50);

/// Makes and destroys modules, and sets an alarm of the root's.
pub(super) fn requests(s: &Session<'_>, notes: &Notes) -> Result<()> {
    let of_module = notes.clone();
    s.set_message_handler("make module", move |s, (id,): (String,)| {
        let m = s.module(&*id)?;
        module(&m, &of_module)?;
        inner(&m.module("inner")?, &of_module)
    })?;
    s.set_message_handler("destroy module", |s, (id,): (String,)| s.destroy_module(&*id))?;
    let notes = notes.clone();
    s.set_message_handler("set alarm", move |s, ()| {
        let (notes, mut due) = (notes.clone(), false);
        s.effect(move |s| {
            if std::mem::replace(&mut due, true) {
                notes.add("alarm");
                return Ok(());
            }
            s.invalidate_later(ALARM)
        });
        Ok(())
    })?;
    Ok(())
}

/// One of everything a module may have.
fn module(m: &Session<'_>, notes: &Notes) -> Result<()> {
    let name = m.namespace().to_string();
    let x = m.input::<i64>("x")?;
    let next = m.calc(move |s| Ok(x.get(s)? + 1));
    m.output("out", move |s| next.get(s))?;

    let (of_effect, whose) = (notes.clone(), name.clone());
    m.effect(move |s| {
        let x = x.get(s)?;
        of_effect.add(format!("{whose} has {x}"));
        Ok(())
    });
    let of_future = notes.clone();
    let future = format!("{name} lost a future");
    m.effect_async(move |_| {
        let guard = of_future.when_dropped(&future);
        Ok(async move {
            std::future::pending::<()>().await;
            drop(guard);
            Ok(())
        })
    });

    let (of_tick, whose) = (notes.clone(), name.clone());
    m.set_message_handler("tick", move |s, ()| {
        let (of_tick, whose) = (of_tick.clone(), whose.clone());
        s.effect(move |s| {
            of_tick.add(format!("tick of {whose}"));
            s.invalidate_later(TICK)
        });
        Ok(())
    })?;
    m.set_message_handler("ask", |s, ()| Ok(s.ns("ask")?))?;
    m.set_message_handler("has_x", move |s, ()| Ok(x.is_set(s)))?;
    m.set_message_handler("urls", |s, ()| {
        Ok([
            s.dynamic_route("route", |s, _| Ok(s.namespace().to_string()))?,
            s.dynamic_route_async("waiting", |_, _| Ok(std::future::pending::<Result<String>>()))?,
        ])
    })?;
    m.set_message_handler_async("wait", |_, ()| Ok(std::future::pending::<Result<()>>()))?;
    m.set_message_handler("tell_x", |s, ()| s.send_input_message("x", &1))?;

    m.on_every_flushed(|s| s.send_custom_message("flushed", &s.namespace().to_string()));
    m.on_ended(notes.that(&format!("{name} ended")));
    m.on_destroy(notes.that(&format!("{name} destroyed")));
    Ok(())
}

fn inner(m: &Session<'_>, notes: &Notes) -> Result<()> {
    m.set_message_handler("ask", |s, ()| Ok(s.ns("ask")?))?;
    m.on_destroy(notes.that(&format!("{} destroyed", m.namespace())));
    Ok(())
}
