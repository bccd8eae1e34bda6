#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{ClientModel, TabChange, TabPlace, UiChange};
use crate::Reconnect;
use crate::page::{InsertAt, NotificationKind, QueryMode};

fn model() -> ClientModel {
    let mut model = ClientModel::default();
    model.take(r#"{"config":{"sessionId":"x"}}"#).unwrap();
    model
}

fn after(frames: &[Json]) -> ClientModel {
    let mut model = model();
    for frame in frames {
        model.take(&frame.to_string()).unwrap();
    }
    model
}

#[test]
fn a_notification_shows_until_it_is_replaced_or_removed() {
    let show = |id: &str, html: &str, duration: Json| {
        json!({ "notification": { "type": "show", "message": {
            "id": id, "html": html, "action": "a", "deps": [{ "name": "dep", "version": "1" }],
            "closeButton": false, "type": "warning", "duration": duration,
        } } })
    };
    let mut model = after(&[
        show("one", "1", json!(3000)),
        show("two", "2", json!(null)),
        show("one", "3", json!(0)),
        json!({ "notification": { "type": "remove", "message": "none of them" } }),
    ]);
    assert_eq!(model.notifications().keys().collect::<Vec<_>>(), ["one", "two"]);
    let one = &model.notifications()["one"];
    assert_eq!((&*one.html, &*one.action, one.kind), ("3", "a", NotificationKind::Warning));
    assert_eq!((one.duration, one.is_closable), (None, false));
    assert_eq!(one.dependencies, ["dep"]);
    model.take(r#"{"notification":{"type":"remove","message":"one"}}"#).unwrap();
    assert_eq!(model.notifications().keys().collect::<Vec<_>>(), ["two"]);
}

#[test]
fn what_a_notification_does_not_say_is_what_the_client_takes_it_for() {
    let model = after(&[
        json!({ "notification": { "type": "show", "message": { "id": "n", "type": "default" } } }),
    ]);
    let note = &model.notifications()["n"];
    assert_eq!((note.duration, note.is_closable), (Some(Duration::from_secs(5)), true));
}

#[test]
fn one_dialog_shows_at_a_time() {
    let show = |html: &str| json!({ "modal": { "type": "show", "message": { "html": html, "deps": [] } } });
    let mut model = after(&[show("one"), show("two")]);
    assert_eq!(model.modal().unwrap().html, "two");
    model.take(r#"{"modal":{"type":"remove","message":null}}"#).unwrap();
    assert_eq!(model.modal(), None);
}

#[test]
fn a_progress_panel_keeps_what_it_said_until_it_closes() {
    let step = |kind: &str, id: &str, mut message: Json| {
        message["id"] = id.into();
        message["style"] = "notification".into();
        json!({ "progress": { "type": kind, "message": message } })
    };
    let mut model = after(&[
        step("open", "p", json!({})),
        step("open", "q", json!({})),
        step("update", "p", json!({ "value": 0.5, "message": "m", "detail": "d" })),
        step("update", "p", json!({ "detail": "e" })),
        step("update", "none of them", json!({ "value": 1 })),
    ]);
    assert_eq!(model.progress().len(), 2);
    let panel = &model.progress()["p"];
    assert_eq!(panel.value, Some(0.5));
    assert_eq!((panel.message.as_deref(), panel.detail.as_deref()), (Some("m"), Some("e")));
    assert_eq!(model.progress()["q"].value, None);
    model.take(&step("close", "p", json!({})).to_string()).unwrap();
    assert_eq!(model.progress().keys().collect::<Vec<_>>(), ["q"]);
}

#[test]
fn changes_of_the_page_are_told_in_order() {
    let content = json!({ "html": "h", "deps": [] });
    let tab = |target: Json, position: &str| {
        json!({ "shiny-insert-tab": {
            "inputId": "tabs", "liTag": { "html": "li", "deps": [{ "name": "a" }] },
            "divTag": { "html": "div", "deps": [{ "name": "b" }] },
            "menuName": null, "target": target, "position": position, "select": true,
        } })
    };
    let of_tab = json!({ "inputId": "tabs", "target": "t" });
    let see = |kind: &str| json!({ "inputId": "tabs", "target": "t", "type": kind });
    let model = after(&[
        json!({ "shiny-insert-ui": { "selector": "#a", "multiple": true, "where": "AfterBegin", "content": content } }),
        json!({ "shiny-remove-ui": { "selector": "#b", "multiple": false } }),
        tab(Json::Null, "before"),
        tab(json!("t"), "after"),
        json!({ "shiny-change-tab-visibility": see("hide") }),
        json!({ "shiny-change-tab-visibility": see("show") }),
        json!({ "shiny-remove-tab": of_tab }),
        json!({ "updateQueryString": { "queryString": "?a", "mode": "push" } }),
        json!({ "updateQueryString": { "queryString": "/b", "mode": "replace" } }),
        json!({ "frozen": { "ids": ["x", "y"] } }),
        json!({ "frozen": { "ids": ["x"] } }),
        json!({ "resetBrush": { "brushId": "brush" } }),
        json!({ "reload": true }),
        json!({ "allowReconnect": true }),
        json!({ "allowReconnect": "force" }),
    ]);
    let insert = UiChange::Insert {
        selector: "#a".into(),
        at: InsertAt::AfterBegin,
        multiple: true,
        html: "h".into(),
        dependencies: Vec::new(),
    };
    let remove = UiChange::Remove { selector: "#b".into(), multiple: false };
    assert_eq!(model.ui_changes(), [insert, remove]);
    let came = |at| TabChange::Insert {
        tabset: "tabs".into(),
        menu: None,
        at,
        entry: "li".into(),
        content: "div".into(),
        select: true,
        dependencies: vec!["a".into(), "b".into()],
    };
    let (tabset, value) = ("tabs".to_owned(), "t".to_owned());
    assert_eq!(
        model.tab_changes(),
        [
            came(TabPlace::First),
            came(TabPlace::After("t".into())),
            TabChange::Hide { tabset: tabset.clone(), value: value.clone() },
            TabChange::Show { tabset: tabset.clone(), value: value.clone() },
            TabChange::Remove { tabset, value },
        ]
    );
    let addresses = [(QueryMode::Push, "?a".to_owned()), (QueryMode::Replace, "/b".to_owned())];
    assert_eq!(model.query_strings(), addresses);
    assert_eq!(*model.frozen(), [("x".to_owned(), 2), ("y".to_owned(), 1)].into());
    assert_eq!(model.reset_brushes(), ["brush"]);
    assert_eq!(model.reloads(), 1);
    assert_eq!(model.reconnect(), Some(Reconnect::Force));
}

#[test]
fn what_the_client_could_make_nothing_of_is_an_illegal_step() {
    let content = json!({ "html": "", "deps": [] });
    let place = |place: &str| json!({ "shiny-insert-ui": { "selector": "#a", "multiple": false, "where": place, "content": content } });
    let tab = |key: &str, value: Json| {
        let mut tab = json!({
            "inputId": "tabs", "liTag": content, "divTag": content, "menuName": null, "target": null,
            "position": "after", "select": false,
        });
        match value {
            Json::Null => drop(tab.as_object_mut().unwrap().remove(key)),
            value => tab[key] = value,
        }
        json!({ "shiny-insert-tab": tab })
    };
    let query = |query: &str, mode: &str| json!({ "updateQueryString": { "queryString": query, "mode": mode } });
    for frame in [
        json!({ "notification": { "type": "hide", "message": "n" } }),
        json!({ "notification": { "type": "show", "message": { "id": "n", "type": "loud" } } }),
        json!({ "notification": { "type": "show", "message": { "html": "without an id" } } }),
        json!({ "modal": { "type": "hide", "message": null } }),
        json!({ "modal": { "type": "show", "message": {} } }),
        json!({ "progress": { "type": "stop", "message": { "id": "p", "style": "notification" } } }),
        json!({ "progress": { "type": "open", "message": { "id": "p", "style": "new" } } }),
        json!({ "progress": { "message": { "id": "p" } } }),
        place("inside"),
        place(""),
        json!({ "shiny-remove-ui": { "multiple": false } }),
        tab("target", Json::Null),
        tab("menuName", Json::Null),
        tab("position", json!("above")),
        json!({ "shiny-remove-tab": { "inputId": "tabs" } }),
        json!({ "shiny-change-tab-visibility": { "inputId": "tabs", "target": "t", "type": "dim" } }),
        query("a=1", "push"),
        query("", "push"),
        query("?a=1", "pop"),
        json!({ "frozen": ["x"] }),
        json!({ "resetBrush": "b" }),
        json!({ "allowReconnect": "yes" }),
        json!({ "allowReconnect": null }),
    ] {
        assert!(model().take(&frame.to_string()).is_err(), "{frame}");
    }
    // The same, without what is wrong.
    for frame in
        [place("REPLACE"), tab("select", json!(true)), query("#a", "push"), query("a", "replace")]
    {
        assert_eq!(model().take(&frame.to_string()), Ok(()), "{frame}");
    }
}
