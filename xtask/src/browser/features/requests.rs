//! Requests of the page to the session.

use std::time::Duration;

use session_core::{Result, Session, safe};

use super::page::Signs;
use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("requests", PAGE, app, visit);

const PAGE: &str = r#"
<input id="factor" type="number" value="10">
<p id="asked" class="shiny-text-output"></p>
"#;

/// What fails in app code is logged whole.
const FAILED: Signs = Signs { logs: &["app code failed"], links: 1 };

fn app(s: &Session<'_>) -> Result<()> {
    let factor = s.input::<f64>("factor")?;
    let asked = s.value(0);
    s.output("asked", move |s| Ok(format!("{} times", asked.get(s)?)))?;
    // Reading makes no dependency, writing causes a flush.
    s.set_message_handler("scale", move |s, (number,): (f64,)| {
        asked.update(s, |asked| *asked += 1)?;
        Ok(number * factor.get(s)?)
    })?;
    s.set_message_handler("fail", |_, (told,): (bool,)| -> Result<()> {
        if told {
            Err(safe("for everyone to read").into())
        } else {
            Err(std::io::Error::other("not for everyone").into())
        }
    })?;
    s.set_message_handler_async("slow", |_, (name,): (String,)| {
        Ok(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(name)
        })
    })?;
    s.set_message_handler_with_blobs("weigh", |_, (name,): (String,), blobs| {
        let bytes = blobs.iter().flat_map(|blob| blob.iter());
        Ok((name, blobs.len(), bytes.map(|&byte| u64::from(byte)).sum::<u64>()))
    })?;
    let module = s.module("inner")?;
    module.set_message_handler("whoami", |s, ()| Ok(s.namespace().to_string()))?;
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a request is answered, and what it writes is shown", |browser| {
        browser.until_text("#asked", "0 times")?;
        browser.until::<bool>("ask('scale', [4]).then(({ ok }) => ok === 40)")?;
        browser.fill("#factor", "2")?;
        browser.until::<bool>("ask('inner-whoami', []).then(({ ok }) => ok === 'inner')")?;
        browser.until_text("#asked", "1 times")
    })?;
    page.step_with("a request that fails is answered", FAILED, |browser| {
        browser.until::<bool>(
            "ask('fail', [true]).then(({ error }) => error === 'for everyone to read')",
        )?;
        browser.until::<bool>(
            "ask('fail', [false]).then(({ error }) => error.startsWith('An error has occurred'))",
        )?;
        browser.until::<bool>(
            "ask('scale', ['x']).then(({ error }) => error.startsWith('the arguments do not fit'))",
        )?;
        browser.until("ask('nothing', []).then(({ error }) => error)")
    })?;
    page.step("a request takes blobs along", |browser| {
        browser.until::<bool>("ask('weigh', ['none']).then(({ ok }) => ok.join() === 'none,0,0')")?;
        browser.until(
            "ask('weigh', ['three'], [new Uint8Array([1, 2, 255]).buffer, new Blob(['AB']), new ArrayBuffer(300_000)])\
             .then(({ ok }) => ok.join() === `three,3,${1 + 2 + 255 + 65 + 66}` && ok.join())",
        )
    })?;
    page.step("a slow one holds up nobody", |browser| {
        browser.until(
            "(async () => {
                const order = [];
                const note = (name) => (answer) => order.push(name);
                await Promise.all([ask('slow', ['a']).then(note('slow')), ask('inner-whoami', []).then(note('quick'))]);
                return order.join() === 'quick,slow' && order.join();
            })()",
        )
    })
}
