//! A check that proves to PostgreSQL what this program has verified itself, and that refuses no write.
//!
//! When a default partition is attached, PostgreSQL scans it for ids in the ranges of the other partitions,
//! unless a valid CHECK excludes these. A usual check has to be there, and is enforced, from before its
//! validation until the exchange; and should this program end in between, it would refuse writes for ever.
//!
//! This check has a third alternative, a function that returns true in all sessions but this one. Writers can
//! insert any id. PostgreSQL evaluates the function, which is declared immutable, when it looks for a proof:
//! in this session it is false, and what remains of the check is the proof. That no id is in the range is
//! verified under the exclusive lock by a look into the primary key. Afterwards a usual check replaces this
//! one; by then new ids of the range are routed to their partition.

use sqlx::PgConnection;

use crate::partitions::bound::Bound;
use crate::partitions::create::run;
use crate::partitions::name;

const FUNCTION: &str = "control_plane.audit_log_adoption_is_lenient()";

/// Adds the check, not validated, in place of an earlier one.
pub(super) async fn add(db: &mut PgConnection, lower: Bound) -> Result<(), sqlx::Error> {
    let (log, check) = (name::table(name::LOG), name::quoted(name::ADOPTION));
    let (from, to) = (lower.id(), Bound::HORIZON.id());
    run(
        db,
        [
            format!(
                "create or replace function {FUNCTION} returns boolean
                     language plpgsql immutable set search_path = ''
                 as $lenient$
                 begin
                     return pg_catalog.current_setting('auditrail.adoption', true)
                         is distinct from 'on';
                 end
                 $lenient$"
            ),
            format!("grant execute on function {FUNCTION} to public"),
            format!("alter table {log} drop constraint if exists {check}"),
            format!(
                "alter table {log} add constraint {check}
                     check (id < '{from}' or id >= '{to}' or {FUNCTION}) not valid"
            ),
        ],
    )
    .await
}

/// Marks it as valid. This scans the table, and blocks neither reads nor writes.
pub(super) async fn validate(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let (log, check) = (name::table(name::LOG), name::quoted(name::ADOPTION));
    run(db, [format!("alter table {log} validate constraint {check}")]).await
}

/// Makes it a proof for the rest of the transaction.
pub(super) async fn trust(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    run(db, ["set local auditrail.adoption = 'on'".to_owned()]).await
}

/// Drops it from the default partition, with its function.
pub(super) async fn drop(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let (rest, check) = (name::table(name::REST), name::quoted(name::ADOPTION));
    run(
        db,
        [
            format!("alter table {rest} drop constraint if exists {check}"),
            format!("drop function if exists {FUNCTION}"),
        ],
    )
    .await
}
