//! Numbers as base62 digits of a fixed length.

use zeroize::Zeroize;

/// The digits, in the order of ASCII.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes `number`, the highest byte first, as `length` digits, the highest digit first.
///
/// `number` is divided until nothing is left of it, so it holds zeros afterwards. Digits beyond
/// `length` are lost; callers give a length that holds the number.
pub(super) fn push(mut number: impl AsMut<[u8]>, length: usize, out: &mut String) {
    let number = number.as_mut();
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in number.iter_mut() {
            let dividend = rest * 256 + u32::from(*byte);
            // The rest is below 62, so the quotient is below 256.
            *byte = u8::try_from(dividend / 62).unwrap_or(u8::MAX);
            rest = dividend % 62;
        }
        *digit = DIGITS[rest as usize];
    }
    out.extend(digits.iter().map(|digit| char::from(*digit)));
    digits.zeroize();
}

/// Whether the text is digits only.
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
    fn numbers_have_their_digits_and_leading_zeros() {
        assert_eq!(encoded(&[0], 3), "000");
        assert_eq!(encoded(&[61], 1), "z");
        assert_eq!(encoded(&[62], 3), "010");
        assert_eq!(encoded(&[1, 0], 2), "48");
    }

    #[test]
    fn the_lengths_in_use_hold_their_largest_numbers() {
        // 2^32 - 1 and 2^160 - 1, worked out by another implementation.
        assert_eq!(encoded(&[0xff; 4], 6), "4gfFC3");
        assert_eq!(encoded(&[0xff; 20], 27), "aWgEPTl1tmebfsQzFP4bxwgy80V");
        let mut spent = [0xff; 20];
        push(&mut spent, 27, &mut String::new());
        assert_eq!(spent, [0; 20]);
    }
}
