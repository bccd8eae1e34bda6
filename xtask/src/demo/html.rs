//! The pieces of HTML that several parts of the demo write.

use std::fmt;

use session_core::page::escape;

use super::data::{Column, Table};

/// More rows than this help nobody who looks at a page; the rest is a filter or a download away.
const SHOWN: usize = 200;

/// Text as it may stand in HTML, in an element as well as in an attribute. Whatever comes from a file or from a
/// client goes through here.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(self.0))
    }
}

/// The options of a select that offers columns.
pub(super) struct Options<'a> {
    pub(super) columns: Vec<&'a Column>,
    pub(super) chosen: Option<&'a Column>,
}

impl fmt::Display for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for column in &self.columns {
            let selected = self.chosen.is_some_and(|chosen| chosen.name() == column.name());
            let selected = if selected { " selected" } else { "" };
            let name = Escaped(column.name());
            write!(f, "<option value=\"{name}\"{selected}>{name}</option>")?;
        }
        Ok(())
    }
}

/// Some rows of a table.
pub(super) struct Rows<'a> {
    pub(super) table: &'a Table,
    pub(super) rows: &'a [usize],
}

impl fmt::Display for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, rows } = self;
        if rows.is_empty() {
            return f.write_str(r#"<p class="nothing">No row passes the filter.</p>"#);
        }
        let class = |column: &Column| if column.is_numeric() { r#" class="number""# } else { "" };
        f.write_str("<table><thead><tr>")?;
        for column in table.columns() {
            write!(f, r#"<th scope="col"{}>{}</th>"#, class(column), Escaped(column.name()))?;
        }
        f.write_str("</tr></thead><tbody>")?;
        for &row in rows.iter().take(SHOWN) {
            f.write_str("<tr>")?;
            for column in table.columns() {
                write!(f, "<td{}>{}</td>", class(column), Escaped(column.cell(row)))?;
            }
            f.write_str("</tr>")?;
        }
        f.write_str("</tbody></table>")?;
        if rows.len() > SHOWN {
            write!(f, r#"<p class="more">and {} more rows</p>"#, rows.len() - SHOWN)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_file_becomes_markup() {
        assert_eq!(Escaped("<b a=\"'\">&").to_string(), "&lt;b a=&quot;&#39;&quot;&gt;&amp;");
    }

    #[test]
    fn a_table_shows_its_rows_and_says_when_there_are_none() {
        let table = Table::elements().unwrap();
        let html = Rows { table: &table, rows: &[25, 78] }.to_string();
        assert!(html.contains("<td>Iron</td>") && html.contains("<td>Gold</td>"), "{html}");
        assert_eq!(html.matches("<tr>").count(), 3);
        assert!(Rows { table: &table, rows: &[] }.to_string().contains("No row passes"));
    }
}
