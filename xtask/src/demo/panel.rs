//! A comparison panel: a module, which is a function of its scope. It names its inputs and outputs as if it were
//! alone; the scope puts its own name before them, on the wire and in the page.

use std::collections::BTreeMap;
use std::time::Duration;

use session_core::{Action, Calc, Result, Session, Value, safe};

use super::app::Selected;
use super::chart::Bars;
use super::data::{Summary, Table, readable};
use super::html::Options;

/// How often a panel says that it lives.
const TICK: Duration = Duration::from_millis(500);

/// What the panels write and their owner reads: who lives, and how often it has ticked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ledger {
    live: BTreeMap<u32, u64>,
    removed_ticks: u64,
}

impl Ledger {
    pub(super) fn live(&self) -> usize {
        self.live.len()
    }

    pub(super) fn numbers(&self) -> Vec<u32> {
        self.live.keys().copied().collect()
    }

    /// The ticks of all panels that are gone. It stands still between two removals: nothing of them runs any more.
    pub(super) fn removed_ticks(&self) -> u64 {
        self.removed_ticks
    }

    fn ticks(&self, number: u32) -> u64 {
        self.live.get(&number).copied().unwrap_or(0)
    }

    fn open(&mut self, number: u32) {
        self.live.insert(number, 0);
    }

    fn tick(&mut self, number: u32) {
        // A removed panel that still ticked would be seen in the sum.
        *self.live.get_mut(&number).unwrap_or(&mut self.removed_ticks) += 1;
    }

    fn close(&mut self, number: u32) {
        self.removed_ticks += self.live.remove(&number).unwrap_or(0);
    }
}

/// The id of the module.
pub(super) fn id(number: u32) -> String {
    format!("panel{number}")
}

/// What the panel looks like: its elements carry the ids of its scope.
pub(super) fn html(s: &Session<'_>, number: u32, table: &Table) -> Result<String> {
    // Another column for each panel, so that there is something to compare.
    let columns: Vec<_> = table.columns().iter().rev().collect();
    let chosen = columns.get((number as usize - 1) % columns.len().max(1)).copied();
    let [card, column, bars, summary, ticks, remove] = [
        s.ns("card")?,
        s.ns("column")?,
        s.ns("bars")?,
        s.ns("summary")?,
        s.ns("ticks")?,
        s.ns("remove")?,
    ];
    let options = Options { columns: table.columns().iter().collect(), chosen };
    Ok(format!(
        r#"<article class="panel" id="{card}" aria-label="Panel {number}">
  <label>Panel {number}: column <select id="{column}">{options}</select></label>
  <div id="{bars}" class="shiny-html-output"></div>
  <div id="{summary}" class="shiny-html-output"></div>
  <footer>
    <span>tick <span id="{ticks}" class="shiny-text-output" aria-live="off"></span></span>
    <button id="{remove}" type="button" class="action-button">Remove</button>
  </footer>
</article>"#
    ))
}

/// Takes the panel off the page. Its scope is a thing apart: destroying it does not touch the page.
pub(super) fn take_away(s: &Session<'_>) -> Result<()> {
    s.remove_ui(format!("#{}", s.ns("card")?))
}

/// What the panel does, from now until its scope is destroyed.
pub(super) fn server(
    s: &Session<'_>,
    number: u32,
    table: &'static Table,
    rows: Calc<Selected>,
    ledger: Value<Ledger>,
) -> Result<()> {
    let column = s.input::<String>("column")?;
    let column = s.calc(move |s| {
        let name = column.get(s)?;
        Ok(table.column(&name).ok_or_else(|| safe(format!("there is no column `{name}`")))?)
    });
    s.output(
        "bars",
        move |s| Ok(Bars { column: column.get(s)?, rows: &rows.get(s)? }.to_string()),
    )?;
    s.output("summary", move |s| Ok(summary(&column.get(s)?.summary(&rows.get(s)?))))?;

    // A timer of this scope, which goes with it. What it has to tell it writes into its owner's value.
    ledger.update(s, |ledger| ledger.open(number))?;
    s.effect(move |s| {
        s.invalidate_later(TICK)?;
        ledger.update(s, |ledger| ledger.tick(number))?;
        Ok(())
    });
    let ticks = s.calc_distinct(move |s| ledger.with(s, |ledger| ledger.ticks(number)));
    s.output("ticks", move |s| ticks.get(s))?;

    s.on_destroy(move |s| {
        let ticks = ledger.with(s, |ledger| ledger.ticks(number))?;
        ledger.update(s, |ledger| ledger.close(number))?;
        s.send_custom_message("announce", &format!("Panel {number} is gone after {ticks} ticks."))
    });
    s.on_event(s.input::<Action>("remove")?, |s, _| {
        take_away(s)?;
        s.destroy();
        Ok(())
    });
    Ok(())
}

fn summary(summary: &Summary<'_>) -> String {
    let pairs = match summary {
        Summary::Numbers { minimum, median, mean, maximum, .. } => vec![
            ("minimum", readable(*minimum)),
            ("median", readable(*median)),
            ("mean", readable(*mean)),
            ("maximum", readable(*maximum)),
        ],
        Summary::Text { count, distinct, .. } => {
            vec![("filled", count.to_string()), ("distinct", distinct.to_string())]
        }
        Summary::Nothing { .. } => vec![("filled", "0".to_owned())],
    };
    let pairs: String = pairs
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>"))
        .collect();
    format!(r#"<dl class="summary">{pairs}</dl>"#)
}
