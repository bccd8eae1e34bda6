//! Download links.

use futures_util::{StreamExt, stream};
use session_core::{Download, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("downloads", PAGE, app, visit);

const PAGE: &str = r#"
<input id="rows" type="number" value="2">
<a id="table" class="btn btn-default shiny-download-link disabled" href="" aria-disabled="true" tabindex="-1" download>Table</a>
<a id="large" class="btn btn-default shiny-download-link disabled" href="" aria-disabled="true" tabindex="-1" download>Large</a>
<p id="taken" class="shiny-text-output"></p>
"#;

/// Bytes of the large one.
const LARGE: usize = 20_000_000;

fn app(s: &Session<'_>) -> Result<()> {
    let rows = s.input::<u32>("rows")?;
    let taken = s.value(0);
    let table = Download::text(move |s| {
        taken.update(s, |taken| *taken += 1)?;
        Ok((1..=rows.get(s)?).map(|row| format!("{row};{}\r\n", row * row)).collect::<String>())
    });
    s.download("table", table.filename_with(move |s| Ok(format!("ročník {}.csv", rows.get(s)?))))?;
    s.output("taken", move |s| Ok(format!("taken {} times", taken.get(s)?)))?;
    let pieces = Download::stream(|_| {
        let piece = vec![b'x'; 100_000];
        Ok(stream::iter(0..LARGE / piece.len()).map(move |_| Ok(piece.clone())))
    });
    s.download("large", pieces.filename("large.bin"))?;
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a link is enabled and gives the file, which reads the session", |browser| {
        browser.fill("#rows", "3")?;
        browser.until::<bool>("Shiny.shinyapp.$inputValues['rows:shiny.number'] === 3")?;
        browser
            .until::<bool>("!document.querySelector('#table').classList.contains('disabled')")?;
        browser.click("#table")?;
        let file = browser.downloaded("ročník 3.csv")?;
        anyhow::ensure!(file == b"1;1\r\n2;4\r\n3;9\r\n", "it holds {file:?}");
        // It wrote to the session, which shows it.
        browser.until_text("#taken", "taken 1 times")
    })?;
    page.step("a large file comes as it is made", |browser| {
        browser.click("#large")?;
        let file = browser.downloaded("large.bin")?;
        anyhow::ensure!(
            file.len() == LARGE && file.iter().all(|&byte| byte == b'x'),
            "{} bytes",
            file.len()
        );
        Ok(format!("{} bytes", file.len()))
    })
}
