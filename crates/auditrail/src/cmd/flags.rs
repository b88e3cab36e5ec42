//! Parses flag values and collects their errors, so that all invalid values are reported at once.

use auditrail_core::{FieldError, ValueError};

/// Parses the value of a flag if it is given; an error is added to `errors`.
pub(super) fn parse_flag<T>(
    errors: &mut Vec<FieldError>,
    flag: &str,
    value: Option<&String>,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Option<T> {
    parse(value?).map_err(|error| errors.push(FieldError::new(flag, &error))).ok()
}
