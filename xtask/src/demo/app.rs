//! The session: what runs on the server for one person who has the page open.
//!
//! It is created when the page connects and dropped when it goes. Everything below is set up once; from then on the
//! session runs the closures whose dependencies have changed, and no others.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Response;
use serde_json::json;
use session_core::exchange::{Body, Request};
use session_core::page::{Html, InsertUi};
use session_core::{Action, App, Calc, Result, Session, Shared, safe};

use super::chart::Scatter;
use super::data::Table;
use super::html::{Escaped, Rows};
use super::page;
use super::panel::{self, Ledger};

/// As many panels as one page has room for.
const PANELS: usize = 12;

/// The rows that pass the filter: shared, not copied, by all that show them.
pub(super) type Selected = Arc<Vec<usize>>;

/// The table is there for as long as the program is, so a plain reference will do, and closures can copy it.
pub(super) fn app(table: &'static Table) -> App {
    // Shared by all sessions of the server: a session that reads it runs again when another one has written it.
    let visitors = Shared::new(0u64);
    App::new(move |s| explorer(s, table, &visitors))
}

fn explorer(s: &Session<'_>, table: &'static Table, visitors: &Shared<u64>) -> Result<()> {
    // Inputs are the elements of the page, by their ids. Each is a key that closures copy. Reading one that the page
    // has not sent yet stops the closure without an error, through `?`, until it has.
    let x = s.input::<String>("x")?;
    let y = s.input::<String>("y")?;
    let colour = s.input::<String>("colour")?;
    let text = s.input::<String>("text")?;
    let minimum = s.input::<Option<f64>>("minimum")?;
    let minimum_column = s.input::<String>("minimum_column")?;

    // A calc is computed when somebody reads it, and once however many do: here the table, the chart, the count, the
    // download and every panel.
    let rows = s.calc(move |s| {
        let least = minimum.get(s)?;
        let column = table.column(&minimum_column.get(s)?);
        Ok(Arc::new(table.select(&text.get(s)?, column.zip(least))))
    });

    s.output("chart", move |s| {
        let (Some(x), Some(y)) = (table.column(&x.get(s)?), table.column(&y.get(s)?)) else {
            return Ok("This table has no column of numbers to draw.".to_owned());
        };
        let colour = table.column(&colour.get(s)?);
        Ok(Scatter { table, rows: &rows.get(s)?, x, y, colour }.to_string())
    })?;
    s.output("table", move |s| Ok(Rows { table, rows: &rows.get(s)? }.to_string()))?;
    s.output("count", move |s| Ok(format!("{} of {}", rows.get(s)?.len(), table.rows())))?;

    // The server sets an input of the page by a message; the page answers with the new value, as after typing.
    s.on_event(s.input::<Action>("reset")?, |s, _| {
        s.send_input_message("text", &json!({ "value": "" }))?;
        s.send_input_message("minimum", &json!({ "value": "" }))
    });

    // A request: the page calls it by its name and awaits the answer. Reading in a handler makes no dependency. An
    // error's text stays in the log, and the client sees a general one, unless it is marked as safe to show.
    s.set_message_handler("describe", move |s, (name,): (String,)| {
        let column =
            table.column(&name).ok_or_else(|| safe(format!("there is no column `{name}`")))?;
        Ok(column.summary(&rows.get(s)?))
    })?;

    // A browser has the page. For a client without one, such as `cargo xtask connect`, this is what stands on it.
    s.set_message_handler("page", move |_, ()| Ok(page::contents(table)))?;

    // A route of this session alone, which ends with it.
    let url = s.dynamic_route("rows.csv", move |s, _: Request| {
        Ok(Response::builder()
            .header("content-type", "text/csv; charset=utf-8")
            .header("content-disposition", "attachment; filename=\"rows.csv\"")
            .body(Body::from(table.to_csv(&rows.get(s)?)?))?)
    })?;
    s.output("download", move |_| {
        Ok(format!(r#"<a class="button" href="{}">Download as CSV</a>"#, Escaped(&url)))
    })?;

    s.output("clock", |s| {
        s.invalidate_later(Duration::from_secs(1))?;
        Ok(time_of_day())
    })?;

    visitors.update(|count| *count += 1);
    s.on_ended({
        let visitors = visitors.clone();
        move |_| {
            visitors.update(|count| *count -= 1);
            Ok(())
        }
    });
    let visitors = visitors.clone();
    s.output("visitors", move |s| visitors.get(s))?;

    panels(s, table, rows)
}

/// The comparison panels: each is a module, made and destroyed while the session goes on.
fn panels(s: &Session<'_>, table: &'static Table, rows: Calc<Selected>) -> Result<()> {
    // A value made here belongs to this scope: it stays when a panel, which writes to it, is gone.
    let ledger = s.value(Ledger::default());

    let mut number = 0;
    s.on_event(s.input::<Action>("add")?, move |s, _| {
        if ledger.with(s, Ledger::live)? >= PANELS {
            return s
                .send_custom_message("announce", &format!("{PANELS} panels are as many as fit."));
        }
        number += 1;
        let scope = s.module(panel::id(number))?;
        let html = Html::raw(panel::html(&scope, number, table)?);
        s.insert_ui(InsertUi::new("#panels", html))?;
        panel::server(&scope, number, table, rows, ledger)
    });

    // Each panel has a button that destroys it from within; this is how its owner does.
    s.on_event(s.input::<Action>("remove_all")?, move |s, _| {
        for number in ledger.with(s, Ledger::numbers)? {
            panel::take_away(&s.module(panel::id(number))?)?;
            s.destroy_module(panel::id(number))?;
        }
        Ok(())
    });

    // Distinct: the ledger changes with each tick of each panel, and these two seldom.
    let live = s.calc_distinct(move |s| ledger.with(s, Ledger::live));
    let removed_ticks = s.calc_distinct(move |s| ledger.with(s, Ledger::removed_ticks));
    s.output("live_panels", move |s| live.get(s))?;
    s.output("removed_ticks", move |s| removed_ticks.get(s))
}

fn time_of_day() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("{:02}:{:02}:{:02} UTC", now / 3600 % 24, now / 60 % 60, now % 60)
}

#[cfg(test)]
mod tests {
    use session_core::testing::Client;

    use super::*;

    /// A page that has just been opened.
    async fn page() -> Client {
        let table = Box::leak(Box::new(Table::elements().unwrap()));
        let mut client = Client::open(app(table), session_core::Limits::default());
        client.set("x", "number").set("y", "melting point").set("colour", "category");
        client
            .set("text", "")
            .set("minimum:shiny.number", None::<f64>)
            .set("minimum_column", "mass");
        for button in ["add", "remove_all", "reset"] {
            client.set(&format!("{button}:shiny.action"), 0);
        }
        for output in
            ["chart", "table", "count", "download", "clock", "live_panels", "removed_ticks"]
        {
            client.show(output);
        }
        client.init().await;
        client
    }

    async fn add_panel(client: &mut Client, number: u32) {
        client.set("add:shiny.action", number).flush().await;
        client.set(&format!("panel{number}-column"), "mass");
        client.set(&format!("panel{number}-remove:shiny.action"), 0);
        for output in ["bars", "summary", "ticks"] {
            client.show(&format!("panel{number}-{output}"));
        }
        client.flush().await;
    }

    #[tokio::test(start_paused = true)]
    async fn everything_that_shows_rows_follows_the_filter() {
        let mut client = page().await;
        assert_eq!(client.output::<String>("count"), Ok("94 of 94".into()));
        add_panel(&mut client, 1).await;
        client.set("text", "noble").set("minimum:shiny.number", 80).flush().await;
        assert_eq!(client.output::<String>("count"), Ok("3 of 94".into()));
        let chart = client.output::<String>("chart").unwrap();
        assert_eq!(chart.matches("<circle").count(), 3);
        assert!(client.output::<String>("table").unwrap().contains("<td>Xenon</td>"));
        let summary = client.output::<String>("panel1-summary").unwrap();
        assert!(summary.contains("<dt>median</dt><dd>131</dd>"), "{summary}");
        assert_eq!(client.call("describe", ("mass",)).await.unwrap()["count"], 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_download_holds_the_rows_that_pass_the_filter() {
        let mut client = page().await;
        client.set("text", "noble").flush().await;
        let link = client.output::<String>("download").unwrap();
        let url = link.split('"').find(|part| part.starts_with("session/")).unwrap();
        let request = http::Request::get(format!("/{url}")).body(Body::empty()).unwrap();
        let response = client.fetch(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
        let csv = response.into_body().collect_up_to(10_000).await.unwrap();
        let csv = String::from_utf8(csv.to_vec()).unwrap();
        assert!(csv.starts_with("name,symbol,category,"), "{csv}");
        assert_eq!(csv.lines().count(), 1 + 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_panel_leaves_nothing_behind() {
        let mut client = page().await;
        for number in 1..=3 {
            add_panel(&mut client, number).await;
        }
        assert_eq!(client.output::<usize>("live_panels"), Ok(3));
        client.advance(Duration::from_millis(500)).await;
        assert_eq!(client.output::<u64>("panel1-ticks"), Ok(2));

        client.set("panel1-remove:shiny.action", 1).flush().await;
        assert_eq!(client.output::<usize>("live_panels"), Ok(2));
        assert_eq!(client.output::<u64>("removed_ticks"), Ok(2));
        client.set("remove_all:shiny.action", 1).flush().await;
        assert_eq!(client.output::<usize>("live_panels"), Ok(0));
        assert_eq!(client.output::<u64>("removed_ticks"), Ok(6));

        client.assert_no_leaks();
        client.advance(Duration::from_secs(5)).await;
        assert_eq!(client.output::<u64>("removed_ticks"), Ok(6), "nothing of them ticks any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_for_no_column_says_which() {
        let mut client = page().await;
        assert_eq!(
            client.call("describe", ("weight",)).await,
            Err("there is no column `weight`".into())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_a_page_can_ask_what_is_on_it() {
        let table = Box::leak(Box::new(Table::elements().unwrap()));
        let mut client = Client::connect(app(table)).await;
        let page = client.call("page", ()).await.unwrap();
        for (key, value) in page["inputs"].as_object().unwrap() {
            client.set(key, value);
        }
        let outputs: Vec<_> =
            page["outputs"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        for output in &outputs {
            client.show(output);
        }
        client.flush().await;
        for output in outputs {
            assert!(client.output::<serde_json::Value>(output).is_ok(), "{output} shows something");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn visitors_see_each_other_come_and_go() {
        let table = Box::leak(Box::new(Table::elements().unwrap()));
        let app = app(table);
        let mut first = Client::connect(app.clone()).await;
        first.show("visitors").flush().await;
        let mut second = Client::connect(app).await;
        first.settle().await;
        assert_eq!(first.output::<u64>("visitors"), Ok(2));
        second.disconnect().await;
        first.settle().await;
        assert_eq!(first.output::<u64>("visitors"), Ok(1));
    }
}
