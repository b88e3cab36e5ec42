//! The exchange of the plain table for a partitioned one, within a transaction that has its lock.

use sqlx::PgConnection;

use crate::partitions::bound::Bound;
use crate::partitions::create::{self, run};
use crate::partitions::definition::Definition;
use crate::partitions::{name, properties};

/// Makes the plain table the default partition of a new partitioned table, with an empty hot partition from
/// `lower` on. Records of the plain table with ids in that range must have been moved by then, see
/// [`move_strays`].
///
/// The partitioned table has the columns, checks, indexes, triggers and other properties of the plain one.
pub(super) async fn to_partitioned(
    db: &mut PgConnection,
    definition: &Definition,
    lower: Bound,
) -> Result<(), sqlx::Error> {
    let properties = properties::statements(db, name::REST).await?;
    let log = name::table(name::LOG);
    run(db, rename_to_rest(definition)).await?;
    run(db, parent(definition)).await?;
    let [hot, rest] = [name::HOT, name::REST].map(name::table);
    let (from, to) = (lower.id(), Bound::HORIZON.id());
    run(
        db,
        [
            format!(
                "alter table {log} attach partition {hot} for values from ('{from}') to ('{to}')"
            ),
            format!("alter table {log} attach partition {rest} default"),
        ],
    )
    .await?;
    for trigger in &definition.triggers {
        run(db, definition.create_trigger(trigger, name::LOG)).await?;
    }
    run(db, definition.guard(name::REST)).await?;
    run(db, properties).await?;
    run(db, [properties::revoke(name::REST)]).await
}

/// Renames the plain table, its indexes and its primary key, and replaces what would keep it from being
/// attached: triggers, which the partitioned table has from now on, and checks that are not inheritable.
fn rename_to_rest(definition: &Definition) -> Vec<String> {
    let rest = name::table(name::REST);
    let mut all = vec![format!(
        "alter table {} rename to {}",
        name::table(name::LOG),
        name::quoted(name::REST)
    )];
    for index in &definition.indexes {
        // The index of a constraint takes the constraint with it.
        all.push(format!(
            "alter index {} rename to {}",
            name::table(&index.name),
            name::quoted(&name::in_partition(&index.name, name::REST))
        ));
    }
    for trigger in &definition.triggers {
        all.push(format!("drop trigger {} on {rest}", name::quoted(&trigger.name)));
    }
    for check in definition.checks.iter().filter(|check| !check.is_inheritable) {
        all.push(format!("alter table {rest} drop constraint {}", name::quoted(&check.name)));
        all.push(check.add(name::REST));
    }
    all
}

/// Creates the partitioned table with its checks and indexes.
fn parent(definition: &Definition) -> Vec<String> {
    let mut all = vec![format!(
        "create table {} (like {} including all excluding indexes excluding constraints) \
         partition by range (id)",
        name::table(name::LOG),
        name::table(name::REST)
    )];
    all.extend(definition.checks.iter().map(|check| check.add(name::LOG)));
    all.extend(definition.indexes.iter().map(|index| index.create(&index.name, name::LOG)));
    all
}

/// Creates the hot partition, like the plain table.
pub(super) async fn create_hot(
    db: &mut PgConnection,
    definition: &Definition,
) -> Result<(), sqlx::Error> {
    run(db, create::table(name::HOT, definition)).await?;
    run(db, create::indexes(name::HOT, definition)).await
}

/// Adds the constraint which proves that no record of the default partition is in the range of another one.
pub(super) async fn add_rest_check(
    db: &mut PgConnection,
    table: &str,
    lower: Bound,
) -> Result<(), sqlx::Error> {
    let (table, check) = (name::table(table), name::quoted(name::REST_IDS));
    let (from, to) = (lower.id(), Bound::HORIZON.id());
    let sql =
        format!("alter table {table} add constraint {check} check (id < '{from}' or id >= '{to}')");
    run(db, [sql]).await
}

/// Moves the records of the plain table with ids in the range of the hot partition there. Returns their
/// number.
pub(super) async fn move_strays(db: &mut PgConnection, lower: Bound) -> Result<u64, sqlx::Error> {
    run(db, ["set local auditrail.maintenance = 'retention'".to_owned()]).await?;
    let moved = sqlx::query(
        "with strays as (
             delete from control_plane.audit_logs where id >= $1 and id < $2 returning *)
         insert into control_plane.audit_logs_hot select * from strays",
    )
    .bind(lower.id())
    .bind(Bound::HORIZON.id())
    .execute(&mut *db)
    .await?;
    run(db, ["set local auditrail.maintenance = ''".to_owned()]).await?;
    Ok(moved.rows_affected())
}
