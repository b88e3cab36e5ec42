//! Where the sequencer finds records without a seq.

use crate::sql::Sql;

/// Finds records that have no seq yet. Each statement returns `xact_id` and `id` of at most so many records after
/// the position of the sequencer, in the order `(xact_id, id)`.
pub(super) trait Source: std::fmt::Debug + Send + Sync {
    /// Records that are visible in the target of the round in progress, or of one that starts with the snapshot of
    /// this transaction, and were not visible when the last round was done.
    fn new_records(&self, max: usize) -> Sql;

    /// All records up to `restored_until`, also those that have a seq.
    fn stored_records(&self, max: usize) -> Sql;
}

/// Compares the transaction that wrote a record with two snapshots.
///
/// The range of ids between the snapshots is read once, and the transactions that were open in the first snapshot
/// one by one: a transaction that stays open, or prepared, never makes a round read a range again.
#[derive(Clone, Copy, Debug)]
pub(super) struct TransactionIds;

/// `$1` is the maximum.
///
/// Each scan has one lower bound, `(xact_id, id)`, so that it starts in the index where the last step ended. That of a
/// transaction is a range too: with `xact_id = …` the planner could walk the primary key in the order of the ids instead.
const NEW_RECORDS: &str = "
    with position as materialized (
        select coalesce(s.target, pg_current_snapshot()) as target, s.done,
               s.after_xact_id, s.after_id,
               coalesce(s.after_xact_id >= pg_snapshot_xmax(s.done), false) as is_in_range
          from control_plane.audit_log_sequencer s
    ), stragglers as (
        select found.xact_id, found.id
          from position p
         cross join lateral pg_snapshot_xip(p.done) as open (xact_id)
         cross join lateral (
             select r.xact_id, r.id
               from control_plane.audit_logs r
              where (r.xact_id, r.id) >= (
                        open.xact_id,
                        case when open.xact_id = p.after_xact_id then p.after_id
                             else '00000000-0000-0000-0000-000000000000' end)
                and r.xact_id <= open.xact_id
                and r.id is distinct from p.after_id
              order by r.xact_id, r.id
              limit $1) found
         where pg_visible_in_snapshot(open.xact_id, p.target)
           and (p.after_xact_id is null or open.xact_id >= p.after_xact_id)
    ), recent as (
        select r.xact_id, r.id
          from control_plane.audit_logs r
         where (r.xact_id, r.id) >= (
                   (select case when p.is_in_range then p.after_xact_id
                                else pg_snapshot_xmax(p.done) end from position p),
                   (select case when p.is_in_range then p.after_id
                                else '00000000-0000-0000-0000-000000000000' end from position p))
           and r.xact_id < (select pg_snapshot_xmax(p.target) from position p)
           and r.id is distinct from (select p.after_id from position p)
           and pg_visible_in_snapshot(r.xact_id, (select p.target from position p))
         order by r.xact_id, r.id
         limit $1
    )
    select found.xact_id, found.id
      from (select xact_id, id from stragglers union all select xact_id, id from recent) found
     order by found.xact_id, found.id
     limit $1";

/// `$1` is the maximum.
const STORED_RECORDS: &str = "
    select r.xact_id, r.id
      from control_plane.audit_logs r
     where (r.xact_id, r.id) >= (
               (select coalesce(s.after_xact_id, '0') from control_plane.audit_log_sequencer s),
               (select coalesce(s.after_id, '00000000-0000-0000-0000-000000000000')
                  from control_plane.audit_log_sequencer s))
       and r.xact_id <= (select s.restored_until from control_plane.audit_log_sequencer s)
       and r.id is distinct from (select s.after_id from control_plane.audit_log_sequencer s)
     order by r.xact_id, r.id
     limit $1";

impl Source for TransactionIds {
    fn new_records(&self, max: usize) -> Sql {
        Sql::new(NEW_RECORDS).bind(limit(max))
    }

    fn stored_records(&self, max: usize) -> Sql {
        Sql::new(STORED_RECORDS).bind(limit(max))
    }
}

fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use auditrail_testkit::TestDb;
    use sqlx::{AssertSqlSafe, Executor};

    use super::*;

    /// The worst statistics: all records have one `xact_id`, as those from before migration 006.
    #[tokio::test]
    async fn records_are_read_in_the_order_of_the_index() {
        let db = TestDb::migrated().await;
        db.as_owner(
            "insert into control_plane.audit_logs
                 (actor_id, actor_type, action, target_type, target_id)
             select 'u1', 'user', 'project.created', 'project', 'p1' from generate_series(1, 20000);
             analyze",
        )
        .await;
        let mut service = db.connect(db.service()).await;
        for (name, value) in super::super::session::PLANNING {
            let set = format!("set {name} = {value}");
            service.execute(sqlx::raw_sql(AssertSqlSafe(set))).await.unwrap();
        }
        for (name, statement) in [("new", NEW_RECORDS), ("stored", STORED_RECORDS)] {
            let prepare = format!("prepare {name} (bigint) as {statement}");
            service.execute(sqlx::raw_sql(AssertSqlSafe(prepare))).await.unwrap();
            let explain = format!("explain execute {name} (4096)");
            let plan: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut service).await.unwrap();
            let scans: Vec<_> =
                plan.iter().filter(|line| line.contains(" on audit_logs_")).collect();
            assert!(!scans.is_empty(), "{plan:#?}");
            for scan in scans {
                assert!(scan.contains("_xact_id on audit_logs_"), "{plan:#?}");
            }
        }
    }
}
