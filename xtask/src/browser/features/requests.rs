//! Requests of the page to the session.

use std::time::Duration;

use session_core::{Result, Session, safe};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature { name: "requests", page: PAGE, app, visit };

const PAGE: &str = r#"
<input id="factor" type="number" value="10">
<p id="asked" class="shiny-text-output"></p>
<script>
// What makeRequest makes of it: `{ ok }` or `{ error }`.
const ask = (method, args, blobs) =>
  new Promise((answer) =>
    Shiny.shinyapp.makeRequest(method, args, (ok) => answer({ ok }), (error) => answer({ error }), blobs));
</script>
"#;

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
    page.step_logged("a request that fails is answered", &["app code failed"], |browser| {
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
