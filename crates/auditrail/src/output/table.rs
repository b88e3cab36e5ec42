//! Tables for people.

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table};

use super::{Output, safe};
use crate::error::Error;

/// A table that is being filled.
pub(crate) struct Sheet {
    table: Table,
    output: Output,
}

/// How a cell is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// All is well.
    Good,
    /// Something is to be done.
    Notice,
    /// Something is wrong.
    Bad,
}

impl Sheet {
    /// An empty table with these column names.
    pub(crate) fn new(output: Output, header: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        // Asked before the colours are decided: without them it would not look for a terminal.
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

    /// Adds a row of plain cells.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.toned(cells.into_iter().map(|cell| (cell, Tone::Plain)));
    }

    /// Adds a row of cells with their tone.
    pub(crate) fn toned<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = (S, Tone)>) {
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

    /// Prints it.
    pub(crate) fn print(&mut self) -> Result<(), Error> {
        // The first column names the row; a time or a name broken in two is hard to read.
        if let Some(first) = self.table.column_mut(0) {
            first.set_constraint(ColumnConstraint::ContentWidth);
        }
        let lines: Vec<String> =
            self.table.lines().map(|line| line.trim_end().to_owned()).collect();
        self.output.line(&lines.join("\n"))
    }
}
