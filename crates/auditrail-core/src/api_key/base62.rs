//! Numbers as base62 digits of a fixed length.

use zeroize::Zeroize;

/// The digits, in the order of ASCII.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes `number`, the highest byte first, as `length` digits, the highest digit first.
///
/// Divides `number` in place, so it holds zeros afterwards. Digits beyond `length` are lost: callers pass
/// a length that holds the number.
pub(super) fn push(mut number: impl AsMut<[u8]>, length: usize, out: &mut String) {
    let number = number.as_mut();
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in number.iter_mut() {
            let dividend = remainder * 256 + u32::from(*byte);
            // The remainder is below 62, so the quotient is below 256.
            *byte = u8::try_from(dividend / 62).unwrap_or(u8::MAX);
            remainder = dividend % 62;
        }
        *digit = DIGITS[remainder as usize];
    }
    out.extend(digits.iter().map(|digit| char::from(*digit)));
    digits.zeroize();
}

/// Whether the text consists of digits.
pub(super) fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8], length: usize) -> String {
        let mut out = String::new();
        push(bytes.to_vec(), length, &mut out);
        out
    }

    #[test]
    fn digits_have_leading_zeros() {
        assert_eq!(encoded(&[0], 3), "000");
        assert_eq!(encoded(&[61], 1), "z");
        assert_eq!(encoded(&[62], 3), "010");
        assert_eq!(encoded(&[1, 0], 2), "48");
    }

    #[test]
    fn lengths_in_use_hold_the_largest_numbers() {
        // 2^32 - 1 and 2^160 - 1, computed with another implementation.
        assert_eq!(encoded(&[0xff; 4], 6), "4gfFC3");
        assert_eq!(encoded(&[0xff; 20], 27), "aWgEPTl1tmebfsQzFP4bxwgy80V");
        let mut number = [0xff; 20];
        push(&mut number, 27, &mut String::new());
        assert_eq!(number, [0; 20]);
    }
}
