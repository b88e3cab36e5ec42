//! Comma-separated values.

use std::borrow::Cow;
use std::io;

use csv::WriterBuilder;

use super::rewrite::Rewrite;
use crate::record::{NAMES, Record};

/// The size of the write buffer, enough for an ordinary row.
const ROW_BYTES: usize = 1_024;

#[derive(Debug)]
pub(super) struct Csv {
    rewrite: Rewrite,
    has_header: bool,
}

impl Csv {
    pub(super) fn new(rewrite: Rewrite) -> Self {
        Self { rewrite, has_header: false }
    }

    pub(super) fn record(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        self.write_header(out)?;
        let cells = record.to_cells();
        let cells = cells.iter().map(|cell| (self.rewrite)(&escape_formula(cell)).into_owned());
        row(cells, out)
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.write_header(out)
    }

    fn write_header(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if std::mem::replace(&mut self.has_header, true) { Ok(()) } else { row(NAMES, out) }
    }
}

fn row<T: AsRef<[u8]>>(cells: impl IntoIterator<Item = T>, out: &mut Vec<u8>) -> io::Result<()> {
    let mut writer = WriterBuilder::new().buffer_capacity(ROW_BYTES).from_writer(out);
    writer.write_record(cells)?;
    writer.flush()
}

/// Characters that start a formula, also in their full-width forms, or that spreadsheets skip at the start of a
/// cell (OWASP, "CSV Injection").
const FORMULA_STARTS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Prefixes a cell that a spreadsheet would interpret as a formula with an apostrophe.
fn escape_formula(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(FORMULA_STARTS) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_escaped() {
        for cell in [
            "=1+1",
            "+1",
            "-1",
            "@x",
            "\tx",
            "\rx",
            "\n=1",
            "＝cmd|calc",
            "＋1",
            "－1+1",
            "＠SUM(1)",
        ] {
            assert_eq!(escape_formula(cell), format!("'{cell}"));
        }
        for cell in ["", "a=1", "1-1", "{\"a\":1}", " =1", "−1", "＊1", "ー"] {
            assert_eq!(escape_formula(cell), cell);
        }
    }
}
