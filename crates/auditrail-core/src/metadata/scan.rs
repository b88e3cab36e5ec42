//! One pass over JSON text whose syntax is known to be right, for what the syntax does not forbid.
//!
//! It allocates nothing and does not recurse, so hostile nesting costs no stack.

use super::number::Number;
use crate::error::ValueError;
use crate::limits::{METADATA_MAX_BYTES, METADATA_MAX_DEPTH, METADATA_MAX_NUMBER_DIGITS};

/// Checks that the text is an object within the limits that jsonb can hold.
pub(super) fn check(text: &str) -> Result<(), ValueError> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'{') {
        return Err(ValueError::WrongType {
            expected: "an object",
            found: type_name(text),
        });
    }
    check_size(bytes.len() as u64)?;

    let mut depth = 0;
    // What jsonb will print: numbers without exponents. Otherwise 64 KiB of 1e999 become 10 MB.
    let mut written_out = bytes.len() as u64;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = check_string(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                if depth > METADATA_MAX_DEPTH {
                    return Err(ValueError::TooDeep {
                        max: METADATA_MAX_DEPTH,
                    });
                }
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let end = number_end(bytes, at);
                written_out += check_number(text, at, end)?;
                at = end;
            }
            _ => at += 1,
        }
    }
    check_size(written_out)
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

/// What is wrong with a JSON string, of right syntax, that cannot be decoded.
pub(crate) fn unstorable_text(string: &str) -> ValueError {
    check_string(string.as_bytes(), 0)
        .err()
        .unwrap_or(ValueError::BadFormat { expected: "text" })
}

fn check_size(bytes: u64) -> Result<(), ValueError> {
    if bytes > METADATA_MAX_BYTES as u64 {
        return Err(ValueError::TooLarge {
            bytes,
            max: METADATA_MAX_BYTES,
        });
    }
    Ok(())
}

/// Checks the string that opens at `start` and returns the place after its closing quote.
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

/// Checks `\uXXXX`, or a pair of them, at `at` and returns the place after it.
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

/// The UTF-16 code unit that `\uXXXX` at `at` stands for, if there is such an escape.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let hex = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    start
        + bytes[start..]
            .iter()
            .take_while(|byte| is_part(byte))
            .count()
}

/// Checks the number and returns how many bytes longer it is when written out.
fn check_number(text: &str, start: usize, end: usize) -> Result<u64, ValueError> {
    let number = &text[start..end];
    let digits = Number::parse(number).plain_digits();
    if digits > METADATA_MAX_NUMBER_DIGITS {
        return Err(ValueError::NumberOutOfRange {
            at: start,
            max: METADATA_MAX_NUMBER_DIGITS,
        });
    }
    // A sign and a point are never more than what a plain number already had or an exponent took.
    Ok(digits.saturating_sub(number.len() as u64))
}

#[cfg(test)]
mod tests;
