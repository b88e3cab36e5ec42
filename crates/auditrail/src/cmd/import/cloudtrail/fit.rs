//! Fits text into a column. The caller keeps the whole text in the metadata.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// Marks text that was cut.
const MARK: char = '…';
/// Hexadecimal digits of the digest of a cut identifier.
const DIGEST_CHARS: usize = 12;

/// An identifier of at most `max` characters. A longer one is cut, and ends with `…` and 12 hexadecimal
/// digits of its SHA-256, so that it stays distinct. Control characters are replaced.
pub(super) fn id(text: &str, max: usize) -> Cow<'_, str> {
    let clean = printable(text);
    if clean.chars().nth(max).is_none() {
        return clean;
    }
    let digest = Sha256::digest(text.as_bytes());
    let digits: String = digest.iter().take(DIGEST_CHARS / 2).map(|b| format!("{b:02x}")).collect();
    let kept = clean.chars().take(max - 1 - DIGEST_CHARS);
    Cow::Owned(kept.chain([MARK]).chain(digits.chars()).collect())
}

/// Text of at most `max` characters. A longer one is cut and ends with `…`. Control characters are replaced.
pub(super) fn label(text: &str, max: usize) -> Cow<'_, str> {
    let clean = printable(text);
    if clean.chars().nth(max).is_none() {
        return clean;
    }
    Cow::Owned(clean.chars().take(max - 1).chain([MARK]).collect())
}

fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(char::is_control, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_identifiers_stay_distinct() {
        let (a, b) = ("ä".repeat(30) + "a", "ä".repeat(30) + "b");
        assert_eq!(id(&a, 20).chars().count(), 20);
        assert_ne!(id(&a, 20), id(&b, 20));
        assert_eq!(id(&a, 31), a);
        assert_eq!(label(&a, 20), "ä".repeat(19) + "…");
        assert_eq!(id("a\nb\u{0}", 20), "a\u{fffd}b\u{fffd}");
    }
}
