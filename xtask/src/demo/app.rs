//! The session: what runs on the server for one person who has the page open.
//!
//! It is created when the page connects and dropped when it goes. Everything below is set up once; from then on the
//! session runs the closures whose dependencies have changed, and no others.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use session_core::exchange::{Request, Response};
use session_core::{Action, App, InsertAt, Result, Session, Shared};

use super::chart::Scatter;
use super::data::Table;
use super::html::Rows;
use super::panel::{self, Ledger};

/// As many panels as one page has room for.
const PANELS: usize = 12;

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

    // The server sets an input of the page by a message; the page answers with the new value like after typing.
    s.on_event(s.input::<Action>("reset")?, |s, _| {
        s.send_input_message("text", &serde_json::json!({ "value": "" }))?;
        s.send_input_message("minimum", &serde_json::json!({ "value": null }))
    });

    // A request: the page calls it by name and awaits the answer. Reading in a handler makes no dependency.
    s.set_message_handler("describe", move |s, (name,): (String,)| {
        let column = table.column(&name).ok_or_else(|| session_core::safe(format!("there is no column `{name}`")))?;
        Ok(column.summary(&rows.get(s)?))
    })?;

    // A route of this session alone, which ends with it.
    let url = s.dynamic_route("rows.csv", move |s, _: Request| {
        Response::builder()
            .header("content-type", "text/csv; charset=utf-8")
            .header("content-disposition", "attachment; filename=\"rows.csv\"")
            .body(table.to_csv(&rows.get(s)?)?.into())
            .map_err(Into::into)
    })?;
    s.output("download", move |_| Ok(format!(r#"<a class="button" href="{url}">Download as CSV</a>"#)))?;

    s.output("clock", |s| {
        s.invalidate_later(Duration::from_secs(1))?;
        Ok(time_of_day())
    })?;

    visitors.update(|count| *count += 1);
    s.on_ended({
        let visitors = visitors.clone();
        move |_| Ok(visitors.update(|count| *count -= 1))
    });
    s.output("visitors", {
        let visitors = visitors.clone();
        move |s| visitors.get(s)
    })?;

    panels(s, table, rows)
}

/// The comparison panels: each is a module, made and destroyed while the session goes on.
fn panels(s: &Session<'_>, table: &'static Table, rows: panel::Rows) -> Result<()> {
    // Values made here belong to this scope: they stay when a panel, which writes to them, is gone.
    let opened = s.value(0u32);
    let ledger = s.value(Ledger::default());

    s.on_event(s.input::<Action>("add")?, move |s, _| {
        if ledger.get(s)?.live() == PANELS {
            return s.send_custom_message("announce", &format!("{PANELS} panels are all that fit."));
        }
        opened.update(s, |count| *count += 1)?;
        let number = opened.get(s)?;
        let scope = s.module(&format!("panel{number}"))?;
        s.insert_ui("#panels", InsertAt::BeforeEnd, panel::html(&scope, number, table))?;
        panel::server(&scope, number, table, rows, ledger)
    });

    // A panel can destroy itself, see there; this is how its owner does.
    s.on_event(s.input::<Action>("remove_all")?, move |s, _| {
        for number in ledger.get(s)?.numbers() {
            panel::remove(s, &s.module(&format!("panel{number}"))?)?;
        }
        Ok(())
    });

    // Distinct: the ledger changes at each tick of each panel, these two only when there is news.
    let live = s.calc_distinct(move |s| Ok(ledger.get(s)?.live()));
    let removed_ticks = s.calc_distinct(move |s| Ok(ledger.get(s)?.removed_ticks()));
    s.output("live_panels", move |s| live.get(s))?;
    s.output("removed_ticks", move |s| removed_ticks.get(s))
}

fn time_of_day() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("{:02}:{:02}:{:02} UTC", now / 3600 % 24, now / 60 % 60, now % 60)
}
