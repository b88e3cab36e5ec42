//! Values whose binary form we read and write ourselves.

use std::error::Error;

use auditrail_core::RecordTime;
use sqlx::encode::IsNull;
use sqlx::postgres::{
    PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef, Postgres,
};
use sqlx::types::Json;
use sqlx::{Decode, Encode, Type};

/// OID of `timestamptz`, from PostgreSQL's `pg_type.dat`; fixed for ever, like all built-in ones.
const TIMESTAMPTZ: u32 = 1184;
/// OID of `timestamptz[]`.
const TIMESTAMPTZ_ARRAY: u32 = 1185;

/// Microseconds from 1970 to 2000, where the binary form of `timestamptz` starts counting.
const MICROS_1970_TO_2000: i64 = 946_684_800_000_000;

/// Microseconds since 2000, the binary form of `timestamptz`.
pub(crate) fn micros_since_2000(time: RecordTime) -> i64 {
    // The range of RecordTime is far from the ends of i64.
    time.unix_micros().saturating_sub(MICROS_1970_TO_2000)
}

/// A time as `timestamptz`.
///
/// Reading never fails: `infinity`, `-infinity` and years RFC 3339 cannot write become the nearest
/// time that can be kept. Plain SQL may have written such a row, and it must not make every page
/// that holds it unreadable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PgTime(pub(crate) RecordTime);

impl Type<Postgres> for PgTime {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(sqlx::postgres::types::Oid(TIMESTAMPTZ))
    }
}

impl PgHasArrayType for PgTime {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(sqlx::postgres::types::Oid(TIMESTAMPTZ_ARRAY))
    }
}

impl Encode<'_, Postgres> for PgTime {
    fn encode_by_ref(
        &self,
        buf: &mut PgArgumentBuffer,
    ) -> Result<IsNull, Box<dyn Error + Send + Sync>> {
        buf.extend_from_slice(&micros_since_2000(self.0).to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for PgTime {
    fn decode(value: PgValueRef<'_>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        if value.format() != PgValueFormat::Binary {
            return Err("a timestamptz came in text form".into());
        }
        let micros = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        // `infinity` is i64::MAX and `-infinity` i64::MIN.
        let unix = micros.saturating_add(MICROS_1970_TO_2000);
        Ok(Self(RecordTime::from_stored_micros(unix)))
    }
}

/// The version of jsonb's binary form, its first byte; what follows is JSON text.
pub(crate) const JSONB_VERSION: u8 = 1;

/// JSON text as `jsonb`, without parsing and printing it again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

impl Type<Postgres> for JsonText<'_> {
    fn type_info() -> PgTypeInfo {
        Json::<()>::type_info()
    }
}

impl PgHasArrayType for JsonText<'_> {
    fn array_type_info() -> PgTypeInfo {
        Json::<()>::array_type_info()
    }
}

impl Encode<'_, Postgres> for JsonText<'_> {
    fn encode_by_ref(
        &self,
        buf: &mut PgArgumentBuffer,
    ) -> Result<IsNull, Box<dyn Error + Send + Sync>> {
        buf.push(JSONB_VERSION);
        buf.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

/// [`JsonText`] that a statement may keep.
#[derive(Clone, Debug)]
pub(crate) struct OwnedJsonText(pub(crate) String);

impl Type<Postgres> for OwnedJsonText {
    fn type_info() -> PgTypeInfo {
        JsonText::type_info()
    }
}

impl Encode<'_, Postgres> for OwnedJsonText {
    fn encode_by_ref(
        &self,
        buf: &mut PgArgumentBuffer,
    ) -> Result<IsNull, Box<dyn Error + Send + Sync>> {
        JsonText(&self.0).encode_by_ref(buf)
    }
}
