//! The exchange of the plain table for a partitioned one, within a transaction that has its lock.

use sqlx::PgConnection;

use crate::partitions::bound::Bound;
use crate::partitions::create::{self, run};
use crate::partitions::definition::Definition;
use crate::partitions::moving::Move;
use crate::partitions::{name, properties};

/// The statements of an exchange, read from the catalog before the lock is taken.
#[derive(Debug)]
pub(super) struct Exchange {
    definition: Definition,
    properties: Vec<String>,
    lower: Bound,
}

impl Exchange {
    /// Reads the definition of the plain table. No other transaction can change it until the end of this one.
    pub(super) async fn read(db: &mut PgConnection, lower: Bound) -> Result<Self, sqlx::Error> {
        let lock = format!("lock table {} in access share mode", name::table(name::LOG));
        run(db, [lock]).await?;
        let definition = Definition::read(db, name::LOG).await?;
        let properties = properties::statements(db, name::REST).await?;
        Ok(Self { definition, properties, lower })
    }

    /// Makes the plain table the default partition of a new partitioned table, with `audit_logs_hot` as the
    /// partition from the bound on. The records of the plain table with ids in that range are moved there.
    ///
    /// The partitioned table has the columns, checks, indexes, triggers and other properties of the plain
    /// one. Returns false if a record was changed since it was copied, see [`Move::finish`].
    ///
    /// `validity` of the lasting check of the default partition: empty, or `not valid`.
    pub(super) async fn execute(
        self,
        db: &mut PgConnection,
        validity: &str,
    ) -> Result<bool, sqlx::Error> {
        run(db, rename_to_rest(&self.definition)).await?;
        if !strays(name::REST, self.lower).finish(db).await? {
            return Ok(false);
        }
        let mut script = vec![rest_check(self.lower, validity)];
        script.extend(parent(&self.definition));
        script.extend(attach(self.lower));
        for trigger in &self.definition.triggers {
            script.extend(self.definition.create_trigger(trigger, name::LOG));
        }
        script.extend(self.definition.guard(name::REST));
        script.extend(self.properties);
        script.push(properties::revoke(name::REST));
        run(db, script).await?;
        Ok(true)
    }
}

/// The records of `source`, the plain table or the default partition, with ids in the range of the hot
/// partition.
pub(super) fn strays(source: &str, lower: Bound) -> Move<'_> {
    Move { source, target: name::HOT, lower: lower.id(), upper: Bound::HORIZON.id() }
}

/// The default partition is attached with a constraint that excludes the range of the hot one, so that it is
/// not scanned.
fn attach(lower: Bound) -> [String; 2] {
    let [log, hot, rest] = [name::LOG, name::HOT, name::REST].map(name::table);
    let (from, to) = (lower.id(), Bound::HORIZON.id());
    [
        format!("alter table {log} attach partition {hot} for values from ('{from}') to ('{to}')"),
        format!("alter table {log} attach partition {rest} default"),
    ]
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
/// Unless it is validated later, this scans the table.
fn rest_check(lower: Bound, validity: &str) -> String {
    let (table, check) = (name::table(name::REST), name::quoted(name::REST_IDS));
    let (from, to) = (lower.id(), Bound::HORIZON.id());
    format!(
        "alter table {table} add constraint {check} check (id < '{from}' or id >= '{to}') {validity}"
    )
}
