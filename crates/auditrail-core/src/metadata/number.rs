//! A JSON number as text, at any precision.

/// The parts of a JSON number of valid syntax.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    pub(super) negative: bool,
    /// Digits before the point, at least one.
    pub(super) whole: &'a str,
    /// Digits after the point, possibly none.
    pub(super) fraction: &'a str,
    /// The power of ten, clamped to the range of i64.
    pub(super) exponent: i64,
}

impl<'a> Number<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, ""));
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => (true, mantissa),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Self { negative, whole, fraction, exponent: parse_exponent(exponent) }
    }

    /// How many digits the number has when written without an exponent, as jsonb prints it.
    ///
    /// Never too low; leading zeros of a large exponent (`0e9`) are counted although jsonb drops them.
    pub(super) fn plain_digits(&self) -> u64 {
        let whole = len(self.whole).saturating_add(self.exponent).max(1);
        let fraction = len(self.fraction).saturating_sub(self.exponent).max(0);
        whole.unsigned_abs().saturating_add(fraction.unsigned_abs())
    }

    /// Sign, digits without zeros at either end, and power of ten: equal exactly for equal values.
    pub(super) fn canonical(&self) -> (bool, String, i64) {
        let digits = format!("{}{}", self.whole, self.fraction);
        let significant = digits.trim_start_matches('0');
        let trimmed = significant.trim_end_matches('0');
        if trimmed.is_empty() {
            return (false, String::new(), 0);
        }
        let dropped = len(significant) - len(trimmed);
        let power = self.exponent.saturating_sub(len(self.fraction)).saturating_add(dropped);
        (self.negative, trimmed.to_owned(), power)
    }
}

/// The exponent, clamped to the range of i64.
fn parse_exponent(text: &str) -> i64 {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let size = digits.bytes().fold(0_i64, |size, digit| {
        size.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0')))
    });
    size.saturating_mul(sign)
}

/// A length as a signed number.
fn len(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}
