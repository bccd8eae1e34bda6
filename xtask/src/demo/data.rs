//! The table that the demo explores: read from CSV once at start, then only looked at.
//!
//! The first filled cell of a column decides whether the column holds numbers or text. A cell of numbers that is none
//! is an error that says where it stands: else one typing mistake would turn the whole column into text without a word.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// The data set that ships with the demo; `data/README.md` tells what it is.
const ELEMENTS: &str = include_str!("data/elements.csv");

/// What people write into a cell when they have no value for it.
const MISSING: &[&str] = &["", "-", "NA", "N/A", "NaN", "null"];

#[derive(Debug)]
pub(super) struct Table {
    name: String,
    columns: Vec<Column>,
    rows: usize,
}

impl Table {
    pub(super) fn elements() -> Result<Self, DataError> {
        Self::parse(Path::new("elements.csv"), ELEMENTS.as_bytes(), &[])
    }

    /// Reads a CSV file whose first line names the columns; those in `as_text` hold text, whatever stands in them.
    pub(super) fn open(path: &Path, as_text: &[String]) -> Result<Self, DataError> {
        let bytes = fs::read(path)
            .map_err(|source| DataError::Unreadable { file: path.to_owned(), source })?;
        Self::parse(path, &bytes, as_text)
    }

    fn parse(file: &Path, bytes: &[u8], as_text: &[String]) -> Result<Self, DataError> {
        let bad = |(place, problem)| DataError::Bad { file: file.to_owned(), place, problem };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true) // a line with too many or too few cells is ours to tell, with its place
            .trim(csv::Trim::All)
            .delimiter(delimiter(bytes))
            .from_reader(bytes);
        let mut lines =
            reader.records().map(|line| line.map_err(|error| bad(not_text(bytes, &error))));

        let empty = || DataError::Empty { file: file.to_owned() };
        let header = lines.next().transpose()?.ok_or_else(empty)?;
        let mut columns = columns(&header, line_of(bytes, header.position())).map_err(bad)?;
        for name in as_text {
            let column = columns.iter_mut().find(|column| column.name == *name);
            let unknown = || DataError::NoSuchColumn { file: file.to_owned(), name: name.clone() };
            column.ok_or_else(unknown)?.kind = Kind::Text;
        }

        let mut rows = 0;
        for line in lines {
            let row = line?;
            push(&mut columns, &row, line_of(bytes, row.position())).map_err(bad)?;
            rows += 1;
        }
        if rows == 0 {
            return Err(empty());
        }
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, columns, rows })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The rows with `text` in one of their cells, and at least `minimum` in a column of numbers.
    pub(super) fn select(&self, text: &str, minimum: Option<(&Column, f64)>) -> Vec<usize> {
        let text = text.trim().to_lowercase();
        let has_text = |row: usize| {
            text.is_empty()
                || self.columns.iter().any(|column| column.cell(row).to_lowercase().contains(&text))
        };
        let is_enough = |row: usize| match minimum {
            Some((column, least)) => column.number(row).is_some_and(|number| number >= least),
            None => true,
        };
        (0..self.rows).filter(|row| is_enough(*row) && has_text(*row)).collect()
    }

    /// These rows as CSV, cells as they were in the file.
    pub(super) fn to_csv(&self, rows: &[usize]) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(Column::name))?;
        for &row in rows {
            writer.write_record(self.columns.iter().map(|column| column.cell(row)))?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }
}

#[derive(Debug)]
pub(super) struct Column {
    name: String,
    kind: Kind,
    /// The cells as they were written, which is how they are shown.
    cells: Vec<String>,
    /// Their values; a missing one has none, nor has text.
    numbers: Vec<Option<f64>>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// No filled cell yet.
    Open,
    Text,
    /// The line that decided it.
    Numbers {
        since: u64,
    },
}

impl Column {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_numeric(&self) -> bool {
        matches!(self.kind, Kind::Numbers { .. })
    }

    pub(super) fn cell(&self, row: usize) -> &str {
        self.cells.get(row).map_or("", String::as_str)
    }

    pub(super) fn number(&self, row: usize) -> Option<f64> {
        self.numbers.get(row).copied().flatten()
    }

