//! Records in the binary form of COPY.
//!
//! The form is PostgreSQL's, documented under "Binary Format" of `COPY`: a header, then for each row
//! the number of columns and for each column its length (-1 for NULL) and the bytes its type's
//! `recv` function reads, then -1 as the end. All numbers are big-endian.

use auditrail_core::{Record, Target};
use bytes::{BufMut, BytesMut};
use ipnet::IpNet;

use crate::wire::{JSONB_VERSION, micros_since_2000};

/// The statement; the columns are in the order in which [`put_record`] writes them. `xact_id` is the
/// database's to fill in.
pub(crate) const STATEMENT: &str = "copy control_plane.audit_logs \
     (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, \
      created_at, tenant_id, request_id) \
     from stdin (format binary)";

const COLUMNS: i16 = 12;
const NULL: i32 = -1;
const END: i16 = -1;

/// The signature, no flags, no header extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The address family PostgreSQL sends for IPv4, whatever the system calls it.
const IPV4: u8 = 2;
/// And for IPv6.
const IPV6: u8 = 3;

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
        target: Target {
            target_type,
            target_id,
        },
        metadata,
        ip_address,
        user_agent,
        created_at,
        tenant_id,
        request_id,
    } = record;
    buf.put_i16(COLUMNS);
    put_bytes(buf, id.as_uuid().as_bytes());
    put_bytes(buf, actor.id().as_bytes());
    put_bytes(buf, actor.actor_type().as_str().as_bytes());
    put_bytes(buf, action.as_str().as_bytes());
    put_bytes(buf, target_type.as_str().as_bytes());
    put_bytes(buf, target_id.as_str().as_bytes());
    match metadata {
        Some(metadata) => put_jsonb(buf, metadata.as_str()),
        None => buf.put_i32(NULL),
    }
    match ip_address {
        Some(address) => put_inet(buf, address.network()),
        None => buf.put_i32(NULL),
    }
    put_optional(buf, user_agent.as_ref());
    put_bytes(buf, &micros_since_2000(*created_at).to_be_bytes());
    put_optional(buf, tenant_id.as_ref());
    put_optional(buf, request_id.as_ref());
}

fn put_optional(buf: &mut BytesMut, text: Option<&impl AsRef<str>>) {
    match text {
        Some(text) => put_bytes(buf, text.as_ref().as_bytes()),
        None => buf.put_i32(NULL),
    }
}

fn put_bytes(buf: &mut BytesMut, bytes: &[u8]) {
    put_length(buf, bytes.len());
    buf.put_slice(bytes);
}

fn put_jsonb(buf: &mut BytesMut, text: &str) {
    put_length(buf, text.len() + 1);
    buf.put_u8(JSONB_VERSION);
    buf.put_slice(text.as_bytes());
}

fn put_inet(buf: &mut BytesMut, network: IpNet) {
    let mut put = |family: u8, octets: &[u8]| {
        put_length(buf, octets.len() + 4);
        // Family, mask, "is it a cidr" (no), then the length the address itself has.
        buf.put_slice(&[family, network.prefix_len(), 0]);
        buf.put_u8(u8::try_from(octets.len()).unwrap_or(u8::MAX));
        buf.put_slice(octets);
    };
    match network {
        IpNet::V4(v4) => put(IPV4, &v4.addr().octets()),
        IpNet::V6(v6) => put(IPV6, &v6.addr().octets()),
    }
}

/// A length beyond the format is beyond what the server takes as well: it refuses the row, where a
/// wrapped length would shift every byte after it.
fn put_length(buf: &mut BytesMut, length: usize) {
    buf.put_i32(i32::try_from(length).unwrap_or(i32::MAX));
}
