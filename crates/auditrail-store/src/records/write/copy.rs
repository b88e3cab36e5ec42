//! Records in the binary format of COPY.
//!
//! The format is PostgreSQL's, documented under "Binary Format" of `COPY`: a header, then for each row
//! the number of columns and for each column its length (-1 for NULL) and the bytes its type's
//! `recv` function reads, then -1 as the end. All numbers are big-endian.

use auditrail_core::{Record, Target};
use bytes::{BufMut, BytesMut};

use crate::value::{JsonText, PgTime, put_optional, put_sized};

/// The statement; the columns are in the order in which [`put_record`] writes them. `xact_id` is the
/// database's to fill in.
pub(crate) const STATEMENT: &str = "copy control_plane.audit_logs \
     (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, \
      created_at, tenant_id, request_id) \
     from stdin (format binary)";

const COLUMNS: i16 = 12;
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

/// Adds one row.
pub(crate) fn put_record(buf: &mut BytesMut, record: &Record) {
    let Record {
        id,
        actor,
        action,
        target: Target { target_type, target_id },
        metadata,
        ip_address,
        user_agent,
        created_at,
        tenant_id,
        request_id,
    } = record;
    buf.put_i16(COLUMNS);
    put_sized(buf, id.as_uuid());
    put_sized(buf, actor.id());
    put_sized(buf, actor.actor_type().as_str());
    put_sized(buf, action.as_str());
    put_sized(buf, target_type.as_str());
    put_sized(buf, target_id.as_str());
    put_optional(buf, metadata.as_ref().map(|metadata| JsonText(metadata.as_str())).as_ref());
    put_optional(buf, ip_address.map(|address| address.network()).as_ref());
    put_optional(buf, user_agent.as_ref().map(AsRef::<str>::as_ref));
    put_sized(buf, &PgTime(*created_at));
    put_optional(buf, tenant_id.as_ref().map(AsRef::<str>::as_ref));
    put_optional(buf, request_id.as_ref().map(AsRef::<str>::as_ref));
}
