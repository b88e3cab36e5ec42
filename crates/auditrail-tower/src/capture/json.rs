//! Reading JSON of strangers so that nobody can hide a body from the audit log by a flaw in it that the
//! application behind does not mind.

use serde_json::Value;

/// Nesting beyond this is replaced before it is parsed; what is recorded has far less.
const DEPTH_MAX: usize = 100;
const TOO_DEEP: &str = "\"[too deep]\"";

/// Reads a JSON document. Bytes that are no text and halves of surrogate pairs become U+FFFD, numbers
/// that are too large null, and what is nested too deeply a text that says so. `None` when it is no JSON.
pub(crate) fn parse(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok().or_else(|| {
        let text = String::from_utf8_lossy(bytes);
        serde_json::from_str(&mended(&text)).ok()
    })
}

/// The text without what the parser refuses although it is JSON.
fn mended(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let end = match byte {
            b'"' => {
                let end = string_end(text, at);
                mend_string(&text[at..end], &mut out);
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

/// The place after the string that opens at `start`.
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

/// The place after the object or array that opens at `start`.
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

fn mend_string(string: &str, out: &mut String) {
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

/// The UTF-16 code unit of the escape `\uXXXX` that a text starts with.
fn code_unit(text: &str) -> Option<u16> {
    let hex = text.get(..6)?.strip_prefix("\\u")?;
    let sound = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(hex, 16).ok().filter(|_| sound)
}

#[cfg(test)]
mod tests;
