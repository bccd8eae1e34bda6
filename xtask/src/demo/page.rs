//! The page, put together once at start: what the table offers stands in it already when it arrives.

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
pub(super) const FILES: [(&str, &str, &[u8]); 2] = [
    ("page.css", "text/css; charset=utf-8", include_bytes!("page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_bytes!("page.js")),
];

pub(super) fn page(table: &Table, client: Client) -> String {
    let numeric: Vec<&Column> =
        table.columns().iter().filter(|column| column.is_numeric()).collect();
    let (first, last) = (numeric.first().copied(), numeric.last().copied());
    let all = |chosen| Options { columns: table.columns().iter().collect(), chosen }.to_string();
    let numbers = |chosen| Options { columns: numeric.clone(), chosen }.to_string();
    fill(PAGE, |name| match name {
        "client" => client.head().to_owned(),
        "name" => Escaped(table.name()).to_string(),
        "rows" => table.rows().to_string(),
        "columns" => table.columns().len().to_string(),
        "x" => all(first.or_else(|| table.columns().first())),
        "y" => numbers(last),
        "colour" => all(groups(table)),
        "minimum_column" => numbers(last),
        "describe" => all(last),
        _ => String::new(),
    })
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
    use super::*;

    #[test]
    fn the_page_offers_the_columns_and_names_its_client() {
        let table = Table::elements().unwrap();
        let ours = page(&table, Client::Ours);
        assert!(
            ours.contains(r#"<option value="category" selected>"#),
            "the column that groups the rows gives the colour"
        );
        assert!(ours.contains("client.js") && !ours.contains("shiny.js"));
        assert!(!ours.contains("{{"), "every place is filled");
        let shiny = page(&table, Client::Shiny);
        let place = |text: &str| shiny.find(text).unwrap();
        assert!(
            place("html-dependencies") < place("jquery-3.6.0")
                && place("jquery-3.6.0") < place("shiny.js")
        );
    }

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        assert_eq!(
            fill("a {{one}} b {{two}}", |name| format!("{{{{two}}}}{name}")),
            "a {{two}}one b {{two}}two"
        );
    }
}
