//! Charts as SVG: plain text that any browser draws, with nothing to load. Colours and fonts are the style sheet's.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};

use super::data::{Column, Table, readable};
use super::html::Escaped;

/// As many points as an eye can tell apart; of more rows every n-th is drawn.
const POINTS: usize = 2_000;

/// As many colours as a style sheet can keep apart (`.c0` to `.c9`); what is left shares the last one.
const COLOURS: usize = 10;

/// A point for each row: two columns give its place, a third one its colour. With its legend.
pub(super) struct Scatter<'a> {
    pub(super) table: &'a Table,
    pub(super) rows: &'a [usize],
    pub(super) x: &'a Column,
    pub(super) y: &'a Column,
    pub(super) colour: Option<&'a Column>,
}

impl Display for Scatter<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { table, rows, x, y, colour } = self;
        let (across, up) = (Axis::new(x, rows), Axis::new(y, rows));
        let palette = colour.map(|column| Palette::new(column, table.rows()));
        let frame = Frame { left: 62.0, right: 704.0, top: 16.0, bottom: 372.0 };

        let (x_name, y_name) = (Escaped(x.name()), Escaped(y.name()));
        write!(
            f,
            r#"<svg class="chart" viewBox="0 0 720 424" role="img" aria-label="{y_name} by {x_name}">"#
        )?;
        for (part, text) in up.ticks() {
            let place = frame.y(part);
            write!(
                f,
                r#"<line class="grid" x1="{}" x2="{}" y1="{place:.1}" y2="{place:.1}"/>"#,
                frame.left, frame.right
            )?;
            write!(
                f,
                r#"<text class="tick end" x="{}" y="{:.1}">{}</text>"#,
                frame.left - 8.0,
                place + 4.0,
                Escaped(&text)
            )?;
        }
        for (part, text) in across.ticks() {
            let place = frame.x(part);
            write!(
                f,
                r#"<line class="grid" x1="{place:.1}" x2="{place:.1}" y1="{}" y2="{}"/>"#,
                frame.top, frame.bottom
            )?;
            write!(
                f,
                r#"<text class="tick middle" x="{place:.1}" y="{}">{}</text>"#,
                frame.bottom + 20.0,
                Escaped(&text)
            )?;
        }
        write!(
            f,
            r#"<text class="name end" x="{}" y="{}">{x_name}</text>"#,
            frame.right,
            frame.bottom + 42.0
        )?;
        write!(
            f,
            r#"<text class="name" x="{}" y="{}">{y_name}</text>"#,
            frame.left + 6.0,
            frame.top + 14.0
        )?;

        let label = table.columns().iter().find(|column| !column.is_numeric());
        let each = rows.len().div_ceil(POINTS).max(1);
        for &row in rows.iter().step_by(each) {
            let (Some(right), Some(high)) = (across.part(row), up.part(row)) else { continue };
            let (kind, shade) = palette.as_ref().map_or(("c", 0), |palette| palette.class(row));
            write!(
                f,
                r#"<circle class="{kind}{shade}" cx="{:.1}" cy="{:.1}" r="5"><title>"#,
                frame.x(right),
                frame.y(high)
            )?;
            if let Some(label) = label {
                write!(f, "{}: ", Escaped(label.cell(row)))?;
            }
            write!(
                f,
                "{x_name} {}, {y_name} {}</title></circle>",
                Escaped(x.cell(row)),
                Escaped(y.cell(row))
            )?;
        }
        f.write_str("</svg>")?;
        if each > 1 {
            write!(f, r#"<p class="more">One row in {each} is drawn.</p>"#)?;
        }
        palette.map_or(Ok(()), |palette| palette.fmt(f))
    }
}

/// How often the values of one column come: numbers in ranges, text by the most frequent cells.
pub(super) struct Bars<'a> {
    pub(super) column: &'a Column,
    pub(super) rows: &'a [usize],
}

impl Display for Bars<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const ROW: f64 = 22.0;
        let bars = if self.column.is_numeric() { self.ranges() } else { self.cells() };
        let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1) as f64;
        let (height, name) = (ROW * bars.len().max(1) as f64, Escaped(self.column.name()));
        write!(
            f,
            r#"<svg class="chart bars" viewBox="0 0 340 {height}" role="img" aria-label="how often each {name}">"#
        )?;
        for (index, (label, count)) in bars.iter().enumerate() {
            let top = ROW * index as f64;
            let width = 165.0 * *count as f64 / most;
            write!(
                f,
                r#"<text class="tick end" x="124" y="{}">{}</text>"#,
                top + 15.0,
                Escaped(&shortened(label, 16))
            )?;
            write!(
                f,
                r#"<rect x="130" y="{}" width="{width:.1}" height="{}" rx="2"/>"#,
                top + 3.0,
                ROW - 6.0
            )?;
            write!(
                f,
                r#"<text class="tick" x="{:.1}" y="{}">{count}</text>"#,
                136.0 + width,
                top + 15.0
            )?;
        }
        f.write_str("</svg>")
    }
}

