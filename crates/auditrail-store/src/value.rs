//! Values in the binary formats of PostgreSQL, for parameters, results and `COPY`.
//!
//! The formats are those of the `send` and `recv` functions in the source of PostgreSQL; all numbers are
//! big-endian.

mod network;
mod read;
mod types;

use bytes::{BufMut, BytesMut};
use ipnet::IpNet;
use pg_pipeline::Oid;
use uuid::Uuid;

pub(crate) use read::{FromValue, decode};
use types::{JSONB_VERSION, micros_since_2000};
pub(crate) use types::{JsonText, PgTime, XactId, Xid};

/// The length of NULL.
const NULL: i32 = -1;

/// A value of a PostgreSQL type.
pub(crate) trait ToValue {
    /// The OID of the type in `pg_type.dat`. OIDs of built-in types never change.
    const OID: Oid;
    /// The OID of its array type.
    const ARRAY_OID: Oid;
    /// Appends the value without its length.
    fn put(&self, out: &mut BytesMut);
}

/// Appends the length and the value.
///
/// A length beyond the range saturates: the server rejects the row, whereas a wrapped length would shift
/// every following byte.
pub(crate) fn put_sized(out: &mut BytesMut, value: &(impl ToValue + ?Sized)) {
    let start = out.len();
    out.put_i32(0);
    value.put(out);
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends the length and the value, or NULL.
pub(crate) fn put_optional(out: &mut BytesMut, value: Option<&(impl ToValue + ?Sized)>) {
    match value {
        Some(value) => put_sized(out, value),
        None => out.put_i32(NULL),
    }
}

/// Appends an array of one dimension without its length.
pub(crate) fn put_array<T: ToValue>(
    out: &mut BytesMut,
    values: impl IntoIterator<Item = Option<T>>,
) {
    // Number of dimensions, NULL flag, element type, number of elements, first index. The server ignores
    // the flag.
    out.put_i32(1);
    out.put_i32(0);
    out.put_u32(T::OID);
    let count_at = out.len();
    out.put_i32(0);
    out.put_i32(1);
    let mut count = 0_i32;
    for value in values {
        put_optional(out, value.as_ref());
        count = count.saturating_add(1);
    }
    out[count_at..count_at + 4].copy_from_slice(&count.to_be_bytes());
}

macro_rules! values {
    ($($type:ty: $oid:literal, $array:literal, |$value:ident, $out:ident| $put:expr;)+) => {$(
        impl ToValue for $type {
            const OID: Oid = $oid;
            const ARRAY_OID: Oid = $array;
            fn put(&self, $out: &mut BytesMut) {
                let $value = self;
                $put;
            }
        }
    )+};
}

values! {
    bool: 16, 1000, |value, out| out.put_u8(u8::from(*value));
    [u8]: 17, 1001, |value, out| out.put_slice(value);
    i64: 20, 1016, |value, out| out.put_i64(*value);
    i32: 23, 1007, |value, out| out.put_i32(*value);
    str: 25, 1009, |value, out| out.put_slice(value.as_bytes());
    String: 25, 1009, |value, out| out.put_slice(value.as_bytes());
    Xid: 28, 1011, |value, out| out.put_u32(value.0);
    IpNet: 869, 1041, |value, out| network::put(out, *value);
    PgTime: 1184, 1185, |value, out| out.put_i64(micros_since_2000(value.0));
    Uuid: 2950, 2951, |value, out| out.put_slice(value.as_bytes());
    XactId: 5069, 271, |value, out| out.put_u64(value.0);
    JsonText<'_>: 3802, 3807, |value, out| {
        out.put_u8(JSONB_VERSION);
        out.put_slice(value.0.as_bytes());
    };
}

impl<T: ToValue + ?Sized> ToValue for &T {
    const OID: Oid = T::OID;
    const ARRAY_OID: Oid = T::ARRAY_OID;
    fn put(&self, out: &mut BytesMut) {
        T::put(self, out);
    }
}
