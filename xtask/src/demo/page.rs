//! The page: what the table offers stands in it already when it arrives.

use serde_json::{Value as Json, json};

use super::data::{Column, Table};
use super::html::{Escaped, Options};

const PAGE: &str = include_str!("page.html");

/// Whose script runs in the browser. The rest of the page is the same for both.
#[derive(Debug, Clone, Copy)]
pub(super) enum Client {
    Ours,
    Shiny,
}

impl Client {
    fn head(self) -> &'static str {
        match self {
            Self::Ours => {
                r#"<link rel="stylesheet" href="client.css">
<script src="client.js"></script>"#
            }
            // In this order: what the page has already (nothing that needs a name), jQuery, and what needs it.
            Self::Shiny => {
                r#"<script type="application/html-dependencies"></script>
<script src="lib/shared/jquery/jquery-3.6.0.min.js"></script>
<script src="lib/shared/shiny.js"></script>
<link rel="stylesheet" href="lib/shared/shiny.min.css">"#
            }
        }
    }
}

/// What the page loads from beside it: name, type, bytes.
pub(super) const FILES: [(&str, &str, &[u8]); 3] = [
    ("page.css", "text/css; charset=utf-8", include_bytes!("page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_bytes!("page.js")),
    (
        "webtransport.js",
        "text/javascript; charset=utf-8",
        transport_quic::webtransport_js().as_bytes(),
    ),
];

/// The outputs of the page; those of panels come and go with them.
const OUTPUTS: [&str; 8] =
    ["count", "visitors", "clock", "live_panels", "removed_ticks", "download", "chart", "table"];

/// `script` is the element that takes the session over QUIC, where that can be had.
pub(super) fn page(table: &Table, client: Client, script: &str) -> String {
    let all = |chosen| Options { columns: table.columns().iter().collect(), chosen }.to_string();
    let numbers = |chosen| Options { columns: numeric(table), chosen }.to_string();
    let chosen = Chosen::of(table);
    fill(PAGE, |name| match name {
        "client" => client.head().to_owned(),
        "webtransport" => script.to_owned(),
        "name" => Escaped(table.name()).to_string(),
        "rows" => table.rows().to_string(),
        "columns" => table.columns().len().to_string(),
        "x" => all(chosen.x),
        "y" => numbers(chosen.y),
        "colour" => all(chosen.colour),
        "minimum_column" => numbers(chosen.y),
        "describe" => all(chosen.y),
        _ => String::new(),
    })
}

/// What a client without a page needs to know: what the page sends when it opens, and which outputs it shows.
pub(super) fn contents(table: &Table) -> Json {
    let chosen = Chosen::of(table);
    let name = |column: Option<&Column>| column.map_or("", Column::name).to_owned();
    json!({
        "inputs": {
            "x": name(chosen.x),
            "y": name(chosen.y),
            "colour": name(chosen.colour),
            "text": "",
            "minimum:shiny.number": null,
            "minimum_column": name(chosen.y),
            "reset:shiny.action": 0,
            "add:shiny.action": 0,
            "remove_all:shiny.action": 0,
        },
        "outputs": OUTPUTS,
    })
}

/// The columns that are chosen when the page opens.
struct Chosen<'a> {
    x: Option<&'a Column>,
    y: Option<&'a Column>,
    colour: Option<&'a Column>,
}

impl<'a> Chosen<'a> {
    fn of(table: &'a Table) -> Self {
        let numeric = numeric(table);
        Self {
            x: numeric.first().copied().or_else(|| table.columns().first()),
            y: numeric.last().copied(),
            colour: groups(table),
        }
    }
}

fn numeric(table: &Table) -> Vec<&Column> {
    table.columns().iter().filter(|column| column.is_numeric()).collect()
}

/// A column of text whose cells come again and again, which makes it a good one for colours.
fn groups(table: &Table) -> Option<&Column> {
    let distinct = |column: &Column| {
        let mut cells: Vec<&str> = (0..table.rows()).map(|row| column.cell(row)).collect();
        cells.sort_unstable();
        cells.dedup();
        cells.len()
    };
    let few = 2..=10.min(table.rows() / 2);
    table.columns().iter().find(|column| !column.is_numeric() && few.contains(&distinct(column)))
}

/// Puts text in the place of each `{{name}}`, in one pass: what is put in is not looked at again.
fn fill(template: &str, text: impl Fn(&str) -> String) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        filled.push_str(&text(name));
        filled.push_str(rest);
    }
    filled
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_offers_the_columns_and_names_its_client() {
        let table = Table::elements().unwrap();
        let ours = page(&table, Client::Ours, "");
        assert!(
            ours.contains(r#"<option value="category" selected>"#),
            "the column that groups the rows gives the colour"
        );
        assert!(ours.contains("client.js") && !ours.contains("shiny.js"));
        assert!(!ours.contains("webtransport"), "there is no such transport");
        assert!(!ours.contains("{{"), "every place is filled");
        let shiny = page(&table, Client::Shiny, "<script src=\"webtransport.js\"></script>");
        let place = |text: &str| shiny.find(text).unwrap();
        assert!(
            place("html-dependencies") < place("jquery-3.6.0")
                && place("jquery-3.6.0") < place("shiny.js")
                && place("shiny.js") < place("webtransport.js")
        );
    }

    #[test]
    fn a_client_without_a_page_is_told_of_everything_that_is_on_it() {
        let contents = contents(&Table::elements().unwrap());
        let ids = |class: &str| {
            let elements = PAGE.split('<').filter(|element| element.contains(class));
            let id =
                |element: &str| Some(element.split_once("id=\"")?.1.split('"').next()?.to_owned());
            elements.filter_map(id).collect::<BTreeSet<_>>()
        };
        let outputs: BTreeSet<_> = OUTPUTS.map(str::to_owned).into();
        assert_eq!(outputs, &ids("shiny-text-output") | &ids("shiny-html-output"));
        let named = contents["inputs"].as_object().unwrap().keys();
        let named: BTreeSet<_> =
            named.map(|key| key.split(':').next().unwrap().to_owned()).collect();
        let fields = &ids("select ") | &ids("input ");
        assert_eq!(named, &fields | &ids("action-button"));
        assert_eq!(contents["inputs"]["colour"], "category");
    }

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        assert_eq!(
            fill("a {{one}} b {{two}}", |name| format!("{{{{two}}}}{name}")),
            "a {{two}}one b {{two}}two"
        );
    }
}
