//! Custom messages of the session to the page, text and binary.

use serde_json::json;
use session_core::{Action, Result, Session};

use super::{Feature, Page};
use crate::report::Failed;

pub(super) const FEATURE: Feature = Feature::new("custom", PAGE, app, visit);

const PAGE: &str = r##"
<button id="send" class="btn btn-default action-button">Send</button>
<p id="sent" class="shiny-text-output"></p>
<script>
const came = [];
Shiny.addCustomMessageHandler("text", (message) => came.push({ message, sent: document.querySelector("#sent").textContent }));
Shiny.addCustomMessageHandler("bytes", (buffer) => came.push([...new Uint8Array(buffer)]));
Shiny.addCustomMessageHandler("large", (buffer) => came.push({ bytes: buffer.byteLength, last: new Uint8Array(buffer).at(-1) }));
</script>
"##;

fn app(s: &Session<'_>) -> Result<()> {
    let send = s.input::<Action>("send")?;
    s.output("sent", move |s| Ok(format!("{} times", send.get(s)?.0)))?;
    s.on_event(send, |s, times| {
        // Both are there before the result of the flush.
        s.send_custom_message(
            "text",
            &json!({ "times": times, "text": "naïve \u{2028} </script>", "nothing": null }),
        )?;
        s.send_binary_message("bytes", &[0, 1, 127, 128, 255])?;
        let mut large = vec![7; 3_000_000];
        large.push(9);
        s.send_binary_message("large", &large)?;
        // Nobody listens: the client takes no notice.
        s.send_custom_message("unheard", &1)
    });
    Ok(())
}

fn visit(page: &mut Page<'_>) -> Result<(), Failed> {
    page.step("custom messages come, before the flush they were sent in", |browser| {
        browser.until_text("#sent", "0 times")?;
        browser.click("#send")?;
        browser.until_text("#sent", "1 times")?;
        let came: serde_json::Value = browser.eval("came")?;
        let expected = json!([
            { "message": { "times": 1, "text": "naïve \u{2028} </script>", "nothing": null }, "sent": "0 times" },
            [0, 1, 127, 128, 255],
            { "bytes": 3_000_001, "last": 9 },
        ]);
        anyhow::ensure!(came == expected, "what came is {came}");
        Ok(String::new())
    })
}