impl Bars<'_> {
    fn ranges(&self) -> Vec<(String, usize)> {
        let numbers: Vec<f64> =
            self.rows.iter().filter_map(|&row| self.column.number(row)).collect();
        let Some(range) = Range::around(numbers.iter().copied(), 8.0) else { return Vec::new() };
        let mut bars: Vec<(String, usize)> = range
            .steps()
            .map(|start| (format!("{} to {}", readable(start), readable(start + range.step)), 0))
            .collect();
        bars.pop(); // the last step is where the last bar ends
        let last = bars.len().saturating_sub(1);
        for number in numbers {
            let index = ((number - range.from) / range.step) as usize;
            if let Some((_, count)) = bars.get_mut(index.min(last)) {
                *count += 1;
            }
        }
        bars
    }

    fn cells(&self) -> Vec<(String, usize)> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for &row in self.rows {
            *counts.entry(self.column.cell(row)).or_default() += 1;
        }
        let mut bars: Vec<(&str, usize)> = counts.into_iter().collect();
        bars.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        bars.truncate(8);
        bars.into_iter()
            .map(|(cell, count)| (if cell.is_empty() { "(empty)" } else { cell }.to_owned(), count))
            .collect()
    }
}

/// The part of the picture that the points may use, in the picture's own units.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame {
    fn x(&self, part: f64) -> f64 {
        self.left + (self.right - self.left) * part
    }

    fn y(&self, part: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * part
    }
}

/// Where a row stands along one side of the chart, as a part from 0 to 1.
enum Axis<'a> {
    Numbers {
        column: &'a Column,
        range: Range,
    },
    /// Text stands in the order in which it first comes.
    Cells {
        column: &'a Column,
        places: HashMap<&'a str, usize>,
        names: Vec<&'a str>,
    },
}

impl<'a> Axis<'a> {
    fn new(column: &'a Column, rows: &[usize]) -> Self {
        if column.is_numeric() {
            let numbers = rows.iter().filter_map(|&row| column.number(row));
            let range =
                Range::around(numbers, 6.0).unwrap_or(Range { from: 0.0, to: 1.0, step: 1.0 });
            return Self::Numbers { column, range };
        }
        let (mut places, mut names) = (HashMap::new(), Vec::new());
        for &row in rows {
            places.entry(column.cell(row)).or_insert_with(|| {
                names.push(column.cell(row));
                names.len() - 1
            });
        }
        Self::Cells { column, places, names }
    }

    fn part(&self, row: usize) -> Option<f64> {
        match self {
            Self::Numbers { column, range } => column.number(row).map(|number| range.part(number)),
            Self::Cells { column, places, names } => {
                places.get(column.cell(row)).map(|place| (*place as f64 + 0.5) / names.len() as f64)
            }
        }
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        match self {
            Self::Numbers { range, .. } => {
                range.steps().map(|number| (range.part(number), readable(number))).collect()
            }
            Self::Cells { names, .. } => {
                let each = names.len().div_ceil(8).max(1);
                let part = |place: usize| (place as f64 + 0.5) / names.len() as f64;
                let tick = |(place, name): (usize, &&str)| (part(place), shortened(name, 12));
                names.iter().enumerate().step_by(each).map(tick).collect()
            }
        }
    }
}

/// Round numbers around others: where an axis begins and ends, and the step between two of its marks.
struct Range {
    from: f64,
    to: f64,
    step: f64,
}

impl Range {
    /// With about `wanted` steps of 1, 2 or 5 times a power of ten; `None` if there is no number.
    fn around(numbers: impl Iterator<Item = f64>, wanted: f64) -> Option<Self> {
        let ends =
            numbers.fold(None, |ends: Option<(f64, f64)>, number| {
                Some(ends.map_or((number, number), |(least, most)| {
                    (least.min(number), most.max(number))
                }))
            });
        let (least, most) = ends?;
        let span = if most > least { most - least } else { most.abs().max(1.0) };
        let rough = span / wanted;
        let power = 10f64.powf(rough.log10().floor());
        let step = power
            * [1.0, 2.0, 5.0].into_iter().find(|times| power * times >= rough).unwrap_or(10.0);
        let from = (least / step).floor() * step;
        let to = (most / step).ceil() * step;
        let range = Self { from, to: if to > from { to } else { from + step }, step };
        // Of numbers at the very ends of what can be computed with, nothing can be drawn.
        (range.step.is_normal() && (range.to - range.from).is_finite()).then_some(range)
    }

    fn part(&self, number: f64) -> f64 {
        (number - self.from) / (self.to - self.from)
    }

    fn steps(&self) -> impl Iterator<Item = f64> {
        let count = ((self.to - self.from) / self.step).round() as usize;
        // Rounded to the step: 0.1 added three times is not 0.3.
        (0..=count).map(|index| ((self.from / self.step).round() + index as f64) * self.step)
    }
}