    /// What can be said about this column in a few figures.
    pub(super) fn summary(&self, rows: &[usize]) -> Summary<'_> {
        let filled: Vec<&str> =
            rows.iter().map(|&row| self.cell(row)).filter(|cell| !is_missing(cell)).collect();
        let (count, missing) = (filled.len(), rows.len() - filled.len());
        if !self.is_numeric() {
            let mut times: HashMap<&str, usize> = HashMap::new();
            for cell in filled {
                *times.entry(cell).or_default() += 1;
            }
            let distinct = times.len();
            // The first in the alphabet of those that come most often, so that the answer is the same every time.
            let most_common = times.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)));
            return Summary::Text {
                count,
                missing,
                distinct,
                most_common: most_common.map(|(cell, _)| cell),
            };
        }
        let mut numbers: Vec<f64> = rows.iter().filter_map(|&row| self.number(row)).collect();
        numbers.sort_by(f64::total_cmp);
        let (Some(&minimum), Some(&maximum)) = (numbers.first(), numbers.last()) else {
            return Summary::Nothing { count, missing };
        };
        let middle = numbers.len() / 2;
        let median = match numbers.as_slice() {
            even if even.len().is_multiple_of(2) => f64::midpoint(even[middle - 1], even[middle]),
            odd => odd[middle],
        };
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        Summary::Numbers { count, missing, minimum, median, mean, maximum }
    }

    /// Takes the cell of one more row.
    fn push(&mut self, cell: &str, line: u64) -> Result<(), Problem> {
        let number = number(cell);
        if matches!(self.kind, Kind::Open) && !is_missing(cell) {
            self.kind = if number.is_some() { Kind::Numbers { since: line } } else { Kind::Text };
        }
        if let Kind::Numbers { since } = self.kind
            && number.is_none()
            && !is_missing(cell)
        {
            let first =
                self.cells.iter().find(|cell| !is_missing(cell)).cloned().unwrap_or_default();
            return Err(Problem::NotANumber {
                cell: cell.to_owned(),
                since,
                first,
                column: self.name.clone(),
            });
        }
        self.numbers.push(number);
        self.cells.push(cell.to_owned());
        Ok(())
    }
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Summary<'a> {
    Numbers { count: usize, missing: usize, minimum: f64, median: f64, mean: f64, maximum: f64 },
    Text { count: usize, missing: usize, distinct: usize, most_common: Option<&'a str> },
    Nothing { count: usize, missing: usize },
}

/// A number for people: as many digits as say something.
pub(super) fn readable(number: f64) -> String {
    let digits = match number.abs() {
        size if size >= 100.0 || number.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 5,
    };
    let text = format!("{number:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Why a file cannot be explored.
#[derive(Debug, thiserror::Error)]
pub(super) enum DataError {
    #[error("cannot read {}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} holds no rows: a CSV file starts with a line of column names, and its rows follow", file.display())]
    Empty { file: PathBuf },
    #[error("{} has no column `{name}`", file.display())]
    NoSuchColumn { file: PathBuf, name: String },
    #[error("{}, {place}: {problem}", file.display())]
    Bad { file: PathBuf, place: Place, problem: Problem },
}

/// Lines and columns are counted from one, as editors and spreadsheets do.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    line: u64,
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Problem {
    #[error("the text is not in UTF-8")]
    NotUtf8,
    #[error("{0}")]
    Malformed(String),
    #[error("the column has no name")]
    Unnamed,
    #[error("a second column is named `{0}`")]
    NamedTwice(String),
    #[error("the row ends here, after {found} of {wanted} cells")]
    TooFew { found: usize, wanted: usize },
    #[error(
        "the row goes on here, though the header names {wanted} columns; is a cell with a comma in need of quotes?"
    )]
    TooMany { wanted: usize },
    #[error(
        "`{cell}` is not a number, as `{first}` in line {since} made those of `{column}`; \
         if they are meant as text, add `--text '{column}'`"
    )]
    NotANumber { cell: String, first: String, since: u64, column: String },
}

type Bad = (Place, Problem);

