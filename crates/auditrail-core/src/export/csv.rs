//! Comma-separated values.

use std::borrow::Cow;
use std::io;

use csv::WriterBuilder;

use super::rewrite::Rewrite;
use crate::record::Record;

/// The columns, in the order of the table.
const HEADER: [&str; 12] = [
    "id",
    "actor_id",
    "actor_type",
    "action",
    "target_type",
    "target_id",
    "metadata",
    "ip_address",
    "user_agent",
    "created_at",
    "tenant_id",
    "request_id",
];

/// Room for an ordinary row; a longer one is written in pieces.
const ROW_BYTES: usize = 1_024;

#[derive(Debug)]
pub(super) struct Csv {
    rewrite: Rewrite,
    begun: bool,
}

impl Csv {
    pub(super) fn new(rewrite: Rewrite) -> Self {
        Self { rewrite, begun: false }
    }

    pub(super) fn record(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        self.begin(out)?;
        let text = |value: Option<String>| value.unwrap_or_default();
        let cells: [Cow<'_, str>; 12] = [
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
        let cells = cells.iter().map(|cell| (self.rewrite)(&neutral(cell)).into_owned());
        row(cells, out)
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.begin(out)
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match std::mem::replace(&mut self.begun, true) {
            true => Ok(()),
            false => row(HEADER, out),
        }
    }
}

fn row<T: AsRef<[u8]>>(cells: impl IntoIterator<Item = T>, out: &mut Vec<u8>) -> io::Result<()> {
    let mut writer = WriterBuilder::new().buffer_capacity(ROW_BYTES).from_writer(out);
    writer.write_record(cells)?;
    writer.flush()
}

/// A cell that no spreadsheet takes for a formula: one that starts like one gets an apostrophe.
fn neutral(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_look_like_formulas_are_neutralised() {
        for cell in ["=1+1", "+1", "-1", "@x", "\tx", "\rx"] {
            assert_eq!(neutral(cell), format!("'{cell}"));
        }
        for cell in ["", "a=1", "1-1", "{\"a\":1}", " =1"] {
            assert_eq!(neutral(cell), cell);
        }
    }
}