/// The colours of one column's values. They come from the whole table, so that a filter changes no point's colour.
enum Palette<'a> {
    Numbers { column: &'a Column, range: Range },
    Cells { column: &'a Column, colours: HashMap<&'a str, usize>, names: Vec<&'a str> },
}

impl<'a> Palette<'a> {
    const SHADES: f64 = 5.0;

    fn new(column: &'a Column, rows: usize) -> Self {
        if column.is_numeric() {
            let numbers = (0..rows).filter_map(|row| column.number(row));
            let (least, most) = numbers.fold((f64::MAX, f64::MIN), |(least, most), number| {
                (least.min(number), most.max(number))
            });
            return Self::Numbers {
                column,
                range: Range { from: least, to: most, step: (most - least) / Self::SHADES },
            };
        }
        let (mut colours, mut names) = (HashMap::new(), Vec::new());
        for cell in (0..rows).map(|row| column.cell(row)) {
            let count = colours.len();
            colours.entry(cell).or_insert_with(|| {
                names.push(cell);
                count.min(COLOURS - 1)
            });
        }
        Self::Cells { column, colours, names }
    }

    /// The class in the style sheet: `c0` to `c9` for text, `s0` to `s4` from pale to deep for numbers, `s9` for none.
    fn class(&self, row: usize) -> (&'static str, usize) {
        match self {
            Self::Numbers { column, range } => {
                let shade = |number| {
                    (range.part(number) * Self::SHADES).clamp(0.0, Self::SHADES - 1.0) as usize
                };
                ("s", column.number(row).map_or(9, shade))
            }
            Self::Cells { column, colours, .. } => {
                ("c", colours.get(column.cell(row)).copied().unwrap_or(0))
            }
        }
    }
}

/// The legend.
impl Display for Palette<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(r#"<ul class="legend">"#)?;
        match self {
            Self::Numbers { range, .. } => {
                for (index, start) in range.steps().take(Self::SHADES as usize).enumerate() {
                    let (from, to) = (readable(start), readable(start + range.step));
                    write!(f, r#"<li><i class="s{index}"></i>{from} to {to}</li>"#)?;
                }
            }
            Self::Cells { names, .. } => {
                let all = names.len() <= COLOURS;
                for (index, name) in
                    names.iter().take(if all { COLOURS } else { COLOURS - 1 }).enumerate()
                {
                    write!(
                        f,
                        r#"<li><i class="c{index}"></i>{}</li>"#,
                        Escaped(&shortened(name, 24))
                    )?;
                }
                if !all {
                    write!(
                        f,
                        r#"<li><i class="c{}"></i>{} others</li>"#,
                        COLOURS - 1,
                        names.len() - COLOURS + 1
                    )?;
                }
            }
        }
        f.write_str("</ul>")
    }
}

fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(length - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_begins_and_ends_at_round_numbers() {
        let range = Range::around([14.0, 3695.0].into_iter(), 6.0).unwrap();
        assert_eq!((range.from, range.to, range.step), (0.0, 4000.0, 1000.0));
        let range = Range::around([0.79, 3.98].into_iter(), 6.0).unwrap();
        assert_eq!(range.steps().map(readable).collect::<Vec<_>>().join(" "), "0 1 2 3 4");
        let one = Range::around([7.0].into_iter(), 6.0).unwrap();
        assert!(one.from <= 7.0 && one.to > one.from, "one number alone has an axis too");
        assert!(Range::around([f64::MIN, f64::MAX].into_iter(), 6.0).is_none());
    }

    #[test]
    fn each_row_with_both_values_is_a_point() {
        let table = Table::elements().unwrap();
        let rows: Vec<usize> = (0..table.rows()).collect();
        let [x, y, colour] =
            ["number", "melting point", "category"].map(|name| table.column(name).unwrap());
        let svg = Scatter { table: &table, rows: &rows, x, y, colour: Some(colour) }.to_string();
        let melting = rows.iter().filter(|row| y.number(**row).is_some()).count();
        assert_eq!(svg.matches("<circle").count(), melting);
        assert!(svg.contains("<title>Iron: number 26, melting point 1811</title>"), "{svg}");
        assert_eq!(svg.matches("<li>").count(), 10, "one for each category");
    }

    #[test]
    fn bars_count_every_row_once() {
        let table = Table::elements().unwrap();
        let rows: Vec<usize> = (0..table.rows()).collect();
        let counted = |name: &str| -> usize {
            let bars = Bars { column: table.column(name).unwrap(), rows: &rows };
            if bars.column.is_numeric() { bars.ranges() } else { bars.cells() }
                .iter()
                .map(|(_, count)| count)
                .sum()
        };
        assert_eq!(counted("number"), 94);
        assert_eq!(counted("electronegativity"), 85);
    }
}
