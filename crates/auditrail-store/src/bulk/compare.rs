//! Which records of a chunk are there, and whether with the same content.

use pg_pipeline::Connection;

use crate::db::{Row, rows_of, run_together};
use crate::driver::from_pipeline;
use crate::error::StoreError;
use crate::records::Columns;
use crate::sql::Sql;

/// How a record of the chunk, whose id is in the table, stands to the row there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Its place in the chunk, from 0.
    pub(crate) place: usize,
    /// Whether both have the same content.
    pub(crate) same: bool,
}

/// Compares a chunk with the table; records whose ids are not there are left out.
///
/// The inner LIMIT makes every lookup a probe of the primary key, whatever the statistics say: a scan
/// of the whole table for each chunk would make a repeated import take quadratic time.
pub(crate) async fn compare(
    db: &mut Connection,
    columns: &Columns<'_>,
    time_given: &[bool],
) -> Result<Vec<Standing>, StoreError> {
    let replies = run_together(db, &[compare_sql(columns, time_given)]).await;
    let replies = replies.map_err(from_pipeline);
    let mut replies = replies.map_err(StoreError::while_trying_to("compare records"))?;
    read_comparison(&replies.pop().map(rows_of).unwrap_or_default())
}

/// The statement of [`compare`].
pub(crate) fn compare_sql(columns: &Columns<'_>, time_given: &[bool]) -> Sql {
    let sql = Sql::new(
        "select asked.place,
                (not asked.time_given or stored.created_at = asked.created_at)
                    and (stored.actor_id, stored.actor_type, stored.action, stored.target_type,
                         stored.target_id, stored.metadata, stored.ip_address, stored.user_agent,
                         stored.tenant_id, stored.request_id)
                        is not distinct from
                        (asked.actor_id, asked.actor_type, asked.action, asked.target_type,
                         asked.target_id, asked.metadata, asked.ip_address, asked.user_agent,
                         asked.tenant_id, asked.request_id)
           from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                       $7::jsonb[], $8::inet[], $9::text[], $10::timestamptz[], $11::text[],
                       $12::text[], $13::boolean[])
                with ordinality
                as asked (id, actor_id, actor_type, action, target_type, target_id, metadata,
                          ip_address, user_agent, created_at, tenant_id, request_id, time_given,
                          place)
          cross join lateral
                (select *
                   from control_plane.audit_logs
                  where audit_logs.id = asked.id
                  limit 1) as stored
          order by asked.place",
    );
    columns.bind_to(sql).bind_array(time_given)
}

/// Reads the rows of [`compare_sql`].
pub(crate) fn read_comparison(rows: &[Row]) -> Result<Vec<Standing>, StoreError> {
    let standing = rows.iter().map(|row| {
        let place: i64 = row.get(0)?;
        let place = usize::try_from(place - 1).map_err(|e| sqlx::Error::Decode(e.into()))?;
        let same = row.get(1)?;
        Ok(Standing { place, same })
    });
    standing.collect::<Result<_, _>>().map_err(StoreError::while_trying_to("compare records"))
}
