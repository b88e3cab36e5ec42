//! The bound of a loose index scan: one probe of the index for each distinct value.
//!
//! On a partitioned table each probe reads every partition, so the more partitions there are, the fewer values a list
//! may have. A search whose list is too long reads the entries of the filter instead.

use crate::db::Row;

/// Most probes of the indexes of partitions; each takes 10 to 20 microseconds.
pub(super) const PROBES_MAX: i32 = 2_400;

/// A common table expression with the number of values that a list may have: the first parameter, or what the second
/// one, [`PROBES_MAX`], allows.
macro_rules! probes {
    ($values:literal, $probes:literal) => {
        concat!(
            "probes as (select least(",
            $values,
            ", ",
            $probes,
            " / greatest(count(*), 1))::int8 as most
               from pg_catalog.pg_inherits
              where inhparent = 'control_plane.audit_logs'::pg_catalog.regclass)"
        )
    };
}
pub(super) use probes;

/// The values in the first column, or `None` if there are more than the second column allows.
pub(super) fn complete(rows: &[Row]) -> Result<Option<Vec<String>>, sqlx::Error> {
    let values: Vec<String> = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?;
    let Some(first) = rows.first() else { return Ok(Some(values)) };
    let most: i64 = first.get(1)?;
    Ok(i64::try_from(values.len()).is_ok_and(|count| count <= most).then_some(values))
}
