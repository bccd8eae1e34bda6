//! Messages to the usual inputs: exactly the fields that were given, as the client's bindings read them.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::time::Duration;

use serde_json::{Value as Json, json};
use session_core::page::{
    ButtonUpdate, CheckboxGroupUpdate, CheckboxUpdate, DateRangeUpdate, DateUpdate, Html,
    InputUpdate, NumberUpdate, PageError, RadioUpdate, SelectUpdate, SliderUpdate, TabsUpdate,
    TaskButtonUpdate, TextUpdate,
};
use session_core::testing::Client;
use session_core::{AbsoluteId, Action, App, Date, DateTime, Failure, Interrupt, Limits, Result};

#[path = "support/session.rs"]
mod support;
use support::{idle, run};

/// The message that an update of the input `m-x` is.
async fn message(update: impl InputUpdate + Send + 'static) -> Json {
    let mut client = idle().await;
    run(&mut client, |s| s.module("m")?.update_input("x", update)).await;
    let (id, message) = client.model().input_messages().last().cloned().unwrap();
    assert_eq!(id, "m-x");
    message
}

fn label(html: &str) -> Json {
    json!({ "html": html, "deps": [] })
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_given_is_not_sent() {
    assert_eq!(message(TextUpdate::new()).await, json!({}));
    assert_eq!(message(NumberUpdate::new()).await, json!({}));
    assert_eq!(message(CheckboxUpdate::new()).await, json!({}));
    assert_eq!(message(SelectUpdate::new()).await, json!({}));
    assert_eq!(message(RadioUpdate::new()).await, json!({}));
    assert_eq!(message(CheckboxGroupUpdate::new()).await, json!({}));
    assert_eq!(message(SliderUpdate::new()).await, json!({}));
    assert_eq!(message(DateUpdate::new()).await, json!({}));
    assert_eq!(message(DateRangeUpdate::new()).await, json!({}));
    assert_eq!(message(ButtonUpdate::new()).await, json!({}));
}

#[tokio::test(start_paused = true)]
async fn a_text_has_a_value_and_a_placeholder() {
    let update = TextUpdate::new().label("a < b").value("<x>").placeholder("p");
    let expected = json!({ "label": label("a &lt; b"), "value": "<x>", "placeholder": "p" });
    assert_eq!(message(update).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_number_is_written_as_a_page_would_and_cleared_with_null() {
    let update = NumberUpdate::new().label("N").value(5.0).min(-1.5).max(1e20).step(0.25);
    let expected =
        json!({ "label": label("N"), "value": 5, "min": -1.5, "max": 1e20, "step": 0.25 });
    assert_eq!(message(update).await, expected);
    let update = NumberUpdate::new().clear().no_min().no_max().no_step();
    assert_eq!(
        message(update).await,
        json!({ "value": null, "min": null, "max": null, "step": null })
    );
}

#[tokio::test(start_paused = true)]
async fn a_checkbox_is_checked_or_not() {
    let update = CheckboxUpdate::new().label(Html::raw("<b>")).value(false);
    assert_eq!(message(update).await, json!({ "label": label("<b>"), "value": false }));
}

#[tokio::test(start_paused = true)]
async fn the_options_of_a_select_are_escaped_grouped_and_selected() {
    let update = SelectUpdate::new()
        .label("L")
        .choices([("a", "A < \"B\""), ("b\"", "B")])
        .group("G & H", ["c"])
        .selected(["b\"", "c"]);
    let options = concat!(
        r#"<option value="a">A &lt; &quot;B&quot;</option>"#,
        r#"<option value="b&quot;" selected="">B</option>"#,
        r#"<optgroup label="G &amp; H"><option value="c" selected="">c</option></optgroup>"#,
    );
    let expected = json!({ "label": label("L"), "options": options, "value": ["b\"", "c"] });
    assert_eq!(message(update).await, expected);
    assert_eq!(message(SelectUpdate::new().unselect()).await, json!({ "value": [] }));
    let none = SelectUpdate::new().choices([""; 0]);
    assert_eq!(message(none).await, json!({ "options": "" }));
}

#[tokio::test(start_paused = true)]
async fn radio_buttons_carry_the_whole_id_and_the_first_is_chosen_unless_another_is() {
    let options = |second: &str, first: &str| {
        format!(
            concat!(
                r#"<div class="shiny-options-group">"#,
                r#"<div class="radio"><label><input type="radio" name="m-x" value="a"{}/> <span>A</span></label></div>"#,
                r#"<div class="radio"><label><input type="radio" name="m-x" value="b"{}/> <span>&lt;</span></label></div>"#,
                r#"</div>"#,
            ),
            first, second
        )
    };
    let choices = || RadioUpdate::new().choices([("a", "A"), ("b", "<")]);
    let checked = r#" checked="checked""#;
    assert_eq!(message(choices()).await, json!({ "options": options("", checked) }));
    let expected = json!({ "options": options(checked, ""), "value": "b" });
    assert_eq!(message(choices().selected("b")).await, expected);
    let expected = json!({ "options": options("", ""), "value": [] });
    assert_eq!(message(choices().unselect()).await, expected);
    let one = RadioUpdate::new().label("R").choices(["a"]).inline();
    let options = concat!(
        r#"<div class="shiny-options-group"><label class="radio-inline">"#,
        r#"<input type="radio" name="m-x" value="a" checked="checked"/> <span>a</span></label></div>"#,
    );
    assert_eq!(message(one).await, json!({ "label": label("R"), "options": options }));
}

#[tokio::test(start_paused = true)]
async fn the_boxes_of_a_group_are_checked_as_asked() {
    let update = CheckboxGroupUpdate::new().choices(["a", "b"]).selected(["b"]);
    let options = concat!(
        r#"<div class="shiny-options-group">"#,
        r#"<div class="checkbox"><label><input type="checkbox" name="m-x" value="a"/> <span>a</span></label></div>"#,
        r#"<div class="checkbox"><label><input type="checkbox" name="m-x" value="b" checked="checked"/> <span>b</span></label></div>"#,
        r#"</div>"#,
    );
    assert_eq!(message(update).await, json!({ "options": options, "value": ["b"] }));
    assert_eq!(message(CheckboxGroupUpdate::new().unselect()).await, json!({ "value": [] }));
    let inline = message(CheckboxGroupUpdate::new().choices(["a"]).inline()).await;
    assert!(
        inline["options"].as_str().unwrap().contains(r#"<label class="checkbox-inline"><input"#)
    );
}

#[tokio::test(start_paused = true)]
async fn a_slider_counts_time_in_milliseconds_and_says_of_what_kind_it_is() {
    let update = SliderUpdate::new().label("S").value(5).min(0.5).max(10.0).step(0.5);
    let expected = json!({
        "label": label("S"), "value": 5, "min": 0.5, "max": 10, "step": 0.5, "data-type": "number",
    });
    assert_eq!(message(update).await, expected);
    let update = SliderUpdate::new().range(2.0, 5.0);
    assert_eq!(message(update).await, json!({ "value": [2, 5], "data-type": "number" }));
    let update = SliderUpdate::new()
        .range(date("1970-01-02"), date("2024-02-29"))
        .min(date("1969-12-31"))
        .max(date("2024-03-01"))
        .step_time(Duration::from_secs(86_400))
        .time_format("%d.%m.");
    let expected = json!({
        "value": [86_400_000, 1_709_164_800_000_u64], "min": -86_400_000,
        "max": 1_709_251_200_000_u64, "step": 86_400_000, "data-type": "date",
        "time-format": "%d.%m.",
    });
    assert_eq!(message(update).await, expected);
    let moment = DateTime::from_seconds(1.5).unwrap();
    let update = SliderUpdate::new().value(moment).timezone("+0000");
    let expected = json!({ "value": 1500, "data-type": "datetime", "timezone": "+0000" });
    assert_eq!(message(update).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_slider_of_numbers_and_days_at_once_is_refused() {
    let mut client = idle().await;
    let outcome =
        client.run(|s| s.update_input("x", SliderUpdate::new().value(1.0).max(date("2024-01-01"))));
    let interrupt = outcome.await.unwrap().unwrap_err();
    let failure = interrupt.failure().and_then(Failure::downcast_ref::<PageError>);
    assert_eq!(failure, Some(&PageError::MixedSlider));
}

#[tokio::test(start_paused = true)]
async fn dates_are_days_and_null_takes_one_away() {
    let update = DateUpdate::new().label("D").value(date("2024-02-29")).min(date("2024-01-01"));
    let expected =
        json!({ "label": label("D"), "value": "2024-02-29", "min": "2024-01-01", "max": null });
    assert_eq!(message(update.no_max()).await, expected);
    let update = DateUpdate::new().clear().no_min().max(date("2024-01-01"));
    assert_eq!(message(update).await, json!({ "value": null, "min": null, "max": "2024-01-01" }));
    let update = DateRangeUpdate::new().label("D").start(date("2024-01-01")).clear_end();
    let expected = json!({ "label": label("D"), "value": { "start": "2024-01-01", "end": null } });
    assert_eq!(message(update).await, expected);
    let update = DateRangeUpdate::new().end(date("2024-01-01")).max(date("2025-01-01")).no_min();
    let expected = json!({ "value": { "end": "2024-01-01" }, "min": null, "max": "2025-01-01" });
    assert_eq!(message(update).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_button_has_a_label_and_an_icon_and_can_be_disabled() {
    let update = ButtonUpdate::new().label("Go").icon(Html::raw("<i></i>")).disable();
    let expected = json!({ "label": label("Go"), "icon": label("<i></i>"), "disabled": true });
    assert_eq!(message(update).await, expected);
    assert_eq!(message(ButtonUpdate::new().enable()).await, json!({ "disabled": false }));
    assert_eq!(message(TaskButtonUpdate::busy()).await, json!({ "state": "busy" }));
    assert_eq!(message(TaskButtonUpdate::ready()).await, json!({ "state": "ready" }));
    assert_eq!(message(TaskButtonUpdate::state("odd")).await, json!({ "state": "odd" }));
    assert_eq!(message(TabsUpdate::select("t2")).await, json!({ "value": "t2" }));
}

// spec: G29 G30 H4
#[tokio::test(start_paused = true)]
async fn updates_keep_their_order_and_come_with_the_flush() {
    let mut client = idle().await;
    client.frames();
    run(&mut client, |s| {
        s.update_input("a", TextUpdate::new().value("1"))?;
        s.update_input(AbsoluteId::new("m-b")?, TextUpdate::new().value("2"))?;
        s.send_input_message("a", &json!({ "value": "3" }))?;
        assert!(s.update_input("no id", TextUpdate::new()).is_err());
        Ok(())
    })
    .await;
    let message = |id: &str, value: &str| json!({ "id": id, "message": { "value": value } });
    let messages = [message("a", "1"), message("m-b", "2"), message("a", "3")];
    let flush = json!({ "values": {}, "errors": {}, "inputMessages": messages });
    assert_eq!(client.frames(), [flush]);
}

#[tokio::test(start_paused = true)]
async fn a_task_button_that_is_told_to_be_busy_stays_busy_after_its_click() {
    let app = App::new(|s| {
        let _go = s.on_event(s.input::<Action>("go")?, |s, _| {
            s.update_input("go", TaskButtonUpdate::busy())
        });
        Ok(())
    });
    let mut client = Client::connect(app).await;
    for (clicks, auto_reset) in [(1, true), (2, true), (3, false)] {
        client.frames();
        client.set("go:bslib.taskbutton", json!({ "value": clicks, "autoReset": auto_reset }));
        client.flush().await;
        let frames = client.frames();
        let messages =
            frames.iter().filter_map(|frame| frame["inputMessages"].as_array()).flatten();
        let states: Vec<_> = messages.map(|message| &message["message"]["state"]).collect();
        // The client takes them one after the other.
        let expected = if auto_reset { vec!["ready", "busy"] } else { vec!["busy"] };
        assert_eq!(states, expected, "click {clicks}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_over_the_outbound_budget_is_an_error_of_that_call() {
    let mut limits = Limits::default();
    limits.outbound_bytes = 1000;
    let app = session_core::App::new(|_| Ok(()));
    let mut client = session_core::testing::Client::connect_with(app, limits).await;
    client.frames();
    run(&mut client, |s| {
        let long = "x".repeat(1000);
        let refused = |outcome: Result<()>| matches!(outcome, Err(Interrupt::Failed(_)));
        assert!(refused(s.update_input("x", TextUpdate::new().value(&long))));
        assert!(refused(s.send_input_message("x", &long)));
        Ok(())
    })
    .await;
    assert!(client.frames().is_empty());
}
