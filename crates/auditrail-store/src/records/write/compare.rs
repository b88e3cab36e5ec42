//! Compares records with the table: which ids are taken, and by the same content?
//!
//! This is [`ProvidedFields::matches_stored`] as SQL.

use auditrail_core::{ProvidedFields, record_columns};
use pg_pipeline::Connection;

use super::insert::Columns;
use crate::db::{Row, rows_of, run_together};
use crate::error::StoreError;
use crate::records::columns::{arrays, column_list};
use crate::sql::Sql;
use crate::sqlstate::from_pipeline;

/// A record whose id is in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    /// The index of the record among those compared, from 0.
    pub(crate) index: usize,
    /// Whether the stored record has the same content.
    pub(crate) same: bool,
}

/// Compares records with the table; records without a stored record of the same id are omitted.
pub(crate) async fn compare(
    db: &mut Connection,
    columns: &Columns<'_>,
    provided: &[ProvidedFields],
) -> Result<Vec<Comparison>, StoreError> {
    let mut replies = run_together(db, &[compare_sql(columns, provided)])
        .await
        .map_err(from_pipeline)
        .map_err(StoreError::while_trying_to("compare records"))?;
    read_comparison(&replies.pop().map(rows_of).unwrap_or_default())
}

/// The statement of [`compare`].
///
/// The inner LIMIT makes every lookup a probe of the primary key, whatever the statistics say: a scan
/// of the whole table for each chunk would make a repeated import take quadratic time.
pub(crate) fn compare_sql(columns: &Columns<'_>, provided: &[ProvidedFields]) -> Sql {
    let sql = Sql::new(concat!(
        "select requested.index, ",
        record_columns!(crate::records::columns::comparisons),
        "  from unnest(",
        arrays!(),
        record_columns!(crate::records::columns::flag_arrays),
        ") with ordinality as requested (",
        column_list!(),
        ", compares_time, compares_metadata, compares_null, index)
          cross join lateral
                (select *
                   from control_plane.audit_logs
                  where audit_logs.id = requested.id
                  limit 1) as stored
          order by requested.index"
    ));
    columns
        .bind_to(sql)
        .bind_array(provided.iter().map(|provided| provided.created_at))
        .bind_array(provided.iter().map(|provided| provided.metadata))
        .bind_array(provided.iter().map(|provided| provided.absent))
}

/// Reads the rows of [`compare_sql`].
pub(crate) fn read_comparison(rows: &[Row]) -> Result<Vec<Comparison>, StoreError> {
    rows.iter()
        .map(|row| {
            let index: i64 = row.get(0)?;
            let index = usize::try_from(index - 1).map_err(|e| sqlx::Error::Decode(e.into()))?;
            Ok(Comparison { index, same: row.get(1)? })
        })
        .collect::<Result<_, _>>()
        .map_err(StoreError::while_trying_to("compare records"))
}
