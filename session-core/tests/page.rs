//! What a session tells the page, word for word as the Shiny client reads it.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};
use session_core::page::{
    Html, InsertAt, InsertUi, Modal, ModalSize, Notification, NotificationKind, PageError,
    ProgressUpdate, QueryMode, RemoveUi, Tab, escape,
};
use session_core::testing::{Client, ShownProgress};
use session_core::{AbsoluteId, App, Failure, Interrupt, Limits, Result, Session};

#[path = "support/session.rs"]
mod support;
use support::{always, idle, run};

/// The frames that `f` caused, run in a module `m` so that namespaces show.
async fn told<F>(f: F) -> Vec<Json>
where
    F: FnOnce(&Session<'_>) -> Result<()> + Send + 'static,
{
    let mut client = idle().await;
    client.frames();
    run(&mut client, |s| f(&s.module("m")?)).await;
    client.frames()
}

/// What was wrong.
fn page_error<T: std::fmt::Debug>(outcome: Result<T>) -> PageError {
    let interrupt = outcome.unwrap_err();
    let failure = interrupt.failure().and_then(Failure::downcast_ref::<PageError>);
    failure.unwrap().clone()
}

// ---------------------------------------------------------------- HTML

#[test]
fn text_is_escaped_and_markup_is_asked_for() {
    assert_eq!(
        Html::text("a < b & \"c\" > 'd'").as_str(),
        "a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;"
    );
    assert_eq!(Html::from("<i>"), Html::from("<i>".to_owned()));
    assert_eq!(Html::from("<i>").as_str(), "&lt;i&gt;");
    assert_eq!(Html::raw("<i>").as_str(), "<i>");
    assert_eq!((Html::raw("<i>") + "1 < 2" + Html::raw("</i>")).as_str(), "<i>1 &lt; 2</i>");
    let list: Html = ["<", ">"].into_iter().map(|item| Html::raw("<li>") + item).collect();
    assert_eq!(list.as_str(), "<li>&lt;<li>&gt;");
    assert_eq!(escape("plain"), "plain");
    assert!(Html::default().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_output_returns_html() {
    let app = App::new(|s| {
        s.output_with("now", always(), |_| Ok(Html::raw("<b>") + "<" + Html::raw("</b>")))?;
        s.output_async_with("later", always(), |_| Ok(async { Ok(Html::text("&")) }))
    });
    let client = Client::connect(app).await;
    let shows = |output| client.output::<Json>(output).unwrap();
    assert_eq!(shows("now"), json!({ "html": "<b>&lt;</b>", "deps": [] }));
    assert_eq!(shows("later"), json!({ "html": "&amp;", "deps": [] }));
}

#[tokio::test(start_paused = true)]
async fn html_goes_into_any_other_message() {
    let frames = told(|s| s.send_custom_message("toast", &s.html(Html::raw("<p>"))?)).await;
    assert_eq!(frames, [json!({ "custom": { "toast": { "html": "<p>", "deps": [] } } })]);
}

// ---------------------------------------------------------------- notifications

// spec: H9
#[tokio::test(start_paused = true)]
async fn a_notification_has_the_fields_that_the_client_reads() {
    let frames = told(|s| {
        let note = Notification::new("hi <b>").id("note1").kind(NotificationKind::Warning);
        assert_eq!(s.show_notification(note.duration(Duration::from_secs(3)))?, "note1");
        Ok(())
    })
    .await;
    let message = json!({
        "html": "hi &lt;b&gt;", "action": "", "deps": [], "closeButton": true,
        "id": "note1", "type": "warning", "duration": 3000,
    });
    assert_eq!(frames, [json!({ "notification": { "type": "show", "message": message } })]);
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_stays_has_no_duration() {
    let frames = told(|s| {
        let note = Notification::new(Html::raw("<b>hi</b>")).action("Undo").id("n").sticky();
        s.show_notification(note.no_close_button()).map(drop)
    })
    .await;
    let message = json!({
        "html": "<b>hi</b>", "action": "Undo", "deps": [], "closeButton": false,
        "id": "n", "type": "default", "duration": null,
    });
    assert_eq!(frames, [json!({ "notification": { "type": "show", "message": message } })]);
}

#[tokio::test(start_paused = true)]
async fn durations_that_the_browser_would_mistake_are_not_sent() {
    let frames = told(|s| {
        for duration in [Duration::ZERO, Duration::from_micros(1), Duration::MAX] {
            s.show_notification(Notification::new("x").duration(duration))?;
        }
        Ok(())
    })
    .await;
    let sent: Vec<_> = frames.iter().map(|f| &f["notification"]["message"]["duration"]).collect();
    // 0 would be for ever, and what takes more than 31 bits would be over at once.
    assert_eq!(sent, [1, 1, i32::MAX]);
}

#[tokio::test(start_paused = true)]
async fn a_notification_without_an_id_gets_one_by_which_it_is_removed() {
    let mut client = idle().await;
    client.frames();
    let ids = run(&mut client, |s| {
        let ids = [(); 2].map(|()| s.show_notification(Notification::new("x")));
        let ids = ids.into_iter().collect::<Result<Vec<_>>>()?;
        s.remove_notification(&ids[0])?;
        Ok(ids)
    })
    .await;
    let frames = client.frames();
    assert_ne!(ids[0], ids[1]);
    assert!(ids[0].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(client.model().notifications().keys().collect::<Vec<_>>(), [&ids[1]]);
    assert_eq!(frames[0]["notification"]["message"]["id"], json!(ids[0]));
    assert_eq!(frames[2], json!({ "notification": { "type": "remove", "message": ids[0] } }));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_would_be_markup_is_refused() {
    let frames = told(|s| {
        for id in ["", "a b", "\"><script>", "a.b"] {
            let refused = PageError::NotificationId { id: id.to_owned() };
            assert_eq!(page_error(s.show_notification(Notification::new("x").id(id))), refused);
            assert_eq!(page_error(s.remove_notification(id)), refused);
        }
        s.show_notification(Notification::new("x").id(s.ns("saved")?)).map(drop)
    })
    .await;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["notification"]["message"]["id"], "m-saved");
}

// ---------------------------------------------------------------- modals

fn modal_html(frame: &Json) -> &str {
    assert_eq!(frame["modal"]["type"], "show");
    assert_eq!(frame["modal"]["message"]["deps"], json!([]));
    frame["modal"]["message"]["html"].as_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_modal_is_the_dialog_that_the_client_looks_for_and_shows_itself() {
    let frames = told(|s| s.show_modal(Modal::new("a < b").title("T"))).await;
    let (dialog, script) = modal_html(&frames[0]).split_once("<script>").unwrap();
    assert_eq!(
        dialog,
        concat!(
            r#"<div id="shiny-modal" class="modal fade" tabindex="-1" data-backdrop="static""#,
            r#" data-bs-backdrop="static" data-keyboard="false" data-bs-keyboard="false">"#,
            r#"<div class="modal-dialog"><div class="modal-content">"#,
            r#"<div class="modal-header"><h4 class="modal-title">T</h4></div>"#,
            r#"<div class="modal-body">a &lt; b</div>"#,
            r#"<div class="modal-footer"><button class="btn btn-default" type="button""#,
            r#" data-dismiss="modal" data-bs-dismiss="modal">Dismiss</button></div></div></div>"#,
        )
    );
    assert!(script.ends_with("</script></div>"), "{script}");
    assert!(script.contains("new own(modal).show()"), "for Bootstrap 5: {script}");
    assert!(script.contains(".modal().focus()"), "for Bootstrap 3: {script}");
}

#[tokio::test(start_paused = true)]
async fn a_modal_is_as_it_was_asked_for() {
    let frames = told(|s| {
        let plain = || Modal::new("x").no_footer().no_fade().easy_close();
        for size in [ModalSize::Small, ModalSize::Large, ModalSize::ExtraLarge] {
            s.show_modal(plain().size(size))?;
        }
        s.show_modal(plain().footer(Modal::dismiss_button("No") + Html::raw("<hr>")))?;
        s.remove_modal()
    })
    .await;
    for (frame, size) in frames.iter().zip(["sm", "lg", "xl"]) {
        let html = modal_html(frame);
        let start = format!(
            r#"<div id="shiny-modal" class="modal" tabindex="-1"><div class="modal-dialog modal-{size}">"#
        );
        assert!(html.starts_with(&start), "{html}");
        assert!(!html.contains("modal-header") && !html.contains("modal-footer"), "{html}");
    }
    assert!(modal_html(&frames[3]).contains(r#"data-bs-dismiss="modal">No</button><hr></div>"#));
    assert_eq!(frames[4], json!({ "modal": { "type": "remove", "message": null } }));
}

// ---------------------------------------------------------------- insert and remove

#[tokio::test(start_paused = true)]
async fn html_is_inserted_and_removed_where_the_selector_says() {
    let frames = told(|s| {
        s.insert_ui(InsertUi::new("#box", Html::raw("<p id=\"p\">")))?;
        for at in
            [InsertAt::Replace, InsertAt::BeforeBegin, InsertAt::AfterBegin, InsertAt::AfterEnd]
        {
            s.insert_ui(InsertUi::new(".row", "<").at(at).multiple())?;
        }
        s.remove_ui("#p")?;
        s.remove_ui(RemoveUi::new(".row").multiple())
    })
    .await;
    let insert = |selector: &str, multiple: bool, at: &str, html: &str| {
        let content = json!({ "html": html, "deps": [] });
        json!({ "shiny-insert-ui": {
            "selector": selector, "multiple": multiple, "where": at, "content": content,
        } })
    };
    assert_eq!(
        frames,
        [
            insert("#box", false, "beforeEnd", "<p id=\"p\">"),
            insert(".row", true, "replace", "&lt;"),
            insert(".row", true, "beforeBegin", "&lt;"),
            insert(".row", true, "afterBegin", "&lt;"),
            insert(".row", true, "afterEnd", "&lt;"),
            json!({ "shiny-remove-ui": { "selector": "#p", "multiple": false } }),
            json!({ "shiny-remove-ui": { "selector": ".row", "multiple": true } }),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_page_changes_after_the_results_of_the_flush_unless_at_once() {
    let app = App::new(|s| {
        let n = s.input::<i64>("n")?;
        s.output_with("out", always(), move |s| {
            s.insert_ui(InsertUi::new("#late", "x"))?;
            s.remove_ui("#late")?;
            s.insert_ui(InsertUi::new("#soon", "x").immediate())?;
            s.remove_ui(RemoveUi::new("#soon").immediate())?;
            n.get(s)
        })
    });
    let mut client = Client::connect(app).await;
    client.frames();
    client.set("n", 1).flush().await;
    let frames = client.frames();
    let keys = |frame: &Json| {
        let selector = |key: &str| frame[key]["selector"].as_str().map(str::to_owned);
        let ui = selector("shiny-insert-ui").or_else(|| selector("shiny-remove-ui"));
        ui.or_else(|| frame.get("values").map(|_| "results".to_owned()))
    };
    let order: Vec<_> = frames.iter().filter_map(keys).collect();
    assert_eq!(order, ["#soon", "#soon", "results", "#late", "#late"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_selector_is_refused() {
    let frames = told(|s| {
        assert_eq!(page_error(s.insert_ui(InsertUi::new(" ", "x"))), PageError::EmptySelector);
        assert_eq!(page_error(s.remove_ui("")), PageError::EmptySelector);
        Ok(())
    })
    .await;
    assert!(frames.is_empty(), "{frames:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_over_the_outbound_budget_is_an_error_of_that_call() {
    let mut limits = Limits::default();
    limits.outbound_bytes = 1000;
    let mut client = Client::connect_with(App::new(|_| Ok(())), limits).await;
    client.frames();
    run(&mut client, |s| {
        let long = "x".repeat(1000);
        let refused = |outcome: Result<()>| matches!(outcome, Err(Interrupt::Failed(_)));
        assert!(refused(s.show_notification(Notification::new(&long)).map(drop)));
        assert!(refused(s.show_modal(Modal::new(&long))));
        assert!(refused(s.insert_ui(InsertUi::new("#x", &long))));
        assert!(refused(s.insert_tab("x", Tab::new("x", "x", &long))));
        assert!(refused(s.progress()?.set(s, ProgressUpdate::new().message(&long))));
        assert!(refused(s.update_query_string(&format!("?{long}"), QueryMode::Push)));
        Ok(())
    })
    .await;
    let frames = client.frames();
    assert_eq!(frames.len(), 1, "{frames:?}");
    // It was opened, and nothing more.
    assert_eq!(client.model().progress().values().collect::<Vec<_>>(), [&ShownProgress::default()]);
    assert_eq!(client.close_code(), None);
}

// ---------------------------------------------------------------- tabs

#[tokio::test(start_paused = true)]
async fn a_tab_has_the_markup_that_the_client_numbers() {
    let frames = told(|s| {
        s.insert_tab("tabs", Tab::new("T2", "t2", "body < 2").after("t1").select())?;
        s.insert_tab("tabs", Tab::new(Html::raw("<i>"), "a\"b", "").before("t1").in_menu("more"))?;
        s.insert_tab("tabs", Tab::new("x", "x", "").first())
    })
    .await;
    let li = |value: &str, title: &str| {
        json!({ "deps": [], "html": format!(
            "<li class=\"nav-item\"><a data-bs-toggle=\"tab\" data-toggle=\"tab\" data-value=\"{value}\" role=\"tab\" \
             class=\"nav-link\" href=\"#tab-tsid-id\">{title}</a></li>"
        ) })
    };
    let div = |value: &str, content: &str| {
        json!({ "deps": [], "html": format!(
            "<div class=\"tab-pane\" role=\"tabpanel\" data-value=\"{value}\" id=\"tab-tsid-id\">{content}</div>"
        ) })
    };
    let insert = |li: Json, div: Json, others: Json| {
        let mut message = json!({ "inputId": "m-tabs", "liTag": li, "divTag": div });
        message.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        json!({ "shiny-insert-tab": message })
    };
    assert_eq!(
        frames,
        [
            insert(
                li("t2", "T2"),
                div("t2", "body &lt; 2"),
                json!({ "menuName": null, "target": "t1", "position": "after", "select": true }),
            ),
            insert(
                li("a&quot;b", "<i>"),
                div("a&quot;b", ""),
                json!({ "menuName": "more", "target": "t1", "position": "before", "select": false }),
            ),
            insert(
                li("x", "x"),
                div("x", ""),
                json!({ "menuName": null, "target": null, "position": "before", "select": false }),
            ),
        ]
    );
}

// spec: H10
#[tokio::test(start_paused = true)]
async fn tabs_are_removed_shown_and_hidden() {
    let frames = told(|s| {
        s.remove_tab("tabs", "t2")?;
        s.hide_tab("tabs", "t1")?;
        s.show_tab(AbsoluteId::new("tabs")?, "t1")
    })
    .await;
    assert_eq!(
        frames,
        [
            json!({ "shiny-remove-tab": { "inputId": "m-tabs", "target": "t2" } }),
            json!({ "shiny-change-tab-visibility": { "inputId": "m-tabs", "target": "t1", "type": "hide" } }),
            json!({ "shiny-change-tab-visibility": { "inputId": "tabs", "target": "t1", "type": "show" } }),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_tab_without_a_value_or_a_tabset_is_refused() {
    let frames = told(|s| {
        let tab = || Tab::new("x", "", "");
        assert_eq!(page_error(s.insert_tab("tabs", tab())), PageError::TabWithoutValue);
        assert_eq!(page_error(s.remove_tab("tabs", "")), PageError::TabWithoutValue);
        assert_eq!(page_error(s.show_tab("tabs", "")), PageError::TabWithoutValue);
        assert!(s.insert_tab("no id", Tab::new("x", "x", "")).is_err());
        assert!(s.hide_tab("no id", "x").is_err());
        Ok(())
    })
    .await;
    assert!(frames.is_empty(), "{frames:?}");
}

// ---------------------------------------------------------------- progress

// spec: H9
#[tokio::test(start_paused = true)]
async fn a_progress_panel_opens_fills_and_closes() {
    let frames = told(|s| {
        let progress = s.progress()?;
        progress.set(s, ProgressUpdate::new().value(0.0).message("m").detail("d"))?;
        progress.set(s, 0.5)?;
        progress.set(s, ProgressUpdate::new().plus(0.25).detail("d2"))?;
        progress.inc(s, 9.0)?;
        progress.set(s, ProgressUpdate::new().message("only words"))?;
        progress.close(s)?;
        // Closed is closed.
        progress.set(s, 0.1)?;
        progress.close(s)
    })
    .await;
    let id = frames[0]["progress"]["message"]["id"].as_str().unwrap();
    assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    let step = |kind: &str, others: Json| {
        let mut message = json!({ "id": id, "style": "notification" });
        message.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        json!({ "progress": { "type": kind, "message": message } })
    };
    assert_eq!(
        frames,
        [
            step("open", json!({})),
            step("update", json!({ "value": 0, "message": "m", "detail": "d" })),
            step("update", json!({ "value": 0.5 })),
            step("update", json!({ "value": 0.75, "detail": "d2" })),
            step("update", json!({ "value": 1 })),
            step("update", json!({ "message": "only words" })),
            step("close", json!({})),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_progress_counts_in_its_own_range() {
    let frames = told(|s| {
        let progress = s.progress_in(10.0..=20.0)?;
        progress.inc(s, 5.0)?;
        progress.set(s, 12.5)?;
        progress.set(s, 3.0)?;
        progress.set(s, f64::INFINITY)
    })
    .await;
    let values: Vec<_> = frames[1..].iter().map(|f| &f["progress"]["message"]["value"]).collect();
    assert_eq!(values, [&json!(0.5), &json!(0.25), &json!(0), &json!(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_progress_that_leads_nowhere_is_refused() {
    told(|s| {
        for range in [1.0..=1.0, 2.0..=1.0, f64::NAN..=1.0, 0.0..=f64::INFINITY] {
            assert!(matches!(page_error(s.progress_in(range)), PageError::ProgressRange { .. }));
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_progress_panel_goes_with_its_scope_and_with_no_other() {
    let mut client = idle().await;
    run(&mut client, |s| {
        for m in [s.module("a")?, s.module("ab")?, s.module("a")?.module("c")?] {
            m.progress()?.set(&m, ProgressUpdate::new().message(m.namespace().to_string()))?;
        }
        Ok(())
    })
    .await;
    assert_eq!(client.counts().progress, 3);
    // Told by what they say; each panel has an id of its own.
    let says = |client: &Client| {
        let panels = client.model().progress().values();
        panels.filter_map(|panel| panel.message.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!(says(&client), ["a", "ab", "a-c"].map(str::to_owned).into());
    run(&mut client, |s| s.destroy_module("a")).await;
    // The sibling's stays.
    assert_eq!(says(&client), ["ab".to_owned()].into());
    assert_eq!(client.counts().progress, 1);
    run(&mut client, |s| s.destroy_module("ab")).await;
    client.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn a_progress_that_was_closed_leaves_nothing_behind() {
    let mut client = idle().await;
    for _ in 0..1000 {
        run(&mut client, |s| {
            let progress = s.progress()?;
            progress.inc(s, 0.5)?;
            progress.close(s)
        })
        .await;
    }
    client.assert_no_leaks();
}

// ---------------------------------------------------------------- the address

#[tokio::test(start_paused = true)]
async fn the_query_string_is_pushed_or_replaced() {
    let frames = told(|s| {
        s.update_query_string("?a=1", QueryMode::Push)?;
        s.update_query_string("#b", QueryMode::Replace)?;
        for query in ["", "a=1", "/elsewhere", " ?a"] {
            let refused = PageError::QueryString { query: query.to_owned() };
            assert_eq!(page_error(s.update_query_string(query, QueryMode::Push)), refused);
            assert_eq!(page_error(s.update_query_string(query, QueryMode::Replace)), refused);
        }
        s.reload()
    })
    .await;
    assert_eq!(
        frames,
        [
            json!({ "updateQueryString": { "queryString": "?a=1", "mode": "push" } }),
            json!({ "updateQueryString": { "queryString": "#b", "mode": "replace" } }),
            json!({ "reload": true }),
        ]
    );
}

// ---------------------------------------------------------------- what is forgotten

// spec: A12 H10 N11
#[tokio::test(start_paused = true)]
async fn a_frozen_input_is_unset_until_the_client_says_something_of_it() {
    let app = App::new(|s| {
        let (x, go) = (s.input::<i64>("x")?, s.input::<i64>("go")?);
        s.output_with("sum", always(), move |s| Ok(x.get(s)? + go.get(s)?))
    });
    let mut client = Client::connect(app).await;
    client.set("x", 1).set("go", 10).flush().await;
    client.frames();
    run(&mut client, |s| s.freeze_input("x")).await;
    // Who reads it is not invalidated.
    assert_eq!(client.frames(), [json!({ "frozen": { "ids": ["x"] } })]);
    assert_eq!(client.output::<i64>("sum"), Ok(11));
    client.set("go", 20).flush().await;
    assert_eq!(client.output::<Json>("sum"), Ok(Json::Null));
    // The same again is news.
    client.set("x", 1).flush().await;
    assert_eq!(client.output::<i64>("sum"), Ok(21));
}

// spec: H10
#[tokio::test(start_paused = true)]
async fn an_input_that_is_forgotten_has_its_whole_id() {
    let frames = told(|s| {
        s.freeze_input("x")?;
        s.reset_brush("brush")?;
        assert!(s.freeze_input("no id").is_err() && s.reset_brush("no id").is_err());
        Ok(())
    })
    .await;
    assert_eq!(
        frames,
        [
            json!({ "frozen": { "ids": ["m-x"] } }),
            json!({ "resetBrush": { "brushId": "m-brush" } }),
        ]
    );
}
