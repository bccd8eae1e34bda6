//! Everything that an app can tell the page of its client.

use std::time::Duration;

use serde_json::json;

use crate::page::{
    CheckboxUpdate, Html, HtmlDependency, InsertAt, InsertUi, Modal, Notification,
    NotificationKind, NumberUpdate, ProgressUpdate, QueryMode, RemoveUi, Tab, TabsUpdate,
    TaskButtonUpdate, TextUpdate,
};
use crate::{Reconnect, Result, Session};

/// What the script of the page's dependency holds.
pub(in super::super) const SCRIPT: &str = "console.log('é √ \u{1f600}');";

/// Tells all of it once, with a result in the same flush.
pub(super) fn requests(s: &Session<'_>) -> Result<()> {
    let told = s.value(0);
    s.output("told", move |s| told.get(s))?;
    s.set_message_handler("tell the page", move |s, ()| {
        told.set(s, told.get(s)? + 1)?;
        // What waits is asked for first.
        after_flush(s)?;
        with_results(s)?;
        over_the_page(s)?;
        tabs(s)?;
        of_the_page(s)
    })?;
    Ok(())
}

fn after_flush(s: &Session<'_>) -> Result<()> {
    s.insert_ui(InsertUi::new("#place", Html::raw("<p id=\"new\">é √</p>")).multiple())?;
    s.remove_ui("#new")?;
    s.insert_ui(InsertUi::new(".row", "<").at(InsertAt::Replace))?;
    s.remove_ui(RemoveUi::new(".row").multiple())
}

fn with_results(s: &Session<'_>) -> Result<()> {
    s.update_input("text", TextUpdate::new().value("é √ \u{1f600}\u{2028}").placeholder(""))?;
    s.update_input("number", NumberUpdate::new().value(1.5).no_max())?;
    s.update_input("check", CheckboxUpdate::new().value(false))?;
    s.update_input("tabs", TabsUpdate::select("t1"))?;
    s.update_input("go", TaskButtonUpdate::busy())?;
    s.send_input_message("text", &json!({ "value": null }))
}

fn over_the_page(s: &Session<'_>) -> Result<()> {
    let dependency = HtmlDependency::new("law", "1.0").file("a.js", SCRIPT).script("a.js");
    let note = Notification::new(Html::raw("<b>é</b>").with(dependency))
        .id("note")
        .kind(NotificationKind::Warning);
    s.show_notification(note.duration(Duration::from_secs(3)).action("<"))?;
    s.show_notification(Notification::new("x").id("other").sticky().no_close_button())?;
    s.remove_notification("other")?;
    s.show_modal(Modal::new("é √"))?;
    s.remove_modal()?;
    let progress = s.progress_in(0.0..=4.0)?;
    progress.set(s, ProgressUpdate::new().value(1.0).message("é").detail("√"))?;
    progress.inc(s, 3.0)?;
    progress.close(s)
}

fn tabs(s: &Session<'_>) -> Result<()> {
    s.insert_tab("tabs", Tab::new("T", "t2", "é").after("t1").select())?;
    s.hide_tab("tabs", "t1")?;
    s.show_tab("tabs", "t1")?;
    s.remove_tab("tabs", "t2")
}

fn of_the_page(s: &Session<'_>) -> Result<()> {
    s.insert_ui(InsertUi::new("#soon", "é").at(InsertAt::AfterBegin).immediate())?;
    s.remove_ui(RemoveUi::new("#soon").immediate())?;
    s.freeze_input("text")?;
    s.reset_brush("brush")?;
    s.update_query_string("?é=√", QueryMode::Push)?;
    s.update_query_string("#end", QueryMode::Replace)?;
    for reconnect in [Reconnect::No, Reconnect::Yes, Reconnect::Force] {
        s.allow_reconnect(reconnect);
    }
    s.reload()
}
