//! Routes of the session's own, which pages link to and fetch from.

use http::{Method, Response};
use session_core::{Body, Request, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("routes", PAGE, app, visit);

const PAGE: &str = r#"
<input id="rows" type="number" value="2">
<p id="link" class="shiny-html-output"></p>
<p id="put" class="shiny-text-output"></p>
"#;

fn app(s: &Session<'_>) -> Result<()> {
    let rows = s.input::<usize>("rows")?;
    let put = s.value(0);
    s.output("put", move |s| Ok(format!("{} bytes", put.get(s)?)))?;
    let get = s.dynamic_route("all rows/of it.csv", move |s, _: Request| {
        let csv: String = (1..=rows.get(s)?).map(|row| format!("row {row}\r\n")).collect();
        Ok(Response::builder().header("content-type", "text/csv").body(Body::from(csv))?)
    })?;
    let handle = s.module("inner")?.handle();
    let put_url = s.module("inner")?.dynamic_route_async("put", move |_, request: Request| {
        let handle = handle.clone();
        Ok(async move {
            let method = request.method().clone();
            let body = request.into_body().collect_up_to(10_000_000).await;
            let body = body.map_err(std::io::Error::other)?;
            let length = body.len();
            handle.run(move |s| put.set(s, length)).await??;
            Ok(format!("{method} of {length} bytes"))
        })
    })?;
    s.output("link", move |_| {
        Ok(format!(r#"<a id="get" href="{get}">Rows</a> <a id="post" href="{put_url}">Put</a>"#))
    })
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a route is fetched, and reads the session", |browser| {
        browser.fill("#rows", "3")?;
        browser.until::<bool>("document.querySelector('#get') && Shiny.shinyapp.$inputValues['rows:shiny.number'] === 3")?;
        browser.until(
            "fetch(document.querySelector('#get').href).then(async (response) => {
                const lines = (await response.text()).trim().split('\\r\\n');
                return lines.length === 3 && `${response.headers.get('content-type')}: ${lines.join(', ')}`;
            })",
        )
    })?;
    page.step("a route of a module takes a body, and writes to the session", |browser| {
        let answer: String = browser.until(
            "fetch(document.querySelector('#post').href, { method: 'PUT', body: new Uint8Array(3_000_000) })\
             .then((response) => response.text())",
        )?;
        anyhow::ensure!(answer == format!("{} of 3000000 bytes", Method::PUT), "it says {answer}");
        browser.until_text("#put", "3000000 bytes")
    })
}
