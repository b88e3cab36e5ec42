//! Reading the values of flags, so that every wrong one is reported and not the first alone.

use auditrail_core::{FieldError, ValueError};

/// Reads the value of a flag, if it is given; a wrong one is added to the list.
pub(super) fn read<T>(
    wrong: &mut Vec<FieldError>,
    flag: &str,
    value: Option<&String>,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Option<T> {
    let parsed = parse(value?);
    parsed.map_err(|error| wrong.push(FieldError::new(flag, &error))).ok()
}
