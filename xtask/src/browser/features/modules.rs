//! Modules that come and go with their piece of the page.

use session_core::page::{Html, InsertUi};
use session_core::{Action, Result, Session, Value};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("modules", PAGE, app, visit);

const PAGE: &str = r#"
<button id="add" class="btn btn-default action-button">Add</button>
<button id="again" class="btn btn-default action-button">First again</button>
<p>Live: <span id="live" class="shiny-text-output"></span></p>
<div id="cards"></div>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let live = s.value(Vec::<String>::new());
    s.output("live", move |s| Ok(live.get(s)?.join(" ")))?;
    let mut number = 0;
    s.on_event(s.input::<Action>("add")?, move |s, _| {
        number += 1;
        card(&s.module(format!("card{number}").as_str())?, live)
    });
    // The same id once more, right after it was destroyed.
    s.on_event(s.input::<Action>("again")?, move |s, _| {
        s.remove_ui("#card1-card")?;
        s.destroy_module("card1")?;
        card(&s.module("card1")?, live)
    });
    Ok(())
}

/// The module: it makes its piece of the page and takes it away again.
fn card(s: &Session<'_>, live: Value<Vec<String>>) -> Result<()> {
    let name = s.namespace().to_string();
    let html = format!(
        r#"<div id="{}">
  <input id="{}" type="text" value="{name}"> <span id="{}" class="shiny-text-output"></span>
  <div id="{}" class="shiny-html-output"></div>
  <button id="{}" class="btn btn-default action-button">Remove</button>
</div>"#,
        s.ns("card")?,
        s.ns("text")?,
        s.ns("shout")?,
        s.ns("inner")?,
        s.ns("remove")?,
    );
    s.insert_ui(InsertUi::new("#cards", Html::raw(html)))?;
    live.update(s, |live| live.push(name.clone()))?;
    s.on_destroy(move |s| {
        live.update(s, |live| live.retain(|one| *one != name))?;
        Ok(())
    });

    let text = s.input::<String>("text")?;
    s.output("shout", move |s| Ok(text.get(s)?.to_uppercase()))?;
    // A module within: the page's piece of it comes as a value.
    let inner = s.module("inner")?;
    let id = inner.ns("length")?;
    s.output("inner", move |_| {
        Ok(format!(r#"<span id="{id}" class="shiny-text-output"></span>"#))
    })?;
    inner.output("length", move |s| Ok(text.get(s)?.chars().count().to_string()))?;

    s.on_event(s.input::<Action>("remove")?, |s, _| {
        s.remove_ui(format!("#{}", s.ns("card")?))?;
        s.destroy();
        Ok(())
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("modules are added, each with its own inputs and outputs", |browser| {
        for number in 1..=3 {
            browser.click("#add")?;
            browser.until_text(&format!("#card{number}-shout"), &format!("CARD{number}"))?;
            browser.until_text(&format!("#card{number}-inner-length"), "5")?;
        }
        browser.fill("#card2-text", "two")?;
        browser.until_text("#card2-shout", "TWO")?;
        browser.until_text("#card2-inner-length", "3")?;
        browser.until_text("#card1-shout", "CARD1")?;
        browser.until_text("#live", "card1 card2 card3")
    })?;
    page.step("one is removed from within, and no frame names it any more", |browser| {
        browser.click("#card2-remove")?;
        browser.until::<bool>("document.querySelector('#card2-card') === null")?;
        browser.until_text("#live", "card1 card3")?;
        browser.eval::<()>("void (wire.received.length = 0)")?;
        browser.fill("#card3-text", "three")?;
        browser.until_text("#card3-inner-length", "5")?;
        let named: Vec<String> =
            browser.eval("wire.received.filter((frame) => frame.includes('card2'))")?;
        anyhow::ensure!(named.is_empty(), "it is spoken of: {}", named.join(" "));
        Ok(String::new())
    })?;
    page.step("a module of the same id is another one", |browser| {
        browser.fill("#card1-text", "old")?;
        browser.until_text("#card1-shout", "OLD")?;
        browser.click("#again")?;
        browser.until_text("#card1-shout", "CARD1")?;
        browser.until_text("#live", "card3 card1")?;
        browser.until::<bool>("document.querySelectorAll('#cards > div').length === 2")?;
        browser.fill("#card1-text", "renewed")?;
        browser.until_text("#card1-inner-length", "7")
    })?;
    page.step("one that comes back with what its inputs held before learns of it", |browser| {
        browser.fill("#card1-text", "card1")?;
        browser.until_text("#card1-shout", "CARD1")?;
        browser.click("#card1-remove")?;
        browser.until_text("#live", "card3")?;
        browser.until::<bool>("document.querySelector('#card1-card') === null")?;
        browser.click("#again")?;
        browser.until_text("#live", "card3 card1")?;
        browser.until_text("#card1-inner-length", "5")?;
        browser.until_text("#card1-shout", "CARD1")
    })
}
