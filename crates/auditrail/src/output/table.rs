//! Tables on stdout: one line a row, at every width.

mod layout;

use anstyle::{AnsiColor, Style};

use super::{Output, safe, terminal, width};
use crate::error::Error;
pub(crate) use layout::Column;

/// Between two columns.
const GAP: &str = "  ";
/// Elsewhere than on a terminal, columns are aligned up to this width; longer cells are printed in full.
const ALIGNED_MAX: usize = 60;

/// A table under construction.
pub(crate) struct TextTable {
    columns: Vec<Column>,
    rows: Vec<Vec<(String, Tone)>>,
    output: Output,
}

/// The colour of a cell, by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    /// As expected.
    Good,
    /// Needs attention.
    Notice,
    /// An error.
    Bad,
}

impl TextTable {
    /// An empty table with these columns.
    pub(crate) fn new(output: Output, columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new(), output }
    }

    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.toned_row(cells.into_iter().map(|cell| (cell, Tone::Plain)));
    }

    pub(crate) fn toned_row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = (S, Tone)>) {
        let cells = cells.into_iter();
        self.rows.push(
            cells.map(|(text, tone)| (safe::text(text.as_ref()).into_owned(), tone)).collect(),
        );
    }

    /// Prints the table. On a terminal it fits the width: columns are left out, and cells truncated.
    ///
    /// Columns that may be left out are also left out when no row has a value.
    pub(crate) fn print(&self) -> Result<(), Error> {
        let cells = |column: usize| self.rows.iter().map(move |row| row[column].0.as_str());
        let natural: Vec<usize> = (0..self.columns.len())
            .map(|n| {
                cells(n).map(width::of).max().unwrap_or(0).max(width::of(self.columns[n].name))
            })
            .collect();
        let shown: Vec<usize> = (0..self.columns.len())
            .filter(|n| !self.columns[*n].is_optional() || cells(*n).any(|cell| !cell.is_empty()))
            .collect();
        let terminal = terminal::width();
        let widths = match terminal {
            Some(width) => layout::fit(&self.columns, &natural, &shown, width),
            None => shown.iter().map(|n| (*n, natural[*n].min(ALIGNED_MAX))).collect(),
        };
        let header = widths.iter().map(|(n, width)| (self.columns[*n].name, Tone::Plain, *width));
        self.output.line(&self.line(header, terminal.is_some()))?;
        for row in &self.rows {
            let cells = widths.iter().map(|(n, width)| (row[*n].0.as_str(), row[*n].1, *width));
            self.output.line(&self.line(cells, terminal.is_some()))?;
        }
        Ok(())
    }

    /// One line: each cell with its width.
    fn line<'a>(
        &self,
        cells: impl Iterator<Item = (&'a str, Tone, usize)>,
        truncates: bool,
    ) -> String {
        let mut line = String::new();
        let mut missing = 0;
        for (n, (text, tone, width)) in cells.enumerate() {
            if n > 0 {
                line.push_str(&" ".repeat(missing));
                line.push_str(GAP);
            }
            let text = if truncates { width::truncated(text, width) } else { text.into() };
            missing = width.saturating_sub(width::of(&text));
            let style = self.style(tone);
            line.push_str(&format!("{style}{text}{style:#}"));
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn style(&self, tone: Tone) -> Style {
        let color = match tone {
            Tone::Good => AnsiColor::Green,
            Tone::Notice => AnsiColor::Yellow,
            Tone::Bad => AnsiColor::Red,
            Tone::Plain => return Style::new(),
        };
        if self.output.colors() { Style::new().fg_color(Some(color.into())) } else { Style::new() }
    }
}
