//! Compares records with the table: which ids are taken, and by the same content?
//!
//! This is [`ProvidedFields::matches_stored`] as SQL; a test holds the two together.

use auditrail_core::ProvidedFields;
use pg_pipeline::Connection;

use super::insert::Columns;
use crate::db::{Row, rows_of, run_together};
use crate::error::StoreError;
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

/// Compares records with the table; those whose ids are not there are left out.
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
    let sql = Sql::new(
        "select requested.index,
                (stored.actor_id, stored.actor_type, stored.action, stored.target_type,
                 stored.target_id)
                    = (requested.actor_id, requested.actor_type, requested.action,
                       requested.target_type, requested.target_id)
                and (stored.created_at = requested.created_at or not requested.compares_time)
                and (stored.metadata is not distinct from requested.metadata
                     or not requested.compares_metadata
                     or requested.metadata is null and not requested.compares_null)
                and (stored.ip_address is not distinct from requested.ip_address
                     or requested.ip_address is null and not requested.compares_null)
                and (stored.user_agent is not distinct from requested.user_agent
                     or requested.user_agent is null and not requested.compares_null)
                and (stored.tenant_id is not distinct from requested.tenant_id
                     or requested.tenant_id is null and not requested.compares_null)
                and (stored.request_id is not distinct from requested.request_id
                     or requested.request_id is null and not requested.compares_null)
           from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                       $7::jsonb[], $8::inet[], $9::text[], $10::timestamptz[], $11::text[],
                       $12::text[], $13::boolean[], $14::boolean[], $15::boolean[])
                with ordinality
                as requested (id, actor_id, actor_type, action, target_type, target_id, metadata,
                              ip_address, user_agent, created_at, tenant_id, request_id,
                              compares_time, compares_metadata, compares_null, index)
          cross join lateral
                (select *
                   from control_plane.audit_logs
                  where audit_logs.id = requested.id
                  limit 1) as stored
          order by requested.index",
    );
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
