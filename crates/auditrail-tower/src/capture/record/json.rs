//! A lenient JSON parser. A caller must not be able to hide a body from the audit log by a defect that the
//! application tolerates.

use serde_json::Value;

/// Deeper values are replaced before parsing; recorded values are limited further.
const DEPTH_MAX: usize = 100;
const TOO_DEEP: &str = "\"[too deep]\"";

/// Parses a JSON document. Invalid UTF-8 and unpaired surrogates become U+FFFD, numbers out of range null, and
/// values nested too deeply `"[too deep]"`. Returns `None` if it is not JSON.
pub(crate) fn parse(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok().or_else(|| {
        let text = String::from_utf8_lossy(bytes);
        serde_json::from_str(&sanitized(&text)).ok()
    })
}

/// Replaces what `serde_json` rejects although it is JSON.
fn sanitized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let end = match byte {
            b'"' => {
                let end = string_end(text, at);
                sanitize_string(&text[at..end], &mut out);
                end
            }
            b'{' | b'[' if depth == DEPTH_MAX => {
                out.push_str(TOO_DEEP);
                nested_end(text, at)
            }
            b'-' | b'0'..=b'9' => {
                let end = number_end(text, at);
                let number = &text[at..end];
                let finite = number.parse::<f64>().is_ok_and(f64::is_finite);
                out.push_str(if finite { number } else { "null" });
                end
            }
            _ => {
                match byte {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                let end = text.ceil_char_boundary(at + 1);
                out.push_str(&text[at..end]);
                end
            }
        };
        at = end;
    }
    out
}

/// The offset after the string that opens at `start`.
fn string_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The offset after the object or array that opens at `start`.
fn nested_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn number_end(text: &str, start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    start + text.as_bytes()[start..].iter().take_while(|byte| is_part(byte)).count()
}

fn sanitize_string(string: &str, out: &mut String) {
    let mut rest = string;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (keep, length) = match (code_unit(rest), rest.get(6..).and_then(code_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (true, 12),
            (Some(0xd800..=0xdfff), _) => (false, 6),
            (Some(_), _) => (true, 6),
            (None, _) => (true, rest.ceil_char_boundary(2)),
        };
        out.push_str(if keep { &rest[..length] } else { "\\ufffd" });
        rest = &rest[length..];
    }
    out.push_str(rest);
}

/// The UTF-16 code unit of the escape `\uXXXX` at the start of a text.
fn code_unit(text: &str) -> Option<u16> {
    let hex = text.get(..6)?.strip_prefix("\\u")?;
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(hex, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests;
