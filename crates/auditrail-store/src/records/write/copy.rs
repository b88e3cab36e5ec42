//! Records in the binary format of COPY.
//!
//! The format is PostgreSQL's, documented under "Binary Format" of `COPY`: a header, then for each row
//! the number of columns and for each column its length (-1 for NULL) and the bytes its type's
//! `recv` function reads, then -1 as the end. All numbers are big-endian.

use auditrail_core::{Record, RecordedBy};
use bytes::{BufMut, BytesMut};

use crate::records::columns::{ColumnSink, column_list, own_column_list, put_own_columns};
use crate::value::{ToValue, put_optional, put_sized};

/// The statement. The database fills in `xact_id`.
pub(crate) const STATEMENT: &str =
    concat!("copy control_plane.audit_logs (", column_list!(), ") from stdin (format binary)");

/// The statement for records without a writer: the database fills it in as well.
pub(crate) const OWN_STATEMENT: &str =
    concat!("copy control_plane.audit_logs (", own_column_list!(), ") from stdin (format binary)");

const END: i16 = -1;

/// The signature, no flags, no header extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Starts a COPY.
pub(crate) fn put_header(buf: &mut BytesMut) {
    buf.put_slice(HEADER);
}

/// Ends a COPY.
pub(crate) fn put_end(buf: &mut BytesMut) {
    buf.put_i16(END);
}

/// Adds one row. For [`STATEMENT`] a record without a writer gets `role`; for [`OWN_STATEMENT`] there is
/// none.
pub(crate) fn put_record(buf: &mut BytesMut, record: &Record, role: Option<&RecordedBy>) {
    let count_at = buf.len();
    buf.put_i16(0);
    let mut row = CopyRow { buf, columns: 0 };
    put_own_columns(record, &mut row);
    if let Some(role) = role {
        row.required(record.recorded_by.as_ref().unwrap_or(role).as_str());
    }
    let columns = row.columns;
    buf[count_at..count_at + 2].copy_from_slice(&columns.to_be_bytes());
}

struct CopyRow<'a> {
    buf: &'a mut BytesMut,
    columns: i16,
}

impl ColumnSink for CopyRow<'_> {
    fn required<T: ToValue>(&mut self, value: T) {
        put_sized(self.buf, &value);
        self.columns += 1;
    }

    fn optional<T: ToValue>(&mut self, value: Option<T>) {
        put_optional(self.buf, value.as_ref());
        self.columns += 1;
    }
}
