//! Checks JSON text of valid syntax against the limits of metadata, in one pass.
//!
//! It does not recurse, so hostile nesting uses no stack, and allocates a list of keys alone.

use super::keys::Keys;
use super::number::Number;
use crate::error::ValueError;
use crate::limits::{METADATA_MAX_BYTES, METADATA_MAX_DEPTH, METADATA_MAX_NUMBER_DIGITS};

/// Checks that the text is an object within the limits that jsonb can hold.
pub(super) fn check(text: &str) -> Result<(), ValueError> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'{') {
        return Err(ValueError::WrongType { expected: "an object", found: type_name(text) });
    }
    check_size(bytes.len() as u64)?;

    let mut depth = 0;
    let mut keys = Keys::default();
    // jsonb prints numbers without exponents: 64 KiB of 1e999 would become 10 MB.
    let mut plain_bytes = bytes.len() as u64;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = check_string(bytes, at)?;
                if is_key(bytes, end) {
                    keys.add(at, end);
                }
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > METADATA_MAX_DEPTH {
                    return Err(ValueError::TooDeep { max: METADATA_MAX_DEPTH });
                }
                keys.open();
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                keys.close(text)?;
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let end = number_end(bytes, at);
                plain_bytes += check_number(text, at, end)?;
                at = end;
            }
            _ => at += 1,
        }
    }
    check_size(plain_bytes)
}

/// The JSON type of a value, with its article.
pub(crate) fn type_name(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The error of a JSON string of valid syntax that cannot be decoded.
pub(crate) fn unstorable_text(string: &str) -> ValueError {
    check_string(string.as_bytes(), 0).err().unwrap_or(ValueError::BadFormat { expected: "text" })
}

fn check_size(bytes: u64) -> Result<(), ValueError> {
    if bytes > METADATA_MAX_BYTES as u64 {
        return Err(ValueError::TooLarge { bytes, max: METADATA_MAX_BYTES });
    }
    Ok(())
}

/// Checks the string that opens at `start` and returns the index after its closing quote.
fn check_string(bytes: &[u8], start: usize) -> Result<usize, ValueError> {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' if bytes.get(at + 1) == Some(&b'u') => at = check_unicode_escape(bytes, at)?,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Ok(at)
}

/// Whether the string before `end` is a key of an object.
fn is_key(bytes: &[u8], end: usize) -> bool {
    let next = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
    next == Some(&b':')
}

/// Checks `\uXXXX`, or a surrogate pair, at `at` and returns the index after it.
fn check_unicode_escape(bytes: &[u8], at: usize) -> Result<usize, ValueError> {
    match code_unit(bytes, at) {
        Some(0) => Err(ValueError::NulEscape { at }),
        Some(0xd800..=0xdbff) => match code_unit(bytes, at + 6) {
            Some(0xdc00..=0xdfff) => Ok(at + 12),
            _ => Err(ValueError::LoneSurrogate { at }),
        },
        Some(0xdc00..=0xdfff) => Err(ValueError::LoneSurrogate { at }),
        _ => Ok(at + 6),
    }
}

/// The UTF-16 code unit of the escape `\uXXXX` at `at`, if there is one.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let hex = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    start + bytes[start..].iter().take_while(|byte| is_part(byte)).count()
}

/// Checks the number and returns how many bytes it grows without an exponent.
fn check_number(text: &str, start: usize, end: usize) -> Result<u64, ValueError> {
    let number = &text[start..end];
    let digits = Number::parse(number).plain_digits();
    if digits > METADATA_MAX_NUMBER_DIGITS {
        return Err(ValueError::NumberOutOfRange { at: start, max: METADATA_MAX_NUMBER_DIGITS });
    }
    // A sign and a point take no more bytes than the original text, which had them or an exponent.
    Ok(digits.saturating_sub(number.len() as u64))
}

#[cfg(test)]
mod tests;
