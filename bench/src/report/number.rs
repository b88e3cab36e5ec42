//! Formatting of figures.

use crate::harness::measure::Spread;

/// At least three significant digits, with thousands separators: `41,564`, `12.5`, `1.14`, `0.27`.
pub(super) fn number(figure: f64) -> String {
    let size = figure.abs();
    match size {
        _ if size == 0.0 => "0".to_owned(),
        100.0.. => grouped(&format!("{figure:.0}")),
        10.0.. => format!("{figure:.1}"),
        0.1.. => format!("{figure:.2}"),
        _ => format!("{figure:.4}"),
    }
}

/// The median, and for several rounds the lowest and the highest in brackets.
pub(super) fn spread(Spread { min, median, max }: Spread, of: usize) -> String {
    match of {
        0 | 1 => number(median),
        _ => format!("{} ({}–{})", number(median), number(min), number(max)),
    }
}

/// Rounds to four significant digits: more are noise, and lengthen diffs.
pub(super) fn rounded(figure: f64) -> f64 {
    format!("{figure:.3e}").parse().unwrap_or(figure)
}

fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let rest = digits.len() - place;
        if place > 0 && rest.is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_separators() {
        let cases = [
            (0.0, "0"),
            (0.27, "0.27"),
            (0.0123, "0.0123"),
            (1.144, "1.14"),
            (12.54, "12.5"),
            (999.6, "1,000"),
            (41_564.2, "41,564"),
            (1_234_567.0, "1,234,567"),
        ];
        for (figure, expected) in cases {
            assert_eq!(number(figure), expected);
        }
        assert_eq!(rounded(41_564.2), 41_560.0);
        assert_eq!(rounded(0.0), 0.0);
    }

    #[test]
    fn spread_is_shown_for_several_rounds() {
        let figures = Spread { min: 0.9, median: 1.0, max: 1_100.0 };
        assert_eq!(spread(figures, 3), "1.00 (0.90–1,100)");
        assert_eq!(spread(figures, 1), "1.00");
    }
}
