//! Tables on stdout.

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table};

use super::{Output, safe};
use crate::error::Error;

/// A table under construction.
pub(crate) struct TextTable {
    table: Table,
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
    /// An empty table with these column names.
    pub(crate) fn new(output: Output, header: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        // Read before `force_no_tty`, which would hide the terminal's width.
        if let Some(width) = table.width() {
            table.set_width(width);
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        if output.colors() {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        table.set_header(header.iter().map(Cell::new).collect::<Vec<_>>());
        Self { table, output }
    }

    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.toned_row(cells.into_iter().map(|cell| (cell, Tone::Plain)));
    }

    pub(crate) fn toned_row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = (S, Tone)>) {
        let colors = self.output.colors();
        let cells = cells.into_iter().map(|(text, tone)| {
            let cell = Cell::new(safe::text(text.as_ref()));
            match tone {
                Tone::Good if colors => cell.fg(Color::Green),
                Tone::Notice if colors => cell.fg(Color::Yellow),
                Tone::Bad if colors => cell.fg(Color::Red),
                _ => cell,
            }
        });
        self.table.add_row(cells.collect::<Vec<_>>());
    }

    pub(crate) fn print(&mut self) -> Result<(), Error> {
        // The first column identifies the row, so it is never wrapped.
        if let Some(first) = self.table.column_mut(0) {
            first.set_constraint(ColumnConstraint::ContentWidth);
        }
        let lines: Vec<String> =
            self.table.lines().map(|line| line.trim_end().to_owned()).collect();
        self.output.line(&lines.join("\n"))
    }
}
