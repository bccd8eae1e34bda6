//! What the page tells of itself: where it is, how it is shown.

use session_core::{Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("client_data", PAGE, app, visit);

const PAGE: &str = r##"
<p id="place" class="shiny-text-output"></p>
<p id="search" class="shiny-text-output"></p>
<p id="hash" class="shiny-text-output"></p>
<p id="ratio" class="shiny-text-output"></p>
<p id="size" class="shiny-text-output"></p>
<p id="seen" class="shiny-text-output"></p>
<p id="colour" class="shiny-text-output"></p>
<div id="box" class="shiny-html-output shiny-report-size shiny-report-theme" style="width: 300px; height: 40px; color: #f00; font-family: Alpha, serif"></div>
"##;

fn app(s: &Session<'_>) -> Result<()> {
    let page = s.client_data();
    let (protocol, path, port) = (page.protocol(), page.pathname(), page.port());
    s.output("place", move |s| {
        let port: u16 = port.get(s)?.parse()?;
        Ok(format!("{} {} {}", protocol.get(s)?, path.get(s)?, port > 0))
    })?;
    let (search, hash, ratio) = (page.search(), page.hash(), page.pixel_ratio());
    s.output("search", move |s| search.get(s))?;
    s.output("hash", move |s| hash.get(s))?;
    s.output("ratio", move |s| Ok(format!("{} to one", ratio.get(s)?)))?;

    s.output("box", |s| {
        let this = s.current_output()?;
        Ok(format!("{} is {} wide", this.id(), this.width().get(s)?))
    })?;
    let drawn = page.output("box")?;
    let (width, height) = (drawn.width(), drawn.height());
    s.output("size", move |s| Ok(format!("{} by {}", width.get(s)?, height.get(s)?)))?;
    let hidden = drawn.hidden();
    s.output("seen", move |s| Ok(if hidden.get(s)? { "hidden" } else { "seen" }))?;
    let (colour, font) = (drawn.foreground(), drawn.font());
    s.output("colour", move |s| {
        let families = font.get(s)?.families.len();
        Ok(format!("{} in one of {families} fonts", colour.get(s)?))
    })
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("the page tells where it is and how it looks", |browser| {
        browser.until_text("#place", "http: /client_data/ true")?;
        browser.until_text("#hash", "")?;
        browser.until_text("#ratio", "1 to one")?;
        browser.until_text("#size", "300 by 40")?;
        browser.until_text("#seen", "seen")?;
        browser.until_text("#box", "box is 300 wide")?;
        browser.until_text("#colour", "rgb(255, 0, 0) in one of 2 fonts")
    })?;
    page.step("it tells when its address changes", |browser| {
        browser.eval::<()>("void history.pushState(null, '', location.search + (location.search ? '&' : '?') + 'page=2')")?;
        browser.until::<bool>("document.querySelector('#search').textContent.endsWith('page=2')")?;
        browser.eval::<()>("void (location.hash = 'there')")?;
        browser.until_text("#hash", "#there")
    })?;
    page.step("it tells when an output changes its size, or is hidden", |browser| {
        browser.eval::<()>("void (document.querySelector('#box').style.width = '200px')")?;
        browser.until_text("#size", "200 by 40")?;
        browser.eval::<()>("void (document.querySelector('#box').style.display = 'none')")?;
        browser.until_text("#seen", "hidden")?;
        browser.eval::<()>("void (document.querySelector('#box').style.display = '')")?;
        browser.until_text("#seen", "seen")?;
        browser.until_text("#box", "box is 200 wide")
    })
}
