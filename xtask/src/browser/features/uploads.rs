//! File inputs.

use std::fs;

use session_core::{Limits, Result, Session};

use super::page::Signs;
use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("uploads", PAGE, app, visit).limits(limits);

const PAGE: &str = r##"
<div class="form-group shiny-input-container">
  <label class="control-label" for="one">One</label>
  <div class="input-group">
    <label class="input-group-btn input-group-prepend"><span class="btn btn-default btn-file">Browse
      <input id="one" name="one" type="file" class="shiny-input-file" style="position: absolute; top: -9999px; left: -9999px">
    </span></label>
    <input type="text" class="form-control" placeholder="No file" readonly>
  </div>
  <div id="one_progress" class="progress active shiny-file-input-progress"><div class="progress-bar"></div></div>
</div>
<div class="form-group shiny-input-container">
  <label class="control-label" for="many">Many</label>
  <div class="input-group"><input id="many" name="many" type="file" multiple class="shiny-input-file"><input type="text" readonly></div>
  <div id="many_progress" class="progress active shiny-file-input-progress"><div class="progress-bar"></div></div>
</div>
<p id="shown_one" class="shiny-text-output"></p>
<p id="shown_many" class="shiny-text-output"></p>
<script>
// What the progress bar has shown, step by step.
const widths = [];
const bar = document.querySelector("#one_progress .progress-bar");
new MutationObserver(() => widths.push(parseInt(bar.style.width))).observe(bar, { attributeFilter: ["style"] });
</script>
"##;

/// Bytes of the large file.
const LARGE: usize = 20_000_000;

/// Bytes per second that the page sends, so that there is some progress to see.
const PACE: usize = 20_000_000;

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.upload_file_bytes = LARGE;
    limits
}

fn app(s: &Session<'_>) -> Result<()> {
    let one = s.file_input("one")?;
    s.output_async("shown_one", move |s| {
        let file = one.get(s)?[0].clone();
        Ok(async move {
            let sum = checksum(&file.read().await?);
            Ok(format!("{} of {}, {} bytes, {sum:x}", file.name(), file.media_type(), file.size()))
        })
    })?;
    let many = s.file_input("many")?;
    s.output("shown_many", move |s| {
        let files = many.get(s)?;
        let files: Vec<_> =
            files.iter().map(|file| format!("{} {}", file.name(), file.size())).collect();
        Ok(files.join(", "))
    })
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("a file of 20 MB is uploaded, and its progress is shown", |browser| {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("velký soubor.csv");
        let bytes: Vec<u8> = (0..LARGE as u32).map(|at| (at ^ (at >> 9)) as u8).collect();
        fs::write(&file, &bytes)?;
        browser.upload_at_most(Some(PACE))?;
        browser.choose("#one", &[&file])?;
        let name = "velký soubor.csv";
        let sum = checksum(&bytes);
        browser.until_text("#shown_one", &format!("{name} of text/csv, {LARGE} bytes, {sum:x}"))?;
        browser.upload_at_most(None)?;
        browser.until_text("#one_progress .progress-bar", "Upload complete")?;
        let widths: Vec<u32> = browser.eval("widths")?;
        let on_the_way = widths.iter().filter(|&&width| width > 0 && width < 100).count();
        anyhow::ensure!(on_the_way > 0 && widths.last() == Some(&100), "the bar went {widths:?}");
        anyhow::ensure!(widths.is_sorted(), "the bar went back: {widths:?}");
        browser.until::<bool>(
            "!document.querySelector('#one_progress').classList.contains('active')",
        )?;
        Ok(format!("its bar stopped {on_the_way} times on its way"))
    })?;
    page.step("several files are uploaded at once, an empty one among them", |browser| {
        let folder = tempfile::tempdir()?;
        let files = ["a.txt", "b", "c.bin"].map(|name| folder.path().join(name));
        for (file, bytes) in files.iter().zip([&b"abc"[..], b"", &[0; 70_000]]) {
            fs::write(file, bytes)?;
        }
        browser.choose("#many", &[&files[0], &files[1], &files[2]])?;
        browser.until_text("#shown_many", "a.txt 3, b 0, c.bin 70000")?;
        browser.until_text("#many_progress .progress-bar", "Upload complete")?;
        browser.choose("#many", &[&files[0]])?;
        browser.until_text("#shown_many", "a.txt 3")
    })?;
    let refused = Signs { logs: &["app code failed"], ..Signs::default() };
    page.step_with(
        "a file that is too large is refused, and the bar says why",
        refused,
        |browser| {
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("huge");
            fs::write(&file, vec![0; LARGE + 1])?;
            browser.choose("#one", &[&file])?;
            browser.until::<bool>("bar.classList.contains('progress-bar-danger')")?;
            browser.until("bar.textContent")
        },
    )
}