fn columns(header: &csv::StringRecord, line: u64) -> Result<Vec<Column>, Bad> {
    let mut columns: Vec<Column> = Vec::new();
    for (index, name) in header.iter().enumerate() {
        let name = name.to_owned();
        let place = Place { line, column: index + 1 };
        if name.is_empty() {
            return Err((place, Problem::Unnamed));
        }
        if columns.iter().any(|column| column.name == name) {
            return Err((place, Problem::NamedTwice(name)));
        }
        columns.push(Column { name, kind: Kind::Open, cells: Vec::new(), numbers: Vec::new() });
    }
    Ok(columns)
}

fn push(columns: &mut [Column], row: &csv::StringRecord, line: u64) -> Result<(), Bad> {
    let (found, wanted) = (row.len(), columns.len());
    if found != wanted {
        let problem = if found < wanted {
            Problem::TooFew { found, wanted }
        } else {
            Problem::TooMany { wanted }
        };
        return Err((Place { line, column: found.min(wanted) + 1 }, problem));
    }
    for (index, (column, cell)) in columns.iter_mut().zip(row).enumerate() {
        column.push(cell, line).map_err(|problem| (Place { line, column: index + 1 }, problem))?;
    }
    Ok(())
}

/// The line on which a record starts. The reader's position is where the one before it ended, so that blank lines
/// between the two are still ahead.
fn line_of(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let ahead = usize::try_from(position.byte())
        .ok()
        .and_then(|start| bytes.get(start..))
        .unwrap_or_default();
    let blank = ahead
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|byte| **byte == b'\n')
        .count();
    position.line() + blank as u64
}

fn not_text(bytes: &[u8], error: &csv::Error) -> Bad {
    let line = line_of(bytes, error.position());
    match error.kind() {
        csv::ErrorKind::Utf8 { err, .. } => {
            (Place { line, column: err.field() + 1 }, Problem::NotUtf8)
        }
        _ => (Place { line, column: 1 }, Problem::Malformed(error.to_string())),
    }
}

/// What parts the cells: the candidate that stands most often in the first line, a comma if none does.
fn delimiter(bytes: &[u8]) -> u8 {
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let times = |delimiter: &u8| first_line.iter().filter(|byte| *byte == delimiter).count();
    // Of several that come equally often `max_by_key` takes the last.
    [b'\t', b';', b','].into_iter().max_by_key(times).unwrap_or(b',')
}

fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing))
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Table, DataError> {
        Table::parse(Path::new("data/trees.csv"), text.as_bytes(), &[])
    }

    fn message(bytes: impl AsRef<[u8]>) -> String {
        Table::parse(Path::new("data/trees.csv"), bytes.as_ref(), &[]).unwrap_err().to_string()
    }

    #[test]
    fn the_elements_are_all_there() {
        let table = Table::elements().unwrap();
        assert_eq!((table.rows(), table.columns().len()), (94, 10));
        let numeric: Vec<&str> =
            table.columns().iter().filter(|column| column.is_numeric()).map(Column::name).collect();
        assert_eq!(
            numeric,
            [
                "number",
                "period",
                "group",
                "mass",
                "electronegativity",
                "ionization energy",
                "melting point"
            ]
        );
        let number = table.column("number").unwrap();
        assert!((0..94).all(|row| number.number(row) == Some(row as f64 + 1.0)));
    }

    #[test]
    fn a_cell_that_is_no_number_is_named_by_line_and_column() {
        assert_eq!(
            message("name,height\noak,\nfir,40\nelm,3O\n"),
            "data/trees.csv, line 4, column 2: `3O` is not a number, as `40` in line 3 made those of `height`; \
             if they are meant as text, add `--text 'height'`"
        );
    }

    #[test]
    fn a_row_of_the_wrong_length_is_named_by_line_and_column() {
        let few = "data/trees.csv, line 3, column 2: the row ends here, after 1 of 2 cells";
        assert_eq!(message("name,height\noak,20\nfir\n"), few);
        assert!(
            message("name,height\noak,20\nfir,40,1\n")
                .starts_with("data/trees.csv, line 3, column 3: the row goes on")
        );
        // The line is that of the row, however many blank ones stand before it and line breaks within quotes.
        assert!(
            message("name,height\n\n\"an\noak\",20\n\nfir\n")
                .starts_with("data/trees.csv, line 6, column 2")
        );
    }

    #[test]
    fn a_header_with_a_gap_or_a_double_is_named_by_line_and_column() {
        assert_eq!(
            message("name,,height\noak,1,2\n"),
            "data/trees.csv, line 1, column 2: the column has no name"
        );
        assert_eq!(
            message("name,name\noak,1\n"),
            "data/trees.csv, line 1, column 2: a second column is named `name`"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_named_by_line_and_column() {
        assert_eq!(
            message(b"name,height\noak,\xff\n"),
            "data/trees.csv, line 2, column 2: the text is not in UTF-8"
        );
    }

    #[test]
    fn a_file_without_rows_says_so() {
        for text in ["", "\n\n", "name,height\n"] {
            assert!(message(text).starts_with("data/trees.csv holds no rows"), "{text:?}");
        }
        let missing = Table::open(Path::new("no/such.csv"), &[]).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read no/such.csv");
    }

    #[test]
    fn a_column_can_be_declared_text() {
        let text = "house,street\n12,Elm\n12a,Elm\n";
        let table =
            Table::parse(Path::new("x.csv"), text.as_bytes(), &["house".to_owned()]).unwrap();
        assert!(!table.column("house").unwrap().is_numeric());
        let unknown =
            Table::parse(Path::new("x.csv"), text.as_bytes(), &["hause".to_owned()]).unwrap_err();
        assert_eq!(unknown.to_string(), "x.csv has no column `hause`");
    }

    #[test]
    fn semicolons_tabs_byte_order_marks_and_quotes_are_understood() {
        for text in
            ["\u{feff}name;height\n\"oak; old\";20\n", "name\theight\r\n\"oak; old\"\t20\r\n"]
        {
            let table = parse(text).unwrap();
            assert_eq!(table.column("name").unwrap().cell(0), "oak; old");
            assert_eq!(table.column("height").unwrap().number(0), Some(20.0));
        }
    }

    #[test]
    fn rows_are_selected_by_text_and_minimum() {
        let table = parse("name,height\nOak,20\nFir,40\nOld oak,\n").unwrap();
        let height = table.column("height").unwrap();
        assert_eq!(table.select(" oak ", None), [0, 2]);
        assert_eq!(table.select("", Some((height, 20.0))), [0, 1]);
        assert_eq!(table.select("oak", Some((height, 1.0))), [0]);
    }

    #[test]
    fn what_is_written_as_csv_reads_the_same() {
        let table = parse("name,height\n\"oak, \"\"old\"\"\",20\nfir,NA\n").unwrap();
        let copy = String::from_utf8(table.to_csv(&[0, 1]).unwrap()).unwrap();
        assert_eq!(copy, "name,height\n\"oak, \"\"old\"\"\",20\nfir,NA\n");
    }

    #[test]
    fn a_summary_counts_and_measures() {
        let table = parse("name,height\noak,20\nfir,40\noak,30\nelm,NA\n").unwrap();
        let rows = [0, 1, 2, 3];
        assert_eq!(
            table.column("height").unwrap().summary(&rows),
            Summary::Numbers {
                count: 3,
                missing: 1,
                minimum: 20.0,
                median: 30.0,
                mean: 30.0,
                maximum: 40.0
            }
        );
        assert_eq!(
            table.column("name").unwrap().summary(&rows),
            Summary::Text { count: 4, missing: 0, distinct: 3, most_common: Some("oak") }
        );
        assert_eq!(
            table.column("height").unwrap().summary(&[3]),
            Summary::Nothing { count: 0, missing: 1 }
        );
    }

    #[test]
    fn numbers_are_readable() {
        let shown = [0.0, 1811.0, 1234.56, 12.345, 7.90, 0.00321, -3.5].map(readable);
        assert_eq!(shown, ["0", "1811", "1235", "12.3", "7.9", "0.00321", "-3.5"]);
    }
}
