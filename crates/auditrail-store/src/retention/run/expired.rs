//! Which records have expired: the one place that decides it.

use auditrail_core::RecordTime;
use uuid::Uuid;

use super::context::Context;
use super::tables::Table;
use crate::sql::Sql;
use crate::value::PgTime;

/// A position in the order `(created_at, id)` of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) created_at: RecordTime,
    pub(super) id: Uuid,
}

impl Position {
    /// Before every record.
    pub(super) fn start() -> Self {
        Self { created_at: RecordTime::from_stored_micros(i64::MIN), id: Uuid::nil() }
    }
}

/// After every record.
pub(super) fn end() -> RecordTime {
    RecordTime::from_stored_micros(i64::MAX)
}

/// The rows of a table to look at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows<'a> {
    /// At most this many after a position, with a `created_at` before another.
    After { position: Position, upper: RecordTime, limit: u32 },
    /// Those with these ids.
    Listed(&'a [Uuid]),
}

/// The start of a statement: `chunk`, the rows to look at, and `expired`, those of them that have expired. A record
/// has expired when its most specific rule no longer keeps it, it is not held, and it was written before the run
/// started and has its position in the log's order.
///
/// `$1` is the time from which ages are counted; `$2` to `$4` are the snapshots and the ended transaction of the
/// context.
pub(super) fn with_expired(context: &Context, table: &Table, rows: Rows<'_>) -> Sql {
    let mut sql = Sql::new(CHUNK)
        .bind(PgTime(context.kept_at))
        .bind(context.snapshot.as_str())
        .bind_optional(context.sequenced.as_deref())
        .bind(context.ended.as_str());
    sql.push(&table.sql());
    match rows {
        Rows::After { position: Position { created_at, id }, upper, limit } => {
            sql.push(" where created_at >= ").push_bind(PgTime(created_at));
            sql.push(" and created_at < ").push_bind(PgTime(upper));
            sql.push(" and (created_at, id) > (").push_bind(PgTime(created_at));
            sql.push(", ").push_bind(id);
            sql.push(") order by created_at, id limit ").push_bind(i64::from(limit));
        }
        Rows::Listed(ids) => {
            sql.push(" where id = any(").push_bind_array(ids.iter()).push(")");
        }
    }
    sql.push(EXPIRED);
    sql
}

const CHUNK: &str = "
    with chunk as materialized (
        select id, tenant_id, action, created_at,
               created_at > '0001-01-01 00:00:00+00'
               and (pg_visible_in_snapshot(xact_id, $2::pg_snapshot)
                    and coalesce(pg_visible_in_snapshot(xact_id, $3::pg_snapshot), true)
                    or age(xmin) > age($4::xid))
               and not control_plane.audit_log_is_held(
                       id, actor_type, actor_id, action, target_type, target_id, tenant_id,
                       request_id, ip_address, created_at) as is_free
          from ";

/// The comparison with `coalesce` lets the server hash both columns: by the action alone it compares each record with
/// every tenant that has this action, which took four fifths of a run.
const EXPIRED: &str = "),
    kinds as materialized (
        select tenant_id, action,
               control_plane.audit_log_kept_since(tenant_id, action, $1) as kept_since
          from (select distinct tenant_id, action from chunk) kind),
    expired as materialized (
        select chunk.id, chunk.tenant_id, chunk.action, chunk.created_at
          from chunk
          join kinds on kinds.action = chunk.action
                    and coalesce(kinds.tenant_id, '') = coalesce(chunk.tenant_id, '')
                    and kinds.tenant_id is not distinct from chunk.tenant_id
         where chunk.is_free and chunk.created_at < kinds.kept_since)";
