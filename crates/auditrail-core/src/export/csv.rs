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
        let text = |value: Option<String>| value.unwrap_or_default();
        let cells: [Cow<'_, str>; NAMES.len()] = [
            record.id.to_string().into(),
            record.actor.id().into(),
            record.actor.actor_type().as_str().into(),
            record.action.as_str().into(),
            record.target.target_type.as_str().into(),
            record.target.target_id.as_str().into(),
            record.metadata.as_ref().map_or("", |metadata| metadata.as_str()).into(),
            text(record.ip_address.map(|ip| ip.to_string())).into(),
            text(record.user_agent.as_ref().map(ToString::to_string)).into(),
            record.created_at.to_string().into(),
            text(record.tenant_id.as_ref().map(ToString::to_string)).into(),
            text(record.request_id.as_ref().map(ToString::to_string)).into(),
        ];
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

/// Prefixes a cell that a spreadsheet would interpret as a formula with an apostrophe.
fn escape_formula(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
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
        for cell in ["=1+1", "+1", "-1", "@x", "\tx", "\rx"] {
            assert_eq!(escape_formula(cell), format!("'{cell}"));
        }
        for cell in ["", "a=1", "1-1", "{\"a\":1}", " =1"] {
            assert_eq!(escape_formula(cell), cell);
        }
    }
}
