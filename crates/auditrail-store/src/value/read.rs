//! Decodes the values of results.

use auditrail_core::RecordTime;
use ipnet::IpNet;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::network;
use super::types::{JSONB_VERSION, MICROS_1970_TO_2000, PgTime, XactId, Xid};

/// A value that can be decoded from its binary format.
pub(crate) trait FromValue<'r>: Sized {
    /// Decodes a value; the error is the expected type, with its article.
    fn read(bytes: &'r [u8]) -> Result<Self, &'static str>;
    /// The value of NULL, if it is allowed.
    fn null() -> Option<Self> {
        None
    }
}

/// Decodes a column.
pub(crate) fn decode<'r, T: FromValue<'r>>(bytes: Option<&'r [u8]>) -> Result<T, sqlx::Error> {
    let value = match bytes {
        Some(bytes) => T::read(bytes),
        None => T::null().ok_or("a value: it is NULL"),
    };
    value.map_err(|expected| {
        sqlx::Error::Decode(format!("a column does not hold {expected}").into())
    })
}

impl<'r, T: FromValue<'r>> FromValue<'r> for Option<T> {
    fn read(bytes: &'r [u8]) -> Result<Self, &'static str> {
        T::read(bytes).map(Some)
    }
    fn null() -> Option<Self> {
        Some(None)
    }
}

impl<'r> FromValue<'r> for &'r str {
    fn read(bytes: &'r [u8]) -> Result<Self, &'static str> {
        std::str::from_utf8(bytes).map_err(|_| "UTF-8")
    }
}

impl FromValue<'_> for String {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        <&str>::read(bytes).map(str::to_owned)
    }
}

impl<'r> FromValue<'r> for &'r [u8] {
    fn read(bytes: &'r [u8]) -> Result<Self, &'static str> {
        Ok(bytes)
    }
}

impl FromValue<'_> for bool {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        match bytes {
            [byte] => Ok(*byte != 0),
            _ => Err("a boolean"),
        }
    }
}

impl FromValue<'_> for i64 {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        bytes.try_into().map(Self::from_be_bytes).map_err(|_| "a bigint")
    }
}

impl FromValue<'_> for Xid {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        bytes.try_into().map(|bytes| Self(u32::from_be_bytes(bytes))).map_err(|_| "an xid")
    }
}

impl FromValue<'_> for XactId {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        bytes.try_into().map(|bytes| Self(u64::from_be_bytes(bytes))).map_err(|_| "an xid8")
    }
}

impl FromValue<'_> for Uuid {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        Self::from_slice(bytes).map_err(|_| "a uuid")
    }
}

impl FromValue<'_> for PgTime {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let micros = bytes.try_into().map(i64::from_be_bytes).map_err(|_| "a timestamptz")?;
        // `infinity` is i64::MAX and `-infinity` i64::MIN.
        let unix = micros.saturating_add(MICROS_1970_TO_2000);
        Ok(Self(RecordTime::from_stored_micros(unix)))
    }
}

impl FromValue<'_> for IpNet {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        network::read(bytes).ok_or("an inet")
    }
}

/// `jsonb`.
impl FromValue<'_> for Box<RawValue> {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        match bytes.split_first() {
            Some((&JSONB_VERSION, text)) => serde_json::from_slice(text).map_err(|_| "JSON"),
            _ => Err("jsonb of version 1"),
        }
    }
}

/// `json`, which is sent as text.
impl<'r, T: serde::Deserialize<'r>> FromValue<'r> for sqlx::types::Json<T> {
    fn read(bytes: &'r [u8]) -> Result<Self, &'static str> {
        serde_json::from_slice(bytes).map(Self).map_err(|_| "the expected JSON")
    }
}

/// An array without NULLs.
impl<'r, T: FromValue<'r>> FromValue<'r> for Vec<T> {
    fn read(bytes: &'r [u8]) -> Result<Self, &'static str> {
        const WRONG: &str = "an array of one dimension without NULLs";
        let number = |at: usize| -> Result<i32, &'static str> {
            let bytes = bytes.get(at..at + 4).ok_or(WRONG)?;
            bytes.try_into().map(i32::from_be_bytes).map_err(|_| WRONG)
        };
        match number(0)? {
            0 => return Ok(Self::new()),
            1 => {}
            _ => return Err(WRONG),
        }
        let count = usize::try_from(number(12)?).map_err(|_| WRONG)?;
        let mut at = 20;
        let mut values = Self::new();
        for _ in 0..count {
            let length = usize::try_from(number(at)?).map_err(|_| WRONG)?;
            values.push(T::read(bytes.get(at + 4..at + 4 + length).ok_or(WRONG)?)?);
            at += 4 + length;
        }
        Ok(values)
    }
}
