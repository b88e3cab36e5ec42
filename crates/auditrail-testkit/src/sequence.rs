//! Gives records their seq at once, for tests of what reads the sequence.

use sqlx::AssertSqlSafe;

use crate::connection::connect;
use crate::db::TestDb;

/// Adds a row of entries for at most 4,096 records without a seq, in the order (xact_id, id).
const SEQUENCE: &str = "with known as (
        select encode(substr(e.ids, 16 * n + 1, 16), 'hex')::uuid as id
          from control_plane.audit_log_entries e, generate_series(0, e.records - 1) n
    ), new as (
        select l.id, l.xact_id::text::bigint as xact_id
          from control_plane.audit_logs l
         where not exists (select from known where known.id = l.id)
         order by xact_id, id
         limit 4096
    )
    insert into control_plane.audit_log_entries
        (first_seq, records, lowest_xact_id, highest_xact_id, ids)
    select coalesce((select max(first_seq + records) from control_plane.audit_log_entries), 0),
           count(*), min(xact_id), max(xact_id), string_agg(uuid_send(id), '' order by xact_id, id)
      from new
    having count(*) > 0";

impl TestDb {
    /// Gives each record that has none a seq, as the sequencer would.
    ///
    /// # Panics
    /// If a statement fails.
    pub async fn sequence(&self) {
        let mut owner = connect(&self.owner()).await;
        loop {
            let added = sqlx::query(AssertSqlSafe(SEQUENCE.to_owned())).execute(&mut owner).await;
            let added = added.unwrap_or_else(|e| panic!("cannot add entries: {e}"));
            if added.rows_affected() == 0 {
                return;
            }
        }
    }
}
