//! Decimal numbers of which each has one form.

use crate::SIZE_MAX;

/// Reads a number up to [`SIZE_MAX`]: ASCII digits, without leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain || text.len() > 1 && text.starts_with('0') {
        return None;
    }
    text.parse().ok().filter(|number| *number <= SIZE_MAX)
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn each_number_has_one_form() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("20852163"), Some(20_852_163));
        assert_eq!(decimal("9223372036854775807"), Some(i64::MAX as u64));
        for other in ["", "00", "01", "+1", "-1", "1 ", " 1", "1_0", "٣", "9223372036854775808"] {
            assert_eq!(decimal(other), None, "{other}");
        }
    }
}
