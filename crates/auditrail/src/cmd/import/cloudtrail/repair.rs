//! Makes JSON text storable.

use std::borrow::Cow;

use auditrail_core::Metadata;

/// What replaces an escape that the database cannot store: the replacement character.
const REPLACEMENT: &str = "\\ufffd";

/// Replaces escapes that jsonb cannot store: NUL and unpaired surrogates.
pub(super) fn escapes(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        // The low half of a pair follows its high half.
        let pair = unit(escape).zip(escape.get(6..).and_then(unit));
        let length = match (unit(escape), pair) {
            (_, Some((0xd800..=0xdbff, 0xdc00..=0xdfff))) => 12,
            (Some(0 | 0xd800..=0xdfff), _) => {
                out.push_str(REPLACEMENT);
                rest = &escape[6..];
                continue;
            }
            (Some(_), _) => 6,
            // The escaped character may have several bytes in text that is not JSON.
            (None, _) => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&escape[..length]);
        rest = &escape[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The code unit of an escape such as `\u0041` at the start of the text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

/// A JSON value that can be a member of metadata: the value itself; or with replaced escapes; or its JSON text
/// as a string, if it is nested too deeply or has a number with too many digits. `None` if it is too large.
pub(super) fn storable(json: &str) -> Option<Cow<'_, str>> {
    if fits(json) {
        return Some(Cow::Borrowed(json));
    }
    let repaired = escapes(json);
    if fits(&repaired) {
        return Some(repaired);
    }
    let text = serde_json::Value::from(repaired.as_ref()).to_string();
    fits(&text).then_some(Cow::Owned(text))
}

fn fits(json: &str) -> bool {
    format!("{{\"a\":{json}}}").parse::<Metadata>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_that_jsonb_refuses_are_replaced() {
        for (json, expected) in [
            (r#""a\u0000b""#, r#""a\ufffdb""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\u0000 \n \u00e9""#, r#""\\u0000 \n \u00e9""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
        ] {
            assert_eq!(escapes(json), expected);
        }
    }

    #[test]
    fn deep_and_long_values_become_text() {
        let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
        assert_eq!(storable(&deep).unwrap(), format!("\"{deep}\""));
        assert_eq!(storable("1e5000").unwrap(), "\"1e5000\"");
        assert_eq!(storable(r#"{"a":"\u0000"}"#).unwrap(), r#"{"a":"\ufffd"}"#);
        assert_eq!(storable(&format!("\"{}\"", "x".repeat(70_000))), None);
    }
}
